"""What a user hands in (images of any size and mode, mels) as the tensors that the encoders take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageOps
from torch import Tensor

from skiplib.audio import as_mels
from skiplib.errors import ConfigError, DataError

NAMES = {"image": "images", "text": "sentences", "speech": "mels"}
AXES = {"image": 3, "text": 0, "speech": 2}  # of a single one that comes as an array; a grey picture has two


def check_batch(x: Any, source: str, batch: int = 1) -> None:
    """Raises `DataError` if `x` is no batch of images, sentences or mels but a single one, or holds none or
    anything else; `ConfigError` if it is to be taken by fewer than one at a time."""
    alone = isinstance(x, str | bytes | Image.Image) or not (
        hasattr(x, "__len__") and hasattr(x, "__getitem__")
    )
    if isinstance(x, Tensor | np.ndarray):
        grey = source == "image" and x.ndim == 2 and x.dtype in (torch.uint8, np.uint8)
        alone = x.ndim == AXES[source] or grey
    if alone:
        raise DataError(
            f"a batch of {NAMES[source]} is needed, not {type(x).__name__}: put a single one in a list"
        )
    if len(x) == 0:
        raise DataError(f"there are no {NAMES[source]}")
    wanted = {"text": str, "speech": Tensor | np.ndarray}.get(source, object)
    for i, item in enumerate(x if source != "image" else ()):
        if not isinstance(item, wanted):
            raise DataError(f"{NAMES[source]} are needed, and number {i} is {type(item).__name__}")
    if batch < 1:
        raise ConfigError(f"batches of {batch}: one or more at a time")


def image_array(image: Any, size: int) -> np.ndarray:
    """One picture as uint8 [size, size, 3]: EXIF rotation applied, transparency on white, centre cropped.

    `image`: a PIL image of any mode, or an array [height, width], [height, width, 3 or 4].
    Raises `DataError` on anything else, and on a picture without pixels or that cannot be read.
    """
    if not isinstance(image, Image.Image):
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
            raise DataError(f"an image is a PIL image or uint8 [h, w(, 3)], not {array.dtype} {array.shape}")
        try:
            image = Image.fromarray(array)
        except TypeError as error:
            raise DataError(f"an array of shape {array.shape} is not an image") from error
    if 0 in image.size:
        raise DataError(f"an image of {image.width} x {image.height} pixels has none")
    try:
        image.load()  # PIL reads pixels late: a truncated file shows here
        image = _in_eight_bits(_upright(image))
        if image.mode in ("RGBA", "RGBa", "LA", "PA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BOX))
    except Exception as error:  # Pillow's errors have no base of their own, as in `media.picture`
        raise DataError(f"the image cannot be read: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF says; as it is where that is damaged, which hides no pixel."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a malformed EXIF raises SyntaxError, struct.error and others
        return image


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Greys of more than eight bits scaled to eight, where Pillow would clip them to white.

    White is 65,535 in 16 bits; integers of 32 and floats do not say, and have the smallest of 1 (of floats),
    255 and 65,535 that none exceeds, or their largest.
    """
    if image.mode[0] not in "IF":
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    most = values.max(initial=0.0)
    scales = {"I": (255, 65_535), "F": (1, 255, 65_535)}.get(image.mode, (65_535,))
    white = next((scale for scale in scales if most <= scale), most)
    return Image.fromarray((values.clip(0) * 255 / white).round().astype(np.uint8))


def image_batch(images: Any, size: int) -> Float[Tensor, "batch 3 size size"]:
    """Pictures as floats in [-1, 1].

    `images`: uint8 [batch, 3, height, width], or a sequence of what `image_array` takes.

    Raises `DataError` as `check_batch` and `image_array` do, and on such an array of another type.
    """
    if isinstance(images, Tensor | np.ndarray) and images.ndim == 4 and images.shape[1] == 3:
        pixels = images if isinstance(images, Tensor) else torch.from_numpy(np.array(images))
        if pixels.dtype != torch.uint8:
            raise DataError(f"a batch of images is uint8 in 0..255, not {pixels.dtype}")
        if pixels.shape[2:] == (size, size):
            return pixels.float() / 127.5 - 1
        images = [row.permute(1, 2, 0).numpy() for row in pixels]
    check_batch(images, "image")
    arrays = np.stack([image_array(image, size) for image in images])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 127.5 - 1


def mel_batch(
    mels: Sequence[Tensor | np.ndarray], bands: int
) -> tuple[Float[Tensor, "batch time bands"], Int[Tensor, " batch"]]:
    """Mels padded with silence, and their lengths in frames.

    Raises `DataError` as `audio.as_mels` does.
    """
    rows = as_mels(mels, bands)
    lengths = torch.tensor([len(row) for row in rows])
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths
