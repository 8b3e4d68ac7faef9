"""The lessons: what each says is what its run showed, and they stand in one page."""
import dataclasses
import html
import json
import re
import string
import subprocess
from pathlib import Path

import numpy as np
import pytest
from commands import assert_refused
from test_page import tags

from npgm import plots
from npgm.data import load_dataset
from npgm.experiments import protocol
from npgm.losses import softmax
from npgm.optimizers import Adam
from npgm.tracing import __main__ as command_line
from npgm.tracing.lessons import FILES, LESSONS, lesson, web

STEPS = {"first-steps": 30, "slowing-down": 120, "saturation": 40, "alternation": 60,
         "one-image": 40, "too-small": 30}
EVERY = pytest.mark.parametrize("name", LESSONS)
COMMITTED = Path(__file__).parents[1] / "figures" / "data" / "lessons"
RAN = {}            # {name: (numbers, series)}, each run once


@pytest.fixture
def ran(data):
    """ran(name): what a short run of a lesson on a small data set found."""
    def find(name):
        if name not in RAN:
            RAN[name] = LESSONS[name].run(load_dataset(data), STEPS[name], 0)
        return RAN[name]
    return find


@pytest.fixture
def say(capsys, data):
    """say(*words): the command's exit status, and what it told."""
    def here(*words):
        try:
            status = command_line.main([*map(str, words)])
        except SystemExit as stop:
            status = stop.code
        return subprocess.CompletedProcess(words, status, *capsys.readouterr())
    return here


def texts(one):
    """All formats of a lesson."""
    for sentence in one.sentences:
        yield from [sentence] if isinstance(sentence, str) else (
            sentence.text, sentence.otherwise)
    yield from one.shown.values()


def test_the_names_are_those_of_the_files():
    assert [name.replace("-", "_") for name in LESSONS] == list(FILES)


@EVERY
def test_every_number_in_a_sentence_is_of_the_run(name, ran):
    numbers, _ = ran(name)
    for text in texts(LESSONS[name]):
        fields = [field for _, field, _, _ in string.Formatter().parse(text) if field]
        assert set(fields) <= set(numbers), text
    told = LESSONS[name].tell(numbers)
    assert len(told) == len(LESSONS[name].sentences) <= 10
    assert not any("{" in line or "nan" in line.split() for line in told)


@EVERY
def test_what_is_said_follows_the_numbers(name, ran):
    """Other numbers, other words: nothing that a run found is typed by hand."""
    numbers, _ = ran(name)
    other = {key: value + 1 if isinstance(value, (int, float)) else value
             for key, value in numbers.items()}
    one = LESSONS[name]
    assert one.rows(numbers) != one.rows(other) and one.tell(numbers) != one.tell(other)


@EVERY
def test_the_numbers_are_plain_and_the_picture_is_drawn(name, ran):
    numbers, series = ran(name)
    json.dumps(numbers, allow_nan=False)
    with plots.style():
        png = plots.png(LESSONS[name].draw(numbers, series))
    assert png.startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_numbers(ran, data):
    numbers, _ = ran("alternation")
    again = [LESSONS["alternation"].run(load_dataset(data), STEPS["alternation"], seed)
             for seed in (0, 1)]
    assert again[0][0] == numbers != again[1][0]


def test_a_sentence_that_does_not_hold_says_so():
    one = dataclasses.replace(LESSONS["too-small"], shown={"a": "{a:.1f}"}, sentences=(
        "always {a}", lesson.Sentence("{a} is more", lambda n: n["a"] > 1, "{a} less"),
        lesson.Sentence("b", lesson.happened("b"), "no b")))
    assert one.tell({"a": 2, "b": 1}) == ["always 2", "2 is more", "b"]
    assert one.tell({"a": 0, "b": None}) == [
        "always 0", "Not as expected: 0 less", "Not as expected: no b"]
    assert one.rows({"a": None}) == [("a", lesson.NOT_SEEN)]


def test_adams_first_steps_have_size_alpha(ran):
    numbers, series = ran("first-steps")
    assert 0.98 < numbers["first_least"] <= numbers["first_most"] < 1.001
    g, adam = series["g"], Adam()
    g_hat = adam.epsilon / np.sqrt(1 - adam.beta2)
    np.testing.assert_allclose(series["epsilon_hat"][0], g / (g + g_hat), rtol=1e-4)
    np.testing.assert_allclose(series["algorithm1"][0], g / (g + adam.epsilon),
                               rtol=1e-4)


def test_forms_that_correct_twice_begin_with_a_third(ran):
    numbers, _ = ran("first-steps")
    adam = Adam()
    third = np.sqrt(1 - adam.beta2) / (1 - adam.beta1)
    for form in ("printed", "printed_once"):
        assert numbers[f"{form}_1"] == pytest.approx(third, rel=1e-3)


def test_v_as_printed_overflows(ran):
    """It gains a factor 1 / (1 - beta2^t) at every update t."""
    numbers, series = ran("first-steps")
    t, highest = np.arange(1, 31), float(np.finfo("float32").max)
    grown = np.cumsum(-np.log(1 - 0.999 ** t) + np.log(0.999))
    v = 2 * np.log(series["g"].max()) + np.log(0.001) + grown
    assert abs(numbers["overflow_first"] - (v > np.log(highest)).argmax() - 1) <= 1
    assert numbers["overflow_first"] <= numbers["overflow_half"] <= 26


