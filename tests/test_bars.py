import pandas as pd
import pytest

from skiplib.bars import BARS, MAIN, marks, scoreboard, shown
from skiplib.config import CORPORA


def summary(**metrics: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    rows = [
        (system, "", "skipworld", "demo", metric, *values, 3, 900)
        for system, found in metrics.items()
        for metric, values in found.items()
    ]
    columns = ["system", "overlay", "corpus", "scale", "metric", "mean", "low", "high", "seeds", "n"]
    return pd.DataFrame(rows, columns=columns)


def test_scoreboard_judges_by_the_bars() -> None:
    board = scoreboard(
        summary(
            ours_aligned={
                "i2s_content_accuracy": (0.91, 0.9, 0.92),
                "i2s_wer": (0.21, 0.2, 0.22),
                "ceiling_wer": (0.1, 0.1, 0.1),
                "i2t_bleu1": (90.0, 89.0, 91.0),
                "ceiling_bleu1": (92.0, 91.0, 93.0),
                "modality_probe_accuracy": (0.6, 0.5, 0.7),
                "memory_entropy": (0.4, 0.4, 0.4),
            },
            aligned_no_Ladv={"modality_probe_accuracy": (0.8, 0.75, 0.9)},
        ),
        "ours_aligned",
    )
    verdicts = board["verdict"]
    assert verdicts["i2s_content_accuracy"] == "met"
    assert (board.loc["i2s_wer", "bar"], verdicts["i2s_wer"]) == ("<= 0.2", "missed")
    assert (board.loc["i2t_bleu1", "bar"], verdicts["i2t_bleu1"]) == (">= 87.4", "met")
    assert tuple(board.loc["modality_probe_accuracy", ["bar", "verdict"]]) == ("< 0.75", "met")
    assert verdicts["memory_entropy"] == "no bar"
    assert verdicts["t2s_wer"] == "missing" and pd.isna(board.loc["t2s_wer", "mean"])


def test_scoreboard_needs_the_other_system_to_compare_with() -> None:
    scores = {"modality_probe_accuracy": (0.6, 0.5, 0.7)}
    board = scoreboard(summary(ours=scores, no_Ladv=scores), "no_Ladv")
    assert tuple(board.loc["modality_probe_accuracy", ["bar", "verdict"]]) == ("", "no bar")
    alone = scoreboard(summary(ours=scores), "ours").loc["modality_probe_accuracy"]
    assert (alone["bar"], alone["verdict"]) == ("< that of no_Ladv", "undecided")


def test_scoreboard_of_no_record_is_all_missing() -> None:
    board = scoreboard(summary(), "ours")
    assert set(board["verdict"]) == {"missing"} and len(board) == len(BARS["skipworld"])


def test_a_corpus_of_ones_own_needs_no_bars() -> None:
    board = scoreboard(summary(ours={"s2t_wer": (0.1, 0.05, 0.15)}), "ours", "squares")
    assert board["verdict"].to_dict() == {"s2t_wer": "no bar"}
    assert marks("squares") == {} and "s2t_wer" in shown("squares")


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_corpus_has_bars_and_main_metrics(corpus: str) -> None:
    found = summary(ours_aligned={name: (0.99, 0.98, 1.0) for name in marks(corpus)})
    board = scoreboard(found, "ours_aligned", corpus)
    assert set(marks(corpus)) & set(MAIN[corpus]) and list(board.index) == [b.metric for b in BARS[corpus]]
    assert corpus != "digits" or board.loc["i2s_digit_accuracy", "verdict"] == "met"
