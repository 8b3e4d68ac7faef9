"""Warning signs: each raised by a model made to raise it, none by a healthy one."""
import json
import sys
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from small_models import C, D, Images, LogitsAndVjp, examples, learnt, network

from npgm.attacks import FGSM, PGD, RandomSign
from npgm.attacks.cost import Counted
from npgm.diagnosis.signs import CALLS, SIGNS, SUBSET, warning_signs
from npgm.diagnosis.signs.evidence import Evidence
from npgm.diagnosis.signs.sign import sign
from npgm.errors import InputError
from npgm.losses import softmax
from npgm.network import MLP

EPSILON, N = 0.3, 60
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def signs(model, x, y, errors=(), epsilon=EPSILON, clip=None, seed=0):
    found = warning_signs(model, x, y, epsilon, clip, seed, dict(errors))
    return {each.name: each for each in found}


def raised(*arguments, **options):
    return {name for name, each in signs(*arguments, **options).items() if each.raised}


def measured(model, other, x, y):
    """Errors by the names of the diagnosis; of attacks that are quick, one of them made
    on another model."""
    attacks = {"fgsm": FGSM(EPSILON), "pgd": PGD(EPSILON, step_size=0.03),
               "pgd_margin": PGD(EPSILON, loss="margin", step_size=0.03),
               "square": RandomSign(EPSILON)}
    errors = {name: attack(model, x, y).success for name, attack in attacks.items()}
    x_adv = FGSM(EPSILON)(other, x, y).x_adv
    return {**errors, "transfer": model.logits(x_adv).argmax(axis=1) != y}


def right(count=N, dtype="float64", net=None):
    x, _ = examples(count, dtype)
    return x, learnt(net or network(dtype), x)


def none(count=N):
    return np.zeros(count, bool)


def first(share, count=N):
    return np.arange(count) < share * count


# Healthy

@DTYPES
@pytest.mark.parametrize("classes", [2, C])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_healthy_network_raises_none(dtype, classes, seed):
    """Of 32 pixels: of as few as 6, draws see every corner that PGD does not climb."""
    net = MLP.initialize((32, 32, classes), seed=seed, dtype=dtype, scheme="he")
    x = np.random.default_rng(seed).random((N, 32)).astype(dtype)
    y, other = learnt(net, x), net.copy()
    for array in other.layers[-1]:
        array *= 2
    found = signs(net, x, y, measured(net, other, x, y), seed=seed)
    assert [each for each in found.values() if each.raised is not False] == []


# Each by a model made for it

class Own(LogitsAndVjp):
    """A healthy network, but for what is told otherwise."""

    def __init__(self, logits=None, vjp=None):
        super().__init__(network())
        self.own_logits, self.own_vjp = logits, vjp

    def logits(self, x):
        return self.own_logits(x) if self.own_logits else super().logits(x)

    def vjp(self, x, dz):
        return self.own_vjp(x, dz) if self.own_vjp else super().vjp(x, dz)


NET = network()
NO_GRADIENT = Own(vjp=lambda x, dz: np.zeros_like(x))
WRONG_SIGN = Own(vjp=lambda x, dz: -NET.vjp(x, dz))


def shaking():
    rng = np.random.default_rng(0)
    return Own(lambda x: NET.logits(x) + 0.01 * rng.standard_normal((len(x), C)))


class Purifying(LogitsAndVjp):
    """Takes a step of its own before it looks."""

    def logits(self, x):
        return self.net.logits(x - 1e-3 * np.sign(self.vjp(x, np.ones((len(x), C)))))


class Band:
    """Fooled only where the first pixel is 0.075 to 0.125 above 0.5; its gradient says
    further."""

    def logits(self, x):
        away = np.abs(x[:, 0] - 0.6)
        return np.stack([np.zeros(len(x)), 0.025 - away], axis=1)

    def vjp(self, x, dz):
        dx = np.zeros_like(x)
        dx[:, 0] = dz[:, 1]
        return dx


class OneAtATime:
    """A sum, of which the gradient shows the smallest pixel alone."""

    def logits(self, x):
        return np.stack([np.full(len(x), D), x.sum(axis=1)], axis=1)

    def vjp(self, x, dz):
        dx = np.zeros_like(x)
        dx[np.arange(len(x)), x.argmin(axis=1)] = dz[:, 1]
        return dx


class Shattered:
    """Logits that go up and down within a thousandth."""

    def logits(self, x):
        s = 1e4 * x.sum(axis=1)
        return np.stack([1 + np.sin(s), np.cos(s)], axis=1)

    def vjp(self, x, dz):
        s = 1e4 * x.sum(axis=1)
        slope = 1e4 * (dz[:, 0] * np.cos(s) - dz[:, 1] * np.sin(s))
        return np.repeat(slope[:, None], x.shape[1], axis=1)


