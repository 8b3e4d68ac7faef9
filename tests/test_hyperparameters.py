"""What an optimizer's hyperparameters may be, and what they are kept as."""
import dataclasses
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from test_optimizers import every_optimizer

from npgm.errors import InputError
from npgm.optimizers import OPTIMIZERS, SGD, AdaGrad, Adam, Momentum, RMSprop


NUMBERS = [(cls, field.name) for cls in OPTIMIZERS.values()
           for field in dataclasses.fields(cls) if isinstance(field.default, float)]


@pytest.mark.parametrize("cls, name", NUMBERS)
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "0.1", None])
def test_impossible_numbers(cls, name, value):
    with pytest.raises(InputError, match=name) as caught:
        cls(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cls, name", NUMBERS)
@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_any_real_number_will_do_and_is_kept_as_a_float(cls, name, value):
    found = getattr(cls(**{name: value}), name)
    assert type(found) is float and found == 0.5


@pytest.mark.parametrize("value", [True, np.True_, 0.5j, np.array([0.5, 0.5])])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="learning_rate"):
        Adam(learning_rate=value)


@pytest.mark.parametrize("optimizer, rounded", [
    (Adam(beta2=1 - 1e-9), "1"), (RMSprop(epsilon=1e-50), "0"),
    (SGD(learning_rate=1e39), "inf")], ids=str)
def test_a_number_that_float32_takes_for_another_is_refused(optimizer, rounded):
    with pytest.raises(InputError, match=f"is {rounded} in float32") as caught:
        optimizer.init(np.ones(3, np.float32))
    assert "\n" not in str(caught.value)
    optimizer.init(np.ones(3))


@pytest.mark.parametrize("cls, name", [(Momentum, "momentum"), (RMSprop, "decay"),
                                       (Adam, "beta1"), (Adam, "beta2")])
def test_averages_must_forget(cls, name):
    with pytest.raises(InputError, match=name):
        cls(**{name: 1.0})


def test_an_unknown_form_of_adam():
    with pytest.raises(InputError, match="algorithm1"):
        Adam(form="amsgrad")


@pytest.mark.parametrize("cls, start", [(AdaGrad, "initial_accumulator"),
                                        (RMSprop, "initial_mean_square")])
def test_nothing_to_divide_by(cls, start):
    with pytest.raises(InputError, match="zero"):
        cls(**{start: 0.0, "epsilon": 0.0})


def test_hyperparameters_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Adam().learning_rate = 0.01


@every_optimizer
def test_a_configuration_survives_json(optimizer):
    text = json.dumps(dataclasses.asdict(optimizer), allow_nan=False)
    assert type(optimizer)(**json.loads(text)) == optimizer


def test_defaults_are_the_protocols():
    assert {name: dataclasses.asdict(cls()) for name, cls in OPTIMIZERS.items()} == {
        "sgd": {"learning_rate": 0.01},
        "momentum": {"learning_rate": 0.01, "momentum": 0.9},
        "adagrad": {"learning_rate": 0.01, "initial_accumulator": 0.1,
                    "epsilon": 0.0},
        "rmsprop": {"learning_rate": 0.001, "decay": 0.9, "epsilon": 1e-10,
                    "epsilon_inside_root": True, "initial_mean_square": 1.0},
        "adam": {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999,
                 "epsilon": 1e-8, "form": "epsilon_hat"}}
