"""What holds for every attack, ours and a user's, from one table."""
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import (SUBSTITUTE, C, D, Largest, LogitsAndVjp, affine, assert_same,
                          by_pieces_of, examples, learnt, network)
from test_own_attacks import OWN

from npgm import attacks, vanishing
from npgm.attacks import (APGD, FGSM, JSMA, LBFGS, PGD, CarliniWagner, DeepFool,
                          RandomSign, Square, Substitute, Transfer,
                          UniversalPerturbation, input_gradient)
from npgm.attacks.model import LOOKED_AT
from npgm.errors import InputError
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP

ATTACKS = {
    "fgsm": FGSM(0.2), "fgsm repaired": FGSM(0.2, log_odds),
    "fgsm mean, flushed": FGSM(0.2, vanishing.flushed(vanishing.mean_over(
        cross_entropy, 60))),
    "random sign": RandomSign(0.2), "pgd": PGD(0.2, steps=5, step_size=0.1),
    "pgd from a random start": PGD(0.2, steps=5, step_size=0.1, seed=1),
    "apgd": APGD(0.2, steps=9, seed=1),
    "apgd repaired": APGD(0.2, steps=9, loss=log_odds, seed=1),
    "square": Square(0.2, queries=30), "transfer": Transfer(SUBSTITUTE, FGSM(0.2)),
    "transfer of many steps": Transfer(SUBSTITUTE, APGD(0.2, steps=9)),
    "deepfool": DeepFool(), "deepfool inf": DeepFool(np.inf),
    "substitute": Substitute(FGSM(0.2), 20, 3, sigma=1, reservoir=9, updates=20),
    "universal": UniversalPerturbation(0.2, passes=2),
    "universal 2": UniversalPerturbation(0.2, 2, passes=2),
    "lbfgs": LBFGS(20, 5, clip=(-9, 9)), "jsma": JSMA(1, 0.5, clip=(-9, 9)),
    "carlini and wagner": CarliniWagner(2, 0, 20, 4, clip=(-9, 9)),
    "carlini and wagner inf": CarliniWagner(np.inf, 0, 20, 4, clip=(-9, 9)), **OWN}
BOUNDED = {name: attack for name, attack in ATTACKS.items()
           if hasattr(attack, "epsilon")}
GUIDED = {name: attack for name, attack in ATTACKS.items()
          if not isinstance(attack, (RandomSign, Square, Substitute, Transfer))}
LOSSY = {"fgsm": FGSM, "pgd": PGD, "apgd": APGD, **{
    name: type(attack) for name, attack in OWN.items() if "repaired" not in name}}


def each(attacks):
    return pytest.mark.parametrize("attack", attacks.values(), ids=list(attacks))


EVERY, EVERY_GUIDED = each(ATTACKS), each(GUIDED)
SLOW = {"substitute"}      # each example of hypothesis trains one anew
EVERY_BOUNDED = pytest.mark.parametrize("attack", [
    pytest.param(attack, id=name, marks=[pytest.mark.slow] * (name in SLOW))
    for name, attack in BOUNDED.items()])


@EVERY_BOUNDED
@given(lead=st.sampled_from([1, 100, 10 ** 6]), seed=st.integers(0, 9))
def test_no_pixel_moves_further_than_epsilon(attack, lead, seed):
    x, y = examples(5, "float32", seed)
    x_adv = attack(network("float32", lead=lead), x, y).x_adv
    assert x_adv.dtype == np.float32
    furthest = np.abs(x_adv.astype("float64") - x).max()
    assert furthest <= 0.2 + 4 * np.finfo("float32").eps
    assert (np.abs(x_adv - x) <= np.float32(0.2)).all()     # to the bit


