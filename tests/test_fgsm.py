"""FGSM: how far it goes, what it reports, and what saturation does to it."""
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_models import (C, D, Largest, LogitsAndVjp, affine, assert_same,
                          by_pieces_of, examples, learnt, network)

from npgm.attacks import FGSM
from npgm.attacks.model import LOOKED_AT
from npgm.errors import InputError
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP

LOSSES = pytest.mark.parametrize("loss", [cross_entropy, log_odds])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


# How far

def images(dtype):
    return arrays.arrays(dtype, (5, D), elements=st.floats(0, 1, width=32))


@given(x=images("float32"), epsilon=st.floats(0, 2), loss=st.sampled_from(
    [cross_entropy, log_odds]), clip=st.sampled_from([None, (0, 1), (-0.5, 1.25)]),
    lead=st.sampled_from([1, 100, 10 ** 6]))
def test_no_pixel_moves_further_than_epsilon(x, epsilon, loss, clip, lead):
    y = np.arange(5) % C
    result = FGSM(epsilon, loss, clip)(network("float32", lead=lead), x, y)
    assert result.x_adv.dtype == np.float32
    furthest = np.abs(result.x_adv.astype("float64") - x).max()
    assert furthest <= epsilon + 4 * np.finfo("float32").eps
    if clip:
        assert clip[0] <= result.x_adv.min() and result.x_adv.max() <= clip[1]


@LOSSES
@DTYPES
def test_every_pixel_moves_by_epsilon_along_the_gradient(loss, dtype):
    net, (x, y) = network(dtype), examples(20, dtype)
    result = FGSM(0.125, loss)(net, x, y)
    dx = net.loss_gradients(x, y, loss).dx
    assert result.x_adv.dtype == dtype
    np.testing.assert_allclose(result.x_adv, x + 0.125 * np.sign(dx), rtol=1e-6)


def test_x_is_not_changed_in_place():
    net, (x, y) = network(), examples(20)
    before = x.copy()
    FGSM(0.5, clip=(0, 1))(net, x, y)
    np.testing.assert_array_equal(x, before)


def test_clip_is_applied_after_the_step():
    net, (x, y) = network(), examples(20)
    free, clipped = FGSM(0.5)(net, x, y), FGSM(0.5, clip=(0, 1))(net, x, y)
    assert free.x_adv.min() < 0 and free.x_adv.max() > 1
    np.testing.assert_array_equal(clipped.x_adv, np.clip(free.x_adv, 0, 1))
    wrong = net.logits(clipped.x_adv).argmax(axis=1) != y
    np.testing.assert_array_equal(clipped.success, wrong)


@LOSSES
def test_on_two_affine_classes_the_step_is_the_optimum(loss):
    """The margin z_y - z_other is affine: over the box of radius epsilon it is
    least at one corner, epsilon * |w_y - w_other|_1 below where it was."""
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((D, 2)), rng.standard_normal(2)
    net, (x, y) = affine(W, b), examples(10, classes=2)
    result = FGSM(0.3, loss)(net, x, y)
    towards = np.where(y == 0, 1, -1)[:, None] * (W[:, 1] - W[:, 0])
    np.testing.assert_allclose(result.x_adv, x + 0.3 * np.sign(towards))

    def margin(x):
        z = net.logits(x)
        return z[np.arange(len(y)), y] - z[np.arange(len(y)), 1 - y]
    np.testing.assert_allclose(margin(result.x_adv),
                               margin(x) - 0.3 * np.abs(W[:, 1] - W[:, 0]).sum())
    for corner in itertools.product((-0.3, 0.3), repeat=D):
        assert (margin(result.x_adv) <= margin(x + corner) + 1e-12).all()


# What is reported

# z = (100 x, -100 x): class 0 leads by 200 x, and x = 3e38 overflows.
STEEP = affine([[100, -100]], [0, 0], "float32")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("x, y, status, success, valid", [
    (0.001, 0, "fooled", True, True),       # leads by 0.2: one step is enough
    (0.05, 0, "held", False, True),         # leads by 10: it is not
    (0.9, 0, "no_gradient", False, False),  # leads by 180: p rounds to 1 and 0
    (-0.9, 1, "no_gradient", False, False),
    (0.05, 1, "already_wrong", True, True),
    (3e38, 0, "not_finite", False, False),
    (3e38, 1, "not_finite", True, False)])
