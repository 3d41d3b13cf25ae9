"""The groups of switches of an experiment, as frozen models; their defaults are those of `DECISIONS.md`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    """A configuration that cannot be changed, refuses unknown names and converts nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Size = Annotated[int, Field(gt=0)]  # of something that there is at least one of
Share = Annotated[float, Field(ge=0, lt=1)]  # of what training hides or leaves out
Factor = Annotated[float, Field(ge=0)]  # a weight, a rate relative to another, a deviation
Rate = Annotated[float, Field(gt=0)]


class World(Frozen):
    """SkipWorld: how many of each attribute, how wide the domain gap, how many items of each set."""

    seed: int = 0
    things: tuple[Size, Size] = (1, 3)  # fewest and most things in a scene
    shapes: int = Field(7, ge=2, le=7)
    colours: int = Field(8, ge=2, le=8)
    sizes: int = Field(2, ge=1, le=3)
    patterns: int = Field(3, ge=1, le=3)
    backgrounds: int = Field(3, ge=1, le=3)
    relations: int = Field(4, ge=1, le=4)
    captions: int = Field(5, ge=1)  # paraphrases of a training scene
    zipf: Factor = 0.6  # exponent of the rank-frequency law of attribute values
    overlap: float = Field(0.26, gt=0, le=1)  # Jaccard overlap of the vocabularies of A and B
    train_scenes: Size = 80_000
    test_scenes: Size = 1_000
    train_sentences: Size = 22_377
    test_sentences: Size = 1_000
    test_draw: int = Field(1, ge=0)  # which draw of test items; draw 0 served to choose the configuration

    @model_validator(mode="after")
    def _scenes_have_places(self) -> World:
        if not self.things[0] <= self.things[1] <= 3:
            raise ValueError(f"things={self.things} are the fewest and the most in a scene, of 1 to 3")
        return self

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

    rate: Size = 16_000
    fft: Size = 2_048
    window: Size = 800  # 50 ms
    hop: Size = 200  # 12.5 ms
    mels: Size = 80
    preemphasis: Share = 0.97
    reference_db: float = 20.0
    range_db: Rate = 100.0
    griffin_lim_iterations: Size = 60
    griffin_lim_power: Rate = 1.5

    @model_validator(mode="after")
    def _window_fits(self) -> Audio:
        if self.window > self.fft:
            raise ValueError(f"window={self.window} is longer than fft={self.fft}; raise the second")
        return self


class Image(Frozen):
    """The square images that the decoder paints, and what the encoder sees of an image."""

    size: int = Field(128, ge=8)  # pixels a side; E_img halves them three times
    features: Literal["none", "efficientnet_lite0"] = "none"  # of a frozen network; none: the pixels


class TextEncoder(Frozen):
    """E_txt: characters, two FC layers, CBHG (DECISIONS.md 8)."""

    embedding: Size = 128
    channels: Size = 128  # of the CBHG
    banks: Size = 16
    highways: int = Field(4, ge=0)
    dropout: Share = 0.5


class ImageEncoder(Frozen):
    """E_img over pixels (DECISIONS.md 10)."""

    channels: tuple[Size, Size, Size] = (128, 256, 512)
    pool: Literal["grid", "global"] = "grid"


class SpeechEncoder(Frozen):
    """E_spch (DECISIONS.md 9)."""

    channels: Size = 32
    chunk: Size = 5  # mel frames a GRU step


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
    key_scale: Rate = 2.0  # standard deviation of the initial attention scores
    scale: Rate = 1.0  # standard deviation of the initial memory; of tanh(M), the factor beside it
    rate: Factor = 0.1  # learning rate of M relative to the rest


class Adversarial(Frozen):
    """The modality classifier C and the adversarial loss, Eq. 1."""

    strength: Factor = 0.1  # alpha of Eq. 7
    form: Literal["both", "reversal", "text"] = "both"
    reach: Literal["encoders", "transformer"] = "encoders"
    start: float = Field(0.4, ge=0, le=1)  # share of the joint steps before the term is switched on
    classifier_rate: Factor = 1.0  # learning rate of C relative to the rest


