"""Settings of one's own: options read, the product they make, the runs it wants."""
import importlib
import json
import linecache
import sys
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm import names
from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError, InputError
from npgm.experiments import protocol
from npgm.experiments.measures import named
from npgm.experiments.store.run import Run
from npgm.experiments.studies import EXPERIMENTS
from npgm.experiments.sweeps import design, menu, options
from npgm.optimizers import Adam

WORDS = st.text("abcdefghij_", min_size=1, max_size=8).filter(
    lambda word: word not in ("true", "false", "none"))
VALUES = st.one_of(
    st.integers(-9, 9), st.floats(1e-8, 1e8), st.booleans(), st.none(), WORDS.filter(
        lambda word: isinstance(names.literal(word), str)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)))


def experiment(kind="sweep", **given):
    return design.experiment(kind, options.read(given))


def wanted(**given):
    return experiment(**given).wanted(300, given.get("seeds", 1), MNIST_CHECKSUM)


# Texts


@given(st.lists(st.tuples(WORDS, st.dictionaries(WORDS, VALUES, max_size=3)),
                min_size=1, max_size=4))
def test_what_is_written_is_read_again(things):
    text = ",".join(names.spec_text(name, given) for name, given in things)
    assert [names.spec(part) for part in names.split(text)] == things


@pytest.mark.parametrize("text, found", [
    ("adam", ("adam", {})), ("my.module:Thing", ("my.module:Thing", {})),
    ("my.module:Thing:a=1,b=none", ("my.module:Thing", {"a": 1, "b": None})),
    ("pgd:clip=[0, 1],steps=2e1", ("pgd", {"clip": (0, 1), "steps": 20.0}))])
def test_a_name_and_its_hyperparameters(text, found):
    assert names.spec(text) == found


@pytest.mark.parametrize("text", ["", "=3", "a=3", ":a=3"])
def test_what_is_no_name(text):
    with pytest.raises(InputError, match="give a name"):
        names.spec(text)


# Options


def test_text_and_values_mean_the_same():
    text = options.read({
        "optimizer": "rmsprop,adam:beta1=0.5", "set": ["decay=0.9,0.99"],
        "learning_rates": "0.001,3e-3", "hidden": ["300,100", "50"], "seeds": "3-5",
        "batch_size": "64", "defence": "none,adversarial_training:epsilon=0.2",
        "measures": "fgs,pgd:loss=log_odds,steps=5"})
    values = options.read({
        "optimizer": ["rmsprop", Adam(beta1=0.5)], "set": {"decay": [0.9, 0.99]},
        "learning_rates": [0.001, 0.003], "hidden": [(300, 100), 50],
        "seeds": [3, 4, 5], "batch_size": 64, "defence": [
            None, {"name": "adversarial_training", "epsilon": 0.2}],
        "measures": ["fgs", "pgd:loss=log_odds,steps=5"]})
    assert text == values
    assert text == options.read(json.loads(json.dumps(text)))


