"""The pages that are committed, as a reader opens them: from a disk, without a network, on any screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import WIDTHS, browser, first_player_seconds, fits, launched, offline, serious

from skiplib.config import ROOT
from skiplib.offline import loads
from skiplib.report import LIMIT

pytestmark = browser
PAGES = sorted(path for path in ROOT.glob("reports/**/*.html") if not path.parent.name.endswith("-smoke"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with launched() as opened:
        yield opened


def test_there_are_pages_from_the_first_to_the_last() -> None:
    names = {path.relative_to(ROOT / "reports").as_posix() for path in PAGES}
    assert {"index.html", "skipworld-demo/index.html", "skipworld-demo/tables.html"} <= names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_page_reads_offline(path: Path, chromium: Any) -> None:
    assert path.stat().st_size <= LIMIT and loads(path.read_text(encoding="utf-8")) == []
    with offline(chromium) as context:
        opened = context.new_page()
        opened.goto(path.as_uri())
        for width in WIDTHS:
            opened.set_viewport_size({"width": width, "height": 900})
            opened.evaluate("() => new Promise(requestAnimationFrame)")  # the page has taken note of it
            assert fits(opened) and not serious(opened)
        alternatives = opened.locator("img").evaluate_all("all => all.map(one => one.alt)")
        assert all(alternatives) and not any("No description" in text for text in alternatives)
        if opened.locator("audio").count():
            assert first_player_seconds(opened) > 0
        for link in opened.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))"):
            assert link.startswith("https://") or (path.parent / link).is_file(), link
