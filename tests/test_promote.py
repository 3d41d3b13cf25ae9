"""Which records of runs become committed ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

from skiplib.config import ROOT, experiment
from skiplib.promote import promote
from skiplib.provenance import provenance
from skiplib.records import Record, make_record, read_records, write_record

HEAD = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
OLDER = "c0ffee" * 6 + "c0ff"  # that is in no history


def record(seed: int, scale: str = "demo", **where: object) -> Record:
    made = make_record(
        experiment("ours", scale, seed=seed), {"s2t_wer": 0.1}, provenance("a", "cpu", 1.0, "make ablation")
    )
    about = {"commit": HEAD, "dirty": False} | where
    return made.model_copy(update={"provenance": made.provenance.model_copy(update=about)})


def test_what_is_unfit_is_left_out_and_told(tmp_path: Path) -> None:
    runs, kept = tmp_path / "runs", tmp_path / "kept"
    other = record(3).model_copy(update={"parameters": record(3).parameters | {"code": 99}})
    for one in (record(0), record(1, dirty=True), record(2, "smoke"), other, record(4, commit=OLDER)):
        write_record(one, runs)
    there = record(4, commit=HEAD, command="make study")
    write_record(there, kept)
    told = promote(runs, kept)
    assert told["skipworld-demo-ours-s0"] == "new" and "skipworld-smoke-ours-s2" not in told
    assert "in no commit" in told["skipworld-demo-ours-s1"]
    assert "other settings" in told["skipworld-demo-ours-s3"]
    assert told["skipworld-demo-ours-s4"] == "replaces the one there"
    assert {one.run_id for one in read_records(kept)} == {"skipworld-demo-ours-s0", "skipworld-demo-ours-s4"}
    assert promote(runs, kept)["skipworld-demo-ours-s0"] == "left out: it is there already"


def test_an_older_record_replaces_none(tmp_path: Path, monkeypatch) -> None:
    history = tmp_path / "history"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-C", str(history)]
    subprocess.run(["git", "init", "-q", str(history)], check=True)
    commits = []
    for _ in range(2):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
        asked = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        commits.append(asked.stdout.strip())
    monkeypatch.setattr("skiplib.config.ROOT", history)
    first, second = commits
    write_record(record(0, commit=first), tmp_path / "runs")
    write_record(record(0, commit=second), tmp_path / "kept")
    assert "a later commit" in promote(tmp_path / "runs", tmp_path / "kept")["skipworld-demo-ours-s0"]
    assert "replaces" in promote(tmp_path / "kept", tmp_path / "runs")["skipworld-demo-ours-s0"]
