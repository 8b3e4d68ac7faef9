"""What each measured quantity means, on networks whose answers are known by hand."""
from types import SimpleNamespace

import numpy as np
import pytest
from made_up import ENTRIES

from npgm.attacks import FGSM, RandomSign
from npgm.data import MNIST_CHECKSUM
from npgm.experiments import measures, protocol
from npgm.experiments.measures import MEASURES, Quantity, masking, outcomes
from npgm.losses import log_odds
from npgm.network import MLP
from npgm.training import natural_error


def quantities(module):
    return [quantity for found in vars(module).values()
            for quantity in (found if isinstance(found, tuple) else [found])
            if isinstance(quantity, Quantity)]


QUANTITIES = quantities(outcomes)


def network(scale):
    """Three pixels through three hidden units to the logits, times scale: the logits
    of class k grow with pixel k alone, where it is above 0."""
    net = MLP((3, 3, 3), np.zeros(24, np.float32))
    net.layers[0][0][:] = np.eye(3)
    net.layers[1][0][:] = scale * np.eye(3)
    return net


def images(*kinds):
    """x, y of (how many, lead of the first pixel or None for all below 0, label)."""
    x, y = [], []
    for count, lead, label in kinds:
        pixels = [-1] * 3 if lead is None else [0.5 + lead, 0.5, 0.5]
        x += [pixels] * count
        y += [label] * count
    return np.array(x, np.float32), np.array(y)


def dataset(test, train=((1, 0.1, 0),)):
    (x_train, y_train), (x_test, y_test) = images(*train), images(*test)
    return SimpleNamespace(x_train=x_train, y_train=y_train, x_test=x_test,
                           y_test=y_test, checksum=MNIST_CHECKSUM)


# Scenes: (network, data, {quantity: its number, or {epsilon: number}}).


def scene_of_masking():
    """Float32 takes the label's residual from a lead of 16.6 on, all of it from 104
    on. A step of epsilon brings the label's pixel down and the others up: by two
    epsilons; masked, by one, since the label's stays.

    Test images: ordinary, of lead 12; masked, of 28; out of reach, of 110; where no
    hidden unit is active; and a wrong one. Training images: twice out of reach, the
    third wrong; and an ordinary one.
    """
    data = dataset(test=((1, 0.12, 0), (1, 0.28, 0), (1, 1.1, 0), (1, None, 0),
                         (1, 0.12, 1)),
                   train=((2, 1.1, 0), (1, 1.1, 1), (5, 0.01, 0)))
    attacked = dict(zip(protocol.EPSILONS, (20, 40, 40, 40, 40, 60)))
    repaired = dict(zip(protocol.EPSILONS, (20, 40, 60, 60, 60, 60)))
    return network(100), data, {
        outcomes.NATURAL_ERROR: 20, outcomes.TRAIN_ERROR: 12.5,
        outcomes.FGS_ERROR: 40, outcomes.FGS_ERROR_PROTOCOL: 40,
        outcomes.FGS_ERROR_REPAIRED: 60, outcomes.VALID_FGS: 60,
        outcomes.FGS_ERROR_SWEPT: attacked,
        outcomes.FGS_ERROR_REPAIRED_SWEPT: repaired,
        outcomes.RESIDUAL_ZERO: 20, outcomes.RESIDUAL_ZERO_TRAIN: 25,
        outcomes.LABEL_RESIDUAL_ZERO: 40, outcomes.VALID_FGS_REPAIRED: 80}


def scene_of_vanishing():
    """At a lead of 84 the residual is a normal number; at 95 a subnormal one; at 100
    one of 27 times the smallest there is. A mean over 1,000 images divides it by
    1,000. An image with a gradient is fooled; one of five is wrong and has none."""
    data = dataset(test=((200, 12 / 500, 0), (200, 84 / 500, 0), (200, 95 / 500, 0),
                         (200, 100 / 500, 0), (200, None, 1)))
    valid = {"plain": 80, "flushed": 40, "layers": 40, "mean": 60, "mean_flushed": 20,
             "mean_layers": 20}
    ways = zip(valid.values(), outcomes.FGS_ERROR_VANISHING,
               outcomes.VALID_FGS_VANISHING, strict=True)
    return network(500), data, {
        quantity: share + 20 * (quantity is error)
        for share, error, left in ways for quantity in (error, left)}


