"""python -m npgm.experiments as tests start it, and how they expect to be refused."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEPS = 150
OPTIMIZERS = ["sgd", "momentum", "adagrad", "adam"]
PATIENCE = 120      # seconds until a process that should end is given up


def command(*arguments):
    return [sys.executable, "-m", "npgm.experiments", *map(str, arguments)]


def run(*arguments, patience=PATIENCE):
    return subprocess.run(command(*arguments), cwd=ROOT, text=True,
                          capture_output=True, timeout=patience)


def table2(data, out, *options, steps=STEPS, jobs=2):
    return ["table2", "--data", data, "--out", out, "--steps", steps, "--jobs", jobs,
            *options]


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
