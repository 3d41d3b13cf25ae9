"""Real photographs and recordings, in the layouts of their publishers, where they are at hand."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageOps

from skiplib import config, corpora
from skiplib.config import experiment
from skiplib.prepare import prepare

REAL = config.ROOT.parent / "shared" / "data"
SPLITS = ("train", "train", "restval", "test")
CLIPS = [f"LJ001-{i:04d}" for i in range(1, 9)] + ["LJ002-0020", "LJ042-0095", "LJ027-0120", "LJ039-0025"]
SETS = ("flickr8k-160", "coco-mini-256", "ljspeech-mini", "librispeech-samples")
AT_HAND = all((REAL / name).is_dir() for name in SETS)
pytestmark = pytest.mark.skipif(not AT_HAND, reason="the real files are not at hand")


def rows(path: Path) -> list[dict[str, str]]:
    """A table with tabs, whose quotation marks are text."""
    lines = path.read_text("utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def photographs(place: Path, source: Path, count: int) -> None:
    """The first photographs of `source` with their captions, as Flickr8k lays them out, or COCO 2017."""
    coco, captions = place.name == "coco", {}
    folders = [place / "images" / year for year in (("train2017", "val2017") if coco else ("",))]
    for folder in folders:
        folder.mkdir(parents=True)
    for row in rows(source / "captions.tsv"):
        captions.setdefault(row["image"], []).append({"raw": row["caption"]})
    listed = []
    for name, split in zip(captions, SPLITS * (count // len(SPLITS)), strict=False):
        shutil.copy(source / "images" / name, folders[0] / name)
        named = (
            {"filename": f"COCO_train2014_{name}", "filepath": "train2014"} if coco else {"filename": name}
        )
        listed.append({**named, "split": split, "sentences": captions[name]})
    (place / f"dataset_{place.name}.json").write_text(json.dumps({"images": listed}))


def lj_speech(place: Path) -> dict[str, str]:
    """Twelve clips with their rows of the publisher's own table, two of the test; their texts in words."""
    (place / "wavs").mkdir(parents=True)
    table = (REAL / "ljspeech-mini" / "metadata_all_13100.csv").read_text("utf-8")
    lines = [line for line in table.splitlines() if line.partition("|")[0] in CLIPS]
    (place / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in CLIPS:
        samples, rate = soundfile.read(REAL / "ljspeech-mini" / "audio" / f"{name}.flac", dtype="int16")
        soundfile.write(place / "wavs" / f"{name}.wav", samples, rate)
    return {line.split("|")[0]: line.split("|")[2] for line in lines}


def libri_speech(place: Path) -> dict[str, str]:
    """The two clips that are LibriSpeech's own, in a set of each kind; and their texts."""
    texts = {row["utt"]: row["text"] for row in rows(REAL / "librispeech-samples" / "metadata.tsv")}
    for part, name in (("train-clean-100", "2412-153948-0000"), ("test-clean", "1089-134691-0000")):
        chapter = place / part / name.split("-")[0] / name.split("-")[1]
        chapter.mkdir(parents=True)
        shutil.copy(REAL / "librispeech-samples" / "audio" / f"{name}.flac", chapter)
        (chapter / f"{name[:-5]}.trans.txt").write_text(f"{name} {texts[name]}\n")
    return {name: text.capitalize() for name, text in texts.items()}


@pytest.fixture(scope="module", params=["flickr8k+ljspeech", "coco+librispeech"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Where a corpus' files lie, what its clips say, and what is prepared of both."""
    sources = tmp_path_factory.mktemp("sources")
    if request.param == "flickr8k+ljspeech":
        photographs(sources / "flickr8k", REAL / "flickr8k-160", 12)
        texts = lj_speech(sources / "ljspeech")
    else:
        photographs(sources / "coco", REAL / "coco-mini-256", 8)
        texts = libri_speech(sources / "librispeech")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "SOURCES_DIR", sources)
        yield sources, texts, prepare(experiment("ours", "smoke", request.param), sources / "data", workers=1)


def test_nothing_is_lost(made):
    sources, _, prepared = made
    sizes = (9, 3, 10, 2) if (sources / "ljspeech").is_dir() else (6, 2, 1, 1)
    counts = dict(zip(("a_train", "a_test", "b_train", "b_test"), sizes, strict=True))
    assert prepared.manifest["counts"] == counts | {"truth": counts["a_test"]}
    assert prepared.manifest["quarantined"] == 0 and "characters_left_out" not in prepared.manifest
    assert (prepared.folder / "quarantine.csv").read_text().split() == ["item,file,sha256,reason"]


def test_a_photograph_keeps_its_pixels_and_captions(made):
    sources, _, prepared = made
    (listed,) = sources.glob("*/dataset_*.json")
    for split, part in prepared.a.items():
        images = json.loads(listed.read_text())["images"]
        expected = [image for image in images if (image["split"] == "test") == (split == "test")]
        for pixels, captions, image in zip(part.images, part.captions, expected, strict=True):
            (path,) = listed.parent.glob(f"images/**/{image['filename'].removeprefix('COCO_train2014_')}")
            with Image.open(path) as photograph:
                resized = ImageOps.fit(photograph.convert("RGB"), pixels.shape[1:], Image.Resampling.BICUBIC)
            assert np.abs(pixels.transpose(1, 2, 0).astype(float) - np.asarray(resized)).mean() < 8
            raw = [sentence["raw"] for sentence in image["sentences"]]  # Flickr8k has " ." and " ,"
            assert captions == [" ".join(re.sub(r" (?=[.,])", "", text).split()) for text in raw]


def test_a_sentence_keeps_its_words_and_its_length(made):
    sources, texts, prepared = made
    for part in prepared.b.values():
        for i, (name, sentence) in enumerate(zip(part.ids, part.sentences, strict=True)):
            (path,) = [*sources.glob(f"*/wavs/{name}.wav"), *sources.glob(f"*/*/*/*/{name}.flac")]
            assert len(part.mel(i)) == pytest.approx(soundfile.info(path).duration / 0.0125, abs=2)
            assert sentence == texts[name] and 0 <= part.mel(i).min() < 0.3 < 0.5 < part.mel(i).max() <= 1
