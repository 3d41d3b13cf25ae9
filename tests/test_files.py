import pytest

from skiplib.files import whole


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "a.json"
    with whole(path) as partial:
        partial.write_text("{}")
        assert not path.exists()
    assert path.read_text() == "{}" and list(path.parent.iterdir()) == [path]


def test_a_write_cut_short_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
