"""sweep and train as a user gives them, and the same from Python."""
import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from commands import ROOT, assert_refused, command, run

import npgm
from npgm import plots
from npgm.errors import DataError, InputError
from npgm.experiments import __main__ as command_line
from npgm.experiments import estimate
from npgm.experiments.store.run import Run, folder_of

slow = pytest.mark.slow
SMALL = ("--hidden", "20", "--batch-size", 20, "--steps", 150, "--jobs", 2)


def here(*arguments):
    """The exit status of a command that starts no workers."""
    try:
        return command_line.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


@pytest.fixture
def swept(shared_sweep, data, tmp_path_factory):
    """(folder, what was said) of a small sweep, made once."""
    if not shared_sweep:
        shared_sweep.append(make(data, tmp_path_factory.mktemp("swept")))
    return shared_sweep[0]


@pytest.fixture(scope="module")
def shared_sweep():
    return []


def make(data, out):
    done = run("sweep", "--data", data, "--out", out, *SMALL, "--optimizer",
               "rmsprop,adam", "--set", "decay=0.9,0.99", "--learning-rates",
               "0.001,0.01", "--seeds", "1-2", "--epsilons", "0.1,0.25",
               "--measures", "fgs,activity,pgd:loss=log_odds,deepfool")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@slow
def test_a_sweep_says_what_comes_and_writes_its_files(swept):
    out, said = swept
    assert said.startswith("12 runs, 12 to be trained, about ")
    result = json.loads((out / "sweep.json").read_text())
    assert len(result["rows"]) == 12 and result["stamp"] == ""
    row = result["rows"][0]
    assert (row["optimizer"], row["learning_rate"], row["decay"], row["epsilon"]) == (
        "rmsprop", 0.001, 0.9, 0.1)
    for name in ("natural_error", "fgs_error", "fgs_error_repaired", "valid_fgs",
                 "active_hidden", "pgd:loss=log_odds_error", "deepfool_error"):
        assert len(row[name]["values"]) == 2 and 0 <= row[name]["mean"] <= 100
    assert row["deepfool_l2"]["mean"] > 0
    lines = list(csv.DictReader(io.StringIO((out / "sweep.csv").read_text())))
    assert len(lines) == 24 and {line["seed"] for line in lines} == {"1", "2"}
    assert (out / "sweep.png").read_bytes()[:4] == b"\x89PNG"


@slow
def test_nothing_is_trained_twice_and_results_of_others_are_kept(swept, data):
    out, _ = swept
    before = {path: path.stat().st_mtime_ns for path in out.rglob("step-*.npz")}
    again = run("sweep", "--data", data, "--out", out, *SMALL, "--optimizer", "adam",
                "--learning-rates", "0.001,0.01", "--seeds", "1-2")
    assert again.returncode == 0, again.stderr
    assert "4 runs, 0 to be trained" in again.stdout and "kept: " in again.stdout
    assert len(list(out.glob("sweep-*.json"))) == 1
    assert {path: path.stat().st_mtime_ns
            for path in out.rglob("step-*.npz")} == before


@slow
def test_an_outcome_in_python(swept, tmp_path):
    path = next(swept[0].glob("sweep-*.json"), swept[0] / "sweep.json")
    outcome = npgm.experiments.load(path)
    records, array = outcome.records, outcome.array()
    assert len(records) == len(array) == 24
    assert array["fgs_error"].dtype == "float64"
    assert list(array["optimizer"][:2]) == ["rmsprop", "rmsprop"]
    assert np.isnan(array["decay"][-1])
    net = outcome.network(seed=2, optimizer="adam", learning_rate=0.01)
    record, = [line for line in records if line["optimizer"] == "adam" and line["seed"]
               == 2 and line["learning_rate"] == 0.01 and line["epsilon"] == 0.1]
    assert net.sizes == (16, 20, 3) and record["natural_error"] >= 0
    assert plots.png(outcome.figure())[:4] == b"\x89PNG"
    with pytest.raises(InputError, match="is it 'learning_rate'"):
        outcome.network(learning_rates=0.01)
    with pytest.raises(InputError, match="2 runs fit"):
        outcome.network(seed=2, optimizer="adam")
    spoilt = json.loads(path.read_text())
    spoilt["rows"].pop()
    (tmp_path / "sweep.json").write_text(json.dumps(spoilt))
    with pytest.raises(DataError, match="not what this version"):
        npgm.experiments.load(tmp_path / "sweep.json")


