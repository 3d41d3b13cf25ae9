"""The judge's own errors on the voice itself: the floor of every figure that it gives, measured once."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from skiplib import audio, metrics
from skiplib.audio import prepare_wave, to_waves
from skiplib.config import Experiment
from skiplib.corpora import open_corpus
from skiplib.files import whole
from skiplib.judge import Judge
from skiplib.prepare import Prepared, TextSpeechSet
from skiplib.scores import Scores


def floor(prepared: Prepared, experiment: Experiment, judge: Judge) -> dict[str, Scores]:
    """The judge's errors on the voice speaking A's test captions, before and after mel and Griffin-Lim
    (`judge_wer_truth`, `judge_wer_vocoded`), and B's test sentences, after (`judge_wer_sentences`).

    The vocoded captions against the other captions of their images (`oracle_bleu1` to 4) are the oracle of
    Table 1: a right description in the true voice, through the same vocoder.

    Beside them the ceiling: a sixth caption against the other five. It is what a right description gets whose
    wording is drawn as theirs are; one that always takes the commonest wording gets more.
    """
    a, b, truth = prepared.a["test"], prepared.b["test"], prepared.truth
    scenes = min(experiment.evaluation.scenes, len(truth.sentences))
    spoken = min(experiment.evaluation.sentences, len(b.sentences))

    def of_truth() -> dict[str, list[str]]:
        usable = set(truth.ids)  # the corpus may have items that could not be
        items = islice((item for item in open_corpus(experiment).truth if item.id in usable), scenes)
        bar = tqdm(items, total=scenes, desc="true speech", mininterval=1)
        voice = [prepare_wave(*item.waveform(), experiment.audio).numpy() for item in bar]
        said = judge.transcribe(voice, experiment.audio.rate, progress=True)
        return {"truth": said, "vocoded": _vocoded(truth, scenes, experiment, judge)}

    ears = ears_of(judge)
    heard = _once(prepared.beside(f"-{scenes}.floor-{ears}.json"), of_truth)
    heard |= _once(
        prepared.beside(f"-{spoken}.floor-b-{ears}.json"),
        lambda: {"sentences": _vocoded(b, spoken, experiment, judge)},
    )
    scores: dict[str, Scores] = {
        "judge_wer_truth": metrics.wer(truth.sentences[:scenes], heard["truth"]),
        "judge_wer_vocoded": metrics.wer(truth.sentences[:scenes], heard["vocoded"]),
        "judge_wer_sentences": metrics.wer(b.sentences[:spoken], heard["sentences"]),
    }
    others = [captions[1:] for captions in a.captions[:scenes]]  # the first is what was spoken
    if all(others):
        scores |= {f"oracle_bleu{n}": metrics.bleu(others, heard["vocoded"], n) for n in (1, 2, 3, 4)}
    if "sixth" in a.facts[0]:
        sixth = [facts["sixth"] for facts in a.facts[:scenes]]
        scores["ceiling_wer"] = metrics.nearest_wer(a.captions[:scenes], sixth)
        for n in (1, 2, 3, 4):
            scores[f"ceiling_bleu{n}"] = metrics.bleu(a.captions[:scenes], sixth, n)
    return scores


def ears_of(judge: Judge) -> str:
    """A name for how a judge hears, which the code of the judge and of the vocoder changes: another one has
    another floor."""
    files = [Path(audio.__file__)]
    with suppress(TypeError, OSError):  # of a class that was made in a notebook there is no file
        files.append(Path(inspect.getfile(type(judge))))
    code = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    return f"{type(judge).__name__}-{code.hexdigest()[:8]}"


def _vocoded(speech: TextSpeechSet, count: int, experiment: Experiment, judge: Judge) -> Sequence[str]:
    """What the judge hears in true speech that went through mel and Griffin-Lim."""
    mels = [torch.from_numpy(np.array(speech.mel(i))) for i in range(count)]
    waves = [wave.numpy() for wave in to_waves(mels, experiment.audio, progress=True)]
    return judge.transcribe(waves, experiment.audio.rate, progress=True)


def _once(path: Path, listen: Callable[[], dict[str, list[str]]]) -> dict[str, list[str]]:
    """What was heard once and kept; a file that is damaged is made anew."""
    with suppress(FileNotFoundError, ValueError):
        return json.loads(path.read_text())
    heard = listen()
    with whole(path) as partial:
        partial.write_text(json.dumps(heard))
    return heard