MIDDLE = np.full((N, D), 0.5), np.zeros(N, int)
ANYWHERE = right()
RAISERS = {
    "randomized": (shaking(), *ANYWHERE),
    "probabilities_as_output": (Own(lambda x: softmax(NET.logits(x))[0]), *ANYWHERE),
    "zero_gradient": (NO_GRADIENT, *ANYWHERE),
    "square_beats_white_box": (NET, *ANYWHERE, {"square": first(0.1), "pgd": none()}),
    "optimization_at_inference": (Purifying(NET), *ANYWHERE),
    "unavailable_gradients": (network("float32", lead=1e6), *right(dtype="float32")),
    "unstable_predictions": (Shattered(), *MIDDLE),
    "silent_success": (Band(), *MIDDLE),
    "incomplete_optimization": (OneAtATime(), *MIDDLE),
    "transfer_failure": (NET, *ANYWHERE, {"transfer": first(0.3), "pgd": first(1)}),
    "unconstrained_attack_failure": (WRONG_SIGN, *ANYWHERE),
    "one_step_beats_many": (NET, *ANYWHERE, {"fgsm": first(0.2), "pgd": none()}),
    "black_box_beats_white_box": (NET, *ANYWHERE, {
        "transfer": first(0.2), "fgsm": none(), "apgd": none()}),
    "unbounded_attack_below_all": (NO_GRADIENT, *ANYWHERE),
    "random_search_beats_gradient": (WRONG_SIGN, *ANYWHERE),
    "larger_epsilon_smaller_error": (Band(), *MIDDLE),
    "gradient_alignment": (Shattered(), *MIDDLE)}


@pytest.mark.parametrize("name", SIGNS)
def test_a_model_made_to_raise_a_sign_does(name):
    found = signs(*RAISERS[name], epsilon=0.4)[name]
    assert found.raised and np.isfinite(found.value)


def test_each_tells_what_it_is_and_who_said_so():
    for each in signs(NET, *ANYWHERE).values():
        assert each.definition.strip() and any(digit in each.source for digit in "0123")
        assert each.threshold == SIGNS[each.name].threshold
        assert "\n" not in each.why


# Numbers

def test_the_share_without_a_gradient_is_that_of_the_examples():
    x, y = right()
    x[:6, 0] = -9

    def vjp(x, dz):
        return NET.vjp(x, dz) * (x[:, :1] > -5)
    found = signs(Own(vjp=vjp), x, y)
    for name in ("zero_gradient", "unavailable_gradients"):
        assert found[name].value == 0.1


def test_what_only_square_finds_is_counted_in_examples():
    errors = {"square": first(0.5), "pgd": first(0.3), "apgd_margin": first(0.4)}
    found = signs(NET, *ANYWHERE, errors)["square_beats_white_box"]
    assert found.value == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize("apart, expected", [(9e-5, False), (1.1e-4, True)])
def test_calls_may_differ_by_as_much_as_autoattack_lets_them(apart, expected):
    state = {"calls": 0}

    def logits(x):
        state["calls"] += 1
        angle = 0.7 + apart * (state["calls"] % 2)
        return np.tile([3 * np.cos(angle), 3 * np.sin(angle)], (len(x), 1))
    found = signs(Own(logits, lambda x, dz: np.ones_like(x)), *MIDDLE)["randomized"]
    assert found.raised is expected
    assert found.value == pytest.approx(apart, rel=1e-3)


def test_the_noise_is_as_wide_as_the_indicator_has_it():
    """The odds are exp(s - 30), of one pixel s, and so is the loss: 8/255 wide, noise
    changes it by a mean of sinh or so of half of that."""
    steep = Own(lambda x: np.concatenate([0 * x, x - 30], axis=1),
                lambda x, dz: dz[:, 1:])
    x = np.full((SUBSET, 1), 0.5)
    found = signs(steep, x, np.zeros(SUBSET, int))["unstable_predictions"]
    assert found.value == pytest.approx(4 / 255 / 2, rel=0.05)


def test_a_loss_that_ends_early_is_complete():
    assert signs(NET, *ANYWHERE)["incomplete_optimization"].value == 0
    found = signs(OneAtATime(), *MIDDLE, epsilon=0.01)["incomplete_optimization"]
    assert found.value == 1


def test_a_loss_that_goes_to_and_fro_at_its_peak_is_complete():
    peak = 0.61

    def vjp(x, dz):
        return dz[:, 1:] * np.sign(peak - x)
    there = Own(lambda x: np.concatenate([0 * x, -np.abs(x - peak)], axis=1), vjp)
    found = signs(there, np.full((N, 1), 0.5), np.zeros(N, int))
    assert found["incomplete_optimization"].value == 0


