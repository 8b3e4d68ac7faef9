"""The exact paired test against counting, Wilson's interval against what defines it."""
import itertools
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm.diagnosis.statistics import paired_exact, wilson
from npgm.errors import InputError

COUNTS = st.integers(0, 12)


def pairs(only_a, only_b, same=3):
    """a, b that differ so often, and not on the others."""
    a = np.repeat([True, False, True], [only_a, only_b, same])
    return a, np.repeat([False, True, True], [only_a, only_b, same])


@given(only_a=st.integers(0, 5), only_b=st.integers(0, 5))
def test_the_p_value_is_that_of_all_ways_to_toss(only_a, only_b):
    tosses = [sum(toss) for toss in itertools.product((0, 1), repeat=only_a + only_b)]
    expected = np.mean([heads >= only_a for heads in tosses])
    assert paired_exact(*pairs(only_a, only_b)) == pytest.approx(expected, rel=1e-12)


@given(only_a=COUNTS, only_b=COUNTS)
def test_the_two_sides_count_what_was_seen_twice(only_a, only_b):
    a, b = pairs(only_a, only_b)
    seen = np.prod([(only_b + k) / k for k in range(1, only_a + 1)])    # binomial
    assert paired_exact(a, b) + paired_exact(b, a) == pytest.approx(
        1 + seen / 2 ** (only_a + only_b), rel=1e-12)


@given(only_a=COUNTS, only_b=COUNTS, same=COUNTS)
def test_examples_on_which_both_agree_say_nothing(only_a, only_b, same):
    assert paired_exact(*pairs(only_a, only_b, same)) == paired_exact(
        *pairs(only_a, only_b))


def test_ten_thousand_examples_neither_overflow_nor_round():
    all_a, none = np.ones(10_000, bool), np.zeros(10_000, bool)
    assert paired_exact(all_a, none) == 0       # 2 ** -10000, in floating point
    assert paired_exact(none, all_a) == 1
    a, b = pairs(5100, 4900)
    normal = 1 - NormalDist().cdf((5100 - 0.5 - 5000) / 50)
    assert paired_exact(a, b) == pytest.approx(normal, rel=1e-3)


def test_arrays_of_other_examples_are_refused():
    with pytest.raises(InputError, match="the same examples"):
        paired_exact(np.ones(3, bool), np.ones(4, bool))


@given(n=st.integers(1, 10 ** 6), share=st.floats(0, 1),
       confidence=st.sampled_from([0.5, 0.95, 0.999]))
def test_the_ends_are_where_the_score_is_just_z(n, share, confidence):
    count = round(share * n)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    low, high = wilson(count, n, confidence)
    assert 0 <= low <= count / n <= high <= 1 or np.isclose(low, count / n)
    for p in (low, high):
        assert abs(count / n - p) == pytest.approx(
            z * np.sqrt(p * (1 - p) / n), rel=1e-6, abs=1e-12)


@given(n=st.integers(1, 10 ** 4), data=st.data())
def test_what_is_no_success_is_a_failure(n, data):
    count = data.draw(st.integers(0, n))
    low, high = wilson(count, n)
    assert wilson(n - count, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_more_examples_say_more_and_none_nothing():
    widths = [high - low for low, high in (wilson(n // 4, n) for n in (40, 400, 4000))]
    assert widths == sorted(widths, reverse=True)
    assert wilson(0, 0) == (0, 1)


@pytest.mark.parametrize("wrong", [(-1, 5), (6, 5), (1, 5, 1), (1, 5, 0)])
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(InputError, match="give a count"):
        wilson(*wrong)
