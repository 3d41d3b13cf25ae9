"""What a person sees, in a real browser: the listening page taken to its end, a report that plays offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from browsing import WIDTHS, browser, first_player_seconds, fits, launched, offline, serious
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from skiplib.descriptions import Described
from skiplib.listening import QUESTIONS, key_of, page, read_ballots
from skiplib.memory_explorer import MemoryExplorer
from skiplib.report import audio_html, index, render
from skiplib.transcripts import coloured, legend

pytestmark = browser
IMAGES = 20


@pytest.fixture
def context() -> Iterator[Any]:
    with launched() as chromium, offline(chromium) as made:
        yield made


def wave(pitch: float) -> np.ndarray:
    return (0.5 * np.sin(np.arange(8_000) * pitch)).astype(np.float32)


def described(row: int, pitch: float) -> Described:
    image, mel = np.full((3, 8, 8), 9 * row, np.uint8), torch.zeros(8, 80)
    return Described(
        row, image, ["a dog"], "a dog", "a dog", mel, wave(pitch), mel, wave(pitch), "a dog", 1.0
    )


def test_the_listening_page_from_begin_to_ballot(context: Any, tmp_path: Path) -> None:
    systems = ("ours_aligned", "piecewise", "cyclegan")
    found = {
        name: [described(row, 0.1 + 0.05 * i) for row in range(IMAGES)] for i, name in enumerate(systems)
    }
    key, place = key_of(found, 0), tmp_path / "listening_test.html"
    place.write_text(page(found, key, 16_000), encoding="utf-8")
    opened = context.new_page()
    opened.goto(place.as_uri())
    opened.get_by_role("button", name="Begin").click()
    assert "letters, digits" in opened.get_by_role("alert").inner_text()
    opened.get_by_label("Your initials or a nickname").fill("Zoë b")
    opened.get_by_role("button", name="Begin").click()
    for place_of in range(IMAGES):
        assert opened.get_by_role("heading", level=2).inner_text() == f"Image {place_of + 1} of {IMAGES}"
        if place_of == 0:
            for width in WIDTHS:
                opened.set_viewport_size({"width": width, "height": 900})
                assert fits(opened) and not serious(opened)
            opened.get_by_role("button", name="Next").click()
            assert "3 questions are still open" in opened.get_by_role("alert").inner_text()
            seconds = opened.wait_for_function("() => document.querySelector('audio').duration").json_value()
            assert 0.4 < seconds < 0.7
        for group in opened.get_by_role("group").all():
            group.get_by_label("B").check()
        if place_of == IMAGES // 2:
            clips = opened.locator("input[type=radio]").evaluate_all("all => all.map(one => one.value)")
            opened.reload()
            again = opened.locator("input[type=radio]").evaluate_all("all => all.map(one => one.value)")
            assert clips == again and all(
                g.get_by_label("B").is_checked() for g in opened.get_by_role("group").all()
            )
        opened.get_by_role("button", name="Finish" if place_of == IMAGES - 1 else "Next").click()
    with opened.expect_download() as download:
        opened.get_by_role("link", name="Save my answers").click()
    (tmp_path / "ballots").mkdir()
    download.value.save_as(tmp_path / "ballots" / "ab.json")
    (ballot,) = read_ballots(tmp_path / "ballots", key).values()
    assert ballot.rater == "Zoë b" and len(ballot.answers) == IMAGES
    assert all(answers.keys() == QUESTIONS.keys() for answers in ballot.answers.values())
    assert json.loads((tmp_path / "ballots" / "ab.json").read_text())["test"] == key.test


def test_a_report_plays_sorts_and_fits_without_a_network(context: Any, tmp_path: Path) -> None:
    named = pd.Index(["a", "b", "c"], name="metric")
    table = pd.DataFrame({"seeds": [3, 12, 5], "verdict": ["met", "missed", "no bar"]}, index=named)
    words = coloured("a red ball over blue", ["a red circle above a square"], ("red",), ("circle",))
    shown = [audio_html(wave(0.1), 16_000, "speech"), table.to_html(), f"{legend().data}<p>{words}</p>"]
    cells = [
        new_markdown_cell("# A page\n\n**Question: does it play?** $u = M(z)$"),
        new_code_cell("play(1)"),
        new_code_cell("import numpy"),
    ]
    cells[1].outputs = [new_output("display_data", data={"text/html": html}) for html in shown]
    nbformat.write(new_notebook(cells=cells), tmp_path / "one.ipynb")
    render(tmp_path / "one.ipynb", tmp_path / "one.html", "One", {"commit": "abc"})
    index([("One", tmp_path / "one.html", "does it play?")], tmp_path / "index.html")
    opened = context.new_page()
    opened.goto((tmp_path / "index.html").as_uri())
    opened.get_by_role("link", name="One").click()
    assert 0.4 < first_player_seconds(opened) < 0.7
    for expected in (["3", "5", "12"], ["12", "5", "3"]):
        opened.get_by_role("button", name="seeds").click()
        assert opened.locator("tbody tr td:first-of-type").all_inner_texts() == expected
    assert opened.get_by_role("button", name="metric").count() == 1
    sides = opened.locator("tbody tr:first-of-type td").evaluate_all(
        "all => all.map(one => one.style.textAlign)"
    )
    assert sides == ["", "left"]  # words, unlike numbers
    assert not opened.get_by_text("show code").last.is_visible()  # of a cell that shows nothing
    opened.locator("details.code summary").first.click()  # one is open: the others follow it
    opened.get_by_role("button", name="show all code").click()
    assert opened.get_by_text("import numpy").is_visible() and opened.get_by_text("play(1)").is_visible()
    opened.get_by_role("button", name="hide all code").click()
    assert not opened.get_by_text("play(1)").is_visible()
    opened.get_by_role("button", name="show all code").click()
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            opened.set_viewport_size({"width": width, "height": 900})
            opened.emulate_media(color_scheme=scheme)
            assert fits(opened) and not serious(opened), scheme


def test_the_memory_explorer_works_in_a_report(context: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    reads = {
        name: random.dirichlet(np.full(16, 0.1), (6, 4)).astype(np.float32) for name in ("image", "speech")
    }
    captions = [f"a {'red' if i % 2 else 'blue'} circle, </script> <b>{i}</b>" for i in range(6)]
    still = MemoryExplorer(reads, captions, np.zeros((6, 3, 8, 8), np.uint8)).still()
    cells = [new_markdown_cell("# A page\n\n**Question: who reads it?**"), new_code_cell("show()")]
    cells[1].outputs = [new_output("display_data", data={"text/html": still})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "one.ipynb")
    render(tmp_path / "one.ipynb", tmp_path / "one.html", "One", {})
    opened = context.new_page()
    opened.goto((tmp_path / "one.html").as_uri())
    opened.get_by_label("Head", exact=True).fill("3")
    opened.get_by_label("Slot", exact=True).fill("7")
    opened.get_by_label("Slot", exact=True).press("Enter")
    title = opened.locator(".memory-explorer").get_by_role("heading")
    assert title.inner_text() == "Head 3, slot 7: who reads it most"
    most = int(reads["image"][:, 2, 6].argmax())
    assert opened.locator("figcaption").first.inner_text().startswith(captions[most])
    opened.get_by_label("Find a word's slots").fill("red")
    assert opened.locator(".slots button").count() == 8
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        assert fits(opened) and not serious(opened)
