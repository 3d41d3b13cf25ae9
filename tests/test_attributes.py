"""The reader of attributes learns what it is shown, and the probes find what is there and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from skiplib.attributes import AttributeReader
from skiplib.config import World, experiment
from skiplib.errors import CheckpointError, DataError
from skiplib.painted import SHIPPED, attribute_classes, attribute_names, attribute_reader
from skiplib.prepare import Prepared, TextSpeechSet
from skiplib.probes import centred_cosine, linear_probe, modality_probe, retrieval_r1

COLOURS = ("red", "blue", "green")
CLASSES = (2, 3, 2, 3)  # shape and colour on the left, shape and colour on the right


def scenes(n: int, seed: int, side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(0, k, n) for k in CLASSES], axis=1)
    images = np.empty((n, 3, side, side), dtype=np.uint8)
    for image, (left, colour, right, other) in zip(images, labels, strict=True):
        canvas = Image.new("RGB", (side, side), "white")
        pen = ImageDraw.Draw(canvas)
        for shape, fill, x in ((left, colour, 0), (right, other, side // 2)):
            draw = (pen.ellipse, pen.rectangle)[shape]
            y = int(rng.integers(0, side - 12))
            draw((x + 2, y, x + 12, y + 10), fill=COLOURS[fill])
        image[:] = np.asarray(canvas).transpose(2, 0, 1)
    return images, labels


@pytest.fixture(scope="module")
def reader() -> AttributeReader:
    return AttributeReader.fit(*scenes(800, 0), CLASSES, seed=0, epochs=8)


def test_reads_true_scenes(reader: AttributeReader) -> None:
    images, labels = scenes(200, 1)
    assert reader.accuracy(images, labels).value > 0.97
    assert (reader.predict(images / np.float32(255)) == reader.predict(images)).mean() > 0.99
    assert reader.predict(images[:0]).shape == (0, 4)


def test_mean_image_is_read_by_chance(reader: AttributeReader) -> None:
    images, labels = scenes(400, 1)
    found = reader.chance(images.mean(axis=0, dtype=np.float32) / 255, labels)
    assert len(found) == 400
    assert 0.25 < found.value < 0.6  # a guess: (1/2 + 1/3 + 1/2 + 1/3) / 4 = 0.42


def test_same_seed_same_reader_and_the_random_state_is_left_alone() -> None:
    images, labels = scenes(70, 2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (AttributeReader.fit(images, labels, CLASSES, seed=1, epochs=1) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.heads.weight, second.heads.weight)


def test_saved_and_loaded(reader: AttributeReader, tmp_path: Path) -> None:
    images, _ = scenes(20, 3)
    reader.save(tmp_path / "reader.safetensors")
    again = AttributeReader.load(tmp_path / "reader.safetensors")
    assert (again.predict(images) == reader.predict(images)).all()
    (tmp_path / "reader.safetensors").write_bytes(b"no")
    for name in ("reader.safetensors", "missing"):
        with pytest.raises(CheckpointError, match=name):
            AttributeReader.load(tmp_path / name)


def test_the_reader_that_ships_serves_the_images_it_learned_from() -> None:
    (path,) = SHIPPED.glob("*.safetensors")
    silent = TextSpeechSet([], [], np.zeros((0, 80), np.float16), np.zeros(1, np.int64))
    files = {"images_a_train.npy": f"{path.stem}00"}
    same = Prepared(Path("nowhere"), {"files": files}, {}, {}, silent)  # without images: nothing is trained
    world = experiment("ours", "demo").world
    found = attribute_reader(same, world)
    assert found.digest == AttributeReader.load(path).digest
    assert found.classes == tuple(attribute_classes(world))


def test_labels_that_do_not_fit_are_refused(reader: AttributeReader) -> None:
    images, labels = scenes(10, 4)
    for bad in (labels[:, :3], labels + 5, labels - 1):
        with pytest.raises(DataError):
            reader.accuracy(images, bad)
    with pytest.raises(DataError):
        AttributeReader.fit(images[:1], labels[:1], CLASSES)


def test_linear_probe_reads_what_lies_along_a_direction() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 600)
    codes = rng.normal(size=(600, 12)).astype(np.float32)
    assert linear_probe(codes[:400], labels[:400], codes[400:], labels[400:]).value < 0.4
    codes += 3 * rng.normal(size=(4, 12)).astype(np.float32)[labels]
    assert linear_probe(codes[:400], labels[:400], codes[400:], labels[400:]).value > 0.95
    with pytest.raises(DataError):
        linear_probe(codes[:0], labels[:0], codes, labels)


def test_every_attribute_has_a_name() -> None:
    for world in (World(), experiment("ours", "demo").world):
        assert len(attribute_names(world)) == len(attribute_classes(world))


def test_probe_finds_modalities_that_are_there_and_no_others() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 900)
    codes = rng.normal(size=(900, 16)).astype(np.float32)
    blind = modality_probe(codes[:600], labels[:600], codes[600:], labels[600:])
    assert 0.2 < blind.value < 0.47
    codes[:, 3] += 8 * labels
    seeing = modality_probe(codes[:600], labels[:600], codes[600:], labels[600:])
    assert seeing.value > 0.95
    with pytest.raises(DataError):
        modality_probe(codes * np.float32(np.nan), labels, codes, labels)


def test_retrieval_finds_pairs_that_sit_apart() -> None:
    rng = np.random.default_rng(0)
    keys = rng.normal(size=(150, 8))
    queries = keys + 0.1 * rng.normal(size=keys.shape) + 100
    assert retrieval_r1(queries, keys).value > 0.97
    assert centred_cosine(queries, keys).mean() > 0.97
    assert retrieval_r1(rng.normal(size=keys.shape), keys).value < 0.1
    assert abs(centred_cosine(rng.normal(size=keys.shape), keys).mean()) < 0.15


def test_collapsed_codes_find_nothing() -> None:
    keys = np.random.default_rng(0).normal(size=(50, 8))
    assert retrieval_r1(np.ones_like(keys), keys, pool=10).value == 0
    assert retrieval_r1(np.ones_like(keys), np.ones_like(keys), pool=10).value == 0


def test_candidates_have_other_texts() -> None:
    keys = np.random.default_rng(0).normal(size=(20, 8)).repeat(2, axis=0)
    texts = [str(i // 2) for i in range(40)]
    assert retrieval_r1(keys, keys).value == 0  # each has its double among the candidates
    assert retrieval_r1(keys, keys, texts=texts).value == 1
    with pytest.raises(DataError):
        retrieval_r1(keys, keys, texts=["same"] * 40)
