"""Optimizers on surfaces of one or two parameters."""
import numpy as np
import pytest
from test_optimizers import ALL
from test_own_optimizers import AMSGrad
from test_tracing import every_dtype

from npgm import plots
from npgm.errors import InputError
from npgm.optimizers import SGD, Adam, Momentum
from npgm.tracing import toy

every_surface = pytest.mark.parametrize("name", toy.SURFACES)


@every_surface
def test_the_gradient_is_that_of_the_loss(name):
    """Central differences, in float64."""
    surface = toy.SURFACES[name]
    rng = np.random.default_rng(0)
    for theta in rng.uniform(-1, 1, (5, len(surface.names))):
        for k in range(len(theta)):
            h = np.eye(len(theta))[k] * 1e-5
            slope = (surface.loss(theta + h)[0] - surface.loss(theta - h)[0]) / 2e-5
            assert surface.loss(theta)[1][k] == pytest.approx(slope, rel=1e-7, abs=1e-9)


@every_surface
@every_dtype
@pytest.mark.parametrize("optimizer", [*ALL.values(), AMSGrad()], ids=str)
def test_a_path_is_the_readable_loop(name, dtype, optimizer):
    surface = toy.SURFACES[name]
    trace = toy.trace(name, optimizer, steps=20, dtype=dtype)
    theta = np.array(surface.start, dtype)
    state = optimizer.init(theta)
    for row in range(20):
        loss, g = surface.loss(theta)
        assert g.dtype == theta.dtype and trace["loss"][row] == loss
        optimizer.update(theta, g, state)
        assert trace["theta"][row].tobytes() == theta.tobytes()
    assert trace.parameters == surface.names and trace.steps[-1] == 20


def test_the_residual_of_one_weight_rounds_to_zero_and_momentum_goes_on():
    trace = toy.trace("weight", Momentum(50.0), steps=30)
    label, _ = trace.thresholds
    gone = trace["theta_before"][:, 0] > label
    assert gone.any() and (trace["g"][gone, 0] == 0).all()
    assert (trace["g"][~gone, 0] != 0).all()
    assert (trace["step"][gone, 0] < 0).all()


def test_gradient_descent_follows_the_valley_and_leaves_the_saddle():
    valley = toy.trace("valley", SGD(0.07), steps=300)
    assert np.abs(valley["theta"][-1]).max() < 1e-6
    saddle = toy.trace("saddle", Adam(0.05), steps=600)
    np.testing.assert_allclose(saddle["theta"][-1], [0, 1], atol=1e-3)


def test_every_kth_has_its_loss():
    whole, some = (toy.trace("valley", Adam(0.1), steps=20, every=k) for k in (1, 6))
    assert some.steps.tolist() == [1, 7, 13, 19]
    np.testing.assert_array_equal(some["loss"], whole["loss"][::6])


def test_what_diverges_ends_there():
    trace = toy.trace("valley", SGD(1e3), steps=100)
    assert trace.ended == f"diverged at update {len(trace.steps) + 1}"
    assert np.isfinite(trace["loss"]).all() and len(trace.steps) < 100


@every_surface
def test_it_is_drawn(name):
    traces = {label: toy.trace(name, optimizer, steps=10)
              for label, optimizer in (("a", SGD()), ("b", Adam()))}
    figure = toy.draw(name, traces)
    path = figure.axes[0].lines[-1]
    x = traces["b"]["theta_before"][:, 0]
    np.testing.assert_array_equal(path.get_xdata()[:len(x)], x)
    assert plots.png(figure).startswith(b"\x89PNG")


def test_a_surface_that_is_none_is_refused(refused):
    with refused(InputError, "is it 'valley'?"):
        toy.trace("vally", Adam())
