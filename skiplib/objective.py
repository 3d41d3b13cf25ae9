"""One step's objective, Eq. 7, from a batch of A and a batch of B, with everything worth watching."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skiplib import losses
from skiplib.bottleneck import MODALITIES, MemoryFusion, reverse_gradient
from skiplib.encoders import valid
from skiplib.model import SkipNet

RAMP = 0.1  # share of the joint steps over which the adversarial term grows to its strength


@dataclass  # not frozen: Fabric moves the tensors of a batch in place
class Texts:
    """Sentences as padded symbol numbers, and their lengths, the end symbol included."""

    ids: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]


@dataclass  # not frozen: Fabric moves the tensors of a batch in place
class BatchA:
    """Image-text pairs: an image, what E_img sees of it, one of its captions, and another one."""

    image: Float[Tensor, "batch 3 height width"]
    seen: Float[Tensor, "batch *seen"]  # the image itself, or features of it
    text: Texts
    paraphrase: Texts


@dataclass  # not frozen: Fabric moves the tensors of a batch in place
class BatchB:
    """Text-speech pairs."""

    text: Texts
    mel: Float[Tensor, "batch time mel"]
    lengths: Int[Tensor, " batch"]
    words: frozenset[str] = frozenset()  # of all B


def objective(
    model: SkipNet, a: BatchA, b: BatchB, progress: float = 1.0
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """The total loss and its terms by name.

    `progress` in [0, 1] is the share of the joint steps done; the adversarial term waits for its start.
    A and B need as many pairs each (`losses.classifier_loss`).
    """
    options = model.experiment
    aligned = options.alignment.kind
    n = len(a.image)
    texts = join(a.text, b.text, a.paraphrase) if aligned != "none" else join(a.text, b.text)
    codes = model.bottleneck(
        {
            "image": model.image_encoder(a.seen),
            "text": model.text_encoder(texts.ids, texts.lengths),
            "speech": model.speech_encoder(b.mel, b.lengths),
        }
    )
    image, said, speech = (codes[modality] for modality in MODALITIES)
    text_a, text_b, other = said[:n], said[n : 2 * n], said[2 * n :]

    # Eqs. 4-6, and D_txt(u_txt) where the pair loss asks for it: all text decodings in one call.
    sources, targets = [image.u, speech.u], [a.text, b.text]
    if aligned in ("text_autoencoding", "both"):
        # u_txt of one caption is decoded as another of the same image: it keeps what they share.
        sources, targets = [*sources, text_a.u, text_b.u], [*targets, a.paraphrase, b.text]
    target = join(*targets)
    per_source = text_losses(model.text_decoder, torch.cat(sources), target, n, options.loss.reduction)
    terms = image_terms(model, text_a.u, a) | speech_terms(model, text_b.u, b, text_b.slots, text_b.mask)
    terms |= {
        "image_to_text": options.loss.text * per_source[0],
        "speech_to_text": options.loss.text * per_source[1],
    }
    weight = options.alignment.weight
    if aligned in ("text_autoencoding", "both"):
        terms["text_to_text"] = weight * (per_source[2] + per_source[3])
    same_a, same_b = ((ids[:, None] == ids).all(-1) for ids in (a.text.ids, b.text.ids))
    pairs = [(image.u, text_a.u, same_a), (speech.u, text_b.u, same_b), (text_a.u, other.u, same_a)]
    if aligned in ("contrastive", "both"):
        temperature = options.alignment.temperature
        centre = torch.cat([image.u, said.u, speech.u]).float().mean(0)  # of A and B together
        contrast = sum(losses.contrastive_loss(x, y, centre, temperature, same) for x, y, same in pairs)
        terms["contrastive"] = options.alignment.contrastive_weight * contrast
    if aligned == "l2":
        terms["distance"] = weight * sum(losses.distance_loss(x, y) for x, y, _ in pairs)

    watched: dict[str, Tensor] = {}
    if options.adversarial.strength:
        matched = [image.z, speech.z]
        if options.adversarial.reach == "transformer":  # what lies below T is left alone
            z = model.transformer(torch.cat([codes[m].e.detach() for m in MODALITIES]))
            matched = [z[:n], z[-n:]]
        adversarial, watched = _adversarial(model, *matched, said.z[: 2 * n], progress)
        terms |= adversarial
    if isinstance(model.memory, MemoryFusion):
        watched |= memory_use(model.memory, torch.cat([image.z, said.z, speech.z]).detach())
    return added(terms, watched)


def added(
    terms: Mapping[str, Tensor], watched: Mapping[str, Tensor] | None = None
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """The sum of the terms, and terms and what is only watched as numbers."""
    total = torch.stack([term.float() for term in terms.values()]).sum()
    return total, {name: float(value.detach()) for name, value in {**terms, **(watched or {})}.items()}


def text_losses(
    decoder: nn.Module, u: Float[Tensor, "rows latent"], target: Texts, n: int, reduction: str
) -> list[Float[Tensor, ""]]:
    """The cross-entropy of texts from their codes, one for each `n` rows: several sources in one call."""
    scores = decoder(u, target.ids)
    characters = valid(target.lengths, target.ids.shape[1])
    return [
        losses.text_loss(scores[i : i + n], target.ids[i : i + n], characters[i : i + n], reduction)
        for i in range(0, len(target.ids), n)
    ]


def image_terms(model: nn.Module, u: Float[Tensor, "batch latent"], a: BatchA) -> dict[str, Tensor]:
    """Eq. 4 from a code; of any network with an `image_decoder`."""
    weight = model.experiment.loss
    return {"image": weight.image * losses.image_loss(model.image_decoder(u), a.image, weight.reduction)}


def speech_terms(
    model: nn.Module,
    u: Float[Tensor, "batch latent"],
    b: BatchB,
    slots: Float[Tensor, "batch slots width"] | None = None,
    mask: Bool[Tensor, "batch slots"] | None = None,
) -> dict[str, Tensor]:
    """Eq. 5 and the stop token's loss from a code; of any network with a `speech_decoder`."""
    weight, chunk = model.experiment.loss, model.experiment.speech_decoder.chunk
    mel, stop = model.speech_decoder(u, b.mel, slots, mask)
    frames = valid(b.lengths, b.mel.shape[1])
    return {
        "speech": weight.speech * losses.speech_loss(mel, b.mel, frames, weight.reduction),
        "stop": losses.stop_loss(stop, b.lengths, chunk),
    }


