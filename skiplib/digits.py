"""The corpus of digits, judged: who hears a spoken digit, who reads a painted one, and the metrics of both.

Whisper hears only 46% of the words right when single digits of this corpus come through mel and
Griffin-Lim (80% before), so a classifier takes its place, trained apart on the training recordings
of all speakers; its own errors on test recordings stand in every record, as Whisper's do.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate
from tqdm import tqdm

from skiplib.attributes import AttributeReader
from skiplib.audio import prepare_wave, to_mel, to_waves
from skiplib.config import SOURCES_DIR, Audio, Experiment
from skiplib.corpora.digits import WORDS, Digits
from skiplib.errors import DataError
from skiplib.judge import normalise
from skiplib.prepare import ImageTextSet, Prepared
from skiplib.scores import ItemScores, Scores
from skiplib.systems import System

FRAMES = 48  # that every recording is stretched to
EPOCHS = 12  # of the judge
TRAINING_IMAGES = 5_000


class DigitJudge:
    """A recogniser of ten words (`judge.Judge`): a small convolutional network over the mel-spectrogram.

    It always answers one of the ten; only what holds no sound at all gives "".
    """

    def __init__(self, reader: AttributeReader, audio: Audio) -> None:
        self.reader, self.audio = reader, audio

    @classmethod
    def beside(cls, prepared: Prepared, experiment: Experiment) -> DigitJudge:
        """The judge of a prepared corpus: trained once, and kept beside the data."""
        audio = experiment.audio

        def training() -> tuple[np.ndarray, np.ndarray]:
            """Recordings of all speakers, and those of B's voice as the vocoder gives them back."""
            items = list(Digits(SOURCES_DIR / "digits", speaker="").text_speech("train"))
            bar = tqdm(items, desc="digits for the judge", mininterval=1)
            mels = [to_mel(prepare_wave(*item.waveform(), audio), audio) for item in bar]
            b = prepared.b["train"]
            own = [torch.from_numpy(np.array(b.mel(i))) for i in range(len(b.sentences))]
            again = [to_mel(wave, audio) for wave in to_waves(own, audio, progress=True)]
            said = [*(item.text for item in items), *b.sentences]
            return _pictures([*mels, *again]), np.array([WORDS.index(word) for word in said])[:, None]

        path = prepared.beside(".digit_judge.safetensors")
        return cls(AttributeReader.kept(path, training, [len(WORDS)], EPOCHS), audio)

    def transcribe(self, waveforms: Sequence[np.ndarray], rate: int, progress: bool = False) -> list[str]:
        """The digit heard in each waveform, as a word."""
        heard = [""] * len(waveforms)
        mels = {}
        for i, waveform in enumerate(tqdm(waveforms, desc="listening", disable=not progress)):
            try:
                mels[i] = to_mel(prepare_wave(waveform, rate, self.audio), self.audio)
            except DataError:  # silence
                continue
        if mels:
            found = self.reader.predict(_pictures(list(mels.values())))[:, 0]
            for i, digit in zip(mels, found, strict=True):
                heard[i] = WORDS[digit]
        return heard


def against_digits(model: System, prepared: Prepared, outputs: dict[str, list[str]]) -> dict[str, ItemScores]:
    """The digit written, heard and painted, against the true one: shares of test images.

    `_chance` is what the most frequent digit gives.
    """
    test = prepared.a["test"]
    labels = _labels(test)[: model.experiment.evaluation.scenes]
    chance = _right(labels == np.bincount(labels).argmax())
    said = {
        name: np.array([normalise(text) for text in outputs[name]])
        for name in ("i2t", "i2s")
        if name in outputs
    }
    truth = np.array([WORDS[digit] for digit in labels])
    scores = {f"{name}_digit_accuracy": _right(words == truth) for name, words in said.items()}
    scores["i2s_digit_accuracy_chance"] = chance
    if len(said) == 2:
        scores["i2s_i2t_agreement"] = _right(said["i2s"] == said["i2t"])

    def training() -> tuple[np.ndarray, np.ndarray]:
        train = prepared.a["train"]
        return np.array(train.images[:TRAINING_IMAGES]), _labels(train)[:TRAINING_IMAGES, None]

    path = prepared.beside(".digit_reader.safetensors")
    reader = AttributeReader.kept(path, training, [len(WORDS)])
    scores["reader_accuracy"] = reader.accuracy(np.array(test.images[: len(labels)]), labels[:, None])
    mels = [prepared.truth.mel(i) for i in range(len(labels))]
    for name, source, x in (("t2i", "text", truth.tolist()), ("s2i", "speech", mels)):
        if (source, "image") in model.tasks:
            painted = model.translate(x, source, "image").numpy()
            scores[f"{name}_digit_accuracy"] = reader.accuracy(painted, labels[:, None])
    return scores


def once_each(scores: Mapping[str, Scores | float], prepared: Prepared, n: int) -> dict[str, Scores | float]:
    """`scores` over `n` test images, but what is asked of a word or of a recording counts once for each: ten
    words and fifty recordings stand behind five hundred images, and an interval must know."""
    recordings = [prepared.truth.mel(i).tobytes() for i in range(n)]
    asked: dict[str, list[Any]] = {
        "judge_wer_truth": recordings,
        "judge_wer_vocoded": recordings,
        "s2i_digit_accuracy": recordings,
        "t2i_digit_accuracy": _labels(prepared.a["test"]).tolist(),
        "t2s_wer": prepared.b["test"].sentences,
    }
    return {
        name: score.take(_first(asked[name][: len(score)])) if name in asked else score
        for name, score in scores.items()
    }


def _first(things: Iterable[Hashable]) -> np.ndarray:
    """Where each different thing comes first."""
    places: dict[Hashable, int] = {}
    for place, thing in enumerate(things):
        places.setdefault(thing, place)
    return np.array([*places.values()])


def _labels(split: ImageTextSet) -> np.ndarray:
    return np.array([facts["digit"] for facts in split.facts])


def _right(found: np.ndarray) -> ItemScores:
    return ItemScores(found.astype(np.float64), np.ones(len(found)))


def _pictures(mels: Sequence[Any]) -> np.ndarray:
    """Mels of any length as float32 pictures [n, 3, FRAMES, bands] in [0, 1]."""
    rows = [interpolate(mel.T[None], size=FRAMES, mode="linear")[0].T for mel in mels]
    return torch.stack(rows)[:, None].expand(-1, 3, -1, -1).numpy()
