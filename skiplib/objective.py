"""One step's objective, Eq. 7, from a batch of A and a batch of B, with everything worth watching."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from skiplib import losses, text
from skiplib.bottleneck import MODALITIES, MemoryFusion, reverse_gradient
from skiplib.encoders import valid
from skiplib.model import Code, SkipNet

CHAIN_STEPS = 80  # chunks that an image is spoken with at most, 5 s
RAMP = 0.1  # share of the joint steps over which the adversarial term grows to its strength


@dataclass  # not frozen: Fabric moves the tensors of a batch in place
class Texts:
    ids: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]


@dataclass  # not frozen: Fabric moves the tensors of a batch in place
class BatchA:
    """Image-text pairs: an image, one of its captions, and another caption of the same image."""

    image: Float[Tensor, "batch 3 height width"]
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
            "image": model.image_encoder(a.image),
            "text": model.text_encoder(texts.ids, texts.lengths),
            "speech": model.speech_encoder(b.mel, b.lengths),
        }
    )
    image, written, speech = (codes[modality] for modality in MODALITIES)
    text_a, text_b, other = written[:n], written[n : 2 * n], written[2 * n :]

    # Eqs. 4-6, and D_txt(u_txt) where the pair loss asks for it: all text decodings in one call.
    sources, targets = [image.u, speech.u], [a.text, b.text]
    if aligned in ("text_autoencoding", "both"):
        # u_txt of one caption is decoded as another of the same image: it keeps what they share.
        sources, targets = [*sources, text_a.u, text_b.u], [*targets, a.paraphrase, b.text]
    target = join(*targets)
    scores = model.text_decoder(torch.cat(sources), target.ids)
    characters = valid(target.lengths, target.ids.shape[1])
    reduction = options.loss.reduction
    per_source = [
        losses.text_loss(scores[i : i + n], target.ids[i : i + n], characters[i : i + n], reduction)
        for i in range(0, len(target.ids), n)
    ]
    terms = painted(model, text_a.u, a) | spoken(model, text_b.u, b, text_b.slots, text_b.mask)
    terms |= {
        "image_to_text": options.loss.text * per_source[0],
        "speech_to_text": options.loss.text * per_source[1],
    }
    weight = options.alignment.weight
    if aligned in ("text_autoencoding", "both"):
        terms["text_to_text"] = weight * (per_source[2] + per_source[3])
    pairs = [(image.u, text_a.u), (speech.u, text_b.u), (text_a.u, other.u)]
    if aligned in ("contrastive", "both"):
        temperature = options.alignment.temperature
        centre = torch.cat([image.u, written.u, speech.u]).float().mean(0)  # of A and B together
        contrast = sum(losses.contrastive_loss(x, y, centre, temperature) for x, y in pairs)
        terms["contrastive"] = options.alignment.contrastive_weight * contrast
    if aligned == "l2":
        terms["distance"] = weight * sum(losses.distance_loss(x, y) for x, y in pairs)

    watched: dict[str, Tensor] = {}
    if options.adversarial.strength:
        matched = [image.z, speech.z]
        if options.adversarial.reach == "transformer":  # what lies below T is left alone
            z = model.transformer(torch.cat([codes[m].e.detach() for m in MODALITIES]))
            matched = [z[:n], z[-n:]]
        adversarial, watched = _adversarial(model, *matched, written.z[: 2 * n], progress)
        terms |= adversarial
    if isinstance(model.memory, MemoryFusion):
        watched |= memory_use(model.memory, torch.cat([image.z, written.z, speech.z]).detach())
    return added(terms, watched)


def finishing(
    model: SkipNet, a: BatchA, b: BatchB, chained: bool = False
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """Eqs. 4 and 5 alone, for D_img and D_spch; E_txt, D_txt, T and M are at rest (DECISIONS.md 38).

    With `alignment.follow` E_img and E_spch go on too, by the distance of their u to the text's, which no
    longer moves (DECISIONS.md 41), until the speech chain begins. With `alignment.gap_noise` D_spch learns
    from codes of B with the modality gap of pairs of A added, as it will meet it when it speaks what an image
    shows (DECISIONS.md 40). `chained`: D_spch alone, by Eq. 5 and the speech chain (DECISIONS.md 43).
    """
    alignment, n = model.experiment.alignment, len(a.image)
    with torch.no_grad():
        texts = join(a.text, b.text)
        codes = model.bottleneck({"text": model.text_encoder(texts.ids, texts.lengths)})["text"]
    text_a, text_b = codes[:n], codes[n:]
    terms, follow = {}, alignment.follow and not chained
    with torch.set_grad_enabled(follow):
        if follow or alignment.gap_noise or chained:
            image = model.bottleneck({"image": model.image_encoder(a.image)})["image"]
        if follow:
            speech = model.bottleneck({"speech": model.speech_encoder(b.mel, b.lengths)})["speech"].u
            terms["image_distance"] = losses.distance_loss(image.u, text_a.u)
            terms["speech_distance"] = losses.distance_loss(speech, text_b.u)
    if alignment.gap_noise:
        share = alignment.gap_noise * torch.rand(n, 1, device=text_b.u.device)
        text_b = _moved(text_b, image, text_a, share)
    if chained:
        terms["chain"] = alignment.chain * speech_chain(model, image[: n // 2], b.words)
    else:
        terms |= painted(model, text_a.u, a)
    return added(terms | spoken(model, text_b.u, b, text_b.slots, text_b.mask))


def speech_chain(model: SkipNet, image: Code, words: Collection[str]) -> Float[Tensor, ""]:
    """What D_spch says of images, heard by E_spch and written by D_txt, against what D_txt writes of them.

    D_spch hears of images nowhere else, and its L1 cannot tell a blurred word from a wrong one. Only D_spch
    learns: all else is at rest. Images of which a word is written that is not in `words`, those of B, are
    left out, as no speech can say it. The chain is that of Tjandra et al. (2017), closed here over an image.
    """
    with torch.no_grad():
        ids = model.text_decoder.generate(image.u).clone()
    written = [text.decode(row) for row in ids.tolist()]
    kept = [i for i, sentence in enumerate(written) if sentence and set(text.words(sentence)) <= set(words)]
    if not kept:
        return image.u.new_zeros(())
    image, ids = image[np.array(kept)], ids[kept]
    mel, lengths = model.speech_decoder.unrolled(image.u, image.slots, image.mask, CHAIN_STEPS)
    read = model.bottleneck({"speech": model.speech_encoder(mel, lengths)})["speech"].u
    ended = ids == text.END_ID
    characters = ended.int().cumsum(1) - ended.int() == 0  # the end symbol included
    return losses.text_loss(model.text_decoder(read, ids), ids, characters)


def _moved(code: Code, image: Code, text: Code, share: Float[Tensor, "batch 1"]) -> Code:
    """`code` moved by a share of the modality gap of pairs, and with it what D_spch attends over.

    Heads and slots of an image lie beside those of its text; the steps of a sequence do not, and move as u.
    """
    gap = image.u.detach() - text.u
    slots = code.slots
    if slots is not None:
        shift = gap[:, None] if code.mask is not None else image.slots.detach() - text.slots
        slots = slots + share[..., None] * shift
    return replace(code, u=code.u + share * gap, slots=slots)


def added(
    terms: Mapping[str, Tensor], watched: Mapping[str, Tensor] | None = None
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """The sum of the terms, and terms and what is only watched as numbers."""
    total = torch.stack([term.float() for term in terms.values()]).sum()
    return total, {name: float(value.detach()) for name, value in {**terms, **(watched or {})}.items()}


def painted(model: nn.Module, u: Float[Tensor, "batch latent"], a: BatchA) -> dict[str, Tensor]:
    """Eq. 4 from a code; of any network with an `image_decoder`."""
    weight = model.experiment.loss
    return {"image": weight.image * losses.image_loss(model.image_decoder(u), a.image, weight.reduction)}


def spoken(
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
