"""From numbers to a verdict: no model is needed."""
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm.diagnosis.causes import CAUSES
from npgm.diagnosis.verdict import (ADVICE, BESIDE, CHANCE, ENOUGH, FEWEST, ONE_STEP,
                                    PART, Findings, judge)

HEALTHY = Findings(
    count=1000, causes={"sound": 0.4, "label_rounded": 0.6},
    hidden={"sound": 0.2, "label_rounded": 0.2}, errors={"natural": 0.02, "fgsm": 0.97},
    rounded=0.01, rounded_chance=0.2, lost=0, black=0, black_chance=1, one=0.95,
    many=0.97, many_chance=1e-3, one_half=0.8, many_half=0.9, robust_error=0.99,
    interval=(0.98, 1.0))
HARD = [name for name in CAUSES if name not in ("sound", "label_rounded")]
OVERFITTED = dict(one=0.2, many=0.2 + ONE_STEP, one_half=0.1, many_half=0.21)
# What makes each of the causes beyond those of single gradients, and what of it is not
# enough.
CASES = [
    ("label_rounded", dict(rounded=ENOUGH, rounded_chance=CHANCE / 2),
     [dict(rounded=0.99 * ENOUGH), dict(rounded_chance=CHANCE),
      dict(causes={"sound": 1.0})]),
    ("silent", dict(lost=ENOUGH), [dict(lost=0.99 * ENOUGH)]),
    ("one_step", OVERFITTED,
     [dict(many=0.199 + ONE_STEP), dict(many_chance=CHANCE), dict(one_half=0.11),
      dict(one_half=0, many_half=0.99 * ENOUGH)]),
    ("one_step", {**OVERFITTED, "one": PART, "many": 1.01}, [dict(many=0.99)]),
    ("gradient_misleads", dict(black=ENOUGH, black_chance=CHANCE / 2),
     [dict(black=0.99 * ENOUGH), dict(black_chance=CHANCE)])]


def test_a_healthy_model_is_not_masked():
    verdict = judge(HEALTHY)
    assert not verdict.masked and verdict.causes == {} and verdict.advice == ()
    assert verdict.line == ("not masked: robust error at least 99.0 % "
                            "(98.0 % to 100.0 %)")


@pytest.mark.parametrize("cause", HARD)
def test_a_spoilt_gradient_masks_where_it_hides_enough(cause):
    causes = {cause: 0.6, "sound": 0.4}
    for hidden, masked in ((ENOUGH, True), (0.99 * ENOUGH, cause == "not_finite")):
        verdict = judge(replace(HEALTHY, causes=causes, hidden={cause: hidden}))
        assert verdict.masked == masked
        assert verdict.causes == ({cause: 0.6} if masked else {})
        assert cause.replace("_", " ") in verdict.line


@pytest.mark.parametrize("cause, given, short", CASES)
def test_what_attacks_find_masks_where_it_is_enough(cause, given, short):
    verdict = judge(replace(HEALTHY, **given))
    assert verdict.masked and list(verdict.causes) == [cause]
    for less in short:
        assert not judge(replace(HEALTHY, **{**given, **less})).masked


def test_few_examples_decide_nothing():
    half = dict(causes={"cut": 0.5, "sound": 0.5}, hidden={"cut": 0.5})
    assert judge(replace(HEALTHY, **half, count=2 * FEWEST)).masked
    assert not judge(replace(HEALTHY, **half, count=2 * FEWEST - 2)).masked


def test_several_causes_are_told_apart_the_largest_first():
    """As on Adam at 0.01: rounding, and silent layers behind it."""
    adam = replace(
        HEALTHY, causes={"residual_rounded": 0.75, "label_rounded": 0.12,
                         "silent": 0.02, "sound": 0.11},
        hidden={"residual_rounded": 0.7, "silent": 0.01}, rounded=0.9, rounded_chance=0,
        lost=BESIDE)
    verdict = judge(adam)
    assert verdict.causes == {"residual_rounded": 0.75, "silent": 0.02 + BESIDE}
    assert len(verdict.advice) == 2
    assert list(judge(replace(adam, lost=BESIDE - 0.011)).causes) == [
        "residual_rounded"]


def test_a_black_box_decides_only_where_nothing_else_is_found():
    better = dict(black=0.5, black_chance=0)
    assert list(judge(replace(HEALTHY, **better)).causes) == ["gradient_misleads"]
    assert list(judge(replace(HEALTHY, **better, lost=0.5)).causes) == ["silent"]
    random = judge(replace(HEALTHY, **better, causes={"random": 1.0}))
    assert random.causes == {"random": 1.0}


def test_every_cause_has_advice():
    assert set(ADVICE) == {*HARD, "label_rounded", "one_step", "gradient_misleads"}


@given(st.dictionaries(st.sampled_from(list(CAUSES)), st.floats(0, 1)),
       st.floats(-1, 1), *6 * [st.floats(0, 1)], st.floats(0, 1))
def test_a_verdict_is_masked_if_and_only_if_it_names_a_cause(
        causes, rounded, lost, black, one, many, one_half, many_half, chance):
    verdict = judge(replace(
        HEALTHY, causes=causes, hidden=causes, rounded=rounded,
        rounded_chance=chance, lost=lost, black=black, black_chance=chance, one=one,
        many=many, many_chance=chance, one_half=one_half, many_half=many_half))
    shares = list(verdict.causes.values())
    assert verdict.masked == bool(shares) == verdict.line.startswith("MASKED")
    assert shares == sorted(shares, reverse=True)
    assert len(verdict.advice) == len(shares)
