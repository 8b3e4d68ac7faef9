"""What is measured of a trained network, by name: (net, data) -> numbers.

Errors and shares in percent.
"""
from npgm.attacks import FGSM
from npgm.experiments.protocol import EPSILON
from npgm.losses import log_odds
from npgm.training import natural_error


def natural(net, data):
    return {"natural_error": natural_error(net, data.x_test, data.y_test)}


def fgs(net, data):
    """FGSM on the test set: as attacked, and with the loss repaired."""
    attacked = FGSM(EPSILON)(net, data.x_test, data.y_test)
    repaired = FGSM(EPSILON, loss=log_odds)(net, data.x_test, data.y_test)
    return {"fgs_error": 100 * float(attacked.success.mean()),
            "fgs_error_repaired": 100 * float(repaired.success.mean()),
            "valid_fgs": 100 * float(attacked.valid.mean())}


# Names carry what the numbers depend on, since they are stored under them.
NATURAL, FGS = "natural", f"fgs_{EPSILON}"
MEASURES = {NATURAL: natural, FGS: fgs}
