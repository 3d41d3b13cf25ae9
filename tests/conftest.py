"""What several tests share: the smallest experiment, its prepared data, one batch of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from made_digits import make_digits

from skiplib.batches import Batches
from skiplib.config import Experiment, experiment
from skiplib.model import SkipNet
from skiplib.prepare import Prepared, prepare

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def smoke() -> Experiment:
    return experiment("ours_aligned", "smoke")


@pytest.fixture(scope="session")
def prepared(smoke: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(smoke, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def batch(prepared: Prepared, smoke: Experiment):
    return Batches(prepared, smoke)(0)


@pytest.fixture
def model(smoke: Experiment) -> SkipNet:
    torch.manual_seed(0)
    return SkipNet(smoke)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture(scope="session")
def digit_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of made-up files of the corpus `digits`."""
    place = tmp_path_factory.mktemp("sources") / "digits"
    make_digits(place)
    return place
