"""The whole diagnosis: what holds whatever the model, and the command."""
import json
import sys

import numpy as np
import pytest
from small_models import C, D, Images, LogitsAndVjp, examples, learnt, network

import npgm
from npgm.diagnosis import CAUSES
from npgm.diagnosis.__main__ import main
from npgm.errors import InputError

N = 30


def trained(lead=1):
    """A network and examples that it gets right."""
    net, (x, _) = network("float32", lead=lead), examples(N, "float32")
    return net, x, learnt(net, x)


@pytest.fixture(scope="module")
def report():
    return npgm.diagnose(*trained(), epsilon=0.1, quick=True)


@pytest.fixture(scope="module")
def masked():
    return npgm.diagnose(*trained(lead=1e4), epsilon=0.1, quick=True)


def test_a_healthy_network_is_told_from_a_masked_one(report, masked):
    assert not report.masked and masked.masked
    assert list(masked.verdict.causes) == ["residual_rounded"]
    assert masked.errors["fgsm"] < masked.errors["fgsm_repaired"]


def test_causes_are_exclusive_and_sum_to_all(report, masked):
    for one in (report, masked):
        assert sum(one.causes.values()) == pytest.approx(1) and set(one.causes) <= {
            *CAUSES}
        assert {name: np.mean(one.cause == name) for name in one.causes} == one.causes


def test_the_robust_error_is_that_of_all_attacks_together(report, masked):
    for one in (report, masked):
        union = np.logical_or.reduce(list(one.success.values()))
        assert one.robust_error >= union.mean() >= max(one.errors.values())
        low, high = one.robust_interval
        assert low <= one.robust_error <= high
        assert one.errors == {name: hit.mean() for name, hit in one.success.items()}


def test_the_curve_rises_and_meets_the_robust_error(report):
    strongest = report.curve.errors["strongest"]
    assert list(strongest) == sorted(strongest)
    at = report.curve.epsilons.index(0.1)
    assert strongest[at] == report.robust_error
    for errors in report.curve.errors.values():
        assert all(np.less_equal(errors, strongest)) and len(errors) == len(strongest)
    assert report.curve.epsilons[0] == 0 and strongest[0] == report.errors["natural"]


def test_the_cost_is_told_before_and_not_exceeded(report):
    cost = report.cost
    tries = 8 * 40          # of a model before each attack, which few examples notice
    assert 0 < cost["calls"] <= cost["planned_calls"] + tries


def test_the_same_seed_gives_the_same_numbers(report):
    again = npgm.diagnose(*trained(), epsilon=0.1, quick=True).json()
    other = npgm.diagnose(*trained(), epsilon=0.1, quick=True, seed=1).json()
    for numbers in (again, other):
        numbers["cost"].pop("seconds")
    first = report.json()
    first["cost"].pop("seconds")
    assert again == first != other


def test_without_black_boxes_and_without_a_clip():
    net, x, y = trained()
    report = npgm.diagnose(net, x, y, 0.1, clip=None, quick=True, black_box=False)
    assert not {"square", "transfer"} & set(report.errors)
    assert report.settings["clip"] is None
    assert npgm.diagnose(net, x + 1, y, 0.1, quick=True,
                         black_box=False).settings["clip"] is None


def test_any_object_with_logits_and_vjp_and_images():
    net, x, y = trained()
    images = x.reshape(N, 1, 2, 3)
    report = npgm.diagnose(Images(net), images, y, 0.1, quick=True)
    assert report.worst.x.shape[1:] == (1, 2, 3) and not report.masked
    plain = npgm.diagnose(LogitsAndVjp(net), x, y, 0.1, quick=True)
    assert plain.causes == npgm.diagnose(net, x, y, 0.1, quick=True).causes


def test_two_classes_and_float64():
    net = npgm.MLP.initialize((D, 8, 2), seed=1, scheme="he", dtype="float64")
    x, _ = examples(N)
    report = npgm.diagnose(net, x, learnt(net, x), 0.1, quick=True)
    assert "fgsm_dlr" not in report.errors and not report.masked
    assert report.arithmetic.dtype == "float64"


class NoVjp:
    def logits(self, x):
        return x


