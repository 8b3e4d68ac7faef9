"""The gradients by hand against differences, and a test of that test."""
import numpy as np
import pytest
from test_network import random_examples
from test_network_input import one_line

from npgm.errors import InputError
from npgm.gradient_check import check_gradients, relative_error
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP, layer_views

SIZES = [(3, 2), (4, 6, 3), (9, 5, 7, 4), (2, 8, 7, 9, 6)]
BLOCKS = ["W1", "b1", "W2", "b2", "W3", "b3", "x"]


def leads(z, y):
    """z_y minus the largest other logit."""
    others = z.copy()
    others[np.arange(len(y)), y] = -np.inf
    return z[np.arange(len(y)), y] - others.max(axis=1)


def random_network(sizes, seed):
    """Weights and biases large enough for every gradient to be well above the
    rounding of a difference, and no unit at its kink."""
    net = MLP.initialize(sizes, seed, "float64", "he")
    for _, b in net.layers:
        b[:] = np.random.default_rng(seed).normal(0.2, 0.5, b.size)
    return net


def check(net, x, y, loss):
    """The largest error, of gradients that are not all zero."""
    assert np.all(net.loss_gradients(x, y, loss).dx.any(axis=1))
    return max(check_gradients(net, x, y, loss).values())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_gradients_of_a_fresh_network(sizes, seed, loss):
    net = random_network(sizes, seed)
    assert check(net, *random_examples(net, seed=seed), loss) < 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_cross_entropy_when_saturated(sizes, seed):
    """Beyond a lead of about 18, p_y - 1 has lost too many digits in float64."""
    net = random_network(sizes, seed)
    x, y = random_examples(net, seed=seed)[0], np.zeros(5, int)
    net.layers[-1][1][0] += 17 - leads(net.logits(x), y).max()
    assert 10 < leads(net.logits(x), y).min()
    assert check(net, x, y, cross_entropy) < 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_log_odds_when_saturated(sizes, seed):
    net = random_network(sizes, seed)
    x, y = random_examples(net, seed=seed)[0], np.zeros(5, int)
    net.layers[-1][1][0] += 400 - leads(net.logits(x), y).min()
    assert check(net, x, y, log_odds) < 1e-6


def test_every_block_is_checked(small_network, small_examples):
    assert sorted(check_gradients(small_network, *small_examples)) == sorted(BLOCKS)


def test_a_check_leaves_the_network_as_it_was(small_network, small_examples):
    theta, x = small_network.theta.copy(), small_examples[0].copy()
    check_gradients(small_network, *small_examples)
    assert np.array_equal(small_network.theta, theta)
    assert np.array_equal(small_examples[0], x)


def test_a_check_needs_float64():
    net = MLP.initialize((3, 2))
    with pytest.raises(InputError, match="float64") as caught:
        check_gradients(net, *random_examples(net))
    one_line(caught)


# The test of the test: the check must reject what is slightly wrong.


def scaled(loss, factor):
    """loss with its value right and its gradient wrong by a factor."""
    def wrong(z, y):
        value, dz = loss(z, y)
        return value, dz * factor
    return wrong


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_a_gradient_wrong_by_a_thousandth_is_rejected(small_network, small_examples,
                                                      loss):
    errors = check_gradients(small_network, *small_examples, scaled(loss, 1.001))
    for name, error in errors.items():
        assert error == pytest.approx(1e-3, rel=0.01), name


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_a_gradient_of_zeros_is_rejected(small_network, small_examples, loss):
    errors = check_gradients(small_network, *small_examples, scaled(loss, 0))
    assert set(errors.values()) == {1.0}


@pytest.mark.parametrize("block", BLOCKS)
def test_one_entry_wrong_by_a_thousandth_is_rejected(
        monkeypatch, small_network, small_examples, block):
    right = small_network.loss_gradients

    def wrong(*arguments):
        g = right(*arguments)
        views = {f"{name}{i}": array for i, layer in enumerate(
            layer_views(small_network.sizes, g.dtheta), 1)
            for name, array in zip("Wb", layer)}
        entries = {**views, "x": g.dx}[block].reshape(-1)
        entries[np.abs(entries).argmax()] *= 1.001
        return g

    monkeypatch.setattr(small_network, "loss_gradients", wrong)
    errors = check_gradients(small_network, *small_examples)
    assert [name for name, error in errors.items() if error > 1e-6] == [block]
    assert errors[block] > 1e-5


@pytest.mark.parametrize("block", ["dtheta", "dx"])
def test_a_nan_is_rejected(monkeypatch, small_network, small_examples, block):
    g = small_network.loss_gradients(*small_examples)
    getattr(g, block)[-1] = np.nan
    monkeypatch.setattr(small_network, "loss_gradients", lambda *arguments: g)
    errors = check_gradients(small_network, *small_examples)
    assert not errors["x" if block == "dx" else "b3"] < 1e-6


def test_a_loss_may_be_named(small_network, small_examples):
    assert (check_gradients(small_network, *small_examples, "log_odds")
            == check_gradients(small_network, *small_examples, log_odds)
            != check_gradients(small_network, *small_examples))


# In float64 these leads cost cross_entropy dz_y, and log_odds nothing.
@pytest.mark.parametrize("lead", [50, 400, 600])
def test_the_check_sees_masking(small_network, small_examples, lead):
    small_network.layers[-1][1][0] += lead
    x, y = small_examples[0], np.zeros(6, int)
    assert check_gradients(small_network, x, y, cross_entropy)["x"] > 0.1
    assert check_gradients(small_network, x, y, log_odds)["x"] < 1e-6


@pytest.mark.parametrize("size", [1, 1e-100, 1e-170, 1e-300, 5e-324])
def test_relative_error_of_zeros_against_anything_is_1(size):
    assert relative_error(np.zeros(3), np.full(3, size)) == pytest.approx(1)


def test_relative_error_of_zeros_against_zeros_is_0():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0


# Models of other kinds


class Quadratic:
    """z = (A x)^2 / 2 for images x, J = (A x) A; wrong by a factor in its gradient."""

    A = np.random.default_rng(0).normal(size=(3, 6))

    def __init__(self, factor=1.0):
        self.factor = factor

    def logits(self, x):
        return (x.reshape(len(x), 6) @ self.A.T.astype(x.dtype)) ** 2 / 2

    def vjp(self, x, dz):
        A = self.A.T.astype(x.dtype)
        dx = (dz * (x.reshape(len(x), 6) @ A)) @ A.T * self.factor
        return dx.reshape(x.shape)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-6), ("float32", 1e-2)])
@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_any_model_may_be_checked(loss, dtype, tolerance):
    x = np.random.default_rng(1).random((4, 2, 3)).astype(dtype)
    y = np.array([0, 1, 2, 1])
    assert list(check_gradients(Quadratic(), x, y, loss)) == ["x"]
    assert check_gradients(Quadratic(), x, y, loss)["x"] < tolerance
    wrong = check_gradients(Quadratic(1.05), x, y, loss)["x"]
    assert wrong == pytest.approx(0.05 / 1.05, rel=0.2)
