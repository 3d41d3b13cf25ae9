import re

import pytest

from skiplib.config import RECORDS_DIR, ROOT
from skiplib.derived import chosen
from skiplib.readme import END, START, results, updated
from skiplib.records import read_records


def test_the_readme_follows_from_the_records():
    text = (ROOT / "README.md").read_text()
    assert updated(text, results(chosen(read_records(RECORDS_DIR)))) == text, "run: python -m skiplib.readme"


def test_without_records_nothing_is_claimed():
    assert results([]) == "No record is committed yet.\n"


def test_a_readme_without_marks_is_refused():
    assert updated(f"a{START}old{END}b", "new\n") == f"a{START}\nnew\n{END}b"
    with pytest.raises(ValueError):
        updated("nothing", "new")


def test_committed_records_come_from_clean_commits():
    for record in read_records(RECORDS_DIR):
        assert record.provenance.dirty is False and re.fullmatch("[0-9a-f]{40}", record.provenance.commit)
