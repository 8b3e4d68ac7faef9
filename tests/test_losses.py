"""Losses against exact arithmetic, and the leads at which rounding masks them."""
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npgm.losses import cross_entropy, log_odds, softmax

LOSSES = [cross_entropy, log_odds]
DTYPES = [np.float32, np.float64]


def rows(low, high, dtype=np.float64, classes=None):
    """Logits (N, C), entries from low to high."""
    width = 64 if dtype == np.float64 else 32
    shape = st.tuples(st.integers(1, 4), classes or st.integers(2, 6))
    return shape.flatmap(lambda s: arrays(dtype, s, elements=st.floats(
        low, high, width=width, allow_subnormal=False)))


def leading(lead, classes, dtype):
    """One row of logits whose label 0 leads every other class by lead."""
    return np.array([[lead] + [0] * (classes - 1)], dtype), np.array([0])


def exact(z, y):
    """softmax, -log p_y and log((1 - p_y) / p_y) of one row, to 100 digits."""
    with localcontext() as context:
        context.prec = 100
        powers = [Decimal(float(value)).exp() for value in z]
        right = powers[y]
        wrong = sum(powers) - right
        p = [float(power / sum(powers)) for power in powers]
        return p, float((1 + wrong / right).ln()), float((wrong / right).ln())


# p = (1, 2, 5) / 8 and y = 1, so
#   cross entropy   -log(2 / 8) = log 4     dz = p - onehot = (1, -6, 5) / 8
#   log odds        log((6 / 8) / (2 / 8)) = log 3
#                   q = (1, 0, 5) / 6       dz = q - onehot = (1, -6, 5) / 6
Z_BY_HAND, Y_BY_HAND = np.log([[1.0, 2.0, 5.0]]), np.array([1])


def test_cross_entropy_by_hand():
    loss, dz = cross_entropy(Z_BY_HAND, Y_BY_HAND)
    np.testing.assert_allclose(loss, np.log([4]), rtol=1e-14)
    np.testing.assert_allclose(dz, np.array([[1, -6, 5]]) / 8, rtol=1e-14)


def test_log_odds_by_hand():
    loss, dz = log_odds(Z_BY_HAND, Y_BY_HAND)
    np.testing.assert_allclose(loss, np.log([3]), rtol=1e-14)
    np.testing.assert_allclose(dz, np.array([[1, -6, 5]]) / 6, rtol=1e-14)


def test_softmax_by_hand():
    p, log_normalizer = softmax(Z_BY_HAND)
    np.testing.assert_allclose(p, np.array([[1, 2, 5]]) / 8, rtol=1e-14)
    np.testing.assert_allclose(log_normalizer, np.log([8]), rtol=1e-14)


@given(rows(-50, 50), st.integers(0, 5))
def test_losses_equal_exact_arithmetic(z, label):
    y = np.full(len(z), label % z.shape[1])
    expected = [exact(row, y[0]) for row in z]
    np.testing.assert_allclose(cross_entropy(z, y)[0], [e[1] for e in expected],
                               rtol=1e-12)
    np.testing.assert_allclose(log_odds(z, y)[0], [e[2] for e in expected],
                               rtol=1e-12, atol=1e-12)


@given(rows(-15, 15), st.integers(0, 5))
def test_cross_entropy_dz_is_softmax_minus_onehot(z, label):
    y = np.full(len(z), label % z.shape[1])
    expected = np.array([exact(row, y[0])[0] for row in z])
    expected -= np.eye(z.shape[1])[y]
    np.testing.assert_allclose(cross_entropy(z, y)[1], expected, rtol=1e-12,
                               atol=1e-15)


@given(rows(-300, 300), st.integers(0, 5))
def test_cross_entropy_is_softplus_of_log_odds(z, label):
    y = np.full(len(z), label % z.shape[1])
    softplus = np.log1p(np.exp(log_odds(z, y)[0]))
    np.testing.assert_allclose(cross_entropy(z, y)[0], softplus, rtol=1e-12)


# The cancellation in p_y - 1 costs as many digits as the lead is long.
@given(rows(-3, 3), st.integers(0, 5))
def test_both_losses_push_the_same_way(z, label):
    y = np.full(len(z), label % z.shape[1])
    p = np.array([exact(row, y[0])[0] for row in z])
    wrong = 1 - p[:, y[0]]
    np.testing.assert_allclose(cross_entropy(z, y)[1],
                               wrong[:, None] * log_odds(z, y)[1], rtol=1e-11)


