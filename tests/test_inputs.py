import io
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

from skiplib.errors import DataError
from skiplib.inputs import image_array, image_batch, mel_batch


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBa", "L", "LA", "P", "1", "CMYK", "I;16"])
def test_every_mode_of_picture_is_taken(mode):
    array = image_array(Image.new(mode, (50, 30)), 64)
    assert array.shape == (64, 64, 3) and array.dtype == np.uint8


@pytest.mark.parametrize(
    ("dtype", "white"), [*product(["uint16", ">u2", "int32", "float32"], [255, 65_535]), ("float32", 1)]
)
def test_greys_of_more_than_eight_bits_keep_their_shades(dtype, white):
    ramp = np.linspace(0, 255, 64).round()
    grey = np.tile(ramp * white / 255, (64, 1))
    grey = grey if dtype == "float32" else grey.round()
    seen = image_array(Image.fromarray(grey.astype(dtype)), 64)[..., 0].astype(int)
    sixteen = dtype in ("uint16", ">u2")  # white is white there whatever is in the picture
    expected = np.tile(ramp * (white / 65_535 if sixteen else 1), (64, 1))
    assert abs(seen - expected).max() <= 1


def test_transparency_is_white_and_rotation_is_applied():
    assert image_array(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), 8).min() == 255
    half = Image.new("RGBA", (8, 8), (200, 100, 0, 128))
    premultiplied = image_array(half.convert("RGBa"), 8).astype(int)
    assert np.abs(premultiplied - image_array(half, 8)).max() <= 2
    image = Image.new("RGB", (8, 8), "black")
    image.paste("white", (0, 0, 8, 4))
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    assert image_array(Image.open(file), 8)[0].max() == 0


def test_a_batch_may_be_arrays_or_pictures():
    arrays = [np.full((20, 40, 3), 255, np.uint8), np.zeros((64, 64), np.uint8)]
    pixels = image_batch(arrays, 64)
    assert pixels.shape == (2, 3, 64, 64) and pixels[0].min() == 1 and pixels[1].max() == -1
    tensor = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    assert image_batch(tensor, 64).shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        Image.new("RGB", (0, 0)),
        Image.new("L", (0, 5)),
    ],
)
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(DataError):
        image_array(bad, 64)


def test_a_truncated_picture_is_refused():
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file, "JPEG")
    with pytest.raises(DataError, match="cannot be read"):
        image_array(Image.open(io.BytesIO(file.getvalue()[:2_000])), 64)


def test_whatever_pillow_raises_is_ours(monkeypatch):
    def broken(*_):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr("skiplib.inputs.ImageOps.fit", broken)
    with pytest.raises(DataError, match="cannot be read: not a TIFF file"):
        image_array(Image.new("RGB", (8, 8)), 8)


def test_a_damaged_exif_hides_no_pixel():
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG", exif=b"Exif\0\0garbage")
    assert image_array(Image.open(file), 8)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("bad", [np.zeros((0, 80)), np.zeros((5, 40)), np.full((5, 80), np.nan)])
def test_a_mel_that_cannot_be_used_is_refused(bad):
    with pytest.raises(DataError, match="mel 0"):
        mel_batch([bad], 80)


def test_a_single_picture_or_a_float_batch_is_refused():
    with pytest.raises(DataError, match="list"):
        image_batch(Image.new("RGB", (8, 8)), 8)
    with pytest.raises(DataError, match="uint8"):
        image_batch(torch.rand(1, 3, 8, 8), 8)
