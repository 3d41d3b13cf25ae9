"""What the frozen network sees."""

import numpy as np
import pytest
import torch
from PIL import Image

from skiplib import features as module
from skiplib.config import experiment
from skiplib.errors import ConfigError, DataError
from skiplib.features import WIDTH, features, seen_batch
from skiplib.systems import build

SEEN = {"image.features": "efficientnet_lite0"}


def test_features_tell_images_apart_and_do_not_depend_on_the_batch():
    random = np.random.default_rng(0)
    images = [Image.fromarray(random.integers(0, 255, (60, 80, 3), np.uint8)) for _ in range(3)]
    found = features([*images, images[0]])
    assert found.shape == (4, WIDTH) and not found.requires_grad
    torch.testing.assert_close(found[3], found[0])
    torch.testing.assert_close(features(images[1:2])[0], found[1], rtol=1e-3, atol=1e-3)
    assert (found[0] - found[1]).abs().max() > 0.1


def test_what_the_encoder_takes(smoke):
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64), np.uint8)
    assert seen_batch(images, smoke.image).shape == (2, 3, 64, 64)
    made = experiment("ours", "smoke", overlay=SEEN)
    rows = seen_batch(images, made.image)
    expected = features([Image.fromarray(image.transpose(1, 2, 0)) for image in images])
    torch.testing.assert_close(rows, expected)
    torch.testing.assert_close(seen_batch(rows.numpy(), made.image), rows)
    with pytest.raises(DataError, match=r"features of images are \[n, 1280\], not \(2, 512\)"):
        seen_batch(rows[:, :512], made.image)


@pytest.mark.parametrize("variant", ["ours_aligned", "piecewise"])
def test_a_system_describes_by_features(variant):
    torch.manual_seed(0)
    system = build(experiment(variant, "smoke", overlay=SEEN))
    one, other = (system.translate(x, "image", "text") for x in (torch.rand(2, WIDTH), torch.rand(2, WIDTH)))
    assert len(one) == len(other) == 2
    assert not any("extract" in name or "_blocks" in name for name in system.state_dict())


def test_a_cycle_over_features_is_refused():
    with pytest.raises(ConfigError, match=r"needs image\.features=none"):
        experiment("cyclegan", "smoke", overlay=SEEN)


def test_weights_that_are_not_the_expected_ones_are_refused(monkeypatch):
    module._network.cache_clear()
    monkeypatch.setattr(module, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ConfigError, match="reinstall the package"):
        features([Image.new("RGB", (8, 8))])
