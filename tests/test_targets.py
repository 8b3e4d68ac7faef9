"""Attacks that aim at a class: how it is given, what success is, what they reach."""
import numpy as np
import pytest
from small_models import (SUBSTITUTE, C, D, LogitsAndVjp, affine, assert_same,
                          by_pieces_of, examples, learnt, network)

from npgm import losses
from npgm.attacks import (FGSM, JSMA, LBFGS, PGD, CarliniWagner, DeepFool, RandomSign,
                          Square, Transfer)
from npgm.errors import InputError

AIMING = {"fgsm": FGSM(0.2), "fgsm repaired": FGSM(0.2, "log_odds"),
          "pgd": PGD(0.4, 20, 0.05), "pgd from a random start": PGD(
              0.4, 20, 0.05, "margin", seed=1, until_fooled=True),
          "deepfool": DeepFool(), "deepfool inf": DeepFool(np.inf, clip=(-9, 9)),
          "lbfgs": LBFGS(20, 8, clip=(-9, 9)), "jsma": JSMA(1, 0.5, clip=(-9, 9)),
          "carlini and wagner": CarliniWagner(2, 0, 30, 6, 0.1, clip=(-9, 9)),
          "carlini and wagner inf": CarliniWagner(np.inf, 0, 20, 4, 0.1, clip=(-9, 9)),
          "transfer": Transfer(SUBSTITUTE, FGSM(0.2))}
EVERY = pytest.mark.parametrize("attack", AIMING.values(), ids=list(AIMING))


def at(attack, target):
    """The same attack, its target given at construction."""
    if isinstance(attack, Transfer):
        return Transfer(attack.source, at(attack.attack, target))
    return type(attack)(**{**vars(attack), "target": target})


@EVERY
def test_what_is_reached_is_what_is_seen(attack):
    net, (x, y) = network(), examples(80)
    target = np.random.default_rng(1).integers(0, C, len(x))
    result = attack(net, x, y, target=target)
    given = net.logits(result.x_adv).argmax(axis=1)
    np.testing.assert_array_equal(result.target, target)
    np.testing.assert_array_equal(result.success, (given == target) & (target != y))
    wrong = net.logits(x).argmax(axis=1) != y
    np.testing.assert_array_equal(result.status == "already_wrong", wrong)
    np.testing.assert_array_equal(result.status == "fooled", result.success & ~wrong)
    assert result.success.mean() > 0.1


@EVERY
def test_where_the_label_is_the_target_nothing_is_moved(attack):
    net, (x, _) = network(), examples(40)
    y = learnt(net, x)
    result = attack(net, x, y, target=y)
    np.testing.assert_array_equal(result.x_adv, x)
    assert set(result.status) == {"held"} and not result.success.any()
    assert result.valid.all() and (result.lost_at == -1).all()


@EVERY
def test_a_rule_stands_for_a_class_of_each(attack):
    net, (x, y) = network(), examples(40)
    z = net.logits(x)
    z[np.arange(40), y] = np.inf
    for rule, classes in ((2, np.full(40, 2)), ("next", (y + 1) % C),
                          ("least_likely", z.argmin(axis=1))):
        given = attack(net, x, y, target=classes)
        assert_same(at(attack, rule)(net, x, y), given)
        assert_same(attack(net, x, y, target=rule), given)
        assert_same(at(attack, 0)(net, x, y, target=classes), given)


@EVERY
def test_pieces_and_any_model_do_not_change_the_result(attack):
    net, (x, y) = network(), examples(40)
    attack = at(attack, "least_likely")
    whole = attack(net, x, y)
    if not isinstance(attack, Transfer):
        assert_same(by_pieces_of(7, attack)(net, x, y), whole)
    found = attack(LogitsAndVjp(net), x, y)
    np.testing.assert_array_equal(found.status, whole.status)
    np.testing.assert_allclose(found.x_adv, whole.x_adv, rtol=1e-9)


