"""A user's own optimizers, written as a user would write them."""
import textwrap
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from test_checkpoints import checkpoint_at
from test_optimizers import DTYPES, follow, random_run, run
from test_training import SIZES, assert_same_bits
from test_training import run as train_run

import npgm
from npgm.errors import DataError, InputError
from npgm.network import MLP
from npgm.optimizers import ONE, Adam, Optimizer, make, name_of, quantities
from npgm.training import Trainer, train

# AMSGrad (Reddi, Kale and Kumar 2018): three arrays.


@quantities("theta", "m", "v", "highest", "step")
def amsgrad(theta, g, m, v, highest, alpha, beta1, beta2, epsilon):
    m = beta1 * m + (ONE - beta1) * g
    v = beta2 * v + (ONE - beta2) * g * g
    highest = np.maximum(highest, v)
    step = alpha * m / (np.sqrt(highest) + epsilon)
    return theta - step, m, v, highest, step


@dataclass(frozen=True)
class AMSGrad(Optimizer):
    initial = {"m": 0.0, "v": 0.0, "highest": 0.0}
    rule = staticmethod(amsgrad)

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def coefficients(self, t):
        return {"alpha": self.learning_rate, "beta1": self.beta1, "beta2": self.beta2,
                "epsilon": self.epsilon}


# Adan (Xie et al. 2022), from zeros: four arrays, and a rate that decays.


@quantities("theta", "m", "v", "n", "before", "change", "step")
def adan(theta, g, m, v, n, before, alpha, beta1, beta2, beta3, epsilon):
    change = g - before
    m = m + beta1 * (g - m)
    v = v + beta2 * (change - v)
    looked_ahead = g + (ONE - beta2) * change
    n = (ONE - beta3) * n + beta3 * looked_ahead * looked_ahead
    step = alpha * (m + (ONE - beta2) * v) / (np.sqrt(n) + epsilon)
    return theta - step, m, v, n, g, change, step


@dataclass(frozen=True)
class Adan(Optimizer):
    initial = {"m": 0.0, "v": 0.0, "n": 0.0, "before": 0.0}
    rule = staticmethod(adan)

    learning_rate: float = 0.001

    def coefficients(self, t):
        return {"alpha": self.learning_rate / np.sqrt(t), "beta1": 0.02, "beta2": 0.08,
                "beta3": 0.01, "epsilon": 1e-8}


OWN = pytest.mark.parametrize("optimizer", [AMSGrad(0.01), Adan(0.1)], ids=str)


def assert_same_updates(optimizer, update, dtype):
    """update against optimizer.update, to the bit."""
    theta, gradients = random_run(dtype)
    expected, state = run(optimizer, theta, gradients)
    found, other_state = run(optimizer, theta, gradients, update)
    assert found.tobytes() == expected.tobytes()
    for name in optimizer.initial:
        a, b = getattr(other_state, name), getattr(state, name)
        assert a.dtype == b.dtype == dtype and a.tobytes() == b.tobytes()


def test_amsgrad_by_hand():
    """m = 0.3, then 0.27; v = 0.009, then 0.008991: the highest stays 0.009."""
    steps = -np.diff(follow(AMSGrad(), 1.0, [3.0, 0.0]), prepend=1.0)
    np.testing.assert_allclose(steps, np.array([3e-4, 2.7e-4])
                               / (np.sqrt(0.009) + 1e-8), rtol=1e-11)


def test_adan_by_hand():
    """With g = 3, then -1: change = 3, then -4; m = 0.06, then 0.0388;
    v = 0.24, then -0.0992; n = 0.01 * 5.76^2, then 0.99 n + 0.01 * 4.68^2."""
    n = 0.01 * 5.76 ** 2
    expected = [0.001 * (0.06 + 0.92 * 0.24) / np.sqrt(n), 0.001 / np.sqrt(2) * (
        0.0388 - 0.92 * 0.0992) / np.sqrt(0.99 * n + 0.01 * 4.68 ** 2)]
    steps = -np.diff(follow(Adan(), 1.0, [3.0, -1.0]), prepend=1.0)
    np.testing.assert_allclose(steps, expected, rtol=1e-6)


@OWN
def test_every_quantity_is_there_to_be_seen(optimizer):
    theta, g = np.ones(3), np.array([-1.0, 0.0, 2.0])
    state = optimizer.init(theta)
    new = optimizer.compute(theta, g, state)
    assert tuple(new) == optimizer.rule.quantities
    np.testing.assert_array_equal(theta, 1)
    assert state.t == 0 and not any(getattr(state, name).any()
                                    for name in optimizer.initial)
    optimizer.update(theta, g, state)
    np.testing.assert_array_equal(theta, new["theta"])
    for name in optimizer.initial:
        np.testing.assert_array_equal(getattr(state, name), new[name])


