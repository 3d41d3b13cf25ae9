"""What an HTML page would fetch when it is opened: a report must need nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser


def loads(html: str) -> list[str]:
    """What a page would fetch, everything but its own `data:`; links to click are no loads."""
    finder = _Loads()
    finder.feed(html)
    styles = re.findall(r"url\(\s*['\"]?(?!data:|#)([^)'\"]+)", " ".join(finder.styles))
    return [*finder.found, *styles, *re.findall(r"@import\s+['\"]([^'\"]+)", " ".join(finder.styles))]


class _Loads(HTMLParser):
    """Collects the addresses in attributes that a browser follows by itself, and all style text."""

    ATTRIBUTES = ("src", "srcset", "poster", "data", "background", "href", "xlink:href")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.styles: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        for name, value in attrs:
            if name == "style":
                self.styles.append(value or "")
            follows = name in self.ATTRIBUTES and tag not in ("a", "area")
            if follows and value and not value.startswith(("data:", "#")):
                self.found.append(value)

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.styles.append(data)
