"""The loss of one step once the whole network no longer learns together (DECISIONS.md 38, 40, 41, 43, 45)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from skiplib import losses, text
from skiplib.model import Code, SkipNet
from skiplib.objective import BatchA, BatchB, Texts, added, image_terms, join, speech_terms, text_losses

CHAIN_STEPS = 80  # chunks that an image is spoken with at most, 5 s


def retelling(model: SkipNet, a: BatchA, b: BatchB) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """The text autoencoding of the pair loss alone, for E_txt, T, M and D_txt (DECISIONS.md 45): a caption of
    A is told as another of its image, a sentence of B as itself."""
    n, weight = len(a.image), model.experiment.alignment.weight
    texts, target = join(a.text, b.text), join(a.paraphrase, b.text)
    code = model.bottleneck({"text": model.text_encoder(texts.ids, texts.lengths)})["text"]
    told_a, told_b = text_losses(model.text_decoder, code.u, target, n, model.experiment.loss.reduction)
    return added({"text_to_text": weight * (told_a + told_b)})


def finishing(
    model: SkipNet, a: BatchA, b: BatchB, chained: bool = False
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """Eqs. 4 and 5 alone, for D_img and D_spch; E_txt, D_txt, T and M are at rest (DECISIONS.md 38).

    With `alignment.follow` E_img and E_spch go on too, by the distance of their u to the text's, which no
    longer moves (DECISIONS.md 41), until the speech chain begins; `alignment.wording` is that of an image's
    text (DECISIONS.md 48). With `alignment.gap_noise` D_spch learns from codes of B with the modality gap of
    pairs of A added, as it will meet it when it speaks what an image shows (DECISIONS.md 40). `chained`:
    D_spch alone, by Eq. 5 and the speech chain (DECISIONS.md 43).
    """
    alignment, n = model.experiment.alignment, len(a.image)
    with torch.no_grad():
        texts = join(a.text, b.text)
        codes = model.bottleneck({"text": model.text_encoder(texts.ids, texts.lengths)})["text"]
    text_a, text_b = codes[:n], codes[n:]
    terms, follow = {}, alignment.follow and not chained
    with torch.set_grad_enabled(follow):
        if follow or alignment.gap_noise or chained:
            image = model.bottleneck({"image": model.image_encoder(a.seen)})["image"]
        if follow or alignment.gap_noise:
            shown = likeliest(model, text_a) if alignment.wording == "likeliest" else text_a
        if follow:
            speech = model.bottleneck({"speech": model.speech_encoder(b.mel, b.lengths)})["speech"].u
            terms["image_distance"] = losses.distance_loss(image.u, shown.u)
            terms["speech_distance"] = losses.distance_loss(speech, text_b.u)
    if alignment.gap_noise:
        share = alignment.gap_noise * torch.rand(n, 1, device=text_b.u.device)
        text_b = _moved(text_b, image, shown, share)
    if chained:
        terms["chain"] = alignment.chain * speech_chain(model, image[: n // 2], b.words)
    else:
        terms |= image_terms(model, text_a.u, a)
    return added(terms | speech_terms(model, text_b.u, b, text_b.slots, text_b.mask))


@torch.no_grad()
def likeliest(model: SkipNet, code: Code) -> Code:
    """The code of texts in their likeliest wording, as D_txt tells them from their `code`.

    What an image shows can be told in many wordings. The code of one caption, told as another of its image in
    training, lies between them all, where no sentence of B lies, and D_spch murmurs the beginning.
    """
    ids = model.text_decoder.generate(code.u).clone()  # out of inference mode
    texts = Texts(ids, _told(ids).sum(1))
    return model.bottleneck({"text": model.text_encoder(texts.ids, texts.lengths)})["text"]


def speech_chain(model: SkipNet, image: Code, words: Collection[str]) -> Float[Tensor, ""]:
    """What D_spch says of images, heard by E_spch and written by D_txt, against what D_txt writes of them.

    D_spch hears of images nowhere else, and its L1 cannot tell a blurred word from a wrong one. Only D_spch
    learns: all else is at rest. Images of which a word is written that is not in `words`, those of B, are
    left out, as no speech can say it. The chain is that of Tjandra et al. (2017), closed here over an image.
    """
    with torch.no_grad():
        ids = model.text_decoder.generate(image.u).clone()
    sentences = [text.decode(row) for row in ids.tolist()]
    kept = [i for i, sentence in enumerate(sentences) if sentence and set(text.words(sentence)) <= set(words)]
    if not kept:
        return image.u.new_zeros(())
    image, ids = image[np.array(kept)], ids[kept]
    mel, lengths = model.speech_decoder.unrolled(image.u, image.slots, image.mask, CHAIN_STEPS)
    read = model.bottleneck({"speech": model.speech_encoder(mel, lengths)})["speech"].u
    return losses.text_loss(model.text_decoder(read, ids), ids, _told(ids))


def _told(ids: Int[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """Which symbols of generated texts count: those up to the end symbol, and it too."""
    ended = (ids == text.END_ID).int()
    return ended.cumsum(1) - ended == 0


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