@OWN
def test_compiled_it_is_the_same_to_the_bit(optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        update = optimizer.compiled()
    assert update != optimizer.update
    for dtype in DTYPES:
        assert_same_updates(optimizer, update, dtype)


@OWN
def test_it_trains_and_interrupted_and_resumed_ends_the_same(optimizer, tiny_data,
                                                             tmp_path):
    net, history = train_run(tiny_data, optimizer, steps=300)
    assert history.losses[-20:].mean() < 0.7 * history.losses[:20].mean()
    path = tmp_path / "run.npz"
    checkpoint_at(path, tiny_data, 17, optimizer=optimizer, steps=300)
    with np.load(path) as arrays:
        assert {"theta", "t", "losses", *optimizer.initial} < set(arrays)
    assert_same_bits(train_run(tiny_data, optimizer, steps=300, checkpoint=path),
                     (net, history))


def test_a_checkpoint_of_another_rule_of_the_same_name_is_refused(tiny_data, tmp_path):
    def steep(theta, g, m, alpha):
        return theta - alpha * g, m + g

    def other(theta, g, m, alpha):
        return theta - alpha * g, m - g
    path = tmp_path / "run.npz"
    checkpoint_at(path, tiny_data, 5, optimizer=with_rule(steep, "theta", "m"))
    with pytest.raises(DataError, match="another optimizer"):
        train_run(tiny_data, with_rule(other, "theta", "m"), checkpoint=path)


def test_it_has_a_name():
    assert name_of(AMSGrad()) == f"{__name__}:AMSGrad"
    assert make(name_of(AMSGrad()), learning_rate=0.5) == AMSGrad(0.5)


# Rules that compiled would not be the same, or not be at all: NumPy runs them.


def with_rule(rule, *names, initial={"m": 0.0}, **coefficients):
    """An optimizer of this rule, which returns these quantities."""
    @dataclass(frozen=True)
    class Own(Optimizer):
        def coefficients(self, t):
            return {"alpha": 0.1, "beta": 0.9, **coefficients}
    Own.rule = staticmethod(quantities(*names)(rule) if names else rule)
    Own.initial = initial
    return Own()


def with_a_bare_1(theta, g, m, alpha, beta):
    m = beta * m + (1 - beta) * g
    return theta - alpha * m, m


def half(x):
    return x * np.float32(0.5)


def with_a_function_of_ones_own(theta, g, m, alpha):
    return theta - alpha * half(g), half(m) + g


def with_a_norm(theta, g, m, alpha):
    step = alpha * g / np.sqrt(np.sum(g * g))
    return theta - step, m + step


def with_the_largest(theta, g, m, alpha):
    m = np.maximum(m, np.max(g))
    return theta - alpha * g / m, m


@pytest.mark.parametrize("rule, reason", [
    (with_a_bare_1, "write ONE of npgm.optimizers for a bare 1"),
    (with_a_function_of_ones_own, "Numba cannot compile it"),
    (with_a_norm, "its parameters see each other"),
    (with_the_largest, "its parameters see each other")])
def test_a_rule_that_compiled_would_not_be_the_same_runs_in_numpy(rule, reason):
    optimizer = with_rule(rule, "theta", "m")
    with pytest.warns(UserWarning, match=f"{rule.__name__} runs in NumPy.*{reason}"):
        update = optimizer.compiled()
    for dtype in DTYPES:
        assert_same_updates(optimizer, update, dtype)


def test_in_training_too(tiny_data):
    optimizer, net = with_rule(with_the_largest, "theta", "m"), MLP.initialize(SIZES)
    with pytest.warns(UserWarning, match="runs in NumPy") as warned:
        trainer = Trainer(net, optimizer)
    assert len(warned) == 1
    theta, state = net.theta.copy(), optimizer.init(net.theta)
    for _ in range(3):
        trainer.update(tiny_data.x_train, tiny_data.y_train)
        optimizer.update(theta, trainer.dtheta, state)
    assert net.theta.tobytes() == theta.tobytes()


# Rules that hand on an array as it was given.


def heavy_ball(theta, g, previous, alpha, mu):
    """Polyak 1964, by the theta before: the step is remembered as two of them."""
    step = alpha * g - mu * (theta - previous)
    return theta - step, theta, step


def swapped(theta, g, m, n, alpha):
    return theta - alpha * (g + m), n, m


def test_heavy_ball_is_that_of_a_scalar_loop():
    optimizer = with_rule(heavy_ball, "theta", "previous", "step",
                          initial={"previous": 1.0}, mu=0.5)
    gradients = [3.0, -1.0, 0.5, 2.0]
    x = before = 1.0
    expected = []
    for g in gradients:
        x, before = x - (0.1 * g - 0.5 * (x - before)), x
        expected.append(x)
    np.testing.assert_allclose(follow(optimizer, 1.0, gradients), expected, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [
    with_rule(heavy_ball, "theta", "previous", "step", initial={"previous": 0.0},
              mu=0.9),
    with_rule(swapped, "theta", "m", "n", initial={"m": 1.0, "n": -2.0})],
    ids=["heavy ball", "swapped"])
def test_what_is_kept_may_be_an_array_as_it_was_given(optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        update = optimizer.compiled()
    for dtype in DTYPES:
        assert_same_updates(optimizer, update, dtype)


# Parts that do not fit each other


def plain():
    """A rule of its own, for `quantities` to mark."""
    return lambda theta, g, m, alpha: (theta - alpha * g, m)


@pytest.mark.parametrize("optimizer, words", [
    (with_rule(plain()), "must return m, theta"),
    (with_rule(None), "must return m, theta"),
    (with_rule(plain(), "m", "step"), "must return theta"),
    (with_rule(plain(), "theta", "step"), "must return m"),
    (with_rule(plain(), "theta", "m", initial={"m": 0.0, "v": 0.0}), "must return v"),
    (with_rule(plain(), "theta", "m", initial={}), "wants m"),
    (with_rule(lambda theta, g, m, alpa, mu: (theta, m), "theta", "m"),
     "wants alpa, mu"),
    (with_rule(lambda theta, g, t: (theta, t), "theta", "t", initial={"t": 0.0}),
     "'t' has a meaning already"),
    (with_rule(lambda theta, g: (theta, g), "theta", "g", initial={"g": 0.0}),
     "'g' has a meaning already"),
    *((with_rule(plain(), "theta", "m", name, initial={"m": 0.0, name: 0.0}),
       f"'{name}' has a meaning already") for name in ("losses", "identity")),
    (with_rule(lambda theta, g: (theta,), "theta", initial={"theta": 0.0}),
     "'theta' has a meaning already")])
def test_parts_that_do_not_fit_are_refused(optimizer, words, tiny_data):
    theta = np.ones(3)
    for call in (lambda: optimizer.init(theta), lambda: train_run(tiny_data, optimizer),
                 lambda: Trainer(MLP.initialize(SIZES), optimizer)):
        with pytest.raises(InputError, match="^Own.*" + words) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("theta", [[1.0, 2.0], np.arange(3), None, 1.0])
def test_a_theta_that_is_no_array_of_floats(theta):
    with pytest.raises(InputError, match="give an array of floats") as caught:
        AMSGrad().init(theta)
    assert "\n" not in str(caught.value)


def bare(theta, g, alpha):
    return theta - alpha * g


def short(theta, g, m, alpha):
    return theta - alpha * g, m


@pytest.mark.parametrize("rule, names", [(bare, ("theta",)),
                                         (short, ("theta", "m", "step"))],
                         ids=["bare", "short"])
def test_a_rule_returns_a_value_for_each_of_its_names(rule, names):
    kept = {"m": 0.0} if "m" in names else {}

    @dataclass(frozen=True)
    class Own(Optimizer):
        initial = kept

        def coefficients(self, t):
            return {"alpha": 0.1}
    Own.rule = staticmethod(quantities(*names)(rule))
    theta = np.ones(3)
    with pytest.raises(InputError, match="must return a tuple, a value for each of"):
        Own().update(theta, theta, Own().init(theta))
    assert theta.tolist() == [1, 1, 1]


def test_a_rule_that_is_no_function_is_refused():
    @dataclass(frozen=True)
    class Bound(Optimizer):
        rule = quantities("theta", "step")(bare)
    for call in (lambda: Bound().init(np.ones(3)), Bound().compiled):
        with pytest.raises(InputError, match=r"rule = staticmethod\(...\)"):
            call()


@dataclass(frozen=True)
class Clipped(Adam):
    """Adam on gradients that are cut: its update is its own."""

    def update(self, theta, dtheta, state):
        super().update(theta, np.clip(dtheta, -1e-3, 1e-3), state)


def test_an_update_of_ones_own_is_the_one_that_trains(tiny_data):
    nets = [MLP.initialize((16, 8, 3), seed=1) for _ in range(3)]
    for net, optimizer in zip(nets, (Clipped(), Clipped(), Adam())):
        train(net, optimizer, tiny_data, steps=5, batch_size=10, evaluate_at=())
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()
    assert nets[0].theta.tobytes() != nets[2].theta.tobytes()
    own = Clipped()
    assert own.compiled() == own.update


def test_the_example_in_the_rooms_docstring_is_amsgrad():
    text = textwrap.dedent("\n".join(
        line for line in npgm.optimizers.__doc__.splitlines()
        if line.startswith("    ") or not line))
    scope = {"__name__": "example"}
    exec(text, scope)
    theta, g = np.array([1.0, -2.0]), np.array([0.5, -3.0])
    ends = []
    for optimizer in (scope["AMSGrad"](0.01), AMSGrad(0.01)):
        moving, state = theta.copy(), optimizer.init(theta)
        for _ in range(3):
            optimizer.update(moving, g, state)
        ends.append(moving)
    np.testing.assert_allclose(*ends, rtol=1e-6)
