"""The committed tables follow from the committed records."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from test_claims import runs

from skiplib import claims, paper
from skiplib.config import RECORDS_DIR
from skiplib.derived import chosen
from skiplib.pooled import latest
from skiplib.records import Record
from skiplib.results import COLUMNS, commands, linked, parameters, results, shown, vocabulary


@pytest.fixture(scope="module")
def committed() -> list[Record]:
    return chosen(latest(RECORDS_DIR))


@pytest.mark.parametrize("name", ["results", "claims"])
def test_the_files_follow_from_the_records(name: str, committed: list[Record]) -> None:
    made = results(committed) if name == "results" else claims.verdicts(committed)
    kept = (RECORDS_DIR.parent / f"{name}.csv").read_text(encoding="utf-8")
    assert made.to_csv(index=False, float_format="%.6g") == kept, "run: python -m skiplib.results"


def test_every_row_of_the_paper_is_there_and_ours_beside_it() -> None:
    frame = results(runs("ours", 1.0) + runs("no_T", 1.5), scale="smoke")
    assert list(frame.columns) == COLUMNS
    four = frame[(frame["table"] == "4") & (frame["metric"] == "s2t_wer")].set_index("row")
    assert set(paper.TABLE_4) | {"ours_aligned", "aligned_no_M"} <= set(four.index)
    assert four.loc["no_T", "reported"] == 0.0601 and pd.isna(four.loc["aligned_no_T", "reported"])
    assert four.loc["no_T", "measured"] == pytest.approx(1.5 * four.loc["ours", "measured"], rel=1e-4)
    assert four.loc["no_T", "ci_low"] < four.loc["no_T", "measured"] < four.loc["no_T", "ci_high"]
    assert four.loc["no_T", "verdict"] == claims.SUPPORTED and four.loc["no_M", "verdict"] == claims.UNDECIDED
    assert four.loc["no_T", "seeds"] == 3 and four.loc["no_M", "seeds"] == 0
    assert four.loc["no_T", "command"].count("make ablation VARIANT=no_T") == 3


def test_a_system_that_cannot_be_has_no_parameters() -> None:
    assert parameters("cyclegan") == "5.10 M"
    assert parameters("cyclegan", corpus="flickr8k+ljspeech") == "-"
    photographs = results([], corpus="flickr8k+ljspeech")
    assert "-" in set(shown(photographs, [], "1")["parameters"])


def test_the_vocabulary_of_each_system_is_told(committed: list[Record]) -> None:
    assert vocabulary([]).empty
    found = vocabulary(committed)
    assert {"ours", "ours_aligned", "piecewise", "cyclegan"} <= {*found.index}
    assert found.loc["piecewise", "seeds"] == 5
    assert found.loc["cyclegan", "zero-shot concepts said"] != "missing"


def test_verdicts_link_to_their_records(committed: list[Record]) -> None:
    page = RECORDS_DIR.parent / "skipworld-demo"
    links = re.findall('href="([^"]+)"', linked(claims.verdicts(committed), page).data)
    assert "../records/skipworld-demo-ours-s0.json" in links
    assert all((page / link).is_file() for link in links)
    row = dict.fromkeys(claims.COLUMNS, "<i>") | {"records": "nowhere"}
    html = linked(pd.DataFrame([row]), page).data
    assert "&lt;i&gt;" in html and "<i>" not in html and "/records/nowhere.json" in html


def test_a_table_to_read_says_what_is_missing() -> None:
    found = runs("ours", 1.0) + runs("no_T", 1.5)
    frame = results(found, scale="smoke")
    table = shown(frame, found, "4")
    row = table.loc[("s2t_wer (%)", "no_T")]
    assert float(row["against ours"]) == pytest.approx(
        float(row["measured"]) - float(table.loc[("s2t_wer (%)", "ours"), "measured"]), abs=0.11
    )
    low, high = map(float, row["its 95% interval"].split(" to "))
    assert (
        low < float(row["against ours"]) < high and table.loc[("s2t_wer (%)", "ours"), "against ours"] == ""
    )
    assert commands(frame, "4").loc["no_T", "command"].count("make ablation VARIANT=no_T") == 3
    assert table.loc[("s2t_wer (%)", "ours"), "reported"] == "3.9"
    assert table.loc[("s2t_wer (%)", "no_M"), "measured"] == "missing"
    assert table.loc[("s2t_wer (%)", "no_M"), "in the paper"] == "Ours w/o M"
    assert ("s2t_wer (%)", "aligned_no_M") not in table.index  # neither reported nor measured
    measured, interval = table.loc[("s2t_wer (%)", "ours"), ["measured", "95% interval"]]
    low, high = map(float, interval.split(" to "))
    assert low < float(measured) < high
