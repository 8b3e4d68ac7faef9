"""Runs and their records, the scheduler, and the tables made of them."""
import concurrent.futures as futures
import csv
import io
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from npgm import storage
from npgm.data import MNIST_CHECKSUM, load_dataset
from npgm.errors import DataError, Interrupted, NpgmError
from npgm.experiments import (figures, measures, protocol, runs, scheduler, table2,
                              tables)
from npgm.experiments.runs import Run, folder_of
from npgm.network import MLP
from npgm.optimizers import SGD, Adam

ROOT = Path(__file__).parents[1]
NATURAL, FGS = measures.NATURAL, measures.FGS
BOTH = (NATURAL, FGS)


@pytest.fixture
def data_folder(write_idx_folder):
    return write_idx_folder()


@pytest.fixture
def make_run(data_folder):
    """A small run on data_folder: make_run(optimizer, **settings)."""
    checksum = load_dataset(data_folder).checksum

    def make(optimizer=SGD(), name="sgd", **settings):
        settings = {"seed": 0, "steps": 120, "hidden": (8,), "batch_size": 10,
                    "data_checksum": checksum, **settings}
        return Run.of(name, optimizer, **settings)
    return make


def complete(out, wanted, measured, data_folder):
    """scheduler.complete within this process, one run after the other."""
    with futures.ThreadPoolExecutor(1) as executor:
        scheduler.complete(out, [(run, measured) for run in wanted], data_folder,
                           executor=executor)


def record_of(out, run):
    return storage.read_json(folder_of(out, run) / "record.json")


