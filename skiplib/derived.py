"""What follows from a record's scores and transcripts without running anything again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice

import numpy as np
from scipy import stats

from skiplib import metrics
from skiplib.config import World
from skiplib.corpora import ImageTextItem
from skiplib.corpora.skipworld import SkipWorld
from skiplib.grammar import parse, scene_facts
from skiplib.judge import normalise
from skiplib.records import Metric, Record, measured
from skiplib.scenes import Scene
from skiplib.scores import ItemScores, Scores

CHANCE = 0.001  # of a word that says nothing to count as telling; several dozen words are tried
SPEAKABLE = ("i2s_content_accuracy", "i2s_fact_f1", "i2s_wer", "i2s_i2t_agreement")


def chosen(found: Sequence[Record], scale: str = "demo", corpus: str = "skipworld") -> list[Record]:
    """The records of one corpus and scale, each system by its own defaults, with what follows from each."""
    return [derived(r) for r in found if (r.corpus, r.scale, r.overlay) == (corpus, scale, {})]


def derived(record: Record) -> Record:
    """`record` with further metrics, where it has what they come from:

    - `i2s_content_accuracy_speakable` and others of `SPEAKABLE`: the same over the scenes that B has all
      words for. B has no word for some concepts, and no speech can name them: what is lost there and what
      is lost elsewhere are two things.
    - `i2s_i2t_wer`: word error rate of what is heard of an image against the model's own text of it.
    - `i2s_content_accuracy_shuffled`, `i2s_i2t_agreement_shuffled`: what is heard of an image against the
      facts, and against the model's own text, of another. It is the system's own chance: whether it says
      little or much, and the same of all images.
    - `i2s_unique_words`, `i2s_unique_caption_words`: different words heard in all speech of images (section
      4.1), and how many of them tell something of an image: they are heard more often of images that have
      them in a caption than of others (Fisher's exact test, one-sided, `CHANCE`). Babble has many of the
      first, and sooner or later says each word of an image that has it.
    - `train_seconds_elsewhere` for `train_seconds` where the weights come from another machine, a GPU's most
      likely, than the one that measured: the bar is for two cores. It goes where the machine is the same and
      the training had one core, or was interrupted (`Provenance.timed`).
    """
    scores: dict[str, Scores] = {}
    counted = record.scores("i2s_zero_shot_accuracy")
    if isinstance(counted, ItemScores):
        rows = np.flatnonzero(counted.denominator == 0)
        known = {name: record.scores(name) for name in SPEAKABLE if len(rows)}
        scores |= {f"{name}_speakable": found.take(rows) for name, found in known.items() if found}
    heard, written = record.outputs.get("i2s"), record.outputs.get("i2t")
    if heard and written and any(normalise(text) for text in written):
        scores["i2s_i2t_wer"] = metrics.wer(written, heard)
    scenes = _test_items(world_of(record), len(heard)) if heard and record.corpus == "skipworld" else []
    if heard and scenes:
        scores |= _shuffled(scenes, heard, written)
    found, items = dict(record.metrics), dict(record.items)
    for name, score in scores.items():
        found[name], items[name] = measured(score)
    source = record.provenance
    if "train_seconds" in found:
        seconds = found.pop("train_seconds")
        if source.trained_on != source.machine:
            found["train_seconds_elsewhere"] = seconds
        elif source.timed:
            found["train_seconds"] = seconds
    if heard:
        words = metrics.different_words(heard)
        found["i2s_unique_words"] = Metric(value=len(words), n=1)
        if scenes:
            captions = [item.captions for item in scenes]
            found["i2s_unique_caption_words"] = Metric(value=len(_telling(captions, heard)), n=1)
    return record.model_copy(update={"metrics": found, "items": items})


def _shuffled(
    items: Sequence[ImageTextItem], heard: Sequence[str], written: Sequence[str] | None
) -> dict[str, Scores]:
    if len(items) < 2:
        return {}
    told = [parse(heard[i]) for i in metrics.derangement(len(items), seed=1)]
    truths = [scene_facts(Scene.from_json(item.facts["scene"])) for item in items]
    scores: dict[str, Scores] = {"i2s_content_accuracy_shuffled": metrics.content_accuracy(truths, told)}
    if written:
        texts = [parse(text) for text in written]
        scores["i2s_i2t_agreement_shuffled"] = metrics.agreement(texts, told)
    return scores


def _telling(captions: Sequence[Sequence[str]], heard: Sequence[str]) -> set[str]:
    """Words that are heard of images that have them in a caption more often than chance would have it."""
    said = [metrics.different_words([text]) for text in heard]
    has = [metrics.different_words(texts) for texts in captions]
    found = set()
    for word in set().union(*said) & set().union(*has):
        here, there = (np.array([word in words for words in sets]) for sets in (said, has))
        table = [
            [np.sum(here & there), np.sum(here & ~there)],
            [np.sum(~here & there), np.sum(~here & ~there)],
        ]
        if stats.fisher_exact(table, alternative="greater").pvalue < CHANCE:
            found.add(word)
    return found


@cache
def _test_items(world: World, n: int) -> list[ImageTextItem]:
    return list(islice(SkipWorld(world).image_text("test"), n))


def world_of(record: Record) -> World:
    """The world that a record's run lived in."""
    return World.model_validate(record.parameters["world"], strict=False)  # JSON has no tuples
