import json

import numpy as np
import pytest

from skiplib import evaluation
from skiplib.config import World, experiment
from skiplib.painted import attribute_classes, attribute_labels
from skiplib.records import Record
from skiplib.runs import run
from skiplib.scenes import sample_scenes
from skiplib.scores import ItemScores

PROMISED = {
    *("judge_wer_truth", "judge_wer_vocoded", "ceiling_bleu1", "ceiling_wer", "train_seconds"),
    *("i2t_content_accuracy", "i2t_fact_f1", "i2t_bleu1", "i2t_bleu4", "s2t_wer", "t2s_wer"),
    *("i2s_content_accuracy", "i2s_fact_f1", "i2s_wer", "i2s_bleu1", "i2s_bleu4"),
    *("i2s_zero_shot_accuracy", "i2s_shared_accuracy", "i2s_i2t_agreement"),
    *("t2i_attribute_accuracy", "s2i_attribute_accuracy", "t2i_attribute_accuracy_chance"),
    *("pair_retrieval_r1_image", "pair_retrieval_r1_speech", "modality_probe_accuracy"),
    *("memory_entropy", "memory_slots_used"),
    *("i2t_content_accuracy_u_shuffled", "i2t_content_accuracy_u_shuffled_chance"),
}


class Echo:
    """A judge that hears the same in everything."""

    def transcribe(self, waveforms, rate, progress=False):
        assert all(np.isfinite(w).all() for w in waveforms)
        return ["a small red circle above a big blue square"] * len(waveforms)


@pytest.fixture
def places(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("skiplib.config.RUNS_DIR", tmp_path / "runs")
    monkeypatch.setattr("skiplib.runs.prepare", lambda _: prepared)
    return tmp_path


def test_a_run_leaves_a_record_with_every_promised_metric(smoke, places):
    record, path = run(smoke, judge=Echo())
    assert set(record.metrics) >= PROMISED
    assert Record.model_validate(json.loads(path.read_text())) == record
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
