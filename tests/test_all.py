"""python -m npgm.experiments all: every run once, every experiment, the page."""
import json

import pytest
from commands import run

from npgm.data import load_dataset
from npgm.errors import NpgmError, StorageError
from npgm.experiments import __main__ as command_line
from npgm.experiments.store import scheduler
from npgm.experiments.studies import EXPERIMENTS


@pytest.fixture
def asked(monkeypatch):
    """What the scheduler is asked for: nothing is trained."""
    needs = []
    monkeypatch.setattr(scheduler, "complete", lambda out, found, *rest, **options:
                        needs.extend(found))
    return needs


@pytest.fixture
def run_all(data, tmp_path, monkeypatch):
    """run_all(experiment) -> exit status, `experiment` in place of each."""
    def start(experiment):
        monkeypatch.setattr(command_line, "execute",
                            lambda found, request: experiment(found))
        return command_line.main(["all", "--data", str(data), "--out", str(
            tmp_path / "out"), "--seeds", "3", "--steps", "300"])
    return start


def test_every_run_is_asked_for_once_with_all_measures(asked, run_all, data):
    """Those with a defence come first."""
    assert run_all(lambda experiment: None) == 1        # there is nothing to report on
    checksum, wanted = load_dataset(data).checksum, {}
    for experiment in EXPERIMENTS.values():
        for one in experiment.wanted(300, 3, checksum):
            wanted.setdefault(one.hash, set()).update(experiment.measures)
    assert len(asked) == len(wanted) == 81
    assert {one.hash: set(measures) for one, measures in asked} == wanted
    assert [bool(one.defence) for one, _ in asked] == [True] * 6 + [False] * 75


def test_an_experiment_that_fails_does_not_stop_the_others(asked, run_all, capsys):
    begun = []

    def experiment(found):
        begun.append(found.name)
        if found.name in ("fig1", "fig3"):
            raise NpgmError("a reason")
    assert run_all(experiment) == 1
    assert begun == list(EXPERIMENTS)
    assert capsys.readouterr().err.splitlines() == [
        "error: a reason", "error: a reason", "error: failed: fig1, fig3; the others "
        "are written: give the same command again"]


def test_a_full_disk_stops_all(asked, run_all, capsys):
    def experiment(found):
        raise StorageError("no room")
    assert run_all(experiment) == 1
    assert capsys.readouterr().err == "error: no room\n"


@pytest.mark.slow
def test_all_draws_everything_and_goes_on_where_it_was(data, tmp_path):
    out = tmp_path / "results"
    done = run("all", "--data", data, "--out", out, "--steps", 2, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    page = (out / "report.html").read_text()
    for name in EXPERIMENTS:
        result = json.loads((out / f"{name}.json").read_text())
        assert result["rows"] and result["stamp"].startswith("NOT COMPARABLE")
        assert f'<section id="{name}">' in page
    assert not (out / "claims.json").exists()       # these numbers decide nothing
    runs = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/losses.npz")}
    again = run("all", "--data", data, "--out", out, "--steps", 2, "--jobs", 2)
    assert again.returncode == 0, again.stderr
    assert runs == {path: path.stat().st_mtime_ns
                    for path in out.glob("runs/*/losses.npz")}
