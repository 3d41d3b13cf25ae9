"""The panels of 00_explore: what they answer, and what they say to bad input."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from test_widgets import Parrot

from skiplib import checkpoints, config, panels
from skiplib.explore import Desk
from skiplib.model import SkipNet
from skiplib.offline import loads


@pytest.fixture
def desk(model: SkipNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path / "runs")
    path = tmp_path / "runs" / "mine" / "model.safetensors"
    checkpoints.save(path, checkpoints.model_tensors(model), model.experiment)
    return Desk("mine", 4, Parrot)


def send(intake, content: bytes, name: str) -> str:
    """What the page does when a file is dropped."""
    intake.content, intake.name = content, name
    intake.count += 1
    return intake.message


def png(mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["image_panel", "text_panel", "speech_panel", "between_panel", "compare_panel"]
)
def test_a_panel_answers_at_once_and_stays_in_a_report(name: str, desk: Desk) -> None:
    panel = getattr(panels, name)(desk)
    html = panel._repr_mimebundle_()["text/html"]
    assert "<audio" in html and "heard by the judge" in html and not loads(html)
    caption = desk.examples.captions[desk.first][0]
    assert caption in html.split("<audio")[0], "an answer says first what it is of"
    pictures = {"image_panel": 1, "compare_panel": 1, "between_panel": 2}
    assert html.split("<audio")[0].count('alt="test image') == pictures.get(name, 0)
    assert "application/vnd.jupyter.widget-view+json" in panel._repr_mimebundle_()
    assert not panel.button.disabled


def test_an_image_of_ones_own_takes_the_place_of_the_test_image(desk: Desk) -> None:
    choice = panels.ImageChoice(desk, row=2)
    assert (choice.image == desk.examples.images[2]).all() and choice.captions == desk.examples.captions[2]
    assert "cannot be read" in send(choice.drop, png()[:40], "cut.png")
    assert choice.captions, "a bad file changes nothing"
    assert "as the model sees it" in send(choice.drop, png("L"), "grey.png")
    assert choice.image.shape == (3, 64, 64) and choice.captions == [] and "grey.png" in choice.preview.value
    assert choice.picture.size == (90, 60), "a model that sees features is given all of it"
    choice.slider.value = 1
    assert (choice.image == desk.examples.images[1]).all() and choice.drop.message == ""


def test_a_recording_of_ones_own_is_written_down(desk: Desk) -> None:
    panel = panels.speech_panel(desk)
    slider, drop = panel.box.children[0].children
    assert "cannot be read" in send(drop, b"words", "words.mp3")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(22_050) / 9), 22_050, format="WAV")
    assert "sine.wav, 1.0 s" in send(drop, buffer.getvalue(), "sine.wav")
    panel.show()
    assert "written by the model" in panel.page.value and drop.message
    slider.value = 1
    assert drop.message == ""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(8_000), 16_000, format="WAV")
    assert "silent" in send(drop, buffer.getvalue(), "silent.wav")


@pytest.mark.parametrize(
    ("sentence", "message"), [("", "nothing of"), ("…", "nothing of"), ("a 犬", "left out")]
)
def test_sentences_that_cannot_be_said(desk: Desk, sentence: str, message: str) -> None:
    panel = panels.text_panel(desk)
    panel.box.children[0].value = sentence
    panel.button.click()
    assert message in panel.page.value and not panel.button.disabled


def test_a_slot_is_chosen_among_those_of_the_head(desk: Desk) -> None:
    panel = panels.slot_panel(desk)
    _, head, slot, weight = panel.box.children[:4]
    of_first = slot.options
    assert slot.value == of_first[0][1]
    head.value, weight.value = 1, 1.0
    assert slot.options != of_first and len(slot.options) == panels.MOST_READ
    assert slot.value == slot.options[0][1]
    panel.button.click()
    moved = f"with slot {slot.value + 1} of head 2 read with weight 1.00"
    assert panel.page.value.count("<audio") == 2 and moved in panel.page.value


def test_a_model_without_slots_says_so(desk: Desk) -> None:
    desk.model = SkipNet(config.experiment("aligned_no_M", "smoke")).eval()
    desk.experiment = desk.model.experiment
    assert "no slots" in panels.slot_panel(desk).page.value
    assert "<audio" in panels.image_panel(desk).page.value
    assert "aligned_no_M has memory.kind=none" in panels.memory_panel(desk).data


def test_checkpoints_stand_side_by_side(desk: Desk, tmp_path: Path) -> None:
    for name, seed, overlay in (("coarse", 1, {"audio.hop": 400}), ("broken", 2, {})):
        other = SkipNet(config.experiment("ours", "smoke", "skipworld", seed, overlay)).eval()
        path = tmp_path / "runs" / name / "model.safetensors"
        checkpoints.save(path, checkpoints.model_tensors(other), other.experiment)
    path.write_bytes(path.read_bytes()[:1_000])
    panel = panels.compare_panel(desk)
    models = panel.box.children[1]
    assert models.value == ("mine",)
    models.value = ("mine", "coarse", "broken")
    panel.button.click()
    of_each = panel.page.value.split("<h4>")[1:]
    assert [part.count("<audio") for part in of_each] == [1, 1, 0]
    assert of_each[2].startswith("broken</h4>") and 'role="alert"' in of_each[2]
    models.value = ()
    panel.button.click()
    assert "Choose one" in panel.page.value


def test_a_checkpoint_that_was_trained_anew_is_read_anew(desk: Desk, tmp_path: Path) -> None:
    panel = panels.compare_panel(desk)
    before = panel.page.value.split("written:")[1]
    panel.show()
    assert panel.page.value.split("written:")[1] == before
    torch.manual_seed(5)
    other = SkipNet(desk.experiment).eval()
    path = tmp_path / "runs" / "mine" / "model.safetensors"
    checkpoints.save(path, checkpoints.model_tensors(other), other.experiment)
    panel.show()
    assert panel.page.value.split("written:")[1] != before


def test_what_goes_wrong_by_surprise_is_shown_and_raised(desk: Desk) -> None:
    panel = panels.text_panel(desk)
    panel.answer = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        panel.show()
    assert "ZeroDivisionError: division by zero" in panel.page.value and not panel.button.disabled


def test_the_memory_explorer_carries_its_reads(desk: Desk) -> None:
    explorer = panels.memory_panel(desk)
    assert explorer.payload["sources"] == ["image", "text", "speech"] and explorer.payload["slots"] == 128
    page = explorer.still()
    assert not loads(page) and "export default" not in page and "import " not in page
