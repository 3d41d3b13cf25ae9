"""Downloads, from a server on this machine."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from skiplib import fetch as module
from skiplib.corpora.digits import Digits
from skiplib.errors import ConfigError, DataError
from skiplib.fetch import fetch, recordings_digest


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder; those under `/cut/` break off half way, those under `/chunked/` in a chunk, and
    those under `/whole/` know no ranges."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        how, _, name = self.path.strip("/").rpartition("/")
        path = Path(self.directory, name)
        if not path.is_file() or how == "nothing":
            self.send_error(404)
            return
        data, begin = path.read_bytes(), 0
        if (asked := self.headers["Range"]) and how != "whole":
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            if begin >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        if how == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(data) + data[: len(data) // 2])
            return
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        self.wfile.write(data[begin : len(data) // 2 if how == "cut" else None])


@pytest.fixture
def server(tmp_path: Path, digit_files: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder that is served, with the made-up corpus in it; the first mirror has nothing."""
    served = tmp_path / "served"
    served.mkdir()
    names = [path.name for path in digit_files.iterdir() if path.is_file()]
    for name in names:
        (served / name).write_bytes((digit_files / name).read_bytes())
    with tarfile.open(served / "fsdd.tar.gz", "w:gz") as packed:
        packed.add(digit_files / "recordings", "fsdd-master/recordings")
    listener = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served))
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{listener.server_port}"
    monkeypatch.setattr(module, "MIRRORS", (f"{address}/nothing/", f"{address}/"))
    sums = {name: hashlib.md5((served / name).read_bytes()).hexdigest() for name in names}
    monkeypatch.setattr(module, "MNIST_FILES", sums)
    monkeypatch.setattr(module, "FSDD", f"{address}/fsdd.tar.gz")
    monkeypatch.setattr(module, "FSDD_SHA256", recordings_digest(digit_files / "recordings"))
    yield served
    listener.shutdown()
    listener.server_close()


def test_a_corpus_is_fetched_once_and_can_be_read(server, tmp_path):
    place = fetch("digits", tmp_path / "sources")
    assert Digits(place).image_text_count("train") == 180 and Digits(place).text_speech_count("test") == 50
    assert not [path for path in place.iterdir() if path.name.startswith(".")]
    for path in server.iterdir():
        path.unlink()
    assert fetch("digits", tmp_path / "sources") == place


def test_a_wrong_checksum_leaves_no_file(server, tmp_path):
    name = "t10k-images-idx3-ubyte.gz"
    (server / name).write_bytes(b"something else")
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz cannot be downloaded .*put it there"):
        fetch("digits", tmp_path / "sources")
    assert not (tmp_path / "sources" / "digits" / name).exists()


@pytest.mark.parametrize("broken", ["other", "cut"])
def test_other_recordings_are_refused(server, tmp_path, monkeypatch, broken):
    if broken == "other":
        monkeypatch.setattr(module, "FSDD_SHA256", "0" * 64)
    else:
        packed = server / "fsdd.tar.gz"
        packed.write_bytes(packed.read_bytes()[:-2_000])
    with pytest.raises(DataError, match=r"the recordings (of .* have SHA-256|cannot be downloaded)"):
        fetch("digits", tmp_path / "sources")
    assert not (tmp_path / "sources" / "digits" / "recordings").exists()


