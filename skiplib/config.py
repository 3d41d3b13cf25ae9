"""An experiment, of the groups of switches in `options`; scales and variants are small overlays.

The defaults are the paper's sizes and the reading of the paper that `DECISIONS.md` sets out. A *scale*
overlays sizes and schedule, a *variant* what one row of a table changes, a *corpus* what it needs otherwise,
and an *overlay* given by the caller comes last. All are dictionaries of dotted names (`{"memory.slots": 16}`)
that are checked on the way in: nobody else parses anything.
"""

from __future__ import annotations

import os
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
    explain,
)

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("SKIPLIB_DATA", ROOT / "data"))
# Of corpora that are not made here.
SOURCES_DIR = Path(os.environ.get("SKIPLIB_SOURCES", DATA_DIR / "sources"))
RUNS_DIR = Path(os.environ.get("SKIPLIB_RUNS", ROOT / "runs"))
RECORDS_DIR = ROOT / "reports" / "records"


class Experiment(Frozen):
    """Everything that determines a run; stored in the checkpoint and in the record."""

    variant: str
    scale: str
    corpus: str = "skipworld"
    seed: int = Field(0, ge=0)
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
        return self


DEMO_WORLD = {
    "world.things": (2, 2),
    "world.shapes": 5,
    "world.colours": 8,
    "world.sizes": 2,
    "world.patterns": 1,
    "world.backgrounds": 1,
    "world.train_scenes": 16_000,
    "world.test_scenes": 300,
    "world.train_sentences": 10_000,
    "world.test_sentences": 300,
    "evaluation.scenes": 300,
    "evaluation.sentences": 300,
}

DEMO_MODEL = {
    "code": 256,
    "code_norm": "batch",
    "image.size": 64,
    "text_encoder.dropout": 0.0,
    "text_encoder.channels": 64,
    "text_encoder.banks": 8,
    "text_encoder.embedding": 64,
    "image_encoder.channels": (32, 64, 128),
    "speech_encoder.channels": 8,
    "image_decoder.channels": (64, 64, 32),
    "image_decoder.strides": (2, 2, 2, 2),
    "transformer.activation": "pre",
    "transformer.norm": "batch",
    "memory.scale": 6.0,
    "text_decoder.embedding": 64,
    "text_decoder.readout": "deep",
    "speech_decoder.hidden": 384,
    "speech_decoder.hide": 0.3,
    "alignment.contrastive_weight": 0.2,
    "adversarial.strength": 0.005,
    "loss.speech": 8.0,
    "optim.kind": "muon",
}

SCALES: dict[str, dict[str, Any]] = {
    "paper": {},
    "demo": DEMO_WORLD
    | DEMO_MODEL
    | {
        "optim.rate": 0.003,
        "optim.schedule": "cosine",
        "optim.warmup": 100,
        "optim.batch": 32,
        "optim.steps": 3_600,
        "optim.joint": 0.46,
    },
    "smoke": DEMO_WORLD  # does all of it run? Narrower than demo: nothing is learned in twelve steps anyway
    | DEMO_MODEL
    | {
        "code": 64,
        "text_encoder.channels": 16,
        "image_encoder.channels": (8, 16, 32),
        "image_decoder.channels": (16, 16, 8),
        "text_decoder.hidden": 64,
        "speech_decoder.hidden": 96,
        "audio.griffin_lim_iterations": 10,  # untrained speech never stops
        "world.train_scenes": 64,
        "world.test_scenes": 8,
        "world.train_sentences": 48,
        "world.test_sentences": 8,
        "evaluation.scenes": 8,
        "evaluation.sentences": 8,
        "optim.schedule": "cosine",
        "optim.warmup": 4,
        "optim.batch": 8,
        "optim.steps": 12,
        "optim.joint": 0.75,
    },
}

ABLATIONS: dict[str, dict[str, Any]] = {
    "no_M": {"memory.kind": "none"},
    "M_to_FC": {"memory.kind": "fc"},
    "no_T": {"transformer.kind": "linear"},
    "no_T_no_Ladv": {"transformer.kind": "linear", "adversarial.strength": 0.0},
    "no_Ladv": {"adversarial.strength": 0.0},
}
# A baseline has one stage: all of it learns to the end. Muon's matrices have a lower rate instead, so that
# the sum of their rates over a run is that of what rests early in ours (DECISIONS.md 39); what Adam moves
# gets about twice as much, which favours the baselines.
ONE_STAGE = {"optim.joint": 1.0, "optim.muon_rate": 3.2}
BASELINES: dict[str, dict[str, Any]] = dict.fromkeys(("piecewise", "cyclegan", "separate"), ONE_STAGE)
ALIGNED = {
    "optim.joint": 0.46,  # at every scale: what follows in this list comes after
    "alignment.kind": "both",
    "alignment.gap_noise": 1.0,
    "alignment.follow": True,
    "alignment.text_stage": 0.2,
    "alignment.wording": "likeliest",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours_aligned": ALIGNED,
    **ABLATIONS,
    **{f"aligned_{name}": ALIGNED | overlay for name, overlay in ABLATIONS.items()},
    **BASELINES,
}
# A corpus of photographs and one of sentences make one of two halves, as flickr8k+cococaptions.
PICTURED, SAID = ("flickr8k", "flickr30k", "coco"), ("cococaptions", "ljspeech", "librispeech")
# D_txt does not tell a photograph's caption from its code at `demo`, and a digit has one wording.
AS_CAPTIONED = {"alignment.wording": "caption"}
FEATURES = {"image.features": "efficientnet_lite0", "sentences.longest": 80, "evaluation.scenes": 1_000}
PHOTOGRAPHS: dict[str, dict[str, Any]] = {"demo": FEATURES | AS_CAPTIONED}
# What a corpus changes of a scale and of a variant: ten words need less of everything than sentences do.
CORPORA: dict[str, dict[str, dict[str, Any]]] = {
    "skipworld": {},
    "folder": {},
    "digits": {"demo": {"optim.steps": 2_400, "evaluation.scenes": 500, **AS_CAPTIONED}},
    # COCO's captions of val2017 are captions of `coco` itself, some of its test images.
    **{f"{a}+{b}": PHOTOGRAPHS for a in PICTURED for b in SAID if (a, b) != ("coco", "cococaptions")},
}


def experiment(
    variant: str = "ours_aligned",
    scale: str = "demo",
    corpus: str = "skipworld",
    seed: int = 0,
    overlay: dict[str, Any] | None = None,
) -> Experiment:
    """The experiment that these names stand for.

    `overlay` maps dotted names to values, as `{"memory.slots": 16}`.

    Raises `ConfigError`, with the list of what exists, on an unknown name or a value of the wrong type.
    """
    known = {"variant": VARIANTS, "scale": SCALES, "corpus": CORPORA}
    for kind, name in zip(known, (variant, scale, corpus), strict=True):
        if name not in known[kind]:
            raise ConfigError(f"unknown {kind} {name!r}; there are: {', '.join(known[kind])}")
    preset = SCALES[scale] | VARIANTS[variant] | CORPORA[corpus].get(scale, {})
    values: dict[str, Any] = {"variant": variant, "scale": scale, "corpus": corpus, "seed": seed}
    for name, value in (preset | (overlay or {})).items():
        _set(values, name, value)
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error)) from error


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