def scene_of_deepfool():
    """The boundary is where another pixel is as large: lead / sqrt(2) away in L2, lead
    / 2 in Linf, and overshot by 2 %. What is wrong, never fooled, or not among the
    first 1,000 does not count."""
    data = dataset(test=((400, 0.1, 0), (400, 0.3, 0), (100, 0.1, 1), (100, None, 0),
                         (50, 0.9, 0)))
    sizes = [lead / np.sqrt(2) / np.linalg.norm([0.5 + lead, 0.5, 0.5])
             for lead in (0.1, 0.3)]
    return network(1), data, {
        outcomes.DEEPFOOL_L2: 102 * np.mean(sizes),
        outcomes.DEEPFOOL_LINF: 102 * np.mean([0.05 / 0.6, 0.15 / 0.8])}


def scene_of_pgd():
    """Of the first 2,000: masked at first, fooled in many steps but not in one; fooled
    once repaired; out of reach; wrong."""
    data = dataset(test=((500, 0.3, 0), (500, 0.45, 0), (500, 0.6, 0), (500, 0.3, 1),
                         (100, 0.3, 1)))
    return network(250), data, {
        outcomes.PGD_ERROR: 50, outcomes.PGD_ERROR_REPAIRED: 75,
        outcomes.FGS_ERROR: 100 * 600 / 2100}


def scene_of_activity():
    """Two hidden units of three are active in three images of five, and none in one;
    the logit lead is 7 and -14, 0 and twice 14."""
    data = dataset(test=((1, 0.5, 0), (1, 0.5, 1), (1, None, 0), (2, 1, 0)))
    data.x_test[[0, 1], 1] = 0
    return network(14), data, {
        outcomes.ACTIVE_HIDDEN: 100 * (2 + 2 + 0 + 3 + 3) / 15,
        outcomes.LOGIT_LEAD: 7}


SCENES = [scene_of_masking, scene_of_vanishing, scene_of_deepfool, scene_of_pgd,
          scene_of_activity]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_every_quantity_is_what_it_is_called(scene):
    net, data, expected = scene()
    found = {quantity.measure: MEASURES[quantity.measure](net, data)
             for quantity in expected}
    for quantity, known in expected.items():
        for epsilon, number in (known if isinstance(known, dict)
                                else {None: known}).items():
            entry = quantity.entry_in({"epsilon": epsilon})
            assert found[quantity.measure][entry] == pytest.approx(
                number, rel=1e-4), (quantity, epsilon)


def test_every_quantity_is_tried():
    """The test above has to grow with the measures; the random signs have their
    own."""
    tried = {quantity for scene in SCENES for quantity in scene()[2]}
    assert tried | {outcomes.FRS_ERROR_SWEPT} == set(QUANTITIES)


def test_random_signs_move_training_images():
    """A lead of 0.12 is lost if the label's pixel goes down and another up, 3 times in
    8, from an epsilon of 0.1 on: the same images at each. Of the others one is wrong
    and one is out of reach."""
    data = dataset(test=((1, 0.12, 1),),
                   train=((800, 0.12, 0), (1, 1.1, 0), (1, 1.1, 1)))
    found = outcomes.frs_sweep(network(1), data)
    errors = [found[outcomes.FRS_ERROR_SWEPT.entry_in({"epsilon": epsilon})] * 802 / 100
              for epsilon in protocol.EPSILONS]
    assert errors[0] == pytest.approx(1)
    assert len(set(errors[1:])) == 1 and errors[1] == pytest.approx(301, abs=50)


def test_the_valid_images_of_the_repair_are_not_its_successes():
    """Out of reach, but with a gradient; fooled, but by none."""
    far = dataset(test=((4, 1.1, 0),))
    assert outcomes.residual(network(100), far)["valid_fgs_repaired"] == 100
    assert outcomes.fgs(network(100), far) == {
        "fgs_error": 0, "fgs_error_repaired": 0, "valid_fgs": 0}
    wrong = dataset(test=((4, None, 1),))
    assert outcomes.residual(network(100), wrong)["valid_fgs_repaired"] == 0
    assert outcomes.fgs(network(100), wrong) == {
        "fgs_error": 100, "fgs_error_repaired": 100, "valid_fgs": 0}


