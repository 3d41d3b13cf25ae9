"""What the paper reports and claims (sections 4.1 and 4.2), in a record's units: rates of 1, BLEU 0-100.

Its Table 1 has a column of WER that cannot be what it says, an error rate against captions: beside BLEU-4
of 30 it would have to be far higher, and it lies below the paper's own text-to-speech WER by the same
recogniser. Most likely it is that of the speech against the text that the model itself makes of the image,
the one of our three figures that can be so low. It stands beside that one, as a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

_COLUMNS = ("i2s_bleu1", "i2s_bleu2", "i2s_bleu3", "i2s_bleu4", "i2s_i2t_wer")
_TABLE_1 = {
    "cyclegan": (26.2, 20.1, 11.3, 9.2, 0.121),
    "piecewise": (68.2, 51.9, 39.2, 30.1, 0.041),
    "ours": (69.2, 52.1, 40.8, 29.9, 0.039),
}
TABLE_1 = {system: dict(zip(_COLUMNS, row, strict=True)) for system, row in _TABLE_1.items()}
TABLE_3 = {"ours": {"s2t_wer": 0.0388, "t2s_wer": 0.105}}
TABLE_4 = {
    "no_M": {"i2t_bleu1": 65.2, "s2t_wer": 0.0699},
    "M_to_FC": {"i2t_bleu1": 65.9, "s2t_wer": 0.0632},
    "no_T": {"i2t_bleu1": 68.6, "s2t_wer": 0.0601},
    "no_T_no_Ladv": {},  # ours: the paper trains T with L_adv alone, and has no row without both
    "no_Ladv": {"i2t_bleu1": 69.8, "s2t_wer": 0.0587},
    "ours": {"i2t_bleu1": 74.1, "s2t_wer": 0.0388},
}
METRICS = {  # our columns of its tables
    "1": {f"i2s_bleu{n}": f"BLEU-{n}" for n in (1, 2, 3, 4)}
    | {"i2s_wer": "WER, captions", "i2s_i2t_wer": "WER, its own text"},
    "3": {"s2t_wer": "WER, speech to text", "t2s_wer": "WER, text to speech"},
    "4": {"i2t_bleu1": "BLEU-1, image to text", "s2t_wer": "WER, speech to text"},
}
TITLES = {
    "cyclegan": "CycleGAN",
    "piecewise": "Piecewise",
    "no_M": "Ours w/o M",
    "M_to_FC": "Ours M → FC",
    "no_T": "Ours w/o T",
    "no_Ladv": "Ours w/o L_adv",
    "ours": "Ours",
}


def reported(metric: str, system: str) -> float | None:
    """The number of a system in one of its tables."""
    return next((t[system][metric] for t in (TABLE_1, TABLE_3, TABLE_4) if metric in t.get(system, {})), None)


@dataclass(frozen=True)
class Comparison:
    """`metric` of `system` is `sense` (">", "<", "~": alike) that of `other`, or its own metric `than`."""

    metric: str
    system: str
    sense: str
    other: str = ""
    than: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim in our words, where the paper makes it, and what must hold; nothing, if it was not tested."""

    name: str
    section: str
    text: str
    needs: tuple[Comparison, ...] = ()


def _better(system: str, other: str) -> tuple[Comparison, ...]:
    """In both columns of Table 4."""
    return (Comparison("i2t_bleu1", system, ">", other), Comparison("s2t_wer", system, "<", other))


