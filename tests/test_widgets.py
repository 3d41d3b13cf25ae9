"""What a person plays with: cards that carry all they show, systems side by side, a browser."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import soundfile
import torch

from skiplib.descriptions import Described, describe
from skiplib.known import known
from skiplib.model import SkipNet
from skiplib.offline import loads
from skiplib.prepare import Prepared
from skiplib.widgets import TIMES, Browser, gallery, samples, side_by_side


class Parrot:
    """A judge that hears one sentence in everything."""

    def __init__(self, sentence: str = "a red circle") -> None:
        self.sentence, self.clips = sentence, 0

    def transcribe(self, waveforms, rate: int, progress: bool = False) -> list[str]:
        self.clips += len(waveforms)
        return [self.sentence for _ in waveforms]


def item(row: int = 3, accuracy: float = 0.5) -> Described:
    wave, mel = np.sin(np.arange(1_600) / 20).astype(np.float32), torch.zeros(8, 80)
    image = np.zeros((3, 8, 8), dtype=np.uint8)
    sound = (mel, wave, mel, wave, "")
    return Described(row, image, ["a <red> circle"], "a red ring", "a circle", *sound, accuracy)


def test_cards_carry_all_they_show() -> None:
    html = gallery([item(), item(4)], 16_000).data
    assert html.count("<audio") == 4 and html.count("<img") == 2
    assert "content accuracy 50%" in html and "a &lt;red&gt; circle" in html
    assert not loads(html)
    assert "no image" in gallery([], 16_000).data


def test_systems_stand_side_by_side_with_the_same_image() -> None:
    other = replace(item(), heard="a triangle", written="a red thing")
    found = {"ours": [item(), item(4)], "piecewise": [other, item(4)]}
    html = side_by_side(found, 16_000, vocabulary=("circle", "triangle"), baseline="piecewise").data
    assert html.count("<audio") == 4 and html.count("<img") == 2 and html.count("<th>") == 3
    assert 'title="better">circle' in html and 'title="wrong">triangle' in html
    assert "&lt;red&gt;" in html and not loads(html) and html.count("nearest caption:") == 4
    assert "<tbody></tbody>" in side_by_side({}, 16_000, ()).data


def test_describe_fills_every_field(model: SkipNet, prepared: Prepared) -> None:
    found = describe(model, prepared, known(model.experiment, prepared), Parrot(), [2, 0])
    assert [x.row for x in found] == [2, 0]
    first = found[0]
    assert first.references == prepared.a["test"].captions[2]
    assert first.heard == first.true_heard == "a red circle"
    assert first.image.shape == (3, 64, 64)
    assert len(first.true_mel) == len(prepared.truth.mel(2))
    assert 0 <= first.accuracy <= 1
    assert np.isfinite(first.wave).all() and len(first.wave)


def test_browser_describes_on_demand_and_is_still_without_a_kernel(
    model: SkipNet, prepared: Prepared
) -> None:
    judge = Parrot()
    browser = Browser(model, prepared, known(model.experiment, prepared), judge, [item(1)])
    assert judge.clips == 0 and "test image 1" in browser.page.value
    browser.slider.value = 2
    assert judge.clips == 2 and "test image 2" in browser.page.value
    browser.slider.value = 1
    browser.slider.value = 2
    assert judge.clips == 2, "what was heard is not heard again"
    bundle = browser._repr_mimebundle_()
    assert bundle["text/html"].count("<audio") == 2
    assert "application/vnd.jupyter.widget-view+json" in bundle
    browser.box.close()


def test_samples_of_a_run_are_read_and_played(tmp_path) -> None:
    assert "trained elsewhere" in samples(tmp_path).data
    (tmp_path / "samples").mkdir()
    soundfile.write(tmp_path / "samples" / "0.wav", np.sin(np.arange(4_000) / 9), 16_000)
    row = {"step": 199, "captions": ["a <red> dog"], "sentences": ["he runs"]}
    row |= {"speech_to_text": ["she runs"], "image_to_speech": ["samples/0.wav"]}
    (tmp_path / "samples.jsonl").write_text(json.dumps(row) + "\n")
    page = samples(tmp_path).data
    assert "a &lt;red&gt; dog" in page and "she runs" in page and page.count("<audio") == 1
    assert "<td" in page and ">200<" in page and "after step 200" in page
    rows = [json.dumps(row | {"step": 200 * n - 1}) + "\n" for n in range(1, 102)]
    (tmp_path / "samples.jsonl").write_text("".join(rows))
    page = samples(tmp_path).data
    assert page.count("<audio") == TIMES and ">200<" in page and ">20200<" in page
