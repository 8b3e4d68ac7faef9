"""Rows of results: summed up over seeds, in words, chosen."""
import math

import pytest

from npgm.experiments import rows
from npgm.experiments.rows import summary

# test_claims has rank_correlation


def test_summary_of_seeds():
    assert summary([1, 2, 6]) == {
        "mean": 3.0, "std": pytest.approx(7 ** 0.5), "values": [1, 2, 6]}
    assert summary([1.5]) == {"mean": 1.5, "std": None, "values": [1.5]}


def test_summary_leaves_diverged_runs_out_of_the_mean():
    assert summary([1, None, 3]) == {
        "mean": 2.0, "std": pytest.approx(2 ** 0.5), "values": [1, None, 3]}
    assert summary([None]) == {"mean": None, "std": None, "values": [None]}


@pytest.mark.parametrize("value, digits, text", [
    (None, 2, "-"), (1.526, 2, "1.53"), (99.96, 1, "100.0"),
    (summary([1.5]), 2, "1.50"), (summary([1, 2]), 2, "1.50 ± 0.71"),
    (summary([None, None]), 2, "diverged"),
    (summary([1, 2, None]), 1, "1.5 ± 0.7 (1 diverged)")])
def test_a_value_in_words(value, digits, text):
    assert rows.text(value, digits) == text


ROWS = [{"rate": 0.1, "step": 100, "error": summary([4, None, 6])},
        {"rate": 0.1, "step": 300, "error": summary([None, None])},
        {"rate": 0.2, "step": 300, "error": summary([1, 2])}]


def test_rows_are_chosen_by_their_values():
    assert rows.select(ROWS, rate=0.1) == ROWS[:2]
    assert rows.select(ROWS, rate=0.1, step=300) == [ROWS[1]]
    assert rows.select(ROWS, rate=0.3) == []
    assert rows.last(ROWS) == ROWS[1:]
    assert rows.last(ROWS, rate=0.2) == [ROWS[2]]


def test_what_is_known_of_a_quantity():
    assert [rows.known(row, "error") for row in ROWS] == [[4, 6], [], [1, 2]]
    assert rows.mean(ROWS[0], "error") == 5 and math.isnan(rows.mean(ROWS[1], "error"))
    means, lowest, highest = rows.spans(ROWS, "error")
    assert means[::2] == (5, 1.5) and lowest[::2] == (4, 1) and highest[::2] == (6, 2)
    assert all(math.isnan(part[1]) for part in (means, lowest, highest))
    assert rows.spans([], "error") == [(), (), ()]


def test_differences_of_errors():
    row = {"natural_error": summary([9, 10]), "train_error": summary([2, 4]),
           "frs_error": summary([5])}
    assert rows.learns(row) and rows.gap(row) == 6.5 and rows.frs_excess(row) == 2
    assert not rows.learns({"natural_error": summary([10])})
    assert not rows.learns({"natural_error": summary([None])})


@pytest.mark.parametrize("values", [[1.5, 2], [1, None], [None], [3]], ids=str)
def test_a_summary_is_known_as_one(values):
    assert rows.is_summary(summary(values), len(values))
    assert not rows.is_summary(summary(values), len(values) + 1)


@pytest.mark.parametrize("change", [
    {"values": ["1"]}, {"values": [True]}, {"values": [[1]]}, {"mean": "1"},
    {"std": {}}], ids=str)
def test_what_is_no_number_is_no_summary(change):
    assert not rows.is_summary({**summary([1]), **change}, 1)
