"""Everything that a record says of a trained model, measured on the test sets of A and B.

Descriptions are scored against the scene and against five captions; speech is heard by the judge. What
does not depend on the model (the judge's own floor, the ceiling, the attribute reader) is measured once
and kept beside the prepared data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from skiplib import metrics
from skiplib.audio import to_waves
from skiplib.bottleneck import MODALITIES, MemoryFusion
from skiplib.config import Experiment
from skiplib.corpora import open_corpus
from skiplib.files import whole
from skiplib.grammar import parse, scene_facts
from skiplib.judge import Judge
from skiplib.lexicon import vocabularies
from skiplib.model import Code, SkipNet
from skiplib.objective import memory_use
from skiplib.painted import attribute_labels, attribute_reader
from skiplib.prepare import Prepared
from skiplib.probes import centred_cosine, modality_probe, retrieval_r1
from skiplib.scenes import Scene
from skiplib.scores import ItemScores, Scores

PROBE_TRAINING = 1_000  # codes of each modality that the modality probe learns from


@dataclass
class Evaluated:
    """Scores by metric name, and what was written and heard, item by item."""

    scores: dict[str, Scores | float] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)


def evaluate(model: SkipNet, prepared: Prepared, judge: Judge, progress: bool = True) -> Evaluated:
    """All metrics of a record; the true triples (test scenes and their spoken captions) serve here alone."""
    experiment = model.experiment
    a, b = prepared.a["test"], prepared.b["test"]
    scenes, sentences = experiment.evaluation.scenes, experiment.evaluation.sentences
    captions, spoken = a.captions[:scenes], b.sentences[:sentences]
    first = [texts[0] for texts in captions]
    codes = {
        "image": model.encode(a.images[:scenes], "image"),
        "caption": model.encode(first, "text"),
        "sentence": model.encode(spoken, "text"),
        "speech": model.encode([b.mel(i) for i in range(len(spoken))], "speech"),
        "truth": model.encode([prepared.truth.mel(i) for i in range(len(first))], "speech"),
    }
    result = Evaluated()
    result.outputs["i2t"] = model.decode(codes["image"], "text")
    result.outputs["s2t"] = model.decode(codes["speech"], "text")
    for name, code in (("i2s", codes["image"]), ("t2s", codes["sentence"])):
        waves = to_waves(model.decode(code, "speech"), experiment.audio, progress=progress)
        heard = judge.transcribe([w.numpy() for w in waves], experiment.audio.rate, progress)
        result.outputs[name] = heard
    result.scores |= floor(prepared, experiment, judge, progress)
    result.scores |= {
        "s2t_wer": metrics.wer(spoken, result.outputs["s2t"]),
        "t2s_wer": metrics.wer(spoken, result.outputs["t2s"]),
        "i2s_wer": metrics.nearest_wer(captions, result.outputs["i2s"]),
        "i2t_wer": metrics.nearest_wer(captions, result.outputs["i2t"]),
    }
    for name in ("i2t", "i2s"):
        for n in (1, 2, 3, 4):
            result.scores[f"{name}_bleu{n}"] = metrics.bleu(captions, result.outputs[name], n)
    if a.facts[0] is not None:
        result.scores |= _against_scenes(model, prepared, codes, result.outputs, progress)
    result.scores |= _bottleneck(model, prepared, codes, first, spoken)
    return result


def floor(prepared: Prepared, experiment: Experiment, judge: Judge, progress: bool) -> dict[str, Scores]:
    """The judge's errors on the voice itself, before and after mel and Griffin-Lim, and the ceiling:
    a sixth caption against the other five."""
    a = prepared.a["test"]
    count = min(experiment.evaluation.scenes, len(prepared.truth.sentences))
    path = prepared.folder.parent / f"{prepared.folder.name}-{prepared.digest[:8]}-{count}.floor.json"
    if not path.exists():
        _, _, truth = open_corpus(experiment)
        bar = tqdm(truth, total=count, desc="true speech", mininterval=1, disable=not progress)
        voice = [wave for (wave, _), _ in zip((item.waveform() for item in bar), range(count), strict=False)]
        vocoded = to_waves(
            [torch.from_numpy(np.array(prepared.truth.mel(i))) for i in range(count)],
            experiment.audio,
            progress=progress,
        )
        rate = experiment.audio.rate
        heard = {
            "truth": judge.transcribe(voice, rate, progress),
            "vocoded": judge.transcribe([wave.numpy() for wave in vocoded], rate, progress),
        }
        with whole(path) as partial:
            partial.write_text(json.dumps(heard))
    heard = json.loads(path.read_text())
    texts = prepared.truth.sentences[:count]
    scores: dict[str, Scores] = {
        "judge_wer_truth": metrics.wer(texts, heard["truth"]),
        "judge_wer_vocoded": metrics.wer(texts, heard["vocoded"]),
    }
    if a.facts[0] is not None and "sixth" in a.facts[0]:
        sixth = [facts["sixth"] for facts in a.facts if facts is not None][:count]
        scores["ceiling_wer"] = metrics.nearest_wer(a.captions[:count], sixth)
        for n in (1, 2, 3, 4):
            scores[f"ceiling_bleu{n}"] = metrics.bleu(a.captions[:count], sixth, n)
    return scores


def _against_scenes(
    model: SkipNet, prepared: Prepared, codes: dict[str, Code], outputs: dict[str, list[str]], progress: bool
) -> dict[str, Scores]:
    """What was written, heard and painted, against the facts of the scene."""
    world = model.experiment.world
    scenes = [Scene.from_json(facts["scene"]) for facts in prepared.a["test"].facts if facts is not None]
    scenes = scenes[: len(outputs["i2t"])]
    truths = [scene_facts(scene) for scene in scenes]
    written, heard = [parse(s) for s in outputs["i2t"]], [parse(s) for s in outputs["i2s"]]
    unheard = vocabularies(world).zero_shot_concepts
    elsewhere = metrics.derangement(len(truths), seed=0)
    others = [truths[i] for i in metrics.derangement(len(truths), seed=1)]
    swapped = codes["image"][elsewhere]
    shuffled = [parse(s) for s in model.decode(swapped, "text")]
    scores: dict[str, Scores] = {
        "i2t_content_accuracy": metrics.content_accuracy(truths, written),
        "i2t_fact_f1": metrics.fact_f1(truths, written),
        "i2s_content_accuracy": metrics.content_accuracy(truths, heard),
        "i2s_fact_f1": metrics.fact_f1(truths, heard),
        "i2s_content_accuracy_chance": metrics.content_accuracy(truths, others),
        "i2s_fact_f1_chance": metrics.fact_f1(truths, others),
        "i2s_zero_shot_accuracy": metrics.zero_shot_accuracy(truths, heard, unheard),
        "i2s_shared_accuracy": metrics.shared_accuracy(truths, heard, unheard),
        "i2t_zero_shot_accuracy": metrics.zero_shot_accuracy(truths, written, unheard),
        "i2t_shared_accuracy": metrics.shared_accuracy(truths, written, unheard),
        "i2s_i2t_agreement": metrics.agreement(written, heard),
        "i2t_content_accuracy_u_shuffled": metrics.content_accuracy(truths, shuffled),
        "i2t_content_accuracy_u_shuffled_chance": metrics.content_accuracy(truths, others),
    }
    reader = attribute_reader(prepared, world, progress)
    labels = attribute_labels(scenes, world)
    mean = prepared.a["train"].images[:2_000].mean(0) / 255
    scores["reader_accuracy"] = reader.accuracy(np.array(prepared.a["test"].images[: len(scenes)]), labels)
    for name, source in (("t2i", "caption"), ("s2i", "truth")):
        painted = model.decode(codes[source], "image").numpy()
        scores[f"{name}_attribute_accuracy"] = reader.accuracy(painted, labels)
        scores[f"{name}_attribute_accuracy_chance"] = reader.chance(mean.astype(np.float32), labels)
    return scores


def _bottleneck(
    model: SkipNet, prepared: Prepared, codes: dict[str, Code], captions: list[str], sentences: list[str]
) -> dict[str, Scores | float]:
    """The tie between the codes of a pair, what z tells of its modality, and how the memory is read."""
    u = {name: code.u.float().numpy() for name, code in codes.items()}
    scores: dict[str, Scores | float] = {
        "pair_retrieval_r1_image": retrieval_r1(u["image"], u["caption"], texts=captions),
        "pair_retrieval_r1_speech": retrieval_r1(u["speech"], u["sentence"], texts=sentences),
    }
    for name, pair in (("image", ("image", "caption")), ("speech", ("speech", "sentence"))):
        cosine = centred_cosine(u[pair[0]], u[pair[1]])
        scores[f"pair_cosine_{name}"] = ItemScores(cosine, np.ones(len(cosine)))
    scores["modality_probe_accuracy"] = _probe(model, prepared, codes)
    if isinstance(model.memory, MemoryFusion):
        z = torch.cat([codes[name].z for name in ("image", "caption", "sentence", "speech")])
        scores |= {name: float(value) for name, value in memory_use(model.memory, z).items()}
    return scores


def _probe(model: SkipNet, prepared: Prepared, codes: dict[str, Code]) -> ItemScores:
    """A fresh classifier of z: as many codes of each of image, text (half A, half B) and speech."""
    a, b = prepared.a["train"], prepared.b["train"]
    n = min(PROBE_TRAINING, len(a.images), len(b.sentences))
    train = {
        "image": model.encode(a.images[:n], "image").z,
        "text": model.encode([c[0] for c in a.captions[: n // 2]] + b.sentences[: n - n // 2], "text").z,
        "speech": model.encode([b.mel(i) for i in range(n)], "speech").z,
    }
    m = min(len(codes["image"].z), len(codes["speech"].z))
    test = {
        "image": codes["image"].z[:m],
        "text": torch.cat([codes["caption"].z[: m // 2], codes["sentence"].z[: m - m // 2]]),
        "speech": codes["speech"].z[:m],
    }
    data: list[Any] = []
    for part in (train, test):
        data.append(torch.cat([part[name] for name in MODALITIES]).float().numpy())
        data.append(np.repeat(np.arange(len(MODALITIES)), [len(part[name]) for name in MODALITIES]))
    return modality_probe(*data)
