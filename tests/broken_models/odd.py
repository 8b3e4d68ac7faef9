"""Models that are odd, but FGSM as attacked finds what is there: not masked. Their
cause is told all the same."""
import numpy as np

from . import networks
from .entry import entries, in_float64
from .layers import (Chain, WithVjp, affine, bounded, clipped, dropout, halved, in_turn,
                     log, noise, quantized, softmax)

MODELS, entry = entries(masked=False)


@entry("sound")
def softmax_on_top():
    """Probabilities, not saturated: leads of 5, so 1 - p is about 0.01."""
    return Chain(networks.early(), on_top=softmax)


@entry("probabilities")
def softmax_on_confident_logits():
    """Leads of some 15: 1 - p is about 1e-6 and the gradient as small, but float32
    holds such numbers to as many digits as others: its signs are right."""
    return Chain(networks.early(), on_top=in_turn(affine(3), softmax))


@entry("sound")
def log_of_clipped_probabilities_early():
    """Keras' clip, where few entries reach it, and hardly ever the label's."""
    return Chain(networks.early(), on_top=in_turn(
        softmax, clipped(1e-7, 1 - 1e-7), log))


@entry("label_rounded", examples=in_float64)
def the_label_rounded_alone():
    """float64 and leads of some 40: the label's entry is 0 for most, the others lead
    to another class all the same."""
    return Chain(networks.widened(networks.early()), on_top=affine(10))


@entry("sound")
def float16_early():
    """Leads of 5 are below float16's threshold of 8."""
    return Chain(networks.early(), on_top=halved)


@entry("coarse_logits")
def a_common_offset():
    """1e8 on every logit, in float32 multiples of 8: a tenth of the examples change
    their class by it. But softmax takes the offset off again, what is left of the
    residual keeps its sign, and the vjp knows of no offset."""
    return Chain(networks.early(), on_top=affine(1, 1e8))


@entry("random")
def noisy_output():
    """Noise of 0.1 on the logits, of which the gradient knows nothing: right."""
    return Chain(networks.early(), on_top=noise(0.1))


@entry("random")
def noisy_input():
    """Noise of 0.1 on each pixel, as in randomized smoothing."""
    return Chain(networks.early(), noise(0.1))


@entry("random")
def dropout_left_on():
    """Of half the pixels, another half at each call: FGSM fools all of them."""
    return Chain(networks.early(), dropout(0.5))


@entry("sound")
def nearly_deterministic():
    """Noise of 1e-6 on the logits, as of sums made in another order each time."""
    return Chain(networks.early(), on_top=noise(1e-6))


@entry("rough wrong_vjp")
def quantized_input_straight_through():
    """8 levels, and for the derivative of rounding 1: no derivative, but what it
    should be replaced by to attack it (BPDA). It works."""
    return Chain(networks.early(), quantized(8, straight_through=True))


@entry("wrong_vjp")
def clipped_gradient():
    """No entry beyond 0.01: the wrong gradient, with the right signs."""
    return WithVjp(networks.early(), lambda x, dx: np.clip(dx, -0.01, 0.01))


@entry("wrong_vjp")
def normalized_gradient():
    """Of length 1: in the right direction."""
    return WithVjp(networks.early(), lambda x, dx: dx / np.maximum(
        np.linalg.norm(dx, axis=1, keepdims=True), 1e-30))


@entry("sound")
def bounded_logits():
    """10 tanh(z / 10), not saturated."""
    return Chain(networks.early(), on_top=bounded(10))


@entry("sound rough", slow=True)
def winners_take_all():
    """k-WTA, 5 of 300 units. Made to shatter the gradient; at this epsilon, on
    MNIST, one step goes through."""
    return networks.winners_take_all()
