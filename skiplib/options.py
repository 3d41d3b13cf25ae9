"""The groups of switches that make an experiment, as frozen models: the names that an overlay may set.

The defaults are the paper's sizes and the reading of the paper that `DECISIONS.md` sets out.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
    test_draw: int = Field(1, ge=0)  # which draw of test items; draw 0 served to choose the configuration

    def stream(self, split: str) -> str:
        """The name of the random numbers that `split` is drawn from; `test_draw` leaves training alone."""
        return f"{split}-{self.test_draw}" if split == "test" and self.test_draw else split


class Digits(Frozen):
    """Real digits: whose recordings are B; of all speakers where it is empty."""

    speaker: Literal["", "george", "jackson", "lucas", "nicolas", "theo", "yweweler"] = "jackson"
    test_draw: int = Field(1, ge=0, le=1)  # which half of the test images; half 0 served to choose the steps


class Sentences(Frozen):
    """B of a corpus of two halves: sentences of more characters are left out."""

    longest: int = Field(200, ge=1)


class Audio(Frozen):
    """Waveform to mel-spectrogram and back (DECISIONS.md 20); times in samples at `rate` Hz."""

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
    """The square images that the decoder paints, and what the encoder sees of an image."""

    size: int = 128  # pixels a side
    features: Literal["none", "efficientnet_lite0"] = "none"  # of a frozen network; none: the pixels


class TextEncoder(Frozen):
    """E_txt: characters, two FC layers, CBHG (DECISIONS.md 8)."""

    embedding: int = 128
    channels: int = 128  # of the CBHG
    banks: int = 16
    highways: int = 4
    dropout: float = 0.5


class ImageEncoder(Frozen):
    """E_img over pixels (DECISIONS.md 10)."""

    channels: tuple[int, int, int] = (128, 256, 512)
    pool: Literal["grid", "global"] = "grid"


class SpeechEncoder(Frozen):
    """E_spch (DECISIONS.md 9)."""

    channels: int = 32
    chunk: int = 5  # mel frames a GRU step


class Transformer(Frozen):
    """The modality transformer T."""

    kind: Literal["residual", "linear"] = "residual"
    activation: Literal["post", "pre"] = "post"  # pre: the skip passes over the ReLU (He et al. 2016)
    norm: Literal["layer", "batch", "none"] = "layer"  # of z; batch: over all modalities together


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
    start: float = Field(0.4, ge=0, le=1)  # share of the joint steps before the term is switched on
    classifier_rate: float = 1.0  # learning rate of C relative to the rest


class Alignment(Frozen):
    """The pair loss inside A and inside B (DECISIONS.md 27); `none` is the paper."""

    kind: Literal["none", "text_autoencoding", "l2", "contrastive", "both"] = "none"
    weight: float = 0.5  # of the text autoencoding and of the distance
    contrastive_weight: float = 0.1
    temperature: float = 0.1
    gap_noise: float = Field(0.0, ge=0)  # largest share of A's modality gap that D_spch hears once T rests
    text_stage: float = Field(0.0, ge=0, lt=1)  # share of the second stage for text autoencoding alone
    text_rate: float = 0.3  # learning rate that it starts with, relative to the peak
    chain: float = Field(0.0, ge=0)  # weight of the speech chain, which closes the second stage
    chain_start: float = Field(0.75, ge=0, le=1)  # share of the second stage that goes before it
    chain_rate: float = 0.4  # learning rate that it starts with, relative to the peak
    follow: bool = False  # once T rests, E_img and E_spch go on, by the distance of their u to the text's

    @model_validator(mode="after")
    def _in_order(self) -> Alignment:
        if self.text_stage > self.chain_start:
            raise ValueError(
                f"text_stage={self.text_stage} ends after chain_start={self.chain_start}; lower the first"
            )
        return self


class ImageDecoder(Frozen):
    """D_img (DECISIONS.md 11)."""

    channels: tuple[int, int, int] = (32, 16, 8)
    strides: tuple[int, ...] = (4, 2, 2, 2)


class TextDecoder(Frozen):
    """D_txt (DECISIONS.md 7, 28)."""

    embedding: int = 128
    hidden: int = 256
    condition: Literal["every_step", "init"] = "every_step"
    dropout: float = Field(0.0, ge=0, lt=1)  # share of the symbols before that training hides
    readout: Literal["linear", "deep"] = "linear"  # of a step's symbol; deep: a hidden layer over state and u


class SpeechDecoder(Frozen):
    """D_spch (DECISIONS.md 4, 5, 17, 18, 37)."""

    hidden: int = 256
    prenet: tuple[int, int] = (256, 128)
    dropout: float = 0.5
    chunk: int = 5  # mel frames a step predicts, r
    attend: Literal["single", "heads", "slots", "sequence"] = "single"
    layout: Literal["paper", "tacotron"] = "paper"
    stop: Literal["token", "silence"] = "token"
    noise: float = Field(0.0, ge=0)  # standard deviation of the noise on u in training
    hide: float = Field(0.0, ge=0, lt=1)  # share of the frames before that training hides
    readout: Literal["linear", "deep"] = (
        "linear"  # of a step's frames; deep: a hidden layer over state and context
    )


class Loss(Frozen):
    """The weights of Eqs. 4-6, and whether they are means or sums (DECISIONS.md 14)."""

    reduction: Literal["mean", "sum"] = "mean"
    image: float = 1.0
    speech: float = 1.0
    text: float = 1.0


class Optim(Frozen):
    """Adam, or Muon for the hidden matrices and Adam for the rest (Jordan et al. 2024); `schedule` is the
    paper's lineage (`noam`), constant, or a cosine decay to near zero."""

    kind: Literal["adam", "muon"] = "adam"
    rate: float = 0.002
    muon_rate: float = 7.0  # learning rate of Muon relative to Adam's
    muon_last_rate: float = 2.5  # the same for what learns to the end
    schedule: Literal["noam", "constant", "cosine"] = "noam"
    warmup: int = 4_000
    batch: int = Field(8, ge=2)  # pairs of A and as many of B
    accumulate: int = Field(1, ge=1)  # batches whose gradients make one step
    clip: float = 1.0
    steps: int = Field(1_000_000, ge=1)
    joint: float = Field(1.0, gt=0, le=1)  # share of the steps in which all learns
    start: str = ""  # the run whose weights training begins with, by its folder's name under runs/
    share: float = Field(1.0, gt=0, le=1)  # of each training set that is used, its first items
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"


class Evaluation(Frozen):
    """How many test items of each set are measured."""

    scenes: int = 1_000
    sentences: int = 1_000