@pytest.mark.parametrize("change, words", [
    (dict(model=NoVjp()), "logits.x. and vjp"),
    (dict(x=np.ones((N, D + 1), "f4")), "this network needs"),
    (dict(y=np.full(N, C)), "labels go from"),
    (dict(y=np.zeros(3, int)), "one integer"),
    (dict(epsilon=0), "epsilon is 0"), (dict(epsilon="a"), "epsilon is 'a'"),
    (dict(clip=(0.9, 1)), "clip must contain"), (dict(clip=3), "clip is 3"),
    (dict(seed=-1), "seed is -1"), (dict(x=np.ones((N, D), int)), "give floats"),
    (dict(x=np.full((N, D), np.nan, "f4")), "NaN")],
    ids=lambda given: str(given)[:30])
def test_what_does_not_fit_is_told_in_a_line(change, words):
    net, x, y = trained()
    with pytest.raises(InputError, match=words) as told:
        npgm.diagnose(**{"model": net, "x": x, "y": y, "quick": True, **change})
    assert "\n" not in str(told.value)


# The command


@pytest.fixture
def files(tmp_path):
    """A network, its examples and labels as files: options of the command."""
    def write(lead=1):
        net, x, y = trained(lead)
        net.save(tmp_path / "net.npz")
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", y)
        return [str(tmp_path / "net.npz"), "--x", str(tmp_path / "x.npy"),
                "--y", str(tmp_path / "y.npy"), "--epsilon", "0.1", "--quick"]
    return write


@pytest.mark.parametrize("lead, status", [(1, 0), (1e4, 3)])
def test_its_status_says_whether_it_is_masked(lead, status, files, tmp_path, capsys):
    wanted = [f"--{name}={tmp_path}/report.{name}" for name in ("json", "html")]
    assert main([*files(lead), *wanted]) == status
    out = capsys.readouterr().out
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["verdict"]["line"] in out
    assert stored["masked"] == (status == 3)
    assert sum(stored["causes"].values()) == pytest.approx(1)
    assert f"{100 * stored['robust_error']:.1f}" in (
        tmp_path / "report.html").read_text()


def test_a_model_by_its_name(files, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import npgm\ndef build():\n    return npgm.MLP.load('net.npz')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert main(["mine:build", *files()[1:]]) == 0


@pytest.mark.parametrize("change, words", [
    (["absent.npz"], "does not exist"), (["no.such.module:model"], "no"),
    (["npgm.losses:nothing"], "has no 'nothing'"), (["npgm:__version__"], "is a str"),
    (["MODEL", "--x", "absent.npy"], "does not exist"),
    (["MODEL", "--json", "absent/report.json"], "no folder"),
    (["MODEL", "--clip", "0.9", "1"], "clip must contain"),
    (["MODEL", "--y", "x.npy"], "one integer label")],
    ids=lambda given: str(given)[-20:])
def test_what_cannot_be_done_is_told_in_a_line(change, words, files, tmp_path, capsys,
                                               monkeypatch):
    model, *others = files()
    monkeypatch.chdir(tmp_path)
    assert main([model if change[0] == "MODEL" else change[0], *others,
                 *change[1:]]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith("error: ") and words in told[0]


@pytest.mark.parametrize("options", [
    [], ["net.npz", "--x", "x.npy"], ["net.npz", "--epsilon", "a"],
    ["net.npz", "--examples", "0"], ["net.npz", "--what"],
    ["net.npz", "--epsilon", "0"], ["net.npz", "--epsilon", "nan"],
    ["net.npz", "--seed", "-1"], ["net.npz", "--seed", "a"],
    ["net.npz", "--clip", "1", "0"], ["net.npz", "--clip", "nan", "1"],
    ["net.npz", "--json", ""], ["net.npz", "--x", "", "--y", ""],
    ["net.npz", "--json", "a", "--html", "a"],
    ["net.npz", "--json", "a", "--figure", "./a"], ["net.npz", "--json", "net.npz"],
    ], ids=str)
def test_a_wrong_command_is_status_2(options):
    with pytest.raises(SystemExit) as status:
        main(options)
    assert status.value.code == 2
