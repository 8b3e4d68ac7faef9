"""The training loop: its batches, its runs, and how it refuses."""
from dataclasses import replace

import numpy as np
import pytest

from npgm import training
from npgm.errors import DivergedWarning, InputError
from npgm.network import MLP
from npgm.optimizers import OPTIMIZERS, SGD, Adam, Momentum
from npgm.training import batch_rows, train

SIZES = (16, 8, 3)
STEPS = 40


def run(data, optimizer=Adam(learning_rate=0.01), steps=STEPS, seed=0, **options):
    """(net, history) of a run on a fresh network, batches of 10."""
    net = MLP.initialize(SIZES, seed=1)
    settings = {"batch_size": 10, "evaluate_at": (), **options}
    return net, train(net, optimizer, data, steps=steps, seed=seed, **settings)


def assert_same_bits(one, other):
    (net, history), (other_net, other_history) = one, other
    assert net.theta.tobytes() == other_net.theta.tobytes()
    assert history.losses.tobytes() == other_history.losses.tobytes()
    state, other_state = vars(history.state), vars(other_history.state)
    assert state.keys() == other_state.keys()
    for name, value in state.items():
        assert np.array_equal(value, other_state[name]), name


def assert_one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message


# Batches

@pytest.mark.parametrize("seed", [0, 7])
def test_a_pass_uses_every_example_once(seed):
    for first in (1, 7, 13):        # the first update of a pass
        rows = [batch_rows(60, 10, seed, t) for t in range(first, first + 6)]
        assert sorted(np.concatenate(rows)) == list(range(60))


def test_a_last_piece_too_small_is_left_out():
    rows = np.concatenate([batch_rows(64, 10, 0, t) for t in range(1, 7)])
    assert len(rows) == len(set(rows)) == 60
    assert len(batch_rows(64, 10, 0, 7)) == 10      # of the next pass


def test_passes_and_seeds_differ_in_order():
    orders = [tuple(np.concatenate([batch_rows(60, 10, seed, t)
                                    for t in range(first, first + 6)]))
              for seed in (0, 1) for first in (1, 7)]
    assert len(set(orders)) == 4


def test_a_batch_depends_on_seed_and_update_only():
    forwards = [batch_rows(60, 10, 3, t).tolist() for t in range(1, 20)]
    np.random.seed(5)
    backwards = [batch_rows(60, 10, 3, t).tolist() for t in range(19, 0, -1)]
    assert forwards == backwards[::-1]


# A run

@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_lowers_the_loss(name, tiny_data):
    losses = run(tiny_data, OPTIMIZERS[name](learning_rate=0.05), 600)[1].losses
    assert losses.shape == (600,) and losses.dtype == np.float32
    assert losses[-20:].mean() < 0.7 * losses[:20].mean()


def test_training_is_the_readable_loop(tiny_data):
    """Batch, gradient, update: what `train` does, in NumPy alone."""
    net, history = run(tiny_data, Momentum(), 30, seed=5)
    expected, optimizer = MLP.initialize(SIZES, seed=1), Momentum()
    state = optimizer.init(expected.theta)
    for t in range(1, 31):
        rows = batch_rows(60, 10, 5, t)
        g = expected.loss_gradients(tiny_data.x_train[rows], tiny_data.y_train[rows])
        assert history.losses[t - 1] == pytest.approx(g.loss.mean(), rel=1e-4)
        optimizer.update(expected.theta, g.dtheta, state)
    error = np.linalg.norm(net.theta - expected.theta)
    assert error < 1e-4 * np.linalg.norm(expected.theta)


def test_float64_is_trained_in_float64(tiny_data):
    data = replace(tiny_data, x_train=tiny_data.x_train.astype("float64"))
    net = MLP.initialize(SIZES, seed=1, dtype="float64")
    history = train(net, Adam(), data, steps=10, batch_size=10, evaluate_at=())
    assert net.dtype == history.losses.dtype == history.state.m.dtype == "float64"


