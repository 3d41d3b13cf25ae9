"""How far apart A and B are in words, and what of the test training never sees."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skiplib.config import Experiment
from skiplib.known import Known, texts
from skiplib.lexicon import vocabularies
from skiplib.prepare import Prepared
from skiplib.scenes import Scene, held_out
from skiplib.text import words

ZERO_SHOT = "only A: zero-shot words"
FRAME = "only A, and say nothing of an image"


def overlap(experiment: Experiment, prepared: Prepared) -> pd.DataFrame:
    """Words of A, of B and of both, and their Jaccard overlap |A ∩ B| / |A ∪ B|: in the texts, and in the
    vocabularies that a world was made from."""
    said = [{word for text in found for word in words(text)} for found in texts(prepared).values()]
    rows = {"words of the texts": said}
    if experiment.corpus == "skipworld":
        world = vocabularies(experiment.world)
        rows = {"words of the world": [set(world.a), set(world.b)]} | rows
    cells = {
        name: (len(a), len(b), len(a & b), round(len(a & b) / len(a | b), 3)) for name, (a, b) in rows.items()
    }
    return pd.DataFrame.from_dict(cells, orient="index", columns=["A", "B", "shared", "overlap"])


def word_lists(knows: Known) -> dict[str, list[str]]:
    """The words of A and B by where they occur. A zero-shot word is in A alone, so that no speech of B says
    it, and says something of an image."""
    a, b, zero_shot = knows.words_a, knows.words_b, set(knows.zero_shot)
    found = {ZERO_SHOT: zero_shot, FRAME: a - b - zero_shot, "shared": a & b, "only B": b - a}
    return {name: sorted(listed) for name, listed in found.items()}


def zero_shot_share(knows: Known, prepared: Prepared) -> float:
    """Share of the words of A's captions that are zero-shot, of those that say something of an image."""
    zero_shot = set(knows.zero_shot)
    return float(np.mean([word in zero_shot for text in texts(prepared)["A"] for word in knows.says(text)]))


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
