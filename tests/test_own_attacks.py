"""A user's own attacks, written as a user would write them. What holds for every
attack is tested of these too, in test_attacks.py."""
import json
import textwrap
from dataclasses import dataclass
from typing import Callable

import numpy as np
import pytest
from small_models import LogitsAndVjp, affine, examples, learnt, network

from npgm import attacks
from npgm.attacks import FGSM, Attack, Attempt, OneStep, input_gradient
from npgm.errors import InputError
from npgm.losses import log_odds
from npgm.network import MLP

# The fast gradient method in the Euclidean norm (Miyato et al. 2016): one step.


@dataclass(frozen=True)
class FastGradient(OneStep):
    epsilon: float = 0.25
    loss: str | Callable = "cross_entropy"
    clip: tuple | None = None

    def look(self, model, x, y, rows):
        gradient = input_gradient(model, x, y, self.loss)
        length = np.linalg.norm(gradient.dx, axis=1, keepdims=True)
        d = gradient.dx / np.where(length == 0, 1, length)
        return gradient.z, d.astype(x.dtype), gradient.finite, gradient.valid

    def move(self, x, d, epsilon):
        return x + epsilon * d


# FGSM in many steps along an average of gradients (Dong et al. 2018): iterated.


@dataclass(frozen=True)
class MomentumFGSM(Attack):
    epsilon: float = 0.25
    steps: int = 10
    decay: float = 0.9
    loss: str | Callable = "cross_entropy"

    def run(self, model, x, y, rows):
        x_adv, average, first = x.copy(), np.zeros_like(x), None
        finite = np.ones(len(x), bool)
        for _ in range(self.steps):
            gradient = input_gradient(model, x_adv, y, self.loss)
            first = first or gradient
            finite &= gradient.finite
            size = np.abs(gradient.dx).sum(axis=1, keepdims=True)
            average = self.decay * average + gradient.dx / np.where(size == 0, 1, size)
            step = self.epsilon / self.steps * np.sign(average)
            x_adv = x_adv + np.where(finite[:, None], step, 0).astype(x.dtype)
        return Attempt(x_adv, finite, first.valid, first.z)


OWN = {"own step": FastGradient(0.2), "own steps": MomentumFGSM(0.2),
       "own step, repaired": FastGradient(0.2, "log_odds", clip=(-9, 9)),
       "own steps, repaired": MomentumFGSM(0.2, loss=log_odds)}


def test_a_step_of_ones_own_is_as_long_as_it_says():
    net, (x, y) = network(), examples(60)
    for epsilon in (0.1, 3):
        result = FastGradient(epsilon)(net, x, y)
        np.testing.assert_allclose(np.linalg.norm(result.x_adv - x, axis=1),
                                   epsilon * result.valid, rtol=1e-12)
        dx = net.loss_gradients(x, y).dx
        along = ((result.x_adv - x) * dx).sum(axis=1)
        np.testing.assert_allclose(along, epsilon * np.linalg.norm(dx, axis=1),
                                   rtol=1e-12)


def test_on_two_affine_classes_it_crosses_at_the_distance():
    """W = (w, -w) and b = 0: the boundary is |w x| / |w| away."""
    w = np.array([3.0, 4.0])
    net, x = affine(np.stack([w, -w], axis=1), [0, 0]), np.array([[1.0, 1.0]])
    for epsilon, fooled in ((7 / 5 - 1e-9, False), (7 / 5 + 1e-9, True)):
        assert FastGradient(epsilon)(net, x, np.array([0])).success == [fooled]


def test_one_step_of_the_iterated_one_is_fgsm():
    net, (x, y) = network(), examples(60)
    found, fgsm = MomentumFGSM(0.2, steps=1)(net, x, y), FGSM(0.2)(net, x, y)
    np.testing.assert_allclose(found.x_adv, fgsm.x_adv, rtol=1e-12)
    np.testing.assert_array_equal(found.status, fgsm.status)


def test_it_is_handed_its_pieces_and_their_rows():
    handed = []

    @dataclass(frozen=True)
    class Seeing(Attack):
        piece = 7

        def run(self, model, x, y, rows):
            handed.append((x, y, rows))
            always = np.ones(len(x), bool)
            return Attempt(x + len(handed), always, always)
    net, (x, y) = network(), examples(17)
    result = Seeing()(LogitsAndVjp(net), x, y)
    assert [rows for *_, rows in handed] == [range(7), range(7, 14), range(14, 17)]
    for piece, labels, rows in handed:
        np.testing.assert_array_equal(piece, x[rows.start:rows.stop])
        np.testing.assert_array_equal(labels, y[rows.start:rows.stop])
    moved = (result.x_adv - x)[:, 0].round().tolist()
    assert moved == [1] * 7 + [2] * 7 + [3] * 3


@pytest.mark.parametrize("finite, valid, status", [
    (True, True, "held"), (True, False, "no_gradient"), (False, True, "not_finite"),
    (False, False, "not_finite")])
def test_what_it_says_of_its_examples_is_their_status(finite, valid, status):
    @dataclass(frozen=True)
    class Still(Attack):
        def run(self, model, x, y, rows):
            return Attempt(x, np.full(len(x), finite), np.full(len(x), valid))
    net, (x, _) = network(), examples(5)
    result = Still()(net, x, learnt(net, x))
    assert set(result.status) == {status}
    assert set(result.valid) == {finite and valid}


