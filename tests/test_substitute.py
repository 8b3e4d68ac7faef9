"""A substitute trained on a model's labels: how it comes about, and what transfers."""
import numpy as np
import pytest
from small_models import C, D, LogitsAndVjp, affine, examples, network
from test_transfer import NoGradient

from npgm import MLP
from npgm.attacks import FGSM, DeepFool, Substitute, Transfer, input_gradient, surrogate
from npgm.attacks.substitute import train_surrogate
from npgm.losses import softmax
from npgm.optimizers import Adam
from npgm.training import train

FEW = {"initial": 20, "epochs": 4, "updates": 60, "hidden": (9,)}


class Labels(NoGradient):
    """A model that gives nothing but labels: an oracle. asked: all that it was."""

    def __init__(self, net):
        super().__init__(net)
        self.asked = []

    def logits(self, x):
        self.asked.append(x)
        return np.eye(C, dtype=x.dtype)[super().logits(x).argmax(axis=1)] * 9 - 4


@pytest.fixture
def trainings(monkeypatch):
    """What each training of a substitute was given, and what came of it: [(S, labels,
    F), ...]."""
    seen = []

    def training(x, y, *settings):
        seen.append((x, y, train_surrogate(x, y, *settings)))
        return seen[-1][2]
    monkeypatch.setattr("npgm.attacks.substitute.train_surrogate", training)
    return seen


@pytest.mark.parametrize("period, signs", [(None, [1, 1, 1]), (1, [1, -1, 1]),
                                           (2, [1, 1, -1])])
def test_each_set_is_the_last_and_what_its_gradients_lead_to(period, signs, trainings):
    net, (x, _) = network(), examples(60)
    Substitute(period=period, step_size=0.1, **FEW).fit(Labels(net), x)
    assert [len(S) for S, _, _ in trainings] == [20, 40, 80, 160]
    assert all((x == row).all(axis=1).any() for row in trainings[0][0])
    for S, labels, _ in trainings:
        np.testing.assert_array_equal(labels, net.logits(S).argmax(axis=1))
    for (S, labels, F), (after, _, _), sign in zip(trainings, trainings[1:], signs):
        np.testing.assert_array_equal(after[:len(S)], S)
        moved, h, rows = after[len(S):] - S, 1e-6, np.arange(len(S))
        F = MLP(F.sizes, F.theta.astype("float64"))
        for k in range(D):              # J, by differences of the softmax itself
            p, q = (softmax(F.logits(S + s * h * np.eye(D)[k]))[0][rows, labels]
                    for s in (1, -1))
            sure = np.abs(p - q) > 1e-10
            assert sure.mean() > 0.9
            np.testing.assert_allclose(moved[sure, k],
                                       sign * 0.1 * np.sign(p - q)[sure])


def test_from_sigma_on_only_some_are_followed(trainings):
    x, _ = examples(60)
    Substitute(sigma=1, reservoir=7, **FEW).fit(Labels(network()), x)
    assert [len(S) for S, _, _ in trainings] == [20, 40, 47, 54]
    S, after = trainings[2][0], trainings[3][0]
    near = np.abs(after[47:, None] - S[None]).max(axis=2) < 0.1 + 1e-9
    assert near.any(axis=1).all() and len(set(near.argmax(axis=1))) == 7


def test_new_examples_stay_within_the_clip(trainings):
    x, _ = examples(60)
    Substitute(FGSM(0.2, clip=(0, 1)), step_size=0.4, **FEW).fit(Labels(network()), x)
    S = trainings[-1][0]
    assert S.min() == 0 and S.max() == 1


def test_only_labels_are_asked_and_each_is_counted(trainings):
    model, (x, y) = Labels(network()), examples(60)
    result = Substitute(FGSM(0.2), **FEW)(model, x, y)
    assert result.queries == 160 + 2 * 60
    assert sum(map(len, model.asked)) == result.queries + 2 * 8    # the look before
    F = trainings[-1][2]
    expected = Transfer(F, FGSM(0.2))(network(), x, y)
    np.testing.assert_array_equal(result.x_adv, expected.x_adv)
    np.testing.assert_array_equal(result.success, expected.success)


def test_the_same_seed_makes_the_same_substitute():
    x, _ = examples(60)
    one, again, other = (Substitute(seed=seed, **FEW).fit(Labels(network()), x)
                         for seed in (1, 1, 2))
    assert one.source.theta.tobytes() == again.source.theta.tobytes()
    assert one.source.theta.tobytes() != other.source.theta.tobytes()


def test_of_an_affine_model_it_finds_the_way():
    """sign(w) is what FGSM does on the model itself."""
    w = np.array([3.0, -2, 1, -1, 2, -3])
    net = affine(np.stack([0 * w, w], axis=1), [0, -w.sum() / 2])
    x, _ = examples(200)
    y = net.logits(x).argmax(axis=1)
    found = Substitute(FGSM(0.1), 100, 3, updates=400, hidden=(16,))(net, x, y)
    white, there = FGSM(0.1)(net, x, y), np.sign(found.x_adv - x)
    assert (there == np.sign(white.x_adv - x)).mean() > 0.9
    assert found.success.mean() > 0.7 * white.success.mean() > 0


def test_fit_is_for_other_examples_and_any_attack(tiny_data):
    net = MLP.initialize((16, 16, 3))
    train(net, Adam(0.01), tiny_data, 300, 20, evaluate_at=())
    x, y = tiny_data.x_train, tiny_data.y_train
    for attack in (FGSM(0.2, "log_odds"), DeepFool(overshoot=1)):
        transfer = Substitute(attack, 30, 3, updates=100).fit(LogitsAndVjp(net), x)
        result = transfer(net, tiny_data.x_test, tiny_data.y_test)
        assert isinstance(transfer, Transfer) and transfer.attack == attack
        assert result.success.mean() > 0.25
    targeted = Substitute(FGSM(0.2, target="next"), 30, 2, updates=100)(net, x, y)
    np.testing.assert_array_equal(targeted.target, (y + 1) % 3)


def test_the_substitute_is_the_network_of_a_diagnosis():
    """One way to train one: the first of its settings are a diagnosis's."""
    (x, y), given = examples(60), Substitute()
    assert (given.hidden, given.updates) == (surrogate.HIDDEN, surrogate.STEPS)
    net = train_surrogate(x, y, C, given.seed, given.hidden, 5)
    assert net.sizes == (D, 128, C)
    assert input_gradient(net, x.astype("float32"), y, "log_odds").valid.all()
