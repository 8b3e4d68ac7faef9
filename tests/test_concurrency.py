"""Two commands in one folder at once: both end, nothing is trained twice."""
import json
import subprocess

import pytest
from commands import PATIENCE, ROOT, command, table2
from on_disk import assert_same_results, networks

pytestmark = pytest.mark.slow


def together(*commands):
    begun = [subprocess.Popen(command(*arguments), cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
             for arguments in commands]
    for process in begun:
        _, stderr = process.communicate(timeout=2 * PATIENCE)
        assert process.returncode == 0, stderr


def test_the_same_experiment_twice(data, finished, tmp_path):
    out = tmp_path / "out"
    together(table2(data, out), table2(data, out))
    assert_same_results(out, finished[0])
    rows = [json.loads((folder / "table2.json").read_text())["rows"]
            for folder in (out, finished[0])]
    assert rows[0] == rows[1]


def test_two_experiments_that_share_runs(data, finished, tmp_path):
    out, steps = tmp_path / "out", table2(data, "x")[5:7]
    together(table2(data, out), ["pseudocode", "--data", data, "--out", out, *steps])
    assert (out / "pseudocode.json").exists() and (out / "table2.json").exists()
    mine, theirs = networks(out), networks(finished[0])
    assert theirs.items() <= mine.items()
    assert len(list(out.glob("runs/*/record.json"))) == 4 + 4 - 1
