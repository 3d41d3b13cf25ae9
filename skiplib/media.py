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

# Formats that tell whether a file is whole.
WHOLE = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"}
# Bytes that a header promises and those that there are, by libsndfile, of a WAV, CAF, AIFF, AU, W64 and RF64;
# writers to a pipe promise as many as they can.
PROMISED = re.compile(r"^ *(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
UNKNOWN, SLACK = 0x7FFF0000, 8
FEWEST = 0.95  # of the frames that an MP3 says it has; some say about how many
FRAMES = re.compile(rb"(?:Xing|Info)\0\0\0(.)", re.DOTALL)  # of an MP3, and what is counted there
FIRST = 4_096  # bytes of an MP3 that have its first frame, after a tag
PAGE, HEADER = 65_307, 27  # bytes of an Ogg: the longest page, and how it begins
LENGTH_UNKNOWN = 1 << 62  # frames, by libsndfile, of a FLAC whose header gives none


def recording(path: Path | BytesIO, name: str = "") -> tuple[Float32[np.ndarray, "samples *channels"], int]:
    """A sound file's samples and their rate in Hz.

    One that is far too long is not read, and one that was cut short, or is of a format that does not tell, is
    an error: half a recording does not say its text.
    """
    try:
        with soundfile.SoundFile(path) as file:
            if file.format not in WHOLE:
                raise DataError(
                    f"{name or path} is {file.format}, which does not tell whether a file is whole: write it "
                    "anew as WAV or FLAC"
                )
            if file.frames >= LENGTH_UNKNOWN or (file.format == "MP3" and not _counted(path)):
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


def _counted(path: Path | BytesIO) -> bool:
    """Whether an MP3 begins with a header that counts its frames, as mpg123 in libsndfile understands it.

    Without one it takes all frames to be as long as the first: what is beyond that is not read, and what is
    missing is not missed.
    """
    with BytesIO(path.getvalue()) if isinstance(path, BytesIO) else path.open("rb") as file:
        tag = file.read(10)
        if tag[:3] == b"ID3":  # its size is four times seven bits
            file.seek(10 + sum(byte << 7 * n for n, byte in enumerate(reversed(tag[6:]))))
        else:
            file.seek(0)
        found = FRAMES.search(file.read(FIRST))
    return found is not None and bool(found[1][0] & 1)


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
