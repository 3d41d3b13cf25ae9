"""JupyterLab in a real browser: 00_explore from opening it to hearing what the model says of an image."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import browser, launched
from PIL import Image

from skiplib import config, shipped
from skiplib.explore import examples
from skiplib.grammar import parse
from skiplib.lexicon import vocabularies

pytestmark = browser
IMAGES = 10
MINUTE = 60_000.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab of our own on a copy of the notebook."""
    place = tmp_path_factory.mktemp("lab")
    shutil.copy(config.ROOT / "notebooks" / "00_explore.ipynb", place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        name: str(place / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    own |= {"SKIPLIB_RUNS": str(place / "runs"), "PYTHONPATH": str(config.ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=t", f"--ServerApp.root_dir={place}", "--LabApp.news_url=None"]
    with (place / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=t").close()
                break
            except OSError:
                assert server.poll() is None, (place / "log").read_text()[-3_000:]
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree/00_explore.ipynb?token=t"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def opened(lab: str) -> Iterator[Any]:
    """The notebook, its cells run to the end; nothing was asked of another host."""
    with launched() as chromium:
        page = chromium.new_page(viewport={"width": 1_280, "height": 1_000})
        page.set_default_timeout(2 * MINUTE)
        elsewhere: list[str] = []
        page.on(
            "request", lambda r: re.match(r"(?!http://127\.0\.0\.1)http", r.url) and elsewhere.append(r.url)
        )
        page.goto(lab)
        page.get_by_text("| Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(".memory-explorer canvas").wait_for()
        yield page
        assert not elsewhere


def panel(page: Any, number: int) -> Any:
    """The output of the panel of that number, from the top."""
    return page.locator(".jp-OutputArea-output").filter(has=page.locator(".widget-button")).nth(number)


def press(shown: Any, name: str) -> None:
    """Press a panel's button, and wait until it has answered."""
    before = shown.locator("audio").first.get_attribute("src")
    shown.get_by_role("button", name=name, exact=True).click()
    shown.page.wait_for_function(
        "([shown, before]) => { const a = shown.querySelector('audio'); return a && a.src !== before; }",
        arg=[shown.element_handle(), before],
    )


def test_a_click_on_speak_says_what_the_image_shows(opened: Any) -> None:
    experiment = shipped.load("ours_aligned").experiment
    shown = panel(opened, 0)
    slider = shown.get_by_role("slider")
    captions = examples(experiment, 60).captions
    words = vocabularies(experiment.world)
    speakable = [
        i
        for i, texts in enumerate(captions)
        if not set(parse(texts[0]).content) & set(words.zero_shot_concepts)
    ]
    place, right = int(float(slider.get_attribute("aria-valuenow"))), 0
    assert place in speakable
    for row in [i for i in speakable if i > place][:IMAGES]:
        for _ in range(row - place):
            slider.press("ArrowRight")
        place = row
        shown.get_by_text(f"test image {row}:").wait_for()
        press(shown, "Speak")
        seconds = shown.locator("audio").evaluate("a => a.duration")
        assert 0.5 < seconds < 8
        heard = parse(shown.locator(".heard").inner_text())
        held = (Counter(parse(text).content) <= Counter(heard.content) for text in captions[row])
        right += any(held)
    assert right >= 8


def test_an_image_from_the_disk_is_spoken_of(opened: Any, tmp_path: Path) -> None:
    shown = panel(opened, 0)
    (tmp_path / "notes.png").write_bytes(b"no picture")
    shown.locator("input[type=file]").set_input_files(tmp_path / "notes.png")
    shown.get_by_text("notes.png cannot be read").wait_for()
    Image.new("RGB", (200, 100), "red").save(tmp_path / "red.jpg")
    shown.locator("input[type=file]").set_input_files(tmp_path / "red.jpg")
    shown.get_by_text("red.jpg, as the model sees it").wait_for()
    press(shown, "Speak")
    assert shown.locator("audio").evaluate("a => a.duration") > 0.3


def test_a_slot_is_clicked_and_a_word_is_found(opened: Any) -> None:
    explorer = opened.locator(".memory-explorer")
    canvas = explorer.locator("canvas")
    size = canvas.bounding_box()
    canvas.click(position={"x": size["width"] * 64.5 / 128, "y": 1})
    title = explorer.get_by_role("heading")
    assert title.inner_text() == "Head 1, slot 65: who reads it most"
    assert explorer.locator("figure").count() == 12
    canvas.press("ArrowRight")
    assert "slot 66" in title.inner_text()
    explorer.get_by_label("Find a word's slots").fill("circle")
    explorer.get_by_role("button").first.click()
    named = re.match(r"head (\d+), slot (\d+): ", explorer.get_by_role("button").first.inner_text())
    assert title.inner_text().startswith(f"Head {named[1]}, slot {named[2]}:")
    explorer.get_by_label("Find a word's slots").fill("zebra")
    explorer.get_by_text('No input holds "zebra".').wait_for()
