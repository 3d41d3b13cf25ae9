"""A folder of one's own: what is listed, what is missing, and a run over it."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from test_widgets import Parrot

from skiplib import checkpoints, config, corpora, runs
from skiplib import floor as floors
from skiplib.config import experiment
from skiplib.corpora import ImageTextCorpus, TextSpeechCorpus
from skiplib.corpora.folder import Folder
from skiplib.corpora.voiced import spoken_captions
from skiplib.errors import ConfigError, DataError
from skiplib.explore import examples
from skiplib.prepare import prepare
from skiplib.records import read_records
from skiplib.shards import make
from skiplib.voice import synthesise

SMOKE = experiment("ours_aligned", "smoke", "folder")
COLOURS = ("red", "green", "blue", "black")
SEEN = "inside/16.jpg"  # an image of the test
SPOKEN = ("The dog runs.", "A red house.", "2 men wait in the park.", "She likes a green garden.")


def listed(path: Path, rows: list[tuple[str, ...]], columns: str = "file_name,text,split") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([tuple(columns.split(",")), *rows])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images in four modes and formats with two captions each, 16 recordings in three formats."""
    place = tmp_path_factory.mktemp("own") / "folder"
    (place / "images" / "inside").mkdir(parents=True)
    (place / "speech").mkdir()
    rows, said = [], []
    for i in range(24):
        colour, mode = COLOURS[i % 4], ("RGB", "L", "RGBA", "P")[i // 4 % 4]
        name = f"inside/{i}.{'png' if mode in ('RGBA', 'P') else 'jpg'}"
        Image.new("RGB", (50 + i, 40), colour).convert(mode).save(place / "images" / name)
        split = "test" if i >= 16 else "train"
        rows += [(name, f"A {colour} wall, number {i}", split), (name, f"all is {colour}", split)]
    for i in range(16):
        text, kind = SPOKEN[i % 4], ("wav", "flac", "ogg")[i % 3]
        rate = (16_000, 22_050)[i % 2]
        soundfile.write(place / "speech" / f"{i}.{kind}", synthesise(text, rate), rate)
        said.append((f"{i}.{kind}", text, "validation" if i >= 8 else ""))
    listed(place / "images" / "metadata.csv", rows)
    listed(place / "speech" / "metadata.csv", [row if row[2] else (*row[:2], "train") for row in said])
    return place


def test_both_protocols(own):
    found = Folder(own)
    assert isinstance(found, ImageTextCorpus) and isinstance(found, TextSpeechCorpus)
    assert [found.image_text_count(split) for split in ("train", "test")] == [16, 8]
    assert [found.text_speech_count(split) for split in ("train", "test")] == [8, 8]
    item = next(found.image_text("test"))
    assert item.captions == ("A red wall, number 16", "all is red") and item.id == "inside/16.jpg"
    wave, rate = next(found.text_speech("train")).waveform()
    assert rate == 16_000 and 0.1 < len(wave) / rate < 3
    with pytest.raises(ConfigError, match="unknown split 'dev'"):
        found.image_text_count("dev")


def test_a_split_is_drawn_by_name_where_none_is_given(own, tmp_path):
    listed(
        tmp_path / "images" / "metadata.csv",
        [(f"{i}.png", f"a wall {i}") for i in range(200)],
        "file_name,text",
    )
    listed(
        tmp_path / "speech" / "metadata.csv",
        [(f"{i}.wav", f"a wall {i}") for i in range(200)],
        "file_name,text",
    )
    counts = [Folder(tmp_path).image_text_count(split) for split in ("train", "test")]
    assert sum(counts) == 200 and 5 < counts[1] < 40


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            [("1.png", "a", "train")],
            "file_name,words,split",
            r"line 1: there is no column text in \['file_name', 'words', 'split'\]",
        ),
        ([("a bus",)], "text", "line 1: there is no column file_name"),
        ([("1.png", "a bus"), ("2.png",)], "file_name,text", "line 3: a row without a text"),
        ([("1.png", "a bus"), ("", "a dog")], "file_name,text", "line 3: a row without a file_name"),
        (
            [("1.png", "a", "tests")],
            "file_name,text,split",
            "line 2: unknown split 'tests'; there are: train",
        ),
        ([("1.png", "a", "train")], "file_name,text,split", "lists no file for test: 1 rows"),
        ([("1.png", "a bus", " two men")], "file_name,text", "line 2: more cells than columns; .* in quotes"),
        ([("a\0.png", "a bus", "train")], "file_name,text,split", "line 2: no file has a name with a NUL"),
        ([("a dog runs " * 99, "1.png", "train")], "file_name,text,split", "line 2: .*columns swapped"),
        (
            [("1.png", "a bus\nstops", "train"), ("./1.png", "a bus", "test")],
            "file_name,text,split",
            "line 4: 1.png is in training and test",
        ),
        (
            [("1.png", "a bus", "train"), ("2.png", "a dog", "test"), ("3.png", "a dog", "test")],
            "file_name,text,split",
            "one text for test; two that differ",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_named(own, tmp_path, rows, columns, message):
    (tmp_path / "speech").symlink_to(own / "speech")
    with pytest.raises(DataError, match=r"metadata.csv cannot be read .*file_name,text is needed there"):
        Folder(tmp_path).image_text_count("test")
    listed(tmp_path / "images" / "metadata.csv", rows, columns)
    with pytest.raises(DataError, match=message):
        Folder(tmp_path).image_text_count("test")


@pytest.mark.parametrize(
    ("table", "line", "why"),
    [
        ('file_name,text\n0.png,"A\ndog"\n1.png,"A dog runs\n2.png,A cat\n', 4, "unexpected end of data"),
        ('file_name,text\n0.png,A dog\n1.png,"A dog" runs\n2.png,A cat\n', 3, "expected after"),
        ('file_name,"text\n0.png,A dog\n', 1, "unexpected end of data"),
    ],
)
def test_a_quote_that_ends_nowhere_or_too_early_is_an_error_with_its_line(own, tmp_path, table, line, why):
    (tmp_path / "speech").symlink_to(own / "speech")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "metadata.csv").write_text(table)
    with pytest.raises(DataError, match=rf"metadata\.csv: .* with line {line} cannot be read: .*{why}"):
        Folder(tmp_path).image_text_count("test")