def test_some_images_are_mnists_first_or_a_fixed_draw():
    data = SimpleNamespace(x_test=np.arange(100), y_test=-np.arange(100),
                           checksum=MNIST_CHECKSUM)
    assert np.array_equal(measures.some(data, 10), [range(10), range(0, -10, -1)])
    data.checksum = "abc"
    x, y = measures.some(data, 10)
    assert len(set(x)) == 10 and x.max() >= 50 and np.array_equal(x, -y)
    assert np.array_equal(measures.some(data, 10), [x, y])
    assert len(measures.some(data, 1000)[0]) == 100


def test_deepfool_that_fools_nothing_has_no_size():
    found = outcomes.deepfool(network(1), dataset(test=((3, None, 0), (3, 0.1, 1))))
    assert found == {"deepfool_l2": None, "deepfool_linf": None}


def test_activity_is_counted():
    """Logits (1, 0, -1) + x: one hidden unit of two is active, the lead is 1 or -2."""
    net = MLP((2, 2, 3), np.zeros(2 * 2 + 2 + 2 * 3 + 3, np.float32))
    net.layers[0][1][:] = 1, -1
    net.layers[1][1][:] = 1, 0, -1
    data = SimpleNamespace(x_test=np.zeros((3, 2), np.float32),
                           y_test=np.array([0, 0, 2]))
    assert outcomes.activity(net, data) == {"active_hidden": 50.0, "logit_lead": 1.0}


# What a record has of them, on a network that is nothing special


@pytest.fixture(scope="module")
def ordinary():
    """A small network, and data."""
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 12), np.float32), rng.integers(0, 3, 60)
    return MLP.initialize((12, 8, 5, 3), seed=1), SimpleNamespace(
        x_train=x, y_train=y, x_test=x[:40], y_test=y[:40], checksum="abc")


@pytest.fixture(scope="module")
def numbers(ordinary):
    """{measure: {entry: number}}"""
    return {name: take(*ordinary) for name, take in MEASURES.items()}


def test_measures_have_the_names_that_records_know_them_by(numbers):
    assert {name: set(taken) for name, taken in numbers.items()} == {
        name: set(entries) for name, entries in ENTRIES.items()
        if not name.startswith("attack ")}


@pytest.mark.parametrize("quantity, epsilons", [
    *((quantity, protocol.EPSILONS) for quantity in QUANTITIES),
    *((quantity, masking.EPSILONS) for quantity in quantities(masking))],
    ids=lambda given: getattr(given, "name", ""))
def test_a_quantity_is_among_what_its_measure_finds(quantity, epsilons, numbers):
    for epsilon in epsilons:
        assert quantity.entry_in({"epsilon": epsilon}) in numbers[quantity.measure]


def test_measures_are_what_they_are_called(numbers, ordinary):
    net, data = ordinary
    x, y = data.x_test, data.y_test
    assert numbers["natural"] == {"natural_error": natural_error(net, x, y)}
    assert numbers["train"] == {
        "train_error": natural_error(net, data.x_train, data.y_train)}
    for epsilon in protocol.EPSILONS:
        sweep = numbers["fgs_sweep"]
        plain, repaired = FGSM(epsilon)(net, x, y), FGSM(epsilon, log_odds)(net, x, y)
        assert sweep[f"fgs_error_{epsilon}"] == 100 * plain.success.mean()
        assert sweep[f"fgs_error_repaired_{epsilon}"] == 100 * repaired.success.mean()
        assert sweep["valid_fgs"] == 100 * plain.valid.mean()
        signs = RandomSign(epsilon)(net, data.x_train, data.y_train)
        found = numbers["frs_sweep"][f"frs_error_{epsilon}"]
        assert found == 100 * signs.success.mean()
    assert numbers["fgs_0.25"]["fgs_error"] == sweep["fgs_error_0.25"]
