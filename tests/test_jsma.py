"""JSMA: the best pair of all, few pixels, changed by theta."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_models import C, affine, examples, learnt, network

from npgm.attacks import JSMA
from npgm.attacks.jsma import FEW, best_pair
from npgm.network import MLP


def by_hand(u, v, free):
    """Scores of all pairs of one example, 0 where there may be none."""
    found = {}
    for p in np.flatnonzero(free):
        for q in np.flatnonzero(free):
            alpha, beta = float(u[p]) + float(u[q]), float(v[p]) + float(v[q])
            if p != q and alpha > 0 and beta > 0:
                found[p, q] = alpha * beta
    return found


def check_pairs(u, v, free):
    p, q, found = best_pair(u, v, free)
    for i in range(len(u)):
        scores = by_hand(u[i], v[i], free[i])
        assert found[i] == any(score > 0 for score in scores.values())
        if found[i]:
            assert scores[p[i], q[i]] == max(scores.values())


SMALL = arrays.arrays("float32", (3, 9), elements=st.sampled_from(
    [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]))


@given(u=SMALL, v=SMALL, free=arrays.arrays(bool, (3, 9)))
def test_the_pair_is_the_best_of_all(u, v, free):
    """With many ties."""
    check_pairs(u, v, free)


@pytest.mark.parametrize("slope", [1, 0, -1])
def test_the_pair_is_the_best_where_many_pixels_are_candidates(slope):
    """Where what helps u hurts v, hardly any pixel is below two others."""
    rng = np.random.default_rng(0)
    u = rng.standard_normal((4, 5 * FEW)).astype("float32")
    v = (slope * u + 0.1 * rng.standard_normal(u.shape)).astype("float32")
    check_pairs(u, v, rng.random(u.shape) < 0.9)


def test_no_pixels_and_one_are_no_pair():
    u = np.ones((2, 5))
    free = np.array([[False] * 5, [True] + [False] * 4])
    assert best_pair(u, u, free)[2].tolist() == [False, False]


def test_the_steps_on_an_affine_model_by_hand():
    """z_1 rises most along pixels 0 and 2, then 1 and 3: the lead of 2.5 needs both."""
    W = np.array([[-0.1, 1, 0], [-0.1, 0.4, 0], [-0.1, 0.9, 0], [-0.1, 0.3, 0],
                  [0, 0, 1]])
    net, x = affine(W, [2.5, 0, 0]), np.zeros((1, 5))
    result = JSMA(gamma=0.8)(net, x, np.array([0]), target=1)
    assert result.x_adv.tolist() == [[1, 1, 1, 1, 0]]
    assert result.status.tolist() == ["fooled"] and result.l0.tolist() == [4]
    short = JSMA(gamma=0.79)(net, x, np.array([0]), target=1)
    assert short.x_adv.tolist() == [[1, 0, 1, 0, 0]]
    assert short.status.tolist() == ["held"]


def test_away_from_the_label_by_hand():
    """Pixels that lower z_0 and raise the others' sum, by taking away from them."""
    W = np.array([[1, -0.5], [0.1, -0.1], [2, -1], [1, 0.5]])
    net, x = affine(W, [0, 3]), np.ones((1, 4))
    result = JSMA(gamma=0.5, theta=-1)(net, x, np.array([0]))
    assert result.x_adv.tolist() == [[0, 1, 0, 1]]
    assert result.status.tolist() == ["fooled"]


@pytest.mark.parametrize("theta", [1, 0.3, -0.3, -1])
@pytest.mark.parametrize("target", [None, "next"])
@pytest.mark.parametrize("gamma", [0.1, 0.5])
def test_no_more_pixels_than_gamma_and_all_one_way(gamma, target, theta):
    net = MLP.initialize((30, 16, C), seed=1, dtype="float64", scheme="he")
    x = np.random.default_rng(0).random((40, 30))
    result = JSMA(gamma, theta)(net, x, learnt(net, x), target=target)
    assert result.l0.max() <= gamma * 30
    assert (np.sign(theta) * (result.x_adv - x) >= 0).all()
    assert 0 <= result.x_adv.min() and result.x_adv.max() <= 1
    assert (result.l0 % 2 == 0).all() or abs(theta) < 1
    assert result.success.any() and set(result.status) <= {"fooled", "held"}


def test_less_to_change_fools_no_more():
    net, (x, _) = network(), examples(200)
    y = learnt(net, x)
    errors = [JSMA(gamma)(net, x, y).success.mean() for gamma in (0.2, 0.4, 0.7, 1)]
    assert errors == sorted(errors) and errors[0] < errors[-1]


def test_a_small_theta_goes_back_to_its_pixels():
    net = affine([[-1, 1], [-1, 1], [-0.1, 0.1], [-0.1, 0.1]], [3.9, 0])
    result = JSMA(0.5, 0.25)(net, np.zeros((1, 4)), np.array([0]))
    assert result.x_adv.tolist() == [[1, 1, 0, 0]] and result.success.all()


def test_an_example_that_is_there_stays():
    net, (x, y) = network(), examples(60)
    wrong = learnt(net, x) != y
    result = JSMA(1)(net, x, y)
    np.testing.assert_array_equal(result.x_adv[wrong], x[wrong])
    assert (result.l0[result.status == "fooled"] >= 2).all()


def test_the_scale_of_the_logits_does_not_matter():
    """No softmax, nothing that saturates."""
    x, _ = examples(40, "float32")
    y = learnt(network("float32"), x)
    found, expected = (JSMA(1)(network("float32", lead=lead), x, y)
                       for lead in (2.0 ** 20, 1))
    np.testing.assert_array_equal(found.x_adv, expected.x_adv)


def test_where_a_layer_is_silent_the_gradient_is_lost():
    """A unit that is on at x, and off after one step; the target needs two."""
    W1, b1 = np.array([[-1.0], [-1.0], [-0.1], [-0.1]]), [1]
    W2, b2 = np.array([[1.0, -1.0]]), [0.5, 0]
    theta = np.concatenate([W1.ravel(), b1, W2.ravel(), b2])
    result = JSMA(1)(MLP((4, 1, 2), theta), np.zeros((1, 4)), np.array([0]))
    assert result.status.tolist() == ["gradient_lost"]
    assert result.lost_at.tolist() == [1]
