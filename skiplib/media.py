"""Files of sound and pictures, of any kind that libsndfile and Pillow read.

Both functions can be sent to another process, and raise `DataError`, naming the file, if it cannot be read.
Without a file there are its bytes, and `name`.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32
from PIL import Image

from skiplib.errors import DataError


def recording(path: Path | BytesIO, name: str = "") -> tuple[Float32[np.ndarray, "samples *channels"], int]:
    """A sound file's samples and their rate in Hz."""
    try:
        return soundfile.read(path, dtype="float32")
    except (OSError, soundfile.LibsndfileError, TypeError) as error:  # the last of a .raw file: no header
        raise DataError(f"{name or path} cannot be read: {error}") from error


def picture(path: Path | BytesIO, name: str = "") -> Image.Image:
    """An image file, of any mode, its pixels read."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except Exception as error:  # of a damaged file Pillow raises OSError, SyntaxError, ValueError and others
        raise DataError(f"{name or path} cannot be read: {error}") from error
