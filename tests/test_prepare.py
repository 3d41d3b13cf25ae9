import csv
import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from filelock import FileLock
from tqdm import tqdm

from skiplib import building
from skiplib import prepare as module
from skiplib.batches import Batches
from skiplib.config import Audio, Image
from skiplib.corpora import READING, ImageTextItem, Opened, TextSpeechItem
from skiplib.errors import DataError
from skiplib.inputs import image_batch
from skiplib.prepare import folder_name, load, prepare, prepared_hash
from skiplib.shards import UNSAID, Shard, make
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
    (tmp_path / prepared.folder.name / "texts_truth.jsonl").write_text("{")
    assert prepare(smoke, tmp_path).digest == prepared.digest
    assert "again" in caplog.text


def broken() -> np.ndarray:
    raise DataError("it cannot be read")


class Half:
    """A corpus of which half the images cannot be read."""

    def __init__(self, items: int = 40) -> None:
        self.items = items

    def image_text_count(self, split):
        return self.items

    text_speech_count = image_text_count

    def image_text(self, split):
        for i in range(self.items):
            image = broken if self.broken(i) else partial(np.full, (8, 8, 3), i % 256, np.uint8)
            yield ImageTextItem(f"{split}-{i}", (f"{'no' if self.broken(i) else 'a'} dog",), image)

    def text_speech(self, split):
        for i in range(self.items):
            wave = np.sin(np.arange(4_000 + 200 * i, dtype=np.float32))
            yield TextSpeechItem(f"{split}-{i}", "a dog", partial(tuple, (wave, 16_000)))

    def opened(self) -> Opened:
        return Opened(self, self, self.text_speech("test"), {})

    def broken(self, i: int) -> bool:
        return bool(i % 2)


def raises(error: Exception, wrapped: bool = False) -> np.ndarray:
    if not wrapped:
        raise error
    try:
        raise error
    except Exception as cause:
        raise DataError("it cannot be read") from cause


@pytest.mark.parametrize(
    "error", [RuntimeError("a kernel of size -1"), OSError("broken data stream"), OSError(errno.EACCES, "No")]
)
def test_what_a_file_does_to_a_library_loses_that_file_alone(error) -> None:
    outcome = make(({"a_train": ImageTextItem("x", ("a dog",), partial(raises, error))}, Image(), Audio()))
    assert not outcome.made and outcome.lost == [("x", "", "", f"{type(error).__name__}: {error}")]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        *(
            OSError(number, os.strerror(number))
            for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
        ),
        MemoryError(),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
        ),
    ],
)
def test_what_the_machine_does_loses_no_file(error, wrapped, tmp_path) -> None:
    item = ImageTextItem("x", ("a dog",), partial(raises, error, wrapped), path=tmp_path / "x.png")
    why = rf"the machine failed at .*x\.png, .* may be good .*{type(error).__name__}.*it goes on from here"
    with pytest.raises(DataError, match=why):
        make(({"a_train": item}, Image(), Audio()))


def test_a_file_that_a_library_could_not_open_for_want_of_open_files_is_not_lost(
    tmp_path, monkeypatch
) -> None:
    (tmp_path / "x.wav").touch()
    full = OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr("skiplib.shards.digest", lambda _: raises(full))
    item = TextSpeechItem("x", "a dog", partial(raises, DataError("System error")), path=tmp_path / "x.wav")
    with pytest.raises(DataError, match=r"the machine failed at .*x\.wav"):
        make(({"b_train": item}, Image(), Audio()))


class Sound(Half):
    """The same, mended."""

    def broken(self, i: int) -> bool:
        return False


class Wordless(Sound):
    """A corpus of which every fourth image has a caption that cannot be said."""

    def image_text(self, split):
        for i, item in enumerate(super().image_text(split)):
            yield replace(item, captions=("\u2603", *item.captions)[i % 4 > 0 :])


