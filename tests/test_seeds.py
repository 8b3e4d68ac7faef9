"""One more run: intervals, ranks and numbers of runs, against what defines them."""
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm.errors import InputError
from npgm.experiments.seeds import (interval, may_give, rank_p, runs_to_tell,
                                    seeds_to_refuse)

VALUES = st.lists(st.floats(0, 100), min_size=2, max_size=20)


# Of Student's t at 0.975, from the tables (Fisher and Yates 1938).
@pytest.mark.parametrize("n, t", [(2, 12.706), (3, 4.303), (4, 3.182), (12, 2.201),
                                  (13, 2.179), (31, 2.042), (121, 1.980)])
def test_the_interval_is_students(n, t):
    values = [0.0] * (n - 2) + [1.0, -1.0]
    low, high = interval(values)
    assert -low == pytest.approx(high, rel=1e-12)
    assert high == pytest.approx(
        t * np.std(values, ddof=1) * math.sqrt(1 + 1 / n), rel=3e-4)


@pytest.mark.parametrize("n", [2, 3, 12])
def test_one_more_normal_value_is_within_as_often_as_it_says(n):
    draws = np.random.default_rng(0).normal(50, 7, (2000, n + 1))
    within = [low <= one <= high for *values, one in draws
              for low, high in [interval(values, 0.8)]]
    assert np.mean(within) == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / 2000))


@given(values=VALUES, scale=st.floats(0.1, 10), shift=st.floats(-50, 50))
def test_the_interval_has_the_unit_of_the_values(values, scale, shift):
    low, high = interval(values)
    assert interval([scale * v + shift for v in values]) == pytest.approx(
        (scale * low + shift, scale * high + shift), rel=1e-6, abs=1e-6)


def test_ranks_are_equally_likely_whatever_the_distribution():
    """Of values of a distribution that is far from normal, a p of at most 2 k / 13
    comes in 2 k of 13 cases."""
    draws = np.random.default_rng(0).pareto(0.5, (5000, 13))
    found = np.array([rank_p(values, one) for *values, one in draws])
    for k in range(1, 6):
        share = 2 * k / 13
        assert np.mean(found <= share + 1e-9) == pytest.approx(
            share, abs=4 * math.sqrt(share * (1 - share) / 5000))


@pytest.mark.parametrize("value, p", [(0.5, 2 / 5), (1, 4 / 5), (2.5, 1), (9, 2 / 5)])
def test_the_rank_among_four(value, p):
    assert rank_p([1, 2, 3, 4], value) == pytest.approx(p)


@given(values=VALUES)
def test_what_the_seeds_span_one_more_may_give(values):
    for value in (min(values), max(values), np.median(values)):
        assert may_give(values, value)
    low, high = interval(values)
    beyond = max(high, *values) + 1
    assert not may_give(values, beyond)


def test_one_seed_refuses_nothing_and_diverged_ones_are_none():
    assert may_give([97], 1) and may_give([97, None], 1)
    assert not may_give([97, 97.5, None, 97.2], 1)
    with pytest.raises(InputError, match="no values"):
        interval([None])


def test_ranks_refuse_from_39_values_on():
    for confidence, n in ((0.95, 39), (0.9, 19), (0.5, 3)):
        assert seeds_to_refuse(confidence) == n
        assert rank_p(range(n), -1) <= 1 - confidence + 1e-9
        assert rank_p(range(n - 1), -1) > 1 - confidence


@given(a=VALUES, b=VALUES)
def test_which_is_called_a_does_not_matter(a, b):
    assert runs_to_tell(a, b) == runs_to_tell(b, a)


def test_what_is_apart_needs_few_runs_and_what_is_the_same_never_enough():
    assert runs_to_tell([1, 2, 3], [4, 5, 6]) == math.ceil((1.960 + 0.842) ** 2 / 3)
    assert runs_to_tell([1, 2, 3], [3, 2, 1]) is None
    near, far = (runs_to_tell(range(20), [v + by for v in range(20)]) for by in (1, 9))
    assert near > 10 * far


@pytest.mark.parametrize("shift", [0.4, 1])
def test_so_many_runs_are_told_apart_as_often_as_it_says(shift):
    """Mann and Whitney's U of k runs among 2,000 seeds, its normal approximation;
    where the two are far apart Noether's formula is on the safe side."""
    seeds = np.array([NormalDist().inv_cdf((i + 0.5) / 2000) for i in range(2000)])
    k = runs_to_tell(seeds, seeds + shift)
    runs = np.random.default_rng(0).normal(shift, 1, (4000, k))
    u = np.searchsorted(seeds, runs).sum(axis=1)
    deviation = math.sqrt(2000 * k * (2000 + k + 1) / 12)
    told = np.mean(np.abs(u - 1000 * k) > 1.960 * deviation)
    assert told == pytest.approx(0.8, abs=0.04) if shift < 1 else 0.8 < told < 0.95
