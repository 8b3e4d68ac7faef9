"""Models the gradient of which hides what is there, each in one way."""
import numpy as np

from npgm.network import MLP

from . import networks
from .entry import entries, in_float64, sevens
from .layers import (Chain, WithVjp, affine, clipped, compressed, halved, in_turn, log,
                     quantized, ripples, softmax, square_root)

MODELS, entry = entries(masked=True)


# Rounding


@entry("residual_rounded")
def logits_times_1000():
    """Leads of some 4,000: every entry of the residual is rounded to zero."""
    return Chain(networks.early(), on_top=affine(1000))


@entry("residual_rounded")
def temperature_of_a_hundredth():
    """The same by a factor of 100, as a temperature left in the model: leads of 400."""
    return Chain(networks.early(), on_top=affine(100))


@entry("residual_rounded")
def defensive_distillation():
    """Trained at temperature 100, read at 1: leads of some 400, and a network that is
    an ordinary one else."""
    return networks.at_temperature()


@entry("residual_rounded", examples=in_float64)
def enormous_logits_in_float64():
    """Leads of some 40,000, where float64 has nothing left beyond 745."""
    return Chain(networks.widened(networks.early()), on_top=affine(10_000))


@entry("label_rounded residual_rounded")
def float16():
    """Logits as mixed precision gives them, with leads of some 20: float16 rounds the
    label's entry away from about 8 on, and all of the residual from about 17."""
    return Chain(networks.early(), on_top=in_turn(affine(5), halved))


@entry("label_rounded residual_rounded", slow=True)
def adam_at_a_large_rate():
    """A network really masked: leads of some 50."""
    return networks.masked()


@entry("label_rounded residual_rounded", found="silent", slow=True)
def adam_at_a_large_rate_and_a_narrow_layer():
    """Rounding, and beside it a layer of 20 units that are all off for every sixth
    image: the loss repaired finds no way there."""
    return networks.partly_silent()


@entry("label_rounded residual_rounded coarse_logits")
def large_logits_and_an_offset():
    """Leads of some 90, rounded to multiples of 8 by an offset of 1e8: most are beyond
    a threshold, the rest so coarse that their residual has few bits."""
    return Chain(networks.early(), on_top=affine(20, 1e8))


# Probabilities


@entry("probabilities")
def softmax_on_large_logits():
    """Probabilities of exactly 0 and 1, through which no gradient passes."""
    return Chain(networks.early(), on_top=in_turn(affine(100), softmax))


@entry("cut")
def log_of_clipped_probabilities():
    """As Keras computes cross-entropy from probabilities: log of p clipped to [1e-7,
    1 - 1e-7]. Beyond a lead of 16 every entry is clipped, and the clip's derivative 0.
    log p differs by 16 at most: the residual is alive."""
    return Chain(networks.early(), on_top=in_turn(
        affine(10), softmax, clipped(1e-7, 1 - 1e-7), log))


@entry("cut probabilities")
def clipped_probabilities():
    """The same without the log. That it is the clip and not the softmax that passes
    nothing on cannot be seen in p; what is to be done is the same."""
    return Chain(networks.early(), on_top=in_turn(
        affine(10), softmax, clipped(1e-7, 1 - 1e-7)))


# Paths that are cut or dead


@entry("silent", examples=sevens)
def a_class_by_default():
    """It says no unless its last hidden unit is on, which it is for sevens and what is
    nearly one: for all others, nine of ten, that layer is off."""
    return behind_one_unit(networks.told_sevens(), threshold=0.5)


@entry("silent", examples=sevens, clip=None)
def a_whole_layer_off():
    """The same unit with so low a bias that it is off for every example. Within epsilon
    there are still points that turn it on, with pixels below 0 and above 1."""
    x, _ = sevens()
    net = networks.told_sevens()
    highest = (net.logits(x) @ np.array([-1, 1], "float32")).max()
    return behind_one_unit(net, threshold=-highest - 0.1)


def behind_one_unit(net, threshold):
    """Of a network of two logits, the one h = max(0, z_1 - z_0 + threshold), and the
    logits (a, h) with a = threshold, so that classes stay as they are, or if that is
    below 0 just above it."""
    (W1, b1), (W, b) = net.layers
    a = max(threshold, 0.1)
    parts = (W1, b1, W[:, 1:] - W[:, :1], b[1:] - b[:1] + threshold,
             np.array([[0, 1]]), np.array([a, 0]))
    return MLP((*net.sizes[:2], 1, 2), np.concatenate(
        [np.ravel(part) for part in parts]).astype("float32")).copy()


@entry("cut silent")
def binarized_units():
    """tanh of 10,000 a for tanh of a: the units are at -1 or 1 to the last bit, and
    jump. Near an example some do, or none."""
    net = networks.tanh()
    return networks.Binarized(net.sizes, net.theta)


@entry("cut")
def quantized_input():
    """Pixels of 8 levels. The derivative of rounding is zero, as autograd has it."""
    return Chain(networks.early(), quantized(8))


@entry("cut")
def compressed_input():
    """The rounded cosine transform of JPEG, cut as the quantizer."""
    return Chain(networks.early(), compressed(0.3))


# Gradients that are none


@entry("cut")
def a_vjp_of_zeros():
    """As of a graph that was detached."""
    return WithVjp(networks.early(), lambda x, dx: np.zeros_like(dx))


@entry("wrong_vjp")
def a_vjp_of_noise():
    """The same at every call."""
    def noise(x, dx):
        return np.random.default_rng(0).standard_normal(dx.shape).astype(dx.dtype)
    return WithVjp(networks.early(), noise)


@entry("wrong_vjp random")
def a_vjp_of_fresh_noise():
    """Another at every call. The logits are always the same."""
    rng = np.random.default_rng(0)
    return WithVjp(networks.early(), lambda x, dx: rng.standard_normal(
        dx.shape).astype(dx.dtype))


@entry("wrong_vjp")
def a_vjp_of_the_wrong_sign():
    """Every step leads away from the mistakes."""
    return WithVjp(networks.early(), lambda x, dx: -dx)


@entry("not_finite")
def an_infinite_derivative():
    """The square root of each pixel goes in, and most pixels are 0. The logits are
    finite, the gradient is infinite there."""
    return Chain(networks.early(), square_root)


@entry("not_finite")
def weights_not_a_number():
    """Nothing it says means anything, and no number is to be reported: masked, lest it
    pass for measured. All examples count as mistakes before any attack."""
    net = networks.early().copy()
    net.layers[0][0][0, 0] = np.nan
    return net


# Gradients that are right and lead nowhere


@entry("rough")
def shattered():
    """Ripples on the input, 0.02 high and far shorter than epsilon: the derivative is
    right, and of another sign some 0.003 further on."""
    return Chain(networks.early(), ripples(0.02, 1000))


@entry("random")
def shattered_at_random():
    """The same with other phases at every call."""
    return Chain(networks.early(), ripples(0.02, 1000, again=True))


@entry("sound", verdict="one_step")
def overfitted_to_one_step():
    """Catastrophic overfitting: FGSM as attacked and repaired fools few, 40 steps all.
    The gradient is right, and to be followed but a little way."""
    return networks.overfitted_to_fgsm()
