"""What speech and transcripts miss: words of B's sentences, by how common a word is and by the kind of its
sentence; and content of images, by what goes wrong in saying it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from skiplib.config import World
from skiplib.derived import world_of
from skiplib.errors import DataError
from skiplib.grammar import content_words
from skiplib.judge import normalise
from skiplib.lexicon import INTRANSITIVE, TIMES, TRANSITIVE, vocabularies
from skiplib.metrics import missed_words
from skiplib.records import Record
from skiplib.scores import ItemScores, bootstrap, stratified_bootstrap
from skiplib.sentences import sentences

FREQUENCIES = (0, 1, 30, 100, 300, 1_000, 3_000)  # where ranges of a word's count begin
TASKS = ("s2t", "t2s")
WAYS = (
    "says it as written",
    "writes a word that B lacks",
    "begins otherwise",
    "says more",
    "says another or fewer",
)


def by_frequency(
    references: Sequence[str], hypotheses: Sequence[str], training: Iterable[str]
) -> pd.DataFrame:
    """The share of the references' words that were substituted or left out, by how often a word occurs in the
    `training` texts: a row for each range of `FREQUENCIES` that has any, with its different words, its
    tokens, and their share missed with its 95% interval over the references.

    Raises `DataError` as `metrics.missed_words` does.
    """
    counts = Counter(word for text in training for word in normalise(text).split())
    frame = missed_words(references, hypotheses)
    labels = [f"{low:,} to {high - 1:,}" for low, high in pairwise(FREQUENCIES)]
    labels.append(f"{FREQUENCIES[-1]:,} or more")
    place = np.searchsorted(FREQUENCIES, [counts[word] for word in frame["word"]], side="right") - 1
    rows = []
    for i, group in frame.groupby(place):
        scores = _by_item(group)
        rows.append((labels[i], group["word"].nunique(), len(group), scores.value, *bootstrap(scores)))
    columns = ["times in training", "words", "tokens", "missed", "low", "high"]
    return pd.DataFrame(rows, columns=columns).set_index("times in training")


def kind(sentence: str) -> str:
    """What a sentence of SkipWorld's B tells, by its verb and its last word."""
    words = sentence.split()
    if words[-1] in TIMES:
        return "what someone does at a time"
    if set(words) & set(TRANSITIVE):
        return "what someone does to something"
    if set(words) & set(INTRANSITIVE):
        return "what someone does somewhere"
    return "where things are, without a verb"


def by_kind(runs: Sequence[Record]) -> pd.DataFrame:
    """The share of the words of SkipWorld's test sentences that each task misses, by `kind`: a row each, with
    its share of the training sentences and of the test's, and mean and 95% interval over runs and items.

    Raises `DataError` if there is no run, or one of another corpus or world.
    """
    world = _world(runs)
    test = sentences(world, "test", world.test_sentences)
    training = Counter(map(kind, sentences(world, "train", world.train_sentences)))
    frame = pd.DataFrame({"training": pd.Series(training) / training.total()})
    kinds = np.array([kind(text) for text in test])
    frame["test"] = pd.Series(kinds).value_counts(normalize=True)
    for task in TASKS:
        told = [run.outputs[task] for run in runs if task in run.outputs]
        missed = [missed_words(test[: len(texts)], texts) for texts in told]
        for name in frame.index[frame["test"] > 0] if missed else ():
            parts = [_by_item(rows[kinds[rows["item"]] == name]) for rows in missed]
            cells = [np.mean([part.value for part in parts]), *stratified_bootstrap(parts)]
            frame.loc[name, [task, f"{task} low", f"{task} high"]] = cells
    return frame.rename_axis("sentences that tell")


def way(written: str, heard: str, known: set[str]) -> str:
    """How what is heard of an image departs from the same model's own text of it, the first of `WAYS` that is
    true: it does not; the text has a word that is not in `known`, the words that B has, so that no speech can
    say it; the first word heard is another one; more content words are heard than written; or something else.
    """
    wrote, said = normalise(written).split(), normalise(heard).split()
    if wrote == said:
        return WAYS[0]
    if not known.issuperset(wrote):
        return WAYS[1]
    if wrote[:1] != said[:1]:
        return WAYS[2]
    return WAYS[3 if len(content_words(heard)) > len(content_words(written)) else 4]


def by_loss(runs: Sequence[Record]) -> pd.DataFrame:
    """What SkipWorld's images lose in saying, 1 - `i2s_content_accuracy`, as a sum over `WAYS`: a row each,
    with the share of the scenes where that happens, what it costs with its 95% interval over runs and items,
    and by seed. What is lost because the text is wrong already counts where its speech belongs. Empty where
    no run writes and speaks.

    Raises `DataError` if there is no run, or one of another corpus or world.
    """
    known = set(vocabularies(_world(runs)).b)
    runs = [r for r in runs if {"i2t", "i2s"} <= r.outputs.keys()]
    kinds = [
        np.array([way(*texts, known) for texts in zip(r.outputs["i2t"], r.outputs["i2s"], strict=True)])
        for r in runs
    ]
    found = [r.scores("i2s_content_accuracy") for r in runs]
    rows = {}
    for name in WAYS if runs else ():
        masks = [kind == name for kind in kinds]
        parts = [
            ItemScores((scores.denominator - scores.numerator) * mask, scores.denominator)
            for scores, mask in zip(found, masks, strict=True)
        ]
        costs = [part.value for part in parts]
        low, high = stratified_bootstrap(parts)
        rows[name] = {"scenes": np.mean(masks), "lost": np.mean(costs), "low": low, "high": high}
        rows[name] |= {f"seed {r.seed}": cost for r, cost in zip(runs, costs, strict=True)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("the speech of an image")


def by_length(record: Record, metric: str, width: int = 4) -> pd.DataFrame:
    """An error rate by the words of the reference, `width` lengths a row: how many items, rate and interval.

    Empty where the record has no such metric, or not item by item.
    """
    scores, rows = record.scores(metric), []
    if isinstance(scores, ItemScores):
        scores = scores.take(np.flatnonzero(scores.denominator))  # of words there are none without a length
        group = (scores.denominator.astype(int) - 1) // width
        for place in np.unique(group):
            part = ItemScores(scores.numerator[group == place], scores.denominator[group == place])
            label = f"{place * width + 1}-{(place + 1) * width}"
            rows.append([metric, label, len(part), part.value, *bootstrap(part)])
    return pd.DataFrame(rows, columns=["metric", "words", "items", "rate", "low", "high"])


def _world(runs: Sequence[Record]) -> World:
    worlds = {world_of(run) if run.corpus == "skipworld" else None for run in runs}
    if len(worlds) != 1 or None in worlds:
        raise DataError("losses are told apart in runs of one SkipWorld")
    return worlds.pop()


def _by_item(rows: pd.DataFrame) -> ItemScores:
    of_item = rows.groupby("item")["missed"].agg(["sum", "size"])
    return ItemScores(of_item["sum"].to_numpy(float), of_item["size"].to_numpy(float))