def test_of_even_gradients_adagrad_slows_down_and_rmsprop_does_not(ran):
    _, series = ran("slowing-down")
    adagrad, t = protocol.OPTIMIZERS["adagrad"], series["t"]
    np.testing.assert_allclose(
        series["adagrad_even"],
        adagrad.learning_rate / np.sqrt(adagrad.initial_accumulator + t), rtol=1e-5)
    np.testing.assert_allclose(series["rmsprop_even"],
                               protocol.OPTIMIZERS["rmsprop"].learning_rate, rtol=1e-5)
    assert (np.diff(series["adagrad_steep"]) < 1e-6).all()


def test_momentum_gathers_a_geometric_series(ran):
    numbers, series = ran("alternation")
    mu, t = numbers["mu"], np.arange(1, len(series["steady"]) + 1)
    np.testing.assert_allclose(series["steady"], (1 - mu ** t) / (1 - mu), rtol=1e-5)
    np.testing.assert_allclose(np.abs(series["turning"]),
                               (1 - (-mu) ** t) / (1 + mu), rtol=1e-5)
    assert numbers["turning"] < 1 / (1 + mu) + 0.01


def test_a_valley_too_steep_for_sgd_is_not_for_momentum(ran):
    numbers, _ = ran("alternation")
    assert numbers["limit"] < numbers["rate"] < numbers["momentum_limit"]
    assert numbers["sgd_y"] == pytest.approx(0.8 * 1.5 ** 40, rel=1e-3)
    assert numbers["momentum_y"] < 0.8


def test_units_and_residuals_are_counted(ran):
    numbers, series = ran("saturation")
    assert numbers["label"] == pytest.approx(16.6, abs=0.1)
    assert numbers["whole"] == pytest.approx(104, abs=0.2)
    for which in ("masked", "usual"):
        assert len(series[f"{which}_gone"]) == numbers[f"{which}_silent"]
        assert (numbers[f"{which}_silent_after"] is None) == (
            numbers[f"{which}_silent"] == 0)
        share = series[f"{which}_label_rounded"]
        assert (share > 0).any() == (numbers[f"{which}_first_label"] is not None)
        assert (series[f"{which}_residual_rounded"] <= share + 1e-9).all()


def test_the_residual_of_an_image_is_that_of_its_logits(ran):
    numbers, series = ran("one-image")
    z, label = series["z"].astype("float64"), numbers["class"]
    p, _ = softmax(z)
    np.testing.assert_allclose(series["p"], p, atol=1e-6)
    np.testing.assert_allclose(series["residual"],
                               np.abs(p - np.eye(z.shape[1])[label]), atol=1e-6)
    assert (series["repaired"][:, label] == 1).all()
    before, attacked, repaired = series["images"]
    for after in (attacked, repaired):
        assert np.abs(after - before).max() <= numbers["epsilon"]
    assert numbers["changed"] == np.count_nonzero(attacked != before)


def test_updates_too_small_are_lost(ran):
    numbers, series = ran("too-small")
    assert series["lost"][0] < series["lost"][-1] and numbers["way_0_01"] > 99.9
    assert (series["single"] == 0).all() and abs(series["double"][-1]) > 0
    assert numbers["ulps_most"] <= 0.5


def test_the_page_has_them_all_and_stands_alone(ran):
    png = plots.pixels(np.eye(2), 0, 1)
    page = web.document([(one, ran(name)[0], png) for name, one in LESSONS.items()])
    found = tags(page)
    for tag, attributes in found:
        assert tag not in ("script", "link", "iframe", "object")
        for key in ("src", "href"):
            assert attributes.get(key, "#").startswith(("#", "data:image/png;base64,"))
    assert [attributes["id"] for tag, attributes in found if tag == "section"] == [
        *LESSONS]
    said = html.unescape(re.sub("<[^>]*>", " ", page)).replace("\xa0", " ")
    for name, one in LESSONS.items():
        for line in one.tell(ran(name)[0]):
            assert line in said


def test_lessons_are_listed(say):
    done = say("lessons")
    assert done.returncode == 0 and done.stderr == ""
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*LESSONS]


def test_a_lesson_is_told_and_written(say, data, tmp_path):
    done = say("lesson", "first-steps", "--data", data, "--out", tmp_path / "out",
               "--html", tmp_path / "page.html", "--steps", 30)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "first-steps.json").read_text())
    assert (written["lesson"], written["steps"]) == ("first-steps", 30)
    for line in LESSONS["first-steps"].tell(written["numbers"]):
        assert line in done.stdout
    assert (tmp_path / "out" / "first-steps.png").read_bytes().startswith(b"\x89PNG")
    assert 'id="first-steps"' in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words, told", [
    (["lesson"], ["choose one of first-steps"]), (["lesson", "x"], ["choose one of"]),
    (["lesson", "to-small"], ["is it 'too-small'?"]),
    (["lessons", "too-small"], ["lesson too-small"]),
    (["lesson", "one-image", "--steps", "3"], ["at least 30"]),
    (["lesson", "one-image", "--seed", "-1"], ["seed"])], ids=str)
def test_what_is_wrong_is_told_in_one_line(words, told, say):
    assert_refused(say(*words), 2, *told)


@pytest.mark.parametrize("path", [*COMMITTED.glob("*.json")],
                         ids=lambda path: path.stem)
def test_what_is_committed_came_out_as_expected(path):
    written = json.loads(path.read_text())
    one = LESSONS[written["lesson"]]
    assert written["steps"] == one.steps
    assert [line for line in one.tell(written["numbers"])
            if line.startswith(lesson.NOT_AS_EXPECTED)] == []
