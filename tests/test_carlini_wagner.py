"""Carlini and Wagner: known distances on affine models, kappa, the box, the search."""
import itertools
from dataclasses import replace

import numpy as np
import pytest
from small_models import C, D, affine, examples, learnt, network

from npgm.attacks import CarliniWagner, DeepFool
from npgm.network import MLP

BOX = (-2, 3)       # wide enough not to matter


def fine(norm, **others):
    """Small steps, many of them."""
    return CarliniWagner(norm, **{"steps": 300, "learning_rate": 0.002, "clip": BOX,
                                  "c": 1, **others})


def length(result, norm):
    return result.l2 if norm == 2 else result.linf


@pytest.mark.parametrize("norm, dual, dtype", [
    (np.inf, 1, "float64"),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (np.inf, 1, "float32"), (2, 2, "float32"), (2, 2, "float64")))])
def test_on_two_affine_classes_it_finds_the_distance(norm, dual, dtype):
    W = np.random.default_rng(0).standard_normal((D, 2))
    net, (x, _) = affine(W, [1, 0], dtype), examples(10, dtype)
    w = W[:, 0] - W[:, 1]
    distance = np.abs(net.logits(x) @ [1, -1]) / np.linalg.norm(w, dual)
    x, distance = x[distance > 0.15], distance[distance > 0.15]
    result = fine(norm)(net, x, learnt(net, x))
    assert len(x) > 5 and result.success.all()
    assert (length(result, norm) >= distance * (1 - 1e-4)).all()
    assert np.median(length(result, norm) / distance) < 1.01


@pytest.mark.parametrize("norm, dual", [
    (np.inf, 1), pytest.param(2, 2, marks=pytest.mark.slow)])
def test_as_it_stands_it_is_as_near_as_is_said(norm, dual):
    rng = np.random.default_rng(0)
    W, x = rng.standard_normal((10, 2)), rng.uniform(0.3, 0.7, (40, 10))
    net, w = affine(W, [1, 0]), W[:, 0] - W[:, 1]
    distance = np.abs(net.logits(x) @ [1, -1]) / np.linalg.norm(w, dual)
    x, distance = x[inner := (distance > 0.02) & (distance < 0.3)], distance[inner]
    result = CarliniWagner(norm)(net, x, learnt(net, x))
    ratio = length(result, norm) / distance
    assert len(x) > 15 and ratio.min() >= 1 - 1e-6
    assert np.quantile(ratio, 0.9) < 1.01 and ratio.max() < 1.03


@pytest.mark.parametrize("norm", [2, np.inf])
def test_it_leads_away_from_the_bounds(norm):
    """There tanh is flat: examples of 0 and 1 alone."""
    net = network("float32", sizes=(40, 20, C))
    x = np.random.default_rng(0).integers(0, 2, (20, 40)).astype("float32")
    y, attack = learnt(net, x), CarliniWagner(norm, search_steps=4, c=0.1)
    assert DeepFool(norm, clip=(0, 1))(net, x, y).success.all()
    assert attack(net, x, y).success.all()


def nearest_of_class(W, b, x, t):
    """The distance of x (D,) to where z_t is highest: of all sets of classes that may
    tie there, the nearest point at which they do and no other is higher."""
    k = [k for k in range(len(b)) if k != t]
    A, f = (W[:, k] - W[:, [t]]).T, -(x @ (W[:, k] - W[:, [t]]) + b[k] - b[t])
    found = [0.0] if (f >= 0).all() else []
    for count in range(1, len(k) + 1):
        for active in itertools.combinations(range(len(k)), count):
            r = np.linalg.pinv(A[list(active)]) @ f[list(active)]
            if (A @ r <= f + 1e-9).all():
                found.append(np.linalg.norm(r))
    return min(found)


