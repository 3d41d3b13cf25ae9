"""Files of sound and pictures: read whole, or named in the error."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from skiplib.errors import DataError
from skiplib.media import picture, recording


@pytest.mark.parametrize("channels", [1, 2])
def test_a_recording_keeps_its_samples_and_rate(tmp_path, channels):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (400, channels)).astype(np.float32).squeeze()
    soundfile.write(tmp_path / "x.wav", wave, 22_050, subtype="FLOAT")
    samples, rate = recording(tmp_path / "x.wav")
    assert rate == 22_050
    np.testing.assert_array_equal(samples, wave)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"words"])
def test_a_file_that_is_no_recording_is_named(tmp_path, content):
    (tmp_path / "cut.wav").write_bytes(content)
    with pytest.raises(DataError, match=r"cut\.wav cannot be read"):
        recording(tmp_path / "cut.wav")


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_half_a_recording_is_named(tmp_path, kind):
    path = tmp_path / f"half.{kind}"
    soundfile.write(path, np.sin(np.arange(32_000) / 9) / 3, 16_000)
    assert len(recording(path)[0]) == pytest.approx(32_000, rel=0.05)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"half\.{kind} (was cut short|cannot be read)"):
        recording(path)


def test_a_header_written_to_a_pipe_promises_nothing(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(400), 16_000)
    data = bytearray((tmp_path / "x.wav").read_bytes())
    length = data.index(b"data") + 4
    data[4:8] = data[length : length + 4] = b"\xff" * 4
    (tmp_path / "x.wav").write_bytes(data)
    assert len(recording(tmp_path / "x.wav")[0]) == 400


def test_a_file_without_a_header_is_named(tmp_path):
    (tmp_path / "x.raw").write_bytes(bytes(64))
    with pytest.raises(DataError, match=r"x\.raw cannot be read"):
        recording(tmp_path / "x.raw")


def test_a_picture_with_a_damaged_chunk_is_named(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    data = bytearray((tmp_path / "x.png").read_bytes())
    second = data.index(b"IDAT", data.index(b"IDAT") + 4)
    data[second : second + 4] = b"\x00\x01\x02\x03"
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(DataError, match=r"x\.png cannot be read"):
        picture(tmp_path / "x.png")


def test_a_truncated_picture_is_named(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert picture(tmp_path / "x.png").size == (32, 32)
    (tmp_path / "x.png").write_bytes((tmp_path / "x.png").read_bytes()[:900])
    with pytest.raises(DataError, match=r"x\.png cannot be read"):
        picture(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"none\.png cannot be read"):
        picture(tmp_path / "none.png")
