"""Universal perturbations: one for all, also for images and networks never seen."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import (C, D, Images, LogitsAndVjp, affine, assert_same, examples,
                          network)

from npgm import attacks
from npgm.attacks import (FGSM, LBFGS, DeepFool, Shift, Substitute, Transfer,
                          UniversalPerturbation)
from npgm.attacks.universal import classes_of, project
from npgm.errors import InputError
from npgm.network import MLP
from npgm.optimizers import Adam
from npgm.training import train

NORMS = pytest.mark.parametrize("norm", [2, np.inf])


@NORMS
@given(seed=st.integers(0, 99), epsilon=st.floats(0.01, 10))
def test_a_projection_is_the_nearest_point_of_the_ball(norm, seed, epsilon):
    rng = np.random.default_rng(seed)
    v, other = rng.normal(0, 1, (2, 7))
    near, other = project(v, epsilon, norm), project(other, epsilon, norm)
    assert np.linalg.norm(near, norm) <= epsilon * (1 + 1e-12)
    assert np.linalg.norm(v - near) <= np.linalg.norm(v - other) + 1e-12
    np.testing.assert_allclose(project(near, epsilon, norm), near, rtol=1e-12)


@NORMS
@pytest.mark.parametrize("clip", [None, (0, 1)])
def test_all_examples_share_one_perturbation(norm, clip):
    net, (x, y) = network(), examples(60)
    attack = UniversalPerturbation(0.3, norm, passes=2, clip=clip)
    result = attack(net, x, y)
    v = attack.fit(net, x).perturbation
    assert 0 < np.linalg.norm(v, norm) <= 0.3 * (1 + 1e-12)
    expected = x + v if clip is None else np.clip(x + v, 0, 1)
    np.testing.assert_allclose(result.x_adv, expected, rtol=0, atol=1e-12)


@NORMS
def test_between_two_half_spaces_it_goes_straight_across(norm):
    """z_1 - z_0 = w x - 1, all of class 0: the one way across is along w."""
    w = np.array([2.0, -1.0, 0.5])
    net = affine(np.stack([0 * w, w], axis=1), [1, 0])
    x = np.random.default_rng(0).random((50, 3)) * [0.3, 1, 1]
    y, distance = np.zeros(50, int), (1 - x @ w) / np.linalg.norm(w)
    unit = w / np.linalg.norm(w)
    epsilon = 1.05 * distance.max() if norm == 2 else 2.0
    result = UniversalPerturbation(epsilon, norm, 1.0)(net, x, y)
    assert result.success.all()
    v = (result.x_adv - x)[0]
    np.testing.assert_allclose(v / np.linalg.norm(v), unit, rtol=1e-6)
    if norm == 2:                       # no further than the farthest needs
        assert np.linalg.norm(v) <= 1.03 * distance.max()
    near = UniversalPerturbation(0.5 * np.median(distance), 2, 1.0)(net, x, y)
    np.testing.assert_array_equal(near.success, distance < 0.5 * np.median(distance))


def test_it_stops_at_the_fooling_rate():
    """After the first pass that reached it."""
    net, (x, _) = network(), examples(60)

    def rate(passes, wanted):
        attack = UniversalPerturbation(0.3, 2, wanted, passes)
        return attack.fit(net, x).fooling_rate(net, x)
    passed = [rate(n, 1.0) for n in range(1, 4)]
    for wanted in (passed[0] / 2, max(passed[:2])):
        first = next(n for n, found in enumerate(passed) if found >= wanted)
        assert rate(3, wanted) == passed[first]


def test_the_class_that_the_model_gives_is_changed_not_the_label():
    net, (x, y) = network(), examples(80)
    attack = UniversalPerturbation(0.3, passes=2)
    shift = attack.fit(net, x)
    before, after = (net.logits(a).argmax(axis=1) for a in (x, x + shift.perturbation))
    assert shift.fooling_rate(net, x) == (before != after).mean()
    other = attack(net, x, (y + 1) % C)
    np.testing.assert_array_equal(other.x_adv, attack(net, x, y).x_adv)


def test_the_seed_is_the_order():
    net, (x, _) = network(), examples(60)
    v, again, other = (UniversalPerturbation(0.3, passes=2, seed=seed).fit(
        net, x).perturbation for seed in (1, 1, 2))
    np.testing.assert_array_equal(v, again)
    assert (v != other).any()


def test_calls_are_counted():
    class Asked(LogitsAndVjp):
        def vjp(self, x, dz):
            self.shown += 2 * len(x)
            return super().vjp(x, dz)
    net, (x, y) = Asked(network()), examples(40)
    queries = UniversalPerturbation(0.3, passes=2)(net, x, y).queries
    assert net.shown - 2 * 8 == queries > 40 * 3        # but for the look before


def test_of_images():
    (x, y), model = examples(40), Images(network())
    attack = UniversalPerturbation(0.3, passes=2)
    x_adv = attack(model, x.reshape(40, 1, 2, 3), y).x_adv
    shift = attack.fit(model, x.reshape(40, 1, 2, 3))
    assert x_adv.shape == (40, 1, 2, 3) and shift.perturbation.shape == (1, 2, 3)
    rate = shift.fooling_rate(model, x.reshape(40, 1, 2, 3))
    assert rate == shift.fooling_rate(network(), x) > 0


def test_another_attack_may_be_within():
    net, (x, _) = network(), examples(60)
    shift = UniversalPerturbation(0.3, passes=2, attack=FGSM(0.1)).fit(net, x)
    assert shift.fooling_rate(net, x) > 0.2
    shift = UniversalPerturbation(0.3, passes=2, clip=(0, 1), attack=Transfer(
        net, FGSM(0.1))).fit(net, x)
    assert shift.fooling_rate(net, x) > 0.2


def test_where_a_later_gradient_is_zero_it_is_told():
    """z = (relu(x - 0.4) + 0.2, 0): downhill lies the end of the only unit."""
    net = MLP((1, 1, 2), np.array([1, -0.4, 1, 0, 0.2, 0]))
    result = UniversalPerturbation(0.5, passes=3)(net, np.array([[0.5]]), np.array([0]))
    assert result.status.tolist() == ["held"] and result.valid.all()


# On what it has not seen


def learnt_by(data, seed, hidden=32):
    net = MLP.initialize((16, hidden, 3), seed)
    train(net, Adam(0.01), data, 400, 20, seed, evaluate_at=())
    return net


def test_on_unseen_images_and_other_networks(tiny_data):
    net, other = learnt_by(tiny_data, 0), learnt_by(tiny_data, 1, 16)
    shift = UniversalPerturbation(0.3, passes=5).fit(net, tiny_data.x_train)
    random = Shift(0.3 * np.random.default_rng(0).choice([-1, 1], 16))
    for model in (net, other):
        for x in (tiny_data.x_train, tiny_data.x_test):
            assert shift.fooling_rate(model, x) > random.fooling_rate(model, x)
    result = shift(other, tiny_data.x_test, tiny_data.y_test)
    assert result.success.mean() == pytest.approx(
        shift.fooling_rate(other, tiny_data.x_test), abs=0.1)
    assert set(result.status) <= {"fooled", "held", "already_wrong"}
    np.testing.assert_allclose(result.linf, np.abs(shift.perturbation).max(), atol=1e-6)


def test_a_shift_survives_json():
    (x, y), shift = examples(30), Shift(np.linspace(-0.2, 0.2, D), clip=(0, 1))
    settings = attacks.configuration(shift)
    assert_same(attacks.make(**settings)(network(), x, y), shift(network(), x, y))


@pytest.mark.parametrize("make, words", [
    (lambda x, y: Shift("v"), "perturbation must be"),
    (lambda x, y: Shift([np.nan] * D), "finite numbers"),
    (lambda x, y: Shift([1.0] * 5)(network(), x, y), "perturbation has 5 numbers"),
    (lambda x, y: UniversalPerturbation(attack=DeepFool), "give an attack"),
    (lambda x, y: UniversalPerturbation(attack=UniversalPerturbation()),
     "UniversalPerturbation, which takes all the examples together"),
    (lambda x, y: UniversalPerturbation(attack=Substitute()), "all the examples"),
    (lambda x, y: UniversalPerturbation(attack=LBFGS()), "LBFGS with the target 'n"),
    (lambda x, y: UniversalPerturbation(attack=Transfer(network(), FGSM(target=0))),
     "Transfer with the target 0: give one without"),
    (lambda x, y: UniversalPerturbation()(network(), x, y, target=1), "no target")])
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make(*examples(5))
    assert "\n" not in str(caught.value)


# As another library has it


@pytest.fixture(scope="module")
def peer():
    pytest.importorskip("torch")
    return pytest.importorskip("art.attacks.evasion")


@pytest.fixture(scope="module")
def trained():
    """A network and images it was trained on."""
    from dataclasses import replace

    from npgm.data import load_dataset
    data = load_dataset()
    data = replace(data, x_train=data.x_train[:3000], y_train=data.y_train[:3000])
    net = MLP.initialize((784, 64, 10), scheme="he")
    train(net, Adam(0.001), data, 1000, evaluate_at=())
    return net, data.x_train[:120]


def theirs(peer, net, x, epsilon, norm, clip):
    """(fooling rate, v) of ART, of the paper's DeepFool of ten steps."""
    import torch
    from art.estimators.classification import PyTorchClassifier
    torch.set_num_threads(1)
    parts = []
    for W, b in net.layers:
        parts += [torch.nn.Linear(*W.shape), torch.nn.ReLU()]
        parts[-2].weight.data, parts[-2].bias.data = (
            torch.tensor(array.copy()) for array in (W.T, b))
    model = PyTorchClassifier(torch.nn.Sequential(*parts[:-1]), None, (784,), 10,
                              clip_values=clip, device_type="cpu")
    attack = peer.UniversalPerturbation(
        model, "deepfool", {"max_iter": 10, "epsilon": 0.02, "verbose": False}, 1e-9,
        max_iter=1, eps=epsilon, norm=norm, verbose=False)
    attack.generate(x, np.eye(10)[classes_of(net, x, 500)])
    return attack.fooling_rate, attack.noise[0]


