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


@pytest.mark.slow
@pytest.mark.parametrize("name, epsilon, black_box", [
    ("softmax_on_large_logits", 0.03, True), ("a_vjp_of_noise", 0.1, False),
    ("a_vjp_of_the_wrong_sign", 0.03, True), ("shattered", 0.1, False),
    ("quantized_input", 0.03, False), ("logits_times_1000", 0.03, False),
    ("dropout_left_on", 1e-6, True), ("dropout_left_on", 0.1, True),
    ("noisy_input", 0.03, True), ("softmax_on_confident_logits", 0.06, True),
    ("clipped_gradient", 0.06, True), ("quantized_input_straight_through", 0.06, True),
    ("a_common_offset", 0.06, True), ("adam_early", 0.03, False),
    ("winners_take_all", 0.06, True)])
def test_at_other_epsilons_and_without_black_boxes(name, epsilon, black_box):
    """A worthless gradient masks though nothing tried finds more; a good one does not,
    though much is left standing; and a random model is not called what its draws add
    up to."""
    entry, = (entry for entry in MODELS if entry.name == name)
    report = npgm.diagnose(entry.build(), entry.x, entry.y, epsilon, entry.clip,
                           quick=True, black_box=black_box)
    assert report.masked == entry.masked, report.verdict.line
    if report.causes.get("random"):
        assert report.robust_error == max(report.errors.values())


def test_few_examples_decide_nothing():
    entry, = (entry for entry in MODELS if entry.name == "noisy_output")
    report = npgm.diagnose(entry.build(), entry.x[80:85], entry.y[80:85], 0.06,
                           quick=True)
    assert not report.masked
