"""The bar of `npgm.train(..., progress=True)`: what it shows, and that it is all."""
import re
import sys
import warnings

import pytest
from test_training import assert_same_bits, run

from npgm.errors import DivergedWarning, Interrupted
from npgm.optimizers import SGD
from npgm.progress import Bar


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """The bar looks at every update, whatever the time."""
    monkeypatch.setattr(Bar, "SECONDS", 0)


def shown(capsys):
    """Every state of the bar."""
    out, err = capsys.readouterr()
    assert out == ""
    return [state for state in re.split(r"[\r\n]", err) if "updates" in state]


def test_the_bar_tells_updates_time_left_and_the_newest_loss(tiny_data, capsys):
    _, history = run(tiny_data, progress=True)
    states = shown(capsys)
    assert "0/40" in states[0] and "40/40 [" in states[-1]
    assert re.search(r"20/40 \[\d\d:\d\d<\d\d:\d\d", "\n".join(states))
    assert f"loss {history.losses[-1]:.3g}" in states[-1]
    assert f"loss {history.losses[19]:.3g}" in "\n".join(states)


def test_the_bar_changes_no_bit(tiny_data, capsys):
    with_bar = run(tiny_data, progress=True)
    assert shown(capsys)
    assert_same_bits(with_bar, run(tiny_data))
    assert shown(capsys) == []


def test_the_bar_leaves_a_watcher_in_its_place(tiny_data, capsys):
    class Watch:
        seen = None

        def begin(self, trainer):
            self.seen = [trainer.t]

        def __call__(self, trainer):
            self.seen.append(trainer.t)
    watch = Watch()
    run(tiny_data, progress=True, watch=watch)
    assert watch.seen == [*range(41)] and "40/40" in shown(capsys)[-1]


def test_a_resumed_run_begins_where_it_was(tiny_data, capsys, tmp_path):
    def stop(trainer):
        if trainer.t == 15:
            raise Interrupted("enough")
    settings = {"checkpoint": tmp_path / "run.npz", "progress": True}
    with pytest.raises(Interrupted):
        run(tiny_data, watch=stop, **settings)
    assert "14/40" in shown(capsys)[-1]
    resumed = run(tiny_data, **settings)
    assert "15/40" in shown(capsys)[0]
    assert_same_bits(resumed, run(tiny_data))


def test_a_run_that_diverges_leaves_the_bar_where_it_was(tiny_data, capsys):
    with pytest.warns(DivergedWarning), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("always", DivergedWarning)
        _, history = run(tiny_data, SGD(learning_rate=1e30), progress=True)
    assert f"{history.diverged_at - 1}/40" in shown(capsys)[-1]


def test_it_is_loaded_only_when_asked_for(tiny_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)     # its import fails
    run(tiny_data)
    with pytest.raises(ImportError):
        run(tiny_data, progress=True)


def test_a_notebook_without_ipywidgets_is_not_warned(tiny_data, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("tqdm.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", sys)
    monkeypatch.setitem(sys.modules, "IPython", type(sys)("IPython"))
    sys.modules["IPython"].get_ipython = lambda: None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tiny_data, progress=True)
    assert "tqdm.notebook" in sys.modules       # it was looked for
    assert "40/40" in shown(capsys)[-1]


def test_without_a_standard_error_nothing_is_shown(tiny_data, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    run(tiny_data, progress=True)
