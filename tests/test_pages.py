"""The pages that are committed, as a reader opens them: from a disk, without a network, on any screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, WIDTHS, browser, fits, serious

from skiplib.config import ROOT
from skiplib.offline import loads

pytestmark = browser
PAGES = sorted(path for path in ROOT.glob("reports/**/*.html") if not path.parent.name.endswith("-smoke"))
LIMIT = 10_000_000  # bytes


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


def test_there_are_pages_from_the_first_to_the_last() -> None:
    names = {path.relative_to(ROOT / "reports").as_posix() for path in PAGES}
    assert {"index.html", "skipworld-demo/index.html", "skipworld-demo/tables.html"} <= names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_page_reads_offline(path: Path, chromium: Any) -> None:
    assert path.stat().st_size <= LIMIT and loads(path.read_text(encoding="utf-8")) == []
    context = chromium.new_context(offline=True)
    troubles: list[str] = []
    context.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.on("request", lambda request: request.url.startswith("http") and troubles.append(request.url))
    opened = context.new_page()
    opened.goto(path.as_uri())
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        opened.evaluate("() => new Promise(requestAnimationFrame)")  # the page has taken note of it
        assert fits(opened) and not serious(opened)
    alternatives = opened.locator("img").evaluate_all("all => all.map(one => one.alt)")
    assert all(alternatives) and not any("No description" in text for text in alternatives)
    if opened.locator("audio").count():
        seconds = opened.evaluate(
            "() => new Promise(done => { const a = document.querySelector('audio');"
            " a.addEventListener('loadedmetadata', () => done(a.duration)); a.load(); })"
        )
        assert seconds > 0
    for link in opened.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))"):
        assert link.startswith("https://") or (path.parent / link).is_file(), link
    context.close()
    assert not troubles
