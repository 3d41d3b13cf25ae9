"""An executed notebook as one HTML file that reads offline: sound, pictures and formulas inside.

Nothing is fetched: formulas become MathML, controls that need a running kernel become a line that says
so, code is folded away, and a page that would still load something from elsewhere is refused.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from jaxtyping import Float

from skiplib.errors import DataError, SkiplibError
from skiplib.execute import SENTINEL
from skiplib.files import whole
from skiplib.offline import loads

LIMIT = 10_000_000  # bytes of a page
BLOCK = 65_536  # samples written at once: libsndfile's Vorbis encoder overflows its stack on long ones
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz
WIDGET = "application/vnd.jupyter.widget-view+json"
CONTROL = "<p class='note'>An interactive control: open the notebook in JupyterLab to use it.</p>"

STYLE, SCRIPT = (Path(__file__).with_name(f"report.{kind}") for kind in ("css", "js"))

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; media-src data:; font-src data:"
)

TOGGLE = (
    "const all = [...document.querySelectorAll('details.code')], open = all.some(d => !d.open); "
    "all.forEach(d => d.open = open); this.textContent = open ? 'hide all code' : 'show all code'"
)

TEMPLATE = """
{%- extends 'index.html.j2' -%}
{% block in_prompt %}{% endblock %}
{% block input_group %}<details class="code{{ '' if cell.outputs else ' silent' }}">
<summary>show code</summary>{{ super() }}</details>{% endblock %}
{% block data_javascript %}{% endblock %}
"""


def encode_audio(wave: Float[np.ndarray, " samples"], rate: int) -> bytes:
    """A mono wave of `rate` Hz in an Ogg file: Opus, a tenth of 16-bit WAV, or Vorbis at rates Opus lacks.

    Raises `DataError` when the wave is empty, not mono or not finite.
    """
    import soundfile

    if wave.ndim != 1 or not wave.size or not np.isfinite(wave).all():
        raise DataError(f"audio to play must be one row of finite samples, not of shape {wave.shape}")
    clipped = np.clip(wave, -1.0, 1.0).astype(np.float32)
    buffer = io.BytesIO()
    codec = "OPUS" if rate in OPUS_RATES else "VORBIS"
    with soundfile.SoundFile(buffer, "w", rate, 1, codec, format="OGG") as file:
        for start in range(0, clipped.size, BLOCK):
            file.write(clipped[start : start + BLOCK])
    return buffer.getvalue()


def audio_data(wave: Float[np.ndarray, " samples"], rate: int) -> str:
    """A mono wave of `rate` Hz as a `data:` address. Raises `DataError` as `encode_audio` does."""
    return f"data:audio/ogg;base64,{base64.b64encode(encode_audio(wave, rate)).decode('ascii')}"


def audio_html(wave: Float[np.ndarray, " samples"], rate: int, label: str = "") -> str:
    """A wave's outline over an `<audio>` element that carries its sound; `label` is read out where needed."""
    name = f' aria-label="{escape(label)}"' if label else ""
    player = f'<audio controls preload="metadata"{name} src="{audio_data(wave, rate)}"></audio>'
    return f'<span style="display:inline-block">{_outline(wave)}{player}</span>'


def _outline(wave: Float[np.ndarray, " samples"], columns: int = 120) -> str:
    """The loudest sample of each stretch of time, as a picture that takes the colour of the text."""
    parts = np.array_split(np.abs(wave), min(columns, len(wave)))
    heights = [round(10 * min(1.0, float(part.max())), 1) for part in parts]
    strokes = "".join(f"M{x} {10 - y}v{2 * y:.1f}" for x, y in enumerate(heights))
    return (
        f'<svg aria-hidden="true" viewBox="0 0 {len(parts)} 20" preserveAspectRatio="none" '
        'style="display:block;width:100%;height:24px">'
        f'<path d="{strokes}" stroke="currentColor" stroke-width=".7"/></svg>'
    )


