import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pytest

from skiplib import building
from skiplib import prepare as module
from skiplib.batches import Batches
from skiplib.corpora import ImageTextItem, Opened, TextSpeechItem
from skiplib.errors import DataError
from skiplib.prepare import load, prepare
from skiplib.text import decode


def test_prepared_data_is_what_the_corpus_says(prepared, smoke):
    a, b = prepared.a["train"], prepared.b["train"]
    assert a.images.shape == (smoke.world.train_scenes, 3, 64, 64) and a.images.dtype == np.uint8
    assert len(a.captions) == len(a.images) and all(len(set(c)) == 5 for c in a.captions)
    assert len(b.sentences) == smoke.world.train_sentences == len(b.lengths)
    assert all(40 < n < 500 for n in b.lengths)
    assert [c[0] for c in prepared.a["test"].captions] == prepared.truth.sentences
    assert {"files", "audio_files", "counts"} <= set(prepared.manifest)


def test_a_second_call_opens_what_the_first_made(prepared, smoke):
    before = os.stat(prepared.folder / "manifest.json").st_mtime_ns
    assert prepare(smoke, prepared.folder.parent).digest == prepared.digest
    assert os.stat(prepared.folder / "manifest.json").st_mtime_ns == before


@pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
def test_a_damaged_cache_is_never_used(damage, prepared, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(prepared.folder, copy)
    target = copy / ("manifest.json" if damage == "manifest" else "mels_b_train.npy")
    if damage == "gone":
        target.unlink()
    else:
        target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(DataError):
        load(copy)


def test_a_damaged_cache_is_built_again(prepared, smoke, tmp_path, caplog):
    import shutil

    shutil.copytree(prepared.folder, tmp_path / prepared.folder.name)
    (tmp_path / prepared.folder.name / "texts.json").write_text("{")
    assert prepare(smoke, tmp_path).digest == prepared.digest
    assert "again" in caplog.text


def broken() -> np.ndarray:
    raise DataError("it cannot be read")


class Half:
    """A corpus of which half the images cannot be read."""

    image_text_count = text_speech_count = len

    def image_text(self, split):
        good = partial(np.zeros, (8, 8, 3), np.uint8)
        for i in range(10):
            yield ImageTextItem(f"{split}-{i}", ("a dog",), broken if i % 2 else good)

    def text_speech(self, split):
        yield TextSpeechItem("b", "a dog", partial(tuple, (np.ones(4_000, np.float32), 16_000)))


def test_too_many_losses_are_an_error_and_leave_nothing(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "open_corpus", lambda _: Opened(Half(), Half(), [], {}))
    with pytest.raises(DataError, match="5 of 10 items cannot be used, as train-"):
        prepare(smoke, tmp_path)
    assert not list(tmp_path.iterdir())


def test_processes_that_end_early_are_an_error_that_says_why():
    with ProcessPoolExecutor(1) as pool, pytest.raises(DataError, match=r"images ended before.*__main__"):
        list(building._run(pool, os._exit, [1], "images"))


def test_batches_are_the_same_at_the_same_step(prepared, smoke):
    one, other = Batches(prepared, smoke), Batches(prepared, smoke)
    for step in (9, 0, 3):
        for x, y in zip(one(step), other(step), strict=True):
            assert (x.text.ids == y.text.ids).all()
    a, b = one(0)
    assert len(a.image) == smoke.optim.batch and a.image.min() >= -1 and a.image.max() <= 1
    assert b.mel.shape[1] % 40 == 0 and (b.lengths <= b.mel.shape[1]).all()


def test_a_batch_holds_two_captions_of_each_image_and_pads_little(prepared, smoke):
    batches, a = Batches(prepared, smoke), prepared.a["train"]
    rows, picks = batches._plan_a(0)
    assert sorted(rows.flatten()) == list(range(len(a.images)))
    assert (picks[..., 0] != picks[..., 1]).all()
    for place in range(len(rows)):
        batch, _ = batches(place)
        told = [
            [a.captions[row][i] for i in pair] for row, pair in zip(rows[place], picks[place], strict=True)
        ]
        for n, texts in enumerate((batch.text, batch.paraphrase)):
            assert [decode(ids) for ids in texts.ids.tolist()] == [pair[n] for pair in told]
    longest = np.array(
        [
            [max(len(a.captions[r][i]) for i in p) for r, p in zip(*x, strict=True)]
            for x in zip(rows, picks, strict=True)
        ]
    )
    assert longest.std(1).mean() < longest.std() / 2


def test_an_epoch_shows_every_pair_once(prepared, smoke):
    batches = Batches(prepared, smoke)
    steps = len(prepared.b["train"].sentences) // smoke.optim.batch
    seen = sorted(int(n) for step in range(steps) for n in batches(step)[1].lengths)
    assert seen == sorted(int(n) for n in prepared.b["train"].lengths)


def test_a_manifest_tells_what_determined_it(prepared, smoke):
    manifest = json.loads((prepared.folder / "manifest.json").read_text())
    assert manifest["world"]["overlap"] == smoke.world.overlap and manifest["quarantined"] == 0