class Tired(Sound):
    """A corpus on a machine whose memory ends with the recordings."""

    def text_speech(self, split):
        for item in super().text_speech(split):
            yield replace(item, waveform=partial(raises, MemoryError()))

    def opened(self) -> Opened:
        return Opened(self, self, super().text_speech("test"), {})


def test_too_many_losses_are_an_error_and_mended_files_are_read_again(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "ITEMS", 16)  # all shards are listed, not those to the first that loses
    monkeypatch.setattr(module, "open_corpus", lambda _: Half().opened())
    with pytest.raises(
        DataError, match=r"20 of 40 items .* cannot be used, as train-35.*At most 1%"
    ) as raised:
        prepare(smoke, tmp_path)
    (listed,) = tmp_path.glob(".*.unfinished/quarantine.csv")
    assert str(listed) in str(raised.value)
    with listed.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [f"train-{i}" for i in range(1, 40, 2)]
    assert not [path for path in tmp_path.iterdir() if path.name[0] != "."]
    monkeypatch.setattr(module, "open_corpus", lambda _: Sound().opened())
    a = prepare(smoke, tmp_path).a["train"]
    assert [int(image[0, 0, 0]) for image in a.images] == list(range(40))
    assert not list(tmp_path.glob(".*.unfinished"))


def test_too_many_captions_that_cannot_be_said_are_an_error_too(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "open_corpus", lambda _: Wordless().opened())
    with pytest.raises(
        DataError,
        match=r"10 of 50 captions .* cannot be used, as train-28: only a caption is lost.*At most 1%",
    ):
        prepare(smoke, tmp_path)
    monkeypatch.setattr(building, "MAX_LOSS", 0.2)
    manifest = prepare(smoke, tmp_path).manifest
    assert manifest["quarantined"] == 0 and manifest["captions_left_out"] == 20
    assert manifest["counts"]["a_train"] == 40


def test_a_machine_that_fails_stops_a_preparation_which_goes_on_later(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "open_corpus", lambda _: Tired().opened())
    with pytest.raises(DataError, match=r"the machine failed at train-0, .*MemoryError.*goes on from here"):
        prepare(smoke, tmp_path)
    assert len(list(tmp_path.glob(".*.unfinished/shards/*/*.npz"))) == 2, "the images are made"
    monkeypatch.setattr(module, "open_corpus", lambda _: Sound().opened())
    assert prepare(smoke, tmp_path).manifest["quarantined"] == 0


def test_what_other_preparations_left_goes_unless_one_is_at_work(smoke, tmp_path, monkeypatch):
    kind = f".{smoke.corpus}-{smoke.scale}-"
    left = [f"{kind}00000000", f"{kind}11111111", f".{smoke.corpus}-demo-00000000", f"{kind}other-00000000"]
    for name in left:
        (tmp_path / f"{name}.unfinished" / "shards").mkdir(parents=True)
    monkeypatch.setattr(module, "open_corpus", lambda _: Sound().opened())
    with FileLock(tmp_path / f"{left[1]}.lock"):
        prepared = prepare(smoke, tmp_path)
    assert {path.stem for path in tmp_path.glob(".*.unfinished")} == {*left[1:]}
    (prepared.folder / "shards" / "a_train").mkdir(parents=True)  # as one leaves it that is killed at its end
    assert prepare(smoke, tmp_path).digest == prepared.digest and not (prepared.folder / "shards").exists()


def test_an_interrupted_preparation_goes_on_and_gives_the_same(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "ITEMS", 16)
    monkeypatch.setattr(module, "open_corpus", lambda _: Sound().opened())
    expected = prepare(smoke, tmp_path / "at once")
    made, real = [], building._outcomes

    def counted(pool, jobs, *rest):
        if stop and len(made) == stop:
            raise KeyboardInterrupt
        made.append(len(jobs))
        return real(pool, jobs, *rest)

    monkeypatch.setattr(building, "_outcomes", counted)
    for stop in (2, 7, 0):  # in the images, in the speech, never
        if stop:
            with pytest.raises(KeyboardInterrupt):
                prepare(smoke, tmp_path / "in parts")
    resumed = prepare(smoke, tmp_path / "in parts")
    assert made == [16, 16, 8] * 4  # nothing was made twice
    assert resumed.manifest == expected.manifest
    monkeypatch.setattr(building, "ITEMS", 500)
    assert prepare(smoke, tmp_path / "one shard").manifest == expected.manifest


