"""Results: written, kept, found, read back, and refused."""
from dataclasses import replace

import pytest
from made_up import COMMITTED, result
from on_disk import change, contents

from npgm import plots, storage
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError
from npgm.experiments.output import results
from npgm.experiments.studies import EXPERIMENTS

TABLE2 = replace(EXPERIMENTS["table2"], draw=lambda result: plots.new(
    1, width=2, height=1)[0])
OTHER = "0123456789"


# Written


@pytest.mark.parametrize("steps, checksum, stamp", [
    (100_000, MNIST_CHECKSUM, ""),
    (3_000, MNIST_CHECKSUM, "NOT COMPARABLE with the paper: 3,000 updates instead of "
     "100,000"),
    (100_000, OTHER, "NOT COMPARABLE with the paper: data from there"),
    (10, OTHER, "NOT COMPARABLE with the paper: 10 updates instead of 100,000, data "
     "from there")])
def test_what_is_not_the_papers_protocol_is_stamped(steps, checksum, stamp):
    assert results.stamp(steps, checksum, "there") == stamp


@pytest.mark.parametrize("stamp, seeds, notes", [
    ("", 1, ["1 seed, 3,000 updates; errors in percent; 2 h 05 min of training, summed "
             "over the runs."]),
    ("STAMP", 2, ["STAMP", "2 seeds, 3,000 updates; errors in percent, mean ± standard "
                  "deviation; 2 h 05 min of training, summed over the runs."])])
def test_what_is_said_below_a_table(stamp, seeds, notes):
    settings = {"seeds": seeds, "steps": 3000}
    assert results.notes({"stamp": stamp, "provenance": {
        "settings": settings, "training_seconds": 7500}}) == notes


def test_results_of_other_settings_are_kept(tmp_path):
    def write(steps):
        return results.write(tmp_path, TABLE2, result(TABLE2, steps, data=OTHER))
    assert write(10) is None and write(10) is None
    before = contents(tmp_path)
    kept = write(20)
    assert kept == tmp_path / "table2-10-updates-3-seeds-01234567"
    for suffix in ("json", "md", "csv", "png"):
        assert kept.with_suffix(f".{suffix}").read_bytes() == before[f"table2.{suffix}"]
    assert "3 seeds, 10 updates" in kept.with_suffix(".md").read_text()
    assert "3 seeds, 20 updates" in (tmp_path / "table2.md").read_text()
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.parametrize("content", ["{", "[]", '{"provenance": 5}', "{}",
                                     '{"provenance": {"settings": {"steps": 1}}}'])
def test_what_is_no_result_is_kept_too(content, tmp_path):
    for number in (1, 2):
        (tmp_path / "table2.json").write_text(content)
        kept = results.write(tmp_path, TABLE2, result(TABLE2))
        assert kept == tmp_path / f"table2-kept-{number}"
        assert kept.with_suffix(".json").read_text() == content
    assert results.read(TABLE2, tmp_path / "table2.json") == result(TABLE2)


def test_the_stamp_stands_in_the_files(tmp_path):
    results.write(tmp_path, TABLE2, result(TABLE2))
    stamp = "NOT COMPARABLE with the paper: 300 updates instead of 100,000"
    assert stamp in (tmp_path / "table2.md").read_text()
    assert stamp in storage.read_json(tmp_path / "table2.json")["stamp"]
    stamped = (tmp_path / "table2.png").read_bytes()
    results.write(tmp_path, TABLE2, {**result(TABLE2), "stamp": ""})
    assert (tmp_path / "table2.png").read_bytes() != stamped


# Found


def test_results_are_found_in_one_folder(committed, tmp_path, monkeypatch, refused):
    """The committed ones stand in only for a default folder with none."""
    monkeypatch.setattr(results, "COMMITTED", committed)
    mine = tmp_path / "mine"
    with refused(DataError, f"no results in {mine}", f"experiments fig1 --out {mine}"):
        results.find(("fig1", "fig2"), mine)
    assert results.find(("fig1", "fig2"), mine, or_committed=True) == {
        name: committed / f"{name}.json" for name in ("fig1", "fig2")}
    mine.mkdir()
    (committed / "fig2.json").rename(mine / "fig2.json")
    for or_committed in (False, True):
        assert results.find(("fig1", "fig2"), mine, or_committed) == {
            "fig2": mine / "fig2.json"}


# Read back


def test_the_committed_results_are_of_the_papers_protocol(committed):
    for name, experiment in COMMITTED.items():
        path = committed / f"{name}.json"
        assert results.load(experiment, path) == storage.read_json(path)


def test_results_of_another_version_are_told(committed, refused):
    path = committed / "fig1.json"
    change(path, lambda found: [row.pop("residual_zero") for row in found["rows"]])
    with refused(DataError, path, f"move it away, then python -m npgm.experiments fig1 "
                 f"--out {committed}"):
        results.read(EXPERIMENTS["fig1"], path)


def test_a_half_written_file_is_named(committed, refused):
    path = committed / "fig3.json"
    path.write_text(path.read_text()[:1000])
    with refused(DataError, path, "cannot be read"):
        results.read(EXPERIMENTS["fig3"], path)


@pytest.mark.parametrize("settings, told", [
    ({"data": MNIST_CHECKSUM}, "300 updates"), ({"steps": 100_000}, "other settings")])
def test_results_of_other_settings_are_read_but_not_judged(settings, told, tmp_path,
                                                           refused):
    path = tmp_path / "table2.json"
    storage.write_json(path, result(TABLE2, **settings))
    assert results.read(TABLE2, path)
    with refused(DataError, path, told, "choose another --out", "experiments table2"):
        results.load(TABLE2, path)


def test_a_stamp_alone_is_enough(committed, refused):
    path = committed / "table2.json"
    change(path, lambda found: found.update(stamp="NOT COMPARABLE"))
    assert results.read(TABLE2, path)["stamp"] == "NOT COMPARABLE"
    with refused(DataError, path, "of other settings"):
        results.load(TABLE2, path)


def test_kept_results_are_named(tmp_path, refused):
    for steps in (100_000, 300):
        results.write(tmp_path, TABLE2, result(TABLE2, steps, data=MNIST_CHECKSUM))
    with refused(DataError, "table2-100000-updates-3-seeds-c6558067.json, rename"):
        results.load(TABLE2, tmp_path / "table2.json")
