"""Extended distillation: a teacher's uncertainty, labels made of it, and a class for
outliers, which is an error of natural images and not what fools in attacked ones."""
import dataclasses

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from on_disk import assert_same_results, record_of
from small_models import affine, examples, network
from test_distillation import StopAt
from test_training import STEPS, assert_same_bits

import npgm
from npgm import defences, storage
from npgm.attacks import FGSM
from npgm.defences import (ExtendedDistillation, Labelled, answers, evasion,
                           extended_distillation)
from npgm.defences.extended_distillation import dropped, labelling, uncertainty
from npgm.errors import DataError, DivergedWarning, InputError, Interrupted
from npgm.experiments.measures import named, outcomes, outliers
from npgm.experiments.store import worker
from npgm.experiments.store.run import folder_of
from npgm.experiments.sweeps import options
from npgm.losses import cross_entropy, log_odds, softmax
from npgm.optimizers import SGD, Adam
from npgm.training import Trainer, natural_error

SIZES = (16, 8, 4)          # three classes, and one for outliers
FEW = ExtendedDistillation(passes=5)


def run(data, optimizer=Adam(learning_rate=0.01), sizes=SIZES, seed=0, **given):
    """(net, history) of a run on a fresh network, batches of 10."""
    net = npgm.MLP.initialize(sizes, seed=1)
    settings = {"batch_size": 10, "evaluate_at": (), **given}
    return net, npgm.train(net, optimizer, data, steps=STEPS, seed=seed, **settings)


# Uncertainty