@slow
def test_a_training_from_python_and_on_the_command_line_are_one(data, tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "import npgm\n"
        "if __name__ == '__main__':\n"
        "    found = npgm.experiments.run('train', hidden=20, batch_size=20, steps=150,"
        f" data={str(data)!r}, out='out', jobs=1, save='net.npz', measures='train,pgd')"
        "\n    assert [line['step'] for line in found.records] == [100, 150]\n"
        "    assert found.records[0]['pgd_error'] is None\n"
        "    assert found.records[1]['pgd_error'] >= 0\n")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, text=True, env={
        **__import__("os").environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == 0, done.stderr
    again = subprocess.run(command(
        "train", "--data", data, "--out", tmp_path / "out", *SMALL, "--measures",
        "train,pgd"), cwd=ROOT, text=True, capture_output=True)
    assert "1 run, 0 to be trained" in again.stdout
    assert "kept: " not in again.stdout
    stored, = (tmp_path / "out" / "runs").glob("*/step-000150.npz")
    assert (npgm.MLP.load(tmp_path / "net.npz").theta
            == npgm.MLP.load(stored).theta).all()


@slow
def test_a_script_without_its_guard_is_told_of_it(data, tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("import npgm\nnpgm.experiments.run('train', hidden=20, steps=100,"
                      f" batch_size=20, data={str(data)!r}, out='out', jobs=1)\n")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, text=True, env={
        **__import__("os").environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode != 0
    assert 'if __name__ == "__main__"' in done.stderr


# What comes before the work


def test_a_dry_run_trains_nothing(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(estimate, "SECONDS", 0.01)
    assert here("sweep", "--data", data, "--out", tmp_path / "out", *SMALL,
                "--learning-rates", "0.1,0.01", "--dry-run") == 0
    said = capsys.readouterr().out
    assert said.startswith("2 runs, 2 to be trained, about ") and "2 at a time" in said
    assert not list(tmp_path.rglob("*.npz"))


def test_the_time_is_at_least_that_of_the_longest_run(data, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "_of_an_update", lambda run, data: 0.5)
    runs = [Run("sgd", {"learning_rate": 0.1}, seed, steps, "abc", hidden=(20,))
            for seed, steps in ((0, 100), (1, 100), (2, 1000))]
    found = npgm.load_dataset(data)
    assert estimate.seconds(runs, tmp_path, found, 1) == pytest.approx(600)
    assert estimate.seconds(runs, tmp_path, found, 2) == pytest.approx(500)
    folder_of(tmp_path, runs[2]).mkdir(parents=True)
    (folder_of(tmp_path, runs[2]) / "progress.json").write_text('{"step": 600}')
    assert estimate.seconds(runs, tmp_path, found, 2) == pytest.approx(200)


@pytest.mark.parametrize("arguments, words", [
    (["table2", "--hidden", "30"], ["--hidden", "sweep and train"]),
    (["sweep", "--hiden", "30"], ["--hiden"]),
    (["sweep", "--optimizer", "adm"], ["is it 'adam'"]),
    (["sweep", "--quick", "--steps", "9"], ["--quick", "--steps"]),
    (["train", "--seeds", "x"], ["seeds", "'x'"]),
    (["sweep", "--set", "decay"], ["key=value"]),
    (["sweep", "--set", "nope=1"], ["adam has no 'nope'"]),
    (["sweep", "--config", "nope.toml"], ["nope.toml cannot be read"]),
    (["sweep", "--config", "."], [". cannot be read"]),
    (["sweep", "--save", "x.npz"], ["save is of a training"]),
    (["train", "--learning-rates", "0.1,0.2"], ["train takes one"])])
def test_a_wrong_command_is_refused(arguments, words, capsys):
    status = here(*arguments)
    out, err = capsys.readouterr()
    assert_refused(subprocess.CompletedProcess(arguments, status, out, err), 2, *words)


def test_the_name_of_a_folder_may_be_that_of_an_experiment(data, tmp_path, monkeypatch,
                                                           capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimate, "SECONDS", 0.01)
    assert here("table2", "--data", data, "--out", "train", "--dry-run") == 0
    assert "4 runs" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, words", [
    (["--batch-size", 5000], "a batch takes 5000"),
    (["--save", "nowhere/x.npz"], "nowhere is no folder")])
def test_what_cannot_be_done_is_told_before_the_work(arguments, words, data, tmp_path,
                                                     capsys):
    assert here("train", "--data", data, "--out", tmp_path, "--hidden", 8, *arguments,
                "--dry-run") == 1
    out, err = capsys.readouterr()
    assert words in err and not out


@pytest.mark.parametrize("given", [
    {"steps": 0}, {"steps": 1.5}, {"steps": "x"}, {"seeds": 0}, {"seeds": [0, "a"]},
    {"jobs": -1}, {"jobs": "x"}, {"data": 5}, {"cluster": "nowhere"},
    {"save": "x.npz"}])
@pytest.mark.parametrize("name", ["table2", "sweep"])
def test_what_python_gives_is_checked(name, given):
    with pytest.raises(InputError, match=next(iter(given)) + "|seed|give tcp"):
        npgm.experiments.run(name, dry_run=True, **given)


def test_python_takes_arrays_and_a_files_seeds(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(estimate, "SECONDS", 0.01)
    (tmp_path / "cfg.toml").write_text("seeds = 3\nhidden = 8\nbatch_size = 10\n")
    assert npgm.experiments.run(
        "sweep", config=tmp_path / "cfg.toml", data=data, out=tmp_path / "out",
        learning_rates=np.array([0.1, 0.2]), dry_run=True) is None
    assert capsys.readouterr().out.startswith("6 runs")
    with pytest.raises(InputError, match="path is 5"):
        npgm.experiments.load(5)


def test_what_python_is_told_of_names():
    with pytest.raises(InputError, match="is it 'sweep'"):
        npgm.experiments.run("swep")
    with pytest.raises(InputError, match="table2 has its own settings"):
        npgm.experiments.run("table2", hidden=30)
    with pytest.raises(InputError, match="is it 'hidden'"):
        npgm.experiments.run("sweep", hiden=30)
