"""The benchmark runs and fills its tables; what it measures is nobody's to test."""

from __future__ import annotations

import pandas as pd

from skiplib import benchmark


def test_preparation_is_measured_in_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr(benchmark, "ROOT", tmp_path)
    benchmark.main(["prepare", "16"])
    table = pd.read_csv(tmp_path / "reports" / "benchmark-prepare.csv")
    assert table["items"].tolist() == [16] and (table.filter(like="peak") > 50).all(axis=None)


def test_training_is_measured_stage_by_stage(tmp_path, monkeypatch, capsys):
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr(benchmark, "ROOT", tmp_path)
    benchmark.main(["train", "smoke"])
    table = pd.read_csv(tmp_path / "reports" / "benchmark-train.csv")
    assert table["stage"].tolist() == ["joint", "text", "apart"] and (table["samples a second"] > 0).all()
    assert "mel frames a second" in capsys.readouterr().out


def test_what_other_machines_gave_stays(tmp_path):
    path = tmp_path / "benchmark-prepare.csv"
    for machine, seconds in (("one", 1.0), ("other", 2.0), ("one", 3.0)):
        benchmark._add(pd.DataFrame({"items": [16], "seconds": [seconds], "machine": [machine]}), path)
    assert pd.read_csv(path)[["machine", "seconds"]].to_numpy().tolist() == [["other", 2.0], ["one", 3.0]]