class Alignment(Frozen):
    """The pair loss inside A and inside B (DECISIONS.md 27); `none` is the paper."""

    kind: Literal["none", "text_autoencoding", "l2", "contrastive", "both"] = "none"
    weight: Factor = 0.5  # of the text autoencoding and of the distance
    contrastive_weight: Factor = 0.1
    temperature: Rate = 0.1
    gap_noise: Factor = 0.0  # largest share of A's modality gap that D_spch hears once T rests
    text_stage: Share = 0.0  # share of the second stage for text autoencoding alone
    text_rate: Factor = 0.3  # peak of its own learning rates, relative to the run's
    chain: Factor = 0.0  # weight of the speech chain, which closes the second stage
    chain_start: float = Field(0.75, ge=0, le=1)  # share of the second stage that goes before it
    chain_rate: Factor = 0.4  # peak of its own learning rates, relative to the run's
    follow: bool = False  # once T rests, E_img and E_spch go on, by the distance of their u to the text's
    wording: Literal["caption", "likeliest"] = "caption"  # of the text that E_img follows then

    @model_validator(mode="after")
    def _in_order(self) -> Alignment:
        if self.chain and self.text_stage > self.chain_start:
            raise ValueError(
                f"text_stage={self.text_stage} is beyond chain_start={self.chain_start}: lower it"
            )
        if self.wording != "caption" and not (self.follow or self.gap_noise):
            raise ValueError(f"wording={self.wording} is of what follow and gap_noise take: both are off")
        if self.kind in ("none", "l2", "contrastive") and (self.text_stage or self.wording != "caption"):
            raise ValueError(f"kind={self.kind}: D_txt learns no u_txt, set text_stage=0 and wording=caption")
        return self


class ImageDecoder(Frozen):
    """D_img (DECISIONS.md 11)."""

    channels: tuple[Size, Size, Size] = (32, 16, 8)
    strides: tuple[Size, Size, Size, Size] = (4, 2, 2, 2)


class TextDecoder(Frozen):
    """D_txt (DECISIONS.md 7, 28)."""

    embedding: Size = 128
    hidden: Size = 256
    condition: Literal["every_step", "init"] = "every_step"
    dropout: Share = 0.0  # share of the symbols before that training hides
    readout: Literal["linear", "deep"] = "linear"  # of a step's symbol; deep: a hidden layer over state and u


class SpeechDecoder(Frozen):
    """D_spch (DECISIONS.md 4, 5, 17, 18, 37)."""

    hidden: Size = 256
    prenet: tuple[Size, Size] = (256, 128)
    dropout: Share = 0.5
    chunk: Size = 5  # mel frames a step predicts, r
    attend: Literal["single", "heads", "slots", "sequence"] = "single"
    layout: Literal["paper", "tacotron"] = "paper"
    stop: Literal["token", "silence"] = "token"
    noise: Factor = 0.0  # standard deviation of the noise on u in training
    hide: Share = 0.0  # share of the frames before that training hides
    readout: Literal["linear", "deep"] = (
        "linear"  # of a step's frames; deep: a hidden layer over state and context
    )

    @model_validator(mode="after")
    def _noise_is_heard(self) -> SpeechDecoder:
        if self.noise and self.attend != "single":
            raise ValueError(
                f"noise={self.noise} is on u alone, and attend={self.attend} gives u back without; use single"
            )
        return self


class Loss(Frozen):
    """The weights of Eqs. 4-6, and whether they are means or sums (DECISIONS.md 14)."""

    reduction: Literal["mean", "sum"] = "mean"
    image: Factor = 1.0
    speech: Factor = 1.0
    text: Factor = 1.0


class Optim(Frozen):
    """Adam, or Muon for the hidden matrices and Adam for the rest (Jordan et al. 2024); `schedule` is the
    paper's lineage (`noam`), constant, or a cosine decay to near zero."""

    kind: Literal["adam", "muon"] = "adam"
    rate: Rate = 0.002
    muon_rate: Rate = 7.0  # learning rate of Muon relative to Adam's
    muon_last_rate: Rate = 2.5  # the same for what learns to the end
    schedule: Literal["noam", "constant", "cosine"] = "noam"
    warmup: Size = 4_000
    batch: int = Field(8, ge=2)  # pairs of A and as many of B
    accumulate: int = Field(1, ge=1)  # batches whose gradients make one step
    clip: Rate = 1.0
    steps: int = Field(1_000_000, ge=1)
    joint: float = Field(1.0, gt=0, le=1)  # share of the steps in which all learns
    start: str = ""  # the run whose weights training begins with, by its folder's name under runs/
    share: float = Field(1.0, gt=0, le=1)  # of each training set that is used, its first items
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"


class Evaluation(Frozen):
    """How many test items of each set are measured."""

    scenes: Size = 1_000
    sentences: Size = 1_000