@EVERY
def test_what_is_reported_is_what_is_seen(attack):
    net, (x, y) = network(), examples(60)
    before = x.copy()
    result = attack(net, x, y)
    np.testing.assert_array_equal(x, before)
    given = net.logits(result.x_adv).argmax(axis=1)
    success = given != y if result.target is None else given == result.target
    np.testing.assert_array_equal(result.success, success)
    already = net.logits(x).argmax(axis=1) != y
    np.testing.assert_array_equal(result.status == "already_wrong", already)
    np.testing.assert_array_equal(result.status == "fooled", success & ~already)
    assert set(result.status) <= {"already_wrong", "fooled", "held"}


@EVERY
def test_any_model_with_logits_and_vjp_will_do(attack):
    net, (x, y) = network(), examples(30)
    found, expected = attack(LogitsAndVjp(net), x, y), attack(net, x, y)
    np.testing.assert_allclose(found.x_adv, expected.x_adv, rtol=1e-9)
    np.testing.assert_array_equal(found.status, expected.status)


@EVERY
def test_pieces_do_not_change_the_result(attack):
    net, (x, y) = network(), examples(40)
    in_sevens = by_pieces_of(7, attack)
    assert_same(in_sevens(net, x, y), attack(net, x, y))
    largest = Largest(net)
    in_sevens(largest, x, y)
    assert largest.shown == max(7, LOOKED_AT)


@EVERY_GUIDED
def test_a_zero_gradient_is_told(attack):
    net = affine(np.zeros((D, C)), np.arange(C))
    x, _ = examples(4)
    result = attack(net, x, np.full(4, C - 1))
    assert set(result.status) == {"no_gradient"} and not result.valid.any()
    if not getattr(attack, "seed", None):
        np.testing.assert_array_equal(result.x_adv, x)


@EVERY
def test_what_is_not_finite_is_told(attack):
    net, (x, y) = network(), examples(4)
    net.layers[0][0][:] = np.nan
    result = attack(net, x, y)
    assert set(result.status) == {"not_finite"} and not result.valid.any()
    assert result.success.all() == (result.target is None)
    assert np.isfinite(result.x_adv).all()


@EVERY_GUIDED
def test_a_gradient_that_is_not_finite_is_told(attack):
    """The first example has finite logits and no gradient but NaN."""
    class Broken(LogitsAndVjp):
        def vjp(self, x, dz):
            dx = super().vjp(x, dz)
            dx[first(x), 2] = np.nan
            return dx

    def first(seen):
        return np.abs(seen - x[0]).max(axis=1) <= 0.2
    net, (x, _) = network(), examples(4)
    x[0] = 5                            # far from the others
    result = attack(Broken(net), x, learnt(net, x))
    assert (result.status == "not_finite").tolist() == [True, False, False, False]
    assert result.valid.tolist() == [False, True, True, True]
    assert np.isfinite(result.x_adv).all()


@EVERY
@pytest.mark.parametrize("x, y", [
    (np.zeros((2, D + 1)), [0, 1]), (np.zeros((2, D)), [0, C]), (np.zeros(D), [0]),
    (np.zeros((2, D)), [0]), (np.full((2, D), np.nan), [0, 1]),
    (np.zeros((2, D), int), [0, 1])], ids=range(6))
def test_bad_examples_are_refused(attack, x, y):
    with pytest.raises(InputError):
        attack(network(), x, y)