class Given:
    """Draws what it is given."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def random(self, shape, dtype):
        drawn = np.array(next(self.numbers), dtype)
        assert drawn.shape == shape
        return drawn


def test_a_pass_with_dropout_by_hand():
    layers = [(np.array([[1.0, -1], [2, 1]]), np.array([0.0, 10])),
              (np.array([[1.0], [3]]), np.array([0.5]))]
    h = np.array([[1.0, 2], [3, 4]])
    draws = Given([[0.1, 0.25], [0.7, 0.2]], [[0.9, 0.1], [0.5, 0.6]])
    # Dropped with 1/4, the others times 4/3. Image 1: (0, 8/3), then relu of
    # (16/3, 38/3), of which the second is dropped: 64/9 + 1/2. Image 2: (4, 0), then
    # relu of (4, 6), both kept: 16/3 + 3 * 8 + 1/2.
    np.testing.assert_allclose(dropped(layers, h, 0.25, draws),
                               [[64 / 9 + 0.5], [16 / 3 + 24.5]])


def test_uncertainty_by_hand():
    """One hidden unit h, logits (h, -3 h): in N passes (2 h, -6 h) in some k, else 0,
    so sigma = 40 h^2 k / N (1 - k / N), of which 10 h^2 (1 - 1 / N) is expected."""
    layers, N, h = [(np.ones((1, 1)), np.zeros(1)),
                    (np.array([[1.0, -3]]), np.zeros(2))], 8, 1.5
    sigma = uncertainty(layers, np.full((4000, 1), h), N, 0.5, seed=0)
    k = np.arange(N + 1)
    possible = 40 * h ** 2 * k / N * (1 - k / N)
    assert np.abs(sigma[:, None] - possible).min(axis=1).max() < 1e-9
    np.testing.assert_allclose(sigma.mean(), 10 * h ** 2 * (1 - 1 / N), rtol=0.03)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uncertainty_depends_on_seed_and_place_alone(dtype):
    net, (x, _) = network(dtype), examples(1300, dtype)
    sigma = uncertainty(net.layers, x, 4, 0.3, seed=5)
    assert sigma.shape == (1300,) and sigma.dtype == dtype and (sigma > 0).all()
    assert sigma.tobytes() == uncertainty(net.layers, x, 4, 0.3, seed=5).tobytes()
    np.testing.assert_array_equal(sigma[:500],
                                  uncertainty(net.layers, x[:500], 4, 0.3, seed=5))
    few = uncertainty(net.layers, x[:7], 4, 0.3, seed=5)
    np.testing.assert_allclose(sigma[:7], few, 1e-5)
    assert (sigma != uncertainty(net.layers, x, 4, 0.3, seed=6)).all()
    same = uncertainty(net.layers, np.repeat(x[:1], 1300, axis=0), 4, 0.3, seed=5)
    assert (same[1:] != same[:-1]).mean() > 0.9     # each image has its own draws
    assert (same[:300] != same[1000:]).mean() > 0.9


def test_uncertainty_of_larger_logits_is_larger():
    net, larger, (x, _) = network(), network(lead=3), examples(20)
    np.testing.assert_allclose(uncertainty(larger.layers, x, 6, 0.5, seed=0),
                               9 * uncertainty(net.layers, x, 6, 0.5, seed=0))


# Labels


def test_labels_by_hand():
    k = labelling(np.array([0.0, 1, 4]), np.array([2, 0, 1]), 4, 0.8)
    np.testing.assert_allclose(k, [[0, 0, 1, 0], [0.8, 0, 0, 0.2], [0, 0.2, 0, 0.8]])


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0, 1))
def test_labels_are_distributions_of_label_and_outlier(sigma, alpha):
    sigma, y = np.array(sigma), np.arange(len(sigma)) % 3
    k = labelling(sigma, y, 5, alpha)
    np.testing.assert_allclose(k.sum(axis=1), 1)
    assert (k >= 0).all() and np.count_nonzero(k, axis=1).max() <= 2
    np.testing.assert_allclose(k[sigma.argmax(), -1], alpha if sigma.any() else 0)
    assert (np.diff(k[np.argsort(sigma), -1]) >= 0).all()


# Two networks


def test_the_student_learns_those_labels(tiny_data):
    found = run(tiny_data, defence=FEW)
    teacher, _ = run(tiny_data)
    *hidden, (W, b) = teacher.layers
    sigma = uncertainty([*hidden, (W[:, :3], b[:3])], tiny_data.x_train, 5, 0.5, 0)
    k = labelling(sigma, tiny_data.y_train, 4, 0.9)
    assert_same_bits(found, run(tiny_data, defence=Labelled(k)))
    net, seen = npgm.MLP.initialize(SIZES, seed=1), []
    state = Adam(learning_rate=0.01).init(net.theta)
    for t in range(1, STEPS + 1):       # in NumPy, step by step
        rows = npgm.training.batch_rows(60, 10, 0, t)
        z = net.logits(tiny_data.x_train[rows])
        seen.append(-(k[rows] * np.log(softmax(z)[0])).sum(axis=1).mean())
        dtheta = net.loss_gradients(tiny_data.x_train[rows], k[rows], lambda z, k: (
            z[:, 0], softmax(z)[0] - k)).dtheta
        Adam(learning_rate=0.01).update(net.theta, dtheta, state)
    np.testing.assert_allclose(found[1].losses, seen, rtol=1e-4)
    np.testing.assert_allclose(found[0].theta, net.theta, rtol=1e-3, atol=1e-5)


def test_with_alpha_0_it_learns_the_labels(tiny_data):
    found, plain = run(tiny_data, defence=ExtendedDistillation(0)), run(tiny_data)
    np.testing.assert_allclose(found[1].losses, plain[1].losses, rtol=1e-4)
    np.testing.assert_allclose(found[0].theta, plain[0].theta, rtol=1e-3, atol=1e-5)


def test_it_learns_the_class_for_outliers(tiny_data):
    z = [run(tiny_data, defence=ExtendedDistillation(alpha))[0].logits(
        tiny_data.x_test) for alpha in (0, 1)]
    assert softmax(z[0])[0][:, 3].mean() < 0.1 < 0.2 < softmax(z[1])[0][:, 3].mean()


def test_the_same_seed_gives_the_same_bits(tiny_data):
    first = run(tiny_data, defence=FEW)
    assert_same_bits(first, run(tiny_data, defence=FEW))
    for other in (run(tiny_data, defence=FEW, seed=3),
                  run(tiny_data, defence=ExtendedDistillation(passes=6))):
        assert first[0].theta.tobytes() != other[0].theta.tobytes()


@pytest.mark.parametrize("which", ["teacher", "student"])
@pytest.mark.parametrize("step", [1, 17, STEPS])
def test_interrupted_in_either_and_resumed_is_uninterrupted(which, step, tiny_data,
                                                            tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(Interrupted):
        run(tiny_data, checkpoint=path, watch=StopAt(step, which), defence=FEW)
    assert_same_bits(run(tiny_data, checkpoint=path, defence=FEW),
                     run(tiny_data, defence=FEW))


def test_a_checkpoint_with_another_alpha_is_refused(tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    run(tiny_data, checkpoint=path, evaluate_at=(STEPS,), defence=FEW)
    with pytest.raises(DataError, match="another defence"):
        run(tiny_data, checkpoint=path, defence=dataclasses.replace(FEW, alpha=0.5))


def test_a_teacher_that_diverges_teaches_nothing(tiny_data):
    with pytest.warns(DivergedWarning):
        _, history = run(tiny_data, SGD(1e30), defence=FEW)
    assert history.diverged_at == 1


def test_a_trace_follows_the_student(tiny_data):
    net = npgm.MLP.initialize(SIZES, seed=1)
    npgm.trace(net, Adam(0.01), tiny_data, parameters=["W1[3,2]"], steps=STEPS,
               batch_size=10, defence=FEW)
    assert net.theta.tobytes() == run(tiny_data, defence=FEW)[0].theta.tobytes()


# Answers, and the attack that goes round them


def test_answers_by_hand():
    z = np.array([[3.0, 1, 0, 2], [1, 3, 0, 2], [1, 2, 0, 3], [1, np.nan, 0, 3],
                  [1, 2, 0, np.nan]])
    found = answers(z, np.zeros(5, int), classes=3)
    assert found.recovered.tolist() == [True, False, False, False, False]
    assert found.detected.tolist() == [False, False, True, False, False]
    assert found.fooled.tolist() == [False, True, False, True, True]


def test_a_natural_image_taken_for_an_outlier_is_an_error():
    net = affine(np.zeros((2, 4)), [0.0, 0, 0, 1])      # all are, to this one
    assert natural_error(net, np.zeros((5, 2)), np.arange(5) % 3) == 100


def test_evasion_is_the_log_odds_of_fooling():
    z, y = np.random.default_rng(0).normal(0, 3, (6, 5)), np.arange(6) % 3
    p, fooled = softmax(z)[0], np.ones((6, 5), bool)
    fooled[:, 3:] = fooled[np.arange(6), y] = False     # two classes for outliers
    fooled = np.where(fooled, p, 0).sum(axis=1)
    loss, dz = evasion(3)(z, y)
    np.testing.assert_allclose(loss, np.log(fooled / (1 - fooled)))
    for k, step in enumerate(1e-6 * np.eye(5)):
        ahead, behind = (evasion(3)(z + s * step, y)[0] for s in (1, -1))
        np.testing.assert_allclose(dz[:, k], (ahead - behind) / 2e-6, rtol=1e-6,
                                   atol=1e-9)


@given(st.floats(0.1, 1000), st.integers(0, 100))
def test_without_outliers_evasion_is_log_odds(size, seed):
    z = np.random.default_rng(seed).normal(0, size, (5, 4)).astype("float32")
    for found, expected in zip(evasion(4)(z, np.arange(5) % 4),
                               log_odds(z, np.arange(5) % 4), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_no_lead_makes_evasion_vanish():
    z = np.array([[500.0, 0, -500, 20], [0, 0, -500, 500]], "float32")
    assert not cross_entropy(z, np.zeros(2, int))[1][0].any()
    _, dz = evasion(3)(z, np.zeros(2, int))
    np.testing.assert_allclose(dz, [[-1, 1, 0, 0], [0, 1, 0, -1]])


@pytest.mark.slow
def test_it_detects_what_does_not_know_of_it():
    """FGSM by cross-entropy lands in the class for outliers, and so do natural images;
    by the odds of evading it, it fools as before."""
    whole = npgm.load_dataset()
    data = dataclasses.replace(whole, x_train=whole.x_train[:5000],
                               y_train=whole.y_train[:5000])
    x, y = whole.x_test[:500], whole.y_test[:500]
    net, plain = (npgm.MLP.initialize((784, 50, outputs)) for outputs in (11, 10))
    for student, defence in ((net, ExtendedDistillation()), (plain, None)):
        npgm.train(student, Adam(), data, steps=800, defence=defence, evaluate_at=())

    def attacked(loss):
        return answers(net.logits(FGSM(0.1, loss)(net, x, y).x_adv), y, 10)
    natural = answers(net.logits(x), y, 10)
    assert natural.detected.mean() > 0.03
    assert natural_error(net, x, y) > natural_error(plain, x, y)
    assert FGSM(0.1)(plain, x, y).success.mean() > 0.95
    for loss in ("cross_entropy", "log_odds"):
        assert attacked(loss).detected.mean() > 0.5 > attacked(loss).fooled.mean()
    assert attacked(evasion(10)).fooled.mean() > 0.9


# In the store, and measured


DEFENCE = {"name": "extended_distillation", "alpha": 0.9, "dropout": 0.5, "passes": 5}


def test_a_stored_run_has_a_class_more(make_run, data_folder, tmp_path):
    stored, measures = make_run(defence=DEFENCE), (outcomes.natural.measure,
                                                   "outliers_0.25")
    for folder in ("1", "2"):
        worker.work(tmp_path / folder, stored, measures, data_folder)
    assert_same_results(tmp_path / "1", tmp_path / "2")
    folder = folder_of(tmp_path / "1", stored)
    assert storage.read_arrays(folder / "step-000120.npz")["b2"].shape == (4,)
    assert record_of(tmp_path / "1", stored)["status"] == "done"


@pytest.mark.parametrize("at", [50, 170])       # the teacher makes 120 updates
def test_a_stored_run_may_be_interrupted(at, make_run, data_folder, tmp_path,
                                         monkeypatch):
    stored, asked = make_run(defence=DEFENCE), []

    def stop():
        asked.append(len(asked))
        if len(asked) == at:
            raise Interrupted("stop")
    worker.work(tmp_path / "1", stored, (), data_folder)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "stop_if_asked", stop)
        patch.setattr(worker.time, "monotonic", iter(range(10 ** 6)).__next__)
        with pytest.raises(Interrupted):
            worker.work(tmp_path / "2", stored, (), data_folder)
    left = {path.name for path in folder_of(tmp_path / "2", stored).glob("*check*")}
    assert left == {"teacher-checkpoint.npz", *(["checkpoint.npz"] * (at > 120))}
    worker.work(tmp_path / "2", stored, (), data_folder)
    assert_same_results(tmp_path / "1", tmp_path / "2")


def test_the_measure_by_hand(tiny_data):
    net, _ = run(tiny_data, defence=ExtendedDistillation(1))
    x, y = tiny_data.x_test, tiny_data.y_test
    found = named("outliers_0.1")(net, tiny_data)
    assert found.keys() == {quantity.name for quantity in outliers.QUANTITIES}
    assert found["natural_outliers"] == 100 * (net.logits(x).argmax(axis=1) == 3).mean()
    for way, loss in (("", "cross_entropy"), ("_repaired", "log_odds"),
                      ("_evading", evasion(3))):
        result = FGSM(0.1, loss)(net, x, y)
        z = net.logits(result.x_adv)
        assert found[f"fgs_detected{way}"] == 100 * (z.argmax(axis=1) == 3).mean()
        np.testing.assert_allclose(
            found[f"fgs_fooled{way}"] + found[f"fgs_detected{way}"],
            100 * result.success.mean())


def test_of_a_network_without_the_class_nothing_is_detected(tiny_data):
    net, _ = run(tiny_data, sizes=(16, 8, 3))
    found = named("outliers_0.1")(net, tiny_data)
    assert {value for name, value in found.items() if "fooled" not in name} == {0}
    assert found["fgs_fooled"] == 100 * FGSM(0.1)(
        net, tiny_data.x_test, tiny_data.y_test).success.mean()
    assert found["fgs_fooled_evading"] == found["fgs_fooled_repaired"]


# By its name, and refused


def test_it_is_made_by_its_name():
    made = defences.make(**DEFENCE)
    assert made == FEW and DEFENCE == {"name": "extended_distillation",
                                       **dataclasses.asdict(made)}
    read = options.read({"defence": "extended_distillation:passes=5",
                         "measures": "outliers"})
    assert read["defence"] == (DEFENCE,) and read["measures"] == ("outliers",)


@pytest.mark.parametrize("make, words", [
    (lambda data: ExtendedDistillation(1.5), "alpha is 1.5: give a share from 0 to 1"),
    (lambda data: ExtendedDistillation(-1), "alpha is -1: give a finite number"),
    (lambda data: ExtendedDistillation(dropout=1), "dropout is 1: .* below 1"),
    (lambda data: ExtendedDistillation(dropout=0), "dropout is 0: .* above 0"),
    (lambda data: ExtendedDistillation(passes=1), "passes is 1: .* at least 2"),
    (lambda data: run(data, loss="log_odds", defence=FEW), "leave out loss"),
    (lambda data: run(data, sizes=(16, 8, 3), defence=FEW),
     "labels go to 2 and the network has 3 outputs: .* one more, for outliers, 4 or"),
    (lambda data: run(data, sizes=(16, 4), defence=FEW), "with a hidden layer"),
    (lambda data: run(data, defence=Labelled(np.full((60, 3), 1 / 3))),
     "give 4 probabilities for each of the 60"),
    (lambda data: run(data, defence=Labelled(np.full((59, 4), 0.25))),
     "give 4 probabilities for each of the 60"),
    (lambda data: Trainer(network("float32", SIZES), SGD(), defence=FEW).update(
        data.x_train, data.y_train), "no teacher yet"),
    (lambda data: Trainer(network("float32", SIZES), SGD()).update(
        data.x_train, np.full((60, 4), 0.25)), "give one integer label"),
    (lambda data: Trainer(network("float32", SIZES), SGD(), "log_odds").update(
        data.x_train, np.full((60, 4), 0.25)), "give one integer label"),
    (lambda data: evasion(3)(np.zeros((1, 4)), np.array([3])), "labels go from 3")])
def test_what_will_not_do_is_refused(make, words, tiny_data, monkeypatch):
    monkeypatch.setattr(extended_distillation, "uncertainty",
                        lambda *arguments: pytest.fail("a teacher was trained first"))
    with pytest.raises(InputError, match=words) as caught:
        make(tiny_data)
    assert "\n" not in str(caught.value)
