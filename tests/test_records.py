"""Records go to disk whole, come back the same, and become tables with intervals."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skiplib.config import experiment
from skiplib.errors import RecordError
from skiplib.metrics import bleu
from skiplib.pooled import latest
from skiplib.provenance import Provenance, Start, commit, processor, provenance
from skiplib.records import (
    Record,
    make_record,
    read_record,
    read_records,
    run_id,
    seeds,
    summary,
    write_record,
)
from skiplib.scores import ItemScores

ITEMS = ItemScores(np.array([1.0, 0.0, 2 / 3]), np.ones(3))
HYPOTHESES = ["a red ring above a star", "a blue star", "a big ring"]
REFERENCES = [["a red ring above a big star"], ["a blue star"], ["a small ring", "a ring"]]


def record(seed: int = 0, overlay: dict[str, Any] | None = None, **scores: Any) -> Record:
    given = {"i2t_content_accuracy": ITEMS, "train_seconds": 12.3456789, **scores}
    given |= {f"i2t_bleu{n}": bleu(REFERENCES, HYPOTHESES, n) for n in (1, 2, 3, 4)}
    source = provenance("abc", "cpu", wall_seconds=3.0, command="papermill x.ipynb")
    return make_record(experiment("no_T", "smoke", seed=seed, overlay=overlay), given, source, overlay)


def test_a_page_says_provenance_in_words() -> None:
    starts = (Start(step=0, cores=2), Start(step=40, cores=1))
    words = record().provenance.model_copy(update={"starts": starts, "trained": {"torch": "2.14"}}).in_words()
    assert words["starts"] == "step 0 on 2 cores, step 40 on 1 cores" and words["trained"] == "torch 2.14"
    assert "torchaudio 2." in words["packages"] and set(words) == set(Provenance.model_fields)
    assert words["wall_seconds"] == "3.0" and not any("{" in text for text in words.values())


def test_round_trip(tmp_path: Path) -> None:
    written = record(overlay={"memory.slots": 16, "speech_decoder.prenet": (8, 8)})
    path = write_record(written, tmp_path)
    assert path.name == f"{written.run_id}.json"
    assert read_record(path) == written
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_of_two_records_of_a_run_that_of_the_last_folder_is_the_latest(tmp_path: Path) -> None:
    old, new, other = record(), record(train_seconds=1.0), record(seed=1)
    for one, place in ((old, "committed"), (other, "committed"), (new, "here")):
        write_record(one, tmp_path / place)
    assert latest(tmp_path / "committed", tmp_path / "here", tmp_path / "none") == [new, other]


def test_records_of_other_settings_or_other_data_are_named_and_left_out(tmp_path: Path, caplog: Any) -> None:
    old = record(seed=1)
    old = old.model_copy(update={"parameters": old.parameters | {"code": 99}})
    gone = record(seed=2).model_copy(update={"parameters": {"no": "such switch"}})
    here, there, unknown = record(), record(seed=3), record(seed=4)
    here, there = (of_data(one, name) for one, name in ((here, "mine"), (there, "theirs")))
    slots = {"memory.slots": 16}  # which no data follow from
    same, other = (of_data(record(0, slots), "mine"), of_data(record(1, slots), "theirs"))
    apart = of_data(record(2, {"world.overlap": 0.5}), "wide")
    for one in (old, gone, unknown):
        write_record(one, tmp_path / "committed")
    assert latest(tmp_path / "committed") == [unknown], "none is known to be of other data"
    write_record(there, tmp_path / "committed")
    assert latest(tmp_path / "committed") == [there]
    for one in (here, same):
        write_record(one, tmp_path / "here")
    for one in (other, apart):
        write_record(one, tmp_path / "committed")
    found = latest(tmp_path / "committed", tmp_path / "here")
    assert {one.run_id for one in found} == {one.run_id for one in (here, same, apart)}
    reasons = [
        (old, "other settings"),
        (gone, "other settings"),
        (there, "other data"),
        (unknown, "other data"),
    ]
    for one, why in reasons:
        assert any(one.run_id in line and why in line for line in caplog.messages)


def of_data(one: Record, content: str) -> Record:
    return one.model_copy(update={"provenance": one.provenance.model_copy(update={"content": content})})


def test_scores_come_back_as_they_were() -> None:
    found = record()
    assert found.metrics["i2t_content_accuracy"].value == pytest.approx(5 / 9, abs=1e-6)
    for n in (1, 2, 3, 4):
        scores = found.scores(f"i2t_bleu{n}")
        assert scores is not None
        assert scores.value == pytest.approx(bleu(REFERENCES, HYPOTHESES, n).value)
        assert found.metrics[f"i2t_bleu{n}"].value == pytest.approx(scores.value, rel=1e-5)
    assert set(found.items) == {"i2t_content_accuracy", "i2t_bleu"}
    assert found.scores("train_seconds") is None


def test_names() -> None:
    assert run_id("skipworld", "demo", "ours", 2) == "skipworld-demo-ours-s2"
    name = run_id("skipworld", "demo", "ours", 2, {"memory.slots": 16})
    assert name.startswith("skipworld-demo-ours-s2-")
    assert len(name.rpartition("-")[2]) == 8
    assert name != run_id("skipworld", "demo", "ours", 2, {"memory.slots": 32})


def test_what_is_not_a_number_is_null(tmp_path: Path) -> None:
    nothing = record(i2s_zero_shot_accuracy=ItemScores(np.zeros(3), np.zeros(3)))
    found = read_record(write_record(nothing, tmp_path))
    assert found.metrics["i2s_zero_shot_accuracy"].value is None
    assert summary([found], ["i2s_zero_shot_accuracy"]).empty


@pytest.mark.parametrize("damage", ["truncated", "field", "renamed", "extra"])
def test_bad_file_is_named(tmp_path: Path, damage: str) -> None:
    path = write_record(record(), tmp_path)
    fields = json.loads(path.read_text())
    if damage == "field":
        del fields["metrics"]
    elif damage == "renamed":
        fields["run_id"] = "x"
    elif damage == "extra":
        fields["more"] = 1
    text = json.dumps(fields)
    path.write_text(text[: len(text) // 2] if damage == "truncated" else text)
    with pytest.raises(RecordError, match=path.name):
        read_records(tmp_path)


def test_no_folder_is_no_record(tmp_path: Path) -> None:
    assert read_records(tmp_path / "missing") == []
    assert summary([], ["x"]).empty


def test_summary_is_over_seeds_and_keeps_overlays_apart() -> None:
    runs = [record(s, x=float(s)) for s in range(3)] + [record(0, {"memory.slots": 16}, x=9.0)]
    rows = summary(runs, ["x", "i2t_content_accuracy", "i2t_bleu1"]).set_index(["overlay", "metric"])
    plain = rows.loc[("", "x")]
    assert (plain["mean"], plain.seeds) == (1, 3)
    assert plain.low == 0 and plain.high > 2, "three seeds say little of others, but a rate is not below 0"
    assert rows.loc[("memory.slots=16", "x"), "mean"] == 9
    assert rows.loc[("", "i2t_content_accuracy"), "n"] == 9
    assert rows.loc[("", "i2t_bleu1"), "low"] < rows.loc[("", "i2t_bleu1"), "mean"]


def test_seeds_are_told_apart_by_where_they_were_trained() -> None:
    def elsewhere(run: Record) -> Record:
        source = run.provenance.model_copy(update={"trained": {"machine": "a GPU"}})
        return run.model_copy(update={"provenance": source})

    runs = [record(2), elsewhere(record(1)), record(0)]
    here = f"trained on {runs[0].provenance.machine}"
    frame = seeds(runs, ["no_T", "ours"])
    assert frame.loc["no_T"].to_dict() == {"seeds": "0, 1, 2", here: "0, 2", "trained on a GPU": "1"}
    assert frame.loc["ours"].to_dict() == {"seeds": "missing", here: "", "trained on a GPU": ""}
    assert seeds([], ["ours"]).loc["ours"].to_dict() == {"seeds": "missing"}
    failed = seeds(runs, ["no_T", "ours"], {"ours": [0, 3]})["stopped with an error"]
    assert failed.to_dict() == {"no_T": "", "ours": "0, 3"}
    assert "stopped with an error" not in seeds(runs, ["ours"], {"ours-0123abcd": [0]})


def test_a_commit_differs_by_code_and_not_by_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skiplib.provenance.ROOT", tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for name in ("skiplib/a.py", "notebooks/00_explore.ipynb", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("as it was")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    for name in ("notebooks/00_explore.ipynb", "README.md", "photo.wav"):
        (tmp_path / name).write_text("explored")
    assert commit()[1] is False
    (tmp_path / "skiplib" / "a.py").write_text("changed")
    assert commit()[1] is True


def test_provenance_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = provenance("abc", "cpu", 1.0, "make study", train_seconds=0.5)
    assert found.commit is None
    assert found.dirty is None
    assert found.peak_memory > 10
    assert found.cores >= 1
    assert "torch" in found.packages


def test_a_processor_is_told_from_others_of_its_name(tmp_path):
    told = tmp_path / "cpuinfo"
    core = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n"
    told.write_text(f"processor\t: 0\n{core}\nprocessor\t: 1\n{core}\n")
    assert processor(told) == "AMD EPYC (family 25, model 17)"
    told.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")  # some do not say
    assert processor(told) == processor(tmp_path / "missing") != ""
