"""Files dropped and speech recorded in the page, without JupyterLab around it: what the page sends."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browsing import browser, launched

from skiplib import intake

pytestmark = browser
SCRIPT = (
    Path(intake.__file__).with_name("intake.js").read_text("utf-8").replace("export default", "const made =")
)
PAGE = """<meta charset="utf-8"><main></main><script type="module">
%s
const held = { prompt: "Give it here:", accept: "audio/*", records: true, message: "", count: 0 };
window.held = held;
made.render({
  model: { get: key => held[key], set: (key, value) => { held[key] = value; }, save_changes() {}, on() {} },
  el: document.querySelector("main"),
});
</script>"""
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # it beeps


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "page.html").write_text(PAGE % SCRIPT, "utf-8")
    with launched(*MICROPHONE) as chromium:
        page = chromium.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        yield page


def sent(page: Any) -> tuple[str, bytes]:
    """Name and bytes of the one thing that the page has sent."""
    page.wait_for_function("() => held.count === 1")
    return page.evaluate("held.name"), bytes(page.evaluate("[...new Uint8Array(held.content.buffer)]"))


def test_a_recording_is_sent_as_a_wav_file(opened: Any) -> None:
    opened.get_by_role("button", name="Record").click()
    opened.get_by_text("Recording, at most 29 seconds").wait_for()
    opened.wait_for_timeout(1_500)
    opened.get_by_role("button", name="Stop").click()
    name, content = sent(opened)
    wave, rate = soundfile.read(io.BytesIO(content))
    assert (name, rate, wave.ndim) == ("recording.wav", 16_000, 1)
    assert 0.5 < len(wave) / rate < 6 and np.abs(wave).max() > 0.05
    assert opened.get_by_role("button", name="Record").is_visible()


def test_what_is_dropped_is_sent_and_what_is_too_large_is_not(opened: Any) -> None:
    drop = """([name, size]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(size).fill(7)], name));
      const place = document.querySelector(".intake");
      for (const kind of ["dragenter", "dragover", "drop"])
        place.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    opened.evaluate(drop, ["long.wav", 8_000_001])
    opened.get_by_text("long.wav has 8.0 MB; at most 8 MB are taken.").wait_for()
    assert opened.evaluate("held.count") == 0
    opened.evaluate(drop, ["a.wav", 5])
    assert sent(opened) == ("a.wav", b"\7" * 5)
    assert "over" not in opened.locator(".intake").get_attribute("class")
