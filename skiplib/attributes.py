"""A reader of attributes: a small classifier trained on true scenes, that looks at what we paint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from skiplib.errors import CheckpointError, DataError
from skiplib.files import whole
from skiplib.scores import ItemScores

CHANNELS = (24, 48, 96, 96)
GRID = 4  # side of the last feature map, whatever the image's: where a thing is matters
HIDDEN = 256
BATCH = 64
RATE = 0.004  # peak learning rate of Adam
LOOK = 256  # images read at once

Images = UInt8[np.ndarray, "n 3 h w"] | Float[np.ndarray, "n 3 h w"]


class AttributeReader(nn.Module):
    """A convolutional network with one head an attribute; `classes` gives the number of values of each."""

    def __init__(self, classes: Sequence[int]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        layers: list[nn.Module] = []
        for inside, outside in zip((3, *CHANNELS), CHANNELS, strict=False):
            layers += [
                nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(),
            ]
        self.trunk = nn.Sequential(
            *layers,
            nn.AdaptiveAvgPool2d(GRID),
            nn.Flatten(),
            nn.Linear(CHANNELS[-1] * GRID**2, HIDDEN),
            nn.ReLU(),
        )
        self.heads = nn.Linear(HIDDEN, sum(self.classes))

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _"]]:
        """The logits of each attribute from images in [0, 1]."""
        return list(self.heads(self.trunk(images - 0.5)).split(self.classes, dim=1))

    @classmethod
    def fit(
        cls,
        images: Images,
        labels: Int[np.ndarray, "n k"],
        classes: Sequence[int],
        seed: int = 0,
        epochs: int = 8,
    ) -> AttributeReader:
        """A reader trained on true scenes by cross-entropy summed over attributes.

        Images are uint8, or floats in [0, 1]; `labels[:, j]` is in [0, classes[j]). The global random
        state is left as it was.

        Raises `DataError` if there are fewer than two images, or labels do not fit images or classes.
        """
        _check(images, labels, classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            reader = cls(classes)
        targets = torch.from_numpy(labels).long()
        rng = np.random.default_rng(seed)
        steps = max(1, len(images) // BATCH)
        optimiser = torch.optim.Adam(reader.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * steps)
        reader.train()
        for _ in tqdm(range(epochs), desc="attribute reader", mininterval=1):
            # whole batches of almost equal size: BatchNorm has no use for a rest of one image
            for rows in np.array_split(rng.permutation(len(images)), steps):
                loss = sum(
                    cross_entropy(logits, target)
                    for logits, target in zip(reader(_scaled(images[rows])), targets[rows].T, strict=True)
                )
                optimiser.zero_grad()
                torch.as_tensor(loss).backward()
                optimiser.step()
                schedule.step()
        return reader.eval()

    @torch.inference_mode()
    def predict(self, images: Images) -> Int[np.ndarray, "n k"]:
        """The most likely value of each attribute; images are uint8, or floats, cut to [0, 1]."""
        self.eval()
        found = [
            torch.stack([logits.argmax(1) for logits in self(_scaled(images[i : i + LOOK]))], 1).numpy()
            for i in range(0, len(images), LOOK)
        ]
        return np.concatenate([np.zeros((0, len(self.classes)), dtype=np.int64), *found])

    def accuracy(self, images: Images, labels: Int[np.ndarray, "n k"]) -> ItemScores:
        """Attributes read right of each image, over their number.

        Raises `DataError` if labels do not fit images or classes.
        """
        _check(images, labels, self.classes, fewest=1)
        right = (self.predict(images) == labels).sum(axis=1)
        return ItemScores(right.astype(np.float64), np.full(len(images), float(labels.shape[1])))

    def chance(self, mean_image: Float[np.ndarray, "3 h w"], labels: Int[np.ndarray, "n k"]) -> ItemScores:
        """Attributes read right if every painting were the mean of the training images, in [0, 1]."""
        read = self.predict(mean_image[None])
        right = (read == labels).sum(axis=1)
        return ItemScores(right.astype(np.float64), np.full(len(labels), float(labels.shape[1])))

    @classmethod
    def kept(
        cls,
        path: Path,
        training: Callable[[], tuple[Images, Int[np.ndarray, "n k"]]],
        classes: Sequence[int],
        epochs: int = 8,
    ) -> AttributeReader:
        """The reader saved at `path`; trained on what `training` gives, and saved, if it is not there."""
        try:
            return cls.load(path)
        except CheckpointError:  # not there yet, or damaged
            reader = cls.fit(*training(), classes, epochs=epochs)
            reader.save(path)
            return reader

    @property
    def digest(self) -> str:
        """SHA-256 of the weights: which reader a number comes from."""
        found = hashlib.sha256()
        for name, weight in sorted(self.state_dict().items()):
            found.update(name.encode() + weight.numpy().tobytes())
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """Write the weights as safetensors, in one move."""
        with whole(path) as partial:
            save_file(dict(self.state_dict()), partial, {"classes": json.dumps(self.classes)})

    @classmethod
    def load(cls, path: Path) -> AttributeReader:
        """A reader as saved. Raises `CheckpointError` if the file is missing, damaged or of another shape."""
        try:
            with safe_open(path, framework="pt") as file:
                reader = cls(json.loads((file.metadata() or {})["classes"]))
                reader.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} is not an attribute reader ({error}): put back the file that came with the project"
            ) from error
        return reader.eval()


def _scaled(images: Images) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float().clamp(0, 1)


def _check(images: Images, labels: np.ndarray, classes: Sequence[int], fewest: int = 2) -> None:
    if len(images) < fewest or len(images) != len(labels) or labels.shape[1] != len(classes):
        raise DataError(
            f"{len(images)} images, labels {labels.shape} and {len(classes)} attributes do not fit"
        )
    if (labels < 0).any() or (labels >= np.array(classes)).any():
        raise DataError(
            f"a label is outside its classes: labels go up to {labels.max(0)}, classes are {classes}"
        )
