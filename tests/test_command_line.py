"""python -m npgm.experiments, as a user meets it: files, messages, exit status."""
import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from npgm.experiments import __main__ as command_line

ROOT = Path(__file__).parents[1]
STEPS = 150
OPTIMIZERS = ["sgd", "momentum", "adagrad", "adam"]
PATIENCE = 120      # seconds until a process that should end is given up

slow = pytest.mark.slow


def command(*arguments):
    return [sys.executable, "-m", "npgm.experiments", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), cwd=ROOT, text=True,
                          capture_output=True, timeout=PATIENCE)


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


def table2(data, out, *options, steps=STEPS, jobs=2):
    return ["table2", "--data", data, "--out", out, "--steps", steps, "--jobs", jobs,
            *options]


@pytest.fixture
def data(write_idx_folder):
    """180 training images load as 150: room for the protocol's batch of 125."""
    return write_idx_folder(train=180)


@pytest.fixture(scope="module")
def shared():
    return {}


@pytest.fixture
def finished(shared, data, tmp_path_factory):
    """(the folder of a finished table2, its process), made once."""
    if not shared:
        folder = tmp_path_factory.mktemp("finished") / "results"
        shared["finished"] = folder, run(*table2(data, folder))
    folder, done = shared["finished"]
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def copy(finished, tmp_path):
    """A finished table2 to be spoilt."""
    return Path(shutil.copytree(finished[0], tmp_path / "copy"))


def contents(folder):
    """{path: bytes} of the files below a folder, but for locks."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file() and path.name != "lock"}


def networks(folder):
    """{path: bytes of every array} of the stored networks."""
    found = {}
    for path in Path(folder).glob("runs/*/step-*.npz"):
        with np.load(path) as arrays:
            found[str(path.relative_to(folder))] = {
                name: arrays[name].tobytes() for name in arrays.files}
    return found


def assert_refused(done, status, *words):
    """That exit status, nothing on stdout, no traceback, all words in one line."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert any(all(str(word) in line for word in words)
               for line in done.stderr.splitlines()), done.stderr


def assert_one_error(done, *words):
    assert_refused(done, 1, *words)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")


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


def test_csv(finished):
    text = (finished[0] / "table2.csv").read_text()
    lines = list(csv.DictReader(io.StringIO(text)))
    rows = json.loads((finished[0] / "table2.json").read_text())["rows"]
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


@slow
def test_one_job_or_two_give_the_same_bits(data, finished, tmp_path):
    done = run(*table2(data, tmp_path / "one", jobs=1))
    assert done.returncode == 0, done.stderr
    assert networks(tmp_path / "one") == networks(finished[0])
    results = [json.loads((folder / "table2.json").read_text())["rows"]
               for folder in (tmp_path / "one", finished[0])]
    assert results[0] == results[1]


@slow
def test_more_seeds_have_a_mean_and_a_deviation(data, copy):
    done = run(*table2(data, copy, "--seeds", 2))
    assert done.returncode == 0, done.stderr
    for row in json.loads((copy / "table2.json").read_text())["rows"]:
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


@pytest.mark.parametrize("content", [b'{"configuration": {', b"[]", b"\xff\x00"])
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
    assert "delete" in done.stderr
    assert contents(copy) == before
    path.unlink()               # what the message says
    done = run(*table2(data, copy))
    assert done.returncode == 0, done.stderr


# Interruption

@contextlib.contextmanager
def started(data, out, **options):
    """The command as a process group of its own, of which nothing is left."""
    process = subprocess.Popen(
        command(*table2(data, out, **options)), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextlib.contextmanager
def training(data, out, **options):
    """The same, once it has begun to train."""
    with started(data, out, **options) as process:
        wait_until(lambda: process.poll() is not None
                   or list(out.glob("runs/*/progress.json")))
        yield process


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def living(group):
    """The processes of a group, but for zombies that nobody has buried yet."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):      # it ended while we looked
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(path.parent.name)
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(),
                                reason="counts processes in /proc")


def assert_finishes_as(finished, data, out):
    """The same command goes on, and ends with the bits of an uninterrupted one."""
    assert networks(out) != networks(finished)
    done = run(*table2(data, out))
    assert done.returncode == 0, done.stderr
    assert networks(out) == networks(finished)
    rows = [json.loads((folder / "table2.json").read_text())["rows"]
            for folder in (out, finished)]
    assert rows[0] == rows[1]
    assert not list(out.glob("runs/*/checkpoint.npz"))


@slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM],
                         ids=lambda sent: sent.name)
def test_interrupted_while_training(sent, data, finished, tmp_path):
    out = tmp_path / "out"
    with training(data, out, jobs=1) as process:
        begun = [path.parent for path in out.glob("runs/*/progress.json")]
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)    # as Ctrl-C does
        else:
            process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, stderr
    assert stdout == "" and "Traceback" not in stderr
    assert "give the same command again" in stderr.splitlines()[-1]
    for folder in begun:        # saved where it was, unless it finished just then
        unfinished = (folder / "progress.json").exists()
        assert (folder / "checkpoint.npz").exists() == unfinished
    assert_finishes_as(finished[0], data, out)


@slow
def test_killed_while_training(data, finished, tmp_path):
    out = tmp_path / "out"
    with training(data, out) as process:
        process.kill()
        process.wait(PATIENCE)
        assert_finishes_as(finished[0], data, out)


@slow
@needs_proc
def test_the_workers_of_a_killed_command_end(data, tmp_path):
    with training(data, tmp_path / "out", steps=100_000) as process:
        process.kill()
        process.wait(PATIENCE)
        deadline = time.monotonic() + 15
        while living(process.pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not living(process.pid)


@slow
@needs_proc
@pytest.mark.parametrize("delay", [0, 0.5, 1])
def test_interrupted_while_workers_start(delay, data, tmp_path):
    out = tmp_path / "out"
    with started(data, out, steps=100_000) as process:
        wait_until(out.exists)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        wait_until(lambda: not living(process.pid))


@slow
@needs_proc
def test_a_killed_worker_is_told_once(data, tmp_path):
    with training(data, tmp_path / "out", steps=100_000) as process:
        workers = [pid for pid in living(process.pid)
                   if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(workers[0]), signal.SIGKILL)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert stderr.splitlines()[-1].startswith("error: a worker process was killed")
    assert "Traceback" not in stderr and stderr.count("killed") == 1


@slow
def test_all_draws_everything_and_goes_on_where_it_was(data, tmp_path):
    out = tmp_path / "results"
    done = run("all", "--data", data, "--out", out, "--steps", 2, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    page = (out / "report.html").read_text()
    for name in command_line.EXPERIMENTS:
        result = json.loads((out / f"{name}.json").read_text())
        assert result["rows"] and result["stamp"].startswith("NOT COMPARABLE")
        assert f'<section id="{name}">' in page
    assert not (out / "claims.json").exists()       # these numbers decide nothing
    runs = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/losses.npz")}
    again = run("all", "--data", data, "--out", out, "--steps", 2, "--jobs", 2)
    assert again.returncode == 0, again.stderr
    assert runs == {path: path.stat().st_mtime_ns
                    for path in out.glob("runs/*/losses.npz")}


def test_a_reader_that_leaves_gets_no_traceback(tmp_path):
    for path in (ROOT / "figures" / "data").glob("*.json"):
        shutil.copy(path, tmp_path)
    with subprocess.Popen(command("claims", "--out", tmp_path), cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == "" and process.wait(PATIENCE) == 1
