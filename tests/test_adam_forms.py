"""Adam's four forms by hand, and beside each other."""
import math

import numpy as np
import pytest
from test_optimizers import follow, run

from npgm.optimizers import Adam


# The same m and v for epsilon_hat, algorithm1 and printed_once:
#   m = 0.1 * 3 = 0.3, then 0.9 * 0.3 - 0.1 * 1 = 0.17
#   v = 0.001 * 9 = 0.009, then 0.999 * 0.009 + 0.001 * 1 = 0.009991
# corrected by 1 - 0.9^t = 0.1, 0.19 and 1 - 0.999^t = 0.001, 0.001999.
# An epsilon of 0.5 shows where it is added.
M, V = [0.3, 0.17], [0.009, 0.009991]
C1, C2 = [0.1, 0.19], [0.001, 0.001999]
ALPHA_T = [0.001 * math.sqrt(c2) / c1 for c1, c2 in zip(C1, C2)]


def adam_steps(form):
    after = follow(Adam(epsilon=0.5, form=form), 1.0, [3.0, -1.0])
    return -np.diff(after, prepend=1.0)


def test_adam_epsilon_hat_by_hand():
    expected = [a * m / (math.sqrt(v) + 0.5) for a, m, v in zip(ALPHA_T, M, V)]
    np.testing.assert_allclose(adam_steps("epsilon_hat"), expected, rtol=1e-11)


def test_adam_algorithm1_by_hand():
    expected = [0.001 * (m / c1) / (math.sqrt(v / c2) + 0.5)
                for m, v, c1, c2 in zip(M, V, C1, C2)]
    np.testing.assert_allclose(adam_steps("algorithm1"), expected, rtol=1e-11)


def test_adam_printed_once_corrects_twice():
    expected = [a * (m / c1) / (math.sqrt(v / c2) + 0.5)
                for a, m, v, c1, c2 in zip(ALPHA_T, M, V, C1, C2)]
    np.testing.assert_allclose(adam_steps("printed_once"), expected, rtol=1e-11)


def test_adam_printed_feeds_its_corrections_back():
    # m = 0.3 / 0.1 = 3, then (0.9 * 3 - 0.1) / 0.19 = 2.6 / 0.19
    # v = 0.009 / 0.001 = 9, then (0.999 * 9 + 0.001) / 0.001999
    m, v = [3, 2.6 / 0.19], [9, 8.992 / 0.001999]
    expected = [a * m / (math.sqrt(v) + 0.5) for a, m, v in zip(ALPHA_T, m, v)]
    np.testing.assert_allclose(adam_steps("printed"), expected, rtol=1e-10)


@pytest.mark.parametrize("form", ["algorithm1", "printed_once"])
def test_the_corrected_moments_are_there_to_be_seen(form):
    optimizer, theta = Adam(form=form), np.ones(1)
    state = optimizer.init(theta)
    for g, m, v, c1, c2 in zip([3.0, -1.0], M, V, C1, C2):
        seen = optimizer.compute(theta, np.array([g]), state)
        found = [seen[name][0] for name in ("m", "v", "m_hat", "v_hat")]
        np.testing.assert_allclose(found, [m, v, m / c1, v / c2], rtol=1e-12)
        optimizer.update(theta, np.array([g]), state)


# Adam's forms beside each other


def test_without_epsilon_the_two_sound_forms_are_one():
    gradients = np.random.default_rng(0).normal(size=(50, 20))
    hat, algorithm1 = (run(Adam(epsilon=0.0, form=form), np.ones(20), gradients)[0]
                       for form in ("epsilon_hat", "algorithm1"))
    np.testing.assert_allclose(hat, algorithm1, rtol=1e-13)


def test_with_epsilon_they_differ():
    """By sqrt(1 - beta2), a factor of 32, in the weight of epsilon at first."""
    hat, algorithm1 = (1 - follow(Adam(form=form), 1.0, [1e-8])[0]
                       for form in ("epsilon_hat", "algorithm1"))
    assert algorithm1 == pytest.approx(0.001 / 2, rel=1e-6)
    assert hat == pytest.approx(0.001 / (1 + 1 / math.sqrt(0.001)), rel=1e-6)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(size):
    assert follow(Adam(), 1.0, [size])[0] == pytest.approx(1 - 0.001, rel=1e-5)


def printed_run(updates, g=0.01):
    theta = np.zeros(1, np.float32)
    return run(Adam(form="printed"), theta, np.full((updates, 1), g, np.float32))


def test_adam_printed_overflows_in_about_22_updates():
    # v grows by about 1 / (1 - 0.999^t), that is 1000 / t, at update t.
    finite = [np.isfinite(printed_run(t)[1].v[0]) for t in range(1, 31)]
    assert 20 <= finite.index(False) + 1 <= 24
    assert np.isinf(printed_run(30)[1].v[0])


def test_adam_printed_steps_below_a_millionth_within_five_updates():
    steps = np.abs(np.diff(printed_run(30)[0][:, 0], prepend=0))
    assert steps[0] > 1e-4
    assert np.all(steps[4:] < 1e-6)


def test_adam_printed_freezes():
    theta = printed_run(40)[0][:, 0]
    assert np.all(theta[24:] == theta[24])
    assert np.isfinite(theta).all()


def test_adam_printed_once_does_not_freeze():
    theta = run(Adam(form="printed_once"), np.zeros(1, np.float32),
                np.full((40, 1), 0.01, np.float32))[0][:, 0]
    assert np.all(np.diff(theta) < -1e-4)
