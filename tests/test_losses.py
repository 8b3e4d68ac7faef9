"""Losses against exact arithmetic, and the leads at which rounding masks them."""
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npgm import losses
from npgm.errors import InputError
from npgm.losses import (cross_entropy, dlr, log_odds, margin, mifpe, mistakes,
                         softmax)

LOSSES = list(losses.LOSSES.values())
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


def exact(z, y, digits=100):
    """softmax, -log p_y and log((1 - p_y) / p_y) of one row, to so many digits."""
    with localcontext() as context:
        context.prec = digits
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


@pytest.mark.parametrize("dtype, lead", [
    *((np.float32, lead) for lead in (-80, -20, -1, 0, 1, 16, 17, 40, 80)),
    *((np.float64, lead) for lead in (-600, -40, -1, 0, 1, 36, 37, 300, 600))])
@pytest.mark.parametrize("shift", [0, 1000, -1000])
def test_cross_entropy_keeps_its_digits_whatever_the_lead(dtype, lead, shift):
    """One that took them from 1 - p_y would lose all of them at 17 or 37. Where the
    label leads, a shift of the whole row costs nothing."""
    z = np.array([[lead, 0, -0.5, -3]], dtype) + dtype(shift)
    loss = cross_entropy(z, np.array([0]))[0]
    size = lead if lead > 0 else max(abs(shift), -lead, 1)
    np.testing.assert_allclose(loss, exact(z[0], 0, digits=300)[1],
                               rtol=4 * np.finfo(dtype).eps * size)


def test_a_logit_that_is_not_a_number_is_a_mistake():
    z = np.array([[0, 1, 2], [2, 1, 0], [np.nan, 1, 2], [0, 1, np.nan]])
    assert mistakes(z, np.array([2, 2, 2, 2])).tolist() == [False, True, True, True]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("z, y, words", [
    (np.zeros(3), [0, 1, 2], "z has shape"), (np.zeros((2, 3)), [0, 3], "0 to 2"),
    (np.zeros((2, 3)), [-1, 0], "-1 to 0"), (np.zeros((2, 3)), [0.0, 1.0], "integer"),
    (np.zeros((2, 3)), [0], "each of the 2"), (np.zeros((2, 3)), [[0], [1]], "each")])
def test_what_are_no_logits_or_labels_is_refused(loss, z, y, words):
    with pytest.raises(InputError, match=words) as caught:
        loss(z, np.array(y))
    assert "\n" not in str(caught.value)


# Margin, DLR, MIFPE


def spread_out(rng, count=40, classes=5):
    """Logits no two of a row nearer than 0.05, and labels."""
    steps = rng.uniform(0.05, 2, (count, classes))
    z = rng.permuted(np.cumsum(steps, axis=1), axis=1) + rng.normal(0, 9, (count, 1))
    return z, rng.integers(0, classes, count)


# z = (1, 4, 9, 2): the wrong class ahead is 2; z_(1) - z_(3) = 9 - 2, its lead is 5.
@pytest.mark.parametrize("y, margin_, dlr_, dz", [
    (1, 5, 5 / 7, [0, -1 / 7, 1 / 7 - 5 / 49, 5 / 49]),
    (2, -5, -5 / 7, [0, 1 / 7, -1 / 7 + 5 / 49, -5 / 49]),
    (0, 8, 8 / 7, [-1 / 7, 0, 1 / 7 - 8 / 49, 8 / 49])])
