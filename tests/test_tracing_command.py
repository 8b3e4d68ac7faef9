"""python -m npgm.tracing, as a user meets it: what it tells and writes, how it ends."""
import csv
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from commands import PATIENCE, ROOT, assert_refused

from npgm.tracing import Recorder, Trace
from npgm.tracing import __main__ as command_line

SMALL = ("--hidden", "8", "--steps", "12")


@pytest.fixture
def run(capsys, data):
    """run(*arguments): the command on a small data set, in this process."""
    def here(*arguments):
        words = [str(argument) for argument in arguments]
        if words and "--toy" not in words and "--data" not in words:
            words += ["--data", str(data)]
        try:
            status = command_line.main(words)
        except SystemExit as stop:
            status = stop.code
        return subprocess.CompletedProcess(words, status, *capsys.readouterr())
    return here


def test_few_updates_are_worked_line_by_line(run):
    done = run("adam", "--learning-rate", 0.01, "--steps", 3, "--hidden", 8,
               "--parameters", "b2[1]")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("m = beta1 * m + (1 - beta1) * g") == 3
    assert re.findall(r"^update (\d)", done.stdout, re.MULTILINE) == ["1", "2", "3"]
    assert done.stderr == ""


def test_many_are_a_table_and_files(run, tmp_path):
    files = {name: tmp_path / f"trace.{name}" for name in ("npz", "csv", "png")}
    done = run("adam", *SMALL, "--form", "algorithm1", "--set", "beta1=0.5", "--random",
               4, "--every", 2, "--npz", files["npz"], "--csv", files["csv"],
               "--figure", files["png"])
    assert done.returncode == 0, done.stderr
    trace = Trace.load(files["npz"])
    assert (trace.optimizer.form, trace.optimizer.beta1) == ("algorithm1", 0.5)
    assert trace.steps.tolist() == [1, 3, 5, 7, 9, 11] and len(trace.parameters) == 4
    for name in trace.parameters:
        assert f"\n{name}\nupdate " in done.stdout
    with open(files["csv"], newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["t", "of", "quantity", "value"] and len(lines) > 300
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert done.stdout.count("written: ") == 3


@pytest.mark.parametrize("words, names", [
    (("--pixel", 2, 3, "--unit", 7), ("W1[11,7]",)),
    (("--parameters", "b1[2:4]", "W2[0,0]"), ("b1[2]", "b1[3]", "W2[0,0]"))])
def test_what_to_follow(words, names, run, tmp_path):
    done = run("sgd", *SMALL, *words, "--npz", tmp_path / "a.npz")
    assert done.returncode == 0, done.stderr
    assert Trace.load(tmp_path / "a.npz").parameters == names


def test_a_role_is_found_in_a_first_pass_and_is_so_in_the_second(run, tmp_path):
    done = run("sgd", *SMALL, "--set", "learning_rate=0.5", "--largest-step",
               "--npz", tmp_path / "a.npz")
    assert done.returncode == 0
    assert "first pass: 12 updates of sgd, learning_rate=0.5" in done.stderr
    chosen = Trace.load(tmp_path / "a.npz")
    done = run("sgd", *SMALL, "--learning-rate", 0.5, "--parameters", "W1[:,:]",
               "b1[:]", "W2[:,:]", "b2[:]", "--npz", tmp_path / "b.npz")
    steps = np.abs(Trace.load(tmp_path / "b.npz")["step"]).max()
    assert np.abs(chosen["step"]).max() == pytest.approx(steps, rel=1e-3)


def test_side_by_side(run, tmp_path):
    done = run("momentum", *SMALL, "--learning-rate", 0.05, "--compare", "sgd", "adam",
               "--npz", tmp_path / "a.npz", "--figure", tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    assert "update  momentum, learning_rate=0.05" in done.stdout
    traces = [Trace.load(tmp_path / f"a-{name}.npz")
              for name in ("momentum-learning_rate-0.05".replace("_", "-"), "sgd",
                           "adam")]
    assert [trace.optimizer.learning_rate for trace in traces] == [0.05, 0.01, 0.001]
    assert len({tuple(trace["g"][0]) for trace in traces}) == 1


def test_all_forms_of_adam(run, tmp_path):
    done = run("--compare-forms", "adam", *SMALL, "--learning-rate", 0.01)
    assert done.returncode == 0
    heads = [line.split() for line in done.stdout.splitlines() if "update" in line]
    assert heads == 3 * [["update", "epsilon_hat", "algorithm1", "printed",
                          "printed_once"]]


def test_a_toy(run, tmp_path):
    done = run("adam", "--toy", "valley", "--steps", 30, "--learning-rate", 0.1,
               "--figure", tmp_path / "a.png", "--dtype", "float64")
    assert done.returncode == 0, done.stderr
    assert "float64" in done.stdout and (tmp_path / "a.png").exists()
    done = run("--toy", "saddle", "--compare", "sgd", "adam", "--learning-rate", 0.1)
    assert done.returncode == 0 and "theta of x" in done.stdout


def test_a_users_own_optimizer(run, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests")
    done = run("test_own_optimizers:AMSGrad", "--steps", 2, "--hidden", 8,
               "--parameters", "b1[0]")
    assert done.returncode == 0, done.stderr
    assert "highest = maximum(highest, v)" in done.stdout


def test_a_run_that_diverges_is_traced_up_to_there(run, tmp_path):
    done = run("sgd", *SMALL, "--learning-rate", 1e30, "--npz", tmp_path / "a.npz")
    assert done.returncode == 0
    t = len(Trace.load(tmp_path / "a.npz").steps) + 1
    assert done.stderr == (f"note: sgd, learning_rate=1e+30 diverged at update {t}: "
                           "its trace ends there\n")


def test_a_run_that_diverges_at_once(run):
    done = run("sgd", "--toy", "weight", "--learning-rate", 1e308, "--dtype", "float64")
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_interrupted_it_keeps_what_it_has(run, monkeypatch, tmp_path):
    call = Recorder.__call__

    def stop(recorder, trainer):
        call(recorder, trainer)
        if trainer.t == 7:
            raise KeyboardInterrupt
    monkeypatch.setattr(Recorder, "__call__", stop)
    done = run("sgd", *SMALL, "--npz", tmp_path / "a.npz", "--compare", "adam")
    assert done.returncode == 130
    assert done.stderr == "note: sgd interrupted after update 7: its trace ends there\n"
    assert Trace.load(tmp_path / "a.npz").steps.tolist() == list(range(1, 8))


def test_interrupted_between_files_it_does_not_say_that_there_are_none(
        run, monkeypatch, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr("npgm.tracing.web.document", stop)
    done = run("sgd", "--toy", "valley", "--steps", 9, "--npz", tmp_path / "a.npz",
               "--html", tmp_path / "a.html")
    assert done.returncode == 130 and "written: " in done.stdout
    assert done.stderr.strip() == ("interrupted; no file was written but those told "
                                   "above")


def test_a_hyperparameter_of_one_and_another_with_its_own(run):
    done = run("adam", "--learning-rate", 0.01, "--compare", "adam", *SMALL)
    assert done.returncode == 0 and "adam, learning_rate=0.01" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "npgm.tracing", "sgd", "--steps", "100000", "--hidden",
         "8", "--every", "100", "--npz", tmp_path / "a.npz"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "Traceback" not in stderr
    assert "interrupted" in stderr


@pytest.mark.parametrize("words, status, told", [
    (["adm"], 2, ["is it 'adam'?"]), (["adam", "--form", "x"], 2, ["epsilon_hat"]),
    (["adam", "--set", "lr=3"], 2, ["no 'lr'", "learning_rate"]),
    (["adam", "--set", "lr"], 2, ["name=value"]),
    (["nowhere:Adam"], 2, ["nowhere"]),
    (["adam", "--learning-rate", "-1"], 2, ["learning_rate"]),
    (["adam", "--parameters", "W1[16,0]"], 2, ["0 to 15"]),
    (["adam", "--pixel", "4", "0", "--unit", "1"], 2, ["pixel row 4: give 0 to 3"]),
    (["adam", "--pixel", "3", "0", "--unit", "8"], 2, ["unit 8: give 0 to 7"]),
    (["adam", "--pixel", "3", "0"], 2, ["--unit N belong together"]),
    (["adam", "--unit", "3"], 2, ["--unit N belong together"]),
    (["adam", "--at", "13"], 2, ["updates from 1 to 12"]),
    (["adam", "--at", "3", "--every", "2"], 2, ["give one of them"]),
    (["adam", "--seed", "-1"], 2, ["seed"]),
    (["adam", "--toy", "valley", "--random", "3"], 2, ["leave out"]),
    (["adam", "--random", "2", "--silent"], 2, ["not allowed with"]),
    (["--compare-forms", "adam", "--form", "printed"], 2, ["leave out"]),
    (["--compare-forms", "adam", "--set", "form=printed"], 2, ["form is given twice"]),
    (["adam", "--set", "form=[1]"], 2, ["Adam(form=[1])"]),
    (["adam", "--compare", "adam"], 2, ["adam is given twice"]),
    (["--compare", "sgd", "sgd"], 2, ["sgd is given twice"]),
    (["adam", "--set", "learning_rate=5", "--learning-rate", "0.1"], 2,
     ["learning_rate is given twice"]),
    (["adam", "--toy", "valley", "--data", "x"], 2, ["--toy has no --data"]),
    (["adam", "--toy", "valley", "--seed", "-5"], 2, ["--toy has no --seed"]),
    (["adam", "--toy", "valley", "--hidden", "3"], 2, ["--toy has no --hidden"]),
    (["--steps", "3"], 2, ["give an OPTIMIZER"]),
    (["--compare", "sgd", "adam", "--set", "beta1=0.5"], 2, ["no 'beta1'"]),
    (["adam", "--random", "100000"], 2, ["this network has"]),
    (["adam", "--data", "/nowhere"], 1, ["/nowhere is not a folder"]),
    (["adam", "--npz", "/nowhere/a.npz"], 1, ["/nowhere is no folder"]),
    (["sgd", "--learning-rate", "1e-9", "--silent"], 1, ["no parameter is silent"])],
    ids=str)
def test_what_is_wrong_is_told_in_one_line(words, status, told, run):
    small = () if "--toy" in words else SMALL
    assert_refused(run(*words, *small), status, *told)