def test_a_damaged_shard_is_made_again(smoke, tmp_path):
    item = next(Sound().image_text("train"))
    shard = Shard.of([make(({"a_train": item}, smoke.image, smoke.audio))])
    shard.save(tmp_path / "0.npz")
    assert Shard.load(tmp_path / "0.npz").lines == shard.lines
    (tmp_path / "0.npz").write_bytes((tmp_path / "0.npz").read_bytes()[:-40])
    assert Shard.load(tmp_path / "0.npz") is None and Shard.load(tmp_path / "1.npz") is None


def test_a_second_process_waits_for_the_first(smoke, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "open_corpus", lambda _: Sound().opened())
    name = prepare(smoke, tmp_path).folder.name
    (tmp_path / name).rename(tmp_path / "aside")
    held = threading.Event()

    def first() -> None:
        with FileLock(tmp_path / f".{name}.lock"):
            held.set()
            while "waiting for it" not in caplog.text:
                time.sleep(0.01)
            (tmp_path / "aside").rename(tmp_path / name)

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    monkeypatch.setattr(module, "build", None)  # is not called
    assert prepare(smoke, tmp_path).folder.name == name
    assert "waiting for it" in caplog.text
    thread.join()


def test_data_that_the_machine_cannot_read_now_are_left_as_they_are(prepared, smoke, monkeypatch):
    def exhausted(_):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(module, "_array", exhausted)
    monkeypatch.setattr(module, "build", None)  # is not called
    with pytest.raises(DataError, match=r"cannot be read .*allocate memory.*left as it is"):
        prepare(smoke, prepared.folder.parent)
    assert (prepared.folder / "manifest.json").exists()


def test_what_is_lost_is_named_with_its_file(smoke, tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    item = ImageTextItem("x", ("a dog", "\u2603"), broken, path=tmp_path / "x.png")
    outcome = make(({"a_test": item, "truth": next(Sound().text_speech("test"))}, smoke.image, smoke.audio))
    assert not outcome.made and not outcome.left_out  # nothing of that caption is used
    digest = hashlib.sha256(b"no picture").hexdigest()
    place = str(tmp_path / "x.png")
    assert outcome.lost == [("x", place, digest, "it cannot be read")]
    used = replace(item, image=partial(np.zeros, (8, 8, 3), np.uint8))
    assert make(({"a_test": used}, smoke.image, smoke.audio)).lost == [
        ("x", place, digest, f"{UNSAID}: nothing of '\u2603' can be said")
    ]
    silent = replace(used, captions=("\u2603", "\u2602"))
    assert make(({"a_test": silent}, smoke.image, smoke.audio)).lost[0][3] == (
        "it has no caption that can be said: nothing of '\u2603' can be said; nothing of '\u2602' can be said"
    )


def test_a_character_that_is_left_out_counts_once(smoke):
    image = next(Sound().image_text("test"))
    job = {
        "a_test": replace(image, captions=("a \u2603 dog", "a dog")),
        "truth": replace(next(Sound().text_speech("test")), text="a \u2603 dog"),
    }
    assert make((job, smoke.image, smoke.audio)).left_out == {"\u2603": 1}
    assert not make(({**job, "a_test": replace(image, image=broken)}, smoke.image, smoke.audio)).left_out


def test_recordings_that_are_clipped_are_used_and_counted(smoke):
    item = next(Sound().text_speech("train"))
    wave, rate = item.waveform()
    loud = replace(item, waveform=lambda: (np.clip(wave * 8 / np.abs(wave).max(), -1, 1), rate))
    outcomes = [make(({"b_train": one}, smoke.image, smoke.audio)) for one in (item, loud, loud)]
    assert [outcome.clipped for outcome in outcomes] == [0, 1, 1]
    assert Shard.of(outcomes).clipped == 2 and len(Shard.of(outcomes).lines["b_train"]) == 3


def test_captions_without_a_comma_are_refused():
    item = ImageTextItem("7", ("red",), lambda: None)
    object.__setattr__(item, "captions", ("red"))  # which the tests' own check of types would refuse before
    with pytest.raises(DataError, match="'red' of 7 is one text"):
        item.__post_init__()


def ends(job):
    os._exit(1)


def test_processes_that_end_early_are_an_error_that_says_why(smoke, monkeypatch):
    monkeypatch.setattr(building, "make", ends)
    with (
        ProcessPoolExecutor(1) as pool,
        tqdm(disable=True) as bar,
        pytest.raises(DataError, match=r"images ended before.*__main__"),
    ):
        list(building._outcomes(pool, [({}, smoke.image, smoke.audio)], bar, "images"))


UNGUARDED = """
from skiplib.config import experiment
from skiplib.prepare import prepare

prepare(experiment("ours", "smoke"))
"""


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(UNGUARDED)
    made = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"SKIPLIB_DATA": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert made.returncode == 1 and "DataError: the processes that prepare the images" in made.stderr
    assert made.stderr.count('under `if __name__ == "__main__":`') > 1  # of a process, and of the script


AT_WORK = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from skiplib.building import _begin

if __name__ == "__main__":
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), _begin) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