@pytest.mark.slow
@NORMS
def test_it_agrees_with_art(peer, trained, norm, monkeypatch):
    """One pass in the same orders: the same v, and rate, but for rounding and where an
    r is stretched (theirs once it is whole, ours on the way); unless another class was
    the nearest for that, from where on the ways part, and the rates differ as from
    order to order."""
    (net, x), epsilon = trained, 0.15 if norm == np.inf else 3.0
    ours, other, cosines = [], [], []
    for seed in range(4):
        order = np.random.default_rng([seed, 0]).permutation(len(x))
        monkeypatch.setattr(f"{peer.UniversalPerturbation.__module__}.random.sample",
                            lambda population, count, order=order: order)
        rate, v = theirs(peer, net, x, epsilon, norm, None)
        shift = UniversalPerturbation(epsilon, norm, 1.0, 1, seed=seed).fit(net, x)
        w = shift.perturbation
        cosines.append(v @ w / np.linalg.norm(v) / np.linalg.norm(w))
        other.append(rate)
        ours.append(shift.fooling_rate(net, x))
    same = np.array(cosines) > 0.98
    assert same.sum() >= 3 and min(ours) > 0.5
    assert np.abs(np.subtract(ours, other)[same]).max() < 0.02
    assert np.mean(ours) == pytest.approx(np.mean(other), abs=0.05)


@pytest.mark.slow
def test_within_a_clip_v_keeps_what_arts_loses(peer, trained, monkeypatch):
    """Theirs takes v from the clipped image, so that where that was black, as most of
    MNIST is, v can be nothing but positive, whatever earlier images had it be."""
    net, x = trained
    order = np.random.default_rng([0, 0]).permutation(len(x))
    monkeypatch.setattr(f"{peer.UniversalPerturbation.__module__}.random.sample",
                        lambda population, count: order)
    rate, v = theirs(peer, net, x, 0.2, np.inf, (0, 1))
    ours = UniversalPerturbation(0.2, np.inf, 1.0, 1, clip=(0, 1)).fit(net, x)
    assert ours.fooling_rate(net, x) > rate + 0.05
    last = x[order[-1]]
    assert (v[last == 0] < 0).mean() < (ours.perturbation[last == 0] < 0).mean()