def test_an_empty_table_is_an_error(own, tmp_path):
    (tmp_path / "speech").symlink_to(own / "speech")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "metadata.csv").touch()
    with pytest.raises(DataError, match=r"metadata\.csv is empty"):
        Folder(tmp_path).image_text_count("test")


def test_a_text_that_is_too_long_is_handed_out_as_what_cannot_be_used(own, tmp_path):
    shutil.copytree(own, tmp_path, dirs_exist_ok=True)
    long = "a bus " * 200
    for part, rows in (
        ("images", [("inside/16.jpg", long, "test"), ("inside/99.jpg", long, "test")]),
        ("speech", [("0.wav", "", "train"), ("0.wav", "", "train"), ("", long, "test")]),
    ):
        with (tmp_path / part / "metadata.csv").open("a", newline="") as file:
            csv.writer(file).writerows(rows)
    found = Folder(tmp_path)
    shown, truth = list(found.image_text("test")), [*spoken_captions(found, 99, 16_000)]
    assert shown[0].captions == ("A red wall, number 16", "all is red") and shown[-1].captions == ()
    assert [item.text for item in truth] == [item.captions[0] for item in shown[:-1]] + [""]
    make_images = [make(({"a_test": item}, SMOKE.image, SMOKE.audio)) for item in (shown[0], shown[-1])]
    reasons = [reason for outcome in make_images for _, _, _, reason in outcome.lost]
    assert [bool(outcome.made) for outcome in make_images] == [True, False]
    assert "only a caption is lost, the image is used without it: a text of 1,200 char" in reasons[0]
    assert "no caption that can be said: a text of 1,200 characters, of at most 1,000 ('a bus" in reasons[1]
    twice, sentence = next(found.text_speech("train")), [*found.text_speech("test")][-1]
    with pytest.raises(DataError, match=r"it stands 3 times in metadata\.csv"):
        twice.waveform()
    with pytest.raises(DataError, match=r"a text of 1,200 characters, .*is a quote missing"):
        sentence.waveform()
    assert sentence.id == "metadata.csv, line 20" and sentence.path is None and twice.path.exists()


