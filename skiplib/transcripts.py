"""Transcripts in colour: which words are right, and how they compare with another system's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from math import inf

import jiwer
from IPython.display import HTML

from skiplib.judge import normalise
from skiplib.known import SMALL_WORDS

# Each kind of word has a shape of its own beside its colour; contrast is 4.5 or more, on white and, with the
# colours of `DARK`, on black.
WORDS = {
    "right": "color:var(--right,#00609c)",
    "wrong": "color:var(--wrong,#a8420a);font-weight:bold;text-decoration:underline wavy",
    "inserted": "color:var(--inserted,#8a3a6e);font-style:italic;text-decoration:underline dotted",
    "missing": "color:var(--missing,#5b6570)",
    "mispronounced": "color:var(--mispronounced,#7a5c00);text-decoration:underline dashed",
    "better": "color:var(--better,#1b6e3a);font-weight:bold",
    "clearer": "color:var(--clearer,#4b3a9c);font-weight:bold;font-style:italic",
}
DARK = (
    "--right:#7cc4f5;--wrong:#ffb48a;--inserted:#e6a3d6;--missing:#a6b0ba;--mispronounced:#e3c07a;"
    "--better:#86d9a0;--clearer:#b9adff"
)
# A page follows the reader's system, JupyterLab its own theme.
STYLE = (
    f"<style>@media (prefers-color-scheme:dark){{body:not([data-jp-theme-light]){{{DARK}}}}}"
    f'body[data-jp-theme-light="false"]{{{DARK}}}</style>'
)
BESIDE = ("mispronounced", "better", "clearer")  # kinds that need a vocabulary or another system
ZERO_SHOT = "border:1px solid #5b6570;border-radius:3px;padding:0 .15em"


def coloured(
    sentence: str,
    references: Sequence[str],
    zero_shot: Collection[str] = (),
    vocabulary: Collection[str] = (),
    beside: tuple[str, str] | None = None,
) -> str:
    """`sentence` as HTML, each word right, wrong, inserted or [missing] beside the nearest reference.

    Words in `zero_shot` stand in a box. With a `vocabulary`, a word that is amiss and not in it counts as
    mispronounced. `beside` is what was heard from another system and what that one wrote: a right word that
    was not heard there, and that says something by itself, is better, or clearer if it was written there all
    the same (as Fig. 5 has it, decided by alignment). Both sides are normalised as the metrics do.
    """
    heard = normalise(sentence)
    if not heard:
        return "<i>(nothing)</i>"
    reference = normalise(nearest(sentence, references))
    if not reference:
        return " ".join(_word(word, "inserted") for word in heard.split())
    best = jiwer.process_words(reference, heard)
    reference, words = best.references[0], best.hypotheses[0]
    kinds = {"equal": "right", "substitute": "wrong", "insert": "inserted"}
    heard_there, written_there = (normalise(text).split() for text in beside or ("", ""))
    parts = []
    for chunk in best.alignments[0]:
        if chunk.type == "delete":
            gone = " ".join(reference[chunk.ref_start_idx : chunk.ref_end_idx])
            parts.append(_word(f"[{gone}]", "missing"))
        for word in words[chunk.hyp_start_idx : chunk.hyp_end_idx]:
            kind = kinds[chunk.type]
            if kind != "right" and vocabulary and word not in vocabulary:
                kind = "mispronounced"
            elif kind == "right" and beside and word not in heard_there and word not in SMALL_WORDS:
                kind = "clearer" if word in written_there else "better"
            parts.append(_word(word, kind, word in zero_shot))
    return " ".join(parts)


def nearest(sentence: str, references: Sequence[str]) -> str:
    """The reference with the lowest word error rate, as the metrics choose it; without words the last."""
    said = normalise(sentence)
    return min(references, key=lambda text: jiwer.wer(normal, said) if (normal := normalise(text)) else inf)


def legend(beside: bool = False) -> HTML:
    """How to read `coloured`, alone or `beside` another system, and its colours for the dark."""
    kinds = [kind for kind in WORDS if beside or kind not in BESIDE]
    words = " · ".join(_word("[missing]" if kind == "missing" else kind, kind) for kind in kinds)
    return HTML(f"{STYLE}<p>{words} · {_word('a word that only A has', 'right', True)}</p>")


def _word(word: str, kind: str, boxed: bool = False) -> str:
    style = WORDS[kind] + (f";{ZERO_SHOT}" if boxed else "")
    return f'<span style="{style}" title="{kind}">{escape(word)}</span>'