def _adversarial(
    model: SkipNet, image: Tensor, speech: Tensor, text: Tensor, progress: float
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """L_C for C alone, and L_T and the reversed L_C for T through a frozen C; z_txt is the anchor."""
    options = model.experiment.adversarial
    z = torch.cat([image, text, speech])
    n = len(image)
    modality = torch.tensor([losses.IMAGE, losses.TEXT, losses.TEXT, losses.SPEECH], device=z.device)
    modality = modality.repeat_interleave(n)
    scores = model.classifier(z.detach())
    terms = {"classifier": losses.classifier_loss(scores, modality)}
    grown = min(1.0, max(0.0, (progress - options.start) / RAMP)) if progress < 1 else 1.0
    if grown:
        frozen = {name: p.detach() for name, p in model.classifier.named_parameters()}
        sees = lambda x: torch.func.functional_call(model.classifier, frozen, (x,))  # noqa: E731
        strength = options.strength * grown
        if options.form in ("both", "text"):
            terms["transformer"] = strength * losses.transformer_loss(sees(image), sees(speech))
        if options.form in ("both", "reversal"):
            anchored = torch.cat([image, text.detach(), speech])
            terms["reversal"] = strength * losses.classifier_loss(sees(reverse_gradient(anchored)), modality)
    accuracy = (scores.argmax(-1) == modality).float().mean()
    return terms, {"classifier_accuracy": accuracy}


def memory_use(memory: MemoryFusion, z: Float[Tensor, "batch latent"]) -> dict[str, Tensor]:
    """`memory_entropy`: mean entropy of a read, 0 (one slot) to 1 (all alike); `memory_slots_used`: the
    perplexity of a head's average read as a share of the slots: 1 if all serve some input alike."""
    with torch.no_grad():
        attention = memory.attention(z)
        slots = attention.shape[-1]
        entropy = -(attention * attention.clamp_min(1e-9).log()).sum(-1).mean() / math.log(slots)
        average = attention.mean(0)
        used = (-(average * average.clamp_min(1e-9).log()).sum(-1)).exp().mean() / slots
    return {"memory_entropy": entropy, "memory_slots_used": used}


def join(*parts: Texts) -> Texts:
    """Several batches of sentences as one, padded to the longest."""
    time = max(p.ids.shape[1] for p in parts)
    ids = [nn.functional.pad(p.ids, (0, time - p.ids.shape[1])) for p in parts]
    return Texts(torch.cat(ids), torch.cat([p.lengths for p in parts]))
