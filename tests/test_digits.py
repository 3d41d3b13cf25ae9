"""Real digits, their judge and metrics; on made-up files, and on the real ones where they are at hand."""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from made_digits import RATE, tone, write_idx

from skiplib import config, corpora, digits, runs
from skiplib.attributes import AttributeReader
from skiplib.config import experiment
from skiplib.corpora import ImageTextCorpus, TextSpeechCorpus, open_corpus
from skiplib.corpora.digits import WORDS, Digits, idx, recording
from skiplib.digits import DigitJudge
from skiplib.errors import ConfigError, DataError
from skiplib.prepare import prepare
from skiplib.scores import ItemScores

REAL = config.ROOT.parent / "shared" / "data" / "fsdd-mnist"
SMOKE = experiment("ours_aligned", "smoke", "digits")


@pytest.fixture(scope="module")
def data(digit_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder, the made-up files as corpus; forty recordings need more rounds of learning."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (corpora, digits):
            patch.setattr(module, "SOURCES_DIR", digit_files.parent)
        patch.setattr(digits, "EPOCHS", 120)
        yield tmp_path_factory.mktemp("data")


def test_both_protocols_and_the_makers_split(digit_files):
    found = Digits(digit_files)
    assert isinstance(found, ImageTextCorpus) and isinstance(found, TextSpeechCorpus)
    assert [found.image_text_count(split) for split in ("train", "test")] == [180, 10]
    assert [found.text_speech_count(split) for split in ("train", "test")] == [20, 50]
    assert Digits(digit_files, speaker="").text_speech_count("train") == 40
    item = list(found.image_text("test"))[3]
    assert item.captions == ("three",) and item.facts == {"digit": 3} and item.image().shape == (28, 28)
    spoken = next(found.text_speech("test"))
    wave, rate = spoken.waveform()
    assert (spoken.text, rate, wave.dtype) == ("zero", RATE, np.float32)


def test_the_truth_says_the_digit_of_its_image(digit_files):
    items = list(Digits(digit_files).image_text("test"))
    truth = list(Digits(digit_files).spoken_captions(10))
    assert [t.id for t in truth] == [item.id for item in items]
    for item, said in zip(items, truth, strict=True):
        tones = [tone(item.facts["digit"], index) for index in range(5)]
        wave, _ = said.waveform()
        assert said.text == item.captions[0] and any(np.allclose(wave, t, atol=1e-4) for t in tones)


def test_training_images_serve_where_they_are_at_hand(digit_files, tmp_path):
    for path in digit_files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    write_idx(tmp_path / "train-images-idx3-ubyte", np.ones((30, 28, 28)), "images")
    before = Digits(tmp_path).fingerprint()
    assert Digits(tmp_path).image_text_count("train") == 180  # images without labels are none
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(30) % 10, "labels")
    assert [Digits(tmp_path).image_text_count(split) for split in ("train", "test")] == [30, 100]
    assert Digits(tmp_path).fingerprint() != before


def test_what_is_reported_is_no_image_of_what_a_configuration_was_chosen_by(digit_files):
    halves = [[item.image() for item in Digits(digit_files, test_draw=i).image_text("test")] for i in (0, 1)]
    images, _ = Digits(digit_files)._images["train"]
    assert [len(half) for half in halves] == [10, 10] and len(images) == 180
    labels = idx(digit_files / "t10k-images-idx3-ubyte.gz", "images")
    assert np.array_equal(np.concatenate([images, *halves]), labels)


def test_a_word_or_recording_counts_once(data):
    prepared = prepare(SMOKE, data)
    ten = ItemScores(np.arange(10.0), np.full(10, 10.0))
    five = ItemScores(np.arange(5.0), np.full(5, 10.0))
    given = {"t2i_digit_accuracy": ten, "i2s_digit_accuracy": ten, "t2s_wer": five, "s2i_digit_accuracy": ten}
    counted = digits.once_each(given, prepared, 10)
    assert [len(score) for score in counted.values()] == [10, 10, 1, 10]  # B's test begins with one word
    repeated = [*range(8), 3, 3]
    truth = dataclasses.replace(
        prepared.truth, offsets=np.arange(11), frames=np.array(repeated, np.float16)[:, None]
    )
    again = digits.once_each(given, dataclasses.replace(prepared, truth=truth), 10)
    assert len(again["s2i_digit_accuracy"]) == 8 and again["i2s_digit_accuracy"] is ten


