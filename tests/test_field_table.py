"""The field's table: what is told of a tool, whatever it says, and what counts as the
truth. The tools' speed is not tested."""
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest

from benchmarks import diagnosis, diagnosis_table, table
from benchmarks.peers import field
from npgm.network import MLP

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

X = np.array([[0.25, 0.5], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]], "float32")
Y = np.array([1, 0, 1, 0])


class Larger:
    """Says which of two pixels is larger."""

    def logits(self, x):
        return x.copy()

    def vjp(self, x, dz):
        return dz.copy()


@pytest.fixture
def case():
    return diagnosis.Case("larger", "Nothing.", False, Larger(), X, Y, epsilon=0.15)


def moved(by):
    """A tool that moves the label's pixel down and the other up, and says that it fools
    half of the images."""
    def tool(case):
        def attack(model, x, y, epsilon):
            x_adv = x + np.float32(by)
            x_adv[np.arange(len(y)), y] -= np.float32(2 * by)
            return x_adv, np.array([True, True, False, False])
        return diagnosis.attacked(attack, case)
    return tool


def test_a_row_has_what_tools_say_and_what_any_of_them_shows(case):
    row = diagnosis.row(case, {"near": moved(0.05), "far": moved(0.15)})
    assert [row["tools"][name]["error"] for name in ("near", "far")] == [50, 50]
    assert row["truth"] == 75       # the pixels lie 0.25, 0.8, 0.2 and 0 apart
    assert row["masked"] is False and row["what"] == "Nothing."


def test_beyond_epsilon_and_the_clip_nothing_is_shown(case):
    assert diagnosis.row(case, {"near": moved(0.05)})["truth"] == 25
    assert diagnosis.row(case, {"too far": moved(0.5)})["truth"] == 0
    wide = case._replace(epsilon=0.7)
    assert diagnosis.row(wide, {"out": moved(0.65)})["truth"] == 25     # one stays in
    free = wide._replace(clip=None)
    assert diagnosis.row(free, {"out": moved(0.65)})["truth"] == 100


def test_what_fails_is_told_in_one_line_and_counts_for_nothing(case):
    def broken(case):
        raise ValueError("not for\ntwo classes")
    row = diagnosis.row(case, {"broken": broken, "near": moved(0.05)})
    answer = row["tools"]["broken"]
    assert (answer["error"], answer["failed"]) == (None, "not for two classes")
    assert row["truth"] == 25 and not diagnosis_table.near(row, answer)
    assert diagnosis_table.error(answer) == "not for two classes"


def test_warnings_are_heard_whichever_way_they_are_told(case, capsys):
    def talkative(case):
        warnings.warn("3 points with zero gradient! See the page.")
        log = logging.getLogger("a tool")
        log.warning("4 points with zero gradient! See the page.")
        log.info("fine so far")
        print("at work")
        return {"error": 0}
    row = diagnosis.row(case, {"talkative": talkative})
    assert sorted(row["tools"]["talkative"]["warned"]) == [
        f"{n} points with zero gradient! See the page." for n in (3, 4)]
    assert capsys.readouterr().out == ""
    assert diagnosis_table.warned(row).count("points with zero gradient") == 1


@pytest.mark.slow
def test_npgm_is_asked_as_the_others_are(case):
    answer = diagnosis.ask(lambda case: diagnosis.diagnosed(True, case), case)
    assert not answer["failed"] and answer["verdict"].startswith("not masked")
    assert answer["warned"] == []
    assert 100 * answer["fooled"].mean() <= answer["error"] == answer["shown"]


def test_the_table_counts_by_what_a_model_was_built_to_be():
    def row(masked, truth, error, warned):
        return {"masked": masked, "truth": truth, "tools": {"tool": {
            "error": error, "failed": "", "warned": warned, "seconds": 2}}}
    rows = [row(True, 100, 6, []), row(True, 100, 96, ["!"]),
            row(False, 90, 90, ["!"])]
    assert [text("tool") for _, text in diagnosis_table.totals(rows)] == [
        "tool", "1 of 2", "1 of 1", "1 of 2", "1 of 1", "0 of 3", "6"]


def test_the_committed_table_of_tools_is_made_of_the_committed_results():
    result = json.loads((RESULTS / "diagnosis.json").read_text())
    assert diagnosis_table.text(result) == (RESULTS / "diagnosis.md").read_text()


@pytest.fixture
def net():
    return MLP.initialize((30, 40, 16, 10))


@pytest.fixture
def rows():
    return np.random.default_rng(0).random((20, 30), np.float32)


def test_tools_see_the_logits_and_the_vjp_of_the_model(net, rows):
    torch = pytest.importorskip("torch")
    images = torch.from_numpy(rows.reshape(-1, 1, 1, 30)).requires_grad_()
    z = field.wrapped(net, rows)(images)
    dz = np.random.default_rng(1).random(z.shape, np.float32)
    z.backward(torch.from_numpy(dz))
    np.testing.assert_allclose(z.detach(), net.logits(rows), rtol=1e-5)
    np.testing.assert_allclose(images.grad.reshape(20, -1), net.vjp(rows, dz),
                               rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["foolbox FGSM", "foolbox PGD", "ART FGSM", "ART PGD",
                                  "torchattacks FGSM", "torchattacks PGD",
                                  "torchattacks APGD", "AutoAttack standard"])
def test_every_tool_here_attacks_within_epsilon(net, rows, name):
    found, missing = field.available()
    if name not in found:
        pytest.skip(f"missing: {missing}")
    y = net.logits(rows).argmax(axis=1)
    case = diagnosis.Case("untrained", "", False, net, rows, y, epsilon=0.1)
    x_adv, wrong = found[name](net, rows, y, 0.1)
    assert diagnosis.allowed(x_adv, case).all()
    assert wrong.shape == (20,) and wrong.any()


def test_what_a_diagnosis_may_take_is_told():
    lines = table.limits({"asked": {"cold": 50.0, "warm": 9.5, "megabytes": 400,
                                    "target": 60, "target_megabytes": 1000}})
    assert [line[1] for line in lines] == ["9.5 s", "50 s", "400 MB"]
    assert lines[2][4] == "at most 1000 MB"