def test_statuses(x, y, status, success, valid):
    attack = FGSM(0.01, clip=(-1, 3.3e38))      # so far out, it has to be said
    result = attack(STEEP, np.array([[x]], "float32"), np.array([y]))
    assert result.status.tolist() == [status]
    assert result.success.tolist() == [success]
    assert result.valid.tolist() == [valid]
    if not valid:
        assert result.x_adv.tolist() == [[np.float32(x)]]


def test_a_gradient_that_is_not_a_number_is_never_a_step():
    class Broken(LogitsAndVjp):
        def vjp(self, x, dz):
            dx = super().vjp(x, dz)
            dx[::2, 1] = np.nan
            dx[1, 0] = np.inf
            return dx
    x, y = examples(6)
    result = FGSM(0.25)(Broken(network()), x, y)
    broken = [True, True, True, False, True, False]
    np.testing.assert_array_equal(result.status == "not_finite", broken)
    np.testing.assert_array_equal(~result.valid, broken)
    np.testing.assert_array_equal((result.x_adv == x).all(axis=1), broken)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nan_logits_are_a_mistake_and_not_finite():
    class Broken(LogitsAndVjp):
        def logits(self, x):
            return super().logits(x) * np.where(x[:, :1] < 0.5, np.nan, 1)
    x, y = examples(20)
    y = network().logits(x).argmax(axis=1)
    result = FGSM(0)(Broken(network()), x, y)
    broken = x[:, 0] < 0.5
    assert 0 < broken.sum() < 20
    np.testing.assert_array_equal(result.success, broken)
    np.testing.assert_array_equal(result.status == "not_finite", broken)


@LOSSES
@pytest.mark.parametrize("lead", [1, 30, 10 ** 4])
def test_success_valid_and_status_mean_what_they_say(loss, lead):
    net, (x, y) = network("float32", lead=lead), examples(200, "float32")
    result = FGSM(0.1, loss)(net, x, y)
    right = net.logits(x).argmax(axis=1) == y
    wrong_after = net.logits(result.x_adv).argmax(axis=1) != y
    gradient = net.loss_gradients(x, y, loss).dx.any(axis=1)
    np.testing.assert_array_equal(result.success, wrong_after)
    np.testing.assert_array_equal(result.valid, gradient)
    expected = np.select([~right, ~gradient, wrong_after],
                         ["already_wrong", "no_gradient", "fooled"], "held")
    np.testing.assert_array_equal(result.status, expected)


def test_epsilon_zero_fools_nobody():
    net, (x, y) = network(), examples(50)
    result = FGSM(0)(net, x, y)
    np.testing.assert_array_equal(result.x_adv, x)
    assert set(result.status) == {"already_wrong", "held"}


# Saturation

def test_a_saturated_network_hides_from_cross_entropy():
    net, (x, _) = network("float32", lead=2 ** 30), examples(100, "float32")
    result = FGSM(0.25, cross_entropy)(net, x, learnt(net, x))
    assert set(result.status) == {"no_gradient"}
    assert not result.valid.any() and not result.success.any()
    np.testing.assert_array_equal(result.x_adv, x)


def test_a_saturated_network_does_not_hide_from_log_odds():
    net, (x, _) = network("float32", lead=2 ** 30), examples(100, "float32")
    result = FGSM(0.25, log_odds)(net, x, learnt(net, x))
    assert result.valid.all()
    assert (np.abs(result.x_adv - x).max(axis=1) > 0.2).all()


def test_log_odds_steps_as_cross_entropy_would_without_saturation():
    """With two classes no scale of the logits changes the direction: the
    repaired attack on the saturated float32 network is the ordinary one on its
    float64 twin, the last layer of which is divided back."""
    net = network("float32", (D, 8, 2), 2 ** 30)
    x, _ = examples(200, "float32")
    twin = MLP(net.sizes, net.theta.astype("float64"))
    for array in twin.layers[-1]:
        array /= 2 ** 30
    y = learnt(net, x)
    repaired = FGSM(0.25, log_odds)(net, x, y)
    plain = FGSM(0.25, cross_entropy)(twin, x.astype("float64"), y)
    np.testing.assert_allclose(repaired.x_adv, plain.x_adv, rtol=1e-6)
    np.testing.assert_array_equal(repaired.status, plain.status)
    assert {"fooled", "held"} == set(repaired.status)


@pytest.mark.parametrize("lead, dtype", [
    (25, "float32"),        # the label's term is lost, the others are not
    (150, "float32"),       # nothing is left
    (50, "float64"), (800, "float64")])
