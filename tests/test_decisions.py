"""The table of decisions parses, names switches that exist, and finds what the records say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skiplib.config import experiment, switches
from skiplib.decisions import decisions, measured, section
from skiplib.errors import DataError
from skiplib.provenance import provenance
from skiplib.records import Record, make_record
from skiplib.scores import ItemScores

SOURCE = provenance("abc", "cpu", wall_seconds=3.0, command="papermill x.ipynb")


def run(seed: int, errors: float, **overlay: object) -> Record:
    scores = {"s2t_wer": ItemScores(np.full(5, errors), np.full(5, 10.0))}
    switched = {name.replace("__", "."): value for name, value in overlay.items()}
    made = experiment("ours", "smoke", seed=seed, overlay=switched)
    return make_record(made, scores, SOURCE, switched)


def test_every_row_is_read_and_names_switches_that_exist() -> None:
    found = decisions()
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    groups = {name.split(".")[0] for name in switches()} | {"variant", "no_T_no_Ladv"}
    for one in found:
        for name in one.switches:
            assert name in {*switches(), *groups}, (one.number, name)


def test_trials_belong_to_their_question(tmp_path: Path) -> None:
    found = {one.number: one for one in decisions()}
    assert "diverged" in found[39].trials and "spectral" not in found[38].trials and not found[1].trials
    assert all("trials" in one.why for one in found.values() if one.trials)
    path = tmp_path / "d.md"
    path.write_text("| 1 | what | so | why | - |\n\n## Trials\n\n### 2. What\n\nNothing.\n", encoding="utf-8")
    with pytest.raises(DataError, match="not in the table"):
        decisions(path)


def test_a_row_without_five_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.md"
    path.write_text("| 1 | what | so | why | `memory.slots` |\n| 2 | what | so |\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 of 2 rows"):
        decisions(path)


def test_a_section_is_its_prose() -> None:
    text = section("The paper's numbers that do not hold together")
    assert text.startswith("- Table 1") and "Parameter counts" not in text
    with pytest.raises(DataError, match="no section"):
        section("Nothing")


def test_another_reading_is_held_against_the_default() -> None:
    slots = next(one for one in decisions() if one.question == "Is it a bottleneck?")
    records = [run(seed, 2.0) for seed in range(3)]
    records += [run(seed, 3.0, memory__slots=16) for seed in range(2)]
    records += [run(0, 9.0, optim__rate=0.001), run(0, 9.0, memory__slots=16, optim__rate=0.001)]
    frame = measured(slots, records, ["s2t_wer"], scale="smoke")
    assert frame["other reading"].tolist() == ["memory.slots=16"] and frame["seeds"].tolist() == [2]
    assert frame["difference"].iloc[0] == pytest.approx(0.1)
    rates = next(one for one in decisions() if one.question == "Optimiser")
    (reading,) = measured(rates, records, ["s2t_wer"], scale="smoke")["other reading"]
    assert reading == "optim.rate=0.001"
