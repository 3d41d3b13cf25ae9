import json

import numpy as np
import pytest
import torch

from skiplib import evaluation, metrics
from skiplib.attributes import AttributeReader
from skiplib.config import World, experiment
from skiplib.floor import ears_of
from skiplib.grammar import parse, scene_facts
from skiplib.model import Code
from skiplib.painted import attribute_classes, attribute_labels
from skiplib.records import Record
from skiplib.runs import run
from skiplib.scenes import Scene, sample_scenes
from skiplib.scores import ItemScores
from skiplib.systems import build

PROMISED = {
    *("judge_wer_truth", "judge_wer_vocoded", "judge_wer_sentences", "ceiling_bleu1", "ceiling_wer"),
    *("oracle_bleu1", "oracle_bleu4"),
    "train_seconds",
    *("i2t_content_accuracy", "i2t_fact_f1", "i2t_bleu1", "i2t_bleu4", "s2t_wer", "t2s_wer"),
    *("i2s_content_accuracy", "i2s_fact_f1", "i2s_wer", "i2s_bleu1", "i2s_bleu4"),
    *("i2s_zero_shot_accuracy", "i2s_shared_accuracy", "i2s_i2t_agreement"),
    *("t2i_attribute_accuracy", "s2i_attribute_accuracy", "t2i_attribute_accuracy_chance"),
    *("pair_retrieval_r1_image", "pair_retrieval_r1_speech", "modality_probe_accuracy"),
    *("memory_entropy", "memory_slots_used"),
    *("i2t_content_accuracy_u_shuffled", "i2t_content_accuracy_u_shuffled_chance"),
}


def test_the_codes_of_a_pair_are_held_against_each_other(prepared, monkeypatch):
    sentences, of = prepared.b["test"].sentences, prepared.a["test"]
    given = {"image": of.seen, "text": sentences}
    given["speech"] = [prepared.b["test"].mel(i) for i in range(len(sentences))]
    monkeypatch.setattr(evaluation, "_probe", lambda *_: 0.0)
    model = build(experiment("no_M", "smoke"))

    def scores(shift):
        def encode(x, source):
            of_b = source == "speech" or (source == "text" and x == sentences)
            u = torch.randn(len(x), 32, generator=torch.Generator().manual_seed(int(of_b)))
            u = u.roll(0 if source == "text" else shift, 0)
            return Code(u, u, u)

        monkeypatch.setattr(model, "encode", encode)
        found = evaluation._bottleneck(model, prepared, given)
        return {name: found[name].value for name in found if name.startswith("pair_")}

    names = {f"pair_{what}_{side}" for what in ("retrieval_r1", "cosine") for side in ("image", "speech")}
    assert scores(0) == dict.fromkeys(names, pytest.approx(1))
    assert all(value < 0.4 for value in scores(1).values())


class Echo:
    """A judge that hears the same in everything."""

    def transcribe(self, waveforms, rate, progress=False):
        assert all(np.isfinite(w).all() for w in waveforms)
        return ["a small red circle above a big blue square"] * len(waveforms)


class Brightness(AttributeReader):
    """A reader of attributes that tells bright images from dark ones."""

    digest = "bright"

    def __init__(self):
        super().__init__([2])

    def accuracy(self, images, labels):
        return ItemScores(np.asarray(images).mean((1, 2, 3)) / 255, np.ones(len(labels)))

    def chance(self, mean_image, labels):
        return ItemScores(np.full(len(labels), mean_image.mean()), np.ones(len(labels)))


