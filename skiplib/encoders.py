"""The three modality-specific encoders E (section 3.1): image, text and speech into e in R^512.

Every encoder answers `(state, sequence, mask)`: the vector e that the paper uses, and the steps that
it came from, which only `speech_decoder.attend=sequence` reads.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skiplib.config import Experiment
from skiplib.features import WIDTH
from skiplib.text import SYMBOLS

FEATURE_DROPOUT = 0.3  # the training sets of photographs are small
Encoded = tuple[Float[Tensor, "batch code"], Float[Tensor, "batch steps code"], Bool[Tensor, "batch steps"]]


def valid(lengths: Int[Tensor, " batch"], steps: int) -> Bool[Tensor, "batch steps"]:
    """True where a step lies before its row's length."""
    return torch.arange(steps, device=lengths.device)[None] < lengths[:, None]


class ImageEncoder(nn.Module):
    """Three convolutions (kernel 4, stride 2), batch norm, ReLU; then max-pooling (DECISIONS.md 10)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.image_encoder
        layers: list[nn.Module] = []
        for before, after in zip((3, *options.channels), options.channels, strict=False):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        last = options.channels[-1]
        self.cells = 2 if options.pool == "grid" else 1
        size = last * self.cells**2
        self.project = nn.Identity() if size == experiment.code else nn.Linear(size, experiment.code)
        self.project_cell = nn.Identity() if last == experiment.code else nn.Linear(last, experiment.code)

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Encoded:
        """`image` has values in [-1, 1]."""
        maps = self.convolutions(image)
        pooled = nn.functional.adaptive_max_pool2d(maps, self.cells)
        cells = self.project_cell(nn.functional.adaptive_max_pool2d(maps, 4).flatten(2).mT)
        mask = torch.ones(cells.shape[:2], dtype=torch.bool, device=cells.device)
        return self.project(pooled.flatten(1)), cells, mask


class FeatureEncoder(nn.Module):
    """Two FC layers over features of a frozen network, where E_img sees those and no pixels."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(WIDTH, 2 * experiment.code, bias=False),
            nn.BatchNorm1d(2 * experiment.code),
            nn.ReLU(),
            nn.Dropout(FEATURE_DROPOUT),
            nn.Linear(2 * experiment.code, experiment.code),
        )

    def forward(self, features: Float[Tensor, "batch features"]) -> Encoded:
        """The features of an image are one step: there is nothing to attend over."""
        e = self.layers(features)
        return e, e[:, None], torch.ones(len(e), 1, dtype=torch.bool, device=e.device)


def image_encoder(experiment: Experiment) -> nn.Module:
    """E_img over pixels, as the paper has it, or over features (`image.features`)."""
    return (ImageEncoder if experiment.image.features == "none" else FeatureEncoder)(experiment)


