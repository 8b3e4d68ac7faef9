"""A diagnosis of models of which it is known what ails them: is it found, and nothing
else?"""
import pytest
from broken_models import MODELS

import npgm

# One of each kind; the others are slow for being many.
QUICK = {"logits_times_1000", "log_of_clipped_probabilities", "noisy_output",
         "adam_early"}


@pytest.fixture(scope="module")
def reports():
    return {}


@pytest.fixture(params=[
    pytest.param(entry, id=entry.name, marks=() if entry.name in QUICK
                 else pytest.mark.slow) for entry in MODELS])
def diagnosed(request, reports):
    """(an entry, its report, made once)."""
    entry = request.param
    if entry.needs:
        pytest.importorskip(entry.needs)
    if entry.name not in reports:
        reports[entry.name] = npgm.diagnose(entry.build(), entry.x, entry.y,
                                            entry.epsilon, entry.clip, quick=True)
    return entry, reports[entry.name]


def test_masked_or_not(diagnosed):
    entry, report = diagnosed
    assert report.masked == entry.masked, report.verdict.line


def test_the_cause_of_most_gradients(diagnosed):
    entry, report = diagnosed
    shares = {name: share for name, share in report.causes.items()
              if name != "sound" or "sound" in entry.dominant}
    assert max(shares, key=shares.get) in entry.dominant
    assert entry.found <= {name for name, share in shares.items() if share >= 0.05}


def test_the_verdict_names_the_cause_and_no_other(diagnosed):
    entry, report = diagnosed
    named = set(report.verdict.causes)
    right = entry.verdict or entry.dominant
    assert bool(named & right) == entry.masked
    assert entry.found <= named <= right | entry.found


def test_quick_ones_are_there():
    assert QUICK <= {entry.name for entry in MODELS}
