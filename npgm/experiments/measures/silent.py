"""Where the small steps of an attack are caught: hidden layers that are all off."""
import numpy as np

from npgm.attacks import FGSM, PGD, input_gradient
from npgm.attacks.fgsm import sign_step
from npgm.experiments.measures.measure import (FIRST, Quantity, measure, percent, some)
from npgm.experiments.protocol import EPSILON
from npgm.losses import log_odds, mistakes
from npgm.network import backward_to_x, forward

STEPS = 40                              # or as many as reach epsilon
PARTS = (1, 2, 5, 10, 20, 40, 80)       # of epsilon that a step is
STEP_SIZES = tuple(EPSILON / parts for parts in PARTS)


class Opened:
    """An MLP whose gradient goes through a hidden layer that is all off as if it was
    all on: straight through (Bengio, Leonard and Courville 2013, arXiv 1308.3432), but
    only there. Where no layer is all off, and in its logits, it is the network."""

    def __init__(self, net):
        self.net = net

    def logits(self, x):
        """z (N, C)."""
        return self.net.logits(x)

    def vjp(self, x, dz):
        """J(x)^T dz (N, D), through what is off."""
        return self.linearize(x)[1](dz)

    def linearize(self, x):
        """As `MLP.linearize`."""
        activations = forward(self.net.layers, x)
        open_ = [x, *(np.where(h.any(axis=1, keepdims=True), h, 1)
                      for h in activations[1:-1])]
        return activations[-1], lambda dz: backward_to_x(self.net.layers, open_, dz)


def silent(net, x):
    """(N,): all units of one of the hidden layers of an MLP are off at x (N, D)."""
    hidden = forward(net.layers, x)[1:-1]
    return ~np.all([h.any(axis=1) for h in hidden], axis=0)


def walk(model, x, y, attack):
    """The steps of a PGD from x on, until an example is fooled; where the gradient is
    zero it stays, while PGD begins again elsewhere. -> fooled (N,); the last points
    (N, D)."""
    at, fooled = x.copy(), np.zeros(len(x), bool)
    for _ in range(attack.steps):
        going = np.flatnonzero(~fooled)
        if not going.size:
            break
        gradient = input_gradient(model, at[going], y[going], attack.loss)
        fooled[going] = mistakes(gradient.z, y[going])
        at[going] = attack.project(sign_step(
            at[going], gradient.dx, x.dtype.type(attack.step_size)), x[going])
    return fooled | mistakes(model.logits(at), y), at


@measure(f"silent_layers_{EPSILON}_{FIRST}", last_only=True)
def silent_layers(net, data):
    """Repaired PGD on some test images by the size of its steps: its error without and
    with new beginnings, how many it leaves where a layer is off, and its error if the
    gradient is let through such layers; and one step of epsilon."""
    x, y = some(data, FIRST)
    numbers = {"one_step": percent(FGSM(EPSILON, log_odds)(net, x, y).success)}
    for parts, size in zip(PARTS, STEP_SIZES):
        attack = PGD(EPSILON, max(STEPS, parts), size, log_odds, until_fooled=True)
        fooled, last = walk(net.compiled(), x, y, attack)
        opened, _ = walk(Opened(net), x, y, attack)
        numbers.update({
            f"error_{size}": percent(fooled),
            f"caught_{size}": percent(~fooled & silent(net, last)),
            f"restarted_{size}": percent(attack(net, x, y).success),
            f"opened_{size}": percent(opened)})
    return numbers


def _by_size(name, heading):
    return Quantity(name, silent_layers.measure, heading, entry=name + "_{step_size}")


ONE_STEP = Quantity("one_step", silent_layers.measure, "FGSM, repaired")
BY_SIZE = (_by_size("error", "PGD, repaired"),
           _by_size("caught", "held where a layer is off"),
           _by_size("restarted", "PGD beginning again"),
           _by_size("opened", "PGD, gradient let through"))
