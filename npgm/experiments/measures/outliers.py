"""What a class for outliers is worth (npgm.defences.extended_distillation)."""
import numpy as np

from npgm.attacks import FGSM
from npgm.defences import answers, evasion
from npgm.experiments.measures.measure import Quantity, family, percent

# Losses that an attack goes by; "evading" is what it raises if it knows of that class.
WAYS = {"": "", "_repaired": ", repaired", "_evading": ", evading"}


@family("outliers")
def outliers(net, data, epsilon):
    """Test images that are taken for outliers; and of their FGS images those that are,
    and those that fool: are taken for another class than their own."""
    def found(x):
        z = np.concatenate([net.logits(x[s:s + 1000]) for s in range(0, len(x), 1000)])
        return answers(z, data.y_test, data.classes)

    numbers = {"natural_outliers": percent(found(data.x_test).detected)}
    for way, loss in zip(WAYS, ("cross_entropy", "log_odds", evasion(data.classes))):
        attacked = found(FGSM(epsilon, loss)(net, data.x_test, data.y_test).x_adv)
        numbers[f"fgs_fooled{way}"] = percent(attacked.fooled)
        numbers[f"fgs_detected{way}"] = percent(attacked.detected)
    return numbers


QUANTITIES = (
    Quantity("natural_outliers", "outliers_{epsilon}", "natural, taken for outliers"),
    *(Quantity(f"fgs_{what}{way}", "outliers_{epsilon}", f"FGS {what}{words}")
      for way, words in WAYS.items() for what in ("fooled", "detected")))
