"""What a person looks at: scenes, spectrograms, training curves, the memory, results with intervals.

Every function answers with a figure that is tied to no window and says below what it shows, of how many:
the last line of a cell shows it. `style()` comes once, before the first of them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import librosa.display
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float, UInt8
from matplotlib.ticker import LogLocator, NullFormatter
from sklearn.decomposition import PCA
from torch import Tensor

from skiplib.canvas import CaptionedFigure, counts, grid, intervals_of
from skiplib.config import Audio

HEAT = "viridis"  # reads alike in grey and for every kind of colour vision
MARKERS = ("o", "X", "^", "s", "D")
SMOOTHING = 20  # the smoothed curve is a running median over one part in 20 of the log
LABELS = {  # of the columns of a training log that are no losses
    "gradient_norm": "norm before clipping",
    "classifier_accuracy": "share told right",
    "memory_entropy": "entropy of a read (0..1)",
    "memory_slots_used": "share of slots in use",
    "rate": "learning rate",
}


def style() -> None:
    """Set the looks of figures, seaborn's white grid and colour-blind palette, and show tables uncut."""
    for limit, value in {"max_colwidth": None, "max_rows": 100, "max_columns": 30}.items():
        pd.set_option(f"display.{limit}", value)
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.85)
    # No mathematics: what a judge heard may hold a $.
    sns.mpl.rcParams.update(
        {"text.parse_math": False, "figure.dpi": 90, "axes.titlesize": "medium", "figure.titlesize": "large"}
    )


def scenes(
    images: UInt8[np.ndarray, "n 3 h w"], titles: Sequence[str], columns: int = 4, title: str = ""
) -> CaptionedFigure:
    """Pictures in a grid, each under its text."""
    figure, axes = grid(len(images), columns, 2.9, 3.1, title)
    for ax, image, text in zip(axes, images, titles, strict=True):
        ax.imshow(image.transpose(1, 2, 0), interpolation="nearest")
        ax.set_title(textwrap.fill(text, 30), fontsize="small")
        ax.set_axis_off()
    figure.describe(f"{len(images)} images of {images.shape[-1]} pixels, each under its text.")
    return figure


def spectrograms(
    mels: Sequence[np.ndarray | Tensor],
    titles: Sequence[str],
    audio: Audio,
    columns: int = 2,
    title: str = "",
) -> CaptionedFigure:
    """Mel-spectrograms [time, mel], as `audio.to_mel` scales them, in dB over seconds and Hz."""
    figure, axes = grid(len(mels), columns, 5.2, 2.3, title)
    seconds, hop = max(map(len, mels)) * audio.hop / audio.rate, 1_000 * audio.hop / audio.rate
    loudest = (max(float(np.max(mel)) for mel in map(np.asarray, mels)) - 1) * audio.range_db
    for i, (ax, mel, text) in enumerate(zip(axes, mels, titles, strict=True)):
        decibel = (np.asarray(mel, dtype=np.float32).T - 1) * audio.range_db + audio.reference_db
        mesh = librosa.display.specshow(
            decibel,
            sr=audio.rate,
            hop_length=audio.hop,
            n_fft=audio.fft,
            x_axis="time",
            y_axis="mel",
            fmax=audio.rate / 2,
            cmap="magma",
            vmin=audio.reference_db - audio.range_db,
            vmax=loudest + audio.reference_db,
            ax=ax,
        )
        left = i % columns == 0
        ax.set(xlim=(0, seconds), xlabel="time (s)", ylabel="frequency (Hz)" if left else "")
        ax.set_title(textwrap.fill(text, 60), fontsize="small")
        ax.grid(False)
    figure.colorbar(mesh, ax=axes, format="%+.0f", label="level (dB)", shrink=0.8)
    figure.describe(f"{len(mels)} mel-spectrograms of {audio.mels} bands, a frame every {hop:g} ms.")
    return figure


