"""The compiled network against MLP."""
import numpy as np
import pytest
from test_kernels import DTYPES, TOLERANCE, assert_near, draw

from npgm.compiled import CompiledMLP, FixedMLP
from npgm.errors import InputError
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP


def network(sizes, dtype, lead=1):
    """A network whose logits are multiplied by lead: a power of two, so that
    nothing else changes."""
    net = MLP.initialize(sizes, seed=4, dtype=dtype, scheme="he")
    for array in net.layers[-1]:
        array *= lead
    return net


def assert_gradient(model, x, y, tolerance, loss=cross_entropy):
    """CompiledMLP.mean_gradient against MLP.loss_gradients."""
    expected = model.net.loss_gradients(x, y, loss)
    value, dtheta = model.mean_gradient(x, y, loss)
    assert_near(value, expected.loss, tolerance)
    assert_near(dtheta, expected.dtheta, tolerance)


def residual_is_zero(net, x, y):
    return ~cross_entropy(net.logits(x), y)[1].any(axis=1)


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
    assert model.mean_gradient(x, (y + 1) % sizes[-1])[1].any()
    assert_gradient(model, x, y, 0)                 # it left nothing behind
    assert not model.mean_gradient(x, y)[1].any()


def halved_squares(z, y):
    """A user's own loss."""
    dz = z - np.eye(z.shape[1], dtype=z.dtype)[y]
    return (dz * dz).sum(axis=1) / z.dtype.type(2), dz


@DTYPES
@NETWORKS
@pytest.mark.parametrize("loss", [log_odds, halved_squares])
def test_gradient_of_any_loss(sizes, loss, dtype):
    net, x = network(sizes, dtype), np.abs(draw(63, sizes[0], dtype, 0.3))
    y = np.random.default_rng(0).integers(0, sizes[-1], 63)
    assert_gradient(CompiledMLP(net), x, y, 10 * TOLERANCE[dtype], loss)


@DTYPES
@pytest.mark.parametrize("kind", [CompiledMLP, FixedMLP])
def test_input_gradients_after_other_calls(kind, dtype):
    """Of fewer and of more examples, which take new memory."""
    net, x = network((65, 20, 3), dtype), np.abs(draw(9, 65, dtype, 0.3))
    model, dz, more = kind(net), draw(9, 3, dtype), draw(40, 65, dtype)
    z, vjp = model.linearize(x)
    for call in (lambda: model.logits(x[:3]), lambda: model.logits(more),
                 lambda: model.vjp(more[:20], draw(20, 3, dtype)),
                 lambda: model.mean_gradient(more, np.zeros(40, np.int64))):
        call()
        assert_near(vjp(dz), net.vjp(x, dz), 10 * TOLERANCE[dtype])


def test_what_a_loss_returns_stays_as_it_is():
    def first_logit(z, y):
        return z[:, 0], np.zeros_like(z)
    net, x = network((65, 20, 3), "float64"), draw(9, 65, "float64")
    model, y = CompiledMLP(net), np.arange(9) % 3
    value, _ = model.mean_gradient(x, y, first_logit)
    model.mean_gradient(-x, y, first_logit)
    assert_near(value, net.logits(x)[:, 0], 10 * TOLERANCE["float64"])


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


@DTYPES
@pytest.mark.parametrize("lay_out", [
    np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1],
    lambda x: np.broadcast_to(x[:1], x.shape)],
    ids=["columns", "strides", "backwards", "read only"])
def test_arrays_may_be_laid_out_in_any_way(lay_out, dtype):
    net, x = network((65, 20, 3), dtype), lay_out(draw(9, 65, dtype))
    model, dz = CompiledMLP(net), draw(9, 3, dtype)
    assert_near(model.logits(x), net.logits(x), 10 * TOLERANCE[dtype])
    assert_near(model.vjp(x, dz), net.vjp(x, dz), 10 * TOLERANCE[dtype])
    assert_near(model.logits_on_line(x, x)(0.5), net.logits(x + x.dtype.type(0.5) * x),
                10 * TOLERANCE[dtype])
    assert_gradient(model, x, np.arange(9) % 3, 10 * TOLERANCE[dtype])


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