def test_beyond_a_known_lead_cross_entropy_points_elsewhere(lead, dtype):
    """z = (w x + lead, x_2, 0): the best step lowers the first pixel, the
    rounded gradient does not know it."""
    net = affine([[4, 0, 0], [0, 1, 0]], [lead, 0, 0], dtype)
    x, y = np.full((1, 2), 0.5, dtype), np.array([0])
    blind = FGSM(0.25, cross_entropy)(net, x, y)
    seeing = FGSM(0.25, log_odds)(net, x, y)
    assert blind.x_adv[0, 0] == 0.5
    assert blind.valid[0] == (lead < 100)
    assert seeing.x_adv.tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("lead, dtype", [(12, "float32"), (30, "float64")])
def test_below_it_both_losses_point_the_same_way(lead, dtype):
    net = affine([[4, 0, 0], [0, 1, 0]], [lead, 0, 0], dtype)
    x, y = np.full((1, 2), 0.5, dtype), np.array([0])
    for loss in (cross_entropy, log_odds):
        assert FGSM(0.25, loss)(net, x, y).x_adv.tolist() == [[0.25, 0.75]]


# Models and pieces

@LOSSES
def test_any_object_with_logits_and_vjp_will_do(loss):
    net, (x, y) = network(), examples(50)
    assert_same(FGSM(0.25, loss)(LogitsAndVjp(net), x, y), FGSM(0.25, loss)(net, x, y))


@LOSSES
@pytest.mark.parametrize("piece", [1, 7, 49, 50, 51])
def test_results_do_not_depend_on_the_piece_size(piece, loss):
    net, (x, y) = network(), examples(50)
    attack = by_pieces_of(piece, FGSM(0.25, loss))
    assert_same(attack(net, x, y), FGSM(0.25, loss)(net, x, y))
    largest = Largest(net)
    attack(largest, x, y)
    assert largest.shown == max(min(piece, 50), LOOKED_AT)


def test_more_examples_than_a_piece():
    net, (x, y) = network(), examples(FGSM.piece + 3)
    result = FGSM(0.25)(net, x, y)
    assert len(result.x_adv) == len(result.success) == FGSM.piece + 3
    dx = net.loss_gradients(x, y).dx
    np.testing.assert_allclose(result.x_adv, x + 0.25 * np.sign(dx))


# Arguments

@pytest.mark.parametrize("options, words", [
    ({"epsilon": -0.1}, "-0.1"), ({"epsilon": np.nan}, "nan"),
    ({"epsilon": np.inf}, "inf"), ({"clip": (1, 0)}, "(1, 0)"),
    ({"clip": (0, np.nan)}, "nan"), ({"clip": 0.5}, "0.5"),
    ({"clip": (None, 1)}, "None"), ({"clip": (0, "1")}, "'1'"),
    ({"epsilon": 1j}, "1j"), ({"epsilon": np.complex128(1)}, "1+0j")])
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(InputError, match=r"give") as error:
        FGSM(**options)
    assert words in str(error.value) and "\n" not in str(error.value)


def with_entry(x, value):
    x = x.copy()
    x[3, 1] = value
    return x


@pytest.mark.parametrize("change, words", [
    (lambda x, y: (with_entry(x, np.nan), y), r"x\[3\]"),
    (lambda x, y: (with_entry(x, -np.inf), y), r"x\[3\]"),
    (lambda x, y: (x[:0], y[:0]), "at least one example"),
    (lambda x, y: (x[0], y[:1]), "shape"),
    (lambda x, y: (x[:, :3], y), "shape"),
    (lambda x, y: ((255 * x).astype("uint8"), y), "give floats"),
    (lambda x, y: (x.tolist(), y), "give an array"),
    (lambda x, y: (x.astype("float32"), y), "float32"),
    (lambda x, y: (x, y + 1), "labels go from 1 to 4"),
    (lambda x, y: (x, y - 1), "labels go from -1 to 2"),
    (lambda x, y: (x, y[:-1]), "each of the 8 examples"),
    (lambda x, y: (x, y.astype(float)), "integer label")])
def test_examples_that_do_not_fit_are_refused(change, words):
    x, y = examples(8)[0], np.arange(8) % C
    with pytest.raises(InputError, match=words) as error:
        FGSM()(network(), *change(x, y))
    assert "\n" not in str(error.value)
