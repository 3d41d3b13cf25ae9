"""Downloads of corpora whose files may be fetched: `python -m skiplib.fetch digits`, or `make fetch`.

A file appears whole and with the right checksum, or not at all; what is there already is not fetched again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

import pooch
import soundfile
from torchvision.datasets import MNIST

from skiplib.config import SOURCES_DIR
from skiplib.errors import ConfigError, DataError, SkiplibError

MIRRORS = tuple(MNIST.mirrors)
MNIST_FILES = dict(MNIST.resources)  # name -> md5
FSDD = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.tar.gz"
# Of names and samples, as `recordings_digest` has it: GitHub packs archives anew and promises no bytes.
FSDD_SHA256 = "c508ca40e62214f8ea81451ff705df6e9a68265da606e26d5455a6a8d1e5bf81"


def fetch(corpus: str, folder: Path = SOURCES_DIR) -> Path:
    """The files of a corpus under `folder`, downloaded where they are missing.

    Raises `ConfigError` if the corpus is not one to download, `DataError` if no address gives a file with
    the right content.
    """
    if corpus != "digits":
        raise ConfigError(f"{corpus!r} has no download; there are: digits")
    pooch.get_logger().setLevel(logging.WARNING)  # its hints are for those who write code with it
    place = folder / corpus
    place.mkdir(parents=True, exist_ok=True)
    for name, md5 in MNIST_FILES.items():
        _file(place, name, md5)
    if not (place / "recordings").exists():
        _recordings(place)
    return place


def _file(place: Path, name: str, md5: str) -> None:
    """One file of MNIST, from the first mirror that has it."""
    failures = []
    for mirror in MIRRORS:
        try:
            pooch.retrieve(mirror + name, f"md5:{md5}", name, place, progressbar=True)
            return
        except (OSError, ValueError) as error:  # no answer, or another checksum
            failures.append(f"{mirror}{name}: {error}")
    raise DataError(f"{name} cannot be downloaded into {place} ({'; '.join(failures)}): put it there")


def _recordings(place: Path) -> None:
    """The recordings of the Free Spoken Digit Dataset, unpacked beside their place, checked and moved."""
    with tempfile.TemporaryDirectory(dir=place, prefix=".fsdd-") as temporary:
        try:
            archive = pooch.retrieve(FSDD, None, "fsdd.tar.gz", temporary, progressbar=True)
            with tarfile.open(archive) as packed:
                packed.extractall(temporary, filter="data")
        except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
            raise DataError(
                f"the recordings cannot be downloaded into {place} ({FSDD}: {error}): put them there"
            ) from error
        found = next(Path(temporary).glob("*/recordings"), Path(temporary))
        digest = recordings_digest(found)
        if digest != FSDD_SHA256:
            raise DataError(f"the recordings of {FSDD} have SHA-256 {digest}, not {FSDD_SHA256}")
        os.replace(found, place / "recordings")


def recordings_digest(folder: Path) -> str:
    """SHA-256 over the names and 16-bit samples of all recordings, whatever the format that they are in."""
    digest = hashlib.sha256()
    paths = [path for path in folder.glob("*.*") if path.suffix in (".wav", ".flac")]
    for path in sorted(paths, key=lambda path: path.stem):
        digest.update(path.stem.encode())
        digest.update(soundfile.read(path, dtype="int16")[0].tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        for asked in sys.argv[1:] or ["digits"]:
            sys.stdout.write(f"{fetch(asked)}\n")
    except SkiplibError as error:
        sys.exit(f"{type(error).__name__}: {error}")