@pytest.mark.parametrize("make", [
    lambda: RandomSign(-1), lambda: RandomSign(seed=-1), lambda: RandomSign(seed=None),
    lambda: RandomSign(clip=(1, 0)), lambda: PGD(steps=0), lambda: PGD(step_size=0),
    lambda: PGD(epsilon=np.inf), lambda: PGD(epsilon=None), lambda: PGD(seed=0.5),
    lambda: DeepFool(norm=1), lambda: DeepFool(steps=1.5),
    lambda: DeepFool(overshoot=-1), lambda: APGD(steps=0), lambda: APGD(restarts=-1),
    lambda: UniversalPerturbation(norm=1), lambda: UniversalPerturbation(passes=0),
    lambda: UniversalPerturbation(fooling_rate=1.5),
    lambda: UniversalPerturbation(attack=3), lambda: Substitute(SUBSTITUTE),
    lambda: Substitute(initial=0), lambda: Substitute(epochs=0.5),
    lambda: Substitute(period=0), lambda: Substitute(sigma=-1),
    lambda: Substitute(reservoir=0), lambda: Substitute(hidden=(0,)),
    lambda: Substitute(updates=None), lambda: Substitute(step_size=0),
    lambda: LBFGS(search_steps=0), lambda: LBFGS(target=None), lambda: APGD(seed=None),
    lambda: CarliniWagner(norm=1), lambda: CarliniWagner(kappa=-1),
    lambda: CarliniWagner(c=0), lambda: CarliniWagner(learning_rate=0),
    lambda: CarliniWagner(clip=None), lambda: CarliniWagner(norm=[2, 3]),
    lambda: JSMA(gamma=0), lambda: JSMA(gamma=1.1), lambda: JSMA(theta=0),
    lambda: JSMA(theta=np.inf), lambda: JSMA(clip=None), lambda: JSMA(gamma=True),
    lambda: Square(queries=0), lambda: Square(p=0), lambda: Square(p=1),
    lambda: Square(shape=5), lambda: Square(shape=(6,)),
    lambda: Square(shape=(2, 0)), lambda: Transfer(3), lambda: Transfer(MLP),
    lambda: Transfer(SUBSTITUTE, FGSM), lambda: Transfer(SUBSTITUTE, shape=()),
    lambda: Transfer("small_models:nothing"), lambda: Transfer("a network")])
def test_bad_hyperparameters_are_refused(make):
    with pytest.raises(InputError, match=" is ") as caught:
        make()
    assert "\n" not in str(caught.value)


# A loss by its name


@pytest.mark.parametrize("kind", LOSSY.values(), ids=list(LOSSY))
@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_a_loss_by_name_and_as_a_function_is_one_attack(kind, loss):
    named, given_as_such = kind(0.2, loss=loss.__name__), kind(0.2, loss=loss)
    assert named == given_as_such and named.loss == given_as_such.loss == loss.__name__
    net, (x, y) = network(), examples(30)
    assert_same(named(net, x, y), given_as_such(net, x, y))


@pytest.mark.parametrize("kind", LOSSY.values(), ids=list(LOSSY))
def test_the_usual_loss_is_cross_entropy(kind):
    assert kind() == kind(loss=cross_entropy) != kind(loss=log_odds)


@pytest.mark.parametrize("kind", LOSSY.values(), ids=list(LOSSY))
@pytest.mark.parametrize("loss", [3, None, "log_ods", "nowhere:loss"])
def test_a_loss_that_is_none_is_refused(kind, loss):
    with pytest.raises(InputError, match=f"loss {loss!r}") as caught:
        kind(loss=loss)
    assert "\n" not in str(caught.value)


def towards_0(z, y):
    """A user's own loss: the first logit against the label's."""
    dz = np.zeros_like(z)
    dz[:, 0] += 1
    dz[np.arange(len(y)), y] -= 1
    return z[:, 0] - z[np.arange(len(y)), y], dz


def test_a_loss_may_be_a_users_own():
    net, (x, _) = network(), examples(60)
    keep = net.logits(x).argmax(axis=1) != 0
    x, y = x[keep], learnt(net, x[keep])
    result = FGSM(0.5, towards_0)(net, x, y)
    step = np.sign(net.vjp(x, towards_0(net.logits(x), y)[1]))
    np.testing.assert_allclose(result.x_adv, x + 0.5 * step, rtol=1e-12)
    assert_same(FGSM(0.5, f"{__name__}:towards_0")(net, x, y), result)


# Configurations


