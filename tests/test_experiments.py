"""Each experiment: the runs it wants, its rows, its tables and its figure, from
records made up here; and every measure, on a small network."""
from types import SimpleNamespace

import numpy as np
import pytest

from npgm.attacks import FGSM, RandomSign
from npgm.experiments import (__main__, adversarial_training, fig1, fig2, fig3,
                              figures, measures, optimizer_comparison, protocol,
                              pseudocode, results, runs, tables)
from npgm.losses import log_odds
from npgm.network import MLP
from npgm.training import natural_error

EVERY = pytest.mark.parametrize("experiment", __main__.EXPERIMENTS.values(),
                                ids=list(__main__.EXPERIMENTS))
STEPS = (100, 300)
KEYS = {"fig1": ["learning_rate", "step"], "fig2": ["learning_rate", "epsilon", "step"],
        "fig3": ["learning_rate", "epsilon", "step"], "table2": ["optimizer"],
        "optimizers": ["optimizer", "learning_rate"],
        "reduction": ["learning_rate"], "pseudocode": ["form"],
        "adversarial-training": ["training", "learning_rate"]}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 12), np.float32), rng.integers(0, 3, 60)
    return SimpleNamespace(x_train=x, y_train=y, x_test=x[:40], y_test=y[:40])


@pytest.fixture(scope="module")
def numbers(data):
    """{measure: {name: value}} of a small network."""
    net = MLP.initialize((12, 8, 5, 3), seed=1)
    return {name: take(net, data) for name, take in measures.MEASURES.items()}


def made_up(wanted, numbers, diverged=()):
    """A record for each run, whose values are its seed's; those runs diverged."""
    def record(run):
        return runs.Record(run.configuration, "done", evaluations={
            str(step): {measure: {name: 10.0 * run.seed + step / 100 for name in values}
                        for measure, values in numbers.items()} for step in STEPS})
    return [runs.Record(run.configuration, "diverged", diverged_at=7) if k in diverged
            else record(run) for k, run in enumerate(wanted)]


@EVERY
def test_rows_tables_and_figure(experiment, numbers, tmp_path):
    wanted = experiment.wanted(300, 3, "checksum")
    assert len({run.hash for run in wanted}) == len(wanted)
    found = experiment.rows(wanted, made_up(wanted, numbers))
    keys = KEYS[experiment.NAME]
    assert len({tuple(row[key] for key in keys) for row in found}) == len(found)
    for row in found:
        assert len(row["runs"]) == len(row["diverged_at"]) == 3
        for quantity in experiment.QUANTITIES:
            assert row[quantity]["values"] == [
                10 * seed + row.get("step", 300) / 100
                for seed in range(len(row["runs"]))]
    seeds = sum(len(row["runs"]) for row in found)
    assert experiment.csv(found).count("\n") == 1 + seeds
    shown = getattr(experiment, "shown", lambda rows: rows)(found)
    assert tables.markdown(experiment.COLUMNS, shown).count("\n") == 2 + len(shown) > 2
    draw(experiment, found, tmp_path)


def draw(experiment, found, tmp_path):
    path = tmp_path / "figure.png"
    figures.save(experiment.draw({"rows": found, "stamp": "NOT COMPARABLE"}), path)
    assert path.read_bytes().startswith(b"\x89PNG")


@EVERY
def test_diverged_runs_are_gaps(experiment, numbers, tmp_path):
    wanted = experiment.wanted(300, 1, "checksum")
    found = experiment.rows(wanted, made_up(wanted, numbers, diverged={0}))
    quantity = list(experiment.QUANTITIES)[0]
    lost = [row for row in found if row[quantity]["values"] == [None]]
    assert lost and all(row["diverged_at"] == [7] for row in lost)
    assert len(lost) < len(found)
    draw(experiment, found, tmp_path)


def test_the_sweep_covers_the_papers_range():
    wanted = fig1.wanted(300, 3, "checksum")
    seeds = {}
    for run in wanted:
        seeds.setdefault(run.hyperparameters["learning_rate"], []).append(run.seed)
    assert tuple(seeds) == protocol.RATES and len(protocol.RATES) >= 13
    assert {0.1, 0.075, 0.01, 0.001, 0.00075} <= set(seeds)
    assert all(found == [0, 1, 2] for found in seeds.values())


