"""Files like those of the corpus of digits: bars for images, tones for voices."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import soundfile

RATE = 8_000


def tone(digit: int, index: int) -> np.ndarray:
    """A sound of its own for each digit: two tones one after the other, and a little noise."""
    time = np.arange(RATE // 4) / RATE
    rng = np.random.default_rng([digit, index])
    parts = [np.sin(2 * np.pi * hz * time) for hz in (300 + 250 * digit, 3_000 - 200 * digit)]
    return (0.5 * np.concatenate(parts) + 0.01 * rng.standard_normal(2 * len(time))).astype(np.float32)


def write_idx(path: Path, array: np.ndarray, kind: str) -> None:
    head = np.array([{"images": 2051, "labels": 2049}[kind], *array.shape], dtype=">i4")
    data = head.tobytes() + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def make_digits(folder: Path) -> None:
    """200 images of bars and 140 recordings of tones by two speakers, laid out as the corpus wants them."""
    (folder / "recordings").mkdir(parents=True)
    labels = np.arange(200) % 10
    images = np.zeros((200, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label : 2 * label + 4] = 255
    write_idx(folder / "t10k-images-idx3-ubyte.gz", images, "images")
    write_idx(folder / "t10k-labels-idx1-ubyte", labels, "labels")
    for digit in range(10):
        for speaker in ("jackson", "theo"):
            for index in range(7):
                path = folder / "recordings" / f"{digit}_{speaker}_{index}.wav"
                soundfile.write(path, tone(digit, index), RATE)
