"""The decoders D of images and texts (section 3.3), from u in R^256; D_spch stands in `speech_decoder`."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from skiplib.config import Experiment
from skiplib.text import END_ID, PAD_ID, SYMBOLS

MAX_CHARACTERS = 200
READOUT = 256  # hidden layer of a deep readout


def starting_state(experiment: Experiment, hidden: int) -> nn.Module:
    """ "Initialise with u": u itself where the sizes agree, else one linear map (DECISIONS.md 6)."""
    if experiment.init == "identity" and hidden == experiment.latent:
        return nn.Identity()
    return nn.Linear(experiment.latent, hidden)


class ImageDecoder(nn.Module):
    """FC 1024 as 64 maps of 4x4, then four deconvolutions; pixels in [-1, 1] (DECISIONS.md 11)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.image_decoder
        self.enter = nn.Linear(experiment.latent, 64 * 4 * 4)
        layers: list[nn.Module] = []
        sizes = (64, *options.channels, 3)
        for before, after, stride in zip(sizes, sizes[1:], options.strides, strict=False):
            overlap = (stride + 1) // 2  # a kernel reaches into its neighbours: 4 wide at stride 2
            layers += [
                nn.BatchNorm2d(before),
                nn.ReLU(),
                nn.ConvTranspose2d(before, after, stride + 2 * overlap, stride, overlap),
            ]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, u: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 height width"]:
        """Pixels in [-1, 1], as Eq. 4 compares them."""
        return self.layers(self.enter(u).unflatten(1, (64, 4, 4)))

    @torch.inference_mode()
    def generate(self, u: Float[Tensor, "batch latent"]) -> UInt8[Tensor, "batch 3 height width"]:
        """Images with pixels in 0-255."""
        return ((self(u).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


class TextDecoder(nn.Module):
    """A two-layer LSTM over characters that starts from u and, by default, sees u at every step
    (DECISIONS.md 7, 28)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.text_decoder
        self.every_step = options.condition == "every_step"
        self.dropout = options.dropout
        self.embedding = nn.Embedding(len(SYMBOLS), options.embedding)
        self.start = starting_state(experiment, options.hidden)
        inputs = options.embedding + (experiment.latent if self.every_step else 0)
        self.lstm = nn.LSTM(inputs, options.hidden, 2, batch_first=True)
        self.deep = options.readout == "deep"
        if self.deep:
            self.read = nn.Linear(options.hidden + experiment.latent, READOUT)
        self.score = nn.Linear(READOUT if self.deep else options.hidden, len(SYMBOLS))

    def _state(self, u: Float[Tensor, "batch latent"]) -> tuple[Tensor, Tensor]:
        hidden = self.start(u)[None].repeat(2, 1, 1)
        return hidden, torch.zeros_like(hidden)

    def _inputs(self, u: Float[Tensor, "batch latent"], ids: Int[Tensor, "batch time"]) -> Tensor:
        x = self.embedding(ids)
        if self.every_step:
            x = torch.cat([x, u[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        return x

    def forward(
        self, u: Float[Tensor, "batch latent"], ids: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time symbols"]:
        """Scores of each next symbol with the true ones before it (teacher forcing).

        Hiding some of them in training makes the decoder ask u instead (Bowman et al. 2016, section 3.2).
        """
        before = nn.functional.pad(ids, (1, -1), value=PAD_ID)
        if self.training and self.dropout:
            before = before.masked_fill(torch.rand(before.shape, device=ids.device) < self.dropout, PAD_ID)
        return self._scores(self.lstm(self._inputs(u, before), self._state(u))[0], u)

    def _scores(self, output: Tensor, u: Tensor) -> Tensor:
        if self.deep:
            output = torch.relu(
                self.read(torch.cat([output, u[:, None].expand(-1, output.shape[1], -1)], dim=-1))
            )
        return self.score(output)

    @torch.inference_mode()
    def generate(self, u: Float[Tensor, "batch latent"]) -> Int[Tensor, "batch time"]:
        """The most likely symbol at each step, until every row has ended."""
        state = self._state(u)
        symbol = torch.full((len(u), 1), PAD_ID, device=u.device)
        ended = torch.zeros(len(u), dtype=torch.bool, device=u.device)
        out = []
        for _ in range(MAX_CHARACTERS):
            output, state = self.lstm(self._inputs(u, symbol), state)
            scores = self._scores(output, u)
            scores[..., PAD_ID] = -torch.inf  # padding is never a symbol of a sentence
            symbol = scores.argmax(-1)
            symbol[ended] = PAD_ID
            out.append(symbol)
            ended = ended | (symbol[:, 0] == END_ID)
            if ended.all():
                break
        return torch.cat(out, dim=1)
