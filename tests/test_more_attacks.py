"""Sweeps, RandomSign, PGD, DeepFool and adversarial training. What holds for
every attack is tested from one table."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_attacks import (C, D, Largest, LogitsAndVjp, affine, assert_same, examples,
                          network)

import npgm
from npgm.attacks import FGSM, PGD, DeepFool, RandomSign, base, deepfool
from npgm.defences import AdversarialTraining
from npgm.errors import InputError
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP

ATTACKS = {
    "fgsm": FGSM(0.2), "fgsm repaired": FGSM(0.2, log_odds),
    "fgsm mean, flushed": FGSM(0.2, reduction="mean", flush_subnormals=True),
    "random sign": RandomSign(0.2), "pgd": PGD(0.2, steps=5, step_size=0.1),
    "pgd from a random start": PGD(0.2, steps=5, step_size=0.1, seed=1),
    "deepfool": DeepFool(), "deepfool inf": DeepFool(np.inf)}
BOUNDED = {name: attack for name, attack in ATTACKS.items()
           if hasattr(attack, "epsilon")}
GUIDED = {name: attack for name, attack in ATTACKS.items() if name != "random sign"}
UNDRAWN = {name: attack for name, attack in GUIDED.items()
           if getattr(attack, "seed", None) is None}


def each(attacks):
    return pytest.mark.parametrize("attack", attacks.values(), ids=list(attacks))


EVERY, EVERY_BOUNDED, EVERY_GUIDED = each(ATTACKS), each(BOUNDED), each(GUIDED)
ONE_STEP = pytest.mark.parametrize("attack", [
    FGSM(), FGSM(loss=log_odds), FGSM(clip=(0, 1)), RandomSign(), RandomSign(
        clip=(0.1, 0.9), seed=3)], ids=str)


@EVERY_BOUNDED
@given(lead=st.sampled_from([1, 100, 10 ** 6]), seed=st.integers(0, 9))
def test_no_pixel_moves_further_than_epsilon(attack, lead, seed):
    x, y = examples(5, "float32", seed)
    x_adv = attack(network("float32", lead=lead), x, y).x_adv
    assert x_adv.dtype == np.float32
    furthest = np.abs(x_adv.astype("float64") - x).max()
    assert furthest <= 0.2 + 4 * np.finfo("float32").eps


@EVERY
def test_what_is_reported_is_what_is_seen(attack):
    net, (x, y) = network(), examples(60)
    before = x.copy()
    result = attack(net, x, y)
    np.testing.assert_array_equal(x, before)
    wrong = net.logits(result.x_adv).argmax(axis=1) != y
    np.testing.assert_array_equal(result.success, wrong)
    already = net.logits(x).argmax(axis=1) != y
    np.testing.assert_array_equal(result.status == "already_wrong", already)
    np.testing.assert_array_equal(result.status == "fooled", wrong & ~already)
    assert set(result.status) <= {"already_wrong", "fooled", "held"}


@EVERY
def test_any_model_with_logits_and_vjp_will_do(attack):
    net, (x, y) = network(), examples(30)
    found, expected = attack(LogitsAndVjp(net), x, y), attack(net, x, y)
    np.testing.assert_allclose(found.x_adv, expected.x_adv, rtol=1e-9)
    np.testing.assert_array_equal(found.status, expected.status)


@each(UNDRAWN)                      # what is drawn belongs to its piece
def test_pieces_do_not_change_the_result(attack, monkeypatch):
    net, (x, y) = network(), examples(40)
    whole = attack(net, x, y)
    monkeypatch.setattr(base, "PIECE", 7)
    monkeypatch.setattr(deepfool, "DEEPFOOL_PIECE", 7)
    assert_same(attack(net, x, y), whole)
    largest = Largest(net)
    attack(largest, x, y)
    assert largest.shown == 7


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
    assert result.success.all()
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
    result = attack(Broken(net), x, net.logits(x).argmax(axis=1))
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
    lambda: FGSM(reduction="sum"), lambda: RandomSign(-1), lambda: RandomSign(seed=-1),
    lambda: RandomSign(clip=(1, 0)), lambda: PGD(steps=0), lambda: PGD(step_size=0),
    lambda: PGD(epsilon=np.inf), lambda: PGD(loss=3), lambda: PGD(seed=0.5),
    lambda: DeepFool(norm=1), lambda: DeepFool(steps=1.5),
    lambda: DeepFool(overshoot=-1), lambda: AdversarialTraining(-0.1),
    lambda: FGSM().sweep(network(), *examples(3), [0.1, -1]),
    lambda: FGSM().sweep(network(), *examples(3), 0.1),
    lambda: FGSM().sweep(network(), *examples(3), [])])
def test_bad_hyperparameters_are_refused(make):
    with pytest.raises(InputError, match=" is "):
        make()


# Sweeps

@ONE_STEP
@pytest.mark.parametrize("model", [lambda net: net, LogitsAndVjp])
def test_a_sweep_is_the_attack_at_every_epsilon(attack, model):
    net, (x, y) = network(), examples(60)
    epsilons = (0, 0.1, 0.4)
    sweep = attack.sweep(model(net), x, y, epsilons)
    assert sweep.success.shape == (3, 60) and sweep.natural.shape == (60,)
    for epsilon, success in zip(epsilons, sweep.success):
        one = type(attack)(**{**vars(attack), "epsilon": epsilon})(net, x, y)
        np.testing.assert_array_equal(success, one.success)
        np.testing.assert_array_equal(sweep.valid, one.valid)
        np.testing.assert_array_equal(sweep.natural, one.status == "already_wrong")


def test_a_sweep_takes_any_iterable():
    net, (x, y) = network(), examples(20)
    found = RandomSign().sweep(net, x, y, iter([0.1, 0.4]))
    expected = RandomSign().sweep(net, x, y, [0.1, 0.4])
    np.testing.assert_array_equal(found.success, expected.success)


# FGSM's options

def test_the_mean_and_flushing_make_the_gradient_vanish_earlier():
    """One class leads by L in float32: the residual is exp(-L). It is subnormal
    beyond a lead of 87.3, and after a mean over 10 beyond 85."""
    net = affine(np.eye(2), [0, 0], "float32")
    x = np.array([[L, 0] for L in (10, 84, 86, 95, 110, 10, 10, 10, 10, 10)], "float32")
    y = np.zeros(10, int)
    valid = {options: FGSM(0.1, reduction=options[0], flush_subnormals=options[1])(
        net, x, y).valid[:5].tolist()
        for options in [("none", False), ("none", True), ("mean", False),
                        ("mean", True)]}
    assert valid["none", False] == [True, True, True, True, False]
    assert valid["none", True] == [True, True, True, False, False]
    assert valid["mean", False] == [True, True, True, True, False]
    assert valid["mean", True] == [True, True, False, False, False]


def test_the_mean_is_over_the_call_and_not_over_its_pieces(monkeypatch):
    net, y = affine(np.eye(2), [0, 0], "float32"), np.zeros(10, int)
    x = np.zeros((10, 2), "float32")
    x[:, 0] = 86                        # exp(-86) is normal, a tenth of it is not
    attack = FGSM(0.1, reduction="mean", flush_subnormals=True)
    monkeypatch.setattr(base, "PIECE", 1)
    assert not attack(net, x, y).valid.any()
    assert not attack.sweep(net, x, y, [0.1]).valid.any()
    assert attack(net, x[:1], y[:1]).valid.all()


def test_flushing_changes_nothing_that_is_normal():
    net, (x, y) = network("float32"), examples(50, "float32")
    assert_same(FGSM(0.1, flush_subnormals=True)(net, x, y), FGSM(0.1)(net, x, y))


# RandomSign

def test_the_second_argument_of_random_sign_is_the_seed():
    assert RandomSign(0.25, 3) == RandomSign(epsilon=0.25, seed=3)


def test_random_signs_are_even_and_belong_to_the_seed():
    net, (x, y) = network(), examples(2000)
    s = np.sign(RandomSign(0.5)(net, x, y).x_adv - x)
    assert set(np.unique(s)) == {-1, 1}
    assert abs(s.mean()) < 5 / np.sqrt(s.size)
    assert abs(np.mean(s[:, 0] * s[:, 1])) < 5 / np.sqrt(len(s))
    assert abs(np.mean(s[:500] * s[500:1000])) < 5 / np.sqrt(500 * D)
    assert_same(RandomSign(0.5)(net, x, y), RandomSign(0.5)(net, x, y))
    other = RandomSign(0.5, seed=1)(net, x, y).x_adv
    assert 0.4 < np.mean(np.sign(other - x) == s) < 0.6


# PGD

def test_pgd_of_one_whole_step_is_fgsm():
    net, (x, y) = network(), examples(30)
    for loss in (cross_entropy, log_odds):
        pgd = PGD(0.1, steps=1, step_size=0.5, loss=loss)(net, x, y)
        fgsm = FGSM(0.1, loss)(net, x, y)
        np.testing.assert_allclose(pgd.x_adv, fgsm.x_adv)
        np.testing.assert_array_equal(pgd.status, fgsm.status)


def test_pgd_raises_the_loss_at_least_as_far_as_fgsm():
    net, (x, y) = network(), examples(300)
    losses = [cross_entropy(net.logits(attack(net, x, y).x_adv), y)[0].mean()
              for attack in (FGSM(0.2), PGD(0.2, steps=20, step_size=0.03))]
    assert losses[1] > losses[0]


def test_pgd_keeps_to_clip_and_seed():
    net, (x, y) = network(), examples(30)
    attack = PGD(0.3, steps=4, clip=(0, 1), seed=5)
    result = attack(net, x, y)
    assert 0 <= result.x_adv.min() and result.x_adv.max() <= 1
    assert_same(attack(net, x, y), result)
    other = PGD(0.3, steps=4, clip=(0, 1), seed=6)(net, x, y)
    assert (other.x_adv != result.x_adv).any()


# DeepFool

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
@pytest.mark.parametrize("scale", 2.0 ** np.array([-90, -40, 40, 90]))
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
    net, x = affine(np.eye(2), [0, 0], "float32"), np.full((1, 2), 0.5, "float32")
    result = DeepFool(norm)(net, x, np.array([0]))
    assert result.status.tolist() == ["fooled"]
    assert np.abs(result.x_adv - x).max() < 1e-5


@pytest.mark.parametrize("attack", [
    DeepFool(), DeepFool(np.inf), PGD(0.5, steps=20, step_size=0.1, loss=log_odds)],
    ids=str)
def test_where_all_units_are_off_many_steps_hold(attack):
    """z = (relu(x - 0.4) + 0.2, 0): downhill from x = 0.5 lies the end of the only
    unit, not the boundary that its gradient promises."""
    net = MLP((1, 1, 2), np.array([1, -0.4, 1, 0, 0.2, 0]))
    result = attack(net, np.array([[0.5]]), np.array([0]))
    assert result.valid.all() and result.status.tolist() == ["held"]
    assert result.x_adv[0, 0] < 0.41
    assert net.vjp(result.x_adv, np.array([[-1.0, 1.0]])).tolist() == [[0]]


def test_the_mean_perturbation_of_none_is_nan():
    x, _ = examples(3)
    result = DeepFool()(affine(np.zeros((D, C)), np.arange(C)), x, np.full(3, C - 1))
    assert np.isnan(DeepFool().relative_perturbation(x, result))


# Adversarial training

def test_adversarial_examples_stand_beside_the_batch():
    net, (x, y) = network(), examples(9)
    both, labels = AdversarialTraining(0.1).examples(net, x, y)
    np.testing.assert_array_equal(both[:9], x)
    np.testing.assert_array_equal(both[9:], FGSM(0.1)(net, x, y).x_adv)
    np.testing.assert_array_equal(labels, np.tile(y, 2))


def test_adversarial_training_makes_the_network_harder_to_fool(tiny_data):
    def trained(defence):
        net = MLP.initialize((tiny_data.x_train.shape[1], 32, tiny_data.classes))
        npgm.train(net, npgm.optimizers.Adam(0.003), tiny_data, steps=300,
                   batch_size=20, defence=defence, evaluate_at=())
        return FGSM(0.1)(net, tiny_data.x_train, tiny_data.y_train).success.mean()
    assert trained(AdversarialTraining(0.1)) < trained(None)


def test_an_interrupted_defended_run_ends_with_the_same_bits(tiny_data, tmp_path):
    def run(**options):
        net = MLP.initialize((tiny_data.x_train.shape[1], 8, tiny_data.classes))
        npgm.train(net, npgm.optimizers.Adam(), tiny_data, steps=20, batch_size=20,
                   evaluate_at=(), defence=AdversarialTraining(0.1), **options)
        return net.theta.tobytes()

    def stop(step, losses):
        if step == 11:
            raise npgm.errors.Interrupted("stop")
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(npgm.errors.Interrupted):
        run(checkpoint=path, progress=stop)
    assert run(checkpoint=path) == run()
