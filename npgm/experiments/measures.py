"""What is measured of a trained network, by name: (net, data) -> numbers.

Errors and shares in percent. Names carry what the numbers depend on, since they
are stored under them. Attacks are imported where they are used: with them comes
Numba, which the command line itself need not wait for.
"""
import numpy as np

from npgm.experiments.protocol import EPSILON, EPSILONS

FIRST, PGD_FIRST = 1000, 2000       # test images of the attacks of many steps

NATURAL, TRAIN, ACTIVITY = "natural", "train", "activity"
FGS, FGS_SWEEP, FRS_SWEEP = f"fgs_{EPSILON}", "fgs_sweep", "frs_sweep"
FGS_VANISHING = f"fgs_vanishing_{EPSILON}"
RESIDUAL = "residual"
DEEPFOOL, PGD = f"deepfool_{FIRST}", f"pgd_{EPSILON}_{PGD_FIRST}"

FGS_NAMES = ("fgs_error", "fgs_error_repaired", "valid_fgs")
RESIDUAL_NAMES = ("residual_zero", "residual_zero_train", "label_residual_zero",
                  "valid_fgs_repaired")

# Taken of the last network only; the others at every point of evaluation.
LAST_ONLY = {DEEPFOOL, PGD, FGS_VANISHING, ACTIVITY}

# The options of FGSM that make its gradient vanish earlier.
VANISHING = {"plain": {}, "flushed": {"flush_subnormals": True},
             "mean": {"reduction": "mean"},
             "mean_flushed": {"reduction": "mean", "flush_subnormals": True}}


def named(measure, *names):
    """Quantities that are called in the results as in the measure."""
    return {name: (measure, name) for name in names}


def percent(wrong):
    return 100 * float(np.mean(wrong))


def at(quantity, epsilon):
    """The name of a quantity in a sweep."""
    return f"{quantity}_{epsilon}"


def natural(net, data):
    from npgm.training import natural_error
    return {"natural_error": natural_error(net, data.x_test, data.y_test)}


def train(net, data):
    from npgm.training import natural_error
    return {"train_error": natural_error(net, data.x_train, data.y_train)}


def fgs(net, data):
    """FGSM on the test set: as attacked, and with the loss repaired."""
    numbers = _fgs(net, data, (EPSILON,))
    return {name.removesuffix(f"_{EPSILON}"): value for name, value in numbers.items()}


def fgs_sweep(net, data):
    """The same for every epsilon."""
    return _fgs(net, data, EPSILONS)


def _fgs(net, data, epsilons):
    from npgm.attacks import FGSM
    from npgm.losses import log_odds
    attacked = FGSM().sweep(net, data.x_test, data.y_test, epsilons)
    repaired = FGSM(loss=log_odds).sweep(net, data.x_test, data.y_test, epsilons)
    numbers = {"valid_fgs": percent(attacked.valid)}
    for k, epsilon in enumerate(epsilons):
        numbers[at("fgs_error", epsilon)] = percent(attacked.success[k])
        numbers[at("fgs_error_repaired", epsilon)] = percent(repaired.success[k])
    return numbers


def fgs_vanishing(net, data):
    """FGSM of each image's own loss and of the mean over the test set, with and
    without subnormals flushed to zero."""
    from npgm.attacks import FGSM
    numbers = {}
    for way, options in VANISHING.items():
        attack = FGSM(EPSILON, **options)
        sweep = attack.sweep(net, data.x_test, data.y_test, (EPSILON,))
        numbers[f"fgs_error_{way}"] = percent(sweep.success)
        numbers[f"valid_fgs_{way}"] = percent(sweep.valid)
    return numbers


def residual(net, data):
    """What float32 leaves of p - onehot(y): the share of images of which every entry
    is 0, among test and training images, and of test images of which the label's is;
    and the share with a gradient once it is repaired."""
    from npgm.attacks import FGSM
    from npgm.losses import log_odds
    zero, label_zero = _zeros(net, data.x_test, data.y_test)
    repaired = FGSM(loss=log_odds).sweep(net, data.x_test, data.y_test, (EPSILON,))
    return {"residual_zero": zero, "label_residual_zero": label_zero,
            "residual_zero_train": _zeros(net, data.x_train, data.y_train)[0],
            "valid_fgs_repaired": percent(repaired.valid)}


def _zeros(net, x, y):
    from npgm.losses import cross_entropy
    z = np.concatenate([net.logits(x[s:s + 1000]) for s in range(0, len(x), 1000)])
    _, dz = cross_entropy(z, y)
    return percent(~dz.any(axis=1)), percent(dz[np.arange(len(y)), y] == 0)


def frs_sweep(net, data):
    """FRSM on all training images, for every epsilon."""
    from npgm.attacks import RandomSign
    sweep = RandomSign().sweep(net, data.x_train, data.y_train, EPSILONS)
    return {at("frs_error", epsilon): percent(success)
            for epsilon, success in zip(EPSILONS, sweep.success)}


def deepfool(net, data):
    """The mean relative perturbation that fools, of the first test images."""
    from npgm.attacks import DeepFool
    numbers, x, y = {}, data.x_test[:FIRST], data.y_test[:FIRST]
    for name, norm in (("deepfool_l2", 2), ("deepfool_linf", np.inf)):
        attack = DeepFool(norm)
        size = 100 * attack.relative_perturbation(x, attack(net, x, y))
        numbers[name] = size if np.isfinite(size) else None
    return numbers


def pgd(net, data):
    """40 steps of PGD on the first test images, as attacked and repaired."""
    from npgm import attacks
    from npgm.losses import log_odds
    x, y = data.x_test[:PGD_FIRST], data.y_test[:PGD_FIRST]
    return {"pgd_error": percent(attacks.PGD(EPSILON)(net, x, y).success),
            "pgd_error_repaired": percent(
                attacks.PGD(EPSILON, loss=log_odds)(net, x, y).success)}


def activity(net, data):
    """Hidden units active on the test set, and the median of z_y minus the
    largest other logit."""
    from npgm.network import forward
    activations = forward(net.layers, data.x_test)
    rows, z = np.arange(len(data.y_test)), activations[-1].copy()
    right = z[rows, data.y_test]
    z[rows, data.y_test] = -np.inf
    hidden = np.concatenate([h > 0 for h in activations[1:-1]], axis=1)
    return {"active_hidden": percent(hidden),
            "logit_lead": float(np.median(right - z.max(axis=1)))}


MEASURES = {NATURAL: natural, TRAIN: train, ACTIVITY: activity, FGS: fgs,
            FGS_SWEEP: fgs_sweep, FGS_VANISHING: fgs_vanishing,
            RESIDUAL: residual, FRS_SWEEP: frs_sweep, DEEPFOOL: deepfool, PGD: pgd}