@pytest.fixture
def packed(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A made-up LJ Speech on the server, and the server's address."""
    inside = tmp_path / "LJSpeech-1.1"
    (inside / "wavs").mkdir(parents=True)
    (inside / "metadata.csv").write_text("1|a|a\n")
    (inside / "wavs" / "1.wav").write_bytes(os.urandom(100_000))
    path = server / "LJSpeech-1.1.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        archive.add(inside, inside.name)
    return path, module.FSDD.rpartition("/")[0]


def served(monkeypatch: pytest.MonkeyPatch, path: Path, address: str, wanted: dict[str, str] | None = None):
    """The archive at `path` is LJ Speech's, and `address` has it."""
    checksum = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    (real,) = module.ARCHIVES["ljspeech"]
    size = path.stat().st_size
    archive = module.Archive(f"{address}/{path.name}", size, checksum, wanted or real.wanted)
    monkeypatch.setitem(module.ARCHIVES, "ljspeech", (archive,))


@pytest.mark.parametrize(("first", "again"), [("/cut", ""), ("/cut", "/whole"), ("/chunked", "")])
def test_a_download_that_broke_off_goes_on(packed, tmp_path, monkeypatch, first, again):
    path, address = packed
    served(monkeypatch, path, f"{address}{first}")
    with pytest.raises(DataError, match=r"cannot be downloaded into .* goes on where it stopped"):
        fetch("ljspeech", tmp_path / "sources")
    place = tmp_path / "sources" / "ljspeech"
    (part,) = place.iterdir()
    assert (0 if first == "/cut" else -1) < part.stat().st_size < path.stat().st_size
    served(monkeypatch, path, f"{address}{again}")
    assert fetch("ljspeech", tmp_path / "sources") == place
    assert sorted(found.name for found in place.iterdir()) == ["metadata.csv", "wavs"]
    assert (place / "wavs" / "1.wav").stat().st_size == 100_000
    path.unlink()
    assert fetch("ljspeech", tmp_path / "sources") == place  # what is there is not asked for


def test_a_whole_part_is_not_asked_for_again_and_a_wrong_one_goes(packed, tmp_path, monkeypatch):
    path, address = packed
    served(monkeypatch, path, address)
    part = tmp_path / "sources" / "ljspeech" / f".{path.name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(DataError, match=r"has sha256 .* is removed"):
        fetch("ljspeech", tmp_path / "sources")
    assert not part.exists()
    part.write_bytes(path.read_bytes())
    assert (fetch("ljspeech", tmp_path / "sources") / "metadata.csv").read_text() == "1|a|a\n"


def test_of_a_zip_one_file_is_kept_and_what_is_not_in_it_is_named(packed, server, tmp_path, monkeypatch):
    path = server / "annotations.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("annotations/captions.json", "{}")
        archive.writestr("annotations/other.json", "{}")
    for inside in ("annotations/missing.json", "annotations/captions.json"):
        served(monkeypatch, path, packed[1], {inside: "captions.json"})
        if "missing" in inside:
            with pytest.raises(DataError, match=r"cannot be unpacked into .*missing.json"):
                fetch("ljspeech", tmp_path / "sources")
    assert [found.name for found in fetch("ljspeech", tmp_path / "sources").iterdir()] == ["captions.json"]


def test_photographs_come_with_their_list_unless_those_of_2017_are_there(
    server, tmp_path, monkeypatch, capsys
):
    address, archives = module.FSDD.rpartition("/")[0], []
    inside = (
        {"dataset_coco.json": "{}", "dataset_flickr8k.json": "{}"},
        {"train2014/": "", "train2014/COCO_train2014_000000000009.jpg": "a photograph", "other/1.jpg": ""},
        {"val2014/COCO_val2014_000000000042.jpg": "another", "val2014/../../out.jpg": "", "val20145": ""},
    )
    for real, files in zip(module.ARCHIVES["coco"], inside, strict=True):
        path = server / real.url.rpartition("/")[2]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        checksum = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        archives.append(replace(real, url=f"{address}/{path.name}", checksum=checksum))
    monkeypatch.setitem(module.ARCHIVES, "coco", tuple(archives))
    place = fetch("coco", tmp_path / "sources")
    assert f"coco: 20.2 GB to download into {place}\n" in capsys.readouterr().err
    assert (place / "images/train2014/COCO_train2014_000000000009.jpg").read_text() == "a photograph"
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")) == [
        "sources/coco/images/train2014/COCO_train2014_000000000009.jpg",
        "sources/coco/images/val2014/COCO_val2014_000000000042.jpg",
        "sources/coco/images/val2014/out.jpg",
    ]
    assert sorted(path.name for path in place.iterdir()) == ["dataset_coco.json", "images"]
    for name in module.COCO_2017:
        (tmp_path / "others" / "coco" / name).mkdir(parents=True)
    assert sorted(path.name for path in (fetch("coco", tmp_path / "others") / "images").iterdir()) == [
        "train2017",
        "val2017",
    ]


def test_what_cannot_be_fetched_says_so(tmp_path):
    with pytest.raises(ConfigError, match="'skipworld' has no download; there are: digits, ljspeech"):
        fetch("skipworld", tmp_path)


@pytest.mark.parametrize("python", ["3.11.2", "this"])
def test_an_archive_writes_nothing_outside_its_folder(tmp_path, monkeypatch, python):
    if python == "3.11.2":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    folder = tmp_path / "in"
    with tarfile.open(tmp_path / "packed.tar", "w") as archive:
        for name in ("good/one.txt", "../out.txt", str(tmp_path / "far.txt")):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    with tarfile.open(tmp_path / "packed.tar") as archive:
        module._extract(archive, str(folder))
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        "in/good/one.txt",
        "packed.tar",
    ]
    assert not (folder / "link").exists()
