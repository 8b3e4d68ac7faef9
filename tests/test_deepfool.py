"""DeepFool: exact on an affine classifier, blind to the scale of the logits."""
import tracemalloc

import numpy as np
import pytest
from small_models import C, D, affine, examples, network

from npgm.attacks import FGSM, PGD, DeepFool
from npgm.losses import log_odds
from npgm.network import MLP


def margins(W, b, x, y):
    """(N, C): how far each other class's logit lies below the label's."""
    z = x @ W + b
    f = z[np.arange(len(y)), y][:, None] - z
    f[np.arange(len(y)), y] = np.inf
    return f


@pytest.mark.parametrize("norm, dual", [(2, 2), (np.inf, 1)])
def test_deepfool_is_exact_on_an_affine_classifier(norm, dual):
    """The distance to the nearest boundary is min over k of
    f_k / ||w_k - w_y||_dual, and one step goes exactly there."""
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((D, C)), rng.standard_normal(C)
    net, (x, _) = affine(W, b), examples(50)
    y = (x @ W + b).argmax(axis=1)
    result = DeepFool(norm, steps=1, overshoot=1e-9)(net, x, y)
    distance = [min(f[k] / np.linalg.norm(W[:, k] - W[:, label], dual)
                    for k in range(C) if k != label)
                for f, label in zip(margins(W, b, x, y), y)]
    moved = np.linalg.norm(result.x_adv - x, norm, axis=1)
    np.testing.assert_allclose(moved, distance, rtol=1e-6)
    np.testing.assert_allclose(margins(W, b, result.x_adv, y).min(axis=1), 0,
                               atol=1e-7)
    stretched = DeepFool(norm, overshoot=0.02)(net, x, y)
    assert (stretched.status == "fooled").all()
    mean = np.mean(1.02 * np.array(distance) / np.linalg.norm(x, norm, axis=1))
    assert DeepFool(norm).relative_perturbation(x, stretched) == pytest.approx(mean)


def test_deepfool_leaves_the_already_wrong_alone():
    net, (x, y) = network(), examples(60)
    result = DeepFool()(net, x, y)
    wrong = result.status == "already_wrong"
    assert 0 < wrong.sum() < 60
    np.testing.assert_array_equal(result.x_adv[wrong], x[wrong])


def test_deepfool_needs_no_softmax():
    """Saturated, FGSM finds no gradient; DeepFool goes the same way as before."""
    (x, _), net = examples(40, "float32"), network("float32")
    y = net.logits(x).argmax(axis=1)
    saturated = network("float32", lead=2 ** 20)
    assert not FGSM()(saturated, x, y).valid.all()
    np.testing.assert_allclose(DeepFool()(saturated, x, y).x_adv,
                               DeepFool()(net, x, y).x_adv, rtol=1e-4)


@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("scale", [2.0 ** power for power in (-90, -40, 40, 90)])
def test_deepfool_does_not_see_the_scale_of_the_logits(norm, scale):
    """The boundaries stay where they are, even if the squares of float32
    gradients would over- or underflow."""
    (x, _), net = examples(40, "float32"), network("float32")
    y = net.logits(x).argmax(axis=1)
    found = DeepFool(norm)(network("float32", lead=scale), x, y)
    assert set(found.status) == {"fooled"}
    np.testing.assert_allclose(found.x_adv, DeepFool(norm)(net, x, y).x_adv, rtol=1e-5)


@pytest.mark.parametrize("norm", [2, np.inf])
def test_deepfool_leaves_an_exact_tie(norm):
    net, x = affine(np.eye(2), [0, 0], "float32"), np.full((1, 2), 0.75, "float32")
    result = DeepFool(norm)(net, x, np.array([0]))
    assert result.status.tolist() == ["fooled"]
    assert np.abs(result.x_adv - x).max() < 1e-4     # a lead beyond rounding


@pytest.mark.parametrize("attack, status", [
    (DeepFool(), "held"), (DeepFool(np.inf), "held"),
    (PGD(0.5, steps=20, step_size=0.1, loss=log_odds), "gradient_lost")], ids=str)
def test_where_all_units_are_off_many_steps_hold(attack, status):
    """z = (relu(x - 0.4) + 0.2, 0): downhill from x = 0.5 lies the end of the only
    unit, not the boundary that its gradient promises."""
    net = MLP((1, 1, 2), np.array([1, -0.4, 1, 0, 0.2, 0]))
    result = attack(net, np.array([[0.5]]), np.array([0]))
    assert result.valid.all() and result.status.tolist() == [status]
    assert result.x_adv[0, 0] < 0.41
    assert net.vjp(result.x_adv, np.array([[-1.0, 1.0]])).tolist() == [[0]]


def test_the_mean_perturbation_of_none_is_nan():
    x, _ = examples(3)
    result = DeepFool()(affine(np.zeros((D, C)), np.arange(C)), x, np.full(3, C - 1))
    assert np.isnan(DeepFool().relative_perturbation(x, result))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", [2, np.inf])
def test_within_a_clip_the_other_pixels_go_the_rest_of_the_way(norm, dtype):
    """A lead of 0.5, of which the pixel near its bound can take 0.1 away."""
    net = affine([[0, 1], [0, 1]], [0, -1.6], dtype)
    result = DeepFool(norm, steps=3, overshoot=0.01, clip=(0, 1))(
        net, np.array([[0.9, 0.2]], dtype), np.array([0]))
    assert result.status.tolist() == ["fooled"]
    np.testing.assert_allclose(result.x_adv, [[1, 0.6]], rtol=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", [2, np.inf])
def test_a_clip_costs_few_steps(norm, dtype):
    """Of images, most pixels of which are black or white."""
    net = MLP.initialize((50, 32, 10), seed=3, dtype=dtype, scheme="he")
    x = np.random.default_rng(0).uniform(-1, 2, (100, 50)).clip(0, 1).astype(dtype)
    result = DeepFool(norm, steps=10, clip=(0, 1))(net, x, net.logits(x).argmax(axis=1))
    assert result.success.mean() > 0.97
    assert 0 <= result.x_adv.min() and result.x_adv.max() <= 1


def test_where_the_clip_holds_every_pixel_the_gradient_is_not_lost():
    result = DeepFool(clip=(0, 1))(affine([[0, 1]], [0.5, -1]), np.array([[1.0]]),
                                   np.array([0]))
    assert result.status.tolist() == ["held"] and result.valid.all()


def test_of_a_thousand_classes_the_nearest_is_found_in_little_memory():
    """All w_k are as long, so the nearest class is the highest, as of all 999."""
    rng, width = np.random.default_rng(0), 50
    W = rng.standard_normal((width, 1000))
    W /= np.linalg.norm(W, axis=0)
    W[:, 0] = 0
    net, x = affine(W, 50 * (np.arange(1000) == 0)), rng.random((100, width))
    y = np.zeros(100, int)
    tracemalloc.start()
    try:
        result = DeepFool(steps=1, overshoot=1e-9)(net, x, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(np.linalg.norm(result.x_adv - x, axis=1),
                               margins(W, np.eye(1000)[0] * 50, x, y).min(axis=1))
    assert peak < 20e6      # all of the gradients: 40e6, and the same again