def contents(folder):
    """{path: bytes} of the files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def assert_one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message


# Configurations

RUN = Run("sgd", {"learning_rate": 0.01}, seed=0, steps=100, data_checksum="abc")


@pytest.mark.parametrize("change", [
    {"optimizer": "momentum"}, {"hyperparameters": {"learning_rate": 0.011}},
    {"hyperparameters": {"learning_rate": 0.01, "momentum": 0.9}}, {"seed": 1},
    {"steps": 101}, {"data_checksum": "abd"}, {"hidden": (600,)},
    {"batch_size": 124}, {"scheme": "he"}, {"dtype": "float64"},
    {"defence": {"name": "adversarial_training", "epsilon": 0.25}}], ids=str)
def test_the_hash_depends_on_every_field(change):
    assert replace(RUN, **change).hash != RUN.hash


def test_runs_without_a_defence_keep_their_hash():
    """Those stored before there were defences are found again."""
    assert "defence" not in RUN.configuration
    assert RUN.hash == "65f580cea0065dec"


def test_every_field_is_tried():
    """The test above has to grow with Run."""
    mark = test_the_hash_depends_on_every_field.pytestmark[0]
    assert {name for change in mark.args[1] for name in change} == set(asdict(RUN))


def test_the_hash_is_the_same_in_another_process():
    script = ("from npgm.experiments.runs import Run; print(Run('sgd', "
              "{'learning_rate': 0.01}, seed=0, steps=100, data_checksum='abc').hash)")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True,
                          capture_output=True, check=True)
    assert done.stdout.strip() == RUN.hash


def test_the_configuration_survives_json():
    assert json.loads(json.dumps(RUN.configuration)) == RUN.configuration
    assert Run(**RUN.configuration).hash == RUN.hash


# One run

def test_a_run_leaves_networks_losses_and_a_record(make_run, data_folder, tmp_path):
    run = make_run(steps=320)
    runs.work(tmp_path, run, BOTH, data_folder)
    folder, record = folder_of(tmp_path, run), record_of(tmp_path, run)
    assert record["status"] == "done" and record["diverged_at"] is None
    assert record["configuration"] == run.configuration
    assert list(record["evaluations"]) == ["100", "300", "320"]
    assert record["wall_seconds"] > 0 and "versions" in record["provenance"]
    assert {path.name for path in folder.glob("*.npz")} == {
        "step-000100.npz", "step-000300.npz", "step-000320.npz", "losses.npz"}
    assert storage.read_arrays(folder / "losses.npz")["losses"].shape == (320,)


def test_what_is_recorded_is_what_the_stored_network_gives(make_run, data_folder,
                                                           tmp_path):
    run, data = make_run(), load_dataset(data_folder)
    runs.work(tmp_path, run, BOTH, data_folder)
    net = MLP.load(folder_of(tmp_path, run) / "step-000120.npz")
    assert record_of(tmp_path, run)["evaluations"]["120"] == {
        NATURAL: measures.natural(net, data), FGS: measures.fgs(net, data)}


def test_what_a_killed_process_was_writing_is_removed(make_run, data_folder, tmp_path):
    run = make_run()
    folder = folder_of(tmp_path, run)
    folder.mkdir(parents=True)
    (folder / f".record.json.x{storage.UNFINISHED}").write_text("{")
    runs.work(tmp_path, run, BOTH, data_folder)
    assert not list(folder.glob(f"*{storage.UNFINISHED}"))


def test_a_finished_run_is_not_touched(make_run, data_folder, tmp_path):
    run = make_run()
    runs.work(tmp_path, run, BOTH, data_folder)
    path = folder_of(tmp_path, run) / "record.json"
    before, written = contents(tmp_path), path.stat().st_mtime_ns
    runs.work(tmp_path, run, BOTH, data_folder)
    assert contents(tmp_path) == before and path.stat().st_mtime_ns == written


def test_measures_are_added_without_training(make_run, data_folder, tmp_path,
                                             monkeypatch):
    once, later, run = tmp_path / "once", tmp_path / "later", make_run()
    runs.work(once, run, BOTH, data_folder)
    runs.work(later, run, ("natural",), data_folder)

    def forbidden(*args, **options):
        raise AssertionError("trained again")
    monkeypatch.setattr("npgm.training.train", forbidden)
    runs.work(later, run, BOTH, data_folder)
    assert (record_of(once, run)["evaluations"]
            == record_of(later, run)["evaluations"])


def test_an_interrupted_run_goes_on_to_the_same_bits(make_run, data_folder, tmp_path,
                                                     monkeypatch):
    once, twice, run = tmp_path / "once", tmp_path / "twice", make_run(steps=320)
    runs.work(once, run, BOTH, data_folder)

    def stop(self, step, losses):
        if step == 150:
            raise Interrupted("stop")
    with monkeypatch.context() as patch:
        patch.setattr(runs._Progress, "__call__", stop)
        with pytest.raises(Interrupted):
            runs.work(twice, run, BOTH, data_folder)
    assert record_of(twice, run)["status"] == "training"
    runs.work(twice, run, BOTH, data_folder)
    assert_same_results(once, twice)


def assert_same_results(one, other):
    """The same runs, networks, losses and measurements, bit for bit."""
    mine, theirs = contents(one / "runs"), contents(other / "runs")
    assert mine.keys() == theirs.keys()
    assert any("step-" in name for name in mine)
    for name in mine:
        if name.endswith("record.json"):
            records = json.loads(mine[name]), json.loads(theirs[name])
            assert records[0]["evaluations"] == records[1]["evaluations"]
        elif name.endswith(".npz"):
            a = storage.read_arrays(one / "runs" / name)
            b = storage.read_arrays(other / "runs" / name)
            assert ({key: value.tobytes() for key, value in a.items()}
                    == {key: value.tobytes() for key, value in b.items()}), name


def test_a_record_of_other_settings_is_refused(make_run, data_folder, tmp_path):
    run, other = make_run(), make_run(seed=1)
    runs.work(tmp_path, other, ("natural",), data_folder)
    folder = folder_of(tmp_path, run)
    folder_of(tmp_path, other).rename(folder)
    before = contents(tmp_path)
    with pytest.raises(DataError) as error:
        runs.work(tmp_path, run, ("natural",), data_folder)
    assert_one_line(error, folder / "record.json", "other settings")
    assert {**before, **contents(tmp_path)} == before


@pytest.mark.parametrize("content", [
    '{"configuration": {', "", "[]", "null", '"text"', '{"colour": 1}', "\xff\xfe"])
def test_a_damaged_record_is_refused(content, make_run, data_folder, tmp_path):
    run = make_run()
    path = folder_of(tmp_path, run) / "record.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError) as error:
        runs.work(tmp_path, run, ("natural",), data_folder)
    assert_one_line(error, path)
    assert path.read_bytes() == content.encode("latin-1")


@pytest.mark.parametrize("field, value", [
    ("evaluations", 5), ("evaluations", {"120": 5}), ("status", "asleep")])
def test_a_record_with_a_meaningless_field_is_refused(field, value, make_run,
                                                      data_folder, tmp_path):
    run = make_run()
    path = folder_of(tmp_path, run) / "record.json"
    path.parent.mkdir(parents=True)
    storage.write_json(path, {"configuration": run.configuration, field: value})
    before = path.read_bytes()
    with pytest.raises(DataError) as error:
        runs.work(tmp_path, run, ("natural",), data_folder)
    assert_one_line(error, path)
    assert path.read_bytes() == before


def test_data_of_another_checksum_are_refused(make_run, write_idx_folder, tmp_path):
    """A record says what it was trained on: that has to be true."""
    run, other = make_run(), write_idx_folder("other", train=66)
    with pytest.raises(NpgmError):
        runs.work(tmp_path / "out", run, ("natural",), other)


HOLD = """
import sys
from pathlib import Path
from npgm.experiments import runs
with runs._lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_do_not_share_a_run(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], text=True,
                          cwd=ROOT, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataError) as error, runs._lock(tmp_path, patience=0.1):
            pass
        assert_one_line(error, tmp_path, "another process")
        holder.kill()
    with runs._lock(tmp_path, patience=0.1):    # a killed process holds nothing
        pass


