"""The judge hears the voice word for word, and survives whatever else it is given."""

from __future__ import annotations

from inspect import unwrap

import numpy as np
import pytest
import torch
from hibari import Hibari

from skiplib.errors import JudgeError
from skiplib.judge import WhisperJudge, as_whisper, normalise, packaged_weights
from skiplib.metrics import wer

RATE = 24_000  # Hz, the voice's
SENTENCES = ("a small red circle above a big blue square", "two dogs are sleeping under the kitchen table")


@pytest.fixture(scope="module")
def judge() -> WhisperJudge:
    return WhisperJudge(threads=1)


@pytest.fixture(scope="module")
def spoken() -> list[np.ndarray]:
    voice = Hibari()
    return [np.asarray(voice(sentence, seed=0)) for sentence in SENTENCES]


def test_voice_is_understood(judge: WhisperJudge, spoken: list[np.ndarray]) -> None:
    assert wer(SENTENCES, judge.transcribe(spoken, RATE)).value == 0


def test_torch_keeps_its_threads(spoken: list[np.ndarray]) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        WhisperJudge(threads=1).transcribe(spoken, RATE)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_channels_and_silence_do_not_disturb_their_neighbours(
    judge: WhisperJudge, spoken: list[np.ndarray]
) -> None:
    stereo = np.stack([spoken[0], spoken[0]], axis=1)
    nothing = [np.zeros(0), np.zeros(RATE // 20)]
    heard = judge.transcribe([*nothing, stereo], RATE)
    assert heard[:2] == ["", ""]
    assert normalise(heard[2]) == SENTENCES[0]


def test_babble_does_not_loop(judge: WhisperJudge) -> None:
    rng = np.random.default_rng(0)
    babble = np.sin(2 * np.pi * np.cumsum(rng.uniform(80, 600, 60).repeat(800)) / 16_000)
    assert len(judge.transcribe([babble], 16_000)[0].split()) <= 40


def test_integers_are_heard_as_floats_are(spoken: list[np.ndarray]) -> None:
    whole = (spoken[0] * 32_767).round().astype(np.int16)
    assert np.abs(as_whisper(whole, RATE) - as_whisper(whole / 32_767, RATE)).max() < 1e-6


@pytest.mark.parametrize(
    "waveform",
    [
        np.array([0.0, np.nan] * 8_000),
        np.full(16_000, np.inf),
        np.zeros((2, 2, 2)),
        np.zeros((1, 16_000)),
        np.zeros((2, 16_000)),
        np.array([None] * 16_000),
    ],
)
def test_what_is_no_waveform_is_refused(judge: WhisperJudge, waveform: np.ndarray) -> None:
    with pytest.raises(JudgeError):
        judge.transcribe([waveform], 16_000)


def test_channels_come_last() -> None:
    with pytest.raises(JudgeError, match=r"\[time, channels\], and shape \(2, 800\) has more channels"):
        as_whisper(np.zeros((2, 800)), 16_000)


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf, 22_050.5, "fast", None])
def test_bad_rate_is_refused(rate: object) -> None:
    with pytest.raises(JudgeError, match="positive whole number of Hz"):
        unwrap(as_whisper)(np.zeros(16_000), rate)  # without the tests' own check of types


def test_other_weights_are_refused() -> None:
    with pytest.raises(JudgeError, match="SHA-256"):
        packaged_weights(digest="0" * 64)


def test_missing_package_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skiplib.judge.PACKAGE", "no_such_package")
    assert packaged_weights() is None


@pytest.mark.parametrize(
    ("text", "scored"),
    [
        ("A small red circle, above a big blue square.", "a small red circle above a big blue square"),
        ("2 Big grey rings!", "two big gray rings"),
        ("two big gray rings", "two big gray rings"),
        ("It's twenty-one.", "it is 21"),
        ("The house (built in 1800) [stood].", "the house built in 1800 stood"),
        (" ... ", ""),
    ],
)
def test_normalise(text: str, scored: str) -> None:
    assert normalise(text) == scored
