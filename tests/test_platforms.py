"""What only some platforms have is missing: everything works all the same."""
import os
import subprocess
import sys

import pytest
from commands import PATIENCE, ROOT, table2
from on_disk import networks

# As on Windows, for every process started from here.
WITHOUT = """
import os, signal, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for module, names in ((signal, ("pthread_sigmask",)),
                      (os, ("sched_getaffinity", "sched_setaffinity", "getuid"))):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
"""


@pytest.fixture
def environment(tmp_path):
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITHOUT)
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def run(environment, *arguments):
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=ROOT,
                          text=True, capture_output=True, timeout=PATIENCE,
                          env=environment)


def test_the_modules_really_are_missing(environment):
    done = subprocess.run([sys.executable, "-c", "import fcntl"], env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 1 and "fcntl" in done.stderr


def test_claims_are_judged(environment, committed):
    done = run(environment, "npgm.experiments", "claims", "--out", committed)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_table2_is_trained_to_the_same_bits(environment, data, finished, tmp_path):
    done = run(environment, "npgm.experiments", *table2(data, tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert networks(tmp_path / "out") == networks(finished[0])
