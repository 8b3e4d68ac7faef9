"""What a diagnosis measures of a network: how much of masking is rounding, how much is
silent layers, and what is left."""
import numpy as np

from npgm.attacks import FGSM
from npgm.attacks.surrogate import train_surrogate
from npgm.diagnosis import battery
from npgm.diagnosis.arithmetic import lead
from npgm.diagnosis.causes import gradients
from npgm.experiments.measures.measure import (FIRST, Quantity, measure, percent, some)
from npgm.network import MLP

# At which the attacks are held side by side.
EPSILONS = (0.05, 0.1, 0.25)
# The causes that these networks know; a rest of the others is one share.
KNOWN = ("sound", "label_rounded", "residual_rounded", "silent")


@measure(f"causes_{FIRST}")
def causes(net, data):
    """Of some test images: the label's lead (quantiles), a cause for each gradient, and
    how many of its signs are right."""
    x, y = some(data, FIRST)
    found = gradients(net.compiled(), x, y, scale=1.0)
    low, middle, high = np.quantile(lead(found.z, y), (0.05, 0.5, 0.95))
    shares = {name: percent(found.cause == name) for name in KNOWN}
    agreement = found.agreement[~np.isnan(found.agreement)]
    return {"lead_5": float(low), "lead_50": float(middle), "lead_95": float(high),
            **{f"cause_{name}": share for name, share in shares.items()},
            "cause_other": percent(~np.isin(found.cause, KNOWN)),
            "signs_right": percent(agreement) if agreement.size else None}


LEADS = tuple(Quantity(f"lead_{q}", causes.measure, f"lead, {words}") for q, words in (
    (5, "5 % below"), (50, "median"), (95, "5 % above")))
SHARES = tuple(Quantity(f"cause_{name}", causes.measure, name.replace("_", " "))
               for name in (*KNOWN, "other"))
SIGNS_RIGHT = Quantity("signs_right", causes.measure, "signs right")


@measure(f"side_by_side_{FIRST}", last_only=True)
def side_by_side(net, data):
    """Every attack of a diagnosis, at each of EPSILONS, on some test images, without a
    clip; and FGSM with the whole network in float64."""
    x, y = some(data, FIRST)
    z, classes, model = net.logits(x), net.sizes[-1], net.compiled()
    surrogate = train_surrogate(x, y, classes)
    wide = MLP(net.sizes, net.theta.astype("float64"))
    numbers = {}
    for epsilon in EPSILONS:
        entries = battery.battery(epsilon, None, 0, classes, battery.FULL, surrogate)
        *_, outcome = battery.attack_all(entries, model, x, y, epsilon, None, z)
        errors = {**outcome.success, "fgsm_wide": FGSM(epsilon)(
            wide, x.astype("float64"), y).success, "any": outcome.fooled}
        numbers.update({f"{name}_error_{epsilon}": percent(success)
                        for name, success in errors.items()})
        numbers.update({f"{name}_{epsilon}": percent(share)
                        for name, share in outcome.parts.items()})
    return numbers


def _side_by_side(name, heading):
    return Quantity(name, side_by_side.measure, heading, entry=name + "_{epsilon}")


# What the tables of `repair` have, by name.
ERRORS = tuple(_side_by_side(f"{name}_error", heading) for name, heading in (
    ("natural", "natural error"), ("fgsm", "FGSM"),
    ("fgsm_float64", "residual float64"), ("fgsm_wide", "network float64"),
    ("fgsm_repaired", "repaired"), ("fgsm_margin", "margin"), ("fgsm_dlr", "DLR"),
    ("fgsm_mifpe", "MIFPE"),
    ("pgd", "PGD"), ("pgd_repaired", "PGD, repaired"), ("pgd_margin", "PGD, margin"),
    ("apgd", "APGD"), ("apgd_repaired", "APGD, repaired"),
    ("apgd_margin", "APGD, margin"), ("random_sign", "random signs"),
    ("square", "Square"), ("transfer", "transfer"), ("deepfool", "DeepFool"),
    ("any", "any of them")))
PARTS = tuple(_side_by_side(name, heading) for name, heading in (
    ("as_attacked", "PGD as attacked fools"), ("rounding", "hidden by rounding"),
    ("silent", "hidden by silent layers"), ("other", "found otherwise"),
    ("held", "held by all")))
