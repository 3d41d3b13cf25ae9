"""The packaged voice: text to a recording, by the small synthesiser Hibari, on one thread."""

from __future__ import annotations

from functools import lru_cache

import librosa
import numpy as np
import torch
from hibari import SAMPLE_RATE, Hibari
from torchaudio.functional import resample

from skiplib.errors import DataError

TRIM_DB = 35.0  # below the peak, what counts as silence
MARGIN = 0.020  # seconds of silence kept on each side
PEAK = 0.95


def synthesise(text: str, rate: int = 16_000) -> np.ndarray:
    """`text` spoken: float32 [samples] at `rate` Hz, trimmed, peak 0.95, the same at every call.

    Raises `DataError` if there is nothing to say.
    """
    spoken = _voice()(text, seed=0) if text.strip() else np.zeros(0, np.float32)
    if not spoken.size or not np.abs(spoken).max() > 0:
        raise DataError(f"the voice makes no sound of {text!r}: give it words")
    _, (begin, end) = librosa.effects.trim(spoken, top_db=TRIM_DB)
    margin = round(MARGIN * SAMPLE_RATE)
    kept = spoken[max(0, begin - margin) : end + margin]
    wave = resample(torch.from_numpy(kept), SAMPLE_RATE, rate).numpy()
    return (wave * (PEAK / np.abs(wave).max())).astype(np.float32)


@lru_cache(maxsize=1)
def _voice() -> Hibari:
    return Hibari(threads=1)
