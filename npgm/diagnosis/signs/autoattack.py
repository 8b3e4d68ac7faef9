"""The flags of AutoAttack (Croce and Hein 2020; its checks.py and flags_doc.md)."""
import sys

import numpy as np

from npgm.attacks import input_gradient
from npgm.diagnosis.causes import RANDOM, normalized
from npgm.diagnosis.signs.sign import sign

SOURCE = "AutoAttack, Croce and Hein 2020, checks.py"

CALLS = 5                       # as there
OF_A_DISTRIBUTION = 1e-5        # as there
BETTER = 0.002                  # as there
WHITE_BOX = ("pgd", "apgd", "pgd_margin", "apgd_margin")    # the nearest to theirs
# As there (grad, backward, _make_grads), and what a NumPy or JAX model would call.
GRADIENTS = {"grad", "backward", "_make_grads", "vjp", "grad_f", "value_and_grad_f"}


@sign(RANDOM, SOURCE)
def randomized(evidence):
    """How far the logits of an example, each divided by their Euclidean norm, lie apart
    between any two of 5 calls: at most 1e-4, or the model is random.

    As there; a change of the number of right answers, which there raises the flag too,
    moves the logits. One call finite and another not counts as opposite: 2.
    """
    calls = [evidence.model.logits(evidence.x) for _ in range(CALLS)]
    units = [normalized(z) for z in calls]
    apart = max(_distance(units[i], units[j])
                for i in range(CALLS) for j in range(i))
    return apart, (f"{CALLS} calls give the same logits" if apart == 0 else
                   f"the normalized logits of {CALLS} calls differ by {apart:.2g}")


def _distance(one, other):
    same = ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
    apart = np.where(same, 0, np.linalg.norm(one - other, axis=1))
    return np.where(np.isnan(apart), 2, apart).max()


@sign(OF_A_DISTRIBUTION, SOURCE, below=True)
def probabilities_as_output(evidence):
    """How far the logits of all examples are from probabilities: the most by which one
    is below 0, or their sum is not 1. Below 1e-5 the model has its softmax inside, and
    the gradient vanishes where that saturates. As there."""
    z = evidence.z
    away = max(-z.min(), np.abs(z.sum(axis=1) - 1).max())
    return max(away, 0), ("the logits are probabilities" if away < OF_A_DISTRIBUTION
                          else "the logits are no probabilities")


@sign(0, SOURCE)
def zero_gradient(evidence):
    """The share of examples with an input gradient of exactly zero at a random point
    within epsilon: there must be none.

    There of the DLR loss, which is flat, by its form, where the label has the third
    largest logit; here of its numerator, the logit margin. No rounding makes that dz
    vanish: what does is on the way from the logits to x.
    """
    gradient = input_gradient(evidence.model, evidence.start("zero_gradient"),
                              evidence.y, "margin")
    zero = gradient.finite & ~gradient.valid
    return zero.mean(), (f"the gradient of {zero.sum()} of {len(zero)} examples is "
                         "exactly zero")


@sign(BETTER, SOURCE)
def square_beats_white_box(evidence):
    """The share of examples that Square fools and no white-box attack does: at most
    0.2 points. There of APGD and FAB; here of those of PGD and APGD that were run."""
    white = evidence.fooled_by(*WHITE_BOX)
    more = evidence.fooled_by("square") & ~white
    return more.mean(), (f"Square fools {more.sum()} of {len(more)} examples that no "
                         "white-box attack does")


@sign(0, SOURCE)
def optimization_at_inference(evidence):
    """How many functions that take gradients are called while the model computes
    logits: a model that optimizes, to purify its input for instance, needs an attack
    of its own.

    There by sys.settrace and PyTorch's names; here by sys.setprofile, with those that
    NumPy and JAX models use (not jax.vjp, of which models.from_jax has its logits).
    What runs compiled or in another thread is not seen.
    """
    x, called = evidence.x, []
    evidence.model.logits(x)        # whatever a first call has to compile

    def note(frame, event, argument):
        if event == "call" and _takes_gradients(frame):
            called.append(frame.f_code.co_name)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        evidence.model.logits(x)
    finally:
        sys.setprofile(before)
    return len(called), (f"{called[0]} is called while logits are computed" if called
                         else "no gradient is taken while logits are computed")


def _takes_gradients(frame):
    name, module = frame.f_code.co_name, frame.f_globals.get("__name__", "")
    return name in GRADIENTS and not (name == "vjp" and module.startswith("jax."))
