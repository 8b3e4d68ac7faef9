"""Each experiment: the runs it wants, its rows, its tables and its figure."""
import csv

import pytest
from made_up import ENTRIES, records, result, value

from npgm import tables
from npgm.data import MNIST_CHECKSUM
from npgm.experiments import protocol
from npgm.experiments.measures import outcomes
from npgm.experiments.output import results
from npgm.experiments.rows import select
from npgm.experiments.studies import EXPERIMENTS, adam_as_printed, fig1, table2
from npgm.optimizers import ADAM_FORMS

EVERY = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
STEPS = (100, 300)
KEYS = {"fig1": ("learning_rate", "step"), "fig2": ("learning_rate", "epsilon", "step"),
        "fig3": ("learning_rate", "epsilon", "step"), "table2": ("optimizer",),
        "optimizers": ("optimizer", "learning_rate"),
        "reduction": ("learning_rate",), "pseudocode": ("form", "learning_rate"),
        "adversarial-training": ("training", "learning_rate")}


def hashes(name):
    return {run.hash for run in EXPERIMENTS[name].wanted(300, 3, "checksum")}


def headings(experiment, data):
    return [heading for heading, _ in experiment.headed(
        result(experiment, data=data)["rows"])]


# Rows, tables, figures


@EVERY
def test_rows_are_told_apart_and_summed_up(experiment):
    wanted = experiment.wanted(300, 3, "checksum")
    assert len({run.hash for run in wanted}) == len(wanted)
    found = experiment.rows(wanted, records(wanted))
    assert experiment.keys == KEYS.get(experiment.name, experiment.keys)
    assert len({tuple(row[key] for key in experiment.keys) for row in found}) == len(
        found) == len(experiment.groups(wanted))
    for row in found:
        assert len(row["runs"]) == len(row["diverged_at"]) == 3
        for quantity in experiment.quantities:
            entry, measure = quantity.entry_in(row), quantity.measure_in(row)
            assert entry in ENTRIES[measure]
            assert row[quantity.name]["values"] == [
                value(seed, row.get("step", 300), measure, entry)
                for seed in range(3)]


@EVERY
def test_tables_and_figure(experiment, tmp_path):
    found = result(experiment)
    results.write(tmp_path, experiment, found)
    rows, name = found["rows"], experiment.name
    lines = list(csv.reader((tmp_path / f"{name}.csv").read_text().splitlines()))
    assert lines[0] == [*experiment.keys, "seed",
                        *(quantity.name for quantity in experiment.quantities)]
    assert len(lines) == 1 + sum(len(row["runs"]) for row in rows) == 1 + 3 * len(rows)
    shown = experiment.shown(rows)
    table = tables.markdown(experiment.headed(rows), shown)
    assert table.count("\n") == 2 + len(shown) > 2
    assert (tmp_path / f"{name}.md").read_text().startswith(table)
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert results.read(experiment, tmp_path / f"{name}.json") == found


@pytest.mark.slow
@EVERY
def test_diverged_runs_are_gaps(experiment, tmp_path):
    found = result(experiment, seeds=1, diverged={0})
    name = experiment.quantities[0].name
    lost = [row for row in found["rows"] if row[name]["values"] == [None]]
    assert lost and all(row["diverged_at"] == [7] for row in lost)
    assert len(lost) < len(found["rows"]) or len(experiment.runs) == 1
    results.write(tmp_path, experiment, found)
    assert (tmp_path / f"{experiment.name}.png").read_bytes().startswith(b"\x89PNG")
    assert "diverged" in tables.markdown(experiment.headed(lost),
                                         experiment.shown(lost))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_there_is_a_figure_if_every_run_diverged(name, tmp_path):
    found = result(EXPERIMENTS[name], diverged=range(100))
    assert {row["diverged_at"][0] for row in found["rows"]} == {7}
    results.write(tmp_path, EXPERIMENTS[name], found)
    assert (tmp_path / f"{name}.png").exists()


@EVERY
def test_the_table_is_of_the_last_step(experiment):
    rows = result(experiment)["rows"]
    assert {row["step"] for row in rows if "step" in row} in ({*STEPS}, set())
    assert {row.get("step", 300) for row in experiment.shown(rows)} == {300}


@pytest.mark.parametrize("name, count", [
    ("table2", 4), ("fig1", 14), ("fig2", 12), ("fig3", 14), ("reduction", 1),
    ("optimizers", 10), ("adversarial-training", 3), ("pseudocode", 4)])
def test_the_rows_of_a_table(name, count):
    experiment = EXPERIMENTS[name]
    assert len(experiment.shown(result(experiment)["rows"])) == count


# What the paper has


@pytest.mark.parametrize("name, beside", [
    ("table2", ["natural error", "FGS error"]), ("adversarial-training", ["FGS error"]),
    ("reduction", [f"{name}, each image's own loss" for name in (
        "FGS error", "valid")]), ("fig1", []),
    ("fig2", []), ("fig3", []), ("optimizers", []), ("pseudocode", [])])
def test_a_column_of_the_papers_stands_where_it_has_a_number(name, beside):
    found = headings(EXPERIMENTS[name], MNIST_CHECKSUM)
    assert [before for before, heading in zip(found, found[1:])
            if heading == "paper"] == beside
    assert "paper" not in headings(EXPERIMENTS[name], "abc")


