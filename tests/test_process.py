"""What a process that works on runs minds: it ends soon after it was asked to."""
import os
import signal
import subprocess
import sys
import time

import pytest
from commands import ROOT

from npgm import storage
from npgm.experiments.store import process, scheduler
from npgm.experiments.store.run import folder_of

# Busy with what cannot be interrupted, as a compiler or a long measurement.
BUSY = """
import multiprocessing, os, sys, time
from npgm.experiments.store.process import busy, prepare_worker

def work():
    prepare_worker()
    with busy:
        print(os.getpid(), flush=True)
        while True:
            time.sleep(1)

if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
@pytest.mark.parametrize("asked", ["by SIGTERM", "by its parent's death"])
def test_a_worker_ends_within_five_seconds_whatever_it_does(asked):
    parent = subprocess.Popen([sys.executable, "-c", BUSY], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE)
    worker = int(parent.stdout.readline())
    try:
        if asked == "by SIGTERM":
            os.kill(worker, signal.SIGTERM)
        else:
            parent.kill()
        deadline = time.monotonic() + 5
        while alive(worker) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(worker)
    finally:
        parent.kill()
        parent.communicate()


def test_the_grace_leaves_time_to_end_within_five_seconds():
    assert process.GRACE + 1 < 5


def test_the_bar_says_what_is_being_done(make_run, tmp_path):
    run = make_run()
    folder_of(tmp_path, run).mkdir(parents=True)
    with scheduler._Bar(tmp_path, [run]) as bar:
        storage.write_json(folder_of(tmp_path, run) / "progress.json",
                           {"step": 100, "doing": "measuring pgd"})
        bar.refresh()
        assert "measuring pgd" in bar.bar.postfix
        storage.write_json(folder_of(tmp_path, run) / "progress.json",
                           {"step": 110, "natural_error": 3.0, "doing": None})
        bar.refresh()
        assert "natural 3.0 %" in bar.bar.postfix and "measuring" not in bar.bar.postfix