@pytest.mark.parametrize("make, words", [
    (lambda: FastGradient(-1), "epsilon is -1"),
    (lambda: FastGradient(loss="cross_entropi"), "is it 'cross_entropy'"),
    (lambda: FastGradient(clip=(1, 0)), "clip is"),
    (lambda: MomentumFGSM(steps=0), "steps is 0"),
    (lambda: MomentumFGSM(epsilon=np.nan), "epsilon is nan")])
def test_its_hyperparameters_are_checked(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("attack", OWN.values(), ids=OWN)
def test_it_has_a_name_and_a_configuration(attack):
    configuration = json.loads(json.dumps(attacks.configuration(attack)))
    assert configuration["name"] == f"{__name__}:{type(attack).__name__}"
    assert attacks.make(**configuration) == attack


# What an attack may get wrong


def moves(move):
    """A FastGradient whose step is another."""
    return type("Own", (FastGradient,), {"move": staticmethod(move)})(0.2)


def runs(run):
    return type("Own", (MomentumFGSM,), {"run": staticmethod(run)})(0.2)


def test_a_step_in_another_dtype_is_made_in_that_of_x():
    (x, y), net = examples(20, "float32"), network("float32")
    wide = moves(lambda x, d, epsilon: x + np.float64(epsilon) * 3 * d)
    result = wide(net, x, y)
    assert result.x_adv.dtype == np.float32
    assert np.abs(result.x_adv - x).max() <= np.float32(0.2)
    assert wide.sweep(net, x, y, (0.1, 0.2)).success[1].tolist() == (
        result.success.tolist())


def in_place(x, d, epsilon):
    x += epsilon * d
    return x


def test_a_step_in_place_cannot_hit_the_examples():
    x, y = examples(20)
    before = x.copy()
    with pytest.raises(ValueError, match="read-only"):
        moves(in_place)(network(), x, y)
    np.testing.assert_array_equal(x, before)


def test_what_is_not_a_number_is_told_of_the_attack_and_not_of_the_data():
    x, y = examples(20)
    result = moves(lambda x, d, epsilon: x * np.nan)(network(), x, y)
    assert set(result.status) == {"not_finite"} and np.isfinite(result.x_adv).all()


@pytest.mark.parametrize("made", [
    None, np.zeros((20, 6)), Attempt(None, None, None),
    Attempt(np.zeros((20, 5)), np.ones(20), np.ones(20)),
    Attempt(np.zeros((20, 6)), np.ones(3), np.ones(20))], ids=range(5))
def test_what_is_no_attempt_is_refused(made):
    with pytest.raises(InputError, match="must make an Attempt of x_adv"):
        runs(lambda model, x, y, rows: made)(network(), *examples(20))


def test_what_look_must_return_is_told():
    own = type("Own", (FastGradient,), {"look": lambda self, *piece: piece[1]})(0.2)
    for call in (own, lambda *examples: own.sweep(*examples, (0.1, 0.2))):
        with pytest.raises(InputError, match="look must return z, d, finite and valid"):
            call(network(), *examples(20))


@pytest.mark.parametrize("bent", [
    lambda x, d, epsilon: x + epsilon ** 2 * np.sign(d),
    lambda x, d, epsilon: np.clip(x + epsilon * np.sign(d), 0.3, 0.8),
    lambda x, d, epsilon: x + np.where(epsilon > 0.2, -epsilon, epsilon) * np.sign(d)])
def test_a_sweep_of_a_bent_way_is_the_attack_at_each_epsilon(bent):
    """Even where the first example does not move at all."""
    (x, y), net = examples(60), network()
    own, epsilons = moves(bent), (0.1, 0.2, 0.3)
    look = type(own).look

    def blind(self, model, x, y, rows):
        z, d, finite, valid = look(self, model, x, y, rows)
        d[0] = 0
        return z, d, finite, valid
    type(own).look = blind
    swept = own.sweep(net, x, y, epsilons).success
    for epsilon, success in zip(epsilons, swept):
        alone = type(own)(epsilon)(net, x, y)
        assert success.tolist() == alone.success.tolist()


def test_the_docstrings_attack_works_as_it_stands():
    lines = attacks.__doc__.split("no more than")[1].split("and any other")[0]
    found = {"dataclass": dataclass, "np": np, "OneStep": attacks.OneStep,
             "input_gradient": attacks.input_gradient}
    exec(textwrap.dedent(lines), found)
    net = MLP.initialize((12, 8, 3), seed=0)
    x = np.random.default_rng(0).random((20, 12), np.float32)
    y = net.logits(x).argmax(axis=1)
    mine, ours = (attack(net, x, y) for attack in (
        found["Mine"](), attacks.FGSM(loss="margin")))
    assert (mine.x_adv == ours.x_adv).all() and (mine.status == ours.status).all()


def test_a_result_says_in_a_line_what_became_of_the_examples():
    net = MLP.initialize((12, 8, 3), seed=0)
    x = np.random.default_rng(0).random((20, 12), np.float32)
    y = net.logits(x).argmax(axis=1)
    result = attacks.FGSM(0.5)(net, x, y)
    said = repr(result)
    assert f"success {result.success.mean():.1%} of 20" in said
    assert f"{(result.status == 'fooled').sum()} fooled" in said
    assert f"{result.queries:,} calls" in said and len(said) < 200
