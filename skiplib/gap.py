"""How far apart A and B are in words, and what of the test training never sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skiplib.config import Experiment
from skiplib.corpora import SPLITS
from skiplib.grammar import content_words
from skiplib.lexicon import vocabularies
from skiplib.prepare import Prepared
from skiplib.scenes import Scene, held_out
from skiplib.text import words

ZERO_SHOT = "only A: zero-shot words"
FRAME = "only A, and say nothing of a scene"


def texts(prepared: Prepared, splits: Sequence[str] = SPLITS) -> dict[str, list[str]]:
    """All texts of A and of B, in `splits`."""
    return {
        "A": [text for split in splits for captions in prepared.a[split].captions for text in captions],
        "B": [text for split in splits for text in prepared.b[split].sentences],
    }


def _vocabularies(prepared: Prepared) -> dict[str, set[str]]:
    return {name: {word for text in found for word in words(text)} for name, found in texts(prepared).items()}


def overlap(experiment: Experiment, prepared: Prepared) -> pd.DataFrame:
    """Words of A, of B and of both, and their Jaccard overlap |A ∩ B| / |A ∪ B|: in the texts, and in the
    vocabularies that a world was made from."""
    rows = {"words of the texts": [*_vocabularies(prepared).values()]}
    if experiment.corpus == "skipworld":
        world = vocabularies(experiment.world)
        rows = {"words of the world": [set(world.a), set(world.b)]} | rows
    cells = {
        name: (len(a), len(b), len(a & b), round(len(a & b) / len(a | b), 3)) for name, (a, b) in rows.items()
    }
    return pd.DataFrame.from_dict(cells, orient="index", columns=["A", "B", "shared", "overlap"])


def word_lists(experiment: Experiment, prepared: Prepared) -> dict[str, list[str]]:
    """The words of A and B by where they occur. A zero-shot word is in A alone, so that no speech of B says
    it; in a world, and says something of a scene too."""
    if experiment.corpus == "skipworld":
        world = vocabularies(experiment.world)
        a, b, zero_shot = set(world.a), set(world.b), set(world.zero_shot)
    else:
        a, b = _vocabularies(prepared).values()
        zero_shot = a - b
    found = {ZERO_SHOT: zero_shot, FRAME: a - b - zero_shot, "shared": a & b, "only B": b - a}
    return {name: sorted(listed) for name, listed in found.items()}


def zero_shot_share(experiment: Experiment, prepared: Prepared) -> float:
    """Share of the words of A's captions that are zero-shot; in a world, of those that say something."""
    zero_shot = set(word_lists(experiment, prepared)[ZERO_SHOT])
    captions = texts(prepared)["A"]
    if experiment.corpus == "skipworld":
        said = [word for text in captions for word, _ in content_words(text)]
    else:
        said = [word for text in captions for word in words(text)]
    return float(np.mean([word in zero_shot for word in said]))


def unseen(experiment: Experiment, prepared: Prepared) -> pd.DataFrame:
    """Images of each split, and how many hold a combination that a world keeps from training; elsewhere how
    many have a caption that is no caption of a training image."""
    rows = {}
    trained_on = {text for captions in prepared.a["train"].captions for text in captions}
    world = experiment.corpus == "skipworld"
    held = held_out(experiment.world) if world else None
    for split, part in prepared.a.items():
        if held is not None:
            scenes = [Scene.from_json(facts["scene"]) for facts in part.facts]
            new = sum(held.touches(scene.things) for scene in scenes)
        else:
            new = sum(not trained_on.issuperset(captions) for captions in part.captions)
        rows[split] = (len(part.captions), new)
    columns = ["images", "with a held-out combination" if world else "with a new caption"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
