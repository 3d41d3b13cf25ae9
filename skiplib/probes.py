"""What a code tells, and whether two codes of one pair meet: a fresh classifier, and retrieval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.functional import cross_entropy

from skiplib.bottleneck import MODALITIES
from skiplib.errors import DataError
from skiplib.scores import ItemScores

HIDDEN = 128
BATCH = 128
STEPS = 600  # of the probe
RATE = 0.002
RIDGE = 10.0  # of the linear probe
TINY = 1e-8

Codes = Float[np.ndarray, "n d"]


def modality_probe(
    z_train: Codes,
    y_train: Int[np.ndarray, " n"],
    z_test: Float[np.ndarray, "m d"],
    y_test: Int[np.ndarray, " m"],
) -> ItemScores:
    """Accuracy on test codes of a fresh two-layer classifier of modalities; a third is chance where the codes
    of all of them mean the same things.

    The training's own classifier may have been fooled by z, or have lagged behind; a fresh one tells
    what is left to find. Codes are standardised by the training set.

    Raises `DataError` if codes are not finite, or there are none.
    """
    train, test = (torch.from_numpy(z).float() for z in _standardised(z_train, z_test))
    targets = torch.from_numpy(y_train).long()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        probe = nn.Sequential(
            nn.Linear(train.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(MODALITIES))
        )
    rng = np.random.default_rng(0)
    optimiser = torch.optim.AdamW(probe.parameters(), RATE, weight_decay=0.01)
    for _ in range(STEPS):
        rows = rng.integers(len(train), size=min(BATCH, len(train)))
        loss = cross_entropy(probe(train[rows]), targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        right = probe(test).argmax(dim=1).numpy() == y_test
    return ItemScores(right.astype(np.float64), np.ones(len(right)))


def linear_probe(
    train: Codes,
    labels: Int[np.ndarray, " n"],
    test: Float[np.ndarray, "m d"],
    expected: Int[np.ndarray, " m"],
) -> ItemScores:
    """Accuracy on test codes of a linear reading (ridge regression onto the classes) of an attribute.

    What it finds in e and not in u was lost in T and M; what it finds in u and a decoder does not say,
    the decoder has not learned to read. Codes are standardised by the training set.

    Raises `DataError` if codes are not finite, or there are none.
    """
    x, y = _standardised(train, test)
    right = RidgeClassifier(RIDGE).fit(x, labels).predict(y) == expected
    return ItemScores(right.astype(np.float64), np.ones(len(right)))


def centred_cosine(first: Codes, second: Codes) -> Float[np.ndarray, " n"]:
    """Cosine of each pair of rows, each side centred on its own mean, as modalities sit apart.

    Raises `DataError` if the two do not have the same shape.
    """
    a, b = _units(first, second)
    return (a * b).sum(axis=1)


def retrieval_r1(
    queries: Codes, keys: Codes, pool: int = 100, texts: Sequence[str] | None = None
) -> ItemScores:
    """Whether a query's own key is strictly the nearest by mean-centred cosine among `pool` candidates.

    The other candidates are drawn from the keys of different `texts` (of the other rows if None), all
    of them where they are fewer; chance is 1 / pool. Strictly: where codes collapse, none is found.

    Raises `DataError` if shapes differ, or a query has no other candidate.
    """
    a, b = _units(queries, keys)
    names = np.arange(len(b)) if texts is None else np.unique(list(texts), return_inverse=True)[1]
    if len(names) != len(b):
        raise DataError(f"{len(names)} texts for {len(b)} keys: they go in pairs")
    similarity = a @ b.T  # [n, n]
    rng = np.random.default_rng(0)
    found = np.zeros(len(a))
    for i, row in enumerate(similarity):
        # one of each other text, in random order: the candidates are all different
        order = rng.permutation(len(b))
        others = order[np.unique(names[order], return_index=True)[1]]
        others = rng.permutation(others[names[others] != names[i]])[: pool - 1]
        if not len(others):
            raise DataError("retrieval needs candidates: two different texts or more, and a pool of two")
        found[i] = row[i] > row[others].max() + TINY
    return ItemScores(found, np.ones(len(a)))


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes by the training set's mean and spread."""
    if not len(train) or not len(test) or not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise DataError("a probe needs finite codes, for training and for the test")
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def _units(first: Codes, second: Codes) -> tuple[np.ndarray, np.ndarray]:
    if first.shape != second.shape or not len(first):
        raise DataError(f"codes come in pairs, not {first.shape} and {second.shape}")
    sides = []
    for side in (first, second):
        centred = side.astype(np.float64) - side.mean(axis=0, dtype=np.float64)
        sides.append(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + TINY))
    return sides[0], sides[1]
