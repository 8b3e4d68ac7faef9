"""python -m npgm.experiments, as a user meets it: files, messages, exit status."""
import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from commands import (OPTIMIZERS, PATIENCE, ROOT, STEPS, assert_one_error,
                      assert_refused, command, run, table2)
from on_disk import contents, networks

from npgm import sources
from npgm.experiments import __main__ as command_line
from npgm.experiments.output import results
from npgm.experiments.store import scheduler
from npgm.experiments.studies import EXPERIMENTS

slow = pytest.mark.slow


@pytest.fixture
def run_here(capsys):
    """run_here(*arguments): the same without a new process, for commands that
    stop before they start workers."""
    def here(*arguments):
        try:
            status = command_line.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())
    return here


@pytest.fixture
def copy(finished, tmp_path):
    """A finished table2 to be spoilt."""
    return Path(shutil.copytree(finished[0], tmp_path / "copy"))


def rows_of(folder):
    return json.loads((folder / "table2.json").read_text())["rows"]


# Results

def test_json(finished):
    result = json.loads((finished[0] / "table2.json").read_text())
    assert result["experiment"] == "table2"
    assert [row["optimizer"] for row in result["rows"]] == OPTIMIZERS
    for row in result["rows"]:
        for name in ("natural_error", "fgs_error", "fgs_error_repaired", "valid_fgs"):
            assert row[name]["std"] is None and len(row[name]["values"]) == 1
            assert 0 <= row[name]["mean"] == row[name]["values"][0] <= 100
    assert result["rows"][3]["paper"] == {"natural_error": None, "fgs_error": None}


def test_provenance(finished):
    result = json.loads((finished[0] / "table2.json").read_text())
    provenance = result["provenance"]
    assert provenance["settings"]["steps"] == STEPS
    assert provenance["settings"]["seeds"] == 1
    assert len(provenance["settings"]["data"]) == 64
    assert {"npgm", "python", "numpy", "numba"} <= set(
        provenance["machine"]["versions"])
    assert provenance["machine"]["threads_per_process"] == "1"
    assert provenance["training_seconds"] > 0
    for row in result["rows"]:
        for run_hash in row["runs"]:
            configuration = provenance["runs"][run_hash]["configuration"]
            assert configuration["optimizer"] == row["optimizer"]
            assert configuration["steps"] == STEPS
    for known in provenance["runs"].values():
        assert known["measured"] == dict.fromkeys(("natural", "fgs_0.25"),
                                                  [sources.digest()])
        assert known["sources"] == sources.digest()


def test_what_is_written_is_read_back(finished):
    found = results.read(EXPERIMENTS["table2"], finished[0] / "table2.json")
    assert found["rows"] == rows_of(finished[0])


def test_csv(finished):
    text = (finished[0] / "table2.csv").read_text()
    lines = list(csv.DictReader(io.StringIO(text)))
    rows = rows_of(finished[0])
    assert [line["optimizer"] for line in lines] == OPTIMIZERS
    for line, row in zip(lines, rows):
        assert line["seed"] == "0"
        assert float(line["fgs_error"]) == pytest.approx(row["fgs_error"]["mean"],
                                                         abs=1e-4)