def test_evaluations_are_made_where_asked(tiny_data):
    seen = {}

    def evaluate(net, step):
        seen[step] = net.theta.copy()
        return step * 10
    net, history = run(tiny_data, evaluate_at=(3, 11, STEPS),
                       evaluate=evaluate)
    assert history.evaluations == {3: 30, 11: 110, STEPS: 10 * STEPS}
    np.testing.assert_array_equal(seen[3], run(tiny_data, steps=3)[0].theta)
    np.testing.assert_array_equal(seen[STEPS], net.theta)


def test_evaluations_are_log_spaced_by_default(tiny_data):
    _, history = run(tiny_data, steps=610, evaluate_at=None)
    assert list(history.evaluations) == [100, 300, 600, 610]
    assert 0 <= history.evaluations[610]["natural_error"] <= 100


def test_evaluation_does_not_change_the_run(tiny_data):
    assert_same_bits(run(tiny_data), run(tiny_data, evaluate_at=range(1, STEPS)))


def test_natural_error_counts_mistakes_and_nan(tiny_data):
    net = MLP.initialize((2, 2), dtype="float64")
    net.layers[0][0][:], net.layers[0][1][:] = np.eye(2), 0
    x = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], "float64")
    assert training.natural_error(net, x, np.array([0, 1, 1, 1])) == 25
    net.theta[0] = np.nan
    assert training.natural_error(net, x, np.array([0, 1, 0, 1])) == 100


def test_divergence_is_a_result(tiny_data):
    with pytest.warns(DivergedWarning, match="diverged at update"):
        net, history = run(tiny_data, SGD(learning_rate=1e30))
    t = history.diverged_at
    assert 1 < t < STEPS
    assert np.isfinite(history.losses[:t - 1]).all()
    assert not np.isfinite(history.losses[t - 1:]).any()


def test_a_run_that_converges_has_not_diverged(tiny_data):
    assert run(tiny_data)[1].diverged_at is None


# Arguments

@pytest.mark.parametrize("options", [
    {"steps": 0}, {"steps": -3}, {"steps": 2.5}, {"batch_size": 0},
    {"batch_size": 61}], ids=str)
def test_impossible_settings_are_refused(options, tiny_data):
    with pytest.raises(InputError) as error:
        run(tiny_data, **options)
    name, value = next(iter(options.items()))
    assert_one_line(error, name, value)


def test_evaluating_outside_the_run_is_refused(tiny_data):
    with pytest.raises(InputError, match="evaluate_at"):
        run(tiny_data, evaluate_at=(STEPS + 1,))


@pytest.mark.parametrize("optimizer", [Adam, "adam", None])
def test_what_is_no_optimizer_is_refused(optimizer, tiny_data):
    with pytest.raises(InputError, match="npgm.optimizers"):
        train(MLP.initialize(SIZES), optimizer, tiny_data, steps=2, batch_size=10)


def changed(x, value):
    x = x.copy()
    x[7, 2] = value
    return x


@pytest.mark.parametrize("change, words", [
    (lambda d: {"x_train": d.x_train.astype("float64")}, "float64"),
    (lambda d: {"x_train": d.x_train[:, :9].copy()}, "9 columns"),
    (lambda d: {"x_train": changed(d.x_train, np.nan)}, "x_train[7]"),
    (lambda d: {"x_train": changed(d.x_train, np.inf)}, "x_train[7]"),
    (lambda d: {"y_train": d.y_train + 1}, "labels go from 1 to 3"),
    (lambda d: {"y_train": d.y_train - 1}, "labels go from -1 to 1"),
    (lambda d: {"y_train": d.y_train.astype(float)}, "float64"),
    (lambda d: {"y_train": d.y_train[:50]}, "60 examples")])
def test_data_that_does_not_fit_is_refused(change, words, tiny_data):
    net = MLP.initialize(SIZES, seed=1)
    before = net.theta.copy()
    with pytest.raises(InputError) as error:
        train(net, SGD(), replace(tiny_data, **change(tiny_data)), steps=5,
              batch_size=10)
    assert_one_line(error, words)
    np.testing.assert_array_equal(net.theta, before)