def render(notebook_path: Path, html_path: Path, title: str, footer: Mapping[str, Any]) -> None:
    """Write the executed notebook as one HTML page; `footer` says where it comes from.

    Raises `SkiplibError` when the page is over 10 MB or would load something from elsewhere.
    """
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor
    from traitlets.config import Config

    notebook = nbformat.read(notebook_path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in map(_offline, cell.outputs) if output.get("text") != ""]
    exporter = HTMLExporter(template_name="basic", config=Config(HTMLExporter={"embed_images": True}))
    exporter.raw_template = TEMPLATE
    exporter.exclude_output_prompt = True
    exporter.exclude_anchor_links = True
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)  # a bar's last state only
    exporter.register_filter("markdown2html", _markdown(notebook_path.parent))
    body, _ = exporter.from_notebook_node(notebook)
    if '<details class="code' in body:
        body = f'<p><button onclick="{TOGGLE}">show all code</button></p>\n{body}'
    nav = '<nav><a href="index.html">All pages</a></nav>'
    _write(html_path, title, f"{nav}\n{body}", footer)


def index(
    pages: Iterable[tuple[str, Path, str]],
    html_path: Path,
    title: str = "The study",
    footer: Mapping[str, Any] | None = None,
) -> None:
    """Write a page that links to `pages`: of each a title, the path of its HTML, and what it answers."""
    lines = [
        f'<li><a href="{escape(os.path.relpath(path, html_path.parent))}">{escape(name)}</a><br>'
        f"{escape(question)}</li>"
        for name, path, question in pages
    ]
    _write(html_path, title, f"<h1>{escape(title)}</h1>\n<ul>{''.join(lines)}</ul>", footer or {})


def question(notebook_path: Path) -> str:
    """What a notebook answers, as its first cell says; empty where it does not."""
    cells = nbformat.read(notebook_path, as_version=4).cells
    found = re.search(r"\*\*Question: (.+?)\*\*", cells[0].source) if cells else None
    return found[1] if found else ""


def _write(html_path: Path, title: str, body: str, footer: Mapping[str, Any]) -> None:
    facts = "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in footer.items())
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{STYLE.read_text()}{_code_colours()}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<footer><dl>{facts}</dl></footer>\n"
        f"<script>{SCRIPT.read_text()}</script>\n</body>\n</html>\n"
    )
    if fetched := loads(page):
        raise SkiplibError(f"{html_path} would load from elsewhere: {', '.join(sorted(set(fetched))[:5])}")
    data = page.encode("utf-8")
    if len(data) > LIMIT:
        raise SkiplibError(f"{html_path} would be {len(data) / 1e6:.1f} MB; the most is {LIMIT / 1e6:.0f} MB")
    with whole(html_path) as partial:
        partial.write_bytes(data)


def _code_colours() -> str:
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _markdown(folder: Path) -> Any:
    """The filter from Markdown to HTML, with formulas as MathML and pictures beside the notebook inside."""
    from jinja2 import pass_context
    from latex2mathml.converter import convert
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    def formula(latex: str, display: str) -> str:
        try:
            return convert(latex.strip(), display=display)
        except Exception:  # latex2mathml names no base class; the formula stays as it was written
            return f"<code>{escape(latex)}</code>"

    class Renderer(IPythonRenderer):
        def block_html(self, html: str) -> str:
            # To embed pictures nbconvert closes what a block leaves open, as a fold that others follow.
            return super().block_html(html) if "<img" in html else f"{html}\n"

        def block_math(self, body: str) -> str:
            return formula(body, "block")

        def inline_math(self, body: str) -> str:
            return formula(body, "inline")

        def latex_environment(self, name: str, body: str) -> str:
            return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    @pass_context
    def markdown(context: Any, source: str) -> str:
        attachments = context.get("cell", {}).get("attachments", {})
        renderer = Renderer(
            escape=False,
            embed_images=True,
            exclude_anchor_links=True,
            path=str(folder),
            attachments=attachments,
        )
        return MarkdownWithMath(renderer=renderer).render(source)

    return markdown


def _offline(output: Any) -> Any:
    """An output without what needs a kernel, and without the line of `done()`."""
    if "text" in output:
        output.text = output.text.replace(f"{SENTINEL}\n", "")
    if WIDGET in output.get("data", {}):
        output.data.pop(WIDGET)
        if set(output.data) <= {"text/plain"}:
            output.data = nbformat.from_dict({"text/html": CONTROL})
    return output
