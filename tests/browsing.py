"""What tests in a real browser share.

`make test ARGS='-m browser'` runs these alone. They need Chromium: `apt install chromium`, or its path in
the environment variable CHROMIUM.
"""

from __future__ import annotations

import os
import shutil
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
