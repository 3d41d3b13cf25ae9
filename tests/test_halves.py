"""Corpora of two halves: photographs with captions, sentences with recordings, and a run over them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from skiplib import config, corpora, features, metrics, runs
from skiplib.config import experiment
from skiplib.corpora import ImageTextCorpus, TextSpeechCorpus, open_corpus
from skiplib.corpora.captions import CaptionedImages
from skiplib.corpora.sentences import CocoCaptions, LibriSpeech, LJSpeech, Sentences
from skiplib.errors import ConfigError, DataError
from skiplib.prepare import prepare

COLOURS = ("red", "green", "blue", "black")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the publishers give, in small: 24 photographs, captions of others, LJ Speech without sound."""
    place = tmp_path_factory.mktemp("sources")
    images = []
    (place / "flickr8k" / "images").mkdir(parents=True)
    for i in range(24):
        colour, name = COLOURS[i % 4], f"{i}.jpg"
        Image.new("RGB", (40 + i, 50), colour).save(place / "flickr8k" / "images" / name)
        raw = [f"A {colour} wall .", f"All of it is {colour} & bright"]
        split = "test" if i < 8 else "val" if i < 10 else "train" if i < 20 else "restval"
        images.append({"filename": name, "split": split, "sentences": [{"raw": text} for text in raw]})
    (place / "flickr8k" / "dataset_flickr8k.json").write_text(json.dumps({"images": images}))
    (place / "cococaptions").mkdir()
    captions = [
        {"id": 4 * i + k, "image_id": i, "caption": f"a {COLOURS[k]} dog,\nnumber {i}"}
        for i in range(40)
        for k in range(4)
    ]
    (place / "cococaptions" / "captions_val2017.json").write_text(json.dumps({"annotations": captions}))
    (place / "ljspeech").mkdir()
    lines = [f"LJ001-{i:04d}|in {i} days,|in {i % 7} more days," for i in range(100)]
    (place / "ljspeech" / "metadata.csv").write_text("\n".join(lines) + "\n")
    for part, speaker in (("train-clean-100", 19), ("test-clean", 1089)):
        chapter = place / "librispeech" / part / str(speaker) / "1"
        chapter.mkdir(parents=True)
        (chapter / f"{speaker}-1.trans.txt").write_text(f"{speaker}-1-0000 HE WAITED NO LONGER\n")
        wave = np.sin(np.arange(8_000, dtype=np.float32) / 5)
        soundfile.write(chapter / f"{speaker}-1-0000.flac", wave, 16_000)
    return place


def test_photographs_answer_the_protocol(sources):
    found = CaptionedImages(sources / "flickr8k")
    assert isinstance(found, ImageTextCorpus)
    assert [found.image_text_count(split) for split in ("train", "test")] == [14, 8]  # restval, and no val
    item = next(found.image_text("test"))
    assert item.captions == ("A red wall .", "All of it is red & bright") and item.id == "0.jpg"
    assert item.image().size == (40, 50) and item.path == sources / "flickr8k" / "images" / "0.jpg"


def test_photographs_lie_as_each_set_names_them(tmp_path):
    listed = [
        {"filepath": "train2014", "filename": "COCO_train2014_000000000009.jpg", "split": "train"},
        {"filepath": "val2014", "filename": "COCO_val2014_000000000042.jpg", "split": "restval"},
        {"filepath": "val2014", "filename": "COCO_val2014_000000000073.jpg", "split": "test"},
    ]
    places = {
        "flickr30k": ["9.jpg", "42.jpg", "73.jpg"],
        "2014/coco": [f"{image['filepath']}/{image['filename']}" for image in listed],
        "2017/coco": ["train2017/000000000009.jpg", "val2017/000000000042.jpg", "train2017/000000000073.jpg"],
    }
    found = {}
    for name, there in places.items():
        folder, images = tmp_path / name, listed
        if name == "flickr30k":
            images = [
                {"filename": path, "split": image["split"]} for path, image in zip(there, listed, strict=True)
            ]
        images = [image | {"sentences": [{"raw": "A wall ."}]} for image in images]
        for place, colour in zip(there, COLOURS, strict=False):
            (folder / "images" / place).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 50), colour).save(folder / "images" / place)
        (folder / f"dataset_{folder.name}.json").write_text(json.dumps({"images": images}))
        found[name] = CaptionedImages(folder)
        items = [item for split in ("train", "test") for item in found[name].image_text(split)]
        assert [item.path.relative_to(folder / "images").as_posix() for item in items] == there
        assert [item.id for item in items] == [image["filename"] for image in images]
        assert [item.image().getpixel((9, 9))[0] > 200 for item in items] == [True, False, False]  # red first
    assert (
        found["2014/coco"].fingerprint()
        == found["2017/coco"].fingerprint()
        != found["flickr30k"].fingerprint()
    )
    (tmp_path / "2017/coco/images/val2017").rename(tmp_path / "away")
    with pytest.raises(DataError, match="train2014 is missing: the photographs are needed there"):
        CaptionedImages(tmp_path / "2017/coco").image_text_count("test")


