import numpy as np
import pytest

from skiplib.files import ArrayFile, whole


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


@pytest.mark.parametrize("parts", [[3], [1, 0, 4], [70_000, 60_000]])
def test_an_array_that_grew_is_the_array_saved_at_once(tmp_path, parts):
    whole_array = np.random.default_rng(0).integers(0, 255, (sum(parts), 2, 3), np.uint8)
    grown = ArrayFile(tmp_path / "grown.npy")
    for rows in np.split(whole_array, np.cumsum(parts)[:-1]):
        grown.append(rows)
    grown.close()
    np.save(tmp_path / "saved.npy", whole_array)
    assert (tmp_path / "grown.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


def test_rows_of_another_kind_do_not_go_into_an_array(tmp_path):
    grown = ArrayFile(tmp_path / "grown.npy")
    grown.append(np.zeros((2, 3), np.float16))
    for other in (np.zeros((2, 4), np.float16), np.zeros((2, 3), np.float32)):
        with pytest.raises(ValueError, match="do not go after"):
            grown.append(other)
    grown.close()
