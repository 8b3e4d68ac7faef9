"""Runs: their configurations, their hashes, and what they are called."""
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace

import pytest
from commands import ROOT

from npgm.experiments import protocol
from npgm.experiments.store.run import Run, folder_of
from npgm.experiments.studies import EXPERIMENTS
from npgm.optimizers import SGD, Adam

RUN = Run("sgd", {"learning_rate": 0.01}, seed=0, steps=100, data_checksum="abc")
DEFENCE = {"name": "adversarial_training", "epsilon": 0.25}


def run(optimizer=Adam(), **settings):
    return Run.of(optimizer, **{"seed": 0, "steps": 100, "data_checksum": "abc",
                                **settings})


@dataclass(frozen=True)
class Mine(SGD):
    """An optimizer of a user's own."""

    patience: int = 3


# Hashes


@pytest.mark.parametrize("change", [
    {"optimizer": "momentum"}, {"hyperparameters": {"learning_rate": 0.011}},
    {"hyperparameters": {"learning_rate": 0.01, "momentum": 0.9}}, {"seed": 1},
    {"steps": 101}, {"data_checksum": "abd"}, {"hidden": (600,)},
    {"batch_size": 124}, {"scheme": "he"}, {"dtype": "float64"},
    {"defence": DEFENCE}, {"loss": "margin"}, {"own": {"mine:Mine": "abc"}}], ids=str)
def test_the_hash_depends_on_every_field(change):
    assert replace(RUN, **change).hash != RUN.hash


def test_every_field_is_tried():
    """The test above has to grow with Run."""
    mark = test_the_hash_depends_on_every_field.pytestmark[0]
    assert {name for change in mark.args[1] for name in change} == set(asdict(RUN))


def test_runs_without_a_defence_keep_their_hash():
    """Those stored before there were defences are found again."""
    assert "defence" not in RUN.configuration
    assert RUN.hash == "65f580cea0065dec"


def test_the_hash_is_the_same_in_another_process():
    script = ("from npgm.experiments.store.run import Run; print(Run('sgd', "
              "{'learning_rate': 0.01}, seed=0, steps=100, data_checksum='abc').hash)")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True,
                          capture_output=True, check=True)
    assert done.stdout.strip() == RUN.hash


def test_the_configuration_survives_json():
    assert json.loads(json.dumps(RUN.configuration)) == RUN.configuration
    assert Run(**RUN.configuration).hash == RUN.hash


def test_a_run_is_kept_in_a_folder_named_after_its_hash(tmp_path):
    assert folder_of(str(tmp_path), RUN) == tmp_path / "runs" / "65f580cea0065dec"


@pytest.mark.parametrize("name, optimizer", protocol.OPTIMIZERS.items())
def test_a_run_of_an_optimizer_has_its_name_and_hyperparameters(name, optimizer):
    assert run(optimizer) == Run(name, asdict(optimizer), 0, 100, "abc")


def test_a_users_own_optimizer_is_named_by_where_it_is():
    assert run(Mine()).optimizer == "test_run:Mine"


@pytest.mark.parametrize("name, value", [
    ("optimizer", "adam"), ("seed", 0), ("learning_rate", 0.001),
    ("form", "epsilon_hat"), ("training", "plain"), ("momentum", None)])
def test_a_key_is_a_field_or_a_hyperparameter(name, value):
    assert run().key(name) == value


@pytest.mark.parametrize("defence, training", [
    (None, "plain"), (DEFENCE, "adversarial"), ({"name": "a:Mine"}, "a:Mine")])
def test_how_a_run_was_trained(defence, training):
    assert replace(RUN, defence=defence).training == training


# Names


@pytest.mark.parametrize("settings, name", [
    ({}, "adam 0.001 seed 0"),
    ({"optimizer": SGD(0.1), "seed": 2}, "sgd 0.1 seed 2"),
    ({"optimizer": Adam(form="printed")}, "adam 0.001 form=printed seed 0"),
    ({"optimizer": Adam(0.01, beta1=0.8)}, "adam 0.01 beta1=0.8 seed 0"),
    ({"hidden": (8, 4)}, "adam 0.001 hidden=8,4 seed 0"),
    ({"batch_size": 10, "dtype": "float64", "scheme": "he"},
     "adam 0.001 batch_size=10 scheme=he dtype=float64 seed 0"),
    ({"defence": DEFENCE}, "adam 0.001 defence=adversarial_training,0.25 seed 0"),
    ({"optimizer": Mine()}, "test_run:Mine 0.01 patience=3 seed 0")], ids=str)
def test_a_run_is_called_by_what_is_not_as_in_the_protocol(settings, name):
    assert str(run(**settings)) == name


def test_without_a_learning_rate_none_is_named():
    assert str(replace(RUN, hyperparameters={"size": 2})) == "sgd size=2 seed 0"


def test_no_two_runs_of_all_are_called_the_same():
    runs = {one.hash: one for experiment in EXPERIMENTS.values()
            for one in experiment.wanted(100_000, 3, "abc")}
    assert len({str(one) for one in runs.values()}) == len(runs) >= 78


@pytest.mark.parametrize("settings", [{}, {"defence": DEFENCE}], ids=str)
def test_a_run_read_back_is_called_the_same(settings):
    assert str(Run(**run(**settings).configuration)) == str(run(**settings))
