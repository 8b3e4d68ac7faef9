"""How far a label's logit may lead before the residual rounds to zero."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm.diagnosis.arithmetic import COARSE, arithmetic, coarse, lead, thresholds
from npgm.losses import cross_entropy

# Where 1 + exp(-lead) rounds to 1, half a unit of 1 being left; and where exp(-lead)
# does, half the smallest subnormal.
KNOWN = {"float16": (np.log(2) * 11, np.log(2) * 25),
         "float32": (np.log(2) * 24, np.log(2) * 150),
         "float64": (np.log(2) * 53, np.log(2) * 1075)}


@pytest.mark.parametrize("dtype", KNOWN)
def test_thresholds_are_where_the_format_has_them(dtype):
    assert thresholds(dtype) == pytest.approx(KNOWN[dtype], rel=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_residual_is_zero_beyond_and_not_before(dtype):
    for k, gone in enumerate((lambda dz: dz[:, 0] == 0, lambda dz: ~dz.any(axis=1))):
        at = thresholds(dtype)[k]
        z = np.array([[0.999 * at, 0], [1.001 * at, 0]], dtype)
        assert list(gone(cross_entropy(z, np.zeros(2, int))[1])) == [False, True]


def test_shares_and_quantiles_of_examples_that_are_known():
    leads = np.array([5, 20, 20, 200, -3, np.nan], np.float32)
    z = np.stack([leads, np.zeros(6, np.float32)], axis=1)
    found = arithmetic(z, np.zeros(6, int))
    assert (found.dtype, found.label_rounded, found.residual_rounded, found.coarse) == (
        "float32", 3 / 6, 1 / 6, 0)
    assert found.lead["0.5"] == 20 and found.lead["0.25"] == 5
    assert found.ulps["0.5"] == pytest.approx(np.median(
        np.abs(leads[:5]) / np.spacing(np.maximum(np.abs(leads[:5]), 0))))


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(0, 1))
def test_a_lead_is_of_the_label(first, second, label):
    found = lead(np.array([[first, second]]), np.array([label]))
    assert found[0] == (first - second if label == 0 else second - first)


@given(st.floats(0.1, 100), st.integers(0, 12))
def test_logits_are_coarse_once_an_offset_leaves_them_few_digits(spread, exponent):
    z = np.array([[spread, 0]], np.float32) + np.float32(10 ** exponent)
    unit, left = np.spacing(z.max()), z[0, 0] - z[0, 1]
    assert coarse(z)[0] == (unit > max(COARSE * left, np.finfo("f4").eps))


def test_equal_logits_are_not_coarse_by_themselves():
    z = np.array([[0, 0], [0.3, 0.3], [1e8, 1e8]], np.float32)
    assert list(coarse(z)) == [False, False, True]
