"""Models as users bring them: what they may be, and what is told of those that are
not quite."""
import warnings

import numpy as np
import pytest
from small_models import C, D, Images, LogitsAndVjp, affine, examples, learnt, network

from npgm import MLP, check_gradients
from npgm.attacks import FGSM, PGD, DeepFool, RandomSign
from npgm.errors import InputError


class Sigmoid:
    def logits(self, x):
        return x[:, :1]

    def vjp(self, x, dz):
        return np.zeros_like(x)


def test_one_output_is_refused():
    x, y = examples(4, classes=1)
    with pytest.raises(InputError, match=r"at least two logits, \(0, z\)"):
        FGSM()(Sigmoid(), x, y)


@pytest.mark.parametrize("z", [
    np.zeros(4), np.zeros((3, 2)), np.zeros((4, 2), int), np.zeros((4, 2, 2))],
    ids=lambda z: f"{z.dtype}{z.shape}")
def test_what_are_no_logits_is_refused(z):
    model = LogitsAndVjp(network())
    model.logits = lambda x: z
    with pytest.raises(InputError, match="logits gives"):
        FGSM()(model, *examples(4))


def test_what_is_no_input_gradient_is_refused():
    model = LogitsAndVjp(network())
    model.vjp = lambda x, dz: dz
    with pytest.raises(InputError, match="vjp gives"):
        FGSM()(model, *examples(4))


def raising(error):
    def call(*arguments):
        raise error
    return call


