"""Any attack as a measure, by its text: "attack pgd:steps=20_0.1"."""
import warnings

import numpy as np

from npgm import attacks, names
from npgm.attacks.result import FOOLED
from npgm.experiments.measures.measure import FIRST, family, percent, some


@family("attack", last_only=True)
def attack(net, data, epsilon, what):
    """The error under an attack on some test images; of one without an epsilon the
    median L2 distance too, of those it fooled. what: its text, and behind an @ of which
    source it is, if it is a user's own."""
    name, given = names.spec(what.partition("@")[0])
    x, y = some(data, FIRST)
    if epsilon is not None:
        given["epsilon"] = epsilon
    with warnings.catch_warnings():     # what the attack says of its hyperparameters
        warnings.simplefilter("ignore")     # is of no use beside a progress bar
        result = attacks.make(name, **given)(net, x, y)
    numbers = {"error": percent(result.success)}
    if epsilon is None:
        far = result.l2[result.status == FOOLED]
        numbers["l2"] = float(np.median(far)) if len(far) else None
    return numbers