def test_alignment_is_that_of_the_examples_with_a_gradient():
    x, y = right()
    x[:N // 2, 0] = -9
    straight = Own(vjp=lambda x, dz: dz[:, :1] * np.ones(D) * (x[:, :1] > -5))
    assert signs(straight, x, y)["gradient_alignment"].value == pytest.approx(1)


# Not measured, and trouble

def test_what_was_not_run_is_told_as_not_measured():
    found = signs(NET, *ANYWHERE)
    missing = {name for name, each in found.items() if each.raised is None}
    assert missing == {"square_beats_white_box", "transfer_failure",
                       "one_step_beats_many", "black_box_beats_white_box"}
    for name in missing:
        assert found[name].value is None and "which was not run" in found[name].why


def test_a_network_of_nan_is_told_without_a_word_from_numpy():
    net = network()
    net.layers[0][0][:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = signs(net, *ANYWHERE)
    assert found["unavailable_gradients"].value == 1
    assert found["gradient_alignment"].raised is None
    json.dumps([asdict(each) for each in found.values()], allow_nan=False)


@pytest.mark.parametrize("name", ["randomized", "probabilities_as_output"])
def test_a_sign_says_what_attacks_warn_of(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert signs(*RAISERS[name])[name].raised


def test_examples_that_do_not_fit_are_refused():
    with pytest.raises(InputError):
        signs(NET, ANYWHERE[0], np.full(N, C))


# What it is handed, what it leaves

def test_images_are_looked_at_as_their_rows_are():
    x, y = right()
    images = x.reshape(N, 1, 2, 3)
    assert signs(Images(NET), images, y) == signs(LogitsAndVjp(NET), x, y)


def test_more_examples_than_are_looked_at_change_nothing():
    x, y = right(SUBSET + 50)
    whole, subset = signs(NET, x, y), signs(NET, x[:SUBSET], y[:SUBSET])
    assert whole == subset


@DTYPES
def test_an_example_s_noise_is_its_own_and_within_bounds(dtype):
    x, y = right(dtype=dtype)
    net = network(dtype)
    many, few = (Evidence.of(net, x[:n], y[:n], EPSILON, (0, 1), 3, {}) for n in (N, 7))
    for draw in range(2):
        for kind, how in (("start", ("a",)), ("corner", ("a", draw))):
            moved, alone = (getattr(each, kind)(*how) for each in (many, few))
            np.testing.assert_array_equal(moved[:7], alone)
            assert moved.dtype == dtype
            assert 0 <= moved.min() and moved.max() <= 1
            assert np.abs(moved - x).max() <= EPSILON * (1 + 1e-6)
    assert (many.near(EPSILON, "a") != many.near(EPSILON, "b")).any()


def test_the_same_seed_says_the_same():
    assert signs(NET, *ANYWHERE, seed=4) == signs(NET, *ANYWHERE, seed=4)
    assert signs(NET, *ANYWHERE, seed=4) != signs(NET, *ANYWHERE, seed=5)


def test_they_cost_what_is_told_and_no_more_for_many_examples():
    model = Counted(LogitsAndVjp(NET))
    signs(model, *right(SUBSET + 50))
    assert 0.95 * CALLS * SUBSET < model.calls <= CALLS * SUBSET


def test_a_profiler_that_was_there_is_there_afterwards():
    def profiler(*arguments):
        pass
    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        signs(Purifying(NET), *ANYWHERE)
        after = sys.getprofile()
    finally:
        sys.setprofile(before)
    assert after is profiler


def test_a_sign_of_one_s_own_is_one_function():
    try:
        @sign(0.5, "me, today")
        def steep(evidence):
            """How steep it is."""
            return 0.75, "it is steep"
        found = signs(NET, *ANYWHERE)["steep"]
        assert (found.value, found.raised, found.why) == (0.75, True, "it is steep")
        assert (found.definition, found.source) == ("How steep it is.", "me, today")
    finally:
        del SIGNS["steep"]


@pytest.mark.slow
def test_a_torch_module_that_optimizes_is_seen():
    torch = pytest.importorskip("torch")

    class Module:
        def __init__(self, purify):
            self.purify, self.layer = purify, torch.nn.Linear(D, C).double()

        def logits(self, x):
            x = torch.tensor(x, requires_grad=True)
            if self.purify:
                x = x - torch.autograd.grad(self.layer(x).logsumexp(1).sum(), x)[0]
            return self.layer(x).detach().numpy()

        def vjp(self, x, dz):
            x = torch.tensor(x, requires_grad=True)
            return torch.autograd.grad(self.layer(x), x, torch.tensor(dz))[0].numpy()
    for purify in (True, False):
        found = signs(Module(purify), *ANYWHERE)["optimization_at_inference"]
        assert found.raised is purify