@pytest.fixture
def places(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("skiplib.config.RUNS_DIR", tmp_path / "runs")
    monkeypatch.setattr("skiplib.runs.prepare", lambda _: prepared)
    return tmp_path


def test_a_run_leaves_a_record_with_every_promised_metric(smoke, places):
    record, path = run(smoke, judge=Echo())
    assert set(record.metrics) >= PROMISED
    assert Record.model_validate(json.loads(path.read_text())) == record
    assert [start.step for start in record.provenance.starts] == [0]
    assert record.metrics["i2s_wer"].n == smoke.evaluation.scenes
    assert 0.5 < record.metrics["ceiling_bleu1"].value / 100 <= 1
    assert set(record.outputs) == {"i2t", "i2s", "s2t", "t2s"}


def test_a_model_without_memory_is_evaluated_too(places):
    record, _ = run(experiment("aligned_no_M", "smoke"), judge=Echo())
    assert "memory_entropy" not in record.metrics and "i2s_wer" in record.metrics


@pytest.mark.parametrize(
    ("variant", "outputs"),
    [("piecewise", {"i2t", "i2s", "t2s"}), ("cyclegan", {"i2s"}), ("separate", {"i2t", "i2s", "t2s", "s2t"})],
)
def test_a_baseline_is_measured_in_what_it_can_do(variant, outputs, places):
    record, _ = run(experiment(variant, "smoke"), judge=Echo())
    assert set(record.outputs) == outputs
    assert {"i2s_wer", "i2s_bleu4", "i2s_fact_f1", "i2s_zero_shot_accuracy"} <= set(record.metrics)
    assert ("i2s_i2t_agreement" in record.metrics) == ("i2t" in outputs)
    assert ("s2i_attribute_accuracy" in record.metrics) == (variant == "cyclegan")
    assert ("t2i_attribute_accuracy" in record.metrics) == (variant == "separate")
    assert ("s2t_wer" in record.metrics) == ("s2t" in outputs)
    assert not {"modality_probe_accuracy", "memory_entropy"} & set(record.metrics)


def test_scores_are_of_what_was_written_heard_and_painted(model, prepared, monkeypatch):
    """A system that knows every caption, and speaks of one image as if it were the next."""
    test, options = prepared.a["test"], model.experiment.evaluation
    captions = [texts[0] for texts in test.captions[: options.scenes]]
    sentences = prepared.b["test"].sentences[: options.sentences]
    rows = {image.tobytes(): i for i, image in enumerate(np.array(test.seen[: options.scenes]))}
    heard = [[captions[1], *captions[1:]], [f"{sentences[0]} extra", *sentences[1:]]]

    def translate(x, source, target):
        if target == "image":
            true = torch.from_numpy(np.array(test.images[: options.scenes]))
            return true if source == "text" else torch.zeros_like(true)
        if target == "speech":
            return [torch.full((10, 80), 0.5)] * len(x)
        return [captions[rows[i.tobytes()]] for i in np.array(x)] if source == "image" else sentences

    class Hears:
        def transcribe(self, waveforms, rate, progress=False):
            return heard.pop(0) if heard else [""] * len(waveforms)

    monkeypatch.setattr(model, "translate", translate)
    monkeypatch.setattr(evaluation, "attribute_reader", lambda *_: Brightness())
    result = evaluation.evaluate(model, prepared, Hears())
    assert result.artefacts == {"reader": "bright", "judge": ears_of(Hears())}
    scores = result.scores
    for name, value in {"content_accuracy": 1, "fact_f1": 1, "wer": 0, "bleu1": 100, "bleu4": 100}.items():
        assert scores[f"i2t_{name}"].value == pytest.approx(value), name
    assert scores["s2t_wer"].value == 0
    assert scores["t2s_wer"].value == pytest.approx(1 / sum(len(text.split()) for text in sentences))
    truths = [scene_facts(Scene.from_json(facts["scene"])) for facts in test.facts[: options.scenes]]
    said = [parse(text) for text in (captions[1], *captions[1:])]
    assert scores["i2s_content_accuracy"].value == metrics.content_accuracy(truths, said).value < 1
    assert scores["i2s_fact_f1"].value == metrics.fact_f1(truths, said).value < 1
    assert scores["i2s_i2t_agreement"].value == metrics.agreement(truths, said).value < 1
    (wrong,) = np.flatnonzero(scores["i2s_wer"].numerator)
    bleus = [scores[f"i2s_bleu{n}"].value for n in (1, 2, 3, 4)]
    assert wrong == 0 and 100 > bleus[0] > bleus[1] > bleus[2] > bleus[3] > 0
    others = [parse(captions[i]) for i in metrics.derangement(len(truths), seed=0)]
    shuffled = metrics.content_accuracy(truths, others).value
    assert scores["i2t_content_accuracy_u_shuffled"].value == shuffled < 1
    assert scores["t2i_attribute_accuracy"].value == scores["reader_accuracy"].value > 0
    assert scores["s2i_attribute_accuracy"].value == 0


@pytest.mark.parametrize("world", [experiment("ours", "demo").world, World()])
def test_labels_fit_their_classes(world):
    labels = attribute_labels(sample_scenes(world, "train", 50), world)
    classes = np.array(attribute_classes(world))
    assert labels.shape == (50, len(classes)) and (labels >= 0).all() and (labels < classes).all()


def test_probing_uses_as_many_codes_of_each_modality(model, prepared, monkeypatch):
    seen = {}
    score = ItemScores(np.ones(1), np.ones(1))
    monkeypatch.setattr(evaluation, "modality_probe", lambda *data: seen.update(data=data) or score)
    a, b = prepared.a["test"], prepared.b["test"]
    codes = {
        "image": model.encode(a.images, "image"),
        "caption": model.encode([c[0] for c in a.captions], "text"),
        "sentence": model.encode(b.sentences, "text"),
        "speech": model.encode([b.mel(i) for i in range(len(b.sentences))], "speech"),
    }
    evaluation._probe(model, prepared, codes)
    _, y_train, _, y_test = seen["data"]
    assert len(set(np.bincount(y_train))) == 1 and len(set(np.bincount(y_test))) == 1
