"""Streams, settings and surroundings: what they are changes neither results nor exit
status."""
import json
import os
import subprocess
import sys

import pytest
from commands import PATIENCE, ROOT, command, run, table2
from on_disk import networks


def shell(line, *arguments, **variables):
    """A command as a shell starts it; line: what follows it."""
    words = " ".join(f"'{word}'" for word in command(*arguments))
    return subprocess.run(f"{words} {line}", shell=True, cwd=ROOT, text=True,
                          capture_output=True, timeout=PATIENCE,
                          env={**os.environ, **variables})


@pytest.mark.slow
@pytest.mark.parametrize("line", [
    ">&- 2>&- <&-", "> /dev/full 2> /dev/full", *(
        pytest.param(line, marks=pytest.mark.slow)
        for line in (">&-", "2>&-", "> /dev/full", "| true"))])
def test_what_cannot_be_said_is_done_all_the_same(line, data, finished, tmp_path):
    """Runs that are finished: it is the telling that is tried."""
    done = shell(line, *table2(data, finished[0]))
    assert done.returncode == 0 and "Traceback" not in done.stderr
    if line != "| true":
        done = shell(line, "claims", "--out", tmp_path)
        assert done.returncode == 1 and "Traceback" not in done.stderr


@pytest.mark.parametrize("variables", [
    {"PYTHONIOENCODING": "ascii"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=str)
def test_a_narrow_terminal_is_told_plainly(variables):
    done = subprocess.run(
        [sys.executable, "-c", "from npgm import streams; streams.prepare(); "
         r"streams.say('1.5 \u00b1 0.1 \u03b8')"], text=True, capture_output=True,
        cwd=ROOT, env={**os.environ, **variables})
    assert (done.returncode, done.stdout) == (0, "1.5 +- 0.1 ?\n"), done.stderr


SETTINGS = {
    "a notebook's backend": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "no such backend": {"MPLBACKEND": "nonsense"},
    "no asserts": {"PYTHONOPTIMIZE": "1"},
    "warnings are errors": {"PYTHONWARNINGS": "error"},
    "no threads": {"NUMBA_NUM_THREADS": "0"}, "no optimization": {"NUMBA_OPT": "0"},
    "no vectors": {"NUMBA_ENABLE_AVX": "0"}, "a plain machine": {
        "NUMBA_CPU_NAME": "generic"},
    "many threads": {"OPENBLAS_NUM_THREADS": "8", "OMP_NUM_THREADS": "8"}}


@pytest.mark.slow
@pytest.mark.parametrize("variables", SETTINGS.values(), ids=SETTINGS)
def test_settings_of_others_change_no_bit(variables, data, finished, tmp_path):
    out = tmp_path / "out"
    done = shell("", *table2(data, out), **variables)
    assert done.returncode == 0, done.stderr
    assert networks(out) == networks(finished[0])
    rows = [json.loads((folder / "table2.json").read_text())["rows"]
            for folder in (out, finished[0])]
    assert rows[0] == rows[1]


def test_a_users_matplotlibrc_does_not_show(tmp_path):
    """TeX is not there, and fonts of 40 points would not fit."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\n")
    code = ("import json, hashlib; from npgm import plots; "
            "from npgm.experiments.studies import EXPERIMENTS; "
            "result = json.load(open('figures/data/table2.json')); "
            "print(hashlib.sha256(plots.picture(EXPERIMENTS['table2'].draw, result))"
            ".hexdigest())")
    drawn = {subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, text=True, check=True,
        capture_output=True, env={**os.environ, **more}).stdout
        for more in ({}, {"MATPLOTLIBRC": str(tmp_path)}, {"MPLBACKEND": "none"})}
    assert len(drawn) == 1


def test_figures_that_cannot_be_drawn_are_told_before_the_work(data, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise RuntimeError('broken')")
    done = shell("", *table2(data, tmp_path / "out", steps=2), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1 and done.stderr.startswith("error: figures cannot be ")
    assert not list((tmp_path / "out").glob("runs/*"))


# The command line


@pytest.mark.parametrize("text, steps", [("3", 3), ("1,000", 1000), ("1e5", 100_000)])
def test_numbers_as_people_write_them(text, steps):
    from npgm.command import positive
    assert positive(text) == steps


@pytest.mark.parametrize("options", [
    ("--steps", "1.5"), ("--steps", "0"), ("--steps", "nan"), ("--steps", "1e999"),
    ("--out", ""), ("--data", ""), ("--seeds", "-1")], ids=str)
def test_what_makes_no_sense_is_a_wrong_command(options):
    done = run("table2", *options)
    assert done.returncode == 2 and "give" in done.stderr.splitlines()[-1]


def test_fewer_images_than_a_batch_are_told_at_once(write_idx_folder, tmp_path):
    done = run(*table2(write_idx_folder("few", train=72), tmp_path / "out"))
    assert done.returncode == 1
    assert "has 60 training images: a batch takes 125" in done.stderr
    assert not (tmp_path / "out" / "runs").exists()


def test_python_m_npgm_says_what_there_is():
    done = subprocess.run([sys.executable, "-m", "npgm"], cwd=ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 0 and "npgm.experiments table2 --quick" in done.stdout
    for room in ("experiments", "tracing", "diagnosis"):
        assert f"python -m npgm.{room} " in done.stdout


@pytest.mark.slow
def test_claims_work_right_after_a_quick_look(data, tmp_path):
    """As README has it: `results` then holds a table of other settings."""
    assert run(*table2(data, tmp_path / "results", steps=2)).returncode == 0
    done = subprocess.run(
        command("claims"), cwd=tmp_path, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and "7: REPRODUCED" in done.stdout
    assert "committed results are judged instead" in done.stderr
