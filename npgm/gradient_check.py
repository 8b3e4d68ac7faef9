"""Gradients by hand against central differences, judged by relative error.

An absolute tolerance would pass a gradient of zeros, which is exactly what
masking produces.
"""
import numpy as np

from npgm import checks
from npgm.attacks.base import checked, input_gradient
from npgm.errors import InputError
from npgm.losses import named
from npgm.network import MLP, layer_views


def check_gradients(model, x, y, loss="cross_entropy", coordinates=50, seed=0):
    """Relative errors of a model's gradients, by block: {"W1": ..., "b1": ..., ...,
    "x": ...}; {"x": ...} for any object with logits(x) and vjp(x, dz).

    Each block is compared at up to `coordinates` entries drawn by seed: the
    norm of the difference over the larger norm. For x that is the worst over
    the examples, each against its own loss. In float64 below 1e-6 is right; a value
    near a ReLU's kink may be above. An MLP and its x (N, D) must be float64
    (InputError). The x of other models may be of any shape (N, ...); in float32
    differences tell no more than a gradient of zeros or noise from a right one.
    """
    loss, rng = named(loss), np.random.default_rng(checks.seed(seed))
    checks.count("coordinates", coordinates)
    if isinstance(model, MLP):
        if model.dtype != np.float64:
            raise InputError(f"the network is {model.dtype}: differences need float64, "
                             "for example MLP.initialize(..., dtype='float64')")
        gradients = model.loss_gradients(x, y, loss)
        y, dx = model.check_y(y, len(x)), gradients.dx
        errors = _theta_errors(model, x, y, loss, gradients.dtheta, coordinates, rng)
    else:
        model, x, y = checked(model, x, y)
        errors, dx = {}, input_gradient(model, x, y, loss).dx
    at = _choose(rng, x.shape[1], coordinates)
    errors["x"] = max(_example_error(model, x[i:i + 1], y[i:i + 1], loss, at, dx[i])
                      for i in range(len(x)))
    return errors


def _theta_errors(net, x, y, loss, dtheta, coordinates, rng):
    errors, shifted = {}, net.copy()
    for i, (arrays, gradients) in enumerate(zip(
            shifted.layers, layer_views(net.sizes, dtheta)), 1):
        for name, array, gradient in zip("Wb", arrays, gradients):
            at = _choose(rng, array.size, coordinates)
            numeric = differences(lambda: loss(shifted.logits(x), y)[0].mean(),
                                  array.reshape(-1), at)
            errors[f"{name}{i}"] = relative_error(gradient.reshape(-1)[at], numeric)
    return errors


def differences(value, array, at):
    """(value() with array[k] + h - value() with array[k] - h) / 2h for every k in at;
    array is left as it was. h: 1e-5 in float64, 1e-2 in float32."""
    result, h = np.empty(len(at)), 1e-5 if array.dtype == np.float64 else 1e-2
    for n, k in enumerate(at):
        before = array[k]
        array[k] = before + h
        above, upper = float(value()), float(array[k])
        array[k] = before - h
        result[n] = (above - float(value())) / (upper - float(array[k]))
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


def _example_error(model, x, y, loss, at, gradient):
    shifted = x.copy()
    numeric = differences(lambda: loss(model.logits(shifted), y)[0][0],
                          shifted.reshape(-1), at)
    return relative_error(gradient[at], numeric)


def _choose(rng, size, count):
    return rng.choice(size, min(size, count), replace=False)
