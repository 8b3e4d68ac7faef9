"""The benchmarks measure what they say: the arithmetic of ratios, and that every
candidate here does the same updates. Their speed is not tested."""
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import peers, picture, pytorch, table, timing, tracing, update
from npgm.experiments.protocol import OPTIMIZERS
from npgm.network import MLP

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def test_compare_takes_medians_and_the_fastest_other():
    row = timing.compare({"npgm": [0.02, 0.04, 0.9], "a": [0.3, 0.1, 0.2],
                          "b": [0.06, 0.1, 0.08]}, calls=10, target=3)
    assert row["times"]["npgm"]["median_ms"] == pytest.approx(4)
    assert row["times"]["a"]["quartiles_ms"] == pytest.approx([15, 25])
    assert (row["fastest_peer"], row["ratio"], row["target"]) == ("b", 2, 3)


def test_interleave_calls_each_in_turn():
    calls = []
    seconds = timing.interleave({"a": lambda: calls.append("a"),
                                 "b": lambda: calls.append("b")}, 3, turn=1)
    assert calls == ["b", "a", "a", "b", "b", "a"]
    assert all(len(s) == 3 and (s >= 0).all() for s in seconds.values())


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x, y = rng.random((1000, 30), np.float32), rng.integers(0, 4, 1000)
    return SimpleNamespace(x_train=x, y_train=y, x_test=x[:500], y_test=y[:500],
                           classes=4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_candidate_here_computes_the_same(data, name):
    net = MLP.initialize((30, 40, 16, 4))
    found, missing = peers.available()
    assert {"npgm", "numpy"} <= set(found) and not set(found) & set(missing)
    candidates = {peer: make(net, data, OPTIMIZERS[name])
                  for peer, make in found.items() if name in make.OPTIMIZERS}
    update.check_agreement(candidates, 1000, 5e-4)
    errors = {peer: c.fgsm_errors((0.1, 0.2)) for peer, c in candidates.items()
              if c.fgsm_errors}
    for found in errors.values():
        np.testing.assert_allclose(found, errors["numpy"], atol=0.5)


def test_a_candidate_that_computes_something_else_is_told(data):
    net = MLP.initialize((30, 40, 16, 4))
    found, _ = peers.available()
    candidates = {"npgm": found["npgm"](net, data, OPTIMIZERS["sgd"]),
                  "numpy": found["numpy"](net, data, OPTIMIZERS["adam"])}
    with pytest.raises(AssertionError, match="numpy does not compute the same"):
        update.check_agreement(candidates, 1000, 1e-4)


def test_no_picture_and_no_table_of_nothing(tmp_path):
    assert picture.draw(tmp_path) is None and table.write(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_the_committed_table_is_made_of_the_committed_results(tmp_path):
    for path in RESULTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    assert table.write(tmp_path).read_text() == (RESULTS / "speed.md").read_text()


def test_the_picture_is_drawn_from_the_committed_results(tmp_path):
    for path in RESULTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    drawn = picture.draw(tmp_path)
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_a_traced_candidate_makes_the_same_updates(data):
    wide = SimpleNamespace(x_train=np.tile(data.x_train, 27)[:, :784],
                           y_train=data.y_train)
    untraced, traced = tracing.Traced(wide, 3), tracing.Traced(wide, 3, 20, True, True)
    for rows in (np.arange(125), np.arange(125, 250)):
        for candidate in (untraced, traced):
            candidate.update(rows)
    np.testing.assert_array_equal(traced.trainer.net.theta, untraced.trainer.net.theta)
    assert traced.recorder.trace().steps.tolist() == [1, 2]
    assert tracing.more([3, 2.2, 9], [2, 2, 5]) == 50


def test_what_tracing_costs_is_told():
    lines = table.tracing({
        "nothing": {"percent_more": 0.5, "target": 1},
        "long": {"peak": 60.5, "target": 200}})
    assert lines == [("nothing", "", "", "0.5 % more", "at most 1 %"),
                     ("long", "60.5 MB", "", "", "at most 200 MB")]


def test_pytorchs_row_is_its_own_network_attacked(data):
    torch = pytest.importorskip("torch")
    few, more = (pytorch.train(data, 0.01, steps, (40, 16), 125) for steps in (1, 200))
    W = few[0].weight.detach()
    assert W.shape == (40, 30) and W.abs().max() <= 1 / 30 ** 0.5 + 0.011
    row = pytorch.measured(more, data)
    z = more(torch.from_numpy(data.x_test)).detach().numpy()
    assert row["natural_error"] == pytest.approx(
        100 * (z.argmax(axis=1) != data.y_test).mean(), abs=0.01)
    assert row["natural_error"] < pytorch.measured(few, data)["natural_error"]
    assert row["fgs_error_repaired"] >= row["natural_error"] and row["valid_fgs"] == 100


def test_pytorchs_table_is_made_of_the_committed_results():
    result = json.loads((RESULTS / "pytorch.json").read_text())
    assert pytorch.text(result) == (RESULTS / "pytorch.md").read_text()
    assert {row["updates"] for row in result["rows"].values()} == {pytorch.STEPS}
