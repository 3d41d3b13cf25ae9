"""Handwritten digits with their names as A, spoken digits of one voice as B: both real, in minutes.

The files lie in `config.SOURCES_DIR / "digits"` (`skiplib.fetch` downloads them), as their makers publish
them:

- MNIST (LeCun, Cortes and Burges; usually given as CC BY-SA 3.0): `t10k-images-idx3-ubyte` and
  `t10k-labels-idx1-ubyte`, and `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` where they are at
  hand, each as it is or with `.gz`. Without the last two the first 9,000 of the 10,000 images serve for
  training and the rest for the test. The test images come in two halves: by the first a configuration is
  chosen, on the second it is reported (DECISIONS.md 42).
- Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0): `recordings/{digit}_{speaker}_{index}.wav`, or
  `.flac`; indices 0 to 4 are the test, as its makers have it. 3,000 recordings of six speakers at 8 kHz.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np

from skiplib.corpora import ImageTextItem, TextSpeechItem, checked
from skiplib.errors import DataError
from skiplib.media import recording

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRAINING = 9_000  # of MNIST's 10,000 test images, where its training images are missing
TEST_RECORDINGS = 5  # of each digit and speaker, those with the lowest indices
MAGIC = {"images": 2051, "labels": 2049}  # what an IDX file of bytes begins with


class Digits:
    """Both corpora from a folder; B is one `speaker`, or all where it is empty, and the test images are half
    `test_draw` of them, 0 or 1."""

    def __init__(self, folder: Path, speaker: str = "jackson", test_draw: int = 1) -> None:
        self.folder, self.speaker, self.test_draw = folder, speaker, test_draw

    def image_text_count(self, split: str) -> int:
        """How many images `split` has."""
        return len(self._split(split)[1])

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """The images of `split`, 28 pixels a side, each with its digit's name; the digit in `facts`."""
        for index, (pixels, digit) in enumerate(zip(*self._split(split), strict=True)):
            image = partial(np.array, pixels)
            yield ImageTextItem(f"a-{split}-{index:05d}", (WORDS[digit],), image, {"digit": int(digit)})

    def text_speech_count(self, split: str) -> int:
        """How many recordings `split` has."""
        return len(self._recordings(split))

    def text_speech(self, split: str) -> Iterator[TextSpeechItem]:
        """The recordings of `split` with their words."""
        for path in self._recordings(split):
            yield TextSpeechItem(path.stem, WORDS[int(path.stem[0])], partial(recording, path), path)

    def spoken_captions(self, n: int) -> Iterator[TextSpeechItem]:
        """For each of the first `n` test images a test recording of its digit; for evaluation only."""
        said: dict[str, list[TextSpeechItem]] = {word: [] for word in WORDS}
        for spoken in self.text_speech("test"):
            said[spoken.text].append(spoken)
        for index, item in enumerate(islice(self.image_text("test"), n)):
            text = item.captions[0]
            yield TextSpeechItem(item.id, text, said[text][index % len(said[text])].waveform)

    def fingerprint(self) -> str:
        """Tells one state of the files from another: their names and sizes."""
        paths = [*self._recordings("train"), *self._recordings("test"), *self._idx_paths().values()]
        listed = sorted(f"{path.name} {path.stat().st_size}" for path in paths)
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()

    def _recordings(self, split: str) -> list[Path]:
        checked(split)
        found = {}
        for path in sorted((self.folder / "recordings").glob("*.*")):
            digit, speaker, index = (*path.stem.split("_"), "", "")[:3]
            named = path.suffix in (".wav", ".flac") and digit in set("0123456789") and index.isdigit()
            if named and self.speaker in ("", speaker):
                found[path] = int(index) < TEST_RECORDINGS
        chosen = [path for path, test in found.items() if test == (split == "test")]
        if {path.stem[0] for path in chosen} != set("0123456789"):
            raise DataError(
                f"{self.folder / 'recordings'} lacks {split} recordings of some digits by "
                f"{self.speaker or 'anyone'}: run `make fetch CORPUS=digits`, or put those of the Free "
                "Spoken Digit Dataset there (https://github.com/Jakobovski/free-spoken-digit-dataset)"
            )
        return chosen

    def _idx_paths(self) -> dict[tuple[str, str], Path]:
        """The IDX files that there are, by set and kind."""
        found = {}
        for part in ("train", "t10k"):
            for kind, dimensions in (("images", 3), ("labels", 1)):
                name = f"{part}-{kind}-idx{dimensions}-ubyte"
                for path in (self.folder / name, self.folder / f"{name}.gz"):
                    if path.is_file():
                        found[part, kind] = path
        for kind in ("images", "labels"):
            if ("t10k", kind) not in found:
                raise DataError(
                    f"{self.folder} lacks the {kind} of MNIST's test set: run `make fetch CORPUS=digits`, or "
                    "put t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz there"
                )
        return found

    @cached_property
    def _images(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        paths = self._idx_paths()
        parts = {}
        for part in {part for part, _ in paths}:
            if (part, "images") in paths and (part, "labels") in paths:
                images, labels = (idx(paths[part, kind], kind) for kind in ("images", "labels"))
                if len(images) != len(labels) or labels.max(initial=0) > 9:
                    raise DataError(f"{paths[part, 'labels']} does not fit {paths[part, 'images']}")
                parts[part] = images, labels
        images, labels = parts["t10k"]
        cut = 0 if "train" in parts else len(images) * TRAINING // 10_000
        half = cut + (len(images) - cut) // 2
        kept = slice(half, None) if self.test_draw else slice(cut, half)
        train = parts.get("train", (images[:cut], labels[:cut]))
        return {"train": train, "test": (images[kept], labels[kept])}

    def _split(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        return self._images[checked(split)]


def idx(path: Path, kind: str) -> np.ndarray:
    """An IDX file of bytes, `images` as uint8 [n, height, width] or `labels` as uint8 [n].

    Raises `DataError`, naming the file, if it is cut short or is something else.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        dimensions = 3 if kind == "images" else 1
        magic, *shape = np.frombuffer(data, ">i4", 1 + dimensions).tolist()
        if magic != MAGIC[kind]:
            raise ValueError(f"it begins with {magic}, not {MAGIC[kind]}")
        return np.frombuffer(data, np.uint8, offset=4 * (1 + dimensions)).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} is not an IDX file of {kind}, or was cut short: {error}") from error
