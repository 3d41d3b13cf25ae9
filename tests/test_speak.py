"""Image files into WAV files: as `translate` speaks them, with bad files named and the others spoken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from skiplib import checkpoints, config, speak
from skiplib.audio import to_waves
from skiplib.errors import CheckpointError, DataError
from skiplib.model import SkipNet
from skiplib.systems import build


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / name for name in ("one.png", "two.jpg", "three.gif")]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(path)
    return paths


def test_each_image_is_spoken_as_translate_speaks_it(
    model: SkipNet, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speak, "BATCH", 2)
    made = list(speak.speak(model, images, tmp_path / "to"))
    assert [place for _, place, _ in made] == [tmp_path / "to" / f"{path.stem}.wav" for path in images]
    with Image.open(images[2]) as image:
        (mel,), (text,) = (model.translate([image], "image", target) for target in ("speech", "text"))
    heard, rate = soundfile.read(tmp_path / "to" / "three.wav", dtype="float32")
    (wave,) = to_waves([mel], model.experiment.audio)
    assert rate == model.experiment.audio.rate and made[2][2] == text
    assert len(heard) == len(wave) and np.abs(heard - wave.numpy()).max() < 1e-3


def test_a_bad_image_is_named_and_the_others_are_spoken(
    model: SkipNet, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    checkpoint = tmp_path / "model.safetensors"
    checkpoints.save(checkpoint, checkpoints.model_tensors(model), model.experiment)
    images[0].write_bytes(images[0].read_bytes()[:100])
    given = [*map(str, images), "--checkpoint", str(checkpoint), "--to", str(tmp_path / "to")]
    assert speak.main(given) == 1
    out, err = capsys.readouterr()
    assert "one.png cannot be read" in err and len(out.splitlines()) == 2 and "two.jpg -> " in out
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["three.wav", "two.wav"]


def test_what_cannot_be_done_writes_nothing(
    model: SkipNet, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    same = tmp_path / "other" / "one.jpg"
    with pytest.raises(DataError, match="would both be"):
        list(speak.speak(model, [images[0], same], tmp_path / "to"))
    mine = tmp_path / "two.wav"
    mine.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"two\.wav is there already.*--overwrite"):
        list(speak.speak(model, images, tmp_path))
    assert mine.read_bytes() == b"mine" and not (tmp_path / "one.wav").exists()
    assert (
        len(list(speak.speak(model, images, tmp_path, overwrite=True))) == 3 and mine.read_bytes() != b"mine"
    )
    mute = build(config.experiment("ours", "smoke"))
    mute.tasks = frozenset({("text", "speech")})
    with pytest.raises(CheckpointError, match="does not speak"):
        list(speak.speak(mute, images, tmp_path / "to"))
    assert speak.main([str(images[0]), "--checkpoint", "nobody", "--to", str(tmp_path / "to")]) == 2
    assert "there is no checkpoint 'nobody'" in capsys.readouterr().err
    pickle = tmp_path / "weights.pt"
    pickle.write_bytes(b"\x80\x04.")
    assert speak.main([str(images[0]), "--checkpoint", str(pickle)]) == 2
    assert "no other is opened, a pickle least of all" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"\.wav cannot be written"):
        list(speak.speak(model, images[:1], pickle / "to"))
    assert not (tmp_path / "to").exists()
