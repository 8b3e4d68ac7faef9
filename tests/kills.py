"""Kill table2 at random moments, go on, and compare with an uninterrupted run.

python tests/kills.py [COUNT [SEED]] prints a line a kill, and a summary.
"""
import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from conftest import draw_images, idx_bytes  # noqa: E402

STEPS = 320
GONE = 5            # seconds after which nothing may be left running
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def make_data(folder):
    """900 training and 150 test images of 8 x 8 pixels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 900), ("t10k", 150)):
        images, labels = draw_images(rng, count, (8, 8))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx_bytes(images)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder


def heed():
    """Ctrl-C is heeded, even if this script runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(data, out):
    return subprocess.Popen(
        [sys.executable, "-m", "npgm.experiments", "table2", "--steps", str(STEPS),
         "--jobs", "2", "--data", str(data), "--out", str(out)], cwd=ROOT,
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=heed)


def family(pid):
    """The processes of the session that a command began: {pid: command line}."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (path / "stat").read_text().rpartition(")")[2].split()
            if int(state[3]) == pid and state[0] != "Z":
                found[int(path.name)] = (path / "cmdline").read_bytes()
    return found


def kill(data, out, random):
    """Start the command and kill it, or a worker; what happened, in words."""
    process, moment = start(data, out), random.uniform(0, 6)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=moment)
        return f"{moment:.2f} s: had ended"
    workers = [pid for pid, line in family(process.pid).items()
               if b"spawn_main" in line]
    sent = random.choice(SIGNALS)
    whom, pid = random.choice([("command", process.pid),
                               *(("worker", pid) for pid in workers)])
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sent)
    deadline, spared = time.monotonic() + GONE, whom == "worker" and sent in (
        signal.SIGINT, signal.SIGTERM)
    if spared:          # a worker leaves Ctrl-C to the command, and saves on SIGTERM
        deadline += 60
    while family(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = family(process.pid)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, stderr = process.communicate()
    told = f"{moment:.2f} s: {sent.name} to the {whom}, status {process.returncode}"
    if left:
        told += f", LEFT RUNNING {len(left)}"
    # Of a command killed outright, or before it was read, what is said is Python's.
    if "Traceback" in stderr and "npgm" in stderr and (whom, sent) != (
            "command", signal.SIGKILL):
        told += ", TRACEBACK " + stderr[-300:].replace("\n", " | ")
    return told


def finish(data, out):
    """Give the command again, to its end; its results, to the bit."""
    process = start(data, out)
    _, stderr = process.communicate(timeout=180)
    if process.returncode:
        raise RuntimeError(stderr)
    return results(out)


def results(out):
    networks = {}
    for path in sorted(out.glob("runs/*/*.npz")):
        with np.load(path) as arrays:
            networks[str(path.relative_to(out))] = {
                name: array.tobytes() for name, array in arrays.items()}
    return networks, json.loads((out / "table2.json").read_text())["rows"]


def main(count=100, seed=0):
    """Returns how many of count killed runs ended with other bits or left something."""
    generator, bad = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        data, out = make_data(Path(folder) / "data"), Path(folder) / "out"
        expected = finish(data, Path(folder) / "whole")
        for number in range(count):
            shutil.rmtree(out, ignore_errors=True)
            told = [kill(data, out, generator)
                    for _ in range(generator.choice((1, 1, 2)))]
            same = finish(data, out) == expected
            wrong = not same or any(word in line for line in told
                                    for word in ("LEFT", "TRACEBACK"))
            bad += wrong
            print(number, "identical" if same else "DIFFERENT", "; ".join(told),
                  flush=True)
    print(f"{count - bad} of {count} identical, with nothing left running")
    return bad


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
