"""Pages that read offline: nothing fetched, sound alive, formulas set, code folded, origin told."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from skiplib import report
from skiplib.config import ROOT
from skiplib.errors import DataError, SkiplibError
from skiplib.execute import execute
from skiplib.footers import footer
from skiplib.offline import loads

TONE = "wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)"
CELLS = [
    new_markdown_cell(
        "# A toy\n\n$L_{adv}$, [the paper](https://arxiv.org/abs/1908.07094):\n\n$$u = \\sum_i a_i m_i$$"
    ),
    new_code_cell(
        "import numpy as np\nimport ipywidgets\nfrom IPython.display import HTML\n"
        f"from skiplib.report import audio_html\n{TONE}\nHTML(audio_html(wave, 16_000, label='a tone'))"
    ),
    new_code_cell("ipywidgets.IntSlider()"),
    new_code_cell(
        "import sys\nfor i in range(4):\n    print(f'\\r{i} of 3 steps', end='', file=sys.stderr, flush=True)"
    ),
    new_code_cell("from skiplib.execute import done\nprint('the last line')\ndone()"),
]


def write(path: Path, *cells: nbformat.NotebookNode) -> Path:
    nbformat.write(new_notebook(cells=[*map(nbformat.from_dict, cells)]), path)
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    executed = folder / "executed.ipynb"
    execute(write(folder / "toy.ipynb", *CELLS), executed, progress=False)
    report.render(executed, folder / "toy.html", "A toy", {"commit": "0123abc", "scale": "<smoke>"})
    return (folder / "toy.html").read_text(encoding="utf-8")


def without_data(page: str) -> str:
    return re.sub(r'base64,[^"]+', "", page)


def test_nothing_is_fetched(page: str) -> None:
    assert loads(page) == []
    assert not re.findall(r"<(?:script|link|iframe|img)[^>]*https?://", page)
    assert "cdn" not in without_data(page).lower()
    assert "https://arxiv.org/abs/1908.07094" in page  # a link to click may stay


def test_sound_is_inside(page: str) -> None:
    data = re.search(r'<audio [^>]*controls[^>]*src="data:audio/ogg;base64,([^"]+)"', page)
    wave, rate = soundfile.read(io.BytesIO(base64.b64decode(data[1])))
    assert rate == 16_000
    assert abs(wave.size - 16_000) < 1_000
    assert wave[4_000:12_000].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_page_tells_its_origin_and_folds_its_code(page: str) -> None:
    assert "<dd>0123abc</dd>" in page and "<dd>&lt;smoke&gt;</dd>" in page
    assert page.count('<details class="code">') == 4
    assert "<title>A toy</title>" in page
    assert "the last line" in page and "ran to its end" not in page


def test_progress_shows_its_last_state(page: str) -> None:
    assert re.findall(r"\d of 3 steps", page) == ["3 of 3 steps"]


def test_a_fold_of_markdown_holds_what_follows_it(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    fold = "<details><summary>tried</summary>\n\nThis and *that*.\n\n</details>\n\nAfter it."
    nbformat.write(new_notebook(cells=[new_markdown_cell(fold)]), path)
    report.render(path, tmp_path / "n.html", "A page", {})
    page = (tmp_path / "n.html").read_text(encoding="utf-8")
    (held,) = re.findall("<details><summary>tried</summary>(.*?)</details>", page, re.S)
    assert "<em>that</em>" in held and "After it." not in held


def test_formulas_and_controls_need_no_script(page: str) -> None:
    assert page.count("<math") == 2
    assert "$" not in re.sub(r"<math.*?</math>", "", without_data(page), flags=re.S)
    assert re.findall("<script.*?>", page) == ["<script>"]  # the page's own, that sorts tables
    assert "open the notebook in JupyterLab" in page


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://example.org/x.js"></script>',
        '<img src="figure.png">',
        "<div style=\"background: url('http://example.org/a.png')\"></div>",
        '<style>@import "other.css";</style>',
    ],
)
def test_page_that_loads_is_refused(tmp_path: Path, html: str) -> None:
    cell = new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", data={"text/html": html})])
    with pytest.raises(SkiplibError, match="elsewhere"):
        report.render(write(tmp_path / "n.ipynb", cell), tmp_path / "n.html", "n", {})
    assert not (tmp_path / "n.html").exists()


def test_page_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LIMIT", 1_000)
    with pytest.raises(SkiplibError, match="MB"):
        report.render(write(tmp_path / "n.ipynb"), tmp_path / "n.html", "n", {})
    assert list(tmp_path.glob("*.html*")) == []


@pytest.mark.parametrize("wave", [np.zeros(0), np.full(10, np.nan)])
def test_audio_that_cannot_be_played_is_refused(wave: np.ndarray) -> None:
    with pytest.raises(DataError):
        report.encode_audio(wave, 16_000)


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_long_and_loud_audio_encodes(rate: int) -> None:
    wave = np.random.default_rng(0).uniform(-2, 2, rate * 60)
    decoded, found = soundfile.read(io.BytesIO(report.encode_audio(wave, rate)))
    assert found == rate
    assert abs(decoded.size - wave.size) < 2_000


def test_index_links_its_pages(tmp_path: Path) -> None:
    pages = [("One & two", tmp_path / "a" / "one.html", "Why?")]
    report.index(pages, tmp_path / "index.html", footer={"commit": "abc"})
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<a href="a/one.html">One &amp; two</a><br>Why?' in page and "<dd>abc</dd>" in page


def test_every_stored_notebook_says_its_question() -> None:
    found = [path for path in (ROOT / "notebooks").glob("*.ipynb") if path.name.count(".") == 1]
    assert len(found) > 6 and all(report.question(path).endswith("?") for path in found)


def test_a_footer_says_what_ran(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb")
    assert footer(path)["made by"] == "papermill n.ipynb n.out.ipynb"
    report.render(path, tmp_path / "n.html", "n", footer(path))
    assert "<dd>papermill n.ipynb n.out.ipynb</dd>" in (tmp_path / "n.html").read_text(encoding="utf-8")


def test_footers_say_circumstances_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "n.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["papermill"] = {"parameters": {"corpus": "digits", "scale": "smoke", "seed": 1}}
    notebook.metadata["skiplib"] = {"commit": "abc-dirty", "packages": "123", "machine": "a box"}
    nbformat.write(notebook, path)
    monkeypatch.setattr("skiplib.footers.prepared_hash", lambda made: f"{made.corpus}-{made.scale}-and-more")
    facts = footer(path)
    assert facts["data"] == "digits-smoke" and "-p scale smoke -p seed 1" in facts["made by"]
    assert facts["commit"] == "abc-dirty" and facts["machine"] == "a box"
