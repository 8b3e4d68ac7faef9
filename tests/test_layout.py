"""A module imports only from those above it, and `import npgm` costs nothing."""
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import npgm
from npgm import sources

PACKAGE = Path(npgm.__file__).parent

# Downwards: each module may import only from those before it. A new module is
# entered here.
ORDER = """
npgm
npgm.errors
npgm.sources
npgm.cache
npgm.storage
npgm.formats
npgm.streams
npgm.__main__
npgm.checks
npgm.names
npgm.idx
npgm.pixels
npgm.data
npgm.losses
npgm.network
npgm.vanishing
npgm.models.arrays
npgm.models.libraries
npgm.models.spec
npgm.models
npgm.optimizers.base
npgm.optimizers.sgd
npgm.optimizers.momentum
npgm.optimizers.adagrad
npgm.optimizers.rmsprop
npgm.optimizers.adam
npgm.optimizers
npgm.compiled.jit
npgm.compiled.simd
npgm.compiled.shuffles
npgm.compiled.kernels
npgm.compiled.changes
npgm.compiled.twins
npgm.compiled.network
npgm.compiled.signs
npgm.compiled.fixed
npgm.compiled.update
npgm.compiled
npgm.checkpoint
npgm.progress
npgm.training
npgm.attacks.model
npgm.attacks.cost
npgm.attacks.result
npgm.attacks.hyperparameters
npgm.attacks.base
npgm.attacks.one_step
npgm.attacks.fgsm
npgm.attacks.random_sign
npgm.attacks.many_steps
npgm.attacks.pgd
npgm.attacks.apgd
npgm.attacks.square
npgm.attacks.transfer
npgm.attacks.surrogate
npgm.attacks.substitute
npgm.attacks.deepfool
npgm.attacks.universal
npgm.attacks.lbfgs
npgm.attacks.jsma
npgm.attacks.carlini_wagner
npgm.attacks
npgm.gradient_check
npgm.defences.adversarial_training
npgm.defences.distillation
npgm.defences.extended_distillation
npgm.defences.moving_target
npgm.defences
npgm.plots
npgm.page
npgm.svg
npgm.tables
npgm.provenance
npgm.command
npgm.diagnosis
npgm.diagnosis.arithmetic
npgm.diagnosis.causes
npgm.diagnosis.battery
npgm.diagnosis.curve
npgm.diagnosis.statistics
npgm.diagnosis.signs.sign
npgm.diagnosis.signs.evidence
npgm.diagnosis.signs.autoattack
npgm.diagnosis.signs.pintor
npgm.diagnosis.signs.athalye
npgm.diagnosis.signs.alignment
npgm.diagnosis.signs
npgm.diagnosis.verdict
npgm.diagnosis.text
npgm.diagnosis.picture
npgm.diagnosis.thumbnails
npgm.diagnosis.web
npgm.diagnosis.report
npgm.diagnosis.examination
npgm.diagnosis.examples
npgm.diagnosis.__main__
npgm.experiments
npgm.experiments.protocol
npgm.tracing.select
npgm.tracing.summaries
npgm.tracing.pseudocode
npgm.tracing.pictures
npgm.tracing.web.arrays
npgm.tracing.web.digits
npgm.tracing.web.content
npgm.tracing.web.assembly
npgm.tracing.web
npgm.tracing.series
npgm.tracing.recorder
npgm.tracing.run
npgm.tracing.roles
npgm.tracing.toy
npgm.tracing.terminal
npgm.tracing
npgm.tracing.lessons.lesson
npgm.tracing.lessons.first_steps
npgm.tracing.lessons.slowing_down
npgm.tracing.lessons.saturation
npgm.tracing.lessons.alternation
npgm.tracing.lessons.one_image
npgm.tracing.lessons.too_small
npgm.tracing.lessons
npgm.tracing.lessons.web
npgm.tracing.lessons.__main__
npgm.tracing.__main__
npgm.experiments.measures.measure
npgm.experiments.measures.outcomes
npgm.experiments.measures.masking
npgm.experiments.measures.silent
npgm.experiments.measures.pictures
npgm.experiments.measures.attacked
npgm.experiments.measures.outliers
npgm.experiments.measures
npgm.experiments.rows
npgm.experiments.seeds
npgm.experiments.store
npgm.experiments.store.run
npgm.experiments.store.record
npgm.experiments.store.process
npgm.experiments.store.worker
npgm.experiments.store.child
npgm.experiments.store.cluster
npgm.experiments.store.scheduler
npgm.experiments.experiment
npgm.experiments.studies.table2
npgm.experiments.studies.fig1
npgm.experiments.studies.fig2
npgm.experiments.studies.fig3
npgm.experiments.studies.reduction
npgm.experiments.studies.optimizer_comparison
npgm.experiments.studies.discussion
npgm.experiments.studies.adam_as_printed
npgm.experiments.studies.attack_comparison
npgm.experiments.studies
npgm.experiments.claims.claim
npgm.experiments.claims.reported
npgm.experiments.claims.concluded
npgm.experiments.claims.beyond
npgm.experiments.claims
npgm.experiments.output
npgm.experiments.output.results
npgm.experiments.output.verdicts
npgm.experiments.output.report
npgm.experiments.estimate
npgm.experiments.execute
npgm.experiments.sweeps
npgm.experiments.sweeps.menu
npgm.experiments.sweeps.options
npgm.experiments.sweeps.picture
npgm.experiments.sweeps.design
npgm.experiments.options
npgm.experiments.notebook
npgm.experiments.__main__
""".split()

