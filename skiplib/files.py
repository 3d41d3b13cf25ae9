"""Files that appear whole or not at all, locks, digests, and arrays that grow on the disk."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

UMASK = os.umask(0o022)  # can only be read by setting it
os.umask(UMASK)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes its place when the block ends well, and goes otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # or a power cut may leave the name and nothing in it
        partial.chmod(0o666 & ~UMASK)  # as any file: safetensors makes its own private
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, does: str) -> Iterator[None]:
    """One process at a time, by a lock at `path`; another one says that it waits, and what for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        log.warning("another process %s; waiting for it (%s)", does, path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ArrayFile:
    """A `.npy` file that grows row by row, so that an array may be larger than memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._kind: tuple[str, tuple[int, ...]] | None = None
        self._rows = 0

    def append(self, rows: np.ndarray) -> None:
        """Add rows at the end. Raises `ValueError` if they are of another type or shape than those before."""
        kind = (np.lib.format.dtype_to_descr(rows.dtype), rows.shape[1:])
        if self._kind is None:
            self._kind = kind
            self._header()
        if kind != self._kind:
            raise ValueError(f"rows of {kind} do not go after rows of {self._kind}")
        self._file.write(np.ascontiguousarray(rows).data)
        self._rows += len(rows)

    def close(self) -> None:
        """Say how many rows there are, and close."""
        if self._kind is not None:
            self._header()
        self._file.close()

    def _header(self) -> None:
        """NumPy leaves room in a header for more rows, so that it can be written over."""
        descr, shape = self._kind or ("", ())
        about = {"descr": descr, "fortran_order": False, "shape": (self._rows, *shape)}
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, about)
