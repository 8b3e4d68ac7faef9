"""Why an input gradient is what it is, of models broken in one way each."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import C, LogitsAndVjp, examples, learnt, network

from npgm.attacks.base import checked
from npgm.diagnosis import causes
from npgm.network import MLP

N = 40


def found(model, x=None, y=None, seed=0):
    if x is None:
        x, _ = examples(N, "float32")
        y = learnt(network("float32"), x)
    model, rows, y = checked(model, x, y)
    return causes.gradients(model, rows, y, scale=1.0, seed=seed)


def share(gradients, cause):
    return np.mean(gradients.cause == cause)


class Broken(LogitsAndVjp):
    """A healthy network of float32, of which a test overrides a part."""

    def __init__(self):
        super().__init__(network("float32"))
        self.rng = np.random.default_rng(0)


class Clipped(Broken):
    """Logits cut off at a bound that most of them exceed."""

    def logits(self, x):
        return np.clip(super().logits(x), -0.01, 0.01)

    def vjp(self, x, dz):
        z = super().logits(x)
        return super().vjp(x, np.where(np.abs(z) < 0.01, dz, 0).astype(x.dtype))


class Quantized(Broken):
    """Input in 64 steps; autodiff gives a rounding no gradient."""

    def logits(self, x):
        return super().logits(np.round(x * 64) / np.float32(64))

    def vjp(self, x, dz):
        return np.zeros_like(x)


class Detached(Broken):
    def vjp(self, x, dz):
        return np.zeros_like(x)


class Wrong(Broken):
    def vjp(self, x, dz):
        return -super().vjp(x, dz)


class Noise(Broken):
    def vjp(self, x, dz):
        return np.random.default_rng(1).standard_normal(x.shape).astype(x.dtype)


class Noisy(Broken):
    def logits(self, x):
        z = super().logits(x)
        return z + self.rng.normal(0, 0.1, z.shape).astype(z.dtype)


class Jumping(Broken):
    """A staircase of small steps on top of the logits, whose slope vjp leaves out."""

    def logits(self, x):
        z = super().logits(x)
        jump = np.floor(997 * x.sum(axis=1, keepdims=True)) % 2
        return (z + jump * np.arange(z.shape[1])).astype(z.dtype)


class NaN(Broken):
    def logits(self, x):
        return super().logits(x) * np.float32(np.nan)


class Softmax(Broken):
    """Probabilities of far leads, where their own gradient has vanished."""

    def _p(self, x):
        z = 400 * super().logits(x)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def logits(self, x):
        return self._p(x)

    def vjp(self, x, dz):
        p = self._p(x)
        return super().vjp(x, 400 * p * (dz - (p * dz).sum(axis=1, keepdims=True)))


class Offset(Broken):
    def logits(self, x):
        return super().logits(x) + np.float32(1e8)


def silent():
    net = network("float32")
    net.layers[0][1][:] = -100
    net.layers[1][1][:] = np.arange(C)
    return net


@pytest.mark.parametrize("model, cause", [
    (Quantized(), "cut"), (Detached(), "cut"), (silent(), "silent"),
    (Wrong(), "wrong_vjp"), (Noise(), "wrong_vjp"), (Noisy(), "random"),
    (Jumping(), "rough"), (NaN(), "not_finite"), (Offset(), "coarse_logits"),
    (network("float32", lead=1e4), "residual_rounded")],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__)
def test_a_broken_model_has_its_cause(model, cause):
    gradients = found(model)
    assert share(gradients, cause) >= 0.9, np.unique(gradients.cause, return_counts=1)


def test_a_clip_is_a_cut_where_it_cuts():
    model, (x, _) = Clipped(), examples(N, "float32")
    y = learnt(network("float32"), x)
    z = model.logits(x)
    at_bound = (np.abs(z) == np.float32(0.01)).all(axis=1)
    gone = at_bound & (z != z[:, :1]).any(axis=1)
    gradients = found(model, x, y)
    assert gone.sum() > N / 3 and set(gradients.cause[gone]) == {"cut"}


def test_a_saturated_softmax_within_the_model_is_named():
    model, (x, _) = Softmax(), examples(N, "float32")
    sure = model.logits(x).max(axis=1) > 1 - 2 ** -10
    gradients = found(model, x, learnt(network("float32"), x))
    assert sure.sum() > N / 2 and set(gradients.cause[sure]) == {"probabilities"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(seed=st.integers(0, 1000))
def test_a_healthy_network_is_sound_whatever_its_weights(dtype, seed):
    net = MLP.initialize((6, 16, 4), seed, dtype, scheme="he")
    x, _ = examples(20, dtype, seed)
    gradients = found(net, x, learnt(net, x), seed)
    assert share(gradients, "sound") >= 0.9
    assert np.array_equal(gradients.agreement, np.ones(20))


def test_the_label_alone_is_rounded_between_the_thresholds():
    """Leads of 20 to 100, set by the last bias."""
    net = network("float32")
    net.layers[-1][1][0] = 50
    x, _ = examples(N, "float32")
    gradients = found(net, x, np.zeros(N, int))
    assert share(gradients, "label_rounded") == 1


def test_causes_do_not_depend_on_the_piece(monkeypatch):
    whole = found(Jumping())
    monkeypatch.setattr(causes, "PIECE", 7)
    assert np.array_equal(whole.cause, found(Jumping()).cause)


def test_the_steps_are_told_for_the_coarser_of_the_dtypes():
    x, z = np.zeros((1, 2), np.float64), np.zeros((1, 2), np.float32)
    longest, shortest = causes.steps_of(x, z, 2.0)
    assert longest == causes.RATIO * shortest
    assert longest == pytest.approx(2 * np.finfo("f4").eps ** (1 / 3))
    assert causes.steps_of(x, x, 1.0)[0] == causes.SHORTEST


def test_sign_agreement_counts_where_the_exact_gradient_is_not_zero():
    exact = np.array([[1, -2, 0, 3], [0, 0, 0, 0]], float)
    dx = np.array([[5, 2, 1, 0], [1, 1, 1, 1]], float)
    agreement = causes.sign_agreement(dx, exact)
    assert agreement[0] == pytest.approx(1 / 3) and np.isnan(agreement[1])