def test_forget_deletes_these_runs_only(make_run, data_folder, tmp_path):
    gone, kept = make_run(), make_run(seed=1)
    for run in (gone, kept):
        runs.work(tmp_path, run, ("natural",), data_folder)
    runs.forget(tmp_path, [gone])
    assert not folder_of(tmp_path, gone).exists()
    assert record_of(tmp_path, kept)["status"] == "done"


def test_records_of_wants_finished_runs(make_run, tmp_path):
    with pytest.raises(DataError) as error:
        runs.records_of(tmp_path, [make_run()])
    assert_one_line(error, "record.json", "not finished")


# Many runs

def diverging(make_run):
    return make_run(SGD(learning_rate=1e30))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverging_run_does_not_stop_the_others(make_run, data_folder, tmp_path):
    wanted = [diverging(make_run), make_run(Adam(), "adam")]
    complete(tmp_path, wanted, BOTH, data_folder)
    lost, done = runs.records_of(tmp_path, wanted)
    assert lost.status == "diverged" and 1 < lost.diverged_at < 120
    assert lost.at(120, "natural", "natural_error") is None
    assert done.status == "done"
    assert 0 <= done.at(120, "natural", "natural_error") <= 100


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_row_says_so(make_run, data_folder, tmp_path):
    wanted = [diverging(make_run), make_run(Adam(), "adam")]
    complete(tmp_path, wanted, BOTH, data_folder)
    rows = table2.rows(wanted, runs.records_of(tmp_path, wanted))
    assert rows[0]["natural_error"] == {"mean": None, "std": None, "values": [None]}
    assert rows[0]["diverged_at"][0] > 1 and rows[1]["diverged_at"] == [None]
    line = tables.markdown(table2.COLUMNS, rows).splitlines()[2]
    assert line.startswith("| sgd | diverged |")
    tables.write_all(tmp_path, "table2", {"rows": rows, "stamp": ""}, "", table2.csv(
        rows), table2.draw)
    assert "NaN" not in (tmp_path / "table2.json").read_text()
    assert storage.read_json(tmp_path / "table2.json")["rows"] == rows
    assert (tmp_path / "table2.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_failing_run_does_not_stop_the_others(make_run, data_folder, tmp_path,
                                                capsys):
    failing, fine = make_run(batch_size=10_000), make_run()
    with pytest.raises(NpgmError, match="1 of 2 runs failed"):
        complete(tmp_path, [failing, fine], ("natural",), data_folder)
    assert record_of(tmp_path, fine)["status"] == "done"
    assert "sgd 0.01 seed 0, failed: batch_size is 10000" in capsys.readouterr().err


@pytest.mark.parametrize("measured", [(NATURAL,), (FGS,), BOTH, ()], ids=str)
def test_any_measures_can_be_watched(measured, make_run, data_folder, tmp_path):
    """The progress bar shows what there is, while a run is going on too."""
    run = make_run()
    complete(tmp_path, [run], measured, data_folder)
    taken = record_of(tmp_path, run)["evaluations"]["120"]
    assert set(taken) == set(measured)
    newest = {name: value for numbers in taken.values()
              for name, value in numbers.items()}
    storage.write_json(folder_of(tmp_path, run) / "progress.json",
                       {"step": 60, **newest})
    complete(tmp_path, [run], measured, data_folder)