def test_a_file_is_in_one_split(own, tmp_path):
    (tmp_path / "speech").symlink_to(own / "speech")
    listed(tmp_path / "images" / "metadata.csv", [("1.png", "a", "train"), ("1.png", "b", "test")])
    with pytest.raises(DataError, match=r"line 3: 1.png is in training and test"):
        Folder(tmp_path).image_text_count("test")


def test_a_recording_has_one_text(own, tmp_path):
    (tmp_path / "images").symlink_to(own / "images")
    rows = [("1.wav", "a", "train"), ("1.wav", "b", "train"), ("2.wav", "b", "test"), ("3.wav", "c", "test")]
    listed(tmp_path / "speech" / "metadata.csv", rows)
    item = next(Folder(tmp_path).text_speech("train"))
    lost = make(({"b_train": item}, SMOKE.image, SMOKE.audio)).lost
    assert lost == [("1.wav", str(item.path), "", "it stands 2 times in metadata.csv")]


def test_a_misspelt_column_is_no_sentence_without_a_recording(own, tmp_path):
    (tmp_path / "images").symlink_to(own / "images")
    listed(tmp_path / "speech" / "metadata.csv", [("1.wav", "a bus", "train")], "filename,text,split")
    with pytest.raises(DataError, match=r"columns file_name, text, split, not \['filename'"):
        Folder(tmp_path).text_speech_count("train")


def test_the_truth_speaks_the_first_caption_that_can_be_said(own, tmp_path):
    (tmp_path / "speech").symlink_to(own / "speech")
    rows = [("1.png", "a bus", "train"), ("2.png", "☃", "test"), ("2.png", "a dog", "test")]
    listed(tmp_path / "images" / "metadata.csv", rows)
    assert [item.text for item in spoken_captions(Folder(tmp_path), 1, 16_000)] == ["a dog"]


@pytest.mark.parametrize("columns", ["text", "file_name,text"])
def test_sentences_without_recordings_are_spoken(own, tmp_path, columns):
    (tmp_path / "images").symlink_to(own / "images")
    sentences = [f"{text} {i}" for text in SPOKEN for i in "abcdefghij"]
    rows = [(text,) if columns == "text" else ("", text) for text in sentences]
    listed(tmp_path / "speech" / "metadata.csv", rows, columns)
    found = Folder(tmp_path, 22_050)
    items = [*found.text_speech("train"), *found.text_speech("test")]
    assert sorted(item.text for item in items) == sorted(sentences) and items[0].path is None
    wave, rate = items[0].waveform()
    assert rate == 22_050 and len(wave) / rate > 0.3
    assert found.fingerprint() == Folder(tmp_path).fingerprint()


