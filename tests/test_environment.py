"""The two lists of dependencies are one: the same pins in pyproject.toml and environment.yml."""

from __future__ import annotations

import importlib
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PINS = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])


def pip_section() -> list[str]:
    return next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))


def test_every_dependency_is_pinned_exactly() -> None:
    assert [pin for pin in PINS if not re.fullmatch(r"[a-z0-9_-]+==[\w.]+", pin)] == []


def test_environment_names_the_same_pins() -> None:
    *pins, project = pip_section()
    assert project == "-e ."
    assert sorted(pins) == sorted(PINS)


def test_environment_has_what_the_commands_need() -> None:
    names = {entry.partition("=")[0] for entry in CONDA["dependencies"] if isinstance(entry, str)}
    assert {"python", "pip", "make", "git"} <= names
    assert CONDA["name"] == PROJECT["name"]
    assert "python=3.11" in CONDA["dependencies"] and PROJECT["requires-python"] == ">=3.11"


def test_installed_versions_are_the_pinned_ones() -> None:
    wrong = {
        pin: version(pin.partition("==")[0])
        for pin in PINS
        if version(pin.partition("==")[0]).partition("+")[0] != pin.partition("==")[2]
    }
    assert wrong == {}


def test_package_is_importable_from_anywhere() -> None:
    assert Path(importlib.import_module("skiplib.corpora").__file__).is_relative_to(ROOT)


def test_every_package_is_shipped() -> None:
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "skiplib").rglob("__init__.py")}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)["tool"]["setuptools"]["packages"]) == found


def test_a_cluster_s_profile_names_an_executor_and_its_pin() -> None:
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8")
    profile = yaml.safe_load(text)
    assert re.search(rf"snakemake-executor-plugin-{profile['executor']}==[\d.]+", text)
    assert {"jobs", "default-resources"} <= set(profile)


def test_citation_file_cites_software_and_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == PROJECT["version"]
    assert {"message", "title", "authors", "license"} <= set(citation)
    assert citation["references"][0]["title"].startswith("Unpaired Image-to-Speech Synthesis")
