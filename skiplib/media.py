"""Files of sound and pictures, of any kind that libsndfile and Pillow read.

Both functions can be sent to another process, and raise `DataError`, naming the file, if it cannot be read.
Without a file there are its bytes, and `name`.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32
from PIL import Image

from skiplib.errors import DataError

PROMISED = re.compile(
    r"^data : (\d+) \(should be", re.MULTILINE
)  # bytes that a WAV's header has and the file has not
UNKNOWN = 0x7FFF0000  # bytes and more: what writers to a pipe put there, who cannot know
FEWEST = 0.95  # of the frames that an MP3 says it has; some say about how many


def recording(path: Path | BytesIO, name: str = "") -> tuple[Float32[np.ndarray, "samples *channels"], int]:
    """A sound file's samples and their rate in Hz. One that was cut short is an error too: half a recording
    does not say its text."""
    try:
        with soundfile.SoundFile(path) as file:
            samples, rate = file.read(dtype="float32"), file.samplerate
            frames, promised = file.frames, PROMISED.search(file.extra_info)
    except (OSError, soundfile.LibsndfileError, TypeError) as error:  # the last of a .raw file: no header
        raise DataError(f"{name or path} cannot be read: {error}") from error
    if len(samples) < FEWEST * frames or (promised and int(promised[1]) < UNKNOWN):
        raise DataError(
            f"{name or path} was cut short: its header promises more than its {len(samples)} samples"
        )
    return samples, rate


def picture(path: Path | BytesIO, name: str = "") -> Image.Image:
    """An image file, of any mode, its pixels read."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except Exception as error:  # of a damaged file Pillow raises OSError, SyntaxError, ValueError and others
        raise DataError(f"{name or path} cannot be read: {error}") from error
