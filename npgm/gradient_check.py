"""Gradients by hand against central differences, judged by relative error.

An absolute tolerance would pass a gradient of zeros, which is exactly what
masking produces.
"""
import numpy as np

from npgm.errors import InputError
from npgm.losses import named
from npgm.network import layer_views

STEP = 1e-5


def check_gradients(net, x, y, loss="cross_entropy", coordinates=50, seed=0):
    """Relative errors of net.loss_gradients, by block: {"W1": ..., "b1": ...,
    ..., "x": ...}.

    Each block is compared at up to `coordinates` entries drawn by seed: the
    norm of the difference over the larger norm. For x that is the worst over
    the examples, each against its own loss. net, x (N, D) must be float64
    (InputError). Below 1e-6 is right; a value near a ReLU's kink may be above.
    """
    if net.dtype != np.float64:
        raise InputError(f"the network is {net.dtype}: differences need float64, for "
                         "example MLP.initialize(..., dtype='float64')")
    rng, loss = np.random.default_rng(seed), named(loss)
    analytic = net.loss_gradients(x, y, loss)
    y = net.check_y(y, len(x))
    shifted = net.copy()
    errors = {}
    for i, (arrays, gradients) in enumerate(zip(
            shifted.layers, layer_views(net.sizes, analytic.dtheta)), 1):
        for name, array, gradient in zip("Wb", arrays, gradients):
            at = _choose(rng, array.size, coordinates)
            numeric = differences(lambda: loss(shifted.logits(x), y)[0].mean(),
                                  array.reshape(-1), at)
            errors[f"{name}{i}"] = relative_error(gradient.reshape(-1)[at], numeric)
    at = _choose(rng, net.sizes[0], coordinates)
    errors["x"] = max(_example_error(net, x[i:i + 1], y[i:i + 1], loss, at,
                                     analytic.dx[i]) for i in range(len(x)))
    return errors


def differences(value, array, at):
    """(value() with array[k] + STEP - value() with array[k] - STEP) / (2 STEP)
    for every k in at; array is left as it was."""
    result = np.empty(len(at))
    for n, k in enumerate(at):
        before = array[k]
        array[k] = before + STEP
        above = value()
        array[k] = before - STEP
        result[n] = (above - value()) / (2 * STEP)
        array[k] = before
    return result


def relative_error(a, b):
    """|a - b| / max(|a|, |b|) in the Euclidean norm; 0 if both are zero, infinite
    if an entry is not a number."""
    largest = max(np.abs(a).max(), np.abs(b).max())     # its square may underflow
    if largest == 0:
        return 0.0
    a, b = a / largest, b / largest
    error = np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b))
    return float(error) if np.isfinite(error) else np.inf


def _example_error(net, x, y, loss, at, gradient):
    shifted = x.copy()
    numeric = differences(lambda: loss(net.logits(shifted), y)[0][0],
                          shifted.reshape(-1), at)
    return relative_error(gradient[at], numeric)


def _choose(rng, size, count):
    return rng.choice(size, min(size, count), replace=False)
