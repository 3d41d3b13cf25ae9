"""Sweeps name switches that exist, and find their records."""

from __future__ import annotations

import numpy as np
import pytest

from skiplib.config import SCALES, VARIANTS, experiment
from skiplib.errors import ConfigError
from skiplib.provenance import provenance
from skiplib.records import Record, make_record, run_id
from skiplib.scores import ItemScores
from skiplib.sweeps import SWEEPS, name, named, overlays, points, stopped

SOURCE = provenance("abc", "cpu", wall_seconds=3.0, command="papermill x.ipynb")


def run(system: str, seed: int, overlay: dict[str, object], errors: float) -> Record:
    scores = {"s2t_wer": ItemScores(np.full(5, errors), np.full(5, 10.0))}
    return make_record(experiment(system, "smoke", seed=seed, overlay=overlay), scores, SOURCE, overlay)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_every_value_makes_an_experiment_and_one_is_the_default(sweep: object, scale: str) -> None:
    assert set(sweep.systems) <= set(VARIANTS)
    for system in sweep.systems:
        found = overlays(sweep, system, scale)
        assert sum(overlay == sweep.fixed for overlay in found) == 1
        made = [experiment(system, scale, overlay=overlay) for overlay in found]
        assert len({one.model_dump_json() for one in made}) == len(sweep.values)


def test_an_unknown_sweep_is_refused_with_the_list() -> None:
    assert named("slots").switch == "memory.slots"
    with pytest.raises(ConfigError, match=r"'slot'.*tie, wording, slots"):
        named("slot")


def test_a_point_that_stopped_is_told_with_its_value() -> None:
    made = name("ours_aligned", {"memory.slots": 16})
    assert run_id("a", "b", "ours_aligned", 3, {"memory.slots": 16}).endswith(
        made.removeprefix("ours_aligned")
    )
    seeds = {"ours_aligned": [1], made: [0, 2], "no_T": [0]}
    assert stopped(seeds, named("slots"), "smoke") == [
        "`ours_aligned` with `memory.slots=16`, seed 0, 2",
        "`ours_aligned` with `memory.slots=128`, seed 1",
    ]
    assert stopped({made: [0]}, named("overlap"), "smoke") == []


def test_points_come_from_the_records_of_each_value() -> None:
    found = [run("ours_aligned", seed, {}, 1.0 + seed) for seed in range(3)]
    found += [run("ours_aligned", 0, {"memory.slots": 16}, 5.0), run("ours", 0, {}, 9.0)]
    frame = points(found, named("slots"), ["s2t_wer"], scale="smoke").set_index("memory.slots")
    assert frame.loc[128, "mean"] == pytest.approx(0.2) and frame.loc[128, "seeds"] == 3
    assert frame.loc[128, "low"] < 0.2 < frame.loc[128, "high"]
    assert frame.loc[16, "mean"] == 0.5 and frame.loc[16, "seeds"] == 1
    assert frame.loc[[32, 64, 256], "seeds"].tolist() == [0, 0, 0] and np.isnan(frame.loc[32, "mean"])
