from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skiplib.audio import is_clipped, prepare_wave, to_mel, to_waves
from skiplib.config import Audio
from skiplib.errors import DataError
from skiplib.voice import synthesise

AUDIO = Audio()


def tone(hertz: float, seconds: float, rate: int = 16_000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def test_a_mel_has_a_frame_every_12_5_ms_and_80_bands_in_0_to_1():
    mel = to_mel(torch.from_numpy(tone(440, 1.0)), AUDIO)
    assert mel.shape == (81, 80)
    assert mel.min() >= 0 and mel.max() <= 1


@pytest.mark.parametrize("rate", [0, -16_000, 999, 20_000_003])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(DataError, match="whole number of Hz from 1,000 to 400,000"):
        prepare_wave(np.ones(8_000, np.float32), rate, Audio())


BAD_RATES = [np.nan, np.inf, 22_050.5, "16000", "fast", None, np.array([8_000, 16_000]), np.array([None, 1])]


@pytest.mark.parametrize("rate", BAD_RATES)
def test_a_rate_of_another_type_is_refused(rate):
    with pytest.raises(DataError, match="whole number of Hz from 1,000 to 400,000"):
        unwrap(prepare_wave)(np.ones(8_000, np.float32), rate, Audio())  # without the tests' check of types


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32])
def test_integers_are_scaled_from_their_middle(kind):
    wave = np.sin(np.arange(8_000) / 7) / 2
    limits = np.iinfo(kind)
    middle = (limits.max + 1) // 2 if limits.min == 0 else 0
    made = prepare_wave((wave * (limits.max - middle) + middle).round().astype(kind), 16_000, Audio())
    assert np.abs(made.numpy() - wave).max() < 0.01
    with pytest.raises(DataError, match="silent"):
        prepare_wave(np.full(8_000, middle, kind), 16_000, Audio())


def test_a_mel_follows_its_definition():
    wave = torch.from_numpy(tone(700, 0.5)).float()
    emphasised = torch.cat([wave[:1], wave[1:] - 0.97 * wave[:-1]])
    window = torch.hann_window(800)
    stft = torch.stft(
        emphasised, 2048, 200, 800, window, center=True, pad_mode="reflect", return_complex=True
    )
    import librosa

    filters = torch.from_numpy(librosa.filters.mel(sr=16_000, n_fft=2048, n_mels=80))
    decibel = 20 * torch.log10((filters @ stft.abs()).clamp_min(1e-5)) - 20
    assert torch.allclose(to_mel(wave, AUDIO), ((decibel + 100) / 100).clamp(0, 1).T, atol=1e-4)


@settings(max_examples=5, deadline=None)
@given(st.floats(200, 2_000), st.floats(0.3, 0.8))
def test_griffin_lim_gives_back_the_mel(hertz, seconds):
    mel = to_mel(torch.from_numpy(tone(hertz, seconds)), AUDIO)
    (wave,) = to_waves([mel], Audio(griffin_lim_power=1.0))
    again = to_mel(wave, AUDIO)
    n = min(len(mel), len(again))
    loud = mel[5 : n - 5].max(1).indices, again[5 : n - 5].max(1).indices
    assert (loud[0] - loud[1]).abs().float().mean() <= 1.0  # the loudest band stays where it is


def test_speech_keeps_its_spectrum_through_griffin_lim():
    """Up to one gain, and with a power of 1: that of 1.5, the default, sharpens on purpose."""
    mel = to_mel(torch.from_numpy(synthesise("a small red star above a big blue circle")), AUDIO)
    (wave,) = to_waves([mel], Audio(griffin_lim_power=1.0))
    again = to_mel(wave, AUDIO)
    n = min(len(mel), len(again))
    change = (again[:n] - mel[:n])[mel[:n] > 0.35]  # where something is heard
    assert (change - change.median()).abs().mean() < 0.02  # 0.06 without de-emphasis, 2 dB are 0.02


def test_waves_of_a_batch_do_not_depend_on_each_other():
    short, long = (to_mel(torch.from_numpy(tone(300, s)), AUDIO) for s in (0.3, 0.6))
    waves = to_waves([long, short], AUDIO)
    assert [len(w) for w in waves] == [(len(long) - 1) * 200, (len(short) - 1) * 200]
    assert torch.equal(to_waves([long], AUDIO)[0], waves[0])
    assert torch.equal(to_waves([short], AUDIO)[0], waves[1])


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_mel_of_a_few_frames_is_a_short_wave(frames):
    (wave,) = to_waves([torch.rand(frames, 80)], AUDIO)
    assert len(wave) == max(1, frames - 1) * AUDIO.hop and torch.isfinite(wave).all()


