"""Files of sound and pictures: read whole, or named in the error."""

from io import BytesIO

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


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64", "rf64", "opus"])
def test_half_a_recording_is_named(tmp_path, kind):
    path = tmp_path / f"half.{kind}"
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 160_000)
    of = {"format": "OGG", "subtype": "OPUS"} if kind == "opus" else {}
    soundfile.write(path, wave, 16_000, **of)
    assert len(recording(path)[0]) == pytest.approx(160_000, rel=0.05)
    data = path.read_bytes()
    # Of an Ogg the last page may be cut anywhere, its header too.
    page = data.rfind(b"OggS")
    ends = (page + 2, page + 4, page + 5, page + 26, page + 40, len(data) - 1) if kind == "ogg" else ()
    for end in (len(data) // 2, int(0.9 * len(data)), *ends):
        half = data[:end]
        path.write_bytes(half)
        for given in (path, BytesIO(half)):
            with pytest.raises(DataError, match=rf"half\.{kind} (was cut short|cannot be read)"):
                recording(given, path.name)


def test_what_is_far_too_long_is_not_read(tmp_path):
    soundfile.write(tmp_path / "x.flac", np.zeros(400), 16_000)
    data = bytearray((tmp_path / "x.flac").read_bytes())
    data[21] &= 0xF0  # the number of samples, 36 bits of the header, as one that does not know it writes it
    data[22:26] = bytes(4)
    (tmp_path / "x.flac").write_bytes(data)
    soundfile.write(tmp_path / "x.wav", np.zeros(32 * 8_000), 8_000)
    with pytest.raises(DataError, match=r"header of .*x\.flac does not give its length: write it anew"):
        recording(tmp_path / "x.flac")
    with pytest.raises(DataError, match=r"x\.wav lasts .* s by its header; at most 30 s"):
        recording(tmp_path / "x.wav")


@pytest.mark.parametrize("damage", ["no header", "no count", "another header"])
@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\0\x40\1" + bytes(8_193)])
def test_an_mp3_that_does_not_count_its_frames_is_named(tmp_path, damage, tag):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 160_000) * np.repeat([1, 0.01], 80_000)
    soundfile.write(tmp_path / "x.mp3", wave, 16_000)
    data = bytearray((tmp_path / "x.mp3").read_bytes())
    (tmp_path / "x.mp3").write_bytes(tag + data)
    assert len(recording(tmp_path / "x.mp3")[0]) == 160_000
    begin = data.index(b"Xing")
    if damage == "no count":
        data[begin + 7] &= 0xFE
    else:
        data[begin : begin + 4] = b"VBRI" if damage == "another header" else bytes(4)
    (tmp_path / "x.mp3").write_bytes(tag + data)
    assert len(soundfile.read(tmp_path / "x.mp3")[0]) < 100_000, "libsndfile loses its end, and says nothing"
    with pytest.raises(DataError, match=r"header of .*x\.mp3 does not give its length: write it anew"):
        recording(tmp_path / "x.mp3")


@pytest.mark.parametrize("kind", ["NIST", "VOC", "IRCAM", "PVF"])
def test_a_format_that_does_not_tell_whether_a_file_is_whole_is_named(tmp_path, kind):
    soundfile.write(tmp_path / "x.sph", np.zeros(400), 16_000, format=kind)
    with pytest.raises(DataError, match=rf"x\.sph is {kind}, which does not tell .* WAV or FLAC"):
        recording(tmp_path / "x.sph")


def test_a_header_written_to_a_pipe_promises_nothing(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(400), 16_000)
    data = bytearray((tmp_path / "x.wav").read_bytes())
    length = data.index(b"data") + 4
    for promised in (b"\xff" * 4, (801).to_bytes(4, "little")):  # or one byte too many
        data[length : length + 4] = promised
        (tmp_path / "x.wav").write_bytes(data)
        assert len(recording(tmp_path / "x.wav")[0]) == 400


def test_a_file_without_a_header_is_named(tmp_path):
    (tmp_path / "x.raw").write_bytes(bytes(64))
    with pytest.raises(DataError, match=r"x\.raw cannot be read"):
        recording(tmp_path / "x.raw")
    with pytest.raises(DataError, match=r"none\.wav cannot be read: there is no such file$"):
        recording(tmp_path / "none.wav")


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
