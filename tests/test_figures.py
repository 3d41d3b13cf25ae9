"""Every figure draws from small data, says what it shows, and leaves no window open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure

from skiplib import figures
from skiplib.config import Audio

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with plt.rc_context():
        figures.style()
        yield
    assert not plt.get_fignums()


def saved(figure: Figure, folder: Path) -> Figure:
    path = folder / "figure.png"
    figure.savefig(path)
    assert path.stat().st_size > 1_000
    return figure


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def test_scenes(tmp_path: Path) -> None:
    images = RNG.integers(0, 255, (5, 3, 8, 8), dtype=np.uint8)
    figure = saved(figures.scenes(images, [f"scene {i}" for i in range(5)], title="All"), tmp_path)
    assert titles(figure) == [f"scene {i}" for i in range(5)]
    assert figure.get_suptitle() == "All"


def test_what_was_heard_of_money_is_no_mathematics(tmp_path: Path) -> None:
    heard = "It's $50, #1 at $60_"
    figure = saved(figures.scenes(np.zeros((1, 3, 8, 8), np.uint8), [heard]), tmp_path)
    assert titles(figure) == [heard]


def test_spectrograms_share_their_axes(tmp_path: Path) -> None:
    mels = [RNG.random((frames, 80), dtype=np.float32) for frames in (40, 80)]
    figure = saved(figures.spectrograms(mels, ["short", "long"], Audio()), tmp_path)
    first, second = figure.axes[:2]
    assert first.get_xlim() == second.get_xlim() == (0, 1.0)  # 80 frames of 12.5 ms
    assert (first.get_xlabel(), first.get_ylabel()) == ("time (s)", "frequency (Hz)")
    assert figure.axes[-1].get_ylabel() == "level (dB)"
    assert first.get_ylim()[1] == pytest.approx(8_000, rel=0.03)


def test_histograms(tmp_path: Path) -> None:
    lengths = {"words": {"A": [3, 4, 5], "B": [6, 6]}, "seconds": {"B": np.array([0.5, 1.5, 1.0])}}
    figure = saved(figures.histograms(lengths, title="Lengths"), tmp_path)
    assert [ax.get_xlabel() for ax in figure.axes] == ["words", "seconds"]


@pytest.mark.parametrize("rows", [1, 2, 60])
def test_training_curves(rows: int, tmp_path: Path) -> None:
    falling = np.geomspace(100, 1, rows)
    log = pd.DataFrame({"step": 20 * np.arange(rows), "total": falling, "late": falling, "rate": falling})
    log.loc[: rows // 2 - 1, "late"] = np.nan
    log["classifier_accuracy"] = 0.7
    columns = ["total", "late", "rate", "classifier_accuracy"]
    figure = saved(figures.training_curves(log, columns, {"classifier_accuracy": 0.5}), tmp_path)
    assert titles(figure) == ["total", "late", "rate", "classifier accuracy"]
    assert [ax.get_ylabel() for ax in figure.axes[:3]] == ["loss", "loss", "learning rate"]
    assert figure.axes[3].get_legend() is not None
    assert figure.axes[0].get_yscale() == ("log" if rows > 1 else "linear")
    shown = [
        label.get_text()
        for which in ("major", "minor")
        for label in figure.axes[0].get_yticklabels(which=which)
    ]
    assert not any("$" in text for text in shown) and (
        rows == 1 or {"1", "3", "10", "30", "100"} <= set(shown)
    )


def test_a_sweep_draws_what_ran(tmp_path: Path) -> None:
    rows = [("ours", value, "wer", 0.2, 0.1, 0.3, 1, 300) for value in (16, 32)]
    rows += [
        ("piecewise", 16, "wer", 0.4, 0.3, 0.5, 1, 300),
        ("piecewise", 32, "wer", *3 * [np.nan], 0, np.nan),
    ]
    columns = ["system", "memory.slots", "metric", "mean", "low", "high", "seeds", "n"]
    figure = saved(figures.sweep(pd.DataFrame(rows, columns=columns), "memory.slots"), tmp_path)
    (ax,) = figure.axes
    assert titles(figure) == ["wer"] and [label.get_text() for label in ax.get_xticklabels()] == ["16", "32"]
    assert [len(drawn.lines[0].get_xdata()) for drawn in ax.containers] == [2, 1]


def test_attention_maps_order_slots_by_share(tmp_path: Path) -> None:
    reads = {name: RNG.dirichlet(np.ones(32), size=(6, 2)) for name in ("image", "caption")}
    figure = saved(figures.attention_maps(reads, title="Reads"), tmp_path)
    assert titles(figure) == ["head 1", "head 2"]
    shares = figure.axes[0].collections[0].get_array().reshape(2, 32).mean(axis=0)
    assert (np.diff(shares) <= 0).all()


def test_heat_maps_share_their_scale(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.eye(3), index=pd.Index(list("abc"), name="image"), columns=list("abc"))
    figure = saved(figures.heat_maps({"one": frame, "two": frame * 2}, unit="overlap"), tmp_path)
    assert {ax.collections[0].get_clim() for ax in figure.axes[:2]} == {(0, 2)}
    assert figure.axes[-1].get_ylabel() == "overlap"


def test_projections_find_the_direction_that_matters(tmp_path: Path) -> None:
    rows = RNG.normal(size=(10, 5)) * [10, 1, 0.1, 0.1, 0.1]
    codes = {"z": {"image": rows, "text": rows + 0.01}, "u": {"image": rows[:, ::-1], "text": rows}}
    figure = saved(figures.projections(codes, linked=["image", "text"], title="Codes"), tmp_path)
    assert titles(figure) == ["z", "u"]
    assert len(figure.axes[0].lines) == 10
    places = figure.axes[0].collections[0].get_offsets()[:10]
    assert abs(np.corrcoef(places[:, 0], rows[:, 0])[0, 1]) > 0.999
    assert "9" in figure.axes[0].get_xlabel().split("(")[1][:2]  # 9x% of the variance


def test_intervals_show_what_was_given(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [
            ("ours", "wer", 0.2, 0.1, 0.4, 300),
            ("no_T", "wer", 0.5, 0.4, 0.6, 900),
            ("ours", "bleu", 60.0, 55.0, 66.0, 900),
        ],
        columns=["system", "metric", "mean", "low", "high", "n"],
    )
    figure = saved(figures.intervals(frame, by="system", panel="metric", marks={"wer": 0.1}), tmp_path)
    assert titles(figure) == ["wer", "bleu"]
    segments = figure.axes[0].collections[-1].get_segments()
    assert sorted(segment[:, 0].tolist() for segment in segments) == [
        pytest.approx([0.1, 0.4]),
        pytest.approx([0.4, 0.6]),
    ]
    assert figure.legends and not saved(figures.intervals(frame, "system", "metric"), tmp_path).legends
    assert figure.caption == "Means with 95% intervals, items resampled; n = 300 to 900."
    seeds = figures.intervals(frame.assign(seeds=3), "system", "metric").caption
    assert (
        seeds == "Means with 95% intervals, items resampled, seeds by Student's t; seeds = 3, n = 300 to 900."
    )


def test_the_numbers_below_intervals_leave_room_for_each_other(tmp_path: Path) -> None:
    rows = [(metric, 0.9267, 0.9119, 0.9405, 300) for metric in ("content", "facts", "agreement")]
    frame = pd.DataFrame(rows, columns=["metric", "mean", "low", "high", "n"]).assign(system="ours_aligned")
    figure = saved(
        figures.intervals(frame, "system", "metric", marks={"facts": 0.9, "content": 0.9}), tmp_path
    )
    for ax in figure.axes:
        boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
        assert len(boxes) > 2 and all(a.x1 + 4 < b.x0 for a, b in itertools.pairwise(boxes))


def test_what_is_shown_carries_its_caption_as_alternative_text() -> None:
    lengths = {"words": {"A": [3, 4, 5], "B": [6, 6]}}
    figure = figures.histograms(lengths, title="Lengths of\ntexts")
    caption = "Share of the items of each set at each length; n of words: A 3, B 2."
    assert " ".join(figure.get_supxlabel().split()) == caption == figure.caption
    data, metadata = DisplayFormatter().format(figure)
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == f"Lengths of texts. {caption}"