class CBHG(nn.Module):
    """1-D convolution bank, highway layers and a bidirectional GRU (Wang et al. 2017, section 3.1)."""

    def __init__(self, channels: int, banks: int, highways: int) -> None:
        super().__init__()
        self.bank = nn.ModuleList(
            nn.Conv1d(channels, channels, width, padding=width // 2, bias=False)
            for width in range(1, banks + 1)
        )
        self.bank_norm = nn.BatchNorm1d(channels * banks)
        self.project = nn.Conv1d(channels * banks, channels, 3, padding=1, bias=False)
        self.project_norm = nn.BatchNorm1d(channels)
        self.close = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.close_norm = nn.BatchNorm1d(channels)
        self.highways = nn.ModuleList(nn.Linear(channels, 2 * channels) for _ in range(highways))
        for layer in self.highways:
            nn.init.constant_(layer.bias[channels:], -1.0)  # carry the input through at first
        self.forth = nn.GRU(channels, channels, batch_first=True)
        self.back = nn.GRU(channels, channels, batch_first=True)

    def forward(
        self, x: Float[Tensor, "batch time channels"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time two_channels"]:
        """Both directions of the GRU at each character; what lies beyond a row's length has no meaning."""
        mask = valid(lengths, x.shape[1])[:, None].to(x.dtype)  # padding must not reach a valid step
        inputs = x.mT * mask
        bank = torch.cat([convolution(inputs)[..., : x.shape[1]] for convolution in self.bank], dim=1)
        bank = torch.relu(self.bank_norm(bank))
        before = nn.functional.pad(bank[..., :-1], (1, 0))
        bank = bank + torch.relu(before - bank)  # max-pooled, width 2 and stride 1, at a sixth of its cost
        projected = torch.relu(self.project_norm(self.project(bank * mask))) * mask
        y = (inputs + self.close_norm(self.close(projected))).mT
        for layer in self.highways:
            value, gate = layer(y).chunk(2, dim=-1)
            gate = torch.sigmoid(gate)
            y = gate * torch.relu(value) + (1 - gate) * y
        # Two GRUs and a turn of each row's valid steps take two thirds of a packed sequence's time.
        turned = _turned(lengths, x.shape[1])[..., None].expand_as(y)
        return torch.cat([self.forth(y)[0], self.back(y.gather(1, turned))[0].gather(1, turned)], dim=-1)


def _turned(lengths: Int[Tensor, " batch"], steps: int) -> Int[Tensor, "batch steps"]:
    """For each step the one to take instead, so that a row's valid steps stand in reverse."""
    step = torch.arange(steps, device=lengths.device)[None]
    return torch.where(step < lengths[:, None], lengths[:, None] - 1 - step, step)


class TextEncoder(nn.Module):
    """Characters, two FC layers, CBHG, mean over the valid characters, FC (DECISIONS.md 8)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.text_encoder
        self.embedding = nn.Embedding(len(SYMBOLS), options.embedding)
        self.prenet = nn.Sequential(
            nn.Linear(options.embedding, 2 * options.channels),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Linear(2 * options.channels, options.channels),
            nn.ReLU(),
            nn.Dropout(options.dropout),
        )
        self.cbhg = CBHG(options.channels, options.banks, options.highways)
        self.project = nn.Linear(2 * options.channels, experiment.code)

    def forward(self, ids: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Encoded:
        """e is the mean over the characters of a sentence; `lengths` counts them, the end symbol included."""
        steps = self.cbhg(self.prenet(self.embedding(ids)), lengths)
        mask = valid(lengths, ids.shape[1])
        mean = (steps * mask[..., None]).sum(1) / lengths[:, None]
        return self.project(mean), self.project(steps), mask


class SpeechEncoder(nn.Module):
    """Two 3x3 convolutions, 5x80 chunks, a GRU; its last valid state is e (DECISIONS.md 9)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.speech_encoder
        self.chunk = options.chunk
        self.first = nn.Conv2d(1, options.channels, 3, padding=1)
        self.second = nn.Conv2d(options.channels, 1, 3, padding=1)
        self.gru = nn.GRU(options.chunk * experiment.audio.mels, experiment.code, batch_first=True)

    def forward(self, mel: Float[Tensor, "batch time mel"], lengths: Int[Tensor, " batch"]) -> Encoded:
        """e is the GRU's state after a recording's last chunk; `lengths` counts frames of 12.5 ms."""
        mel = nn.functional.pad(mel, (0, 0, 0, -mel.shape[1] % self.chunk))
        mask = valid(lengths, mel.shape[1])[:, None, :, None]
        image = (mel[:, None] * mask).contiguous(memory_format=torch.channels_last)
        maps = self.second(torch.relu(self.first(image)) * mask) * mask
        chunks = maps.reshape(len(mel), mel.shape[1] // self.chunk, -1)
        states, _ = self.gru(chunks)
        steps = (lengths + self.chunk - 1) // self.chunk
        last = states[torch.arange(len(mel), device=mel.device), steps - 1]
        return last, states, valid(steps, states.shape[1])
