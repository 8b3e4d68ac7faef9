"""The work on one run: trained once, kept, measured, interrupted and resumed."""
import contextlib
import subprocess
import sys
from dataclasses import dataclass

import pytest
from commands import ROOT
from on_disk import assert_same_results, contents, record_of

from npgm import sources, storage
from npgm.data import load_dataset
from npgm.errors import DataError, Interrupted
from npgm.experiments.measures import outcomes
from npgm.experiments.store import worker
from npgm.experiments.store.record import progress_of
from npgm.experiments.store.run import folder_of
from npgm.network import MLP
from npgm.optimizers import SGD

NATURAL, FGS = outcomes.natural.measure, outcomes.fgs.measure
BOTH = (NATURAL, FGS)


@dataclass(frozen=True)
class Mine(SGD):
    """An optimizer of a user's own: half as fast."""

    def coefficients(self, t):
        return {"alpha": self.learning_rate / 2}


@pytest.fixture
def watched(monkeypatch):
    """watched(look): look at the trainer after every update of runs to come."""
    train = worker.train

    def watch_with(look):
        def training(*arguments, watch, **options):
            def watching(trainer):
                watch(trainer)
                look(trainer)
            return train(*arguments, watch=watching, **options)
        monkeypatch.setattr(worker, "train", training)
    return watch_with


def stop_at(step):
    """Interrupts a run after that update; None lets it end."""
    def look(trainer):
        if trainer.t == step:
            raise Interrupted("stop")
    return look


# One run


def test_a_run_leaves_networks_losses_and_a_record(make_run, data_folder, tmp_path):
    run = make_run(steps=320)
    worker.work(tmp_path, run, BOTH, data_folder)
    folder, record = folder_of(tmp_path, run), record_of(tmp_path, run)
    assert record["status"] == "done" and record["diverged_at"] is None
    assert record["configuration"] == run.configuration
    assert list(record["evaluations"]) == ["100", "300", "320"]
    assert record["wall_seconds"] > 0 and "versions" in record["provenance"]
    assert {path.name for path in folder.glob("*.npz")} == {
        "step-000100.npz", "step-000300.npz", "step-000320.npz", "losses.npz"}
    assert storage.read_arrays(folder / "losses.npz")["losses"].shape == (320,)
    assert not (folder / "progress.json").exists()


def test_what_is_recorded_is_what_the_stored_network_gives(make_run, data_folder,
                                                           tmp_path):
    run, data = make_run(), load_dataset(data_folder)
    worker.work(tmp_path, run, BOTH, data_folder)
    net = MLP.load(folder_of(tmp_path, run) / "step-000120.npz")
    assert record_of(tmp_path, run)["evaluations"]["120"] == {
        NATURAL: outcomes.natural(net, data), FGS: outcomes.fgs(net, data)}


def test_what_a_killed_process_was_writing_is_removed(make_run, data_folder, tmp_path):
    run = make_run()
    folder = folder_of(tmp_path, run)
    folder.mkdir(parents=True)
    (folder / f".record.json.x{storage.UNFINISHED}").write_text("{")
    worker.work(tmp_path, run, BOTH, data_folder)
    assert not list(folder.glob(f"*{storage.UNFINISHED}"))


def test_a_finished_run_is_not_touched(make_run, data_folder, tmp_path):
    run = make_run()
    worker.work(tmp_path, run, BOTH, data_folder)
    path = folder_of(tmp_path, run) / "record.json"
    before, written = contents(tmp_path), path.stat().st_mtime_ns
    worker.work(tmp_path, run, BOTH, data_folder)
    assert contents(tmp_path) == before and path.stat().st_mtime_ns == written


def test_an_optimizer_of_a_users_own_is_trained(make_run, data_folder, tmp_path):
    mine, half = make_run(Mine(0.02)), make_run(SGD(0.01))
    for run in (mine, half):
        worker.work(tmp_path, run, (), data_folder)
    assert mine.optimizer == "test_worker:Mine"
    a, b = (storage.read_arrays(folder_of(tmp_path, run) / "step-000120.npz")
            for run in (mine, half))
    assert all((a[name] == b[name]).all() for name in a)


# Measured later


def test_measures_are_added_without_training(make_run, data_folder, tmp_path,
                                             monkeypatch):
    once, later, run = tmp_path / "once", tmp_path / "later", make_run()
    worker.work(once, run, BOTH, data_folder)
    worker.work(later, run, (NATURAL,), data_folder)

    def forbidden(*args, **options):
        raise AssertionError("trained again")
    monkeypatch.setattr(worker, "train", forbidden)
    worker.work(later, run, BOTH, data_folder)
    assert (record_of(once, run)["evaluations"]
            == record_of(later, run)["evaluations"])


def test_measures_taken_later_note_the_sources_of_then(make_run, data_folder, tmp_path,
                                                       monkeypatch):
    run = make_run()
    monkeypatch.setattr(sources, "digest", lambda: "early")
    worker.work(tmp_path, run, (NATURAL,), data_folder)
    trained = record_of(tmp_path, run)
    assert trained["measured"] == {NATURAL: ["early"]}
    monkeypatch.setattr(sources, "digest", lambda: "late")
    worker.work(tmp_path, run, BOTH, data_folder)
    measured = record_of(tmp_path, run)
    assert measured["measured"] == {NATURAL: ["early"], FGS: ["late"]}
    for field in ("provenance", "wall_seconds", "status"):
        assert measured[field] == trained[field]
    assert measured["provenance"]["sources"] == "early"