def test_a_file_of_the_same_keys(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text('optimizer = ["adam", "rmsprop"]\nhidden = [300, 100]\n'
                    'learning_rates = [0.001, 0.01]\n[set]\ndecay = [0.9, 0.99]\n')
    assert options.read(options.from_toml(path)) == options.read({
        "optimizer": "adam,rmsprop", "hidden": "300,100", "learning_rates":
        "0.001,0.01", "set": ["decay=0.9,0.99"]})


@pytest.mark.parametrize("text, kind, words", [
    ("optimiser = 'adam'", InputError, "is it 'optimizer'"),
    ("optimizer = ", DataError, "not TOML"),
    ("batch_size = 0", InputError, "batch_size")])
def test_what_is_wrong_in_a_file_is_told_with_its_name(text, kind, words, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(kind, match=words) as error:
        options.from_toml(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("given, words", [
    ({"optimizers": "adam"}, "is it 'optimizer'"),
    ({"optimizer": "adm"}, "is it 'adam'"),
    ({"optimizer": "adam:beta3=1"}, "is it 'beta1'|is it 'beta2'"),
    ({"optimizer": 3}, "give a name"),
    ({"set": "decay"}, "key=value"),
    ({"learning_rates": "0"}, "learning_rates: .*above 0"),
    ({"learning_rates": "fast"}, "learning_rates: .*'fast'"),
    ({"hidden": "300,x"}, "hidden: .*'x'"),
    ({"hidden": [0]}, "hidden: .*at least 1"),
    ({"batch_size": "1.5"}, "batch_size: .*whole number"),
    ({"loss": "crossentropy"}, "is it 'cross_entropy'"),
    ({"defence": "adversarial"}, "is it 'adversarial_training'"),
    ({"defence": "adversarial_training:epsilom=1"}, "is it 'epsilon'"),
    ({"dtype": "float16"}, "choose one of float32"),
    ({"scheme": "hee"}, "is it 'he'"),
    ({"seeds": "5-3"}, "smaller one first"), ({"seeds": 0}, "seeds"),
    ({"epsilons": "-1"}, "epsilon"),
    ({"measures": "residuals"}, "is it 'residual'"),
    ({"measures": "pgd:stepz=3"}, "is it 'steps'"),
    ({"measures": "pgd:epsilon=0.1"}, "one of epsilons"),
    ({"measures": "no.such:Attack"}, "no.such"),
    ({"name": "table2"}, "name"), ({"name": "../x"}, "name"),
    ({"name": "train"}, "name"),
    ({"name": 101 * "x"}, "up to 100"), ({"set": 5}, "key=value"),
    ({"set": [1, 2]}, "key=value"), ({"set": ["a=1", "a=2"]}, "a key twice"),
    ({"optimizer": []}, "optimizer is empty"), ({"seeds": []}, "seeds"),
    ({"seeds": "0-999999999"}, "at most 10,000"),
    ({"learning_rates": 10 ** 400}, "learning_rate"),
    ({"measures": "transfer"}, "transfer needs source")])
def test_what_is_wrong_is_told_in_a_line_with_the_nearest(given, words):
    with pytest.raises(InputError, match=words) as error:
        options.read(given)
    assert "\n" not in str(error.value)


def test_a_hyperparameter_that_no_optimizer_has():
    with pytest.raises(InputError, match="sgd and adam has no 'beta3': is it 'beta"):
        experiment(optimizer="sgd,adam", set={"beta3": 0.5})


@pytest.mark.parametrize("given", [
    {"optimizer": "adam:beta1=0.5", "set": "beta1=0.9"},
    {"set": "learning_rate=0.1", "learning_rates": "0.2"}])
def test_what_is_given_twice_is_told(given):
    with pytest.raises(InputError, match="given twice"):
        experiment(**given)


def test_a_training_has_one_of_each():
    with pytest.raises(InputError, match="train takes one learning_rates, not 2"):
        experiment("train", learning_rates="0.1,0.01")
    with pytest.raises(InputError, match="train takes one decay, not 2"):
        experiment("train", optimizer="rmsprop", set="decay=0.9,0.99")


# The product


def test_every_combination_is_a_run_once():
    runs = wanted(optimizer="rmsprop,adam,adam", set="decay=0.9,0.99",
                  learning_rates="0.001,0.01", hidden=["30", "20,10"], batch_size=10,
                  seeds=2)
    assert len({run.hash for run in runs}) == len(runs) == 2 * 2 * (2 * 2 + 2)
    assert {run.batch_size for run in runs} == {10}
    assert {run.hidden for run in runs} == {(30,), (20, 10)}
    assert {(run.optimizer, run.hyperparameters.get("decay")) for run in runs} == {
        ("rmsprop", 0.9), ("rmsprop", 0.99), ("adam", None)}


def test_seeds_may_be_any():
    assert [run.seed for run in experiment(seeds="7-8").wanted(300, (7, 8), "")] == [
        7, 8]


@pytest.mark.parametrize("name, given", [
    ("table2", {"optimizer": "sgd,momentum,adagrad,adam"}),
    ("fig1", {"learning_rates": list(protocol.RATES)}),
    ("optimizers", {"optimizer": "rmsprop", "learning_rates": "0.001,0.01"}),
    ("adversarial-training", {"learning_rates": "0.001",
                              "defence": "adversarial_training:epsilon=0.25"})])
def test_the_papers_runs_are_found_again(name, given):
    theirs = {run.hash for run in EXPERIMENTS[name].wanted(300, 1, MNIST_CHECKSUM)}
    assert {run.hash for run in wanted(**given)} <= theirs


def test_rows_differ_in_what_varies():
    assert experiment(optimizer="rmsprop,adam").keys == (
        "optimizer", "learning_rate", "epsilon")
    assert experiment(measures="natural").keys == ("optimizer", "learning_rate")
    assert experiment(set="epsilon=1e-8,1e-4", defence="none,adversarial_training",
                      hidden=["30", "40"]).keys == (
        "optimizer", "learning_rate", "optimizer_epsilon", "hidden", "defence",
        "epsilon")


def test_an_experiment_tells_its_own_runs_apart_by_the_optimizers_epsilon():
    found = experiment(set="epsilon=1e-8,1e-4", epsilons="0.1,0.2")
    keys = [keys for keys, _ in found.groups(found.wanted(300, 1, ""))]
    assert [(row["optimizer_epsilon"], row["epsilon"]) for row in keys] == [
        (1e-8, 0.1), (1e-8, 0.2), (1e-4, 0.1), (1e-4, 0.2)]


# Measures


def test_measures_are_asked_for_at_every_epsilon_and_of_the_last_network():
    found = experiment(measures="fgs,frs,activity,pgd:steps=3,deepfool",
                       epsilons="0.1,0.25")
    assert set(found.measures) == {
        "natural", "fgs_0.1", "fgs_0.25", "frs_0.1", "frs_0.25", "activity",
        "attack pgd:steps=3_0.1", "attack pgd:steps=3_0.25", "attack deepfool_none"}
    assert all(name.startswith("at last: ") for name in found.needed)
    assert experiment("train").needed == ("natural", "fgs_0.25")


def test_words_have_quantities_of_their_own():
    names = [quantity.name for word in menu.MENU for quantity in menu.MENU[word]]
    assert len(set(names)) == len(names)


# One's own


@dataclass(frozen=True)
class Mine(Adam):
    """An optimizer of a user's own."""

    patience: int = 3


def own_loss(z, y):
    return z[:, 0], z


def test_ones_own_by_where_it_is():
    run, = wanted(optimizer=f"{__name__}:Mine:patience=4", learning_rates="0.1",
                  loss=f"{__name__}:own_loss")
    assert (run.optimizer, run.loss) == (f"{__name__}:Mine", f"{__name__}:own_loss")
    assert run.hyperparameters["patience"] == 4
    assert set(run.own) == {run.optimizer, run.loss}
    assert run.parts() == (Mine(0.1, patience=4), None)
    assert Run(**json.loads(json.dumps(run.configuration))).hash == run.hash


def test_ones_own_is_another_once_it_was_edited(tmp_path, monkeypatch):
    path = tmp_path / "mine_to_be_edited.py"
    path.write_text("from dataclasses import dataclass\nfrom npgm.optimizers import "
                    "Adam\n\n\n@dataclass(frozen=True)\nclass Mine(Adam):\n"
                    "    patience: int = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    run, = wanted(optimizer="mine_to_be_edited:Mine")
    path.write_text(path.read_text() + "    # slower\n    delay: float = 1.0\n")
    linecache.clearcache()
    importlib.reload(sys.modules["mine_to_be_edited"])
    assert wanted(optimizer="mine_to_be_edited:Mine")[0].own != run.own
    with pytest.raises(DataError, match="Mine was edited since"):
        run.parts()


def test_an_edited_helper_makes_another_loss(tmp_path, monkeypatch):
    path = tmp_path / "loss_with_a_helper.py"
    path.write_text("SIGN = 1\n\n\ndef mine(z, y):\n    return z[:, 0], SIGN * z\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = "loss_with_a_helper:mine"
    (run,), measures = wanted(loss=text), experiment(
        measures=f"pgd:loss={text},steps=5").measures
    path.write_text(path.read_text().replace("SIGN = 1", "SIGN = -1"))
    linecache.clearcache()
    importlib.reload(sys.modules["loss_with_a_helper"])
    assert wanted(loss=text)[0].hash != run.hash
    again = experiment(measures=f"pgd:steps=5,loss={text}")
    assert len(again.measures) == len(measures) == 2 and again.measures != measures
    with pytest.raises(DataError, match="edited since"):
        named(measures[1])(None, None)


def test_hyperparameters_in_another_order_are_the_same_measure():
    assert experiment(measures="pgd:steps=5,loss=log_odds").measures == experiment(
        measures="pgd:loss=log_odds,steps=5").measures


@dataclass(frozen=True)
class Counting(Adam):
    """One with a hyperparameter that a run has, too."""

    steps: int = 3


def test_a_hyperparameter_may_be_called_as_a_field_of_a_run():
    found = experiment(optimizer=f"{__name__}:Counting", set="steps=3,4",
                       steps="60,120")
    assert {"optimizer_steps", "steps"} <= set(found.keys)
    assert len(found.groups(found.wanted(60, 1, ""))) == 4


@dataclass(frozen=True)
class Demanding(Adam):
    """One with a hyperparameter that has to be given."""

    learning_rate: float = field()


def test_what_has_to_be_given_is_named():
    with pytest.raises(InputError, match="needs learning_rate"):
        experiment(optimizer=f"{__name__}:Demanding")
    run, = wanted(optimizer=f"{__name__}:Demanding:learning_rate=0.5")
    assert run.hyperparameters["learning_rate"] == 0.5


def test_runs_of_ours_have_no_digest():
    run, = wanted()
    assert run.own is None and "own" not in run.configuration
    assert replace(run, own={"a:b": "c"}).hash != run.hash
