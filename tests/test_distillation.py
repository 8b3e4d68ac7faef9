"""Distillation: two networks, the second on what the first makes of the images; and
that it is masking by rounding."""
import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from on_disk import assert_same_results, record_of
from small_models import C, examples, network
from test_training import SIZES, STEPS, assert_same_bits, run

import npgm
from npgm import defences, losses
from npgm.attacks import FGSM
from npgm.checkpoint import Checkpoint
from npgm.defences import Distillation, Taught
from npgm.errors import DataError, DivergedWarning, InputError, Interrupted
from npgm.experiments.measures import outcomes
from npgm.experiments.store import worker
from npgm.experiments.store.record import progress_of
from npgm.experiments.store.run import folder_of
from npgm.losses import at_temperature, cross_entropy, soft_cross_entropy, softmax
from npgm.optimizers import SGD, Adam
from npgm.training import Trainer

ROOT = Path(__file__).parents[1]
NATURAL = outcomes.natural.measure
DEFENCE = {"name": "distillation", "temperature": 20.0}


# Its losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_hard_labels_soft_cross_entropy_is_cross_entropy(dtype):
    z = np.random.default_rng(0).normal(0, 5, (50, C)).astype(dtype)
    y = np.arange(50) % C
    for found, expected in zip(soft_cross_entropy(z, np.eye(C)[y]),
                               cross_entropy(z, y), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_soft_cross_entropy_has_its_least_at_the_labels_own_logits():
    z = np.random.default_rng(0).normal(0, 3, (20, C))
    y = softmax(z)[0]
    loss, dz = soft_cross_entropy(z, y)
    np.testing.assert_allclose(loss, -(y * np.log(y)).sum(axis=1))     # the entropy
    np.testing.assert_allclose(dz, 0, atol=1e-14)
    assert (soft_cross_entropy(z + np.eye(C)[0], y)[0] > loss).all()


@given(st.sampled_from(sorted(losses.LOSSES)), st.floats(0.01, 1000),
       st.integers(0, 100))
def test_at_temperature_t_logits_of_t_times_the_size_do_the_same(name, T, seed):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(0, 3, (5, C)), rng.integers(0, C, 5)
    value, dz = losses.LOSSES[name](z, y)
    found, gradient = at_temperature(name, T)(T * z, y)
    np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(T * gradient, dz, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", [soft_cross_entropy, at_temperature(
    soft_cross_entropy, 7)])
