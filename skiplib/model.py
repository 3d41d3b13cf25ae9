"""The whole network: encoders, T, M, decoders, and `translate` between any two modalities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from skiplib import text
from skiplib.bottleneck import (
    MODALITIES,
    MemoryFusion,
    ModalityClassifier,
    ModalityTransformer,
    memory_fusion,
)
from skiplib.config import Experiment
from skiplib.decoders import ImageDecoder, TextDecoder
from skiplib.encoders import Encoded, SpeechEncoder, TextEncoder, image_encoder
from skiplib.errors import ConfigError
from skiplib.features import encoder_inputs
from skiplib.inputs import check_batch
from skiplib.modes import as_used
from skiplib.speech_decoder import SpeechDecoder


@dataclass(frozen=True)
class Code:
    """A batch in the bottleneck: e before T, z after it, u after M, and what D_spch attends over."""

    e: Float[Tensor, "batch code"]
    z: Float[Tensor, "batch latent"]
    u: Float[Tensor, "batch latent"]
    slots: Float[Tensor, "batch slots width"] | None = None
    mask: Bool[Tensor, "batch slots"] | None = None

    def __getitem__(self, rows: slice | np.ndarray) -> Code:
        pick = lambda value: None if value is None else value[rows]  # noqa: E731
        return Code(self.e[rows], self.z[rows], self.u[rows], pick(self.slots), pick(self.mask))


class SkipNet(nn.Module):
    """E, T, C, M and D of the paper, wired by Eqs. 1-7; `SkipNet(experiment("ours_aligned", "demo"))`."""

    tasks = frozenset(product(MODALITIES, MODALITIES))  # the directions that it can `translate`

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.experiment = experiment
        self.image_encoder = image_encoder(experiment)
        self.text_encoder = TextEncoder(experiment)
        self.speech_encoder = SpeechEncoder(experiment)
        self.code_norms = nn.ModuleDict({m: code_norm(experiment) for m in MODALITIES})
        self.transformer = ModalityTransformer(experiment)
        self.classifier = ModalityClassifier(experiment)
        self.memory = memory_fusion(experiment)
        self.image_decoder = ImageDecoder(experiment)
        self.text_decoder = TextDecoder(experiment)
        self.speech_decoder = SpeechDecoder(experiment)
        start_recurrence(self)

    def bottleneck(self, encoded: Mapping[str, Encoded]) -> dict[str, Code]:
        """T and M over what the encoders answered, by modality.

        All modalities pass T in one call: a batch norm on z sees them together, so it cannot hide from C
        what tells them apart.
        """
        es = {m: self.code_norms[m](state) for m, (state, _, _) in encoded.items()}
        z = self.transformer(torch.cat(list(es.values())))
        rows = [len(e) for e in es.values()]
        parts = zip(es.items(), z.split(rows), self.memory(z).split(rows), strict=True)
        return {m: Code(e, z, u, *self._slots(m, z, u, encoded[m])) for (m, e), z, u in parts}

    def _slots(self, modality: str, z: Tensor, u: Tensor, encoded: Encoded) -> tuple[Tensor | None, ...]:
        """What D_spch attends over beside u, and which of it is valid."""
        if self.experiment.speech_decoder.attend != "sequence":
            return self._read_slots(u, z), None
        _, steps, mask = encoded
        # A sentence has fifty steps, and padding: the norms are for whole codes, and learn nothing here.
        with as_used(self.code_norms[modality], self.transformer):
            z = self.transformer(self.code_norms[modality](steps.flatten(0, 1)))
        return self.memory(z).unflatten(0, steps.shape[:2]), mask

    def _read_slots(self, u: Tensor, z: Tensor, attention: Tensor | None = None) -> Tensor | None:
        attend = self.experiment.speech_decoder.attend
        if attend == "heads":
            return u.unflatten(-1, (self.experiment.memory.heads, -1))
        if attend == "slots":
            assert isinstance(self.memory, MemoryFusion)
            read = self.memory.attention(z) if attention is None else attention
            weighted = read[..., None] * self.memory.values().transpose(0, 1)
            return weighted.transpose(1, 2).flatten(2)
        return None

    @torch.inference_mode()
    def reread(self, code: Code, attention: Float[Tensor, "batch heads slots"] | None = None) -> Code:
        """`code` with the memory read anew (Eq. 2): at its z, or as `attention` says.

        Raises `ConfigError` if there is no memory to read so, or D_spch attends over a sequence of reads.
        """
        if self.experiment.speech_decoder.attend == "sequence":
            raise ConfigError("with speech_decoder.attend=sequence a code is not one read of the memory")
        if attention is None:
            u = self.memory(code.z)
        elif isinstance(self.memory, MemoryFusion):
            u = self.memory.read(attention)
        else:
            raise ConfigError(f"memory.kind={self.experiment.memory.kind} has no slots to read")
        return Code(code.e, code.z, u, self._read_slots(u, code.z, attention))

    @torch.inference_mode()
    def encode(self, x: Any, source: str, batch: int = 64) -> Code:
        """The code of images, sentences or mels (as `translate` takes them), evaluated in batches.

        Raises `DataError` on input that cannot be used, `ConfigError` on an unknown modality.
        """
        self._check(source)
        check_batch(x, source, batch)
        encoder = self.get_submodule(f"{source}_encoder")
        self.eval()
        parts = []
        for i in range(0, len(x), batch):
            given = encoder_inputs(x[i : i + batch], source, self.experiment, self.device)
            parts.append(self.bottleneck({source: encoder(*given)})[source])
        if parts[0].mask is not None:  # steps differ from batch to batch
            return _join_padded(parts)
        slots = None if parts[0].slots is None else torch.cat([p.slots for p in parts])
        return Code(*_joined(parts), slots)

    @torch.inference_mode()
    def decode(self, code: Code, target: str, batch: int = 64) -> Any:
        """Images, sentences or mels from a code, evaluated in batches. Raises `ConfigError` on an unknown
        modality."""
        self._check(target)
        self.eval()
        parts = [code[i : i + batch] for i in range(0, len(code.u), batch)]
        if target == "image":
            return torch.cat([self.image_decoder.generate(p.u) for p in parts])
        if target == "text":
            return [text.decode(row) for p in parts for row in self.text_decoder.generate(p.u).tolist()]
        return [mel for p in parts for mel in self.speech_decoder.generate(p.u, p.slots, p.mask)]

    def translate(self, x: Any, source: str, target: str, batch: int = 64) -> Any:
        """A batch of one modality as another (or the same): all nine directions, image to speech among them.

        source, target: "image", "text" or "speech".
        image: uint8 [batch, 3, height, width], a sequence of PIL images or of [height, width, 3]
        arrays, any size and mode on the way in (or features, float [batch, 1280], of an experiment with
        `image.features`); uint8 [batch, 3, size, size] on the way out.
        text: a list of sentences. speech: a list of mels [time, 80] as `audio.to_mel` gives them.

        Raises `DataError` on input that cannot be used, `ConfigError` on an unknown modality.
        """
        self._check(target)
        return self.decode(self.encode(x, source, batch), target, batch)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what they are given goes."""
        return self.text_encoder.embedding.weight.device

    def _check(self, modality: str) -> None:
        if modality not in MODALITIES:
            raise ConfigError(f"unknown modality {modality!r}; there are: {', '.join(MODALITIES)}")