def test_png(finished):
    png = (finished[0] / "table2.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and png.endswith(b"IEND\xaeB`\x82")


def test_short_runs_on_other_data_are_stamped_not_comparable(finished):
    folder, done = finished
    stamp = json.loads((folder / "table2.json").read_text())["stamp"]
    assert stamp.startswith("NOT COMPARABLE")
    assert f"{STEPS} updates" in stamp and "data from" in stamp
    assert stamp in (folder / "table2.md").read_text()
    assert stamp in done.stdout


def test_markdown_has_a_row_for_each_optimizer(finished):
    lines = (finished[0] / "table2.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:6]] == [
        f"| {name}" for name in OPTIMIZERS]


def test_the_same_command_again_trains_nothing(data, copy):
    def stamps():
        return {path: path.stat().st_mtime_ns for path in copy.rglob("*.npz")}
    before, records = stamps(), contents(copy / "runs")
    done = run(*table2(data, copy))
    assert done.returncode == 0, done.stderr
    assert stamps() == before and contents(copy / "runs") == records


def test_runs_of_other_sources_are_told(data, copy, run_here, monkeypatch):
    monkeypatch.setattr(scheduler, "complete", lambda *arguments, **options: None)
    assert run_here(*table2(data, copy)).stderr == ""
    monkeypatch.setattr(sources, "digest", lambda: "another")
    done = run_here(*table2(data, copy))
    assert done.returncode == 0
    assert done.stderr.startswith("note: 4 of these runs were trained or measured ")
    assert "--fresh" in done.stderr and done.stderr.count("\n") == 1


@slow
def test_one_job_or_two_give_the_same_bits(data, finished, tmp_path):
    done = run(*table2(data, tmp_path / "one", jobs=1))
    assert done.returncode == 0, done.stderr
    assert networks(tmp_path / "one") == networks(finished[0])
    assert rows_of(tmp_path / "one") == rows_of(finished[0])


@slow
def test_more_seeds_have_a_mean_and_a_deviation(data, copy):
    done = run(*table2(data, copy, "--seeds", 2))
    assert done.returncode == 0, done.stderr
    for row in rows_of(copy):
        values = row["fgs_error"]["values"]
        assert len(values) == len(row["runs"]) == len(set(row["runs"])) == 2
        assert row["fgs_error"]["mean"] == pytest.approx(np.mean(values))
        assert row["fgs_error"]["std"] == pytest.approx(np.std(values, ddof=1))


@slow
def test_fresh_trains_again_to_the_same_bits(data, copy, finished):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("step-*.npz")}
    done = run(*table2(data, copy, "--fresh"))
    assert done.returncode == 0, done.stderr
    after = {path: path.stat().st_mtime_ns for path in copy.rglob("step-*.npz")}
    assert before.keys() == after.keys()
    assert all(after[path] > before[path] for path in before)
    assert networks(copy) == networks(finished[0])


# Commands that are wrong

@pytest.mark.parametrize("arguments, words", [
    (["table3"], ["table3", "table2"]),
    ([], ["NAME"]),
    (["table2", "--steps", "-5"], ["--steps", "-5"]),
    (["table2", "--steps", "0"], ["--steps", "0"]),
    (["table2", "--steps", "x"], ["--steps", "x"]),
    (["table2", "--seeds", "0"], ["--seeds", "0"]),
    (["table2", "--jobs", "0"], ["--jobs", "0"]),
    (["table2", "--quick", "--steps", "9"], ["--quick", "--steps"]),
    (["table2", "--colour"], ["--colour"])], ids=" ".join)
def test_a_wrong_command(arguments, words, tmp_path, run_here):
    out = tmp_path / "out"
    done = run_here(*arguments, "--out", out)
    assert_refused(done, 2, "error:", *words)
    assert not out.exists()


def test_exit_statuses_reach_the_shell(tmp_path):
    assert_refused(run("table3"), 2, "error:", "table3")
    done = run(*table2(tmp_path / "nowhere", tmp_path / "out"))
    assert_one_error(done, tmp_path / "nowhere")


def test_help_names_every_option(run_here):
    done = run_here("--help")
    assert done.returncode == 0
    for option in ("--steps", "--seeds", "--jobs", "--out", "--data", "--quick",
                   "--fresh", "table2"):
        assert option in done.stdout


# What cannot be done

def test_a_missing_data_folder(copy, tmp_path, run_here):
    before = contents(copy)
    assert_one_error(run_here(*table2(tmp_path / "nowhere", copy)),
                     tmp_path / "nowhere")
    assert contents(copy) == before


@pytest.mark.parametrize("fault", ["cut", "random", "missing"])
def test_a_damaged_data_folder(fault, data, copy, run_here):
    before = contents(copy)
    path = data / "train-images-idx3-ubyte"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] if fault == "cut" else os.urandom(len(whole)))
    if fault == "missing":
        path.unlink()
    assert_one_error(run_here(*table2(data, copy)), data, path.name)
    assert contents(copy) == before


def test_out_is_a_file(data, tmp_path, run_here):
    out = tmp_path / "file"
    out.write_text("precious")
    assert_one_error(run_here(*table2(data, out)), out)
    assert out.read_text() == "precious"


def test_out_cannot_be_made(data, tmp_path, run_here):
    (tmp_path / "file").write_text("precious")
    out = tmp_path / "file" / "results"
    assert_one_error(run_here(*table2(data, out)), out)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("content", [
    b'{"configuration": {', pytest.param(b"[]", marks=slow),
    pytest.param(b"\xff\x00", marks=slow)])
def test_a_damaged_record(content, data, copy):
    path = sorted(copy.glob("runs/*/record.json"))[0]
    path.write_bytes(content)
    before = contents(copy)
    assert_refused(run(*table2(data, copy)), 1, path)
    assert contents(copy) == before


def unfinish(folder):
    """Make a finished run one that is still training, with a damaged checkpoint."""
    record = json.loads((folder / "record.json").read_text())
    record["status"] = "training"
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "checkpoint.npz").write_bytes(b"PK\x03\x04 no more than that")
    return folder / "checkpoint.npz"


@slow
def test_a_damaged_checkpoint(data, copy):
    path = unfinish(next(copy.glob("runs/*")))
    before = contents(copy)
    done = run(*table2(data, copy))
    assert_refused(done, 1, path)
    assert "move it away" in done.stderr
    assert contents(copy) == before
    path.rename(path.with_suffix(".old"))       # what the message says
    done = run(*table2(data, copy))
    assert done.returncode == 0, done.stderr


def test_a_reader_that_leaves_gets_no_traceback(committed):
    with subprocess.Popen(command("claims", "--out", committed), cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == "" and process.wait(PATIENCE) == 0
    assert (committed / "claims.csv").exists()