@pytest.mark.parametrize("content", ["[]", "5", "{}", '{"status": 1'])
def test_progress_survives_damaged_files(content, make_run, tmp_path):
    """The worker reports them; the bar must not be what fails."""
    run = make_run()
    folder_of(tmp_path, run).mkdir(parents=True)
    for name in ("progress.json", "record.json"):
        storage.write_text(folder_of(tmp_path, run) / name, content)
    assert runs.progress_of(tmp_path, run)["step"] == 0


@pytest.mark.slow
def test_one_process_or_two_give_the_same_bits(make_run, data_folder, tmp_path):
    wanted = [make_run(protocol.OPTIMIZERS[name], name, seed=seed)
              for name in protocol.OPTIMIZERS for seed in (0, 1)]
    for jobs in (1, 2):
        scheduler.complete(tmp_path / str(jobs), [(run, BOTH) for run in wanted],
                           data_folder, jobs)
    assert_same_results(tmp_path / "1", tmp_path / "2")
    rows = [table2.rows(wanted[:4], runs.records_of(tmp_path / jobs, wanted[:4]))
            for jobs in "12"]
    assert rows[0] == rows[1]


# Tables

def test_summary_of_seeds():
    assert tables.summary([1, 2, 6]) == {
        "mean": 3.0, "std": pytest.approx(7 ** 0.5), "values": [1, 2, 6]}
    assert tables.summary([1.5]) == {"mean": 1.5, "std": None, "values": [1.5]}


def test_summary_leaves_diverged_runs_out_of_the_mean():
    assert tables.summary([1, None, 3]) == {
        "mean": 2.0, "std": pytest.approx(2 ** 0.5), "values": [1, None, 3]}
    assert tables.summary([None]) == {"mean": None, "std": None, "values": [None]}


@pytest.mark.parametrize("value, digits, text", [
    (None, 2, "-"), (1.526, 2, "1.53"), (99.96, 1, "100.0"),
    (tables.summary([1.5]), 2, "1.50"), (tables.summary([1, 2]), 2, "1.50 ± 0.71"),
    (tables.summary([None, None]), 2, "diverged"),
    (tables.summary([1, 2, None]), 1, "1.5 ± 0.7 (1 diverged)")])
def test_percent(value, digits, text):
    assert tables.percent(value, digits) == text


def test_long_csv_has_one_line_a_row_and_seed():
    rows = [{"optimizer": "sgd", "error": tables.summary([1.25, None]),
             "valid": tables.summary([100, 99.5])},
            {"optimizer": "adam", "error": tables.summary([1 / 3, 2]),
             "valid": tables.summary([0, 1])}]
    text = tables.long_csv(rows, ["optimizer"], ["error", "valid"])
    assert list(csv.reader(io.StringIO(text))) == [
        ["optimizer", "seed", "error", "valid"],
        ["sgd", "0", "1.2500", "100.0000"], ["sgd", "1", "", "99.5000"],
        ["adam", "0", "0.3333", "0.0000"], ["adam", "1", "2.0000", "1.0000"]]


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


@pytest.mark.parametrize("checksum, paper", [
    (MNIST_CHECKSUM, {"natural_error": 1.68, "fgs_error": 90.4}),
    ("abc", {"natural_error": None, "fgs_error": None})])
def test_the_papers_numbers_stand_beside_mnist_only(checksum, paper):
    wanted = table2.wanted(50, 1, checksum)
    rows = table2.rows(wanted, [runs.Record(run.configuration) for run in wanted])
    assert rows[3]["optimizer"] == "adam" and rows[3]["paper"] == paper


def test_results_of_other_settings_are_kept(tmp_path):
    def write(steps):
        settings = {"steps": steps, "seeds": 1, "data": "0123456789"}
        return tables.write_all(tmp_path, "t", {
            "provenance": {"settings": settings}}, f"{steps}", "", lambda result:
            figures.new(1)[0])
    assert write(10) is None and write(10) is None
    kept = write(20)
    assert kept.with_suffix(".md").read_text() == "10"
    assert (tmp_path / "t.md").read_text() == "20"
    assert kept.with_suffix(".png").exists() and len(list(tmp_path.iterdir())) == 8


def test_table2_wants_whole_seeds_first():
    wanted = table2.wanted(50, 2, "abc")
    assert [(run.seed, run.optimizer) for run in wanted] == [
        (seed, name) for seed in (0, 1)
        for name in ("sgd", "momentum", "adagrad", "adam")]
    assert {(run.steps, run.data_checksum) for run in wanted} == {(50, "abc")}