@pytest.mark.parametrize(("kind", "name"), [(LJSpeech, "ljspeech"), (CocoCaptions, "cococaptions")])
def test_sentences_answer_the_protocol(sources, kind, name):
    found = kind(sources / name, 16_000, 200)
    assert isinstance(found, TextSpeechCorpus)
    train, test = ([item.text for item in found.text_speech(split)] for split in ("train", "test"))
    assert len(train) == found.text_speech_count("train") > 5 * len(test) > 0
    wave, rate = next(found.text_speech("test")).waveform()  # by the packaged voice
    assert rate == 16_000 and 0.3 < len(wave) / rate < 4
    assert found.fingerprint() == kind(sources / name, 16_000, 200).fingerprint()
    with pytest.raises(DataError, match="no sentence has at most 3 characters"):
        kind(sources / name, 16_000, 3).text_speech_count("train")


def test_captions_of_one_photograph_stay_in_one_split(sources):
    found = CocoCaptions(sources / "cococaptions", 16_000, 200)
    images = {split: {int(item.id) // 4 for item in found.text_speech(split)} for split in ("train", "test")}
    assert images["test"] and not images["train"] & images["test"]
    assert next(found.text_speech("train")).text == "a red dog, number 0"


def test_recordings_are_read_where_they_are(sources, tmp_path):
    libri = LibriSpeech(sources / "librispeech", 16_000, 200)
    (item,) = libri.text_speech("test")
    assert item.text == "He waited no longer" and len(item.waveform()[0]) == 8_000
    (tmp_path / "metadata.csv").write_bytes((sources / "ljspeech" / "metadata.csv").read_bytes())
    (tmp_path / "wavs").mkdir()
    recorded, voiced = (LJSpeech(place, 16_000, 200) for place in (tmp_path, sources / "ljspeech"))
    with pytest.raises(DataError, match=r"LJ001-\d+.wav cannot be read"):
        next(recorded.text_speech("train")).waveform()
    assert recorded.fingerprint() != voiced.fingerprint()
    before = LJSpeech(tmp_path, 16_000, 200).fingerprint()
    (tmp_path / "wavs" / f"{next(recorded.text_speech('train')).id}.wav").write_bytes(b"mended")
    assert LJSpeech(tmp_path, 16_000, 200).fingerprint() != before, "mended files are other data"


@pytest.mark.parametrize(
    ("kind", "names", "message"),
    [
        (LJSpeech, {}, "metadata.csv is missing .*LJSpeech-1.1.tar.bz2"),
        (LJSpeech, {"metadata.csv": "a,b"}, "has no lines of name|text"),
        (CocoCaptions, {"captions_val2017.json": '{"images": []}'}, "annotations_trainval2017.zip"),
        (LibriSpeech, {}, "has no train set: unpack train-clean-100.tar.gz"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, kind: type[Sentences], names, message):
    for name, content in names.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        kind(tmp_path, 16_000, 200).text_speech_count("train")


def test_transcripts_in_another_encoding_are_named(tmp_path):
    path = tmp_path / "train-clean-100" / "1" / "2" / "1-2.trans.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"1-2-0000 CAF\xc9\n")
    with pytest.raises(DataError, match=r"1-2\.trans\.txt cannot be read"):
        LibriSpeech(tmp_path, 16_000, 200).text_speech_count("train")


def test_missing_photographs_and_lists_are_named(tmp_path):
    with pytest.raises(DataError, match="images is missing: the photographs are needed there"):
        CaptionedImages(tmp_path).image_text_count("test")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"dataset_.*json is missing .*caption_datasets.zip"):
        CaptionedImages(tmp_path).fingerprint()


@pytest.mark.parametrize("kind", ["none", "efficientnet_lite0"])
def test_a_run_over_two_halves(sources, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(corpora, "SOURCES_DIR", sources)
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path / "runs")
    monkeypatch.setattr(runs, "prepare", lambda e: prepare(e, tmp_path / "data"))
    overlay = {"image.features": kind, "optim.steps": 4, "evaluation.scenes": 4, "evaluation.sentences": 4}
    made = experiment("ours_aligned", "smoke", "flickr8k+cococaptions", overlay=overlay)
    assert open_corpus(made).determines["sentences"] == {"longest": 200}
    record, path = runs.run(made, overlay)
    assert path.name.startswith("flickr8k+cococaptions-smoke-ours_aligned")
    assert {"i2t_cider", "i2s_cider", "i2s_zero_shot_accuracy"} < set(record.metrics)
    test = prepare(made, tmp_path / "data").a["test"]
    assert test.captions[0][1] == "All of it is red and bright"
    if kind != "none":
        expected = features.features([Image.new("RGB", (40, 50), "red")])[0].numpy()
        assert test.seen.shape == (8, features.WIDTH) and np.abs(test.seen[0] - expected).max() < 0.05


def test_a_missing_extra_is_said_before_training(monkeypatch):
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    monkeypatch.setattr(runs, "trained", lambda *given: pytest.fail("it trains"))
    with pytest.raises(ConfigError, match="extra `photographs`"):
        runs.run(experiment("ours", "smoke", "flickr8k+cococaptions"))
