"""The objective: Eqs. 1 and 3-7, and the pair loss that the paper does not have (DECISIONS.md 27).

Means run over elements, and over valid frames or characters only (DECISIONS.md 14); `reduction="sum"`
is the literal reading.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from skiplib.bottleneck import MODALITIES

IMAGE, TEXT, SPEECH = range(len(MODALITIES))


def image_loss(
    painted: Float[Tensor, "batch 3 height width"],
    image: Float[Tensor, "batch 3 height width"],
    reduction: str = "mean",
) -> Float[Tensor, ""]:
    """Eq. 4: L1 between an image of A and what D_img paints from its text."""
    distance = (painted.float() - image).abs()
    return distance.mean() if reduction == "mean" else distance.sum() / len(image)


def speech_loss(
    spoken: Float[Tensor, "batch padded mel"],
    mel: Float[Tensor, "batch time mel"],
    mask: Bool[Tensor, "batch time"],
    reduction: str = "mean",
) -> Float[Tensor, ""]:
    """Eq. 5: L1 between speech of B and what D_spch says from its text, over valid frames."""
    distance = (spoken[:, : mel.shape[1]].float() - mel).abs() * mask[..., None]
    if reduction == "sum":
        return distance.sum() / len(mel)
    return distance.sum() / (mask.sum() * mel.shape[-1])


def stop_loss(
    scores: Float[Tensor, "batch steps"], lengths: Int[Tensor, " batch"], chunk: int
) -> Float[Tensor, ""]:
    """Cross-entropy of the stop token: 1 at the chunk that ends the speech, 0 before (DECISIONS.md 18)."""
    last = (lengths + chunk - 1) // chunk - 1
    steps = torch.arange(scores.shape[1], device=scores.device)[None]
    target = (steps >= last[:, None]).float()
    counted = steps <= last[:, None]
    loss = functional.binary_cross_entropy_with_logits(scores.float(), target, reduction="none")
    return (loss * counted).sum() / counted.sum()


def text_loss(
    scores: Float[Tensor, "batch time symbols"],
    ids: Int[Tensor, "batch time"],
    mask: Bool[Tensor, "batch time"],
    reduction: str = "mean",
) -> Float[Tensor, ""]:
    """One line of Eq. 6: cross-entropy, character by character, the end symbol included."""
    loss = functional.cross_entropy(scores.float().mT, ids, reduction="none") * mask
    return loss.sum() / mask.sum() if reduction == "mean" else loss.sum() / len(ids)


def classifier_loss(scores: Float[Tensor, "batch 3"], modality: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
    """L_C of Eq. 1: one expectation for each of image, speech, text of A and text of B, added up.

    A batch holds as many of each of the four, so four times the mean is their sum.
    """
    return 4 * functional.cross_entropy(scores.float(), modality)


def transformer_loss(
    image: Float[Tensor, "batch 3"], speech: Float[Tensor, "batch_b 3"]
) -> Float[Tensor, ""]:
    """L_T of Eq. 1: how far C is from taking images and speech for text."""
    return -(image.float().log_softmax(-1)[:, TEXT].mean() + speech.float().log_softmax(-1)[:, TEXT].mean())


def contrastive_loss(
    u: Float[Tensor, "batch latent"],
    paired: Float[Tensor, "batch latent"],
    centre: Float[Tensor, " latent"],
    temperature: float,
    same: Bool[Tensor, "batch batch"],
) -> Float[Tensor, ""]:
    """InfoNCE (van den Oord et al. 2018), both ways, on cosines of u seen from one `centre`.

    With a centre for each side, the two could lie anywhere apart. Rows whose texts are the `same` are no
    negatives of each other: what one of them says is true of the other.
    """
    u = functional.normalize(u.float() - centre, dim=-1)
    paired = functional.normalize(paired.float() - centre, dim=-1)
    others = same & ~torch.eye(len(u), dtype=torch.bool, device=u.device)
    scores = (u @ paired.T / temperature).masked_fill(others, -torch.inf)
    target = torch.arange(len(u), device=u.device)
    return (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target)) / 2


def distance_loss(
    u: Float[Tensor, "batch latent"], paired: Float[Tensor, "batch latent"]
) -> Float[Tensor, ""]:
    """Mean squared distance of two codes that should be one."""
    return (u.float() - paired.float()).square().mean()