def test_margin_and_dlr_by_hand(y, margin_, dlr_, dz):
    z, y = np.array([[1.0, 4, 9, 2]]), np.array([y])
    np.testing.assert_allclose(margin(z, y)[0], margin_, rtol=1e-14)
    loss, found = dlr(z, y)
    np.testing.assert_allclose(loss, dlr_, rtol=1e-11)
    np.testing.assert_allclose(found, [dz], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("y", range(4))
def test_mifpe_by_hand(y):
    z, y = np.array([[1.0, 4, 9, 2]]), np.array([y])
    loss, dz = cross_entropy(z / 5, y)
    np.testing.assert_allclose(mifpe(z, y)[0], loss, rtol=1e-14)
    np.testing.assert_allclose(mifpe(z, y)[1], dz / 5, rtol=1e-14)


def scaled(s):
    return lambda z, y: (cross_entropy(z / s, y)[0], None)


@pytest.mark.parametrize("loss", LOSSES)
def test_dz_is_the_slope_of_the_loss(loss):
    z, y = spread_out(np.random.default_rng(1))
    ordered = np.sort(z, axis=1)
    value = loss if loss is not mifpe else scaled(ordered[:, -1:] - ordered[:, -2:-1])
    h, slopes = 1e-6, np.empty_like(z)
    for k in range(z.shape[1]):
        e = h * np.eye(z.shape[1])[k]
        slopes[:, k] = (value(z + e, y)[0] - value(z - e, y)[0]) / (2 * h)
    np.testing.assert_allclose(loss(z, y)[1], slopes, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float64", 1e-12)])
def test_dlr_and_its_gradient_are_those_of_autograd(dtype, rtol):
    torch = pytest.importorskip("torch")
    z, y = spread_out(np.random.default_rng(2))
    z = z.astype(dtype)
    t = torch.tensor(z, requires_grad=True)
    ordered = t.sort(dim=1).values
    wrong = t.masked_fill(torch.nn.functional.one_hot(
        torch.tensor(y), z.shape[1]).bool(), -np.inf).max(dim=1).values
    value = (wrong - t[range(len(y)), y]) / (ordered[:, -1] - ordered[:, -3] + 1e-12)
    value.sum().backward()
    loss, dz = dlr(z, y)
    np.testing.assert_allclose(loss, value.detach().numpy(), rtol=rtol)
    np.testing.assert_allclose(dz, t.grad.numpy(), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("loss", [cross_entropy, log_odds, margin, dlr, mifpe])
@given(seed=st.integers(0, 99), shift=st.integers(-1000, 1000))
def test_a_shift_of_all_logits_does_not_matter(loss, seed, shift):
    z, y = spread_out(np.random.default_rng(seed))
    for one, other in zip(loss(z, y), loss(z + shift, y)):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("loss", [dlr, mifpe])
@given(seed=st.integers(0, 99), scale=st.floats(0.1, 1e6))
def test_the_scale_of_the_logits_does_not_matter(loss, seed, scale):
    z, y = spread_out(np.random.default_rng(seed))
    (value, dz), (other, other_dz) = loss(z, y), loss(scale * z, y)
    np.testing.assert_allclose(other, value, rtol=1e-7)
    np.testing.assert_allclose(scale * other_dz, dz, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("loss", [log_odds, margin, dlr, mifpe])
@pytest.mark.parametrize("lead", [500, -500, 1e6])
def test_saturated_logits_still_push(loss, lead):
    z = np.array([[lead, 0, -0.5, -3]], np.float32)
    value, dz = loss(z, np.array([0]))
    assert np.isfinite(value).all() and np.isfinite(dz).all()
    assert dz[0, 0] < 0 and dz[0, 1:].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("z", [[0, 0, 0], [7, 7, 0], [0, 7, 7], [1e-9, 0, -1e4]])
@pytest.mark.parametrize("loss", LOSSES)
def test_ties_are_finite(loss, z, dtype):
    value, dz = loss(np.array([z, z], dtype), np.array([0, 1]))
    assert np.isfinite(value).all() and np.isfinite(dz).all() and dz.any(axis=1).all()


def test_dlr_of_two_classes_is_refused():
    with pytest.raises(InputError, match="dlr needs three classes, z has 2") as caught:
        dlr(np.zeros((1, 2)), np.array([0]))
    assert "\n" not in str(caught.value)


# By name


def squared(z, y):
    """Half the squared distance to the label's unit vector: a user's own loss."""
    dz = z - np.eye(z.shape[1], dtype=z.dtype)[y]
    return (dz * dz).sum(axis=1) / 2, dz


def test_losses_have_names():
    assert losses.LOSSES == {"cross_entropy": cross_entropy, "log_odds": log_odds,
                             "margin": margin, "dlr": dlr, "mifpe": mifpe}


@pytest.mark.parametrize("loss, name", [
    *((loss, name) for name, loss in losses.LOSSES.items()),
    (squared, f"{__name__}:squared")])
def test_a_loss_is_found_by_its_name_and_as_it_is(loss, name):
    assert losses.named(name) is losses.named(loss) is loss
    assert losses.name_of(name) == losses.name_of(loss) == name


@pytest.mark.parametrize("name, words", [
    ("crossentropy", "is it 'cross_entropy'"), ("logodds", "is it 'log_odds'"),
    ("hinge", "cross_entropy, log_odds"), ("", "cross_entropy, log_odds"),
    (None, "cross_entropy, log_odds"), (0.5, "cross_entropy, log_odds"),
    ("npgm.losses:hinge", "hinge"), ("npgm.loses:log_odds", "npgm.loses"),
    (":log_odds", "not to be found"), ("npgm.losses:", "not to be found")])
def test_a_loss_that_is_not_to_be_found(name, words):
    with pytest.raises(InputError, match=words) as caught:
        losses.named(name)
    assert repr(name) in str(caught.value) and "\n" not in str(caught.value)