@pytest.mark.parametrize("name, where, paper", [
    ("table2", {"optimizer": "adam"}, {"natural_error": 1.68, "fgs_error": 90.4}),
    ("adversarial-training", {"training": "adversarial"}, {"fgs_error": 10}),
    ("adversarial-training", {"training": "plain", "learning_rate": 0.01},
     {"fgs_error": 5}),
    ("adversarial-training", {"training": "plain", "learning_rate": 0.001}, {}),
    ("reduction", {"learning_rate": 0.001},
     {"fgs_error_plain": 90.4, "valid_fgs_plain": 90})], ids=str)
def test_the_papers_numbers_stand_beside_mnist_only(name, where, paper):
    for data, expected in ((MNIST_CHECKSUM, paper), ("abc", dict.fromkeys(paper))):
        row, = select(result(EXPERIMENTS[name], data=data)["rows"], **where)
        assert row["paper"] == expected


# Runs


def test_the_sweep_covers_the_papers_range():
    seeds = {}
    for run in EXPERIMENTS["fig1"].wanted(300, 3, "checksum"):
        seeds.setdefault(run.hyperparameters["learning_rate"], []).append(run.seed)
    assert tuple(seeds) == protocol.RATES and len(protocol.RATES) >= 13
    assert {0.1, 0.075, 0.01, 0.001, 0.00075} <= set(seeds)
    assert all(found == [0, 1, 2] for found in seeds.values())


def test_table2_wants_whole_seeds_first():
    wanted = table2.EXPERIMENT.wanted(50, 2, "abc")
    assert [(run.seed, run.optimizer) for run in wanted] == [
        (seed, name) for seed in (0, 1)
        for name in ("sgd", "momentum", "adagrad", "adam")]
    assert {(run.steps, run.data_checksum) for run in wanted} == {(50, "abc")}


def test_experiments_share_their_runs():
    assert hashes("fig2") < hashes("fig3") == hashes("fig1")
    assert hashes("fig2") < hashes("optimizers") > hashes("table2")
    assert hashes("reduction") == hashes("fig2") & hashes("table2")
    assert len(hashes("adversarial-training") & hashes("fig2")) == 6
    assert len(hashes("pseudocode") & hashes("fig2")) == 3


def test_ten_times_the_recommended_rate():
    found = result(EXPERIMENTS["optimizers"])["rows"]
    assert {(row["optimizer"], row["learning_rate"]): row["recommended"]
            for row in found} == {
        ("sgd", 0.01): True, ("sgd", 0.1): False,
        ("momentum", 0.01): True, ("momentum", 0.1): False,
        ("adagrad", 0.01): True, ("adagrad", 0.1): False,
        ("rmsprop", 0.001): True, ("rmsprop", 0.01): False,
        ("adam", 0.001): True, ("adam", 0.01): False}


def test_the_forms_of_adam():
    rows = result(EXPERIMENTS["pseudocode"])["rows"]
    assert {row["form"] for row in rows} == set(ADAM_FORMS)
    assert {row["learning_rate"] for row in rows} == {0.001}


def test_one_run_is_trained_with_a_defence():
    wanted = EXPERIMENTS["adversarial-training"].wanted(300, 1, "checksum")
    assert [(run.training, run.hyperparameters["learning_rate"], run.defence)
            for run in wanted] == [
        ("plain", 0.01, None), ("plain", 0.001, None),
        ("adversarial", 0.001, {"name": "adversarial_training", "epsilon": 0.25})]


def test_two_rates_are_swept_by_epsilon():
    rows = result(EXPERIMENTS["fig3"])["rows"]
    for rate in protocol.RATES:
        assert [row["epsilon"] for row in select(rows, learning_rate=rate, step=300)
                ] == ([0.05, 0.1, 0.15, 0.2, 0.25, 0.3] if rate in (0.01, 0.001)
                      else [0.25])
    assert {row["learning_rate"] for row in result(EXPERIMENTS["fig2"])["rows"]} == {
        0.01, 0.001}


# Quantities of a study's own


def test_an_fgs_error_is_the_protocols_or_the_rows():
    """fig3 has that at epsilon 0.25 in every row, fig2 that at the row's."""
    for row in result(EXPERIMENTS["fig3"], seeds=1)["rows"]:
        assert row["fgs_error_0.25"]["mean"] == value(
            0, row["step"], "fgs_0.25", "fgs_error")
        assert row["frs_error"]["mean"] == value(
            0, row["step"], "frs_sweep", f"frs_error_{row['epsilon']}")
    for row in result(EXPERIMENTS["fig2"], seeds=1)["rows"]:
        assert row["fgs_error"]["mean"] == value(
            0, row["step"], "fgs_sweep", f"fgs_error_{row['epsilon']}")
    assert "fgs_error_0.25" not in {q.name for q in EXPERIMENTS["fig2"].quantities}
    assert outcomes.FGS_ERROR.name != outcomes.FGS_ERROR_PROTOCOL.name


def test_lines_are_the_protocols_and_the_last():
    assert fig1.lines([{"step": s} for s in (100, 1000, 3000, 6000, 7000)]) == [
        1000, 3000, 7000]


def test_printed_adam_freezes_then_overflows():
    """Its steps fall below 1e-6 within some updates, and v overflows near 22."""
    printed = adam_as_printed.watch("printed")
    meant = adam_as_printed.watch("epsilon_hat")
    assert 1 < printed["frozen_at"] < 10 < printed["overflows_at"] < 30
    assert meant["frozen_at"] is None and meant["overflows_at"] is None
    assert min(meant["largest_step"]) > 1e-4
    assert None in printed["largest_v"]
