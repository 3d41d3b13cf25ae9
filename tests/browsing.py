"""What tests in a real browser share.

`make test ARGS='-m browser'` runs these alone. They need Chromium: `apt install chromium`, or its path in
the environment variable CHROMIUM.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
WIDTHS = (1_280, 390)  # a laptop and a phone
browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium, or set CHROMIUM"),
]


def serious(opened: Any) -> list[str]:
    """What axe-core finds that would keep somebody from using the page."""
    found = Axe().run(opened).response["violations"]
    return [f"{v['id']}: {v['help']}" for v in found if v["impact"] in ("serious", "critical")]


def fits(opened: Any) -> bool:
    """Whether nothing reaches beyond the window's width."""
    return opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@contextmanager
def launched(*arguments: str) -> Iterator[Any]:
    """Chromium, with further arguments of its command line."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])
        yield chromium
        chromium.close()


@contextmanager
def offline(chromium: Any) -> Iterator[Any]:
    """A context without a network; an error in its console or a request to elsewhere fails the test."""
    made = chromium.new_context(offline=True, accept_downloads=True)
    troubles: list[str] = []
    made.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    made.on("weberror", lambda error: troubles.append(str(error.error)))
    made.on("request", lambda request: request.url.startswith("http") and troubles.append(request.url))
    yield made
    made.close()
    assert not troubles


def first_player_seconds(opened: Any) -> float:
    """How long the page's first player plays, once it has read its sound."""
    return opened.evaluate(
        "() => new Promise(done => { const a = document.querySelector('audio');"
        " a.addEventListener('loadedmetadata', () => done(a.duration)); a.load(); })"
    )