def test_experiments_share_their_runs():
    def hashes(experiment):
        return {run.hash for run in experiment.wanted(300, 3, "checksum")}
    assert hashes(fig2) < hashes(fig3) == hashes(fig1)
    assert hashes(fig2) < hashes(optimizer_comparison)
    assert len(hashes(adversarial_training) & hashes(fig2)) == 6
    assert len(hashes(pseudocode) & hashes(fig2)) == 3


def test_ten_times_the_recommended_rate():
    wanted = optimizer_comparison.wanted(300, 1, "checksum")
    rates = {(run.optimizer, run.hyperparameters["learning_rate"]) for run in wanted}
    assert rates == {("sgd", 0.01), ("sgd", 0.1), ("momentum", 0.01), ("momentum", 0.1),
                     ("adagrad", 0.01), ("adagrad", 0.1), ("rmsprop", 0.001),
                     ("rmsprop", 0.01), ("adam", 0.001), ("adam", 0.01)}


def test_lines_are_the_protocols_and_the_last():
    assert results.lines([{"step": s} for s in (100, 1000, 3000, 6000, 7000)]) == [
        1000, 3000, 7000]


def test_printed_adam_freezes_then_overflows():
    """Its steps fall below 1e-6 within some updates, and v overflows near 22."""
    printed, meant = pseudocode.watch("printed"), pseudocode.watch("epsilon_hat")
    assert 1 < printed["frozen_at"] < 10 < printed["overflows_at"] < 30
    assert meant["frozen_at"] is None and meant["overflows_at"] is None
    assert min(meant["largest_step"]) > 1e-4
    assert None in printed["largest_v"]


# Measures

def test_measures_are_what_they_are_called(numbers, data):
    net = MLP.initialize((12, 8, 5, 3), seed=1)
    x, y = data.x_test, data.y_test
    assert numbers["natural"] == {"natural_error": natural_error(net, x, y)}
    assert numbers["train"] == {
        "train_error": natural_error(net, data.x_train, data.y_train)}
    for epsilon in protocol.EPSILONS:
        sweep = numbers["fgs_sweep"]
        plain, repaired = FGSM(epsilon)(net, x, y), FGSM(epsilon, log_odds)(net, x, y)
        assert sweep[f"fgs_error_{epsilon}"] == 100 * plain.success.mean()
        assert sweep[f"fgs_error_repaired_{epsilon}"] == 100 * repaired.success.mean()
        assert sweep["valid_fgs"] == 100 * plain.valid.mean()
        signs = RandomSign(epsilon)(net, data.x_train, data.y_train)
        found = numbers["frs_sweep"][f"frs_error_{epsilon}"]
        assert found == 100 * signs.success.mean()
    assert numbers[measures.FGS]["fgs_error"] == sweep["fgs_error_0.25"]
    assert set(numbers[measures.FGS]) == {"fgs_error", "fgs_error_repaired",
                                          "valid_fgs"}


def test_activity_is_counted(data):
    """Logits (1, 0, -1) + x: one hidden unit of two is active, the lead is 1 or -2."""
    net = MLP((2, 2, 3), np.zeros(2 * 2 + 2 + 2 * 3 + 3, np.float32))
    net.layers[0][1][:] = 1, -1
    net.layers[1][1][:] = 1, 0, -1
    data = SimpleNamespace(x_test=np.zeros((3, 2), np.float32),
                           y_test=np.array([0, 0, 2]))
    assert measures.activity(net, data) == {"active_hidden": 50.0, "logit_lead": 1.0}


def test_measures_of_many_steps_are_taken_last(numbers):
    configuration = {"steps": 300}
    record = runs.Record(configuration, evaluations={"100": {}, "300": {"natural": {}}})
    assert runs._missing(record, ("natural", measures.PGD)) == [
        ("100", "natural"), ("300", measures.PGD)]
    assert measures.LAST_ONLY < set(measures.MEASURES)
