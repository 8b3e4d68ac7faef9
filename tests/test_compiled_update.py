"""An optimizer's update compiled: the bits of the one in NumPy."""
import warnings

import numpy as np
import pytest
from test_optimizers import every_dtype, every_optimizer, random_run, run

from npgm.compiled import jit
from npgm.errors import InputError
from npgm.optimizers import SGD, AdaGrad, Adam, Momentum, RMSprop


@every_optimizer
@every_dtype
def test_compiled_updates_are_the_same_to_the_bit(optimizer, dtype):
    theta, gradients = random_run(dtype)
    with np.errstate(all="ignore"):
        expected, state = run(optimizer, theta, gradients)
        after, compiled_state = run(optimizer, theta, gradients,
                                    optimizer.compiled())
    np.testing.assert_array_equal(after, expected)
    assert vars(compiled_state).keys() == vars(state).keys()
    for name, value in vars(state).items():
        np.testing.assert_array_equal(vars(compiled_state)[name], value)


@every_optimizer
def test_a_rule_of_the_package_is_compiled_without_a_word(optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (optimizer.compiled() == optimizer.update) == jit.disabled()


def test_compiled_and_plain_updates_may_alternate():
    theta, gradients = random_run(np.float32)
    optimizer = Adam()
    plain, compiled = optimizer.update, optimizer.compiled()
    turns = iter([plain, compiled] * 3)
    mixed, _ = run(optimizer, theta, gradients, lambda *args: next(turns)(*args))
    assert mixed.tobytes() == run(optimizer, theta, gradients)[0].tobytes()


def test_compiled_updates_check_the_gradient_too():
    """Compiled loops know no bounds: a short g would be read past its end."""
    optimizer, theta = Adam(), np.ones(5)
    state = optimizer.init(theta)
    with pytest.raises(InputError):
        optimizer.compiled()(theta, np.zeros(4), state)
    assert state.t == 0


@every_dtype
@pytest.mark.parametrize("optimizer", [
    SGD(), Momentum(), AdaGrad(), AdaGrad(epsilon=1e-10), RMSprop(),
    RMSprop(epsilon_inside_root=False), Adam(), Adam(form="algorithm1"),
    Adam(form="printed"), Adam(form="printed_once")], ids=str)
def test_compiled_update_is_the_optimizers_bit_for_bit(optimizer, dtype):
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(1001).astype(dtype)
    mine, state = theta.copy(), optimizer.init(theta)
    my_state = optimizer.init(mine)
    update = optimizer.compiled()
    for scale in (1, 1, 1e-3, 0, 1e3):
        g = (scale * rng.standard_normal(1001)).astype(dtype)
        optimizer.update(theta, g, state)
        update(mine, g, my_state)
    assert mine.tobytes() == theta.tobytes()
    assert my_state.t == state.t == 5
    for name in optimizer.initial:
        assert getattr(my_state, name).tobytes() == getattr(state, name).tobytes()
