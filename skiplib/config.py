"""Every number of an experiment, as frozen models; scales and variants are small overlays.

The defaults of the classes are the paper's sizes and the reading of the paper that
`CONTRIBUTING.md` sets out. A *scale* overlays sizes and schedule, a *variant* overlays what one row
of a table changes, and an *overlay* given by the caller comes last. All three are dictionaries of
dotted names (`{"memory.slots": 16}`), checked on the way in: nobody else parses anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skiplib.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("SKIPLIB_DATA", ROOT / "data"))
RUNS_DIR = Path(os.environ.get("SKIPLIB_RUNS", ROOT / "runs"))
RECORDS_DIR = ROOT / "reports" / "records"


class Frozen(BaseModel):
    """A configuration that cannot be changed, refuses unknown names and converts nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class World(Frozen):
    """SkipWorld: how many of each attribute, how wide the domain gap, how many items of each set."""

    seed: int = 0
    things: tuple[int, int] = (1, 3)  # fewest and most things in a scene
    shapes: int = Field(7, ge=2, le=7)
    colours: int = Field(8, ge=2, le=8)
    sizes: int = Field(2, ge=1, le=3)
    patterns: int = Field(3, ge=1, le=3)
    backgrounds: int = Field(3, ge=1, le=3)
    relations: int = Field(4, ge=1, le=4)
    captions: int = Field(5, ge=1)  # paraphrases of a training scene
    zipf: float = Field(0.6, ge=0)  # exponent of the rank-frequency law of attribute values
    overlap: float = Field(0.26, gt=0, le=1)  # Jaccard overlap of the vocabularies of A and B
    train_scenes: int = 80_000
    test_scenes: int = 1_000
    train_sentences: int = 22_377
    test_sentences: int = 1_000


class Audio(Frozen):
    """Waveform to mel-spectrogram and back (decisions 20); times in samples at `rate` Hz."""

    rate: int = 16_000
    fft: int = 2_048
    window: int = 800  # 50 ms
    hop: int = 200  # 12.5 ms
    mels: int = 80
    preemphasis: float = 0.97
    reference_db: float = 20.0
    range_db: float = 100.0
    griffin_lim_iterations: int = 60
    griffin_lim_power: float = 1.5


class Image(Frozen):
    """Size in pixels of the square images that the encoder sees and the decoder paints."""

    size: int = 128


class TextEncoder(Frozen):
    embedding: int = 128
    channels: int = 128  # of the CBHG
    banks: int = 16
    highways: int = 4
    dropout: float = 0.5


class ImageEncoder(Frozen):
    channels: tuple[int, int, int] = (128, 256, 512)
    pool: Literal["grid", "global"] = "grid"


class SpeechEncoder(Frozen):
    channels: int = 32
    chunk: int = 5  # mel frames a GRU step


class Transformer(Frozen):
    """The modality transformer T."""

    kind: Literal["residual", "linear"] = "residual"
    norm: Literal["layer", "none"] = "layer"


class Memory(Frozen):
    """The memory fusion module M, or what stands in its place."""

    kind: Literal["attention", "none", "fc"] = "attention"
    layout: Literal["paper", "code"] = "paper"
    slots: int = Field(128, ge=1)
    heads: int = Field(4, ge=1)
    tanh: bool = False
    key_scale: float = 2.0  # standard deviation of the initial attention scores
    scale: float = 1.0  # standard deviation of the initial memory
    rate: float = 0.1  # learning rate of M relative to the rest


class Adversarial(Frozen):
    """The modality classifier C and the adversarial loss, Eq. 1."""

    strength: float = Field(0.1, ge=0)  # alpha of Eq. 7
    form: Literal["both", "reversal", "text"] = "both"
    reach: Literal["encoders", "transformer"] = "encoders"
    start: float = Field(0.4, ge=0, le=1)  # share of the run before the term is switched on
    classifier_rate: float = 1.0  # learning rate of C relative to the rest


class Alignment(Frozen):
    """The pair loss inside A and inside B (decisions 27); `none` is the paper."""

    kind: Literal["none", "text_autoencoding", "l2", "contrastive", "both"] = "none"
    weight: float = 0.5
    temperature: float = 0.1