@pytest.mark.parametrize("loss", ["cross_entropy", "log_odds", "margin"])
def test_the_step_goes_down_the_loss_at_the_target(loss):
    net, (x, y) = network(), examples(40)
    target = (y + 1) % C
    result = FGSM(0.1, loss, target="next")(net, x, y)
    dx = net.loss_gradients(x, target, loss).dx
    np.testing.assert_allclose(result.x_adv, x - 0.1 * np.sign(dx), rtol=1e-12)
    before, after = (losses.evaluate(loss, net.logits(at), target)[0].mean()
                     for at in (x, result.x_adv))
    assert after < before


def test_of_two_classes_the_other_is_the_target():
    """Where there is but one way out, aiming is going away."""
    net, (x, y) = network(sizes=(D, 8, 2)), examples(60, classes=2)
    for attack in (FGSM(0.2, "margin"), PGD(0.2, 5, 0.1, "log_odds"), DeepFool()):
        found, expected = attack(net, x, y, target=1 - y), attack(net, x, y)
        np.testing.assert_array_equal(found.success, expected.success)
        np.testing.assert_allclose(found.x_adv, expected.x_adv, rtol=1e-9)


def test_pgd_at_a_target_fools_no_fewer_than_fgsm():
    net, (x, y) = network(), examples(300)
    many, one = (attack(net, x, y, target="next").success
                 for attack in (PGD(0.2, 20, 0.02), FGSM(0.2)))
    assert many.mean() > one.mean()


@pytest.mark.parametrize("norm, dual", [(2, 2), (np.inf, 1)])
def test_deepfool_goes_to_the_targets_boundary_on_an_affine_classifier(norm, dual):
    """Of three classes of which the third is nowhere near."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((D, 3))
    net, (x, _) = affine(W, [0, 0, -99]), examples(50)
    y = learnt(net, x)
    result = DeepFool(norm, overshoot=1e-9)(net, x, y, target=1 - y)
    lead = np.abs(net.logits(x) @ [1, -1, 0])
    assert result.success.all()
    distance = lead / np.linalg.norm(W[:, 0] - W[:, 1], dual)
    np.testing.assert_allclose(np.linalg.norm(result.x_adv - x, norm, axis=1), distance,
                               rtol=1e-6)


def test_a_sweep_at_a_target_is_the_attack_at_each_epsilon():
    net, (x, y) = network(), examples(60)
    swept = FGSM(0.1).sweep(net, x, y, (0.1, 0.3), target="next")
    for epsilon, success in zip((0.1, 0.3), swept.success):
        alone = FGSM(epsilon, target="next")(net, x, y)
        np.testing.assert_array_equal(success, alone.success)
    again = FGSM(0.1, target="next").sweep(net, x, y, (0.1, 0.3))
    np.testing.assert_array_equal(again.success, swept.success)


@pytest.mark.parametrize("target, words", [
    (np.full(5, C), "this network knows 0 to 3"), (C, "this network knows 0 to 3"),
    ([0, 1], "for each of the 5"), (np.zeros(5), "target is float64"),
    ("nxt", "give a class, next or least_likely"), (-1, "target is -1"),
    (True, "target is True"), (0.5, "target is 0.5")], ids=str)
def test_bad_targets_are_refused(target, words):
    x, y = examples(5)
    with pytest.raises(InputError, match=words) as caught:
        FGSM()(network(), x, y, target=target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", [[0, 1], "nxt", -1, True, 0.5], ids=str)
def test_bad_targets_are_refused_at_construction(target):
    with pytest.raises(InputError, match="target is .*goes with the call"):
        FGSM(target=target)


@pytest.mark.parametrize("attack", [
    RandomSign(), Square(queries=5), Transfer(SUBSTITUTE, RandomSign())],
    ids=lambda attack: type(attack).__name__)
def test_an_attack_that_cannot_aim_says_so(attack):
    with pytest.raises(InputError, match="has no target"):
        attack(network(), *examples(5), target=0)
