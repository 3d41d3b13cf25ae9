"""The listening test: its page, its ballots, and what they add up to. Raters are simulated only here."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest
import torch

from skiplib import listening
from skiplib.descriptions import Described
from skiplib.errors import ConfigError, RecordError
from skiplib.listening import QUESTIONS, Ballot, fleiss_kappa, key_of, page, read_ballots, read_key, save
from skiplib.offline import loads
from skiplib.rating import Rating

SYSTEMS = ("ours_aligned", "piecewise", "cyclegan")


def described(row: int, pitch: float, accuracy: float) -> Described:
    wave = np.sin(np.arange(3_000) * pitch).astype(np.float32)
    image = np.full((3, 8, 8), row, np.uint8)
    sound = (torch.zeros(8, 80), wave, torch.zeros(8, 80), wave, "a dog")
    return Described(row, image, ["a dog"], "a dog", "a dog", *sound, accuracy)


@pytest.fixture
def found() -> dict[str, list[Described]]:
    return {
        name: [described(row, 0.1 * (i + 1), 1.0 - 0.2 * i) for row in (4, 7, 9)]
        for i, name in enumerate(SYSTEMS)
    }


def ballot(key: listening.Key, rater: str, choose: str) -> Ballot:
    """A simulated rater that always chooses one system."""
    names = {str(clip.row): name for name, clip in key.clips.items() if clip.system == choose}
    answers = {row: dict.fromkeys(QUESTIONS, name) for row, name in names.items()}
    return Ballot(test=key.test, rater=rater, answers=answers)


def test_a_key_says_whose_a_clip_is_and_the_page_does_not(found, tmp_path):
    key = key_of(found, seed=0)
    save(tmp_path / "key.json", key)
    assert read_key(tmp_path / "key.json") == key and len(key.clips) == 9
    assert key.systems == list(SYSTEMS) and key.rows == [4, 7, 9]
    made = page(found, key, 16_000)
    assert not any(system in made for system in SYSTEMS) and not loads(made)
    data = json.loads(made.split("const TEST = ")[1].split(";\n")[0])
    assert {item["id"] for item in data["items"]} == {"4", "7", "9"}
    for item in data["items"]:
        clips = {name: key.clips[name] for name in item["clips"]}
        assert {clip.system for clip in clips.values()} == set(SYSTEMS)
        assert {clip.row for clip in clips.values()} == {int(item["id"])}
    assert key_of(found, seed=0).test == key.test != key_of(dict(list(found.items())[:2]), seed=0).test


def test_ballots_add_up_to_shares_as_in_the_paper(found, tmp_path):
    key = key_of(found, 0)
    for rater, choice in (("a", SYSTEMS[0]), ("b", SYSTEMS[0]), ("c", SYSTEMS[1])):
        save(tmp_path / f"{rater}.json", ballot(key, rater, choice))
    ballots = list(read_ballots(tmp_path, key).values())
    table = listening.results(ballots, key).set_index(["question", "system"])
    ours = table.loc[("content", SYSTEMS[0])]
    assert ours["mean"] == pytest.approx(2 / 3) and ours["sd"] == 0 and ours["raters"] == 3
    assert ours["reported"] == "", "the paper has no system with the pair loss"
    assert table.loc[("voice", SYSTEMS[2]), "mean"] == 0
    assert ours["low"] <= ours["mean"] <= ours["high"]
    assert listening.results([], key).empty
    named = key_of({"ours": found[SYSTEMS[0]], "piecewise": found[SYSTEMS[1]]}, 0)
    of_paper = listening.results([ballot(named, "a", "ours")], named).set_index(["question", "system"])
    assert of_paper.loc[("content", "ours"), "reported"] == "0.786 (sd 0.276)"
    assert of_paper.loc[("content", "piecewise"), "reported"] == ""


def test_an_unfinished_ballot_counts_for_what_it_answers(found, tmp_path):
    key = key_of(found, 0)
    whole = ballot(key, "a", SYSTEMS[0])
    part = whole.model_copy(update={"answers": {"4": {"content": whole.answers["4"]["content"]}}})
    counts = listening.votes([part], key).set_index(["question", "image"])
    assert counts.loc[("content", 4), SYSTEMS[0]] == 1 and counts.sum().sum() == 1
    assert set(listening.results([part], key)["question"]) == {"content"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": "another"}, "is of test another"),
        ({"answers": {"4": {"content": "nothing"}}}, "'nothing' is no answer to 'content' of image 4"),
        ({"answers": {"4": {"taste": "x"}}}, "no answer to 'taste'"),
        ({"rater": 5}, "is no ballot"),
    ],
)
def test_a_ballot_that_does_not_fit_is_named(found, tmp_path, change, message):
    key = key_of(found, 0)
    (tmp_path / "x.json").write_text(json.dumps(ballot(key, "a", SYSTEMS[0]).model_dump() | change))
    with pytest.raises(RecordError, match=rf"x\.json.*{message}"):
        read_ballots(tmp_path, key)


def test_one_rater_has_one_ballot_and_a_key_is_a_key(found, tmp_path):
    key = key_of(found, 0)
    for name in ("x", "y"):
        save(tmp_path / f"{name}.json", ballot(key, "a", SYSTEMS[0]))
    with pytest.raises(RecordError, match="'a' has another ballot"):
        read_ballots(tmp_path, key)
    with pytest.raises(RecordError, match="is not the key"):
        read_key(tmp_path / "x.json")


def test_a_test_is_known_by_its_name(found, tmp_path):
    key = key_of(found, 0)
    save(tmp_path / key.test / "key.json", key)
    assert listening.tests(tmp_path) == listening.tests(tmp_path, key.test) == [tmp_path / key.test]
    assert listening.tests(tmp_path / "nowhere") == []
    with pytest.raises(RecordError, match=f"no listening test 'nope' .* there are: {key.test}"):
        listening.tests(tmp_path, "nope")


def test_the_proxy_shares_ties(found):
    found["piecewise"] = [described(item.row, 0.2, 1.0) for item in found["piecewise"]]
    assert listening.proxy(key_of(found, 0)).to_dict() == {
        "ours_aligned": 0.5,
        "piecewise": 0.5,
        "cyclegan": 0.0,
    }


def test_fleiss_kappa_by_counting_pairs():
    random.seed(0)
    raters = [[random.choice("xyz") for _ in range(4)] for _ in range(12)]
    counts = np.array([[row.count(choice) for choice in "xyz"] for row in raters])
    agreed = np.mean([np.mean([a == b for a, b in itertools.combinations(row, 2)]) for row in raters])
    shares = [sum(row.count(choice) for row in raters) / 48 for choice in "xyz"]
    chance = sum(share**2 for share in shares)
    assert fleiss_kappa(counts) == pytest.approx((agreed - chance) / (1 - chance))
    assert fleiss_kappa(np.array([[3, 0], [0, 3]])) == 1
    assert np.isnan(fleiss_kappa(np.array([[1, 0], [0, 1]])))


def test_rating_in_jupyterlab_writes_every_answer_and_survives_a_reload(found, tmp_path):
    key = key_of(found, 0)
    rating = Rating(found, key, 16_000, "ab", tmp_path)
    rating.go(1)
    assert "answer all three" in rating.message.value and rating.place == 0 and not list(tmp_path.iterdir())
    for _ in range(2):
        for choice in rating.choices.values():
            choice.value = choice.options[0][1]
        rating.go(1)
    assert rating.place == 2 and "Image 3 of 3" in rating.shown.value
    (half,) = read_ballots(tmp_path, key).values()
    assert len(half.answers) == 2 and all(given.keys() == QUESTIONS.keys() for given in half.answers.values())
    again = Rating(found, key, 16_000, "ab", tmp_path)
    assert again.place == 2 and again.answers == half.answers
    assert again.choices["voice"].options == rating.choices["voice"].options
    again.go(-1)
    assert again.choices["voice"].value == half.answers[str(again.items[1][0].row)]["voice"]
    again.go(1)
    for choice in again.choices.values():
        choice.value = choice.options[2][1]
    again.go(1)
    assert "Thank you" in again.message.value
    (whole,) = read_ballots(tmp_path, key).values()
    assert len(whole.answers) == 3
    (tmp_path / "ab.json").rename(tmp_path / "listening-x-ab.json")  # as the page names it
    Rating(found, key, 16_000, "ab", tmp_path)._answer("voice", whole.answers["4"]["voice"])
    assert [path.name for path in read_ballots(tmp_path, key)] == ["listening-x-ab.json"]
    (tmp_path / "listening-x-ab.json").rename(tmp_path / "cd.json")
    with pytest.raises(RecordError, match=r"cd\.json is the ballot of 'ab': rename it"):
        Rating(found, key, 16_000, "cd", tmp_path)
    assert Rating(found, key, 16_000, " Zoë B ", tmp_path).rater == "Zoë B"
    with pytest.raises(ConfigError, match="initials or a nickname"):
        Rating(found, key, 16_000, "../x", tmp_path)
