"""Gradient alignment (GradAlign, Andriushchenko and Flammarion 2020)."""
import numpy as np

from npgm.attacks import input_gradient
from npgm.diagnosis.signs.evidence import LOSS
from npgm.diagnosis.signs.sign import NotMeasured, sign

# Their figures 4 and 11: 0.03 to 0.2 after catastrophic overfitting; before it, and
# trained with PGD, above 0.75; of ordinary training, never below 0.4.
ALIGNED = 0.2
SOURCE = "GradAlign, Andriushchenko and Flammarion 2020, train.py"


@sign(ALIGNED, SOURCE, below=True)
def gradient_alignment(evidence):
    """The mean cosine between an example's input gradient at x and at x with uniform
    noise within epsilon. Where it is low, one step along the gradient leads nowhere, as
    after catastrophic overfitting.

    As in their train.py, examples with no gradient at one of the two are left out; and
    the noise stays within clip, as where their figures are measured.
    """
    here, there = (
        input_gradient(evidence.model, x, evidence.y, LOSS)
        for x in (evidence.x, evidence.start("gradient_alignment")))
    both = here.valid & there.valid
    if not both.any():
        raise NotMeasured("no example has a gradient both at x and near it")
    cosine = np.mean(np.sum(_unit(here.dx[both]) * _unit(there.dx[both]), axis=1))
    return cosine, f"gradients at x and at a random point near it: cosine {cosine:.2f}"


def _unit(dx):
    """Rows of length 1: divided by their largest entry first, the square of which may
    underflow."""
    dx = dx / np.abs(dx).max(axis=1, keepdims=True)
    return dx / np.linalg.norm(dx, axis=1, keepdims=True)
