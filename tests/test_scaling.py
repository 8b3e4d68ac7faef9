"""How `all` scales: the arithmetic of list scheduling, and where its seconds are from.
"""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import scaling
from npgm import storage
from npgm.errors import DataError
from npgm.experiments.store.record import Record
from npgm.experiments.store.run import Run, folder_of
from npgm.optimizers import SGD, Adam

SECONDS = st.lists(st.floats(1, 1000), min_size=1, max_size=30)


@given(SECONDS, st.integers(1, 40))
def test_list_scheduling_is_between_its_bounds(seconds, workers):
    """Graham 1966: at least the longest and the mean, at most what is left of the mean
    and one more."""
    found, share = scaling.makespan(seconds, workers), sum(seconds) / workers
    least = max(max(seconds), share)
    assert found >= least * (1 - 1e-9)
    assert found <= (share + (1 - 1 / workers) * max(seconds)) * (1 + 1e-9)


@given(SECONDS)
def test_one_worker_takes_the_sum_and_enough_the_longest(seconds):
    assert scaling.makespan(seconds, 1) == pytest.approx(sum(seconds))
    assert scaling.makespan(seconds, len(seconds)) == max(seconds)


def test_runs_are_given_out_in_order():
    assert scaling.makespan([3, 3, 6], 2) == 9      # the longest last
    assert scaling.makespan([6, 3, 3], 2) == 6


@pytest.fixture
def folder(tmp_path):
    """write(run, seconds, status="done"): a record in a folder, which is returned."""
    def write(run, seconds, status="done"):
        place = folder_of(tmp_path, run)
        place.mkdir(parents=True)
        Record(run.configuration, status, wall_seconds=seconds, evaluations={
            str(run.steps): {}}).write(place / "record.json")
        return tmp_path
    return write


def of(optimizer, seed=0, **settings):
    return Run.of(optimizer, **{"seed": seed, "steps": 100, "data_checksum": "",
                                **settings})


DEFENDED = {"defence": {"name": "adversarial_training", "epsilon": 0.25, "mixing": 0.5}}


def test_seconds_are_of_the_run_or_of_the_nearest(folder):
    for seed, seconds in enumerate((10.0, 20.0, 60.0)):
        folder(of(Adam(), seed), seconds)
    folder(of(Adam(), **DEFENDED), 200.0)
    folder(of(SGD(), 1), 7.0, "training")           # not finished
    path = folder(of(Adam(), 5, steps=50), 1.0)     # another length
    found, told = scaling.run_seconds(path, [
        of(Adam(), 2), of(Adam(), 7), of(SGD()), of(SGD(), **DEFENDED)])
    assert found == [60, 20, 20, 200]
    assert told == {"known": 1, "same_settings": 1, "alike": 2}


def test_without_a_finished_run_nothing_is_computed(folder, tmp_path, refused):
    folder(of(Adam()), 3.0, "training")
    with refused(DataError, "no finished run of 100 updates"):
        scaling.run_seconds(tmp_path, [of(Adam())])


def test_the_table_says_what_is_measured_and_what_is_computed(folder, monkeypatch,
                                                              tmp_path):
    path = folder(of(Adam(), steps=100_000), 300.0)
    monkeypatch.setattr(scaling, "FOLDER", path)
    monkeypatch.setattr(scaling, "timed", lambda command, steps: {
        "1": 90.0, "2": 50.0}[command[-1]])
    result = scaling.run()
    one, two, *_, most = result["rows"].values()
    assert one["times_one"] == 1 and one["hours"] == pytest.approx(
        result["runs"] * 300 / 3600, rel=1e-3)
    assert two["measured_seconds"] == 50 and two["measured_times_one"] == 1.8
    assert most["hours"] >= result["longest_minutes"] / 60
    assert sum(result["found"].values()) == result["runs"]
    storage.write_json(tmp_path / "scaling.json", {
        **result, "machine": {"processor": "a CPU", "cores": 2}})
    text = scaling.write(tmp_path).read_text()
    assert "| 2 | " in text and " | 50 s | 1.8 |" in text and "a CPU, 2 cores" in text
    assert scaling.write(path / "runs") is None