def test_workers_end_with_a_killed_process(tmp_path):
    script = tmp_path / "at_work.py"
    script.write_text(AT_WORK)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip().isdigit()
        process.kill()
        process.communicate(timeout=60)  # the workers have its output too: it ends with the last of them


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


def test_an_image_stands_beside_its_captions_as_the_encoder_will_see_it(prepared, smoke):
    batches, a = Batches(prepared, smoke), prepared.a["train"]
    rows, _ = batches._plan_a(0)
    for place, of_batch in enumerate(rows):
        seen = batches(place)[0]
        assert torch.equal(seen.image, image_batch(a.images[of_batch], smoke.image.size))
        assert torch.equal(seen.image, seen.seen)


def test_an_epoch_shows_every_pair_once_and_whole(prepared, smoke):
    batches, b = Batches(prepared, smoke), prepared.b["train"]
    seen = []
    for step in range(len(b.sentences) // smoke.optim.batch):
        _, batch = batches(step)
        for i, (ids, length) in enumerate(zip(batch.text.ids.tolist(), batch.lengths.tolist(), strict=True)):
            row = b.sentences.index(decode(ids))
            assert np.array_equal(batch.mel[i, :length].numpy(), b.mel(row).astype(np.float32))
            assert not batch.mel[i, length:].any()
            seen.append(row)
    assert sorted(seen) == list(range(len(b.sentences)))


def test_a_manifest_tells_what_determined_it(prepared, smoke):
    manifest = json.loads((prepared.folder / "manifest.json").read_text())
    assert manifest["world"]["overlap"] == smoke.world.overlap and manifest["quarantined"] == 0


def test_the_hash_of_the_data_needs_the_manifest_alone(prepared, smoke, tmp_path):
    assert prepared_hash(smoke, prepared.folder.parent) == prepared.digest
    with pytest.raises(DataError, match="is not prepared"):
        prepared_hash(smoke, tmp_path)


def test_what_is_made_of_the_same_settings_is_told_by_its_reading(prepared):
    # Where this fails as it should, the data are others: raise `READING`, or old folders serve for new ones.
    made = hashlib.sha256(json.dumps(prepared.manifest["files"], sort_keys=True).encode()).hexdigest()
    assert (READING, made[:16]) == (4, "a2a73698a4888df2")


@pytest.mark.parametrize(("name", "value"), [("READING", 0), ("version", lambda package: "0")])
def test_another_reading_or_voice_makes_another_folder(name, value, smoke, monkeypatch):
    before = folder_name(smoke)
    monkeypatch.setattr(module, name, value)
    assert folder_name(smoke) != before