class NoArray:
    """As a torch tensor that requires grad."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@pytest.mark.parametrize("method", ["logits", "vjp", "linearize"])
@pytest.mark.parametrize("call, words", [
    (raising(ValueError("two\nlines")), "ValueError: two lines"),
    (raising(NotImplementedError()), "NotImplementedError"),
    (raising(MemoryError()), "MemoryError"), (raising(SystemExit(3)), "SystemExit: 3"),
    (lambda *arguments: NoArray(), "requires grad")],
    ids=["two lines", "nothing said", "memory", "exit", "tensor"])
def test_what_a_model_raises_is_told_in_a_line(method, call, words):
    if method == "linearize" and words == "requires grad":
        def call(x):
            return NoArray(), None
    model = LogitsAndVjp(network())
    setattr(model, method, call)
    with pytest.raises(InputError, match=words) as told:
        FGSM()(model, *examples(4))
    assert str(told.value).startswith(f"the model's {method} raised ")
    assert "\n" not in str(told.value)


def test_what_the_vjp_of_linearize_raises_is_told_in_a_line():
    model = LogitsAndVjp(network())
    model.linearize = lambda x: (model.net.logits(x), raising(KeyError("w")))
    with pytest.raises(InputError, match="the model's vjp raised KeyError: 'w'"):
        FGSM()(model, *examples(4))


class Probabilities(LogitsAndVjp):
    def logits(self, x):
        p = np.exp(self.net.logits(x))
        return p / p.sum(axis=1, keepdims=True)


def test_probabilities_are_warned_about():
    with pytest.warns(UserWarning, match="look like probabilities"):
        FGSM()(Probabilities(network()), *examples(4))


class Noisy(LogitsAndVjp):
    def logits(self, x):
        self.shown += 1
        return self.net.logits(x) + self.shown


def test_a_random_model_is_warned_about():
    with pytest.warns(UserWarning, match="the model is random"):
        FGSM()(Noisy(network()), *examples(4))


def test_an_ordinary_model_is_not_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FGSM()(LogitsAndVjp(network()), *examples(4))


class NotANumberOutside(LogitsAndVjp):
    """NaN for an example of which a pixel is above 1."""

    def logits(self, x):
        z = self.net.logits(x)
        z[(x > 1).any(axis=1)] = np.nan
        return z


def test_not_a_number_at_x_adv_is_not_fooled():
    (x, _), net = examples(30), network()
    result = RandomSign(0.5)(NotANumberOutside(net), x, learnt(net, x))
    outside = (result.x_adv > 1).any(axis=1)
    assert outside.any() and (result.status[outside] == "not_finite").all()
    assert not (result.status[~outside] == "not_finite").any()


@pytest.mark.parametrize("where", ["bias", "weights"])
@pytest.mark.parametrize("offset", [1e5, 1e7, 1e8])
def test_a_common_offset_of_the_logits_is_judged_as_the_model_does(offset, where):
    """Of all logits, in which float32 has few digits left."""
    net = network("float32")
    if where == "bias":
        net.layers[-1][1][:] += offset
    else:
        net.layers[0][1][0] = 1         # a unit that is always on
        net.layers[-1][0][0] += offset
    x, y = examples(500, "float32")
    wrong = net.logits(x).argmax(axis=1) != y
    assert FGSM(0)(net, x, y).success.tolist() == wrong.tolist()


@pytest.mark.parametrize("bias", [0, 10, 900])
def test_below_that_the_compiled_twins_logits_are_near(bias):
    net = network("float32", (D, 50, C))
    net.layers[-1][1][:] += bias
    x, _ = examples(500, "float32")
    np.testing.assert_allclose(net.compiled().logits(x), net.logits(x), rtol=0,
                               atol=1e-5 * (1 + bias))


# Attacks of many steps


@pytest.mark.parametrize("overshoot", [0.02, 1e-6, 0])
def test_deepfools_success_survives_a_second_look(overshoot):
    net = MLP.initialize((200, 64, 10), seed=3)
    x = np.random.default_rng(0).random((150, 200), np.float32)
    y = net.logits(x).argmax(axis=1)
    result = DeepFool(overshoot=overshoot)(net, x, y)
    assert (net.logits(result.x_adv).argmax(axis=1) != y)[result.success].all()
    alone = np.array([net.logits(row[None]).argmax() for row in result.x_adv])
    assert (alone != y)[result.success].all() and result.success.mean() > 0.9


def test_deepfool_leaves_a_tie_at_logits_of_zero():
    x = np.zeros((1, 2))
    result = DeepFool()(affine([[1, -1], [0, 0]], [0, 0]), x, np.array([0]))
    assert result.status.tolist() == ["fooled"]
    assert np.abs(result.x_adv).max() < 1e-6


def test_deepfool_takes_no_step_out_of_the_world():
    """Saturated probabilities have gradients of 1e-30 and steps of 1e30."""
    net = network(lead=200)
    x, y = examples(40)
    with pytest.warns(UserWarning, match="probabilities"):
        result = DeepFool()(Saturated(net), x, y)
    assert np.isfinite(result.x_adv).all() and np.abs(result.x_adv).max() < 1e6


class Saturated(Probabilities):
    def vjp(self, x, dz):
        p = self.logits(x)
        return self.net.vjp(x, p * (dz - (p * dz).sum(axis=1, keepdims=True)))


def test_the_mean_perturbation_leaves_out_an_image_of_zeros():
    net = affine([[1, -1], [0, 0]], [0.1, 0])
    x, y = np.array([[0, 0], [0.5, 0.5]]), np.array([0, 0])
    result = DeepFool()(net, x, y)
    with pytest.warns(UserWarning, match="1 fooled examples are all zero"):
        size = DeepFool().relative_perturbation(x, result)
    alone = DeepFool()(net, x[1:], y[1:])
    assert size == DeepFool().relative_perturbation(x[1:], alone)


def test_pgd_that_cannot_reach_epsilon_says_so():
    with pytest.warns(UserWarning, match="3 steps of 0.01 cannot reach epsilon 0.1"):
        PGD(0.1, steps=3, step_size=0.01)


class Valley:
    """Two logits of one pixel: wrong between 0.4 and 0.6 only, and every gradient
    leads to the right."""

    def logits(self, x):
        wrong = (0.4 < x[:, 0]) & (x[:, 0] < 0.6)
        return np.stack([np.where(wrong, -1.0, 1.0), 0 * x[:, 0]], axis=1)

    def vjp(self, x, dz):
        return np.ones_like(x)


def test_pgd_keeps_a_point_that_fooled_on_the_way():
    result = PGD(0.9, steps=9, step_size=0.1)(Valley(), np.zeros((1, 1)), np.array([0]))
    assert result.status.tolist() == ["fooled"] and 0.4 < result.x_adv[0, 0] < 0.6


# Gradients of a model of one's own


def test_check_gradients_takes_any_model():
    x, y = examples(4)
    errors = check_gradients(LogitsAndVjp(network()), x, y)
    assert set(errors) == {"x"} and errors["x"] < 1e-6
    assert check_gradients(Images(network()), x.reshape(4, 1, 2, 3), y)["x"] < 1e-6
    x, y = examples(4, "float32")
    assert check_gradients(LogitsAndVjp(network("float32")), x, y)["x"] < 1e-2


@pytest.mark.parametrize("scale", [0, 1.001, -1])
def test_check_gradients_finds_a_wrong_vjp(scale):
    model = LogitsAndVjp(network())
    model.vjp = lambda x, dz: scale * network().vjp(x, dz)
    assert check_gradients(model, *examples(4))["x"] > 5e-4


def test_a_loss_may_overwrite_the_logits():
    def repaired(z, y):
        z[np.arange(len(y)), y] = -np.inf
        q = np.exp(z - z.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
        q[np.arange(len(y)), y] = -1
        return np.zeros(len(y)), q
    (x, _), net = examples(40), network()
    y = learnt(net, x)
    mine, ours = (FGSM(0.2, loss)(net, x, y) for loss in (repaired, "log_odds"))
    assert mine.status.tolist() == ours.status.tolist()


def test_pgd_that_fooled_stays_so_when_a_gradient_is_not_a_number():
    (x, _), net = examples(40), network()
    y, model = learnt(net, x), LogitsAndVjp(net)

    def vjp(x, dz):
        dx = net.vjp(x, dz)
        dx[net.logits(x).argmax(axis=1) != np.resize(y, len(x))] = np.nan
        return dx
    model.vjp = vjp
    result = PGD(0.5, steps=20, step_size=0.05)(model, x, y)
    assert result.success.any()
    assert set(result.status[result.success]) == {"fooled"}
