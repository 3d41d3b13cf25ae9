"""CycleGAN (section 4.1; Zhu et al. 2017): image to speech and back, from images and speech alone."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from skiplib import losses
from skiplib.baselines.coding import Baseline, Coder
from skiplib.config import Experiment
from skiplib.decoders import ImageDecoder
from skiplib.encoders import ImageEncoder, SpeechEncoder, valid
from skiplib.model import start_recurrence
from skiplib.modes import untracked
from skiplib.objective import BatchA, BatchB, added
from skiplib.speech_decoder import SpeechDecoder

CYCLE = 10.0  # weight of the cycle loss


class CycleGAN(Baseline):
    """E_img to D_spch and E_spch to D_img, two discriminators, L1 cycle loss (DECISIONS.md 26).

    No text and no pair is seen. An image is spoken with as many frames as some recording of B has; how
    long speech lasts is learned where a recording returns from its image.
    """

    tasks = frozenset({("image", "speech"), ("speech", "image")})

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        self.image_coder = Coder(ImageEncoder(experiment), experiment)
        self.speech_decoder = SpeechDecoder(experiment)
        self.speech_coder = Coder(SpeechEncoder(experiment), experiment)
        self.image_decoder = ImageDecoder(experiment)
        self.image_discriminator = Discriminator(3, experiment)
        self.speech_discriminator = Discriminator(1, experiment)
        start_recurrence(self)

    def loss(self, a: BatchA, b: BatchB) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Cycle, stop and least-squares adversarial terms (Mao et al. 2017), each reaching its own side."""
        chunk, time = self.experiment.speech_decoder.chunk, b.mel.shape[1]
        frames = valid(b.lengths, time)
        code, steps = self.image_coder(a.image), -(-time // chunk)
        said, _ = self.speech_decoder.unrolled(code, steps=steps, to_end=True)
        said = said[:, :time] * frames[..., None]
        shown = self.image_decoder(self.speech_coder(b.mel, b.lengths))
        with untracked(self.speech_coder, self.image_coder):  # used on what is real alone
            image = self.image_decoder(self.speech_coder(said, b.lengths))
            mel, stop = self.speech_decoder(self.image_coder(shown), b.mel)
        terms = {
            "image_cycle": CYCLE * losses.image_loss(image, a.image),
            "speech_cycle": CYCLE * losses.speech_loss(mel, b.mel, frames),
            "stop": losses.stop_loss(stop, b.lengths, chunk),
        }
        watched = {}
        true_and_made = {"image": (a.image, shown), "speech": (b.mel[:, None], said[:, None])}
        for name, (true, made) in true_and_made.items():
            judge = self.get_submodule(f"{name}_discriminator")
            frozen = {key: p.detach() for key, p in judge.named_parameters()}
            taken = torch.func.functional_call(judge, frozen, (made,)).float()
            real, fake = judge(true).float(), judge(made.detach()).float()
            terms[f"{name}_adversarial"] = (taken - 1).square().mean()
            terms[f"{name}_discriminator"] = ((real - 1).square().mean() + fake.square().mean()) / 2
            watched[f"{name}_real"], watched[f"{name}_fake"] = real.mean(), fake.mean()
        return added(terms, watched)

    def convert(self, x: Any, source: str, target: str) -> Tensor | list[Tensor]:
        """One batch of images into speech, or of speech into images."""
        if target == "speech":
            return self.speech_decoder.generate(self.image_coder(*self.given(x, source)))
        return self.image_decoder.generate(self.speech_coder(*self.given(x, source)))


class Discriminator(nn.Module):
    """Real or made, patch by patch: convolutions (kernel 4, stride 2) as wide as E_img's.

    Their spectral norm is 1 (Miyato et al. 2018): with instance norm a discriminator that was ahead drowned
    both cycles (DECISIONS.md 26).
    """

    def __init__(self, channels: int, experiment: Experiment) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for after in experiment.image_encoder.channels:
            layers += [spectral_norm(nn.Conv2d(channels, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
            channels = after
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 3, padding=1)))

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 1 _ _"]:
        """A score for each patch, 1 for true and 0 for made, as LSGAN has it."""
        return self.layers(x)
