"""L-BFGS: minima that are known, and the nearest point of a class on affine models."""
import numpy as np
import pytest
from small_models import C, D, affine, examples, learnt, network

from npgm.attacks import LBFGS, DeepFool
from npgm.attacks.lbfgs import inverse_hessian, minimize

WIDE = (-9, 9)


# The minimizer


def quadratic(seed, count=6):
    """f of (x - centre) with a Hessian of its own for each of `count` rows; centres."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((count, D, D))
    A = A @ A.transpose(0, 2, 1) + 0.1 * np.eye(D)
    centre = rng.standard_normal((count, D))

    def f(x, at):
        g = np.einsum("nij,nj->ni", A[at], x - centre[at])
        return ((x - centre[at]) * g).sum(axis=1) / 2, g
    return f, centre


@pytest.mark.parametrize("seed", range(3))
def test_a_quadratics_minimum_is_found(seed):
    f, centre = quadratic(seed)
    found = minimize(f, np.zeros_like(centre), None, 300, np.full(6, 1e-9))
    np.testing.assert_allclose(found, centre, atol=0.02)
    assert (f(found, np.arange(6))[0] < 1e-4 * f(0 * found, np.arange(6))[0]).all()


@pytest.mark.parametrize("seed", range(3))
def test_within_a_box_no_pixel_can_do_better(seed):
    """The conditions of a minimum: a gradient that is zero, or leads out of the box."""
    f, centre = quadratic(seed)
    found = minimize(f, np.zeros_like(centre), (-0.2, 0.3), 300, np.full(6, 1e-9))
    g = f(found, np.arange(6))[1]
    low, high = found == -0.2, found == 0.3
    assert (low.any(axis=1) | high.any(axis=1)).all()
    assert (g[low] >= 0).all() and (g[high] <= 0).all()
    scale = np.abs(f(0 * found, np.arange(6))[1]).max()
    assert np.abs(g[~low & ~high]).max() < 0.05 * scale


def test_each_row_is_minimized_on_its_own():
    f, centre = quadratic(0)
    whole = minimize(f, np.zeros_like(centre), None, 40, np.full(6, 1e-9))
    for i in range(6):
        alone = minimize(lambda x, at: f(x, at + i), np.zeros((1, D)), None, 40,
                         np.full(1, 1e-9))
        np.testing.assert_allclose(alone[0], whole[i], rtol=1e-9)


def test_the_two_loops_are_the_recursion_of_bfgs():
    """H' = (I - s y'/sy) H (I - y s'/sy) + s s'/sy, from gamma I on."""
    rng = np.random.default_rng(0)
    S, g = rng.standard_normal((3, D)), rng.standard_normal(D)
    A = rng.standard_normal((D, D))
    Y = S @ (A @ A.T + np.eye(D))
    H = S[-1] @ Y[-1] / (Y[-1] @ Y[-1]) * np.eye(D)
    for s, y in zip(S, Y):
        V = np.eye(D) - np.outer(y, s) / (s @ y)
        H = V.T @ H @ V + np.outer(s, s) / (s @ y)
    found = inverse_hessian(g[None], S[:, None], Y[:, None])
    np.testing.assert_allclose(found[0], H @ g, rtol=1e-9)


# The attack


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_two_affine_classes_it_finds_the_distance(dtype):
    rng = np.random.default_rng(0)
    W = 3 * rng.standard_normal((D, 2))
    net, (x, _) = affine(W, [0, 0], dtype), examples(60, dtype)
    lead = np.abs(net.logits(x) @ [1, -1])
    x, lead = x[lead > 0.5], lead[lead > 0.5]
    result = LBFGS(clip=WIDE)(net, x, learnt(net, x))
    assert len(x) > 30 and (result.status == "fooled").all()
    distance = lead / np.linalg.norm(W[:, 0] - W[:, 1])
    np.testing.assert_allclose(result.l2, distance, rtol=0.01)


def test_a_box_is_kept_to_and_the_other_pixels_go_on():
    """A lead of 3, of which the first pixel can take 0.3: the second takes the rest."""
    net = affine([[0, 3], [0, 3]], [0, -4.8])
    result = LBFGS()(net, np.array([[0.9, 0.2]]), np.array([0]))
    assert result.status.tolist() == ["fooled"]
    np.testing.assert_allclose(result.x_adv, [[1, 0.6]], rtol=0.01)


def test_no_loss_at_all_finds_a_nearer_point_than_the_classes_boundary():
    """DeepFool's first step to a class's boundary is the least that can do."""
    W = 3 * np.random.default_rng(1).standard_normal((D, C))
    net, (x, _) = affine(W, np.zeros(C)), examples(40)
    y = learnt(net, x)
    result = LBFGS(clip=WIDE, target="least_likely")(net, x, y)
    least = DeepFool(steps=1, overshoot=0)(net, x, y, target=result.target).l2
    assert result.success.all() and (result.l2 >= least * (1 - 1e-6)).all()
    assert np.median(result.l2 / DeepFool()(net, x, y, target=result.target).l2) <= 1.01


def test_an_example_of_the_targets_class_stays_as_it_is():
    net, (x, _) = network(), examples(40)
    target = learnt(net, x)
    result = LBFGS()(net, x, (target + 1) % C, target=target)
    assert result.success.all() and set(result.status) == {"already_wrong"}
    np.testing.assert_array_equal(result.x_adv, x)


def test_what_cannot_be_reached_holds_and_stays():
    """In the box the target is behind by 1 at least."""
    net = affine([[1, 0]], [2, 0])
    result = LBFGS()(net, np.array([[0.5]]), np.array([0]))
    assert result.status.tolist() == ["held"] and result.x_adv.tolist() == [[0.5]]


def test_a_saturated_network_does_not_hide_a_target():
    """Cross-entropy's gradient at the target is there whatever the lead."""
    net, (x, _) = network("float32", lead=2 ** 12), examples(30, "float32")
    result = LBFGS(clip=WIDE)(net, x, learnt(net, x))
    assert result.valid.all() and result.success.mean() > 0.9
