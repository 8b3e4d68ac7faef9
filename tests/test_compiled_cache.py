"""What is compiled is kept on disk, and never stands in for other code.

Processes of their own, with a cache of their own. Only updates are compiled, which
takes a second; but for the kernel that is slow.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npgm import cache, sources

ROOT = Path(__file__).parents[1]
SLOW = pytest.mark.slow

RULE = """
from dataclasses import dataclass
import numpy as np
from npgm.optimizers import SGD, Optimizer, quantities

@quantities("theta", "step")
def mine(theta, g, alpha):
    step = alpha * g
    return theta - step, step

@dataclass(frozen=True)
class Mine(Optimizer):
    rule = staticmethod(mine)

    def coefficients(self, t):
        return {"alpha": 0.5}
"""

UPDATED = """
import numpy as np

def updated(optimizer):
    update, theta = optimizer.compiled(), np.array([1.0, 2.0])
    assert update != optimizer.update, "NumPy runs it"
    update(theta, np.array([4.0, 8.0]), optimizer.init(theta))
    print(theta.tolist())
"""


@pytest.fixture
def python(tmp_path):
    """python(*arguments, text=None, package=ROOT, **environment): the lines it
    prints, run in tmp_path with the cache in tmp_path / "cache"."""
    def python(*arguments, text=None, package=ROOT, **environment):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, input=text, text=True,
            capture_output=True, env={
                **os.environ, "PYTHONPATH": str(package),
                "PYTHONDONTWRITEBYTECODE": "1",
                "NUMBA_CACHE_DIR": str(tmp_path / "cache"), **environment})
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout.split("\n")[:-1]
    return python


@pytest.fixture
def package(tmp_path):
    """A copy of npgm's sources, in a folder of its own."""
    shutil.copytree(ROOT / "npgm", tmp_path / "copy" / "npgm",
                    ignore=shutil.ignore_patterns("mnist", "__pycache__"))
    return tmp_path / "copy" / "npgm"


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def kept(folder):
    """The functions in a cache, by name."""
    return {path.name.partition("-")[0].rpartition(".")[2]
            for path in folder.rglob("*.nb?")}


# A user's own rules


def test_an_edited_rule_computes_what_it_says_now(python, tmp_path):
    """Even if its file has kept its size and date."""
    path, program = tmp_path / "own.py", UPDATED + "import own; updated(own.Mine())"
    path.write_text(RULE)
    date = path.stat().st_mtime_ns
    assert python("-c", program) == ["[-1.0, -2.0]"]
    edit(path, "alpha * g", "alpha + g")
    os.utime(path, ns=(date, date))
    assert python("-c", program) == ["[-3.5, -6.5]"]


@pytest.mark.slow
def test_rules_of_one_name_in_two_modules_are_two(python, tmp_path):
    (tmp_path / "one.py").write_text(RULE)
    (tmp_path / "other.py").write_text(RULE.replace("alpha * g", "alpha + g"))
    program = UPDATED + "import one, other; updated(one.Mine()); updated(other.Mine())"
    assert python("-c", program) == ["[-1.0, -2.0]", "[-3.5, -6.5]"]


@pytest.mark.parametrize("arguments, text", [
    (["-"], UPDATED + RULE + "updated(Mine())"),
    pytest.param(["-c", UPDATED + RULE + "updated(Mine())"], None, marks=SLOW),
    pytest.param(["-c", f"exec({UPDATED + RULE!r}); updated(Mine())"], None,
                 marks=SLOW)], ids=["stdin", "-c", "exec"])
def test_a_rule_typed_at_a_prompt_is_compiled(arguments, text, python):
    assert python(*arguments, text=text) == ["[-1.0, -2.0]"]


@pytest.mark.slow
@pytest.mark.parametrize("variable", [
    "NUMBA_CACHE_DIR", pytest.param("XDG_CACHE_HOME", marks=SLOW)])
def test_npgms_own_code_is_kept_and_a_users_is_not(variable, python, tmp_path):
    (tmp_path / "own.py").write_text(RULE)
    program = UPDATED + "import own; updated(own.SGD(0.5)); updated(own.Mine())"
    folders = {"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": "",
               variable: str(tmp_path / "kept")}
    assert python("-c", program, **folders) == ["[-1.0, -2.0]"] * 2
    assert kept(tmp_path) == {"sgd", "update_sgd"}
    place, = (tmp_path / "kept" / "npgm").iterdir()
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*.nb?")}
    assert len(before) >= 4             # an index and the code, of both functions
    assert python("-c", program, **folders) == ["[-1.0, -2.0]"] * 2
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == before


# A cache that is of no use


def spoil(content):
    """{fault: what is left of a file}"""
    middle = len(content) // 2
    return {"empty": b"", "cut": content[:middle], "one bit": content[:middle] + bytes(
        [content[middle] ^ 0x10]) + content[middle + 1:], "other": b"\0" * len(content)}