def test_a_network_that_is_gone_is_named(make_run, data_folder, tmp_path, refused):
    run = make_run()
    worker.work(tmp_path, run, (), data_folder)
    path = folder_of(tmp_path, run) / "step-000100.npz"
    path.unlink()
    with refused(DataError, path, "gone", "the run again"):
        worker.work(tmp_path, run, (NATURAL,), data_folder)


# Interrupted


def test_an_interrupted_run_goes_on_to_the_same_bits(make_run, data_folder, tmp_path,
                                                     watched):
    once, twice, run = tmp_path / "once", tmp_path / "twice", make_run(steps=320)
    worker.work(once, run, BOTH, data_folder)
    watched(stop_at(150))
    with pytest.raises(Interrupted):
        worker.work(twice, run, BOTH, data_folder)
    assert record_of(twice, run)["status"] == "training"
    watched(stop_at(None))
    worker.work(twice, run, BOTH, data_folder)
    assert_same_results(once, twice)


def test_a_run_resumed_with_other_sources_keeps_the_earlier(make_run, data_folder,
                                                            tmp_path, watched,
                                                            monkeypatch):
    run = make_run(steps=320)
    for digest, stop in (("a", 150), ("b", 200), ("c", None)):
        monkeypatch.setattr(sources, "digest", lambda: digest)
        watched(stop_at(stop))
        with pytest.raises(Interrupted) if stop else contextlib.nullcontext():
            worker.work(tmp_path, run, (NATURAL,), data_folder)
    found = record_of(tmp_path, run)
    assert found["status"] == "done" and found["provenance"]["sources"] == "c"
    assert found["provenance"]["earlier_sources"] == ["a", "b"]


def test_progress_tells_the_step_and_the_newest_numbers(make_run, data_folder, tmp_path,
                                                        watched):
    run, seen = make_run(), {}
    watched(lambda trainer: seen.update(
        {trainer.t: progress_of(tmp_path, run)} if trainer.t in (1, 120) else {}))
    worker.work(tmp_path, run, BOTH, data_folder)
    taken = record_of(tmp_path, run)["evaluations"]["120"]
    newest = {**taken[NATURAL], **taken[FGS]}
    assert seen[1]["step"] == 1 and "natural_error" not in seen[1]
    assert seen[120]["step"] == 120
    assert {name: seen[120][name] for name in newest} == newest


# Refused


def test_a_record_of_other_settings_is_refused(make_run, data_folder, tmp_path,
                                               refused):
    run, other = make_run(), make_run(seed=1)
    worker.work(tmp_path, other, (NATURAL,), data_folder)
    folder = folder_of(tmp_path, run)
    folder_of(tmp_path, other).rename(folder)
    before = contents(tmp_path)
    with refused(DataError, folder / "record.json", "other settings"):
        worker.work(tmp_path, run, (NATURAL,), data_folder)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("content", [
    b'{"configuration": {', b"", b"[]", b"null", b'"text"', b'{"colour": 1}',
    b"\xff\xfe"])
def test_a_damaged_record_is_left_as_it_is(content, make_run, data_folder, tmp_path,
                                           refused):
    run = make_run()
    path = folder_of(tmp_path, run) / "record.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with refused(DataError, path):
        worker.work(tmp_path, run, (NATURAL,), data_folder)
    assert path.read_bytes() == content


@pytest.mark.parametrize("field, value", [
    ("evaluations", 5), ("evaluations", {"120": 5}), ("status", "asleep")])
def test_a_record_with_a_meaningless_field_is_left_as_it_is(
        field, value, make_run, data_folder, tmp_path, refused):
    run = make_run()
    path = folder_of(tmp_path, run) / "record.json"
    path.parent.mkdir(parents=True)
    storage.write_json(path, {"configuration": run.configuration, field: value})
    before = path.read_bytes()
    with refused(DataError, path):
        worker.work(tmp_path, run, (NATURAL,), data_folder)
    assert path.read_bytes() == before


def test_data_of_another_checksum_are_refused(make_run, write_idx_folder, tmp_path,
                                              refused):
    """A record says what it was trained on: that has to be true."""
    run, other = make_run(), write_idx_folder("other", train=66)
    with refused(DataError, other, "has changed"):
        worker.work(tmp_path / "out", run, (NATURAL,), other)


# Locks

HOLD = """
import sys
from pathlib import Path
from npgm.experiments.store import worker
with worker.lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_do_not_share_a_run(tmp_path, refused):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], text=True,
                          cwd=ROOT, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == "held\n"
        with (refused(DataError, tmp_path, "another process"),
              worker.lock(tmp_path, patience=0.1)):
            pass
        holder.kill()
    with worker.lock(tmp_path, patience=0.1):   # a killed process holds nothing
        pass


def test_what_a_lost_record_knew_is_measured_again(make_run, data_folder, tmp_path):
    """As the message of a damaged one advises: move it away, run again."""
    run = make_run(steps=320)
    worker.work(tmp_path, run, BOTH, data_folder)
    path = folder_of(tmp_path, run) / "record.json"
    before = record_of(tmp_path, run)["evaluations"]
    path.unlink()
    worker.work(tmp_path, run, BOTH, data_folder)
    assert record_of(tmp_path, run)["evaluations"] == before
    assert list(before) == ["100", "300", "320"]


def test_forget_deletes_these_runs_only(make_run, data_folder, tmp_path):
    gone, kept = make_run(), make_run(seed=1)
    for run in (gone, kept):
        worker.work(tmp_path, run, (NATURAL,), data_folder)
    worker.forget(tmp_path, [gone])
    assert [path.name for path in folder_of(tmp_path, gone).iterdir()] == ["lock"]
    assert record_of(tmp_path, kept)["status"] == "done"
