"""What the paper measures of a trained network, and what belongs beside it."""
import numpy as np

from npgm import vanishing
from npgm.attacks import FGSM, PGD, DeepFool, RandomSign
from npgm.data import images_of
from npgm.experiments.measures.measure import (FIRST, Quantity, family, measure,
                                               percent, some)
from npgm.experiments.protocol import EPSILON, EPSILONS
from npgm.losses import cross_entropy, log_odds
from npgm.network import forward
from npgm.training import natural_error

PGD_FIRST = 2000        # test images of PGD


@measure("natural")
def natural(net, data):
    return {"natural_error": natural_error(net, images_of(data, "x_test"), data.y_test)}


@measure("train")
def train(net, data):
    return {"train_error": natural_error(net, images_of(data, "x_train"), data.y_train)}


NATURAL_ERROR = Quantity("natural_error", natural.measure, "natural error", 2)
TRAIN_ERROR = Quantity("train_error", train.measure, "training error", 2)


@family("fgs")
def fgs_at(net, data, epsilon):
    """FGSM on the test set: as attacked, and with the loss repaired."""
    numbers = _fgs(net, data, (epsilon,))
    return {name.removesuffix(f"_{epsilon}"): value for name, value in numbers.items()}


@measure(f"fgs_{EPSILON}")
def fgs(net, data):
    """The same at the protocol's epsilon."""
    return fgs_at(net, data, EPSILON)


@measure("fgs_sweep")
def fgs_sweep(net, data):
    """The same for every epsilon."""
    return _fgs(net, data, EPSILONS)


def _fgs(net, data, epsilons):
    x = images_of(data, "x_test")
    attacked = FGSM().sweep(net, x, data.y_test, epsilons)
    repaired = FGSM(loss="log_odds").sweep(net, x, data.y_test, epsilons)
    numbers = {"valid_fgs": percent(attacked.valid)}
    for k, epsilon in enumerate(epsilons):
        numbers[f"fgs_error_{epsilon}"] = percent(attacked.success[k])
        numbers[f"fgs_error_repaired_{epsilon}"] = percent(repaired.success[k])
    return numbers


FGS_ERROR = Quantity("fgs_error", fgs.measure, "FGS error")
FGS_ERROR_REPAIRED = Quantity("fgs_error_repaired", fgs.measure, "FGS error, repaired")
VALID_FGS = Quantity("valid_fgs", fgs.measure, "valid FGS images")
# Where a row has an epsilon of its own: that of the protocol, and the row's.
FGS_ERROR_PROTOCOL = Quantity(f"fgs_error_{EPSILON}", fgs.measure, "FGS test error",
                              entry="fgs_error")
FGS_ERROR_SWEPT = Quantity("fgs_error", fgs_sweep.measure, "FGS error",
                           entry="fgs_error_{epsilon}")
FGS_ERROR_REPAIRED_SWEPT = Quantity("fgs_error_repaired", fgs_sweep.measure,
                                    "FGS error, repaired",
                                    entry="fgs_error_repaired_{epsilon}")


@measure("frs_sweep")
def frs_sweep(net, data):
    """FRSM on all training images, for every epsilon."""
    return _frs(net, data, EPSILONS)


@family("frs")
def frs_at(net, data, epsilon):
    """The same for one epsilon."""
    return {"frs_error": _frs(net, data, (epsilon,))[f"frs_error_{epsilon}"]}


def _frs(net, data, epsilons):
    sweep = RandomSign().sweep(net, images_of(data, "x_train"), data.y_train, epsilons)
    return {f"frs_error_{epsilon}": percent(success)
            for epsilon, success in zip(epsilons, sweep.success)}


FRS_ERROR_SWEPT = Quantity("frs_error", frs_sweep.measure, "FRS training error", 2,
                           "frs_error_{epsilon}")


@measure("residual")
def residual(net, data):
    """What float32 leaves of p - onehot(y): the share of images of which every entry
    is 0, among test and training images, and of test images of which the label's is;
    and the share with a gradient once it is repaired."""
    x = images_of(data, "x_test")
    zero, label_zero = _zeros(net, x, data.y_test)
    repaired = FGSM(loss="log_odds").sweep(net, x, data.y_test, (EPSILON,))
    return {"residual_zero": zero, "label_residual_zero": label_zero,
            "residual_zero_train": _zeros(net, images_of(data, "x_train"),
                                          data.y_train)[0],
            "valid_fgs_repaired": percent(repaired.valid)}


