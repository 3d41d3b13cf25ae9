"""Downloads, from a server on this machine."""

from __future__ import annotations

import hashlib
import tarfile
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from skiplib import fetch as module
from skiplib.corpora.digits import Digits
from skiplib.errors import ConfigError, DataError
from skiplib.fetch import fetch, recordings_digest


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


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


def test_what_cannot_be_fetched_says_so(tmp_path):
    with pytest.raises(ConfigError, match="'skipworld' has no download; there are: digits"):
        fetch("skipworld", tmp_path)
