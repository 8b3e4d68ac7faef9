"""The compiled network and update against MLP and Optimizer."""
import numpy as np
import pytest
from test_kernels import DTYPES, TOLERANCE, assert_near, draw

from npgm import losses
from npgm.compiled_network import CompiledMLP
from npgm.compiled_update import compiled_update
from npgm.errors import InputError
from npgm.network import MLP
from npgm.optimizers import SGD, AdaGrad, Adam, Momentum, RMSprop


def network(sizes, dtype, lead=1):
    """A network whose logits are multiplied by lead: a power of two, so that
    nothing else changes."""
    net = MLP.initialize(sizes, seed=4, dtype=dtype, scheme="he")
    for array in net.layers[-1]:
        array *= lead
    return net


def assert_gradient(model, x, y, tolerance):
    """CompiledMLP.gradient against MLP.loss_gradients."""
    expected = model.net.loss_gradients(x, y)
    assert_near(model.gradient(x, y), expected.loss, tolerance)
    assert_near(model.theta, expected.theta, tolerance)


def residual_is_zero(net, x, y):
    return ~losses.cross_entropy(net.logits(x), y)[1].any(axis=1)


NETWORKS = pytest.mark.parametrize("sizes", [
    (65, 2), (130, 16, 3), (64, 70, 7, 10), (20, 7, 65, 16, 4)], ids=str)


@DTYPES
@NETWORKS
@pytest.mark.parametrize("batch_size", [1, 63, 65])
def test_gradient_of_a_fresh_network(sizes, batch_size, dtype):
    net, x = network(sizes, dtype), np.abs(draw(80, sizes[0], dtype, 0.3))
    model = CompiledMLP(net)
    rng = np.random.default_rng(0)
    for _ in range(2):              # the second must not see the first
        rows = rng.permutation(80)[:batch_size]
        y = rng.integers(0, sizes[-1], batch_size)
        assert_gradient(model, x[rows], y, 10 * TOLERANCE[dtype])
        net.theta *= 0.9


@DTYPES
def test_gradient_of_the_papers_network(dtype):
    net = MLP.initialize(dtype=dtype)
    x = np.abs(draw(125, 784, dtype, 0.2))
    y = np.random.default_rng(0).integers(0, 10, 125)
    assert_gradient(CompiledMLP(net), x, y, 10 * TOLERANCE[dtype])


@DTYPES
@NETWORKS
def test_gradient_where_some_residuals_are_exactly_zero(sizes, dtype):
    """Most examples learnt beyond doubt, some wrong, some in between."""
    net, x = network(sizes, dtype, 2 ** 10), np.abs(draw(63, sizes[0], dtype, 0.3))
    y = net.logits(x).argmax(axis=1)
    y[::9] = (y[::9] + 1) % sizes[-1]
    zero = residual_is_zero(net, x, y)
    assert 0 < zero.sum() < 63
    # The logits, some thousands, carry rounding into residuals between 0 and 1.
    assert_gradient(CompiledMLP(net), x, y, 2 ** 10 * TOLERANCE[dtype])


@DTYPES
@NETWORKS
def test_gradient_where_all_residuals_are_exactly_zero(sizes, dtype):
    net, x = network(sizes, dtype, 2 ** 30), np.abs(draw(63, sizes[0], dtype, 0.3))
    y = net.logits(x).argmax(axis=1)
    assert residual_is_zero(net, x, y).all()
    model = CompiledMLP(net)
    model.gradient(x, (y + 1) % sizes[-1])          # leave something behind
    assert model.theta.any()
    assert_gradient(model, x, y, 0)
    assert not model.theta.any()


DENSITIES = pytest.mark.parametrize("density", [0.2, 1])


@DTYPES
@NETWORKS
@DENSITIES
@pytest.mark.parametrize("count", [1, 63])
def test_logits_and_input_gradients(sizes, count, density, dtype):
    net = network(sizes, dtype)
    model = CompiledMLP(net)
    for seed in (0, 1):                     # the second must not see the first
        x, s = (np.roll(draw(count, sizes[0], dtype, density), seed + k, axis=1)
                for k in (0, 5))
        dz = draw(count, sizes[-1], dtype)
        assert_near(model.logits(x), net.logits(x), 10 * TOLERANCE[dtype])
        assert_near(model.vjp(x, dz), net.vjp(x, dz), 10 * TOLERANCE[dtype])
        z, vjp = model.linearize(x)
        assert_near(z, net.logits(x), 10 * TOLERANCE[dtype])
        for scale in (1, -2):
            assert_near(vjp(scale * dz), scale * net.vjp(x, dz), 10 * TOLERANCE[dtype])


@DTYPES
@NETWORKS
@pytest.mark.parametrize("kind", [lambda net: net, CompiledMLP])
def test_logits_on_a_line(sizes, kind, dtype):
    net = network(sizes, dtype)
    x, s = draw(63, sizes[0], dtype, 0.2), np.sign(draw(62, sizes[0], dtype))
    s = np.vstack([s, 0 * s[:1]])
    logits = kind(net).logits_on_line(x, s)
    for epsilon in (0, 0.3, 0.1):
        expected = net.logits(x + x.dtype.type(epsilon) * s)
        assert_near(logits(epsilon), expected, 10 * TOLERANCE[dtype])


def test_what_is_returned_stays_as_it_is():
    net, x = network((65, 20, 3), "float32"), draw(9, 65, "float32")
    model = CompiledMLP(net)
    z = model.logits(x)
    kept = z.copy()
    model.logits(-x)
    np.testing.assert_array_equal(z, kept)


@pytest.mark.parametrize("call", [
    lambda model, x: model.logits(x[:, 1:]), lambda model, x: model.logits(x.tolist()),
    lambda model, x: model.logits(x.astype("float64")),
    lambda model, x: model.vjp(x, x),
    lambda model, x: model.logits_on_line(x, x[:, 1:]),
    lambda model, x: model.logits_on_line(x, x[1:]),
])
def test_what_does_not_fit_is_refused(call):
    net, x = network((65, 20, 3), "float32"), draw(9, 65, "float32")
    for model in (net, CompiledMLP(net)):
        with pytest.raises(InputError):
            call(model, x)


@DTYPES
@pytest.mark.parametrize("optimizer", [
    SGD(), Momentum(), AdaGrad(), AdaGrad(epsilon=1e-10), RMSprop(),
    RMSprop(epsilon_inside_root=False), Adam(), Adam(form="algorithm1"),
    Adam(form="printed"), Adam(form="printed_once")], ids=str)
def test_compiled_update_is_the_optimizers_bit_for_bit(optimizer, dtype):
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(1001).astype(dtype)
    mine, state = theta.copy(), optimizer.init(theta)
    my_state = optimizer.init(mine)
    update = compiled_update(optimizer)
    for scale in (1, 1, 1e-3, 0, 1e3):
        g = (scale * rng.standard_normal(1001)).astype(dtype)
        optimizer.update(theta, g, state)
        update(mine, g, my_state)
    assert mine.tobytes() == theta.tobytes()
    assert my_state.t == state.t == 5
    for name in optimizer.state:
        assert getattr(my_state, name).tobytes() == getattr(state, name).tobytes()