# Two doors lead up: from the reference to its fast twin, when it is asked for.
DOORS = {("npgm.network", "npgm.compiled"), ("npgm.optimizers.base", "npgm.compiled")}

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


# A new study needs no entry: it may use what stands above the room.
NEW = [name for name in MODULES if name not in ORDER
       and name.startswith("npgm.experiments.studies.")]
ORDER[ORDER.index("npgm.experiments.studies"):ORDER.index(
    "npgm.experiments.studies")] = sorted(NEW)


def test_the_order_lists_every_module_once():
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_from_above(name):
    above = ORDER[:ORDER.index(name)]
    assert [other for other in own_modules(MODULES[name].read_text())
            if other not in above and (name, other) not in DOORS] == []


def closure(*names):
    """These modules and all that they import, directly or not, through the doors too;
    of a module within a room also the room's `__init__`, which runs first."""
    seen, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            waiting += [name.rpartition(".")[0],
                        *own_modules(MODULES[name].read_text())]
    return seen


# Of no consequence for a number: what is raised and shown, how files are written.
INERT = {"npgm", "npgm.errors", "npgm.storage", "npgm.formats", "npgm.progress",
         "npgm.experiments"}


@pytest.mark.parametrize("listed, roots", [
    (sources.COMPILED, ["npgm.compiled"]),
    (sources.RUN, ["npgm.data", "npgm.training", "npgm.defences",
                   "npgm.experiments.measures"])])
def test_the_sources_of_a_run_are_all_there(listed, roots):
    """What compiled code and what a run's numbers are made of, and nothing else."""
    files = {module_name(path) for path in sources.files(listed)}
    needed = closure(*roots) - INERT
    if listed is sources.COMPILED:      # the reference says what to compile, no more
        needed -= {"npgm.network", "npgm.losses", "npgm.names", "npgm.checks"}
    assert files == needed


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
    "from npgm import MLP, load_dataset, losses, optimizers, check_gradients",
    "from npgm import attacks, defences, models, training, vanishing",
    "import npgm.tracing.__main__", "import npgm.experiments.__main__"])
def test_what_is_read_needs_neither_numba_nor_matplotlib(statement):
    code = (f"import sys; {statement}; slow = {{'numba', 'matplotlib', 'torch', 'jax', "
            "'sklearn', 'safetensors', 'onnx', 'distributed'}; "
            "print([*slow.intersection(sys.modules)])")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)})
    assert result.stdout.strip() == "[]"


def test_the_built_package_has_mnist_in_it():
    import configparser
    from npgm.data import FILES, MNIST
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg")
    patterns = setup["options.package_data"]["npgm"].split()    # a line each
    assert not any("," in pattern for pattern in patterns)
    shipped = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    assert {MNIST / f"{name}.gz" for name in FILES.values()} <= shipped
    assert set(PACKAGE.glob("tracing/web/*.js")) <= shipped
