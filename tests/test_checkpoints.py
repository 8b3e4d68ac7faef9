"""Checkpoints: interrupted, killed, damaged, of another run."""
import errno
import functools
import linecache
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_training import SIZES, STEPS, assert_one_line, assert_same_bits, run

from npgm import sources, vanishing
from npgm.defences import AdversarialTraining
from npgm.errors import DataError, Interrupted, StorageError
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP
from npgm.optimizers import OPTIMIZERS, SGD, Adam, Momentum
from npgm.training import train

ROOT = Path(__file__).parents[1]


def stop_at(step):
    """A watch that interrupts the run after that update."""
    def watch(trainer):
        if trainer.t == step:
            raise Interrupted("stop")
    return watch


def checkpoint_at(path, data, step, **options):
    """The checkpoint of a run interrupted after that update, as bytes."""
    with pytest.raises(Interrupted):
        run(data, checkpoint=path, watch=stop_at(step), **options)
    return path.read_bytes()


@pytest.mark.parametrize("step", [1, 17, STEPS])
@pytest.mark.parametrize("optimizer", [
    *(optimizer() for optimizer in OPTIMIZERS.values()), Adam(form="algorithm1")],
    ids=str)
def test_interrupted_and_resumed_is_uninterrupted(optimizer, step, tiny_data,
                                                  tmp_path):
    path = tmp_path / "run.npz"
    checkpoint_at(path, tiny_data, step, optimizer=optimizer)
    assert_same_bits(run(tiny_data, optimizer, checkpoint=path),
                     run(tiny_data, optimizer))


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_a_run_goes_on_whether_its_loss_is_named_or_given(loss, tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    checkpoint_at(path, tiny_data, 17, loss=loss.__name__)
    assert_same_bits(run(tiny_data, loss=loss, checkpoint=path),
                     run(tiny_data, loss=loss))


def test_interrupted_many_times(tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    for step in (2, 3, 9, 30):
        checkpoint_at(path, tiny_data, step)
    assert_same_bits(run(tiny_data, checkpoint=path), run(tiny_data))


def test_a_finished_run_is_not_trained_again(tiny_data, tmp_path):
    path, calls = tmp_path / "run.npz", []
    once = run(tiny_data, checkpoint=path, evaluate_at=(STEPS,))
    again = run(tiny_data, checkpoint=path,
                watch=calls.append)
    assert not calls
    assert_same_bits(once, again)


KILLED = """
import os, signal, sys
from types import SimpleNamespace
import numpy as np
from npgm import checkpoint, training
from npgm.network import MLP
from npgm.optimizers import Adam

where, count, folder, steps = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
calls = []

def killing(function):
    def wrapped(*args):
        calls.append(args)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args)
    return wrapped

if where != "watch":
    setattr(os, where, killing(getattr(os, where)))
checkpoint.SECONDS = 0
data = SimpleNamespace(**np.load(folder + "/data.npz"))
training.train(MLP.initialize((16, 8, 3), seed=1), Adam(learning_rate=0.01), data,
               steps=int(steps), batch_size=10, evaluate_at=(),
               checkpoint=folder + "/run.npz",
               watch=killing(print) if where == "watch" else None)
"""


@pytest.mark.parametrize("where", [
    "watch",        # between two updates
    "fsync",        # while a checkpoint is being written
    "replace",      # when it is written, but not yet in its place
])
def test_killed_and_resumed_is_uninterrupted(where, tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    np.savez(tmp_path / "data.npz", x_train=tiny_data.x_train,
             y_train=tiny_data.y_train)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, where, "12", str(tmp_path), str(STEPS)],
        cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert np.load(path)["t"] in (11, 12)
    assert_same_bits(run(tiny_data, checkpoint=path), run(tiny_data))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint(call, tiny_data, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    before = checkpoint_at(path, tiny_data, 5)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, call, full)
    with pytest.raises(StorageError) as error:
        run(tiny_data, checkpoint=path, watch=stop_at(9))
    assert_one_line(error, path, os.strerror(errno.ENOSPC))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.npz"]


def damaged(whole):
    """{name: bytes that are no whole checkpoint}"""
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0x10]) + whole[middle + 1:]
    return {"empty": b"", "cut": whole[:middle], "last byte": whole[:-1],
            "flipped bit": flipped,
            "random": np.random.default_rng(0).bytes(len(whole)), "text": b"{}\n"}


@pytest.mark.parametrize("fault", damaged(b"any"))
def test_a_damaged_checkpoint_is_refused_and_kept(fault, tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    content = damaged(checkpoint_at(path, tiny_data, 5))[fault]
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        run(tiny_data, checkpoint=path)
    assert_one_line(error, path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("other, part", [
    ({"optimizer": SGD()}, "optimizer"), ({"optimizer": Momentum()}, "optimizer"),
    ({"steps": STEPS + 1}, "number of updates"), ({"seed": 1}, "seed"),
    ({"optimizer": Adam(learning_rate=0.02)}, "hyperparameters"),
    ({"batch_size": 12}, "batch_size"), ({"loss": "log_odds"}, "loss"),
    ({"defence": AdversarialTraining(0.1)}, "defence")], ids=str)
def test_a_checkpoint_of_another_run_is_refused_and_kept(other, part, tiny_data,
                                                         tmp_path):
    path = tmp_path / "run.npz"
    before = checkpoint_at(path, tiny_data, 5, **other)
    with pytest.raises(DataError) as error:
        run(tiny_data, checkpoint=path)
    assert_one_line(error, path, f"another {part}")
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", [
    {"theta": np.zeros(3, np.float32)}, {"theta": np.zeros(163)},
    {"t": np.array(STEPS + 1)}, {"t": np.array(-1)}, {"t": np.zeros(2)},
    {"m": None}], ids=str)
