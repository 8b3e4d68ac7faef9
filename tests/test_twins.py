"""A compiled twin stands in for the function it was written after, and no other."""
import inspect
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from test_kernels import assert_near
from test_training import SIZES, run

from npgm import losses, network
from npgm.attacks import FGSM
from npgm.compiled import CompiledMLP, twins
from npgm.network import MLP
from npgm.optimizers import SGD, Adam
from npgm.training import Trainer

ROOT = Path(__file__).parents[1]
NEAR = 2e-5


@pytest.fixture(autouse=True)
def told_anew():
    twins.tell.cache_clear()


def fingerprint(name):
    return twins.fingerprint(twins.current(name))


@pytest.fixture
def net():
    return MLP.initialize(SIZES, seed=1)


@pytest.fixture
def batch(tiny_data):
    return tiny_data.x_train[:20], tiny_data.y_train[:20]


@pytest.fixture
def edit(monkeypatch, tmp_path):
    """edit("losses.softmax", old, new): npgm as if old read new in that function."""
    def edit(name, old, new):
        module, _, function = name.partition(".")
        module = {"losses": losses, "network": network}[module]
        text = inspect.getsource(getattr(module, function))
        assert text.count(old) == 1
        path = tmp_path / f"{name}.{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text.replace(old, new))
        place = {"__name__": module.__name__}
        exec(compile(path.read_text(), str(path), "exec"), vars(module), place)
        monkeypatch.setattr(module, function, place[function])
        if function in losses.LOSSES:
            monkeypatch.setitem(losses.LOSSES, function, place[function])
    return edit


@pytest.mark.parametrize("name", twins.WRITTEN_AFTER)
def test_the_kernels_are_those_of_the_functions_as_they_stand(name):
    found, recorded = fingerprint(name), twins.WRITTEN_AFTER[name]
    assert found == recorded, (
        f"npgm.{name} was edited. Make the same change in its twin in npgm/compiled, "
        "see that tests/test_kernels.py and tests/test_compiled_network.py pass, then "
        f"enter {found!r} for {recorded!r} in npgm/compiled/twins.py.")


def test_the_functions_asked_for_are_those_recorded():
    asked = {*twins.NETWORK, *twins.CROSS_ENTROPY, *twins.UPDATE}
    assert asked == set(twins.WRITTEN_AFTER)


@pytest.mark.parametrize("name, old, new", [
    ("losses.cross_entropy", "Paper, equation (3).", "As usual."),
    ("losses.softmax", "    return p, ", "    # both of them\n\n    return p, "),
    ("network.forward", "[x]\n", "[\n        x  # the pixels\n    ]\n")])
def test_comments_and_layout_leave_a_fingerprint(name, old, new, edit):
    edit(name, old, new)
    assert fingerprint(name) == twins.WRITTEN_AFTER[name]


LOSS_EDITS = [("losses.cross_entropy", "p_y - 1", "p_y - 2"),
              ("losses.cross_entropy", "np.log1p(", "np.expm1("),
              ("losses.softmax", "np.exp(z - highest)", "np.abs(z - highest)")]
NETWORK_EDITS = [("network.forward", "@ W + b", "@ W - b"),
                 ("network.backward", "np.where(h > 0, dh, 0)", "dh"),
                 ("network.backward_to_x", "> 0, dh, 0", "> 0, dh, 1")]


@pytest.mark.parametrize("name, old, new", LOSS_EDITS + NETWORK_EDITS)
def test_another_arithmetic_is_another_fingerprint(name, old, new, edit):
    edit(name, old, new)
    assert fingerprint(name) != twins.WRITTEN_AFTER[name]


@pytest.mark.parametrize("name, old, new", LOSS_EDITS)
def test_an_edited_loss_is_the_one_trained_on(name, old, new, edit, net, batch):
    before = CompiledMLP(net).mean_gradient(*batch, losses.cross_entropy)[1].copy()
    edit(name, old, new)
    expected, expected_dtheta = net.mean_gradient(*batch, losses.cross_entropy)
    trainer = Trainer(net, SGD())
    with pytest.warns(UserWarning, match=f"npgm.{name} was edited") as warned:
        value = trainer.update(*batch)
    assert repr(fingerprint(name)) in str(warned[0].message)
    assert_near(value, expected, NEAR)
    assert_near(trainer.dtheta, expected_dtheta, NEAR)
    if "expm1" not in new:              # which is in the value, not the gradient
        assert np.linalg.norm(trainer.dtheta - before) > 0.1 * np.linalg.norm(before)
    with warnings.catch_warnings():     # it is said once
        warnings.simplefilter("error")
        trainer.update(*batch)


