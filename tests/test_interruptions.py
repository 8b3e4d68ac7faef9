"""Interrupted, killed, resumed: python -m npgm.experiments ends with the same bits."""
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import PATIENCE, ROOT, command, run, table2
from on_disk import networks

slow = pytest.mark.slow


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


def wait_until(condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
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
    mine, theirs = (json.loads((folder / "table2.json").read_text())
                    for folder in (out, finished))
    assert mine["rows"] == theirs["rows"]
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
