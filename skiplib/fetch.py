"""Downloads of corpora whose files may be fetched: `python -m skiplib.fetch ljspeech`, or
`make fetch CORPUS=ljspeech`.

A file appears whole and with the right checksum, or not at all; what is there already is not fetched again,
and a large download that was interrupted goes on where it broke off.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pooch
import soundfile
from torchvision.datasets import MNIST
from tqdm import tqdm

from skiplib.config import SOURCES_DIR
from skiplib.errors import ConfigError, DataError, SkiplibError
from skiplib.files import alone

MIRRORS = tuple(MNIST.mirrors)
MNIST_FILES = dict(MNIST.resources)  # name -> md5
FSDD = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.tar.gz"
# Of names and samples, as `recordings_digest` has it: GitHub packs archives anew and promises no bytes.
FSDD_SHA256 = "c508ca40e62214f8ea81451ff705df6e9a68265da606e26d5455a6a8d1e5bf81"
PIECE = 1 << 20  # bytes read at once


@dataclass(frozen=True)
class Archive:
    """A packed file, its size in bytes, its checksum (as `pooch` writes it), and what is wanted of it: paths
    inside, to names in the folder of the corpus. Where all of `instead` is there, it is not needed."""

    url: str
    size: int
    checksum: str
    wanted: Mapping[str, str]
    instead: tuple[str, ...] = ()

    def needed(self, place: Path) -> bool:
        """Whether the folder of the corpus lacks something of it."""
        sets = (tuple(self.wanted.values()), self.instead)
        return not any(names and all((place / name).exists() for name in names) for names in sets)


# The checksums of LJ Speech and LibriSpeech are torchaudio's, those of COCO TensorFlow Datasets'.
COCO_2017 = ("images/train2017", "images/val2017")  # the same photographs under other names
ARCHIVES = {
    "ljspeech": (
        Archive(
            "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
            2_748_572_632,
            "sha256:be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
            {"LJSpeech-1.1/wavs": "wavs", "LJSpeech-1.1/metadata.csv": "metadata.csv"},
        ),
    ),
    "librispeech": (
        Archive(
            "https://www.openslr.org/resources/12/train-clean-100.tar.gz",
            6_387_309_499,
            "sha256:d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
            {"LibriSpeech/train-clean-100": "train-clean-100"},
        ),
        Archive(
            "https://www.openslr.org/resources/12/test-clean.tar.gz",
            346_663_984,
            "sha256:39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
            {"LibriSpeech/test-clean": "test-clean"},
        ),
    ),
    "cococaptions": (
        Archive(
            "http://images.cocodataset.org/annotations/annotations_trainval2017.zip",
            252_907_541,
            "md5:f4bbac642086de4f52a3fdda2de5fa2c",
            {"annotations/captions_val2017.json": "captions_val2017.json"},
        ),
    ),
    "coco": (
        Archive(
            "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",
            36_745_453,
            "sha256:4cfd70132527b80933105e5829dc9034eaab9573482e2e680abbab6130244817",
            {"dataset_coco.json": "dataset_coco.json"},
        ),
        Archive(
            "http://images.cocodataset.org/zips/train2014.zip",
            13_510_573_713,
            "sha256:ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
            {"train2014": "images/train2014"},
            COCO_2017,
        ),
        Archive(
            "http://images.cocodataset.org/zips/val2014.zip",
            6_645_013_297,
            "sha256:fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0",
            {"val2014": "images/val2014"},
            COCO_2017,
        ),
    ),
}
CORPORA = ("digits", *ARCHIVES)


def fetch(corpus: str, folder: Path = SOURCES_DIR) -> Path:
    """The files of a corpus under `folder`, downloaded where they are missing.

    Raises `ConfigError` if the corpus is not one to download, `DataError` if no address gives a file with
    the right content, or a download breaks off.
    """
    if corpus not in CORPORA:
        raise ConfigError(f"{corpus!r} has no download; there are: {', '.join(CORPORA)}")
    pooch.get_logger().setLevel(logging.WARNING)  # its hints are for those who write code with it
    place = folder / corpus
    place.mkdir(parents=True, exist_ok=True)
    with alone(folder / f".{corpus}.lock", "fetches these files"):
        _fetched(corpus, place)
    return place


def _fetched(corpus: str, place: Path) -> None:
    """What is missing of a corpus, into its folder."""
    needed = [archive for archive in ARCHIVES.get(corpus, ()) if archive.needed(place)]
    if size := sum(archive.size for archive in needed):
        sys.stderr.write(f"{corpus}: {size / 1e9:.1f} GB to download into {place}\n")
    for archive in needed:
        _unpacked(archive, place)
    if corpus == "digits":
        for name, md5 in MNIST_FILES.items():
            _file(place, name, md5)
        if not (place / "recordings").exists():
            _recordings(place)


def _unpacked(archive: Archive, place: Path) -> None:
    """What is wanted of an archive, at its place; the archive itself goes."""
    packed = _downloaded(archive, place)
    with tempfile.TemporaryDirectory(dir=place, prefix=".unpacking-") as temporary:
        try:
            if archive.url.endswith(".zip"):
                with zipfile.ZipFile(packed) as opened:
                    for name in tqdm(opened.namelist(), desc="unpacking", mininterval=1):
                        if name.startswith(tuple(archive.wanted)):
                            opened.extract(name, temporary)  # never outside of it
            else:
                with (
                    packed.open("rb") as raw,
                    tqdm.wrapattr(raw, "read", total=archive.size, desc="unpacking", mininterval=1) as file,
                    tarfile.open(fileobj=file, mode="r|*") as opened,
                ):
                    _extract(opened, temporary)
            for inside, name in archive.wanted.items():
                shutil.rmtree(place / name, ignore_errors=True)
                (place / name).parent.mkdir(exist_ok=True)
                os.replace(Path(temporary, inside), place / name)
        except (OSError, EOFError, KeyError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
            raise DataError(f"{archive.url} cannot be unpacked into {place}: {error}") from error
    packed.unlink()


def _extract(archive: tarfile.TarFile, folder: str) -> None:
    """The files of an archive, and nothing outside `folder`."""
    inside = (m for m in archive if (m.isfile() or m.isdir()) and not {"..", "/"} & {*Path(m.name).parts})
    archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it from 3.11.4 on
    archive.extractall(folder, members=inside)


def _downloaded(archive: Archive, place: Path) -> Path:
    """An archive, whole and checked, in a hidden file, which a download that broke off is added to."""
    path = place / f".{archive.url.rpartition('/')[2]}.part"
    done = path.stat().st_size if path.exists() else 0
    request = Request(archive.url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        with urlopen(request, timeout=60) as answer:
            if done and answer.status != 206:  # it does not go on, and sends all again
                done = 0
            length = answer.headers.get("Content-Length")
            bar = tqdm(None, path.name, archive.size, initial=done, unit="B", unit_scale=True, mininterval=1)
            with path.open("ab" if done else "wb") as file, bar:
                while piece := answer.read(PIECE):
                    file.write(piece)
                    bar.update(len(piece))
        if length and path.stat().st_size != done + int(length):
            raise OSError("it broke off")
    except (OSError, ValueError, HTTPException) as error:
        if not (isinstance(error, HTTPError) and error.code == 416):  # 416: nothing is left to send
            raise DataError(
                f"{archive.url} cannot be downloaded into {place} ({error}): run it again, it goes on where "
                f"it stopped, or put there: {', '.join(archive.wanted.values())}"
            ) from error
    kind, _, wanted = archive.checksum.partition(":")
    if (found := pooch.file_hash(path, alg=kind)) != wanted:
        path.unlink()
        raise DataError(f"{archive.url} has {kind} {found}, not {wanted}: what was downloaded is removed")
    return path


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
                _extract(packed, temporary)
        except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
            raise DataError(
                f"the recordings cannot be downloaded into {place} ({FSDD}: {error}): put them there"
            ) from error
        found = next(Path(temporary).glob("*/recordings"), Path(temporary))
        try:
            digest = recordings_digest(found)
        except soundfile.LibsndfileError as error:
            raise DataError(f"the recordings of {FSDD} are damaged: {error}") from error
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
