"""Optimizers against PyTorch's numbers, against formulas, and by their names."""
import json
import math
from pathlib import Path

import numpy as np
import pytest

from npgm import optimizers
from npgm.errors import InputError
from npgm.optimizers import OPTIMIZERS, SGD, AdaGrad, Adam, Momentum, RMSprop

TORCH = json.loads((Path(__file__).parent / "data" / "optimizer_updates.json")
                   .read_text())
DTYPES = [np.float32, np.float64]

# npgm's spelling of the arguments stored beside each sequence.
AS_IN_TORCH = {
    "sgd": SGD(learning_rate=0.01),
    "momentum": Momentum(learning_rate=0.01, momentum=0.9),
    "adagrad": AdaGrad(learning_rate=0.01, initial_accumulator=0.0, epsilon=1e-10),
    "rmsprop": RMSprop(learning_rate=0.01, decay=0.99, epsilon=1e-8,
                       epsilon_inside_root=False, initial_mean_square=0.0),
    "adam": Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8,
                 form="algorithm1"),
}

ALL = {
    "sgd": SGD(),
    "momentum": Momentum(),
    "adagrad": AdaGrad(),
    "adagrad epsilon": AdaGrad(initial_accumulator=0.0, epsilon=1e-10),
    "rmsprop": RMSprop(),
    "rmsprop outside": RMSprop(epsilon_inside_root=False, initial_mean_square=0.0),
    "adam": Adam(),
    "adam 0.01": Adam(learning_rate=0.01),
    "adam algorithm1": Adam(form="algorithm1"),
    "adam printed": Adam(form="printed"),
    "adam printed_once": Adam(form="printed_once"),
}
every_optimizer = pytest.mark.parametrize("optimizer", ALL.values(), ids=ALL)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def run(optimizer, theta, gradients, update=None):
    """theta after every update (updates, P), and the final state."""
    theta = theta.copy()
    state, after = optimizer.init(theta), []
    for g in gradients:
        (update or optimizer.update)(theta, g, state)
        after.append(theta.copy())
    return np.array(after), state


def follow(optimizer, theta, gradients):
    """One parameter in float64: its value after every update."""
    return run(optimizer, np.array([theta]), np.array(gradients)[:, None])[0][:, 0]


def random_run(dtype, updates=6, count=1000):
    """theta and gradients of every size, a quarter of them zero."""
    rng = np.random.default_rng(0)
    g = rng.normal(size=(updates, count)) * 10.0 ** rng.integers(-25, 15, count)
    g[rng.random(g.shape) < 0.25] = 0
    return rng.normal(size=count).astype(dtype), g.astype(dtype)


# Against PyTorch


@pytest.mark.parametrize("name", AS_IN_TORCH)
def test_updates_equal_pytorchs(name):
    after, _ = run(AS_IN_TORCH[name], np.array(TORCH["theta"]),
                   np.array(TORCH["gradients"]))
    expected = np.array(TORCH["optimizers"][name]["thetas"])
    assert after.shape == expected.shape == (30, 8)
    np.testing.assert_allclose(after, expected, rtol=1e-12, atol=0)


def test_the_sequences_tell_the_optimizers_apart():
    last = [tuple(record["thetas"][-1]) for record in TORCH["optimizers"].values()]
    assert len(set(last)) == len(AS_IN_TORCH)


# By hand, in plain floats. Gradients 3 then -1, from theta = 1.


def test_sgd_by_hand():
    after = follow(SGD(0.1), 1.0, [3.0, -1.0])
    np.testing.assert_allclose(after, [0.7, 0.8], rtol=1e-15)


def test_momentum_by_hand():
    # a = 3, then 0.9 * 3 - 1 = 1.7, then 0.9 * 1.7 + 0 = 1.53
    after = follow(Momentum(0.1), 1.0, [3.0, -1.0, 0.0])
    np.testing.assert_allclose(after, [0.7, 0.53, 0.377], rtol=1e-14)


def test_adagrad_starts_its_sum_at_a_tenth():
    # a = 0.1 + 9 = 9.1, then 10.1
    first = 1 - 0.01 * 3 / math.sqrt(9.1)
    second = first + 0.01 * 1 / math.sqrt(10.1)
    np.testing.assert_allclose(follow(AdaGrad(), 1.0, [3.0, -1.0]), [first, second],
                               rtol=1e-15)


def test_adagrad_adds_epsilon_outside_the_root():
    # a = 9, then 10
    first = 1 - 0.01 * 3 / (3 + 0.5)
    second = first + 0.01 * 1 / (math.sqrt(10) + 0.5)
    optimizer = AdaGrad(initial_accumulator=0.0, epsilon=0.5)
    np.testing.assert_allclose(follow(optimizer, 1.0, [3.0, -1.0]), [first, second],
                               rtol=1e-15)


def test_rmsprop_starts_its_mean_square_at_1():
    # v = 0.9 + 0.1 * 9 = 1.8, then 0.9 * 1.8 + 0.1 = 1.72
    first = 1 - 0.001 * 3 / math.sqrt(1.8 + 1e-10)
    second = first + 0.001 * 1 / math.sqrt(1.72 + 1e-10)
    np.testing.assert_allclose(follow(RMSprop(), 1.0, [3.0, -1.0]), [first, second],
                               rtol=1e-15)


@pytest.mark.parametrize("inside, roots", [
    (True, [math.sqrt(1.8 + 0.5), math.sqrt(1.72 + 0.5)]),
    (False, [math.sqrt(1.8) + 0.5, math.sqrt(1.72) + 0.5])])
