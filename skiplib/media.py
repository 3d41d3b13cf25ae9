"""Files of sound and pictures, of any kind that libsndfile and Pillow read.

Both functions can be sent to another process, and raise `DataError`, naming the file, if it cannot be read.
Without a file there are its bytes, and `name`.
"""

from __future__ import annotations

import re
from io import SEEK_END, BytesIO
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32
from PIL import Image

from skiplib.audio import MAX_SECONDS
from skiplib.errors import DataError

# Bytes that a WAV's header promises and those that there are; writers to a pipe promise as many as they can.
PROMISED = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
UNKNOWN, SLACK = 0x7FFF0000, 8
FEWEST = 0.95  # of the frames that an MP3 says it has; some say about how many
PAGE, HEADER = 65_307, 27  # bytes of an Ogg: the longest page, and how it begins
LENGTH_UNKNOWN = 1 << 62  # frames, by libsndfile, of a FLAC whose header gives none


def recording(path: Path | BytesIO, name: str = "") -> tuple[Float32[np.ndarray, "samples *channels"], int]:
    """A sound file's samples and their rate in Hz.

    One that is far too long is not read, and a WAV, FLAC, OGG or MP3 that was cut short is an error: half a
    recording does not say its text.
    """
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames >= LENGTH_UNKNOWN:
                raise DataError(
                    f"the header of {name or path} does not give its length: write it anew, as by ffmpeg"
                )
            if file.frames > (MAX_SECONDS + 1) * file.samplerate:
                raise DataError(
                    f"{name or path} lasts {file.frames / file.samplerate:.4g} s by its header; "
                    f"at most {MAX_SECONDS:.0f} s are taken"
                )
            samples, rate = file.read(dtype="float32"), file.samplerate
            cut = len(samples) < FEWEST * file.frames or (file.format == "OGG" and not _ended(path))
            if found := PROMISED.search(file.extra_info):
                promised, there = map(int, found.groups())
                cut = cut or there + SLACK < promised < UNKNOWN
    except (OSError, soundfile.LibsndfileError, TypeError) as error:  # the last of a .raw file: no header
        missing = isinstance(path, Path) and not path.exists()  # libsndfile calls that a system error
        why = "there is no such file" if missing else str(error).rstrip(".")
        raise DataError(f"{name or path} cannot be read: {why}") from error
    if cut:
        raise DataError(f"{name or path} was cut short: it ends after {len(samples)} samples, and should not")
    return samples, rate


def _ended(path: Path | BytesIO) -> bool:
    """Whether the last page of an Ogg is marked as the last, and is all there (RFC 3533, section 6)."""
    if isinstance(path, BytesIO):
        data = path.getvalue()[-PAGE:]
    else:
        with path.open("rb") as file:
            file.seek(-min(PAGE, path.stat().st_size), SEEK_END)
            data = file.read()
    page = data[data.rfind(b"OggS") :] if b"OggS" in data else b""
    if len(page) < HEADER:
        return False
    segments = page[HEADER - 1]  # each has a byte with its length
    whole = HEADER + segments + sum(page[HEADER : HEADER + segments])
    return bool(page[5] & 4) and len(page) >= whole


def picture(path: Path | BytesIO, name: str = "") -> Image.Image:
    """An image file, of any mode, its pixels read."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except Exception as error:  # of a damaged file Pillow raises OSError, SyntaxError, ValueError and others
        raise DataError(f"{name or path} cannot be read: {error}") from error
