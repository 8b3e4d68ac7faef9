"""A sweep over epsilons is the attack at each of them."""
from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_models import LogitsAndVjp, by_pieces_of, examples, network
from test_own_attacks import FastGradient

from npgm.attacks import FGSM, RandomSign
from npgm.compiled.fixed import FixedMLP
from npgm.errors import InputError
from npgm.losses import log_odds


ONE_STEP = pytest.mark.parametrize("attack", [
    FGSM(), FGSM(loss=log_odds), FGSM(clip=(0, 1)), RandomSign(), RandomSign(
        clip=(-0.1, 1.1), seed=3), FastGradient(loss=log_odds), FastGradient(
        clip=(0, 1))], ids=str)


def assert_as_at_each(attack, model, epsilons, count=60):
    """attack.sweep against the attack at each epsilon, on the plain network."""
    net, (x, y) = network(), examples(count)
    sweep = attack.sweep(model(net), x, y, epsilons)
    assert sweep.success.shape == (len(epsilons), count)
    assert sweep.natural.shape == sweep.valid.shape == (count,)
    for epsilon, success in zip(epsilons, sweep.success):
        one = replace(attack, epsilon=epsilon)(net, x, y)
        np.testing.assert_array_equal(success, one.success)
        np.testing.assert_array_equal(sweep.valid, one.valid)
        np.testing.assert_array_equal(sweep.natural, one.status == "already_wrong")


@ONE_STEP
@pytest.mark.parametrize("model", [lambda net: net, LogitsAndVjp])
def test_a_sweep_is_the_attack_at_every_epsilon(attack, model):
    assert_as_at_each(attack, model, (0, 0.1, 0.4))


@ONE_STEP
def test_pieces_do_not_change_a_sweep(attack):
    net, (x, y) = network(), examples(60)
    found = by_pieces_of(7, attack).sweep(net, x, y, (0.1, 0.4))
    expected = attack.sweep(net, x, y, (0.1, 0.4))
    for name in ("natural", "success", "valid"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_a_sweep_takes_any_iterable():
    net, (x, y) = network(), examples(20)
    found = RandomSign().sweep(net, x, y, iter([0.1, 0.4]))
    expected = RandomSign().sweep(net, x, y, [0.1, 0.4])
    np.testing.assert_array_equal(found.success, expected.success)


@pytest.mark.parametrize("attack, epsilons, asked", [
    (FGSM(), (0.1, 0.4), 1), (RandomSign(), (0.1, 0.4), 1),
    (FastGradient(), (0.1, 0.4), 1), (FGSM(), (0.1,), 1),
    (FGSM(clip=(0, 1)), (0.1, 0.4), 0)], ids=str)
def test_the_way_along_a_line_is_asked_for_where_it_pays(attack, epsilons, asked,
                                                         monkeypatch):
    calls, known = [], FixedMLP.logits_on_line
    monkeypatch.setattr(FixedMLP, "logits_on_line",
                        lambda *args: calls.append(args) or known(*args))
    assert_as_at_each(attack, lambda net: net, epsilons)
    assert len(calls) == asked


@pytest.mark.parametrize("kind", [FGSM, RandomSign])
def test_a_clip_holds_though_some_examples_meet_none(kind):
    """Every eighth is grey, the others black or white."""
    attack, net, (x, y) = kind(clip=(0, 1)), network(), examples(64)
    x = (x > 0.5).astype(x.dtype)
    x[::8] = 0.5
    found = attack.sweep(net, x, y, (0.1, 0.3))
    expected = [replace(attack, epsilon=e)(net, x, y).success
                for e in (0.1, 0.3)]
    np.testing.assert_array_equal(found.success, expected)


@dataclass(frozen=True)
class Squared(FGSM):
    def move(self, x, dx, epsilon):
        return x + epsilon * epsilon * np.sign(dx)


@dataclass(frozen=True)
class Within(FGSM):
    """Its step ends where a pixel leaves [0, 1]."""

    def move(self, x, dx, epsilon):
        return np.clip(x + epsilon * np.sign(dx), 0, 1)


@dataclass(frozen=True)
class Towards(FGSM):
    """Towards white or black, by a part of the way."""

    def move(self, x, dx, epsilon):
        return (1 - epsilon) * x + epsilon * (dx > 0)


@pytest.mark.parametrize("model", [lambda net: net, LogitsAndVjp])
@pytest.mark.parametrize("kind", [Squared, Within, Towards])
def test_a_step_that_is_not_along_a_line_takes_no_short_cut(kind, model):
    assert_as_at_each(kind(), model, (0.1, 0.3, 0.7, 1), 100)


@pytest.mark.parametrize("epsilons", [[0.1, -1], 0.1, [], [np.nan], ["0.1"], None])
def test_bad_epsilons_are_refused(epsilons):
    with pytest.raises(InputError, match=" is ") as caught:
        FGSM().sweep(network(), *examples(3), epsilons)
    assert "\n" not in str(caught.value)
