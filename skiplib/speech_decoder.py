"""D_spch (section 3.3): from u in R^256 to a mel-spectrogram, r frames a step."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from skiplib.config import Experiment
from skiplib.decoders import READOUT, starting_state

MAX_FRAMES = 1_000  # 12.5 s
SILENT_LEVEL = 0.25  # of the mel scale: below it a frame counts as silence
SILENT_CHUNKS = 8  # `speech_decoder.stop=silence` ends after so many


class SpeechDecoder(nn.Module):
    """The attention-based decoder (DECISIONS.md 4, 5, 17, 18): a prenet, an attention RNN, a decoder RNN,
    and at each step r mel frames with a stop score.

    The attention RNN reads the prenet's output and u; its states attend over the *slots*, and the
    decoder RNN reads state and context. Over one slot, the paper's single vector u, attention returns
    that slot whatever the query, so the context is u.
    """

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        options = experiment.speech_decoder
        latent, hidden = experiment.latent, options.hidden
        self.mels = experiment.audio.mels
        self.chunk = options.chunk
        self.stop_by_token = options.stop == "token"
        self.noise, self.hide = options.noise, options.hide
        self.single = options.attend == "single"
        first, second = options.prenet
        self.prenet = nn.Sequential(
            nn.Linear(self.mels, first),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(options.dropout),
        )
        for layer in self.prenet:
            if isinstance(layer, nn.Linear):  # so that the frames before are as loud as u
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        paper = options.layout == "paper"
        self.attention_rnn = ResidualGRU(second + latent, hidden, layers=2 if paper else 1)
        self.decoder_rnn = ResidualGRU(hidden + latent, hidden, layers=1 if paper else 2)
        self.start = starting_state(experiment, hidden)
        if not self.single:
            width = latent // experiment.memory.heads if options.attend == "heads" else latent
            self.query = nn.Linear(hidden, latent)
            self.key = nn.Linear(width, latent)
            self.value = nn.Linear(width, latent)
        self.read = (
            nn.Sequential(nn.Linear(hidden + latent, READOUT), nn.ReLU())
            if options.readout == "deep"
            else nn.Identity()
        )
        width = READOUT if options.readout == "deep" else hidden + latent
        self.frames = nn.Linear(width, self.chunk * self.mels)
        self.stop = nn.Linear(width, 1)
        # u is read directly: at the usual size its weights start as noise on every frame.
        nn.init.normal_(self.frames.weight, std=1e-3)

    def _context(self, states: Tensor, u: Tensor, slots: Tensor | None, mask: Tensor | None) -> Tensor:
        if self.single or slots is None:
            return u[:, None].expand(-1, states.shape[1], -1)
        scores = self.query(states) @ self.key(slots).mT / math.sqrt(u.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None], -torch.inf)
        return scores.softmax(-1) @ self.value(slots)

    def _step(
        self, before: Tensor, u: Tensor, slots: Tensor | None, mask: Tensor | None, state: tuple
    ) -> tuple:
        """Frames and stop scores for the frames `before` them, [batch, steps, mels]."""
        inputs = torch.cat([self.prenet(before), u[:, None].expand(-1, before.shape[1], -1)], dim=-1)
        attended, attention_state = self.attention_rnn(inputs, state[0])
        context = self._context(attended, u, slots, mask)
        output, decoder_state = self.decoder_rnn(torch.cat([attended, context], dim=-1), state[1])
        output = self.read(torch.cat([output, context], dim=-1))
        return self.frames(output), self.stop(output)[..., 0], (attention_state, decoder_state)

    def _state(self, u: Tensor) -> tuple[Tensor, Tensor]:
        start = self.start(u)[None]
        return self.attention_rnn.state(start), self.decoder_rnn.state(start)

    def forward(
        self,
        u: Float[Tensor, "batch latent"],
        mel: Float[Tensor, "batch time mel"],
        slots: Float[Tensor, "batch slots width"] | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Float[Tensor, "batch padded mel"], Float[Tensor, "batch steps"]]:
        """Frames and stop scores with the last true frame of each chunk before (teacher forcing).

        `padded` is `time` rounded up to whole chunks. A true frame tells what comes next almost as well as
        u does, a frame of one's own does not: hiding some of them in training makes the decoder ask u.
        """
        if self.training and self.noise:
            u = u + self.noise * torch.randn_like(u)
        mel = nn.functional.pad(mel, (0, 0, 0, -mel.shape[1] % self.chunk))
        before = nn.functional.pad(mel[:, self.chunk - 1 :: self.chunk], (0, 0, 1, -1))
        if self.training and self.hide:
            hidden = torch.rand(before.shape[:2], device=mel.device) < self.hide
            before = before.masked_fill(hidden[..., None], 0.0)
        frames, stop, _ = self._step(before, u, slots, mask, self._state(u))
        return frames.unflatten(-1, (self.chunk, self.mels)).flatten(1, 2), stop

    def unrolled(
        self,
        u: Float[Tensor, "batch latent"],
        slots: Float[Tensor, "batch slots width"] | None = None,
        mask: Tensor | None = None,
        steps: int | None = None,
        to_end: bool = False,
    ) -> tuple[Float[Tensor, "batch time mel"], Int[Tensor, " batch"]]:
        """Free speech of at most `steps` chunks (of 12.5 s), with gradients, and each row's number of frames.

        A row ends by its stop token, or by a long silence, and speech where all have; with `to_end` after all
        steps. The frames before are the decoder's own, but no gradient passes through them: through
        fifty of them it explodes.
        """
        training, state = self.prenet.training, self._state(u)
        self.prenet.eval()
        before, out = u.new_zeros(len(u), 1, self.mels), []
        lengths = torch.zeros(len(u), dtype=torch.long, device=u.device)
        quiet = torch.zeros_like(lengths)
        for step in range(1, (steps or MAX_FRAMES // self.chunk) + 1):
            frames, stop, state = self._step(before, u, slots, mask, state)
            out.append(frames.unflatten(-1, (self.chunk, self.mels))[:, 0])
            said = out[-1].detach().clamp(0, 1)
            before = said[:, -1:]
            if self.stop_by_token:
                ends = stop[:, 0] > 0
            else:
                quiet = torch.where(said.amax((1, 2)) < SILENT_LEVEL, quiet + 1, torch.zeros_like(quiet))
                ends = quiet >= SILENT_CHUNKS
            lengths = torch.where(ends & (lengths == 0), step * self.chunk, lengths)
            if lengths.all() and not to_end:
                break
        self.prenet.train(training)
        return torch.cat(out, dim=1), torch.where(lengths == 0, len(out) * self.chunk, lengths)

    @torch.inference_mode()
    def generate(
        self,
        u: Float[Tensor, "batch latent"],
        slots: Float[Tensor, "batch slots width"] | None = None,
        mask: Tensor | None = None,
    ) -> list[Float[Tensor, "_ mel"]]:
        """One mel-spectrogram a row, until its stop token (or a long silence), at most 12.5 s."""
        mels, lengths = self.unrolled(u, slots, mask)
        return [row[:length].clamp(0, 1) for row, length in zip(mels, lengths.tolist(), strict=True)]


class ResidualGRU(nn.Module):
    """GRU layers of which all but the first add their input to their output (Wu et al. 2016)."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        sizes = [inputs] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(nn.GRU(size, hidden, batch_first=True) for size in sizes)

    def state(self, start: Float[Tensor, "1 batch hidden"]) -> Float[Tensor, "layers batch hidden"]:
        """`start` as the state that every layer begins with."""
        return start.expand(len(self.layers), -1, -1)

    def forward(
        self, x: Float[Tensor, "batch time inputs"], state: Float[Tensor, "layers batch hidden"]
    ) -> tuple[Float[Tensor, "batch time hidden"], Float[Tensor, "layers batch hidden"]]:
        """The last layer's outputs with the inputs added, and each layer's state after the last step."""
        states = []
        for i, layer in enumerate(self.layers):
            y, last = layer(x, state[i : i + 1].contiguous())
            x = y if i == 0 else x + y
            states.append(last)
        return x, torch.cat(states)