CONFIGURED = [FGSM(), FGSM(0.1, log_odds, (0, 1)), FGSM(0, towards_0), RandomSign(),
              RandomSign(0.1, 3, (0.5, 0.75)), PGD(), DeepFool(), DeepFool(steps=3),
              PGD(0.1, 7, 0.05, log_odds, (0, 1), 5), APGD(),
              APGD(0.1, 7, towards_0, (0, 1), 0, 5), Square(),
              Square(0.1, 50, 0.5, (0, 1), 3, (2, 3), cross_entropy),
              Substitute(), Substitute(PGD(0.1, 7, 0.05), 20, 2, 0.2, 1, 0, None,
                                       (9, 7), 50, 4),
              UniversalPerturbation(), UniversalPerturbation(
                  0.1, 2, 0.5, 3, PGD(0.1, 7, 0.05), (0, 1), 5),
              LBFGS(), LBFGS(7, 3, towards_0, None, "least_likely"), PGD(target=3),
              CarliniWagner(), CarliniWagner(np.inf, 1, 7, 3, 0.1, 0.5, (-1, 1), 2),
              JSMA(), JSMA(0.5, -0.25, (-1, 1), "next"),
              Transfer("small_models:SUBSTITUTE"),
              Transfer("small_models:SUBSTITUTE", PGD(0.1, 7, 0.05), (2, 3))]


@pytest.mark.parametrize("attack", CONFIGURED, ids=str)
def test_a_configuration_survives_json(attack):
    text = json.dumps(attacks.configuration(attack), allow_nan=False)
    made = attacks.make(**json.loads(text))
    assert made == attack and type(made) is type(attack)


def test_every_attack_is_among_those():
    assert {type(attack) for attack in CONFIGURED} == set(attacks.ATTACKS.values())
    for attack in CONFIGURED:
        name = attacks.configuration(attack)["name"]
        assert attacks.ATTACKS[name] is type(attack)


@pytest.mark.parametrize("name, words", [
    ("fgms", "is it 'fgsm'"), ("randomsign", "is it 'random_sign'"),
    ("mim", "fgsm, random_sign, pgd, apgd, square, transfer, deepfool"),
    ("npgm.attacks:MIM", "MIM")])
def test_an_attack_that_is_not_to_be_found(name, words):
    with pytest.raises(InputError, match=words) as caught:
        attacks.make(name)
    assert "\n" not in str(caught.value)


# The gradient all of them go by


@pytest.mark.parametrize("model", [lambda net: net, MLP.compiled, LogitsAndVjp])
@pytest.mark.parametrize("loss", [cross_entropy, "log_odds", towards_0])
def test_the_input_gradient_and_what_it_comes_from(model, loss):
    net, (x, y) = network(), examples(20)
    found, expected = input_gradient(model(net), x, y, loss), network().loss_gradients(
        x, y, loss)
    dz = (log_odds if loss == "log_odds" else loss)(found.z, y)[1]
    np.testing.assert_allclose(found.z, net.logits(x), rtol=1e-12)
    np.testing.assert_array_equal(found.dz, dz)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=1e-9, atol=1e-15)
    assert found.finite.all()
    np.testing.assert_array_equal(found.valid, expected.dx.any(axis=1))


def test_an_input_gradient_that_is_not_finite_is_zero_and_not_valid():
    class Broken(LogitsAndVjp):
        def logits(self, x):
            z = super().logits(x)
            z[2, 0] = np.inf
            return z

        def vjp(self, x, dz):
            dx = super().vjp(x, np.nan_to_num(dz))
            dx[0], dx[1, 3], dx[3] = 0, np.nan, 1
            return dx
    with np.errstate(all="ignore"):
        found = input_gradient(Broken(network()), *examples(4), cross_entropy)
    assert found.finite.tolist() == [True, False, False, True]
    assert found.valid.tolist() == [False, False, False, True]
    np.testing.assert_array_equal(found.dx[:3], 0)
    np.testing.assert_array_equal(found.dx[3], 1)