class ImageDecoder(Frozen):
    channels: tuple[int, int, int] = (32, 16, 8)
    strides: tuple[int, ...] = (4, 2, 2, 2)


class TextDecoder(Frozen):
    embedding: int = 128
    hidden: int = 256
    condition: Literal["every_step", "init"] = "every_step"
    dropout: float = Field(0.0, ge=0, lt=1)  # share of the symbols before that training hides
    readout: Literal["linear", "deep"] = "linear"  # of a step's symbol; deep: a hidden layer over state and u


class SpeechDecoder(Frozen):
    hidden: int = 256
    prenet: tuple[int, int] = (256, 128)
    dropout: float = 0.5
    chunk: int = 5  # mel frames a step predicts, r
    attend: Literal["single", "heads", "slots", "sequence"] = "single"
    layout: Literal["paper", "tacotron"] = "paper"
    stop: Literal["token", "silence"] = "token"
    noise: float = Field(0.0, ge=0)  # standard deviation of the noise on u in training
    readout: Literal["linear", "deep"] = (
        "linear"  # of a step's frames; deep: a hidden layer over state and context
    )


class Loss(Frozen):
    reduction: Literal["mean", "sum"] = "mean"
    image: float = 1.0
    speech: float = 1.0
    text: float = 1.0


class Optim(Frozen):
    """Adam; `schedule` is the paper's lineage (`noam`), constant, or a cosine decay to near zero."""

    rate: float = 0.002
    schedule: Literal["noam", "constant", "cosine"] = "noam"
    warmup: int = 4_000
    batch: int = Field(8, ge=2)  # pairs of A and as many of B
    clip: float = 1.0
    steps: int = Field(1_000_000, ge=1)
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"


class Evaluation(Frozen):
    scenes: int = 1_000
    sentences: int = 1_000


class Experiment(Frozen):
    """Everything that determines a run; stored in the checkpoint and in the record."""

    variant: str
    scale: str
    corpus: str = "skipworld"
    seed: int = 0
    code: int = 512  # size of e
    latent: int = 256  # size of z and u
    init: Literal["identity", "linear"] = "identity"
    code_norm: Literal["none", "batch"] = "none"  # of each encoder's e, one norm a modality
    world: World = World()
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
    "image_decoder.strides": (2, 2, 2, 2),
    "text_decoder.hidden": 192,
    "text_decoder.embedding": 64,
    "text_decoder.readout": "deep",
    "speech_decoder.readout": "deep",
    "memory.scale": 2.0,
    "adversarial.strength": 0.02,
    "loss.speech": 4.0,
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
        "optim.steps": 2_300,
    },
    "smoke": DEMO_WORLD
    | DEMO_MODEL
    | {
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
    },
}

ABLATIONS: dict[str, dict[str, Any]] = {
    "no_M": {"memory.kind": "none"},
    "M_to_FC": {"memory.kind": "fc"},
    "no_T": {"transformer.kind": "linear"},
    "no_T_no_Ladv": {"transformer.kind": "linear", "adversarial.strength": 0.0},
    "no_Ladv": {"adversarial.strength": 0.0},
}
ALIGNED = {"alignment.kind": "both"}
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours_aligned": ALIGNED,
    **ABLATIONS,
    **{f"aligned_{name}": ALIGNED | overlay for name, overlay in ABLATIONS.items()},
}
CORPORA = ("skipworld",)


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
    for kind, name, known in (
        ("variant", variant, VARIANTS),
        ("scale", scale, SCALES),
        ("corpus", corpus, CORPORA),
    ):
        if name not in known:
            raise ConfigError(f"unknown {kind} {name!r}; there are: {', '.join(known)}")
    values: dict[str, Any] = {"variant": variant, "scale": scale, "corpus": corpus, "seed": seed}
    for name, value in (SCALES[scale] | VARIANTS[variant] | (overlay or {})).items():
        _set(values, name, value)
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


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


def _explain(error: ValidationError) -> str:
    lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
    return "a switch has a value that does not fit: " + "; ".join(lines)
