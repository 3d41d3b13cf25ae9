"""The training view: drawn in JupyterLab, absent elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skiplib import live
from skiplib.live import LiveView
from skiplib.logbook import LOG, SAMPLES


class Place:
    def __init__(self, item: Any) -> None:
        self.items = [item]

    def update(self, item: Any) -> None:
        self.items.append(item)


@pytest.fixture
def run(tmp_path):
    rows = [{"step": s, "total": 3.0 - s, "classifier_accuracy": 0.5, "gradient_norm": 1.0} for s in (0, 1)]
    (tmp_path / LOG).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_nothing_is_drawn_where_no_jupyterlab_looks(run, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(live, "display", None)
    view = LiveView()
    view(run)
    view.close()


def test_curves_and_samples_are_drawn_in_place(run, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "02_train.ipynb")
    monkeypatch.setattr(live, "display", lambda item, display_id: Place(item))
    view = LiveView()
    view(run)
    curves, samples = view.places
    assert curves.items[-1].axes and "No samples yet" in samples.items[-1].data
    sample = {"step": 199, "captions": ["a <red> dog"], "sentences": ["he runs"]}
    sample |= {"image_to_text": ["a blue cat"], "speech_to_text": ["she runs"]}
    (run / SAMPLES).write_text(json.dumps(sample) + "\n")
    view(run)  # too soon
    assert len(samples.items) == 2
    monkeypatch.setattr(live, "EVERY", 0.0)
    view(run)
    assert "image of <q>a &lt;red&gt; dog</q>: <q>a blue cat</q>" in samples.items[-1].data
    assert "Samples after step 200" in samples.items[-1].data
    assert "speech of <q>he runs</q>: <q>she runs</q>" in samples.items[-1].data
    view.close()
    assert curves.items[-1].data == samples.items[-1].data == ""
