import re

import pytest
import soundfile
from PIL import Image
from test_claims import runs

from skiplib import paper
from skiplib.attributes import AttributeReader
from skiplib.config import RECORDS_DIR, ROOT, experiment
from skiplib.overlays import parse_overlay
from skiplib.painted import SHIPPED
from skiplib.pooled import latest
from skiplib.presets import PAPER_STEPS
from skiplib.readme import END, NOTHING, START, bars, systems, tables, updated
from skiplib.records import read_records
from skiplib.scenes import render, sample_scenes
from skiplib.team import Team
from skiplib.voice import synthesise


def test_the_readme_follows_from_the_records():
    text = (ROOT / "README.md").read_text()
    assert updated(text, tables(latest(RECORDS_DIR))) == text, "run: python -m skiplib.readme"


def test_its_python_runs_as_printed(tmp_path, monkeypatch):
    (code,) = re.findall("```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (tmp_path / "skiplib").symlink_to(ROOT / "skiplib")
    (scene,) = sample_scenes(experiment().world, "test", 1)
    Image.fromarray(render(scene)).save(tmp_path / "scene.png")
    soundfile.write(tmp_path / "sentence.wav", synthesise("a small red circle"), 16_000)
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(code, made)
    assert len(made["wave"]) > 16_000 and "red circle" in made["said"]


def test_without_records_nothing_is_claimed():
    assert bars([]) == NOTHING
    assert bars(runs("ours", 1.0)).splitlines()[0].endswith("| met by `ours` |")
    assert systems([], paper.METRICS["4"], {"ours": {}}) == NOTHING
    assert set(re.findall(r"\) (\S+)", systems([], paper.METRICS["4"], paper.TABLE_4))) == {"missing"}


def test_a_table_of_systems_has_the_papers_number_before_ours():
    table = systems(runs("ours", 1.0) + runs("aligned_no_T", 1.5), paper.METRICS["4"], paper.TABLE_4)
    rows = {line.split(" | ")[0].strip("| `"): line for line in table.splitlines()}
    assert re.search(r"\| 3 \| \(74\.1\) missing \| \(0\.0388\) [\d.]+ \[[\d.]+, [\d.]+\]", rows["ours"])
    assert "(" not in rows["aligned_no_T"] and "| 3 |" in rows["aligned_no_T"]
    assert "| 0 | (65.2) missing | (0.0699) missing |" in rows["no_M"]
    assert "aligned_no_M" not in rows and "no_T_no_Ladv" not in rows  # neither reported nor measured


def test_a_readme_without_marks_is_refused():
    start, end = START.format("x"), END.format("x")
    assert updated(f"a{start}old{end}b", {"x": "new\n"}) == f"a{start}\nnew\n{end}b"
    with pytest.raises(ValueError):
        updated("nothing", {"x": "new"})


def test_the_recipe_for_several_processes_can_be_shared_and_sees_as_much_as_the_paper():
    command = r"torchrun --nproc-per-node (\d+) -m skiplib.runs (\S+) --corpus (\S+) --scale (\S+)"
    given = re.search(rf'{command} --overlay "(.+?)"', (ROOT / "README.md").read_text())
    size, variant, corpus, scale, overlay = given.groups()
    optim = experiment(variant, scale, corpus, overlay=parse_overlay(overlay)).optim
    shares = [Team(rank, int(size)).share(optim.accumulate) for rank in range(int(size))]
    assert sorted(i for share in shares for i in share) == list(range(optim.accumulate))
    pairs = optim.batch * optim.accumulate
    assert 0 <= optim.steps * pairs - PAPER_STEPS * experiment(variant, scale, corpus).optim.batch < pairs


def test_committed_records_come_from_clean_commits():
    for record in read_records(RECORDS_DIR):
        assert record.provenance.dirty is False and re.fullmatch("[0-9a-f]{40}", record.provenance.commit)


def test_committed_records_are_of_one_kind_of_data_and_of_the_settings_that_their_names_stand_for():
    assert latest(RECORDS_DIR) == read_records(RECORDS_DIR)


def test_committed_records_were_measured_by_the_reader_that_ships():
    (shipped,) = SHIPPED.glob("*.safetensors")
    digest = AttributeReader.load(shipped).digest
    for record in read_records(RECORDS_DIR):
        if (record.corpus, record.scale) == ("skipworld", "demo") and "reader" in record.artefacts:
            assert record.artefacts["reader"] == digest
