"""Images and recordings of your own, in the imagefolder and audiofolder convention.

Two folders under `config.SOURCES_DIR / "folder"`, `images` and `speech`, each with a `metadata.csv` beside or
above its files:

    file_name,text,split
    beach/one.jpg,A dog runs along the beach.,train
    beach/one.jpg,A brown dog near the sea.,train
    two.png,Two children play chess.,test

`file_name` is relative to `metadata.csv`; an image has as many captions as it has rows, a recording one text.
Images are of any format that Pillow reads, recordings of one that tells whether a file is whole
(`media.WHOLE`: WAV, FLAC, OGG with Vorbis or Opus, MP3 with a header that counts its frames, AIFF, AU, CAF,
W64), at any rate. A row of `speech` without a `file_name`, or a table without that column, is a sentence that
the packaged voice speaks: texts are enough. Without a column `split` a tenth of the files is the test, chosen
by their names (of the sentences by their words). A table that cannot be read is an error; a text of more than
1,000 characters and a recording that is listed twice go to `quarantine.csv`, as files do that cannot be read.
Licences are yours to mind.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from functools import cached_property, partial
from os.path import normpath
from pathlib import Path

import numpy as np

from skiplib.corpora import ImageTextItem, TextSpeechItem, checked, size_of
from skiplib.corpora.voiced import spoken
from skiplib.errors import DataError
from skiplib.media import picture, recording

METADATA = "metadata.csv"
COLUMNS = ("file_name", "text", "split")
LONGEST = 1_000  # characters of a path, or of a text: where a quote is missing, one takes all lines after
LINE = f"{METADATA}, line "  # begins the name of a sentence without a file
SPLIT_OF = {"train": "train", "test": "test", "validation": "test", "val": "test", "dev": "test"}


class Folder:
    """Both corpora from a folder; sentences without a recording are spoken at `rate` Hz."""

    def __init__(self, folder: Path, rate: int = 16_000) -> None:
        self.folder, self.rate = folder, rate

    def image_text_count(self, split: str) -> int:
        """How many images `split` has."""
        return len(self._rows["images"][checked(split)])

    def image_text(self, split: str) -> Iterator[ImageTextItem]:
        """The images of `split`, each with its captions."""
        for name, texts in self._rows["images"][checked(split)].items():
            path = self.folder / "images" / name
            captions = tuple(text for text in texts if not _long(text))
            unusable = tuple(filter(None, map(_long, texts)))
            yield ImageTextItem(name, captions, partial(picture, path), path=path, unusable=unusable)

    def text_speech_count(self, split: str) -> int:
        """How many recordings and sentences to be spoken `split` has."""
        return len(self._rows["speech"][checked(split)])

    def text_speech(self, split: str) -> Iterator[TextSpeechItem]:
        """The recordings of `split` with their texts, and its sentences, spoken."""
        for name, texts in self._rows["speech"][checked(split)].items():
            path = None if name.startswith(LINE) else self.folder / "speech" / name
            twice = f"it stands {len(texts)} times in {METADATA}" if len(texts) > 1 else ""
            if why := twice or _long(texts[0]):
                yield TextSpeechItem(name, texts[0][:LONGEST], partial(_refuse, why), path)
            elif path is None:
                yield spoken(name, texts[0], self.rate)
            else:
                yield TextSpeechItem(name, texts[0], partial(recording, path), path)

    def fingerprint(self) -> str:
        """Tells one state of the files from another: what is listed, and the sizes of the files."""
        digest = hashlib.sha256()
        for part, splits in self._rows.items():
            digest.update((self.folder / part / METADATA).read_bytes())
            for name in (name for rows in splits.values() for name in rows):
                path = self.folder / part / name
                digest.update(f"{name} {size_of(path)}".encode())
        return digest.hexdigest()

    @cached_property
    def _rows(self) -> dict[str, dict[str, dict[str, list[str]]]]:
        """Texts by file, split and folder. Raises `DataError` as `_read` does."""
        return {part: _read(self.folder / part / METADATA, part == "images") for part in ("images", "speech")}


def _long(text: str) -> str:
    """Why a text is none, if it is too long for one."""
    if len(text) <= LONGEST:
        return ""
    begins = f"{text[:40]!r}..."
    return f"a text of {len(text):,} characters, of at most {LONGEST:,} ({begins}): is a quote missing?"


def _refuse(why: str) -> tuple[np.ndarray, int]:
    """In place of a recording."""
    raise DataError(why)


def _table(path: Path, files: bool) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table, each with its last line, one by one. Raises `DataError` if it cannot be read or
    lacks a column; `files`: every row needs one."""
    begun = 1  # the line with which the row begins that is read
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)  # a quote that nothing ends would take all rows after
            columns = [*(reader.fieldnames or ())]
            begun += reader.line_num
            if not columns:
                raise DataError(f"{path} is empty, or line 1 is: a table with file_name,text is needed there")
            if not files and not {*columns} <= {*COLUMNS}:  # a misspelt one: sentences without recordings
                raise DataError(f"{path}, line 1: there may be columns {', '.join(COLUMNS)}, not {columns}")
            if missing := {*COLUMNS[not files : 2]} - {*columns}:
                raise DataError(
                    f"{path}, line 1: there is no column {' and no '.join(sorted(missing))} in {columns}"
                )
            for row in reader:
                yield reader.line_num, row
                begun = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: the row that begins with line {begun} cannot be read: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}): a table with file_name,text is needed there"
        ) from error


def _read(path: Path, files: bool) -> dict[str, dict[str, list[str]]]:
    """Texts by file and split. Raises `DataError` as `_table` does, and on a row that does not fit or a split
    without any."""
    found: dict[str, dict[str, list[str]]] = {"train": {}, "test": {}}
    for line, row in _table(path, files):
        text = row.get("text")
        name = normpath(row["file_name"]) if row.get("file_name") else "" if files else f"{LINE}{line}"
        if not name or text is None:
            raise DataError(f"{path}, line {line}: a row without a {'text' if name else 'file_name'}")
        if None in row:
            raise DataError(f"{path}, line {line}: more cells than columns; put texts with commas in quotes")
        split = row.get("split") or ("test" if _drawn(row.get("file_name") or text) else "train")
        if split not in SPLIT_OF:
            raise DataError(f"{path}, line {line}: unknown split {split!r}; there are: {', '.join(SPLIT_OF)}")
        if "\0" in name:
            raise DataError(f"{path}, line {line}: no file has a name with a NUL: {name!r}")
        if len(name) > LONGEST:
            raise DataError(f"{path}, line {line}: no file has a name so long; are the columns swapped?")
        if name in found["test" if SPLIT_OF[split] == "train" else "train"]:
            raise DataError(f"{path}, line {line}: {name} is in training and test: one split a file")
        found[SPLIT_OF[split]].setdefault(name, []).append(text)
    for split, listed in found.items():
        if not listed:
            rows = sum(len(texts) for names in found.values() for texts in names.values())
            raise DataError(f"{path} lists no file for {split}: {rows} rows are too few, or one-sided")
    if len({text for texts in found["test"].values() for text in texts}) < 2:
        raise DataError(f"{path} has one text for test; two that differ are the least that can be told apart")
    return found


def _drawn(name: str) -> bool:
    """A tenth of all."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0
