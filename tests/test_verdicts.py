"""The command `claims`: verdicts from the results in one folder, and its files."""
import csv
import io
import shutil

import pytest
from made_up import result
from on_disk import change, contents

from npgm import storage
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError
from npgm.experiments import __main__ as command_line
from npgm.experiments.claims import CLAIMS
from npgm.experiments.claims import claim as words
from npgm.experiments.output import results, verdicts
from npgm.experiments.studies import EXPERIMENTS


def by_name(rows):
    return {row["claim"]: row for row in rows}


def claims(out):
    """The exit status of the command."""
    return command_line.main(["claims", "--out", str(out)])


# Files


def test_the_committed_claims_are_written_again(committed, tmp_path, monkeypatch,
                                                capsys):
    """To the byte, in a folder of the same name."""
    folder = tmp_path / "figures" / "data"
    shutil.copytree(committed, folder)
    monkeypatch.chdir(tmp_path)
    assert claims("figures/data") == 0
    for name in ("claims.json", "claims.md", "claims.csv"):
        assert (folder / name).read_bytes() == (results.COMMITTED / name).read_bytes()
    printed = capsys.readouterr().out
    assert "7: REPRODUCED, FOR ANOTHER REASON" in printed
    assert "from:      fig1.json" in printed
    assert "written: figures/data/claims.json, .md, .csv" in printed


def test_it_prints_and_writes_and_trains_nothing(committed, capsys):
    before = contents(committed)
    assert claims(committed) == 0
    written = storage.read_json(committed / "claims.json")
    assert [row["claim"] for row in written["rows"]] == [
        claim.name for claim in CLAIMS]
    assert (committed / "claims.md").read_text().count("\n| ") == len(CLAIMS) + 2 * 3
    assert set(contents(committed)) == {*before, "claims.json", "claims.md",
                                        "claims.csv"}
    lines = list(csv.DictReader(io.StringIO((committed / "claims.csv").read_text())))
    for line, row, claim in zip(lines, written["rows"], CLAIMS, strict=True):
        assert line["claim"] == claim.name and line["verdict"] == row["verdict"]
        assert line["runs"].split() == row["runs"]
        assert line["files"].split() == row["files"]
    printed = capsys.readouterr().out
    assert all(f"{row['claim']}: {row['verdict'].upper()}\n" in printed
               for row in written["rows"])


def test_a_row_names_its_runs_and_files(committed):
    rows = by_name(verdicts.rows(committed))
    assert rows["4"]["files"] == [str(committed / "fig1.json")]
    hashes = {run.hash for run in EXPERIMENTS["fig1"].wanted(
        100_000, 3, MNIST_CHECKSUM)
        if run.hyperparameters["learning_rate"] in (0.001, 0.01)}
    assert len(rows["4"]["runs"]) == 6 and set(rows["4"]["runs"]) == hashes
    assert rows["9"]["files"] == [str(committed / f"{name}.json") for name in next(
        claim.needs for claim in CLAIMS if claim.name == "9")]


def test_a_table_for_each_kind_of_claim(committed):
    kinds = verdicts.kinds(verdicts.rows(committed))
    assert list(kinds) == [words.REPORTED, words.CONCLUDED, words.BEYOND]
    assert sum(map(len, kinds.values())) == len(CLAIMS)


# What is there


def test_results_of_two_folders_are_never_mixed(committed, tmp_path, monkeypatch,
                                                capsys, refused):
    """The committed ones stand in only for a default folder with none."""
    monkeypatch.setattr(results, "COMMITTED", committed)
    mine = tmp_path / "mine"
    with refused(DataError, f"no results in {mine}", f"--out {mine}"):
        verdicts.rows(mine)
    found = verdicts.rows(mine, or_committed=True)
    assert {row["verdict"] for row in found} > {words.YES}
    assert claims(mine) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not mine.exists()
    mine.mkdir()
    shutil.copy(committed / "fig3.json", mine)
    found = by_name(verdicts.rows(mine, or_committed=True))
    assert found["5"]["verdict"] == by_name(verdicts.rows(committed))["5"]["verdict"]
    assert found["2"]["verdict"] == words.UNKNOWN


def test_the_default_folder_alone_falls_back_on_the_committed(committed, tmp_path,
                                                              monkeypatch, capsys):
    monkeypatch.setattr(results, "COMMITTED", committed)
    monkeypatch.chdir(tmp_path)
    assert claims("results") == 0
    assert f"read: {committed / 'adversarial-training.json'}" in capsys.readouterr().out
    assert (tmp_path / "results" / "claims.json").exists()


def test_results_of_other_settings_leave_the_default_folder_to_the_committed(
        committed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "COMMITTED", committed)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    storage.write_json(tmp_path / "results" / "table2.json", result(
        EXPERIMENTS["table2"], data=MNIST_CHECKSUM))
    assert claims("results") == 0
    said = capsys.readouterr()
    assert "table2.json is of other settings" in said.err and said.err.count("\n") == 1
    assert f"read: {committed / 'adversarial-training.json'}" in said.out
    assert claims(tmp_path / "results") == 1        # what was asked for by name


def test_what_was_not_measured_says_how_to(committed):
    (committed / "fig3.json").unlink()
    found = by_name(verdicts.rows(committed))
    for name in ("5", "6", "9"):
        assert found[name]["verdict"] == words.UNKNOWN
        assert "python -m npgm.experiments fig3" in found[name]["why"]
        assert str(committed / "fig3.json") not in found[name]["files"]
    assert found["1"]["verdict"] != words.UNKNOWN


# What is refused


@pytest.mark.parametrize("damage", [
    {"stamp": "NOT COMPARABLE"}, {"experiment": "fig2"}, {"rows": []}, {"rows": 3},
    {"provenance": {}}, {"provenance": {"settings": {"steps": 300, "data": "x"},
                                        "runs": {}}}], ids=str)
def test_results_of_anything_else_are_refused(committed, damage, refused):
    change(committed / "fig1.json", lambda found: found.update(damage))
    with refused(DataError, committed / "fig1.json"):
        verdicts.rows(committed)


def test_results_of_another_version_are_told(committed, refused):
    change(committed / "fig1.json", lambda found: [
        row.pop("residual_zero") for row in found["rows"]])
    with refused(DataError, "fig1.json", "experiments fig1"):
        verdicts.rows(committed)


def test_kept_results_are_named(committed, refused):
    fig1 = EXPERIMENTS["fig1"]
    (committed / "fig1.json").rename(
        committed / "fig1-100000-updates-3-seeds-x.json")
    storage.write_json(committed / "fig1.json", result(fig1, data=MNIST_CHECKSUM))
    with refused(DataError, "fig1-100000-updates-3-seeds-x.json, rename"):
        verdicts.rows(committed)


def test_a_half_written_file_is_named(committed, capsys):
    path = committed / "fig3.json"
    path.write_text(path.read_text()[:1000])
    assert claims(committed) == 1
    error = capsys.readouterr().err
    assert "fig3.json" in error and error.count("\n") == 1
    assert not (committed / "claims.json").exists()


def test_a_folder_that_cannot_be_written_is_told(committed, monkeypatch, capsys,
                                                 tmp_path):
    monkeypatch.setattr(results, "COMMITTED", committed)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").write_text("precious")
    assert claims("results") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "it is a file" in error
    assert (tmp_path / "results").read_text() == "precious"