@pytest.mark.parametrize("name, old, new", NETWORK_EDITS)
def test_an_edited_network_runs_itself(name, old, new, edit, net, batch):
    edit(name, old, new)
    with pytest.warns(UserWarning, match=f"npgm.{name} was edited") as warned:
        assert net.compiled() is net
    assert repr(fingerprint(name)) in str(warned[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer = Trainer(net, SGD())
    expected, expected_dtheta = net.mean_gradient(*batch)
    np.testing.assert_array_equal(trainer.update(*batch), expected)
    np.testing.assert_array_equal(trainer.dtheta, expected_dtheta)


def test_an_edited_network_is_the_one_attacked(edit, net, batch):
    before = FGSM()(net, *batch)
    edit("network.backward_to_x", "return dh", "return -dh")
    with pytest.warns(UserWarning, match="backward_to_x was edited"):
        after = FGSM()(net, *batch)
    np.testing.assert_allclose(after.x_adv - batch[0], batch[0] - before.x_adv,
                               atol=1e-6)


def test_a_function_without_a_source_runs_itself(monkeypatch, net):
    place = dict(vars(network))
    exec("def forward(layers, x):\n    return [x, 0 * (x @ layers[0][0])]", place)
    monkeypatch.setattr(network, "forward", place["forward"])
    with pytest.warns(UserWarning, match="npgm.network.forward was edited"):
        assert net.compiled() is net


# Who has a twin


def test_a_network_has_a_twin_that_reads_its_theta(net, batch):
    model = net.compiled()
    assert type(model) is CompiledMLP and model.net is net
    assert model.compiled() is model
    net.theta *= 0.5
    assert_near(model.logits(batch[0]), net.logits(batch[0]), NEAR)


def test_a_subclass_is_its_own_twin(net):
    class Doubled(MLP):
        def logits(self, x):
            return 2 * super().logits(x)
    mine = Doubled(net.sizes, net.theta)
    assert mine.compiled() is mine


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_a_network_that_is_not_finite_is_its_own_twin(value, place, net):
    net.theta[place] = value
    assert net.compiled() is net


DISABLED = """
import sys
from types import SimpleNamespace
import numpy as np
from npgm import MLP, optimizers, train
data = SimpleNamespace(**np.load("data.npz"))
net, optimizer = MLP.initialize((16, 8, 3), seed=1), optimizers.Adam(0.01)
assert net.compiled() is net and optimizer.compiled() == optimizer.update
losses = train(net, optimizer, data, steps=40, batch_size=10, evaluate_at=()).losses
np.savez("trained.npz", theta=net.theta, losses=losses)
"""


def test_with_the_jit_disabled_numpy_trains_nearly_the_same(tiny_data, tmp_path):
    np.savez(tmp_path / "data.npz", x_train=tiny_data.x_train,
             y_train=tiny_data.y_train)
    done = subprocess.run(
        [sys.executable, "-c", DISABLED], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    net, history = run(tiny_data, Adam(0.01))
    with np.load(tmp_path / "trained.npz") as trained:
        assert_near(trained["theta"], net.theta, 1e-4)
        assert_near(trained["losses"], history.losses, 1e-4)


def test_where_a_line_stands_is_part_of_what_it_does(edit):
    """The last line of backward, moved out of its loop."""
    edit("network.backward", "        dz = np.where(h > 0, dh, 0)",
         "    dz = np.where(h > 0, dh, 0)")
    assert fingerprint("network.backward") != twins.WRITTEN_AFTER["network.backward"]


def test_weight_decay_in_the_reference_is_trained_with(net, batch, monkeypatch):
    whole = MLP.loss_gradients

    def decayed(self, x, y, loss="cross_entropy"):
        found = whole(self, x, y, loss)
        return network.Gradients(found.loss, found.dtheta + 0.1 * self.theta, found.dx)
    monkeypatch.setattr(MLP, "loss_gradients", decayed)
    with pytest.warns(UserWarning, match="MLP.loss_gradients was edited"):
        trainer = Trainer(net, SGD())
    trainer.update(*batch)
    before = MLP.initialize(SIZES, seed=1)
    np.testing.assert_array_equal(trainer.dtheta, decayed(before, *batch).dtheta)


def test_an_edited_relu_is_that_of_sweeps_too(net, tiny_data, monkeypatch):
    monkeypatch.setattr(network, "relu", lambda z: np.maximum(z, 0.1 * z))
    x, y = tiny_data.x_test, tiny_data.y_test
    with pytest.warns(UserWarning, match="network.relu was edited"):
        swept = FGSM().sweep(net, x, y, (0.1, 0.3)).success
        for epsilon, success in zip((0.1, 0.3), swept):
            assert FGSM(epsilon)(net, x, y).success.tolist() == success.tolist()
