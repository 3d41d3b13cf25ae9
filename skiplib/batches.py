"""Batches of A and of B, seeded and addressed by the step: a resumed run sees what it would have seen."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from skiplib.config import Experiment
from skiplib.errors import ConfigError
from skiplib.objective import BatchA, BatchB, Texts
from skiplib.prepare import Prepared
from skiplib.text import encode_batch, words

WINDOW = 20  # batches among which rows are sorted by length, to pad little
# Lengths are rounded up to these: fewer shapes, and kernels are planned once for each shape.
CHARACTERS = 8
FRAMES = 40


class Batches:
    """`batches(step, device)` is the pair of batches of that step, whatever came before.

    Of each training set the first `optim.share` is used. Raises `ConfigError` if a batch is larger than that.
    """

    def __init__(self, prepared: Prepared, experiment: Experiment) -> None:
        self.a, self.b = prepared.a["train"], prepared.b["train"]
        self.size, self.seed = experiment.optim.batch, experiment.seed
        share = experiment.optim.share
        self.rows_a, self.rows_b = (round(share * len(s)) for s in (self.a.images, self.b.sentences))
        if self.size > min(self.rows_a, self.rows_b):
            raise ConfigError(
                f"optim.batch={self.size} is larger than a training set: {self.rows_a} pairs of A and "
                f"{self.rows_b} of B are used (optim.share={share})"
            )
        used = self.b.sentences[: self.rows_b]
        self.words = frozenset(word for sentence in used for word in words(sentence))
        self._characters = [
            np.array([len(c) for c in captions]) for captions in self.a.captions[: self.rows_a]
        ]
        self._plan_a = lru_cache(maxsize=2)(self._shuffle_a)
        self._plan_b = lru_cache(maxsize=2)(self._shuffle_b)

    def __call__(self, step: int, device: torch.device | str = "cpu") -> tuple[BatchA, BatchB]:
        epoch, place = divmod(step, self.rows_a // self.size)
        rows_a, picks = (plan[place] for plan in self._plan_a(epoch))
        epoch, place = divmod(step, self.rows_b // self.size)
        rows_b = self._plan_b(epoch)[place]
        return self._batch_a(rows_a, picks, device), self._batch_b(rows_b, device)

    def _shuffle_a(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of A by batch, and for each row a caption and another one."""
        random = np.random.default_rng([self.seed, 0, epoch])
        picks = np.stack([random.choice(len(c), 2, replace=len(c) < 2) for c in self._characters])
        longest = np.array([c[p].max() for c, p in zip(self._characters, picks, strict=True)])
        rows = self._in_windows(random, longest)
        return rows, picks[rows]

    def _shuffle_b(self, epoch: int) -> np.ndarray:
        return self._in_windows(np.random.default_rng([self.seed, 1, epoch]), self.b.lengths[: self.rows_b])

    def _in_windows(self, random: np.random.Generator, lengths: np.ndarray) -> np.ndarray:
        """All rows in batches of like length, in random order; a last, incomplete batch is left out."""
        order = random.permutation(len(lengths))
        order = order[: len(order) // self.size * self.size]
        windows = [order[i : i + WINDOW * self.size] for i in range(0, len(order), WINDOW * self.size)]
        ordered = np.concatenate([w[np.argsort(lengths[w], kind="stable")] for w in windows])
        return random.permutation(ordered.reshape(-1, self.size))

    def _batch_a(self, rows: np.ndarray, picks: np.ndarray, device: torch.device | str) -> BatchA:
        captions = [self.a.captions[row] for row in rows.tolist()]
        first, second = ([c[i] for c, i in zip(captions, column, strict=True)] for column in picks.T.tolist())
        image = torch.from_numpy(self.a.images[rows]).to(device).float() / 127.5 - 1
        seen = image if self.a.seen.ndim == 4 else torch.from_numpy(self.a.seen[rows]).to(device).float()
        return BatchA(image, seen, texts(first, device), texts(second, device))

    def _batch_b(self, rows: np.ndarray, device: torch.device | str) -> BatchB:
        mels = [torch.from_numpy(self.b.mel(row).astype(np.float32)) for row in rows.tolist()]
        padded = _round_up(torch.nn.utils.rnn.pad_sequence(mels, batch_first=True).mT, FRAMES).mT
        lengths = torch.tensor([len(mel) for mel in mels])
        sentences = [self.b.sentences[row] for row in rows.tolist()]
        return BatchB(texts(sentences, device), padded.to(device), lengths.to(device), self.words)


def texts(sentences: list[str], device: torch.device | str = "cpu") -> Texts:
    """A batch of sentences as the objective takes it."""
    ids, lengths = encode_batch(sentences)
    return Texts(_round_up(ids, CHARACTERS).to(device), lengths.to(device))


def _round_up(rows: Tensor, multiple: int) -> Tensor:
    return torch.nn.functional.pad(rows, (0, -rows.shape[-1] % multiple))  # 0 is padding, and silence


def batch_tensors(a: BatchA, b: BatchB) -> dict[str, Tensor]:
    """All that is in a batch, by name, as it can be kept in a file."""
    said = {"a.text": a.text, "a.paraphrase": a.paraphrase, "b.text": b.text}
    found = {"a.image": a.image, "a.seen": a.seen.clone(), "b.mel": b.mel, "b.lengths": b.lengths}
    found |= {f"{name}.ids": text.ids for name, text in said.items()}
    return found | {f"{name}.lengths": text.lengths for name, text in said.items()}
