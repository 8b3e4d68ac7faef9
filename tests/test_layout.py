"""A module imports only from those above it, and `import npgm` costs nothing."""
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import npgm

PACKAGE = Path(npgm.__file__).parent

# Downwards: each module may import only from those before it. A new module is
# entered here.
ORDER = """
npgm
npgm.errors
npgm.storage
npgm.data
npgm.losses
npgm.network
npgm.gradient_check
npgm.optimizers
npgm.jit
npgm.simd
npgm.kernels
npgm.compiled_network
npgm.compiled_update
npgm.training
npgm.attacks.base
npgm.attacks.one_step
npgm.attacks.fgsm
npgm.attacks.random_sign
npgm.attacks.pgd
npgm.attacks.deepfool
npgm.attacks
npgm.defences.adversarial_training
npgm.defences
npgm.experiments
npgm.experiments.protocol
npgm.experiments.provenance
npgm.experiments.measures
npgm.experiments.runs
npgm.experiments.scheduler
npgm.experiments.figures
npgm.experiments.tables
npgm.experiments.results
npgm.experiments.table2
npgm.experiments.fig1
npgm.experiments.fig2
npgm.experiments.fig3
npgm.experiments.reduction
npgm.experiments.optimizer_comparison
npgm.experiments.adversarial_training
npgm.experiments.pseudocode
npgm.experiments.stored
npgm.experiments.verdicts
npgm.experiments.reported
npgm.experiments.concluded
npgm.experiments.claims
npgm.experiments.report
npgm.experiments.__main__
""".split()

SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


def imported(source):
    """The dotted names a source imports anywhere, functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_modules(source):
    """Those of npgm's modules that a source imports, or imports names from."""
    for name in imported(source):
        if name in MODULES:
            yield name
        elif name.startswith("npgm"):
            yield name.rpartition(".")[0]


def test_the_order_lists_every_module_once():
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_from_above(name):
    above = ORDER[:ORDER.index(name)]
    assert [other for other in own_modules(MODULES[name].read_text())
            if other not in above] == []


def test_every_kind_of_import_is_seen():
    source = ("import npgm.data\nfrom npgm import losses as l, MLP\n"
              "def f():\n    from npgm.attacks import FGSM\n    import numpy\n")
    assert list(own_modules(source)) == ["npgm.data", "npgm.losses", "npgm",
                                         "npgm.attacks"]


@pytest.mark.parametrize("name", MODULES)
def test_nothing_pickles(name):
    roots = {found.partition(".")[0] for found in imported(MODULES[name].read_text())}
    assert roots.isdisjoint({"pickle", "cPickle", "dill", "joblib", "shelve"})


@pytest.mark.parametrize("statement", [
    "import npgm",
    "from npgm import MLP, load_dataset, losses, optimizers, check_gradients"])
def test_the_mathematics_needs_neither_numba_nor_matplotlib(statement):
    code = (f"import sys; {statement}; "
            "print([m for m in ('numba', 'matplotlib') if m in sys.modules])")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)})
    assert result.stdout.strip() == "[]"


def test_the_cache_of_compiled_code_knows_every_source_it_is_made_of():
    # Numba would go on using old code if a file its kernels inline changed.
    from npgm.jit import SOURCES as listed
    using = {path.name for path in PACKAGE.glob("*.py")
             if any(name.startswith(("npgm.jit", "npgm.simd", "npgm.kernels"))
                    for name in imported(path.read_text()))}
    rules = "optimizers.py"
    assert using | {rules, "jit.py", "simd.py"} == set(listed)


def test_the_built_package_has_mnist_in_it():
    import configparser
    from npgm.data import FILES, MNIST
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg")
    patterns = setup["options.package_data"]["npgm"].replace(",", " ").split()
    shipped = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    assert {MNIST / f"{name}.gz" for name in FILES.values()} <= shipped