def code_norm(experiment: Experiment) -> nn.Module:
    """Sentences, averaged over their characters, look alike, and so do recordings: without a norm e is one
    large constant and a little content, and the memory is read at the same slots whatever the input."""
    return nn.BatchNorm1d(experiment.code) if experiment.code_norm == "batch" else nn.Identity()


def start_recurrence(network: nn.Module) -> None:
    """Orthogonal recurrent weights in all GRUs and LSTMs, and LSTMs that remember at first: a code must last
    a whole sentence."""
    for rnn in (part for part in network.modules() if isinstance(part, nn.RNNBase)):
        size = rnn.hidden_size
        for name, parameter in rnn.named_parameters():
            if name.startswith("weight_hh"):
                for gate in range(0, len(parameter), size):
                    nn.init.orthogonal_(parameter.data[gate : gate + size])
            elif name.startswith("bias_hh") and isinstance(rnn, nn.LSTM):
                nn.init.constant_(parameter.data[size : 2 * size], 1.0)


def _joined(parts: list[Code]) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.cat([getattr(p, name) for p in parts]) for name in ("e", "z", "u"))


def _join_padded(parts: list[Code]) -> Code:
    steps = max(p.slots.shape[1] for p in parts)
    pad = nn.functional.pad
    return Code(
        *_joined(parts),
        torch.cat([pad(p.slots, (0, 0, 0, steps - p.slots.shape[1])) for p in parts]),
        torch.cat([pad(p.mask, (0, steps - p.mask.shape[1])) for p in parts]),
    )


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """How many parameters each part has, and `total`."""
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    return counts | {"total": sum(counts.values())}
