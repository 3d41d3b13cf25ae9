"""An experiment, of the groups of switches in `options`; scales and variants are small overlays.

The defaults are the paper's sizes and the reading of the paper that `DECISIONS.md` sets out. A *scale*
overlays sizes and schedule, a *variant* what one row of a table changes, a *corpus* what it needs otherwise,
and an *overlay* given by the caller comes last. All are dictionaries of dotted names (`{"memory.slots": 16}`)
that are checked on the way in: nobody else parses anything.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from skiplib.errors import ConfigError
from skiplib.options import (
    Adversarial,
    Alignment,
    Audio,
    Digits,
    Evaluation,
    Frozen,
    Image,
    ImageDecoder,
    ImageEncoder,
    Loss,
    Memory,
    Optim,
    Sentences,
    Size,
    SpeechDecoder,
    SpeechEncoder,
    TextDecoder,
    TextEncoder,
    Transformer,
    World,
)
from skiplib.presets import BASELINES, CORPORA, SCALES, VARIANTS

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable: str, default: Path) -> Path:
    """The folder that an environment variable names, from where the process was started; unset or empty, the
    default."""
    return Path(os.environ.get(variable) or default).resolve()


DATA_DIR = _folder("SKIPLIB_DATA", ROOT / "data")
SOURCES_DIR = _folder("SKIPLIB_SOURCES", DATA_DIR / "sources")  # of corpora that are not made here
RUNS_DIR = _folder("SKIPLIB_RUNS", ROOT / "runs")
RECORDS_DIR = ROOT / "reports" / "records"
BOTTLENECK = ("transformer", "memory", "adversarial", "alignment")  # groups that no baseline reads
# Groups that the data of some corpora alone follow from.
READ_BY = {"world": ("skipworld",), "digits": ("digits",), "sentences": tuple(c for c in CORPORA if "+" in c)}


class Experiment(Frozen):
    """Everything that determines a run; stored in the checkpoint and in the record."""

    variant: str
    scale: str
    corpus: str = "skipworld"
    seed: int = Field(0, ge=0, le=2**32 - 1)  # what NumPy's seed and Lightning's can be
    code: Size = 512  # size of e
    latent: Size = 256  # size of z and u
    init: Literal["identity", "linear"] = "identity"
    code_norm: Literal["none", "batch"] = "none"  # of each encoder's e, one norm a modality
    world: World = World()
    digits: Digits = Digits()
    sentences: Sentences = Sentences()
    audio: Audio = Audio()
    image: Image = Image()
    text_encoder: TextEncoder = TextEncoder()
    image_encoder: ImageEncoder = ImageEncoder()
    speech_encoder: SpeechEncoder = SpeechEncoder()
    transformer: Transformer = Transformer()
    memory: Memory = Memory()
    adversarial: Adversarial = Adversarial()
    alignment: Alignment = Alignment()
    image_decoder: ImageDecoder = ImageDecoder()
    text_decoder: TextDecoder = TextDecoder()
    speech_decoder: SpeechDecoder = SpeechDecoder()
    loss: Loss = Loss()
    optim: Optim = Optim()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _groups_fit(self) -> Experiment:
        reads = self.memory.kind == "attention" or self.speech_decoder.attend == "heads"
        if reads and self.latent % self.memory.heads:
            raise ValueError(f"memory.heads={self.memory.heads} does not divide latent={self.latent}")
        later = [n for n in ("gap_noise", "follow", "text_stage", "chain") if getattr(self.alignment, n)]
        if later and self.optim.joint == 1:
            raise ValueError(
                f"alignment.{later[0]} comes after the joint stage, which optim.joint=1 never ends; lower it"
            )
        if self.variant in BASELINES and self.optim.joint != 1:
            raise ValueError(
                f"{self.variant} learns in one stage, and not with optim.joint={self.optim.joint}"
            )
        return self

    @model_validator(mode="after")
    def _can_be_built(self) -> Experiment:
        strides, size = self.image_decoder.strides, self.image.size
        if self.variant != "piecewise" and 4 * math.prod(strides) != size:  # that one paints nothing
            raise ValueError(f"image_decoder.strides={strides} do not lead from 4 to {size} pixels")
        if self.variant == "cyclegan" and self.image.features != "none":
            raise ValueError("cyclegan encodes the images that it paints: it needs image.features=none")
        if self.speech_decoder.attend == "slots" and self.memory.kind != "attention":
            raise ValueError("speech_decoder.attend=slots needs memory.kind=attention")
        return self


def experiment(
    variant: str = "ours_aligned",
    scale: str = "demo",
    corpus: str = "skipworld",
    seed: int = 0,
    overlay: Mapping[str, Any] | None = None,
) -> Experiment:
    """The experiment that these names stand for.

    `overlay` maps dotted names to values, as `{"memory.slots": 16}`.

    Raises `ConfigError`, with the list of what exists, on an unknown name, or on a value of the wrong type or
    that does not go with the others.
    """
    if not isinstance(overlay, Mapping | None):
        raise ConfigError(
            f"an overlay maps switches to values, and {overlay!r} is no mapping: "
            "`overlays.parse_overlay` reads a line of text"
        )
    known = {"variant": VARIANTS, "scale": SCALES, "corpus": CORPORA}
    for kind, name in zip(known, (variant, scale, corpus), strict=True):
        if not isinstance(name, str) or name not in known[kind]:
            raise ConfigError(f"unknown {kind} {name!r}; there are: {', '.join(known[kind])}")
    given = {str(name): value for name, value in (overlay or {}).items()}
    if variant in BASELINES and (lacking := [n for n in given if n.partition(".")[0] in BOTTLENECK]):
        raise ConfigError(f"{lacking[0]} sets nothing of {variant}, which has no {', '.join(BOTTLENECK)}")
    if unread := [n for n in given if corpus not in READ_BY.get(n.partition(".")[0], CORPORA)]:
        raise ConfigError(f"{unread[0]} sets nothing of the corpus {corpus}")
    preset = SCALES[scale] | VARIANTS[variant] | CORPORA[corpus].get(scale, {})
    values: dict[str, Any] = {"variant": variant, "scale": scale, "corpus": corpus, "seed": seed}
    for name, value in (preset | given).items():
        _set(values, name, value)
    try:
        made = Experiment.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explained(error)) from error
    # Its heads are D_spch's too (speech_decoder.attend).
    of_memory = [n for n in given if n.startswith("memory.") and n not in ("memory.kind", "memory.heads")]
    if of_memory and made.memory.kind != "attention":
        raise ConfigError(f"{of_memory[0]} sets nothing of {variant}, where memory.kind={made.memory.kind}")
    return made


def switches() -> dict[str, Any]:
    """Every dotted name that an overlay may set, with its default at `paper` scale."""
    flat: dict[str, Any] = {}
    for name, field in Experiment.model_fields.items():
        if isinstance(field.default, Frozen):
            flat |= {f"{name}.{key}": value for key, value in field.default}
        elif name in {"code", "latent", "init", "code_norm"}:
            flat[name] = field.default
    return flat


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    if name not in switches():
        raise ConfigError(f"unknown switch {name!r}; there are: {', '.join(switches())}")
    group, _, key = name.partition(".")
    if isinstance(value, list):  # JSON has no tuples
        value = tuple(value)
    if key:
        values.setdefault(group, {})[key] = value
    else:
        values[group] = value


def _explained(error: ValidationError) -> str:
    """The switches that do not fit, one after the other, and why."""
    lines = []
    for e in error.errors():
        where, said = ".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")
        # Of two switches that do not go together the input is all of their group: the message names them.
        got = "" if isinstance(e["input"], dict) else f" (got {e['input']!r})"
        lines.append(f"{where}: {said}{got}" if where else said)
    return "a switch has a value that does not fit: " + "; ".join(lines)
