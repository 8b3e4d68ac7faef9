"""Warning signs of a masked gradient that others defined, each with its source: one
function a sign, one file a source."""
import warnings

import numpy as np

from npgm.diagnosis.signs import autoattack, pintor, athalye, alignment  # noqa: F401
from npgm.diagnosis.signs.evidence import CALLS, SUBSET, Evidence
from npgm.diagnosis.signs.sign import SIGNS, Sign

__all__ = ["CALLS", "SIGNS", "SUBSET", "Sign", "warning_signs"]


def warning_signs(model, x, y, epsilon, clip, seed, errors):
    """Every Sign of SIGNS, looked for in a model with logits and vjp.

    x (N, ...), y (N,), epsilon, clip and seed: as attacks take them. errors: {name:
    success (N,)} of the attacks that were run, as the diagnosis names them; a sign
    that needs one that was not is told as not measured. The others look at the first
    SUBSET examples alone. Raises InputError.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")     # the signs say what these would
        evidence = Evidence.of(model, x, y, epsilon, clip, seed, errors)
        return tuple(look(evidence) for look in SIGNS.values())