def test_what_is_missing_or_damaged_is_named(digit_files, tmp_path):
    with pytest.raises(DataError, match=r"recordings lacks train recordings .*free-spoken-digit-dataset"):
        Digits(tmp_path).fingerprint()
    (tmp_path / "recordings").symlink_to(digit_files / "recordings")
    with pytest.raises(DataError, match="lacks train recordings of some digits by george"):
        Digits(tmp_path, "george").fingerprint()
    with pytest.raises(DataError, match=r"lacks the images of MNIST.*t10k-images-idx3-ubyte.gz"):
        Digits(tmp_path).fingerprint()
    short = tmp_path / "t10k-images-idx3-ubyte.gz"
    short.write_bytes((digit_files / short.name).read_bytes()[:-9])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz is not an IDX file of images"):
        idx(short, "images")
    whole = bytearray((digit_files / short.name).read_bytes())
    whole[20:40] = bytes(20)
    short.write_bytes(whole)
    with pytest.raises(zlib.error):
        gzip.decompress(whole)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz is not an IDX file of images"):
        idx(short, "images")
    with pytest.raises(DataError, match="begins with 2049, not 2051"):
        idx(digit_files / "t10k-labels-idx1-ubyte", "images")
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.arange(5), "labels")
    short.write_bytes((digit_files / short.name).read_bytes())
    with pytest.raises(DataError, match="does not fit"):
        Digits(tmp_path).image_text_count("test")
    (tmp_path / "0_jackson_0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"0_jackson_0.wav cannot be read"):
        recording(tmp_path / "0_jackson_0.wav")
    with pytest.raises(ConfigError, match="unknown split 'dev'"):
        Digits(digit_files).image_text_count("dev")


def test_the_files_determine_the_prepared_folder(data):
    prepared = prepare(SMOKE, data)
    assert prepared.manifest["counts"]["a_train"] == 180 and "world" not in prepared.manifest
    assert prepared.a["test"].captions[3] == ["three"] and prepared.b["train"].sentences[0] == "zero"
    assert prepared.manifest["digits"] == {"speaker": "jackson", "test_draw": 1}
    assert prepared.manifest["source"] == open_corpus(SMOKE).determines["source"]


def test_a_run_hears_digits_and_writes_a_record(data, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path)
    monkeypatch.setattr(runs, "prepare", lambda e: prepare(e, data))
    record, path = runs.run(SMOKE)
    assert path.name == "digits-smoke-ours_aligned-s0.json"
    assert record.metrics["judge_wer_truth"].value == 0
    for name in ("i2t_digit_accuracy", "i2s_digit_accuracy", "t2i_digit_accuracy", "s2i_digit_accuracy"):
        assert 0 <= record.metrics[name].value <= 1 and record.metrics[name].n == 8
    assert record.metrics["i2s_digit_accuracy_chance"].value == 1 / 8
    assert set(record.outputs["i2s"]) <= {*WORDS, ""} and "i2s_content_accuracy" not in record.metrics


def test_the_judge_hears_digits_and_no_silence(data, monkeypatch):
    prepared = prepare(SMOKE, data)
    judge = DigitJudge.beside(prepared, SMOKE)
    assert judge.transcribe([np.zeros(4_000), tone(7, 99), np.zeros(0)], RATE) == ["", "seven", ""]
    monkeypatch.setattr(AttributeReader, "fit", None)  # it is read now, not trained again
    again = DigitJudge.beside(prepared, SMOKE).reader.state_dict()
    assert all(torch.equal(kept, again[name]) for name, kept in judge.reader.state_dict().items())


@pytest.mark.skipif(not REAL.is_dir(), reason="the real digits are not at hand")
def test_the_real_files_are_read():
    real = Digits(REAL)
    assert [real.image_text_count(split) for split in ("train", "test")] == [9_000, 500]
    assert [real.text_speech_count(split) for split in ("train", "test")] == [450, 50]
    assert sum(Digits(REAL, speaker="").text_speech_count(split) for split in ("train", "test")) == 3_000
    wave, rate = next(real.text_speech("train")).waveform()
    assert rate == 8_000 and 0 < abs(wave).max() <= 1