def test_its_gradients_are_those_of_its_values(loss):
    rng, h = np.random.default_rng(1), 1e-6
    z, y = rng.normal(0, 3, (4, C)), softmax(rng.normal(0, 1, (4, C)))[0]
    for k in range(C):
        ahead, behind = (loss(z + s * h * np.eye(C)[k], y)[0] for s in (1, -1))
        np.testing.assert_allclose(loss(z, y)[1][:, k], (ahead - behind) / (2 * h),
                                   rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("y, words", [
    (np.full((2, C), 0.5), "no distribution"), (np.full((2, C - 1), 0.5), "give 4"),
    (np.zeros(2, int), "give 4 probabilities for each of the 2")])
def test_labels_that_are_no_distributions_are_refused(y, words):
    with pytest.raises(InputError, match=words):
        soft_cross_entropy(np.zeros((2, C)), y)


def test_the_readable_network_takes_soft_labels_too():
    net, (x, _) = network(), examples(7)
    y = softmax(net.logits(x)[:, ::-1])[0]
    found = net.mean_gradient(x, y, soft_cross_entropy)
    for ours, compiled in zip(found, net.compiled().mean_gradient(
            x, y, soft_cross_entropy), strict=True):
        np.testing.assert_allclose(ours, compiled, rtol=1e-9, atol=1e-12)
    with pytest.raises(InputError, match="give one integer label"):
        net.loss_gradients(x, y)


# Its two networks


def by_hand(data, T, optimizer=Adam(learning_rate=0.01)):
    """(net, history) of a student, step by step."""
    teacher, _ = run(data, optimizer, loss=at_temperature("cross_entropy", T))
    soft = softmax(teacher.logits(data.x_train) / np.float32(T))[0]
    student = npgm.MLP.initialize(SIZES, seed=1)
    trainer, means = Trainer(student, optimizer, at_temperature(
        soft_cross_entropy, T)), []
    for t in range(1, STEPS + 1):
        rows = npgm.training.batch_rows(60, 10, 0, t)
        trainer.x, trainer.y = data.x_train[rows], soft[rows]
        value, dtheta = student.mean_gradient(trainer.x, trainer.y, trainer.loss)
        optimizer.update(student.theta, dtheta, trainer.state)
        means.append(value.mean())
    return student, np.array(means)


def test_the_student_learns_what_the_teacher_says(tiny_data):
    net, history = run(tiny_data, defence=Distillation(5))
    student, means = by_hand(tiny_data, 5)
    np.testing.assert_allclose(history.losses, means, rtol=1e-4)
    np.testing.assert_allclose(net.theta, student.theta, rtol=1e-3, atol=1e-5)


def test_a_teacher_may_be_given(tiny_data):
    teacher, _ = run(tiny_data, loss=at_temperature("cross_entropy", 5))
    assert_same_bits(run(tiny_data, defence=Taught(5, teacher)),
                     run(tiny_data, defence=Distillation(5)))


def test_without_a_defence_nothing_is_taught(tiny_data, tmp_path):
    run(tiny_data, checkpoint=tmp_path / "run.npz", evaluate_at=(STEPS,))
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_teacher_that_diverges_teaches_nothing(tiny_data):
    with pytest.warns(DivergedWarning):
        _, history = run(tiny_data, SGD(1e30), defence=Distillation(2))
    assert history.diverged_at == 1


def test_a_trace_follows_the_student(tiny_data):
    options = {"optimizer": Adam(0.01), "steps": STEPS, "batch_size": 10}
    net = npgm.MLP.initialize(SIZES, seed=1)
    trace = npgm.trace(net, data=tiny_data, parameters=["W1[3,2]"], **options,
                       defence=Distillation(5))
    expected, history = run(tiny_data, defence=Distillation(5))
    assert net.theta.tobytes() == expected.theta.tobytes()
    np.testing.assert_allclose(trace.batch["loss"], history.losses, rtol=1e-6)
    assert np.isfinite(trace.batch["lead"]).all()


# Interrupted


class StopAt:
    """Interrupts one of the two trainings after an update."""

    def __init__(self, step, which):
        self.step, self.which = step, which

    def __call__(self, trainer, here="student"):
        if trainer.t == self.step and here == self.which:
            raise Interrupted("stop")

    def teaching(self, trainer):
        self(trainer, "teacher")


@pytest.mark.parametrize("which", ["teacher", "student"])
@pytest.mark.parametrize("step", [1, 17, STEPS])
def test_interrupted_in_either_and_resumed_is_uninterrupted(which, step, tiny_data,
                                                            tmp_path):
    path, options = tmp_path / "run.npz", {"defence": Distillation(5)}
    with pytest.raises(Interrupted):
        run(tiny_data, checkpoint=path, watch=StopAt(step, which), **options)
    assert_same_bits(run(tiny_data, checkpoint=path, **options),
                     run(tiny_data, **options))
    assert {path.name for path in tmp_path.iterdir()} <= {"run.npz",
                                                          "teacher-run.npz"}


def test_a_resumed_student_has_its_teacher_from_the_file(tiny_data, tmp_path):
    path, seen = tmp_path / "run.npz", []
    with pytest.raises(Interrupted):
        run(tiny_data, checkpoint=path, watch=StopAt(17, "student"),
            defence=Distillation(5))
    watch = StopAt(None, None)
    watch.teaching = seen.append
    run(tiny_data, checkpoint=path, watch=watch, defence=Distillation(5))
    assert not seen


@pytest.mark.parametrize("other", [None, Distillation(4)])
def test_a_checkpoint_with_another_temperature_is_refused(other, tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(Interrupted):
        run(tiny_data, checkpoint=path, watch=StopAt(17, "student"), defence=other)
    before = path.read_bytes()
    with pytest.raises(DataError, match="another defence"):
        run(tiny_data, checkpoint=path, defence=Distillation(5))
    assert path.read_bytes() == before


# In the store


@pytest.fixture
def watched(monkeypatch):
    """watched(look): look at either trainer after its updates, in runs to come."""
    train = worker.train

    def watch_with(look):
        def training(*arguments, watch, **options):
            def watching(trainer):
                watch(trainer)
                look(trainer)

            def teaching(trainer):
                watch.teaching(trainer)
                look.teaching(trainer)
            watching.teaching = teaching
            return train(*arguments, watch=watching, **options)
        monkeypatch.setattr(worker, "train", training)
    return watch_with


@pytest.mark.parametrize("which", ["teacher", "student"])
def test_a_stored_run_goes_on_in_either(which, make_run, data_folder, tmp_path,
                                        watched):
    once, twice, run = tmp_path / "1", tmp_path / "2", make_run(defence=DEFENCE)
    assert run.training == "distilled"
    worker.work(once, run, (NATURAL,), data_folder)
    assert {path.name for path in folder_of(once, run).iterdir()} == {
        "record.json", "losses.npz", "lock", "step-000100.npz", "step-000120.npz"}
    watched(StopAt(70, which))
    with pytest.raises(Interrupted):
        worker.work(twice, run, (NATURAL,), data_folder)
    assert record_of(twice, run)["status"] == "training"
    if which == "teacher":
        told = progress_of(twice, run)
        assert told["step"] == 0 and told["doing"].startswith("teacher, update ")
    watched(StopAt(None, None))
    worker.work(twice, run, (NATURAL,), data_folder)
    assert_same_results(once, twice)


KILLED = """
import json, os, signal, sys
from pathlib import Path
from npgm import checkpoint
from npgm.experiments.measures import outcomes
from npgm.experiments.store import worker
from npgm.experiments.store.run import Run

out, configuration, data, which = sys.argv[1:]
checkpoint.SECONDS = 0
def kill(watch, trainer):
    if trainer.t == 70:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(worker._Progress, {"teacher": "teaching", "student": "__call__"}[which], kill)
worker.work(Path(out), Run(**json.loads(configuration)), (), Path(data))
"""


@pytest.mark.parametrize("which", ["teacher", "student"])
def test_a_stored_run_killed_in_either_ends_with_the_same_bits(
        which, make_run, data_folder, tmp_path):
    once, twice, run = tmp_path / "1", tmp_path / "2", make_run(defence=DEFENCE)
    worker.work(once, run, (), data_folder)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(twice), json.dumps(run.configuration),
         str(data_folder), which], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    names = {"teacher-checkpoint.npz", *(["checkpoint.npz"] * (which == "student"))}
    assert {path.name for path in folder_of(twice, run).glob("*checkpoint*")} == names
    worker.work(twice, run, (), data_folder)
    assert_same_results(once, twice)


# What it comes to


@pytest.mark.slow
def test_it_is_masking_by_rounding():
    """Logits grow with T, some T / 2 times here, and with them the share of images
    whose residual is rounded away; divided by T, or repaired, the attack finds what it
    found before."""
    whole, T = npgm.load_dataset(), 40
    data = dataclasses.replace(whole, x_train=whole.x_train[:3000],
                               y_train=whole.y_train[:3000])
    x, y = whole.x_test[:200], whole.y_test[:200]
    nets, leads = {}, {}
    for defence in (None, Distillation(T)):
        net = npgm.MLP.initialize((784, 64, 10), scheme="he")
        npgm.train(net, Adam(0.003), data, steps=2000, defence=defence, evaluate_at=())
        nets[defence], z = net, np.sort(net.logits(x), axis=1)
        leads[defence] = np.median(z[:, -1] - z[:, -2])
    (plain, defended), attack = nets.values(), FGSM(0.1)
    first, second = leads.values()
    assert T / 3 < second / first < 3 * T
    assert attack(plain, x, y).success.mean() > 0.95
    assert attack(defended, x, y).success.mean() < 0.4
    for loss in ("log_odds", at_temperature("cross_entropy", T)):
        assert FGSM(0.1, loss)(defended, x, y).success.mean() > 0.95
    assert not npgm.diagnose(plain, x, y, epsilon=0.1).masked
    report = npgm.diagnose(defended, x, y, epsilon=0.1)
    assert report.masked and next(iter(report.causes)) == "residual_rounded"
    assert report.robust_error > 0.95


# By its name, and refused


def test_it_is_made_by_its_name():
    assert defences.make(**DEFENCE) == Distillation(20)
    assert DEFENCE == {"name": "distillation",
                       **dataclasses.asdict(Distillation(20))}      # a run's hash
    assert Distillation().temperature == 20


@pytest.mark.parametrize("make, words", [
    (lambda data: Distillation(0), "temperature is 0: give a finite number above 0"),
    (lambda data: Taught(5, 3), "teacher is 3: give a network"),
    (lambda data: defences.make("distilation"), "is it 'distillation'"),
    (lambda data: run(data, loss="log_odds", defence=Distillation()), "leave out loss"),
    (lambda data: Trainer(network("float32", SIZES), SGD(), defence=Distillation())
     .update(data.x_train, data.y_train), "no teacher yet"),
    (lambda data: at_temperature("cross_entropy", -1), "temperature is -1")])
def test_what_makes_no_distillation_is_refused(make, words, tiny_data):
    with pytest.raises(InputError, match=words) as caught:
        make(tiny_data)
    assert "\n" not in str(caught.value)


def test_a_wrong_student_is_told_before_a_teacher_is_trained(tiny_data, monkeypatch):
    monkeypatch.setattr(Checkpoint, "load", lambda self: pytest.fail("began"))
    with pytest.raises(InputError, match="evaluate_at"):
        run(tiny_data, defence=Distillation(), evaluate_at=(STEPS + 1,))