@given(rows(-1e4, 1e4, np.float32), st.integers(0, 5))
def test_log_odds_dz_never_vanishes(z, label):
    y = np.full(len(z), label % z.shape[1])
    dz = log_odds(z, y)[1]
    others = np.delete(dz, y[0], axis=1)
    assert np.all(dz[:, y[0]] == -1)
    assert np.all(others >= 0)
    np.testing.assert_allclose(others.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_is_kept(loss, dtype):
    z = np.array([[1, 2, 3], [3, 1, 2]], dtype)
    value, dz = loss(z, np.array([0, 2]))
    assert value.dtype == dz.dtype == dtype
    assert value.shape == (2,)
    assert dz.shape == (2, 3)


@pytest.mark.parametrize("loss", LOSSES)
def test_logits_are_left_as_they_were(loss):
    z = np.array([[1.0, 2.0, 3.0]])
    loss(z, np.array([1]))
    assert z.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("loss", LOSSES)
def test_each_row_stands_for_itself(loss):
    z = np.random.default_rng(0).normal(0, 3, (5, 4))
    y = np.array([0, 3, 1, 2, 2])
    value, dz = loss(z, y)
    for i in range(5):
        one, one_dz = loss(z[i:i + 1], y[i:i + 1])
        np.testing.assert_allclose(one[0], value[i], rtol=1e-14)
        np.testing.assert_allclose(one_dz[0], dz[i], rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [-1e4, 1e4])
def test_large_leads_do_not_overflow(dtype, lead):
    z, y = leading(lead, 3, dtype)
    expected = 0 if lead > 0 else np.log(2) - lead
    np.testing.assert_allclose(cross_entropy(z, y)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(log_odds(z, y)[0], np.log(2) - lead, rtol=1e-6)


# lead, is dz_y exactly 0, is all of dz exactly 0. With ten classes, as for MNIST;
# with two, where nothing but the lead decides, close to the thresholds:
#   1 + exp(-lead) rounds to 1 below half a unit in the last place:
#       log 2^24 = 16.6 in float32, log 2^53 = 36.7 in float64
#   exp(-lead) rounds to 0 below half the least subnormal:
#       log 2^150 = 104.0 in float32, log 2^1075 = 745.1 in float64
MASKING = [
    (np.float32, 10, 10, False, False),
    (np.float32, 10, 20, True, False),
    (np.float32, 10, 110, True, True),
    (np.float64, 10, 20, False, False),
    (np.float64, 10, 40, True, False),
    (np.float64, 10, 110, True, False),
    (np.float64, 10, 750, True, True),
    (np.float32, 2, 16.5, False, False),
    (np.float32, 2, 16.7, True, False),
    (np.float32, 2, 103, True, False),
    (np.float32, 2, 104.5, True, True),
    (np.float64, 2, 36.6, False, False),
    (np.float64, 2, 36.8, True, False),
    (np.float64, 2, 744, True, False),
    (np.float64, 2, 746, True, True),
]


@pytest.mark.parametrize("dtype, classes, lead, label_lost, all_lost", MASKING)
def test_cross_entropy_masks_by_rounding(dtype, classes, lead, label_lost, all_lost):
    dz = cross_entropy(*leading(lead, classes, dtype))[1]
    assert (dz[0, 0] == 0) == label_lost
    assert (not dz.any()) == all_lost


@pytest.mark.parametrize("dtype, classes, lead, label_lost, all_lost", MASKING)
def test_log_odds_does_not_mask(dtype, classes, lead, label_lost, all_lost):
    dz = log_odds(*leading(lead, classes, dtype))[1]
    expected = [-1] + [1 / (classes - 1)] * (classes - 1)
    np.testing.assert_allclose(dz[0], expected, rtol=1e-6)


# The loss keeps all its digits where its gradient has lost them.
@pytest.mark.parametrize("lead", [20, 60, 80])
def test_cross_entropy_itself_stays_exact(lead):
    loss = cross_entropy(*leading(lead, 10, np.float32))[0]
    np.testing.assert_allclose(loss, 9 * np.exp(-float(lead)), rtol=1e-5)