def test_a_mel_may_be_an_array_and_has_its_80_bands():
    mel = np.random.default_rng(0).random((9, 80)).astype(np.float16)
    assert torch.equal(to_waves([mel], AUDIO)[0], to_waves([torch.from_numpy(mel)], AUDIO)[0])
    for bad, shape in ((torch.rand(9, 40), r"\(9, 40\)"), (np.zeros(80), r"\(80,\)")):
        with pytest.raises(
            DataError, match=rf"mel 1 has shape {shape}; \[time, 80\] with time > 0 is needed"
        ):
            to_waves([mel, bad], AUDIO)
    with pytest.raises(DataError, match="mel 0 holds values that are not numbers"):
        to_waves([mel * np.nan], AUDIO)


def test_a_wave_too_short_for_a_mel_is_refused():
    assert len(to_mel(torch.rand(AUDIO.fft // 2 + 1), AUDIO)) > 0
    with pytest.raises(DataError, match="1024 samples are too short"):
        to_mel(torch.rand(AUDIO.fft // 2), AUDIO)


def test_stereo_and_other_rates_become_16_khz_mono():
    left, right = tone(440, 0.5, 44_100), 0.5 * tone(880, 0.5, 44_100)
    wave = prepare_wave(np.stack([left, right], axis=1), 44_100, AUDIO)
    assert wave.ndim == 1 and abs(len(wave) - 8_000) <= 1
    assert torch.allclose(wave, prepare_wave((left + right) / 2, 44_100, AUDIO), atol=1e-6)
    whole = prepare_wave((tone(440, 0.5) * 32_767).astype(np.int16), 16_000, AUDIO)
    assert torch.allclose(whole, prepare_wave(tone(440, 0.5), 16_000, AUDIO), atol=1e-4)


@pytest.mark.parametrize("rate", [11_127, 44_099, 399_989])  # with no divisor in common with 16,000
def test_any_rate_becomes_16_khz(rate):
    odd = prepare_wave(tone(440, 0.5, rate), rate, AUDIO)
    assert abs(len(odd) - 8_000) <= 1
    assert (odd[500:7_500] - torch.from_numpy(tone(440, 0.5))[500:7_500]).abs().max() < 0.02


@pytest.mark.parametrize(
    ("wave", "word"),
    [
        (np.zeros(0), "no samples"),
        (np.zeros((5, 0)), "no samples"),
        (np.ones((2, 2, 2)), r"\[time, channels\], not of shape \(2, 2, 2\)"),
        (np.ones(()), r"\[time, channels\], not of shape \(\)"),
        (np.ones((2, 44_100)), r"\[time, channels\], and shape \(2, 44100\) has more channels than samples"),
        (np.array([None, 0.5]), "integers or floats, not of object"),
        (np.array(["loud"]), "integers or floats"),
        (np.zeros(16_000), "silent"),
        (np.full(16_000, 0.3, np.float32), "silent"),
        (np.full((16_000, 2), [0.3, -0.1]), "silent"),
        (np.full(100, np.nan), "not numbers"),
        (tone(440, 31), "at most"),
    ],
)
def test_a_recording_that_cannot_be_used_says_why(wave, word):
    with pytest.raises(DataError, match=word):
        prepare_wave(wave, 16_000, AUDIO)


TONE = tone(440, 0.1)


@pytest.mark.parametrize(
    ("wave", "clipped"),
    [
        (TONE, False),
        (TONE.clip(-0.3, 0.3), False),  # cut off below full scale: it may be how it sounded
        ((3 * TONE).clip(-1, 1), True),
        (((3 * TONE).clip(-1, 1) * 32_767).astype(np.int16), True),
        (np.stack([TONE, (3 * TONE).clip(-1, 1)], axis=1), True),  # one channel is enough
        (np.array([0, 1, 1, 0, -1, -1], np.float32), False),
        (np.array([0, 1, 1, 1, 0], np.float32), True),
        (np.zeros(0), False),
    ],
)
def test_a_waveform_that_stays_at_full_scale_is_clipped(wave, clipped):
    assert is_clipped(wave) == clipped
