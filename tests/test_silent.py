"""Steps that are caught where a layer is off, on networks whose answers are known by
hand."""
from types import SimpleNamespace

import numpy as np
import pytest
from small_models import examples, learnt, network

from npgm.attacks import FGSM, PGD
from npgm.data import MNIST_CHECKSUM
from npgm.experiments.measures import silent
from npgm.losses import log_odds
from npgm.network import MLP


def of_layers(*layers):
    """The MLP of (W, b), ..."""
    sizes = [len(layers[0][0]), *(len(b) for _, b in layers)]
    return MLP(sizes, np.concatenate([
        np.ravel(part) for layer in layers for part in layer]).astype("float32"))


def with_a_gap():
    """The first pixel turns one unit on above 0.4, and another below 0.3, for the wrong
    class; between them all is off, and the label leads by 0.1. A second pixel above 0
    keeps a third unit on, which nobody overcomes."""
    return of_layers(([[1, -1, 0], [0, 0, 1]], [-0.4, 0.3, 0]),
                     ([[1, 0], [0, 10], [100, 0]], [0.1, 0]))


def images(*rows):
    return np.array(rows, "float32"), np.zeros(len(rows), int)


# Caught on the way; out of reach, all on; in the gap from the first; wrong already.
SCENE = images((0.5, 0), (0.5, 0.5), (0.35, 0), (0.2, 0))


@pytest.mark.parametrize("size, fooled, off", [
    (0.25, [True, False, False, True], [False, False, True, False]),
    (0.05, [False, False, False, True], [True, False, True, False])])
def test_a_large_step_jumps_over_the_gap_and_small_ones_are_caught(size, fooled, off):
    net, (x, y) = with_a_gap(), SCENE
    found, last = silent.walk(net, x, y, PGD(0.25, 5, size, log_odds))
    assert found.tolist() == fooled
    assert silent.silent(net, last).tolist() == off
    assert np.abs(last - x).max() <= 0.25


def test_with_the_gradient_let_through_the_small_steps_come_across():
    found, _ = silent.walk(silent.Opened(with_a_gap()), *SCENE,
                           PGD(0.25, 5, 0.05, log_odds))
    assert found.tolist() == [True, False, True, True]


def test_what_is_measured_of_them():
    x, y = SCENE
    numbers = silent.silent_layers(with_a_gap(), SimpleNamespace(
        x_test=x, y_test=y, checksum=MNIST_CHECKSUM))
    assert numbers["one_step"] == 50
    assert {quantity.entry_in({"step_size": size}) for size in silent.STEP_SIZES
            for quantity in (silent.ONE_STEP, *silent.BY_SIZE)} == set(numbers)
    for size in silent.STEP_SIZES[1:]:
        assert numbers[f"error_{size}"] == 25 and numbers[f"opened_{size}"] == 75
        assert numbers[f"caught_{size}"] == 50
        assert 25 <= numbers[f"restarted_{size}"] <= 75
    assert (numbers["error_0.25"], numbers["caught_0.25"]) == (50, 25)


def test_one_layer_that_is_off_is_enough():
    first, last = ([[1, -1]], [0, 0]), ([[1, 0]], [0, 0])
    second = ([[1], [1]], [-0.5])
    net = of_layers(first, second, last)
    x = np.array([[0.7], [0.2], [0], [-0.2], [-0.7]], "float32")
    assert silent.silent(net, x).tolist() == [False, True, True, True, False]
    assert not silent.silent(of_layers(([[1, 0]], [0, 0])), x).any()    # nothing hidden


def test_where_no_layer_is_off_nothing_is_let_through():
    net, (x, _) = network("float32", (6, 8, 5, 4)), examples(60, "float32")
    assert not silent.silent(net, x).any()
    dz = np.random.default_rng(0).standard_normal((60, 4)).astype("float32")
    opened = silent.Opened(net)
    np.testing.assert_array_equal(opened.vjp(x, dz), net.vjp(x, dz))
    np.testing.assert_array_equal(opened.logits(x), net.logits(x))


def test_a_layer_that_is_off_is_opened_and_the_others_keep_theirs_shut():
    """Of the first layer's units one is on; the second layer is all off."""
    net = of_layers(([[1, -1]], [0, 0]), ([[1, 2], [4, 8]], [-9, -9]),
                    ([[1, 0], [0, 1]], [0, 0]))
    x, dz = np.array([[0.5]], "float32"), np.array([[1, 1]], "float32")
    assert net.vjp(x, dz).tolist() == [[0]]
    assert silent.Opened(net).vjp(x, dz).tolist() == [[3]]      # 1 * (1 + 2), not -12


@pytest.mark.parametrize("size", [0.1, 0.02])
def test_a_walk_is_pgd_as_long_as_no_gradient_is_lost(size):
    net, (x, _) = network("float32"), examples(100, "float32")
    y, attack = learnt(net, x), PGD(0.1, 5, size, log_odds)
    result = attack(net, x, y)
    assert (result.lost_at == -1).all() and 0 < result.success.sum() < 100
    fooled, _ = silent.walk(net, x, y, attack)
    np.testing.assert_array_equal(fooled, result.success)


def test_one_step_of_epsilon_is_fgsm():
    net, (x, _) = network("float32"), examples(100, "float32")
    y = learnt(net, x)
    _, last = silent.walk(net, x, y, PGD(0.1, 1, 0.1, log_odds))
    np.testing.assert_allclose(last, FGSM(0.1, log_odds)(net, x, y).x_adv, rtol=1e-6)
