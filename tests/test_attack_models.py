"""Models of any kind under attack: their shapes, their arrays, their faults."""
import numpy as np
import pytest
from small_models import (C, D, LogitsAndVjp, affine, assert_same, examples, learnt,
                          network)

from npgm.attacks import FGSM, PGD, DeepFool, RandomSign
from npgm.errors import InputError
from npgm.losses import log_odds

EVERY = pytest.mark.parametrize("attack", [
    FGSM(0.2), RandomSign(0.2), PGD(0.2, 5, 0.1, seed=1), DeepFool()], ids=str)


class Images(LogitsAndVjp):
    """Takes images (N, 2, 3)."""

    def logits(self, x):
        assert x.shape[1:] == (2, 3)
        return super().logits(x.reshape(len(x), -1))

    def vjp(self, x, dz):
        return super().vjp(x.reshape(len(x), -1), dz).reshape(x.shape)


class Careless(LogitsAndVjp):
    """Overwrites what it is handed, and what it handed out before."""

    def __init__(self, net):
        super().__init__(net)
        self.z, self.dx = np.empty((100, C)), np.empty((100, D))

    def logits(self, x):
        self.z[:] = np.nan
        self.z[:len(x)] = super().logits(x)
        x[:] = np.nan
        return self.z[:len(x)]

    def vjp(self, x, dz):
        self.dx[:] = np.nan
        self.dx[:len(x)] = super().vjp(x, dz)
        x[:], dz[:] = np.nan, np.nan
        return self.dx[:len(x)]


class ReadOnly(LogitsAndVjp):
    """Hands out arrays that may not be written to."""

    def logits(self, x):
        z = super().logits(x)
        z.flags.writeable = False
        return z

    def vjp(self, x, dz):
        dx = super().vjp(x, dz)
        dx.flags.writeable = False
        return dx


@EVERY
@pytest.mark.parametrize("kind", [Careless, ReadOnly])
def test_its_arrays_are_its_own(kind, attack):
    net, (x, y) = network(), examples(40)
    before = x.copy()
    assert_same(attack(kind(net), x, y), attack(LogitsAndVjp(net), x, y))
    np.testing.assert_array_equal(x, before)


@EVERY
def test_its_examples_may_be_images(attack):
    net, (x, y) = network(), examples(40)
    found = attack(Images(net), x.reshape(40, 2, 3), y)
    expected = attack(LogitsAndVjp(net), x, y)
    assert found.x_adv.shape == (40, 2, 3)
    np.testing.assert_array_equal(found.x_adv.reshape(40, -1), expected.x_adv)
    np.testing.assert_array_equal(found.status, expected.status)


@EVERY
def test_a_network_does_not_take_images(attack):
    x, y = examples(4)
    with pytest.raises(InputError, match="reshape") as caught:
        attack(network(), x.reshape(4, 2, 3), y)
    assert "\n" not in str(caught.value)


def answering(z=None, dx=None):
    """A model of four classes whose logits or gradients have been tampered with."""
    class Tampered(LogitsAndVjp):
        def logits(self, x):
            return (z or np.asarray)(super().logits(x))

        def vjp(self, x, dz):
            return (dx or np.asarray)(super().vjp(x, dz))
    return Tampered(network())


@EVERY
@pytest.mark.parametrize("z", [
    lambda z: z[:, 0], lambda z: z[:, :1], lambda z: z[:-1], lambda z: z[None],
    lambda z: z.argmax(axis=1), lambda z: z.astype(int)], ids=range(6))
def test_logits_that_are_none_are_refused(attack, z):
    with pytest.raises(InputError, match="logits gives") as caught:
        attack(answering(z), *examples(12))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("attack", [FGSM(), PGD(), DeepFool()], ids=str)
@pytest.mark.parametrize("dx", [
    lambda dx: dx[:, 1:], lambda dx: dx[1:], lambda dx: dx.astype(int),
    lambda dx: dx.T[:2]], ids=range(4))
def test_gradients_that_do_not_fit_are_refused(attack, dx):
    net, (x, _) = network(), examples(12)
    with pytest.raises(InputError, match="vjp gives") as caught:
        attack(answering(dx=dx), x, learnt(net, x))
    assert "\n" not in str(caught.value)


def test_gradients_come_back_in_the_dtype_of_x():
    model, (x, y) = LogitsAndVjp(network()), examples(20)
    model.logits, model.vjp = (
        lambda x: network().logits(x.astype("float64")),
        lambda x, dz: network().vjp(x.astype("float64"), dz))
    result = FGSM(0.25)(model, x.astype("float32"), y)
    assert result.x_adv.dtype == np.float32
    np.testing.assert_allclose(result.x_adv, FGSM(0.25)(network(), x, y).x_adv, 1e-6)


def test_a_random_model_is_told():
    rng = np.random.default_rng(0)
    model = answering(lambda z: z + rng.normal(size=z.shape))
    with pytest.warns(UserWarning, match="the model is random"):
        FGSM()(model, *examples(4))


def test_probabilities_are_told():
    def softmax(z):
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)
    with pytest.warns(UserWarning, match="look like probabilities"):
        FGSM()(answering(softmax), *examples(4))


# What x may be


@pytest.mark.parametrize("attack, factor, words", [
    (FGSM(0.25), 255, "x / 255"), (PGD(0.25), 255, "x / 255"),
    (FGSM(0.25, clip=(0, 1)), 2, "clip must contain"),
    (PGD(0.25, clip=(0, 1)), 2, "clip must contain"),
    (RandomSign(clip=(0.5, 1)), 1, "clip must contain")], ids=str)
def test_pixels_that_are_not_what_the_attack_says_are_refused(attack, factor, words):
    x, y = examples(8)
    with pytest.raises(InputError, match=words) as caught:
        attack(network(), factor * x, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("attack", [
    FGSM(8, clip=(0, 255)), FGSM(0.5, clip=(-9, 300)), FGSM(2), DeepFool(),
    FGSM(0.25)], ids=str)
def test_pixels_that_are_what_the_attack_says_are_taken(attack):
    x, y = examples(8)
    x *= 15 if attack == FGSM(0.25) else 255        # standardized pixels go so far
    result = attack(network(), x, y)
    assert np.isfinite(result.x_adv).all()


# Gradients that are lost on the way


def test_when_the_gradient_was_lost():
    """z = (relu(x - 0.4) + 0.2, 0): from x <= 0.4 on there is no gradient."""
    net = affine([[1.0, 0]], [0, 0])
    net = type(net)((1, 1, 2), np.array([1, -0.4, 1, 0, 0.2, 0]))
    x, y = np.array([[0.35], [0.45], [0.55], [0.95]]), np.zeros(4, int)
    result = PGD(0.5, 5, 0.1, log_odds)(net, x, y)
    assert result.lost_at.tolist() == [0, 1, 2, -1]
    assert result.status.tolist() == ["no_gradient", "gradient_lost", "gradient_lost",
                                      "held"]
    assert FGSM(0.1)(net, x, y).lost_at.tolist() == [0, -1, -1, -1]


def test_nothing_is_lost_where_there_is_a_gradient():
    net, (x, y) = network(), examples(60)
    for attack in (FGSM(0.2), PGD(0.2, 5, 0.1), RandomSign(0.2)):
        assert (attack(net, x, y).lost_at == -1).all()
