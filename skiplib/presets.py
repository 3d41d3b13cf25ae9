"""Scales, variants and corpora as overlays: dotted names of switches, and what each sets them to."""

from __future__ import annotations

from typing import Any

DEMO_WORLD = {
    "world.things": (2, 2),
    "world.shapes": 5,
    "world.colours": 8,
    "world.sizes": 2,
    "world.patterns": 1,
    "world.backgrounds": 1,
    "world.train_scenes": 16_000,
    "world.test_scenes": 300,
    "world.train_sentences": 10_000,
    "world.test_sentences": 300,
    "evaluation.scenes": 300,
    "evaluation.sentences": 300,
}

DEMO_MODEL = {
    "code": 256,
    "code_norm": "batch",
    "image.size": 64,
    "text_encoder.dropout": 0.0,
    "text_encoder.channels": 64,
    "text_encoder.banks": 8,
    "text_encoder.embedding": 64,
    "image_encoder.channels": (32, 64, 128),
    "speech_encoder.channels": 8,
    "image_decoder.channels": (64, 64, 32),
    "image_decoder.strides": (2, 2, 2, 2),
    "transformer.activation": "pre",
    "transformer.norm": "batch",
    "memory.scale": 6.0,
    "text_decoder.embedding": 64,
    "text_decoder.readout": "deep",
    "speech_decoder.hidden": 384,
    "speech_decoder.hide": 0.3,
    "alignment.contrastive_weight": 0.2,
    "adversarial.strength": 0.005,
    "loss.speech": 8.0,
    "optim.kind": "muon",
}

SCALES: dict[str, dict[str, Any]] = {
    "paper": {},
    "demo": DEMO_WORLD
    | DEMO_MODEL
    | {
        "optim.rate": 0.003,
        "optim.schedule": "cosine",
        "optim.warmup": 100,
        "optim.batch": 32,
        "optim.steps": 3_600,
        "optim.joint": 0.46,
    },
    "smoke": DEMO_WORLD  # does all of it run? Narrower than demo: nothing is learned in twelve steps anyway
    | DEMO_MODEL
    | {
        "code": 64,
        "text_encoder.channels": 16,
        "image_encoder.channels": (8, 16, 32),
        "image_decoder.channels": (16, 16, 8),
        "text_decoder.hidden": 64,
        "speech_decoder.hidden": 96,
        "audio.griffin_lim_iterations": 10,  # untrained speech never stops
        "world.train_scenes": 64,
        "world.test_scenes": 8,
        "world.train_sentences": 48,
        "world.test_sentences": 8,
        "evaluation.scenes": 8,
        "evaluation.sentences": 8,
        "optim.schedule": "cosine",
        "optim.warmup": 4,
        "optim.batch": 8,
        "optim.steps": 12,
        "optim.joint": 0.75,
    },
}

ABLATIONS: dict[str, dict[str, Any]] = {
    "no_M": {"memory.kind": "none"},
    "M_to_FC": {"memory.kind": "fc"},
    "no_T": {"transformer.kind": "linear"},
    "no_T_no_Ladv": {"transformer.kind": "linear", "adversarial.strength": 0.0},
    "no_Ladv": {"adversarial.strength": 0.0},
}
# A baseline has one stage: all of it learns to the end. Muon's matrices have a lower rate instead, so that
# the sum of their rates over a run is that of what rests early in ours (DECISIONS.md 39); what Adam moves
# gets about twice as much, which favours the baselines.
ONE_STAGE = {"optim.joint": 1.0, "optim.muon_rate": 3.2}
BASELINES: dict[str, dict[str, Any]] = dict.fromkeys(("piecewise", "cyclegan", "separate"), ONE_STAGE)
ALIGNED = {
    "optim.joint": 0.46,  # at every scale: what follows in this list comes after
    "alignment.kind": "both",
    "alignment.gap_noise": 1.0,
    "alignment.follow": True,
    "alignment.text_stage": 0.2,
    "alignment.wording": "likeliest",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours_aligned": ALIGNED,
    **ABLATIONS,
    **{f"aligned_{name}": ALIGNED | overlay for name, overlay in ABLATIONS.items()},
    **BASELINES,
}
# A corpus of photographs and one of sentences make one of two halves, as flickr8k+cococaptions.
PICTURED, SAID = ("flickr8k", "flickr30k", "coco"), ("cococaptions", "ljspeech", "librispeech")
# The likeliest wording has been tried on SkipWorld alone (DECISIONS.md 48).
ELSEWHERE: dict[str, dict[str, Any]] = {scale: {"alignment.wording": "caption"} for scale in SCALES}
FEATURES = {"image.features": "efficientnet_lite0", "sentences.longest": 80, "evaluation.scenes": 1_000}
PHOTOGRAPHS = ELSEWHERE | {"demo": ELSEWHERE["demo"] | FEATURES}
# As published (section 3.4): 100 epochs in batches of 8, over the images of Karpathy's split of COCO.
PAPER_STEPS = 100 * 113_287 // 8
COCO = PHOTOGRAPHS | {"paper": PHOTOGRAPHS["paper"] | {"optim.steps": PAPER_STEPS}}
DIGITS = ELSEWHERE | {"demo": ELSEWHERE["demo"] | {"optim.steps": 2_400, "evaluation.scenes": 500}}
# What a corpus changes of a scale and of a variant: ten words need less of everything than sentences do.
CORPORA: dict[str, dict[str, dict[str, Any]]] = {
    "skipworld": {},
    "folder": ELSEWHERE,
    "digits": DIGITS,
    # COCO's captions of val2017 are captions of `coco` itself, some of its test images.
    **{
        f"{a}+{b}": COCO if a == "coco" else PHOTOGRAPHS
        for a in PICTURED
        for b in SAID
        if (a, b) != ("coco", "cococaptions")
    },
}