def test_the_nearest_point_of_one_of_four_affine_classes():
    """Where classes tie, DeepFool's way from boundary to boundary is longer."""
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((D, C)), rng.standard_normal(C)
    net, (x, _) = affine(W, b), examples(10)
    result = fine(2, target="least_likely", clip=(-3, 4))(net, x, learnt(net, x))
    least = np.array([nearest_of_class(W, b, *of) for of in zip(x, result.target)])
    assert result.success.all() and (result.l2 >= least * (1 - 1e-6)).all()
    assert np.median(result.l2 / least) < 1.01


@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("target", [None, "next"])
def test_kappa_is_how_far_another_logit_leads(norm, target):
    net, (x, _) = network(), examples(20)
    y = learnt(net, x)
    attack = CarliniWagner(norm, 0.5, 60, 8, 0.03, clip=(-9, 9))
    result = attack(net, x, y, target=target)
    z = net.logits(result.x_adv)[result.success]
    if target is None:
        lead = np.sort(z)[:, -1] - z[np.arange(len(z)), y[result.success]]
    else:
        lead = np.diff(np.sort(z)[:, -2:])[:, 0]
    assert len(z) > 15 and lead.min() >= 0.5 - 1e-9
    without = replace(attack, kappa=0)(net, x, y, target=target)
    farther = (length(result, norm) / length(without, norm))[result.success]
    assert np.median(farther) > 1.1


@pytest.mark.parametrize("norm", [2, np.inf])
def test_the_box_is_kept_to_and_the_other_pixels_go_on(norm):
    """A lead of 1.5, of which the first pixel can take 0.3: the second goes on."""
    net = affine([[0, 3], [0, 3]], [0, -4.8])
    result = fine(norm, clip=(0, 1), learning_rate=0.02)(
        net, np.array([[0.9, 0.2]]), np.array([0]))
    assert result.status.tolist() == ["fooled"] and result.x_adv.max() <= 1
    np.testing.assert_allclose(result.x_adv, [[1, 0.6]], rtol=0.05)


@pytest.mark.parametrize("norm", [2, np.inf])
def test_more_tries_come_no_farther(norm):
    net, (x, _) = network(), examples(20)
    y = learnt(net, x)
    found = [length(CarliniWagner(norm, 0, 40, tries, 0.02, 0.01)(net, x, y), norm)
             for tries in (3, 6, 12)]
    reached = found[0] > 0
    for fewer, more in zip(found, found[1:]):
        assert (more[reached] <= fewer[reached]).all()


def test_what_cannot_be_reached_holds_and_stays():
    net = affine([[1, 0]], [2, 0])
    for norm in (2, np.inf):
        result = CarliniWagner(norm, 0, 20, 5)(net, np.array([[0.5]]), np.array([0]))
        assert result.status.tolist() == ["held"] and result.x_adv.tolist() == [[0.5]]


@pytest.mark.parametrize("lead", [1, 2.0 ** 20])
def test_a_saturated_network_does_not_hide(lead):
    net, (x, _) = network("float32", lead=lead), examples(20, "float32")
    result = CarliniWagner(steps=60, c=1 / lead, learning_rate=0.03)(
        net, x, learnt(net, x))
    assert result.valid.all() and result.success.mean() > 0.5


def test_where_a_layer_is_silent_the_gradient_is_lost():
    """z = (relu(x - 0.4) + 0.2, 0): no way to the other class leads on from 0.4."""
    net = MLP((1, 1, 2), np.array([1, -0.4, 1, 0, 0.2, 0]))
    for norm in (2, np.inf):
        result = CarliniWagner(norm, c=10, steps=60, learning_rate=0.1)(
            net, np.array([[0.5]]), np.array([0]))
        assert result.status.tolist() == ["gradient_lost"] and result.lost_at[0] > 1


@pytest.mark.parametrize("norm", [2, np.inf])
def test_it_leaves_an_exact_tie(norm):
    net, x = affine(np.eye(2), [0, 0], "float32"), np.full((1, 2), 0.75, "float32")
    result = CarliniWagner(norm, steps=50, c=1)(net, x, np.array([0]))
    assert result.status.tolist() == ["fooled"] and result.linf.max() < 0.01