def test_a_checkpoint_that_does_not_fit_is_refused(change, tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    checkpoint_at(path, tiny_data, 5)
    arrays = {**np.load(path), **change}
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})
    with pytest.raises(DataError) as error:
        run(tiny_data, checkpoint=path)
    assert_one_line(error, path)


def test_a_refused_checkpoint_changes_nothing(tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    checkpoint_at(path, tiny_data, 5)
    np.savez(path, **{**np.load(path), "m": np.zeros(1)})
    net = MLP.initialize(SIZES, seed=1)
    before = net.theta.copy()
    with pytest.raises(DataError):
        train(net, Adam(), tiny_data, steps=STEPS, batch_size=10, checkpoint=path)
    np.testing.assert_array_equal(net.theta, before)


# What a user may change and keep its name


def versions_of(text, *changes):
    """The Own of modules whose text differs in one place."""
    for number, change in enumerate(("", *changes)):
        name = f"own_{number}"
        path = Path(name).with_suffix(".py")
        path.write_text(text.replace(*change) if change else text)
        place = {"__name__": "own"}
        exec(compile(path.read_text(), str(path.resolve()), "exec"), place)
        linecache.checkcache(str(path.resolve()))
        yield place


OWN = """
from dataclasses import dataclass
import numpy as np
from npgm.optimizers import Optimizer, quantities

def loss(z, y):
    return z[:, 0] ** 2, 2 * z * (np.arange(z.shape[1]) == 0)

@quantities("theta", "m")
def rule(theta, g, m, alpha):
    m = np.maximum(m, g)
    return theta - alpha * m, m

@dataclass(frozen=True)
class Own(Optimizer):
    initial = {"m": 0.0}
    rule = staticmethod(rule)

    def coefficients(self, t):
        return {"alpha": 0.01}
"""


@pytest.mark.parametrize("change", [
    ("np.maximum", "np.minimum"), ("0.01", "0.02"), ("alpha * m,", "alpha * m * m,")])
def test_a_users_optimizer_that_was_changed_is_another(change, tiny_data, tmp_path,
                                                       monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = (place["Own"]() for place in versions_of(OWN, change))
    checkpoint_at(tmp_path / "run.npz", tiny_data, 5, optimizer=old)
    with pytest.raises(DataError, match="another optimizer"):
        run(tiny_data, new, checkpoint=tmp_path / "run.npz")
    run(tiny_data, old, checkpoint=tmp_path / "run.npz")


def test_a_users_loss_that_was_changed_is_another(tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = (place["loss"] for place in versions_of(OWN, ("2 * z", "3 * z")))
    checkpoint_at(tmp_path / "run.npz", tiny_data, 5, loss=old)
    with pytest.raises(DataError, match="another loss"):
        run(tiny_data, checkpoint=tmp_path / "run.npz", loss=new)


def test_wrapped_losses_are_told_apart(tiny_data, tmp_path):
    ten, thousand = (vanishing.mean_over("cross_entropy", n) for n in (10, 1000))
    checkpoint_at(tmp_path / "run.npz", tiny_data, 5, loss=ten)
    with pytest.raises(DataError, match="another loss"):
        run(tiny_data, checkpoint=tmp_path / "run.npz", loss=thousand)


def test_an_edited_npgm_goes_on_and_says_so(tiny_data, tmp_path, monkeypatch):
    checkpoint_at(tmp_path / "run.npz", tiny_data, 5)
    monkeypatch.setattr(sources, "digest", lambda *names: "edited")
    with pytest.warns(UserWarning, match="npgm was edited since"):
        run(tiny_data, checkpoint=tmp_path / "run.npz")


def test_a_network_trained_on_is_not_the_one_it_began_with(tiny_data, tmp_path):
    path, net = tmp_path / "run.npz", MLP.initialize(SIZES, seed=1)
    with pytest.raises(Interrupted):
        train(net, Adam(), tiny_data, STEPS, 10, checkpoint=path, watch=stop_at(5))
    with pytest.raises(DataError, match="give the network as it was before the run"):
        train(net, Adam(), tiny_data, STEPS, 10, checkpoint=path)


def test_a_folder_that_is_not_there_is_told_before_the_work(tiny_data, tmp_path):
    with pytest.raises(StorageError, match="nowhere is no folder"):
        run(tiny_data, checkpoint=tmp_path / "nowhere" / "run.npz")


class Scaled:
    """A loss that is an object."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, z, y):
        loss, dz = cross_entropy(z, y)
        return loss, dz * z.dtype.type(self.factor)


@pytest.mark.parametrize("old, new", [
    (vanishing.flushed(cross_entropy), vanishing.flushed(log_odds)),
    (Scaled(1), Scaled(2)), (Scaled(1).__call__, Scaled(2).__call__),
    (functools.partial(lambda z, y, k: (k * z[:, 0], k * z), k=1),
     functools.partial(lambda z, y, k: (k * z[:, 0], k * z), k=2))], ids=range(4))
def test_losses_of_all_kinds_are_told_apart(old, new, tiny_data, tmp_path):
    checkpoint_at(tmp_path / "run.npz", tiny_data, 5, loss=old)
    with pytest.raises(DataError, match="another loss"):
        run(tiny_data, checkpoint=tmp_path / "run.npz", loss=new)
    run(tiny_data, checkpoint=tmp_path / "run.npz", loss=old)