def test_a_run_over_a_folder(own, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(corpora, "SOURCES_DIR", own.parent)
    monkeypatch.setattr(config, "RUNS_DIR", tmp_path / "runs")
    monkeypatch.setattr(runs, "prepare", lambda e: prepare(e, tmp_path / "data"))
    assert runs.main(["ours_aligned", "--scale", "smoke", "--corpus", "folder"]) == 0
    (record,) = read_records(tmp_path / "runs" / "records")
    assert capsys.readouterr().out.endswith("folder-smoke-ours_aligned-s0.json\n")
    assert record.metrics["judge_wer_truth"].value < 0.3 and record.metrics["i2s_bleu1"].n == 8
    assert {"i2s_zero_shot_accuracy", "i2s_i2t_agreement"} < set(record.metrics)
    assert record.artefacts["code"] == checkpoints.code_digest() and "begun_with" not in record.artefacts
    prepared = prepare(SMOKE, tmp_path / "data")
    assert record.provenance.content == prepared.content
    assert prepared.b["train"].sentences[2] == "two men wait in the park."
    assert prepared.a["test"].captions[0] == ["A red wall, number sixteen", "all is red"]
    assert prepared.manifest["quarantined"] == 0 and "characters_left_out" not in prepared.manifest


def told(said, item):
    said.append(item.id)
    return item.waveform()


def test_files_that_cannot_be_used_are_quarantined_and_keep_the_truth_in_step(own, tmp_path, monkeypatch):
    place = tmp_path / "sources" / "folder"
    for part in ("images", "speech"):
        (place / part).mkdir(parents=True)
        for path in (own / part).iterdir():
            (place / part / path.name).symlink_to(path)
    table = (own / "images" / "metadata.csv").read_text()
    (place / "images" / "metadata.csv").unlink()
    broken = "\n".join(
        f"{name},{text},test"
        for name, text in (("no.png", "a ☃ wall"), ("cut.jpg", "a ☃ wall"), (SEEN, "☃"), (SEEN, "a ☃ wall"))
    )
    head, _, rest = table.partition("\n")
    (place / "images" / "metadata.csv").write_text(f"{head}\n{broken}\n{rest}")
    whole = (own / "images" / "inside" / "0.jpg").read_bytes()
    (place / "images" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(corpora, "SOURCES_DIR", place.parent)
    with pytest.raises(DataError, match=r"2 of 10 items .* cannot be used, as .*cut.jpg cannot be read"):
        prepare(SMOKE, tmp_path / "data")
    monkeypatch.setattr("skiplib.building.MAX_LOSS", 0.5)
    prepared = prepare(SMOKE, tmp_path / "data")
    assert prepared.manifest["characters_left_out"] == {"☃": 1}, "of what is used, and the truth is a caption"
    assert [prepared.manifest[what] for what in ("quarantined", "captions_left_out")] == [2, 1]
    assert len(prepared.a["test"].captions) == len(prepared.truth.sentences) == len(prepared.a["test"].images)
    assert prepared.truth.sentences == [captions[0] for captions in prepared.a["test"].captions]
    lost = (prepared.folder / "quarantine.csv").read_text()
    opened, said = corpora.open_corpus(SMOKE), []
    truth = [replace(item, waveform=partial(told, said, item)) for item in opened.truth]
    monkeypatch.setattr(floors, "open_corpus", lambda _: replace(opened, truth=truth))
    floors.floor(prepared, SMOKE, Parrot())
    assert said == prepared.truth.ids and len(said) == 8, "what was lost is not heard either"
    assert "no.png" in lost and "cut.jpg cannot be read" in lost and np.all(prepared.truth.lengths > 0)
    assert f"images/{SEEN}," in lost and "the image is used without it: nothing of '☃'" in lost
    shown = examples(SMOKE, 8)
    assert shown.captions == prepared.a["test"].captions[:8] and len(shown.mels) == 8


def test_the_same_files_are_the_same_data_wherever_they_lie(own, tmp_path, monkeypatch):
    contents = []
    for place in (tmp_path / "here", tmp_path / "elsewhere" / "sources"):
        shutil.copytree(own, place / "folder")
        with (place / "folder" / "images" / "metadata.csv").open("a") as file:
            file.write("none.png,a wall,train\n")
        monkeypatch.setenv("SKIPLIB_SOURCES", str(place))  # for the workers
        monkeypatch.setattr(corpora, "SOURCES_DIR", place)
        monkeypatch.setattr("skiplib.building.MAX_LOSS", 0.5)
        prepared = prepare(SMOKE, place / "data", workers=1)
        lost = (prepared.folder / "quarantine.csv").read_text()
        assert "none.png" in lost and str(tmp_path) not in lost
        contents.append(prepared.content)
    assert contents[0] == contents[1]


def test_the_command_line_says_what_is_wrong(capsys):
    assert runs.main(["ours_aligned", "--scale", "huge"]) == 2
    assert "ConfigError: unknown scale 'huge'; there are: paper, demo, smoke" in capsys.readouterr().err
    assert runs.main(["ours_aligned", "--overlay", "memory.slots"]) == 2


def test_an_interrupted_run_says_that_it_goes_on(capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run", stop)
    assert runs.main(["ours_aligned", "--scale", "smoke"]) == 130
    assert "goes on from the last checkpoint" in capsys.readouterr().err