def _zeros(net, x, y):
    z = np.concatenate([net.logits(x[s:s + 1000]) for s in range(0, len(x), 1000)])
    _, dz = cross_entropy(z, y)
    return percent(~dz.any(axis=1)), percent(dz[np.arange(len(y)), y] == 0)


RESIDUAL_ZERO = Quantity("residual_zero", residual.measure, "residual all zero")
RESIDUAL_ZERO_TRAIN = Quantity("residual_zero_train", residual.measure,
                               "residual all zero, training images")
LABEL_RESIDUAL_ZERO = Quantity("label_residual_zero", residual.measure,
                               "label's residual zero")
VALID_FGS_REPAIRED = Quantity("valid_fgs_repaired", residual.measure, "valid, repaired")

# Ways in which the gradient vanishes earlier than in each image's own loss.
VANISHING = {"plain": "each image's own loss", "flushed": "subnormals flushed",
             "layers": "flushed in every layer", "mean": "mean loss",
             "mean_flushed": "mean loss, subnormals flushed",
             "mean_layers": "mean loss, flushed in every layer"}


@measure(f"fgs_vanishing_layers_{EPSILON}", last_only=True)
def fgs_vanishing(net, data):
    """FGSM of each image's own loss and of the mean over the test set: as it is; with
    the subnormals of the residual and of the gradient flushed to zero; and with those
    of every layer between, too."""
    x = images_of(data, "x_test")
    mean = vanishing.mean_over(cross_entropy, len(x))
    once, always = vanishing.Flushed(net), vanishing.FlushedLayers(net)
    ways = {"plain": (cross_entropy, net), "mean": (mean, net),
            "flushed": (vanishing.flushed(cross_entropy), once),
            "layers": (vanishing.flushed(cross_entropy), always),
            "mean_flushed": (vanishing.flushed(mean), once),
            "mean_layers": (vanishing.flushed(mean), always)}
    numbers = {}
    for way in VANISHING:
        loss, model = ways[way]
        sweep = FGSM(loss=loss).sweep(model, x, data.y_test, (EPSILON,))
        numbers[f"fgs_error_{way}"] = percent(sweep.success)
        numbers[f"valid_fgs_{way}"] = percent(sweep.valid)
    return numbers


FGS_ERROR_VANISHING = tuple(
    Quantity(f"fgs_error_{way}", fgs_vanishing.measure, f"FGS error, {words}")
    for way, words in VANISHING.items())
VALID_FGS_VANISHING = tuple(
    Quantity(f"valid_fgs_{way}", fgs_vanishing.measure, f"valid, {words}")
    for way, words in VANISHING.items())


@measure(f"deepfool_{FIRST}", last_only=True)
def deepfool(net, data):
    """The mean relative perturbation that fools, of some test images."""
    numbers, (x, y) = {}, some(data, FIRST)
    for name, norm in (("deepfool_l2", 2), ("deepfool_linf", np.inf)):
        attack = DeepFool(norm)
        size = 100 * attack.relative_perturbation(x, attack(net, x, y))
        numbers[name] = size if np.isfinite(size) else None
    return numbers


DEEPFOOL_L2 = Quantity("deepfool_l2", deepfool.measure, "DeepFool L2")
DEEPFOOL_LINF = Quantity("deepfool_linf", deepfool.measure, "DeepFool Linf")


@measure(f"pgd_best_{EPSILON}_{PGD_FIRST}", last_only=True)
def pgd(net, data):
    """40 steps of PGD on some test images, as attacked and repaired."""
    x, y = some(data, PGD_FIRST)
    return {"pgd_error": percent(PGD(EPSILON)(net, x, y).success),
            "pgd_error_repaired": percent(
                PGD(EPSILON, loss=log_odds)(net, x, y).success)}


PGD_ERROR = Quantity("pgd_error", pgd.measure, "PGD error")
PGD_ERROR_REPAIRED = Quantity("pgd_error_repaired", pgd.measure, "PGD error, repaired")


@measure("activity", last_only=True)
def activity(net, data):
    """Hidden units active on the test set, and the median of z_y minus the
    largest other logit."""
    activations = forward(net.layers, data.x_test)
    rows, z = np.arange(len(data.y_test)), activations[-1].copy()
    right = z[rows, data.y_test]
    z[rows, data.y_test] = -np.inf
    hidden = np.concatenate([h > 0 for h in activations[1:-1]], axis=1)
    return {"active_hidden": percent(hidden),
            "logit_lead": float(np.median(right - z.max(axis=1)))}


ACTIVE_HIDDEN = Quantity("active_hidden", activity.measure, "active hidden units")
LOGIT_LEAD = Quantity("logit_lead", activity.measure, "median logit lead")
