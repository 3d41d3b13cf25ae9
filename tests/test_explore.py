"""What 00_explore asks of a model: examples without preparation, moved slots, codes between two others."""

from __future__ import annotations

import pytest
import torch

from skiplib.config import experiment
from skiplib.errors import ConfigError
from skiplib.explore import as_seen, attention, between, examples, first_sayable, reweighed
from skiplib.lexicon import vocabularies
from skiplib.model import SkipNet
from skiplib.prepare import Prepared


def test_examples_are_the_prepared_test_items(prepared: Prepared, smoke) -> None:
    shown, test = examples(smoke, 3), prepared.a["test"]
    assert len(shown) == 3 and shown.captions == [list(texts) for texts in test.captions[:3]]
    assert (shown.images == test.images[:3]).all()
    features = experiment("ours_aligned", "smoke", overlay={"image.features": "efficientnet_lite0"})
    assert as_seen(shown.pictures[0], features).shape == (3, 224, 224)
    for row, mel in enumerate(shown.mels):
        assert torch.allclose(mel, torch.tensor(prepared.truth.mel(row), dtype=torch.float32), atol=1e-2)


def test_a_moved_weight_leaves_the_rest_in_proportion(model: SkipNet, smoke) -> None:
    code = model.encode(examples(smoke, 2).images, "image")
    before = attention(model, code)
    same = reweighed(model, code, 1, 5, float(before[0, 1, 5]))
    assert torch.allclose(same.u[0], code.u[0], atol=1e-5)
    moved = reweighed(model, code, 1, 5, 1.0)
    width = model.memory.width
    assert torch.allclose(moved.u[0, width : 2 * width], model.memory.values()[5, 1], atol=1e-5)
    assert torch.allclose(moved.u[0, :width], code.u[0, :width], atol=1e-6), "other heads read as before"
    assert not torch.allclose(moved.u[0], code.u[0], atol=1e-3)


@pytest.mark.parametrize(("head", "slot", "weight"), [(4, 0, 0.5), (0, 128, 0.5), (-1, 0, 0.5), (0, 0, 1.1)])
def test_a_slot_that_is_not_there_is_refused(model: SkipNet, smoke, head, slot, weight) -> None:
    code = model.encode(examples(smoke, 1).images, "image")
    with pytest.raises(ConfigError, match="4 heads and 128 slots"):
        reweighed(model, code, head, slot, weight)


def test_the_way_between_two_codes_begins_and_ends_in_them(model: SkipNet, smoke) -> None:
    pair = model.encode(examples(smoke, 2).images, "image")
    way = between(model, pair, [0.0, 0.5, 1.0])
    assert torch.allclose(way.u[0], pair.u[0], atol=1e-5) and torch.allclose(way.u[2], pair.u[1], atol=1e-5)
    assert torch.allclose(way.z[1], pair.z.mean(0), atol=1e-5)
    assert torch.allclose(way.u[1], model.memory(pair.z.mean(0)), atol=1e-4), "read anew, not mixed"


@pytest.mark.parametrize("attend", ["single", "heads", "slots"])
def test_what_the_speech_decoder_attends_over_follows_the_read(attend: str, smoke) -> None:
    model = SkipNet(experiment("ours_aligned", "smoke", overlay={"speech_decoder.attend": attend})).eval()
    code = model.encode(examples(smoke, 2).images, "image")
    again = model.reread(code)
    assert torch.allclose(again.u, code.u, atol=1e-6)
    if attend == "single":
        assert again.slots is None
        return
    assert torch.allclose(again.slots, code.slots, atol=1e-6)
    assert not torch.allclose(reweighed(model, code, 0, 0, 1.0).slots, code.slots, atol=1e-3)


@pytest.mark.parametrize(
    ("overlay", "message"),
    [({"memory.kind": "fc"}, "memory.kind=fc"), ({"speech_decoder.attend": "sequence"}, "sequence")],
)
def test_a_model_without_such_a_read_says_so(overlay, message, smoke) -> None:
    model = SkipNet(experiment("ours_aligned", "smoke", overlay=overlay)).eval()
    code = model.encode(examples(smoke, 1).images, "image")
    with pytest.raises(ConfigError, match=message):
        reweighed(model, code, 0, 0, 0.5)


def test_what_is_shown_at_first_can_be_said() -> None:
    scenes = experiment("ours_aligned", "demo")
    known = vocabularies(scenes.world).b
    shown = examples(scenes, 30)
    first = first_sayable(shown, scenes)
    assert set(shown.captions[first][0].split()) <= set(known)
    assert not any(set(texts[0].split()) <= set(known) for texts in shown.captions[:first])
    assert first_sayable(shown, experiment("ours_aligned", "demo", "digits")) == 0