@SLOW
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("fault", spoil(b"any"))
def test_a_damaged_cache_is_not_used_but_mended(kind, fault, python, tmp_path):
    """Index or code: what is damaged is compiled anew and written again."""
    program = UPDATED + "from npgm.optimizers import SGD; updated(SGD(0.5))"
    assert python("-c", program) == ["[-1.0, -2.0]"]
    spoilt = {path: spoil(path.read_bytes())[fault]
              for path in tmp_path.rglob(f"*.{kind}")}
    for path, content in spoilt.items():
        path.write_bytes(content)
    assert python("-c", program) == ["[-1.0, -2.0]"]
    changed = [path for path, content in spoilt.items() if path.read_bytes() != content]
    assert any("update_sgd" in path.name for path in changed)


def test_without_a_folder_it_compiles_all_the_same(python, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    program = UPDATED + "from npgm.optimizers import SGD; updated(SGD(0.5))"
    assert python("-c", program, NUMBA_CACHE_DIR=str(tmp_path / "file")) == [
        "[-1.0, -2.0]"]
    assert not list(tmp_path.rglob("*.nb?"))


# npgm's own code, edited


@pytest.mark.slow
def test_turning_contraction_on_is_another_state_of_the_sources(python, package):
    program = ("from npgm import cache, sources; print(sources.digest()); "
               "print(sources.digest(sources.COMPILED)); print(cache.folder())")
    states = [python("-c", program, package=package.parent) for _ in range(2)]
    edit(package / "compiled/kernels.py", "@compiled\ndef sum_rows",
         "@compiled(contract=True)\ndef sum_rows")
    edited = python("-c", program, package=package.parent)
    assert states[0] == states[1]
    assert all(a != b for a, b in zip(states[0], edited, strict=True))


@pytest.mark.parametrize("name", [
    "sources.py", "cache.py", "optimizers/base.py", "optimizers/sgd.py",
    "compiled/jit.py", "compiled/simd.py", "compiled/network.py", "compiled/update.py"])
def test_the_cache_follows_every_source_that_is_compiled(name, package, monkeypatch):
    """Numba would not notice a change of a file whose functions it inlines."""
    def state():
        return sources.digest(), sources.digest(sources.COMPILED), cache.folder()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(package))
    monkeypatch.setattr(sources, "PACKAGE", package)
    monkeypatch.setattr(sources, "digest", sources.digest.__wrapped__)
    before = state()
    assert state() == before and before[2].is_relative_to(package)
    with open(package / name, "a") as file:
        file.write("# edited\n")
    assert all(a != b for a, b in zip(state(), before, strict=True))


@pytest.mark.slow
def test_an_edited_rule_of_npgms_computes_what_it_says_now(python, package):
    program = UPDATED + "from npgm.optimizers import SGD; updated(SGD(0.5))"
    assert python("-c", program, package=package.parent) == ["[-1.0, -2.0]"]
    edit(package / "optimizers/sgd.py", "alpha * g", "alpha + g")
    assert python("-c", program, package=package.parent) == ["[-3.5, -6.5]"]


PRODUCT = """
import numpy as np
from npgm.compiled.kernels import dense_product
A, out = np.ones((8, 3)), np.empty((8, 24))
dense_product(A, np.ones((3, 24)), np.zeros(24), out)
print(out.min(), out.max())
"""


@SLOW
@pytest.mark.slow
def test_a_kernel_follows_the_file_it_inlines(python, package):
    assert python("-c", PRODUCT, package=package.parent) == ["3.0 3.0"]
    edit(package / "compiled/simd.py", "self.builder.fadd(", "self.builder.fsub(")
    assert python("-c", PRODUCT, package=package.parent) == ["-3.0 -3.0"]


def test_only_what_the_cache_is_keyed_by_is_the_packages_own():
    """A study's rule stands in the package, and may be edited like any user's."""
    place = {}
    study = Path(sources.PACKAGE) / "experiments" / "studies" / "mine.py"
    exec(compile("def rule(theta, g): return theta - g,", str(study), "exec"), place)
    assert not sources.owns(place["rule"])
    from npgm.optimizers.adam import adam_printed
    assert sources.owns(adam_printed)


@pytest.mark.parametrize("name, value, other", [
    ("NUMBA_OPT", "0", True), ("NUMBA_BOUNDSCHECK", "1", True),
    ("NUMBA_CPU_NAME", "generic", True), ("NUMBA_NUM_THREADS", "1", False)])
def test_numbas_settings_are_part_of_the_key(name, value, other, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for setting in [found for found in os.environ if found.startswith("NUMBA_")]:
        monkeypatch.delenv(setting)
    before = cache.folder()
    monkeypatch.setenv(name, value)
    assert (cache.folder() != before) == other