def test_rmsprop_has_epsilon_where_it_says(inside, roots):
    first = 1 - 0.001 * 3 / roots[0]
    second = first + 0.001 * 1 / roots[1]
    optimizer = RMSprop(epsilon=0.5, epsilon_inside_root=inside)
    np.testing.assert_allclose(follow(optimizer, 1.0, [3.0, -1.0]), [first, second],
                               rtol=1e-15)


# What all of them share


@every_optimizer
@every_dtype
def test_dtype_is_kept(optimizer, dtype):
    theta, gradients = random_run(dtype)
    after, state = run(optimizer, theta, gradients)
    assert after.dtype == dtype
    assert {getattr(state, name).dtype for name in optimizer.initial} <= {theta.dtype}


@every_optimizer
@every_dtype
def test_a_rule_computes_in_the_dtype_of_theta(optimizer, dtype):
    theta = np.ones(3, dtype)
    new = optimizer.compute(theta, theta, optimizer.init(theta))
    assert {array.dtype for array in new.values()} == {theta.dtype}


@every_optimizer
def test_compute_gives_every_quantity_and_changes_nothing(optimizer):
    theta, gradients = np.linspace(-1, 1, 9), np.linspace(1, 3, 27).reshape(3, 9)
    after, state = run(optimizer, theta, gradients[:2])
    theta, before = after[-1].copy(), {name: np.copy(value)
                                       for name, value in vars(state).items()}
    new = optimizer.compute(theta, gradients[2], state)
    assert tuple(new) == optimizer.rule.quantities
    assert {"theta", "step", *optimizer.initial} <= set(new)
    np.testing.assert_array_equal(theta, after[-1])
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(state, name), value)
    np.testing.assert_array_equal(new["theta"], theta - new["step"])
    optimizer.update(theta, gradients[2], state)
    np.testing.assert_array_equal(theta, new["theta"])
    for name in optimizer.initial:
        np.testing.assert_array_equal(getattr(state, name), new[name])


@every_optimizer
def test_float32_updates_are_near_those_of_float64(optimizer):
    rng = np.random.default_rng(0)
    theta, gradients = rng.normal(size=200), rng.normal(size=(3, 200))
    wide = run(optimizer, theta.astype(np.float32).astype(float),
               gradients.astype(np.float32).astype(float))[0]
    narrow = run(optimizer, theta.astype(np.float32), gradients.astype(np.float32))[0]
    np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=1e-6)


@every_optimizer
def test_updates_are_made_in_place(optimizer):
    theta = np.ones(5)
    state = optimizer.init(theta)
    arrays = [theta, *(getattr(state, name) for name in optimizer.initial)]
    before = [array.copy() for array in arrays]
    optimizer.update(theta, np.full(5, 0.5), state)
    assert state.t == 1
    assert all(np.all(a != b) for a, b in zip(arrays, before))
    assert all(getattr(state, name) is array
               for name, array in zip(optimizer.initial, arrays[1:]))


@every_optimizer
def test_gradients_are_left_as_they_were(optimizer):
    theta, g = np.ones(5), np.arange(5.0)
    optimizer.update(theta, g, optimizer.init(theta))
    assert g.tolist() == [0, 1, 2, 3, 4]


@every_optimizer
def test_every_parameter_stands_for_itself(optimizer):
    theta, gradients = random_run(np.float32, count=50)
    whole, _ = run(optimizer, theta, gradients)
    single, _ = run(optimizer, theta[7:8], gradients[:, 7:8])
    assert np.array_equal(whole[:, 7:8], single)


@every_optimizer
def test_a_first_step_goes_downhill(optimizer):
    theta = np.zeros(2)
    optimizer.update(theta, np.array([0.5, -0.5]), optimizer.init(theta))
    assert theta[0] < 0 < theta[1]


@every_optimizer
@pytest.mark.parametrize("g", [np.zeros(4), np.zeros((5, 1)), np.zeros(1),
                               np.zeros(5, np.float32), np.zeros(5, int)])
def test_a_gradient_that_does_not_fit_changes_nothing(optimizer, g):
    theta = np.ones(5)
    state = optimizer.init(theta)
    with pytest.raises(InputError) as caught:
        optimizer.update(theta, g, state)
    assert "\n" not in str(caught.value)
    assert theta.tolist() == [1] * 5
    assert state.t == 0


# By name


@pytest.mark.parametrize("name, cls", OPTIMIZERS.items())
def test_an_optimizer_is_made_by_its_name(name, cls):
    made = optimizers.make(name, learning_rate=0.5)
    assert made == cls(learning_rate=0.5) and type(made) is cls
    assert optimizers.name_of(made) == name


class Mine(SGD):
    """A user's own."""


def test_a_users_own_is_made_by_where_it_is():
    name = f"{__name__}:Mine"
    assert type(optimizers.make(name, learning_rate=0.5)) is Mine
    assert optimizers.name_of(Mine()) == name


@pytest.mark.parametrize("name, words", [
    ("adm", "is it 'adam'"), ("Adagrad", "is it 'adagrad'"), ("rms", "is it 'rmsprop'"),
    ("lbfgs", "sgd, momentum, adagrad, rmsprop, adam"), (None, "sgd, momentum"),
    (f"{__name__}:Yours", "Yours"), ("nowhere.at_all:Mine", "nowhere"),
    (":Mine", "not to be found"), ("npgm.optimizers:", "not to be found")])
def test_an_optimizer_that_is_not_to_be_found(name, words):
    with pytest.raises(InputError, match=words) as caught:
        optimizers.make(name)
    assert repr(name) in str(caught.value) and "\n" not in str(caught.value)
