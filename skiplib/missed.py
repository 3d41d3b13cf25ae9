"""Which words of B's sentences are missed: by how common a word is, and by the kind of its sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from skiplib.derived import world_of
from skiplib.errors import DataError
from skiplib.judge import normalise
from skiplib.lexicon import INTRANSITIVE, TIMES, TRANSITIVE
from skiplib.metrics import missed_words
from skiplib.records import Record
from skiplib.scores import ItemScores, bootstrap, stratified_bootstrap
from skiplib.sentences import sentences

FREQUENCIES = (0, 1, 30, 100, 300, 1_000, 3_000)  # where ranges of a word's count begin
TASKS = ("s2t", "t2s")


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
    worlds = {world_of(run) if run.corpus == "skipworld" else None for run in runs}
    if len(worlds) != 1 or None in worlds:
        raise DataError("kinds of sentences are told apart in runs of one SkipWorld")
    (world,) = worlds
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


def _by_item(rows: pd.DataFrame) -> ItemScores:
    of_item = rows.groupby("item")["missed"].agg(["sum", "size"])
    return ItemScores(of_item["sum"].to_numpy(float), of_item["size"].to_numpy(float))