CLAIMS = (
    Claim(
        "skip_modal",
        "4.1",
        "An image is spoken without any image-speech pair: what is heard tells more of it than of another.",
        (Comparison("i2s_content_accuracy", "ours", ">", than="i2s_content_accuracy_shuffled"),),
    ),
    Claim(
        "beats_cyclegan",
        "4.1, Table 1",
        "Image to speech is better than CycleGAN's.",
        tuple(Comparison(f"i2s_bleu{n}", "ours", ">", "cyclegan") for n in (1, 2, 3, 4)),
    ),
    Claim(
        "beats_piecewise",
        "4.1, Table 1",
        "Image to speech is better than two separate models joined by a string (BLEU-1 to BLEU-3).",
        tuple(Comparison(f"i2s_bleu{n}", "ours", ">", "piecewise") for n in (1, 2, 3)),
    ),
    Claim(
        "lowest_wer",
        "4.1, Table 1",
        "What is heard of an image has a lower word error rate than with both baselines.",
        tuple(Comparison("i2s_wer", "ours", "<", other) for other in ("cyclegan", "piecewise")),
    ),
    Claim(
        "domain_gap",
        "4.1",
        "A gap between the vocabularies of the two sets hurts the piecewise models.",  # the sweep `overlap`
    ),
    Claim(
        "zero_shot",
        "4.1, Fig. 5",
        "Words that the speech set lacks are spoken better than by the piecewise models.",
        (Comparison("i2s_zero_shot_accuracy", "ours", ">", "piecewise"),),
    ),
    Claim(
        "vocabulary",
        "4.1",
        "More different words are heard in the speech than in the piecewise models', right ones too.",
        # Babble has many different words: those that belong to the image must be more as well, and what is
        # said must depend on the image.
        (
            Comparison("i2s_content_accuracy", "ours", ">", than="i2s_content_accuracy_shuffled"),
            Comparison("i2s_unique_words", "ours", ">", "piecewise"),
            Comparison("i2s_unique_caption_words", "ours", ">", "piecewise"),
        ),
    ),
    Claim(
        "one_meaning",
        "4.1, Fig. 6",
        "Speech and text made from one image say the same: they agree more than those of two images.",
        (Comparison("i2s_i2t_agreement", "ours", ">", than="i2s_i2t_agreement_shuffled"),),
    ),
    Claim("listeners", "4.1", "Listeners prefer the speech for content, voice and as a whole."),
    Claim("other_captioners", "4.2, Table 2", "Image to text is better than ATT's and SAT's, by much."),
    Claim(
        "their_encoders",
        "4.2, Table 2",
        "With the image encoders of RFNet and Up-Down it is better than they.",
    ),
    Claim("other_recognisers", "4.2, Table 3", "Speech to text is better than four recognisers'."),
    Claim("other_synthesisers", "4.2, Table 3", "Text to speech is about as good as four other systems'."),
    Claim(
        "joint_training",
        "4.2",
        "Training all tasks together makes each better than training it alone.",
        (
            Comparison("i2t_bleu1", "ours", ">", "separate"),
            Comparison("s2t_wer", "ours", "<", "separate"),
            Comparison("t2s_wer", "ours", "<", "separate"),
            Comparison("t2i_attribute_accuracy", "ours", ">", "separate"),
        ),
    ),
    Claim("memory", "4.2, Table 4", "Without the memory M both tasks are worse.", _better("ours", "no_M")),
    Claim(
        "memory_is_not_size",
        "4.2, Table 4",
        "M is better than two FC layers of as many parameters.",
        _better("ours", "M_to_FC"),
    ),
    Claim(
        "layers_for_memory",
        "4.2, Table 4",
        "Two FC layers in the place of M are better than nothing there.",
        _better("M_to_FC", "no_M"),
    ),
    Claim("transformer", "4.2, Table 4", "Without T both tasks are worse.", _better("ours", "no_T")),
    Claim("adversarial", "4.2, Table 4", "Without L_adv both tasks are worse.", _better("ours", "no_Ladv")),
    Claim(
        "adversarial_like_transformer",
        "4.2, Table 4",
        "To leave L_adv out costs about as much as to leave T out.",
        (
            *_better("ours", "no_T"),  # that it costs nothing to leave out either would be no such claim
            Comparison("i2t_bleu1", "no_Ladv", "~", "no_T"),
            Comparison("s2t_wer", "no_Ladv", "~", "no_T"),
        ),
    ),
    Claim(
        "memory_matters_most",
        "4.2, Table 4",
        "Of T, L_adv and M, leaving M out costs most.",
        (*_better("ours", "no_M"), *_better("no_T", "no_M"), *_better("no_Ladv", "no_M")),
    ),
    Claim(
        "shared_space",
        "3.2, Eq. 1",
        "L_adv makes the modality of z harder to tell.",
        (Comparison("modality_probe_accuracy", "ours", "<", "no_Ladv"),),
    ),
)
