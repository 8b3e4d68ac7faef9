"""Rows as Markdown, plain text and CSV."""
import csv
import io

import pytest

from npgm import tables
from npgm.experiments.rows import summary


def test_long_csv_has_one_line_a_row_and_seed():
    rows = [{"optimizer": "sgd", "runs": ["a", "b"], "error": summary([1.25, None]),
             "valid": summary([100, 99.5])},
            {"optimizer": "adam", "runs": ["c", "d"], "error": summary([1 / 3, 2]),
             "valid": summary([0, 1])}]
    text = tables.long_csv(rows, ["optimizer"], ["error", "valid"],
                           {"a": 0, "b": 7, "c": 0, "d": 7})
    assert list(csv.reader(io.StringIO(text))) == [
        ["optimizer", "seed", "error", "valid"],
        ["sgd", "0", "1.2500", "100.0000"], ["sgd", "7", "", "99.5000"],
        ["adam", "0", "0.3333", "0.0000"], ["adam", "7", "2.0000", "1.0000"]]


def test_plain_csv_quotes_what_needs_it():
    assert tables.plain_csv(["a", "b"], [[1, "x, y"], [None, "é"]]) == (
        'a,b\n1,"x, y"\n,é\n')


def test_tables_as_text():
    columns = [("name", lambda row: row[0]), ("value", lambda row: row[1])]
    rows = [("a", "1"), ("long", "10.5")]
    assert tables.markdown(columns, rows) == (
        "| name | value |\n| --- | --- |\n| a | 1 |\n| long | 10.5 |\n")
    assert tables.plain(columns, rows) == "name  value\na         1\nlong   10.5\n"


@pytest.mark.parametrize("seconds, text", [
    (1.4, "1 s"), (179, "179 s"), (300, "5 min"), (3600, "1 h 00 min"),
    (7500, "2 h 05 min")])
def test_duration(seconds, text):
    assert tables.duration(seconds) == text
