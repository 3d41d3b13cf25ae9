"""Everything that a record says of a trained model, measured on the test sets of A and B.

Descriptions are scored against the scene and against five captions; speech is heard by the judge, whose own
floor is measured once (`skiplib.floor`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from skiplib import metrics
from skiplib.attributes import AttributeReader
from skiplib.audio import to_waves
from skiplib.bottleneck import MODALITIES, MemoryFusion
from skiplib.digits import against_digits, once_each
from skiplib.floor import ears_of, floor
from skiplib.grammar import Facts
from skiplib.judge import Judge
from skiplib.known import Known, known
from skiplib.model import Code, SkipNet
from skiplib.objective import memory_use
from skiplib.painted import attribute_reader
from skiplib.prepare import Prepared
from skiplib.probes import centred_cosine, modality_probe, retrieval_r1
from skiplib.scores import ItemScores, Scores
from skiplib.systems import System

TASKS = {  # source and target of what is written or heard
    "i2t": ("image", "text"),
    "s2t": ("speech", "text"),
    "i2s": ("image", "speech"),
    "t2s": ("text", "speech"),
}
PROBE_TRAINING = 1_000  # codes of each modality that the modality probe learns from


@dataclass
class Evaluated:
    """Scores by metric name, what was written and heard, item by item, and digests of what measured."""

    scores: dict[str, Scores | float] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)
    artefacts: dict[str, str] = field(default_factory=dict)


def evaluate(model: System, prepared: Prepared, judge: Judge) -> Evaluated:
    """All metrics of a record that the system's `tasks` allow.

    The true triples (test scenes and their spoken captions) serve here alone.
    """
    experiment = model.experiment
    a, b = prepared.a["test"], prepared.b["test"]
    scenes, sentences = experiment.evaluation.scenes, experiment.evaluation.sentences
    captions, spoken = a.captions[:scenes], b.sentences[:sentences]
    given = {
        "image": a.seen[:scenes],
        "text": spoken,
        "speech": [b.mel(i) for i in range(len(spoken))],
    }
    result = Evaluated()
    for name, (source, target) in TASKS.items():
        if (source, target) not in model.tasks:
            continue
        made = model.translate(given[source], source, target)
        if target == "speech":
            waves = to_waves(made, experiment.audio, progress=True)
            made = judge.transcribe([w.numpy() for w in waves], experiment.audio.rate, progress=True)
        result.outputs[name] = made
    result.scores |= floor(prepared, experiment, judge)
    result.artefacts["judge"] = ears_of(judge)
    for name, made in result.outputs.items():
        if TASKS[name][0] == "image":
            result.scores[f"{name}_wer"] = metrics.nearest_wer(captions, made)
            for n in (1, 2, 3, 4):
                result.scores[f"{name}_bleu{n}"] = metrics.bleu(captions, made, n)
        else:
            result.scores[f"{name}_wer"] = metrics.wer(spoken, made)
    if experiment.corpus == "digits":
        result.scores |= against_digits(model, prepared, result.outputs)
        result.scores = once_each(result.scores, prepared, len(captions))
    else:
        knows = known(experiment, prepared)
        truths = [knows.truth(facts) for facts in a.facts[:scenes]]
        told = {
            name: [knows.told(text) for text in result.outputs[name]]
            for name in ("i2t", "i2s")
            if name in result.outputs
        }
        result.scores |= _described(knows, truths, told)
        if experiment.corpus == "skipworld":
            reader = attribute_reader(prepared, experiment.world)
            result.artefacts["reader"] = reader.digest
            result.scores |= _against_scenes(model, prepared, knows, truths, told, reader)
        elif "+" in experiment.corpus:
            result.scores |= {f"{name}_cider": metrics.cider(captions, result.outputs[name]) for name in told}
    if isinstance(model, SkipNet):
        result.scores |= _bottleneck(model, prepared, given)
    return result


def _described(
    knows: Known, truths: Sequence[Facts], told: Mapping[str, Sequence[Facts]]
) -> dict[str, Scores]:
    """What was written and heard of images, against what is known of them."""
    scores: dict[str, Scores] = {}
    for name, facts in told.items():
        concepts = knows.zero_shot_concepts
        scores[f"{name}_zero_shot_accuracy"] = metrics.zero_shot_accuracy(truths, facts, concepts)
        scores[f"{name}_shared_accuracy"] = metrics.shared_accuracy(truths, facts, concepts)
    if len(told) == 2:
        scores["i2s_i2t_agreement"] = metrics.agreement(told["i2t"], told["i2s"])
    return scores


def _against_scenes(
    model: System,
    prepared: Prepared,
    knows: Known,
    truths: Sequence[Facts],
    told: Mapping[str, Sequence[Facts]],
    reader: AttributeReader,
) -> dict[str, Scores]:
    """What was written, heard and painted, against all the facts of the scene."""
    test, n = prepared.a["test"], len(truths)
    others = [truths[i] for i in metrics.derangement(n, seed=1)]
    chance = metrics.content_accuracy(truths, others)
    scores: dict[str, Scores] = {
        "i2s_content_accuracy_chance": chance,
        "i2s_fact_f1_chance": metrics.fact_f1(truths, others),
    }
    for name, facts in told.items():
        scores[f"{name}_content_accuracy"] = metrics.content_accuracy(truths, facts)
        scores[f"{name}_fact_f1"] = metrics.fact_f1(truths, facts)
    if isinstance(model, SkipNet):
        swapped = np.array(test.seen[:n])[metrics.derangement(n, seed=0)]
        shuffled = [knows.told(text) for text in model.translate(swapped, "image", "text")]
        scores["i2t_content_accuracy_u_shuffled"] = metrics.content_accuracy(truths, shuffled)
        scores["i2t_content_accuracy_u_shuffled_chance"] = chance
    labels = knows.labels(test.facts[:n])
    mean = prepared.a["train"].images[:2_000].mean(0) / 255
    scores["reader_accuracy"] = reader.accuracy(np.array(test.images[:n]), labels)
    captions = [texts[0] for texts in test.captions[:n]]
    said = [prepared.truth.mel(i) for i in range(n)]
    for name, source, x in (("t2i", "text", captions), ("s2i", "speech", said)):
        if (source, "image") in model.tasks:
            painted = model.translate(x, source, "image").numpy()
            scores[f"{name}_attribute_accuracy"] = reader.accuracy(painted, labels)
            scores[f"{name}_attribute_accuracy_chance"] = reader.chance(mean.astype(np.float32), labels)
    return scores


def _bottleneck(model: SkipNet, prepared: Prepared, given: dict[str, Any]) -> dict[str, Scores | float]:
    """The tie between the codes of a pair, what z tells of its modality, and how the memory is read."""
    captions, sentences = [texts[0] for texts in prepared.a["test"].captions], given["text"]
    captions = captions[: len(given["image"])]
    codes = {
        "image": model.encode(given["image"], "image"),
        "caption": model.encode(captions, "text"),
        "sentence": model.encode(sentences, "text"),
        "speech": model.encode(given["speech"], "speech"),
    }
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
    """A fresh classifier of z: as many codes of each of image, text (half A, half B) and speech.

    A tells images and half the texts, B speech and the other half: a z that shows of which set its content is
    and nothing of the modality gives 2/3, not 1/3.
    """
    a, b = prepared.a["train"], prepared.b["train"]
    n = min(PROBE_TRAINING, len(a.seen), len(b.sentences))
    train = {
        "image": model.encode(a.seen[:n], "image").z,
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