def histograms(
    values: Mapping[str, Mapping[str, Sequence[int] | np.ndarray]], title: str = ""
) -> CaptionedFigure:
    """A panel for each unit ("words"), in it the share of items of each set at each length."""
    figure, axes = grid(len(values), len(values), 4.6, 3.2, title)
    for ax, (unit, sets) in zip(axes, values.items(), strict=True):
        rows = [(name, float(value)) for name, column in sets.items() for value in column]
        frame = pd.DataFrame(rows, columns=["set", unit])
        sns.histplot(
            frame, x=unit, hue="set", stat="percent", common_norm=False, element="step", fill=False, ax=ax,
            discrete=bool((frame[unit] % 1 == 0).all() and frame[unit].max() < 40),
        )  # fmt: skip
        ax.set(ylabel="items of the set (%)")
        sns.move_legend(ax, "upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, title=None, frameon=False)
    sizes = "; ".join(f"{unit}: {counts(sets)}" for unit, sets in values.items())
    figure.describe(f"Share of the items of each set at each length; n of {sizes}.")
    return figure


def training_curves(
    log: pd.DataFrame, columns: Sequence[str], chance: Mapping[str, float] | None = None, title: str = ""
) -> CaptionedFigure:
    """Columns of a training log over steps, as logged and smoothed; `chance` draws a dashed line."""
    figure, axes = grid(len(columns), 3 if len(columns) < 7 else 4, 3.6, 2.5, title)
    for ax, name in zip(axes, columns, strict=True):
        drawn = log.dropna(subset=[name])
        smooth = drawn[name].rolling(1 + len(log) // SMOOTHING, min_periods=1, center=True).median()
        sns.lineplot(x=drawn["step"], y=drawn[name], color="0.75", linewidth=0.8, ax=ax)
        sns.lineplot(x=drawn["step"], y=smooth, marker="o" if len(drawn) < SMOOTHING else None, ax=ax)
        if chance and name in chance:
            ax.axhline(chance[name], color="C1", linestyle="--", label="chance")
            ax.legend(fontsize="small")
        low, high = drawn[name].min(), drawn[name].max()
        if name not in LABELS and low > 0 and high > 20 * low:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            ax.yaxis.set_major_formatter("{x:g}")  # matplotlib's own writes powers as mathematics
            ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set(title=name.replace("_", " "), xlabel="step", ylabel=LABELS.get(name, "loss"))
    figure.describe(f"One run, {len(log)} rows of its log: grey as logged, blue a running median.")
    return figure


def attention_maps(
    reads: Mapping[str, Float[np.ndarray, "_ heads slots"]], title: str = ""
) -> CaptionedFigure:
    """A heat map for each head: the mean share of a read that each source gives each slot.

    Slots stand in the order of their share over all sources, each head for itself.
    """
    mean = np.stack([read.mean(axis=0) for read in reads.values()])  # [sources, heads, slots]
    figure, axes = grid(mean.shape[1], 1, 11.0, 0.5 + 0.32 * len(reads), title)
    for head, ax in enumerate(axes):
        rows = mean[:, head]
        rows = rows[:, np.argsort(-rows.mean(axis=0), kind="stable")]
        sns.heatmap(
            rows, cmap=HEAT, vmin=0, yticklabels=list(reads), xticklabels=16, ax=ax,
            cbar_kws={"label": "share", "pad": 0.01},
        )  # fmt: skip
        ax.set(title=f"head {head + 1}", xlabel="")
        ax.tick_params(axis="both", rotation=0)
    axes[-1].set_xlabel("memory slot, the most read first")
    figure.describe(f"Mean share of a read; n of items: {counts(reads)}.")
    return figure


def heat_maps(
    panels: Mapping[str, pd.DataFrame], unit: str, title: str = "", caption: str = ""
) -> CaptionedFigure:
    """Tables of numbers side by side in one scale; `caption` says what a number is of."""
    figure, axes = grid(len(panels), len(panels), 5.4, 4.6, title)
    low = min(frame.to_numpy().min() for frame in panels.values())
    high = max(frame.to_numpy().max() for frame in panels.values())
    for i, (ax, (name, frame)) in enumerate(zip(axes, panels.items(), strict=True)):
        last = i == len(panels) - 1
        sns.heatmap(
            frame, cmap=HEAT, vmin=low, vmax=high, annot=len(frame) <= 10, fmt=".2f", square=True,
            annot_kws={"fontsize": "x-small"}, cbar=last, cbar_kws={"label": unit, "shrink": 0.7}, ax=ax,
        )  # fmt: skip
        ax.set_title(name)
        ax.set(xlabel=frame.columns.name or "", ylabel=frame.index.name or "")
        ax.set_xticklabels(ax.get_xticklabels(), rotation=40, ha="right")
    figure.describe(caption)
    return figure


def projections(
    codes: Mapping[str, Mapping[str, Float[np.ndarray, "_ d"]]], linked: Sequence[str] = (), title: str = ""
) -> CaptionedFigure:
    """A panel for each stage ("z"), in it the codes of all sources on their first two principal axes.

    The sources in `linked` hold the same items in the same order: a thin line joins each of the first 12.
    """
    figure, axes = grid(len(codes), len(codes), 4.6, 4.4, title)
    for ax, (stage, sources) in zip(axes, codes.items(), strict=True):
        found = PCA(2).fit(rows := np.concatenate(list(sources.values())))
        points, share = found.transform(rows), found.explained_variance_ratio_
        names = np.repeat(list(sources), [len(rows) for rows in sources.values()])
        for joined in zip(*(points[names == name][:12] for name in linked), strict=True):
            ax.plot(*np.array(joined).T, color="0.6", linewidth=0.6, zorder=1)
        sns.scatterplot(
            x=points[:, 0], y=points[:, 1], hue=names, style=names, markers=list(MARKERS[: len(sources)]),
            s=26, alpha=0.75, linewidth=0, legend=ax is axes[-1], ax=ax,
        )  # fmt: skip
        ax.set(title=stage, xlabel=f"axis 1 ({share[0]:.0%} of variance)", ylabel=f"axis 2 ({share[1]:.0%})")
        ax.set(xticks=[], yticks=[])
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    lines = f"; a line joins what one item is as {', '.join(linked)}" if linked else ""
    figure.describe(f"Each point is an item on two principal axes; n: {counts(sources)}{lines}.")
    return figure


def intervals(
    frame: pd.DataFrame, by: str, panel: str, marks: Mapping[str, float] | None = None, title: str = ""
) -> CaptionedFigure:
    """Means with their intervals, a panel for each value of `panel`, a row for each value of `by`.

    `frame` has the columns mean, low, high and n, and seeds where there are several; `marks` draws a dashed
    line, the bar, in a panel.
    """
    names, panels = list(dict.fromkeys(frame[by])), list(dict.fromkeys(frame[panel]))
    columns = min(3, len(panels))
    width = 8.0 if columns == 1 else 12 / columns
    figure, axes = grid(len(panels), columns, width, 1 + 0.34 * len(names), title)
    marked = None
    for i, (ax, name) in enumerate(zip(axes, panels, strict=True)):
        rows = frame[frame[panel] == name].set_index(by).reindex(names)
        sns.pointplot(x=rows["mean"], y=names, orient="h", linestyle="none", errorbar=None, ax=ax)
        error = np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - rows["mean"].to_numpy(dtype=float))
        ax.errorbar(rows["mean"], range(len(names)), xerr=error, fmt="none", ecolor="C0", capsize=3)
        if marks and name in marks:
            marked = ax.axvline(marks[name], color="C1", linestyle="--", label="bar")
        ax.set(title=name, xlabel="mean and 95% interval", ylabel="", ylim=(len(names) - 0.5, -0.5))
        ax.locator_params(axis="x", nbins=int(width))  # one number an inch
        if i % columns:
            ax.set_yticklabels([])
    if marked:
        figure.legend(handles=[marked], loc="outside upper right", frameon=False)
    figure.describe(intervals_of(frame))
    return figure


def sweep(frame: pd.DataFrame, switch: str, title: str = "") -> CaptionedFigure:
    """Means with their intervals over the values of `switch`, a panel a metric, a line a system.

    `frame` is one of `sweeps.points`; values that nothing ran at are left out.
    """
    values, metrics = list(dict.fromkeys(frame[switch])), list(dict.fromkeys(frame["metric"]))
    figure, axes = grid(len(metrics), 3, 4.0, 2.8, title)
    systems = list(dict.fromkeys(frame["system"]))
    for ax, metric in zip(axes, metrics, strict=True):
        for i, system in enumerate(systems):
            rows = frame[(frame["metric"] == metric) & (frame["system"] == system) & (frame["seeds"] > 0)]
            places = [values.index(value) + 0.06 * (i - (len(systems) - 1) / 2) for value in rows[switch]]
            error = np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - rows["mean"].to_numpy(dtype=float))
            ax.errorbar(places, rows["mean"], yerr=error, marker=MARKERS[i], capsize=3, label=system)
        ax.set(title=metric, xlabel=switch, xlim=(-0.4, len(values) - 0.6))
        ax.set_xticks(range(len(values)), [str(value) for value in values])
    if len(systems) > 1:
        axes[-1].legend(fontsize="small")
    figure.describe(intervals_of(frame[frame["seeds"] > 0]))
    return figure
