"""README's tables lead to what they name, and its numbers are those measured."""
import ast
import json
import re
from pathlib import Path

import pytest

from npgm import tables
from npgm.experiments import notebook
from npgm.experiments.rows import text
from npgm.experiments.studies import EXPERIMENTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FIGURES = (ROOT / "figures" / "README.md").read_text()
LINK = re.compile(r"\[([\w.]+)\]\(([\w/.]+\.py)#L(\d+)\)")
EQUATIONS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in README.splitlines()
             if line.startswith("| ") and LINK.search(line)]


def definition(path, name):
    """(first, last) line of a function, method or module named."""
    tree = ast.parse((ROOT / path).read_text())
    if Path(path).stem == name:
        return 1, len((ROOT / path).read_text().splitlines())
    node = tree
    for part in name.removeprefix(Path(path).stem + ".").split("."):
        node = next(n for n in node.body if getattr(n, "name", None) == part)
    return node.lineno, node.end_lineno


@pytest.mark.parametrize("paper, where, code, twin", EQUATIONS,
                         ids=[row[0].strip() for row in EQUATIONS])
def test_each_equation_stands_where_the_table_says(paper, where, code, twin):
    name, path, line = LINK.search(where).groups()
    code = code.strip().strip("`")
    first, last = definition(path, name)
    found = [n for n, text in enumerate((ROOT / path).read_text().splitlines(), 1)
             if code in text and first <= n <= last]
    assert int(line) in found, f"{path}: {code!r} of {name} is at line {found}"
    if match := LINK.search(twin):
        name, path, line = match.groups()
        assert definition(path, name)[0] == int(line), definition(path, name)


def test_the_table_has_the_papers_equations():
    papers = " ".join(row[0] for row in EQUATIONS)
    for named in ("(2)", "(3)", "(4)", "(5)", "(6)", "α_t", "FRSM", "Table I,",
                  "Table II", "residual"):
        assert named in papers


def stored(name):
    return json.loads((ROOT / "figures" / "data" / f"{name}.json").read_text())["rows"]


def test_table_ii_is_the_measured_one():
    table2 = EXPERIMENTS["table2"]
    rows = stored("table2")
    assert tables.markdown(table2.headed(rows), table2.shown(rows)) in FIGURES


def test_every_mean_and_deviation_was_measured():
    committed = [name for name in EXPERIMENTS
                 if (ROOT / "figures" / "data" / f"{name}.json").exists()]
    found = [(EXPERIMENTS[name], stored(name)) for name in committed]
    found += [(outcome.experiment, outcome.rows) for outcome in map(
        notebook.load, [*(ROOT / "figures" / "fashion").glob("*.json"),
                        *(ROOT / "figures" / "sweeps").glob("*.json")])]
    measured = {text(row[quantity.name], digits) for experiment, rows in found
                for row in rows for quantity in experiment.quantities
                for digits in (0, 1, 2)}
    said = re.findall(r"\d+(?:\.\d+)? ± \d+(?:\.\d+)?", README + FIGURES)
    assert len(said) > 20 and set(said) <= measured


def test_every_file_it_points_to_is_there():
    for folder, said in ((ROOT, README), (ROOT / "figures", FIGURES)):
        for target in re.findall(r"\]\(([^)#]+)", said):
            assert target.startswith("http") or (folder / target).exists(), target
    for name in re.findall(r"`(npgm/[\w/]+\.\w+)`", README):
        assert (ROOT / name).exists(), name


def test_every_experiment_with_committed_results_is_listed():
    listed = set(re.findall(r"^\| `([\w-]+)` \|", FIGURES, re.MULTILINE))
    committed = {path.stem for path in (ROOT / "figures" / "data").glob("*.json")}
    assert committed | {"report", "all"} <= listed
    assert listed <= set(EXPERIMENTS) | {"claims", "report", "all"}


def test_the_speed_table_is_the_measured_one():
    measured = (ROOT / "benchmarks" / "results" / "speed.md").read_text()
    _, said = README.split("| work | npgm | the fastest other | ratio |\n")
    said = said.split("\n\n")[0].splitlines()[1:]
    assert len(said) > 5 and all(f"{line} " in measured for line in said)


def test_the_fields_table_is_the_measured_one():
    measured = (ROOT / "benchmarks" / "results" / "diagnosis.md").read_text()
    said = [line for line in README.splitlines() if re.match(
        r"\| (foolbox|ART|torchattacks|AutoAttack|npgm) ?\w* \|", line)]
    assert len(said) == 5 and all(f"{line}\n" in measured for line in said)
