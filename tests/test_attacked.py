"""Attacks as measures by their text, and what is measured of networks together."""
import json
from dataclasses import replace

import numpy as np
import pytest
from made_up import ENTRIES
from test_measures import dataset, network

from npgm import plots
from npgm.errors import InputError
from npgm.experiments import execute, protocol
from npgm.experiments.execute import Request
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import is_last_only, named, outcomes

# Logits are a hundred times the pixels. Four of lead 12; three of 28, of which float32
# has no residual of the label; two of 110, of which it has none; one where no hidden
# unit is on. A step of 0.25 moves the lead by 50, or 25 where the label's part is gone.
NET = network(100)
DATA = dataset([(4, 0.12, 0), (3, 0.28, 0), (2, 1.1, 0), (1, None, 0)])


@pytest.mark.parametrize("name, error, rounded, silent", [
    ("attack fgsm_0.25", 40, 50, 10), ("attack fgsm:loss=log_odds_0.25", 70, 0, 10),
    ("attack fgsm_0.01", 0, 50, 10)])
def test_an_attacks_error_and_what_it_did_not_fool(name, error, rounded, silent):
    found = named(name)(NET, DATA)
    assert (found["error"], found["rounded"], found["silent"]) == (
        error, rounded, silent)
    assert found["otherwise"] == 100 - error - rounded - silent


def test_entries_have_the_names_that_records_know_them_by():
    found = named("attack fgsm_0.25")(NET, DATA)
    assert set(found) == set(ENTRIES["attack fgsm_0.25"])


def test_distances_are_medians_over_the_fooled():
    found = named("attack fgsm:loss=log_odds_0.25")(NET, DATA)
    assert (found["l0"], found["linf"]) == (3, 0.25)
    assert found["l2"] == pytest.approx(0.25 * 3 ** 0.5)
    nothing = named("attack fgsm_0.01")(NET, DATA)
    assert nothing["l0"] is nothing["l2"] is nothing["linf"] is None


def test_an_attack_without_an_epsilon_needs_none():
    found = named("attack deepfool:norm=2_none")(NET, DATA)
    assert found == {**named("attack deepfool:norm=2_0.25")(NET, DATA),
                     "milliseconds": found["milliseconds"]}
    # The nearest point of another class: pixel 0 down and another up by half the lead.
    assert found["l2"] == pytest.approx(0.28 / 2 ** 0.5, rel=0.05)


def test_what_is_no_measure():
    assert is_last_only("attack fgsm_0.1") and not is_last_only("fgs_0.1")
    with pytest.raises(InputError, match="is it 'activity'"):
        named("activities")
    with pytest.raises(InputError, match="is it 'pgd'"):
        named("attack pdg_0.1")(NET, DATA)


TOGETHER = Experiment(
    name="pairs", title="Two networks", keys=("learning_rate",),
    runs=tuple(Setting(protocol.optimizer("sgd", learning_rate=rate),
                       changed={"hidden": (8,), "batch_size": 10})
               for rate in (0.1, 0.2)),
    quantities=(outcomes.NATURAL_ERROR,), draw=lambda result: plots.new(1)[0],
    together=lambda networks, data: {"apart": float(np.abs(
        networks[0].theta - networks[1].theta).max()), "images": len(data.x_test)},
    said=lambda result: [f"{found['apart']:.9f} apart" for found in result["together"]])


@pytest.mark.slow
def test_networks_of_a_seed_are_measured_together(data, tmp_path, capsys):
    request = Request(out=tmp_path, steps=100, seeds=2, data=data, jobs=2)
    result = execute.execute(TOGETHER, request)
    first, second = result["together"]
    assert 0 < first["apart"] != second["apart"] > 0
    assert f"{second['apart']:.9f} apart" in capsys.readouterr().out
    assert f"{first['apart']:.9f} apart" in (tmp_path / "pairs.md").read_text()
    assert json.loads((tmp_path / "pairs.json").read_text()) == result
    assert TOGETHER.fits(result)
    assert not TOGETHER.fits({**result, "together": result["together"][:1]})
    again = replace(request, jobs=1)
    assert execute.execute(TOGETHER, again)["together"] == result["together"]
