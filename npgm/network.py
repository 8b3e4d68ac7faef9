"""The multilayer perceptron, forward and backward by hand, in plain NumPy.

This is the reference: every kernel of training is tested against it. Shapes:
N examples, D inputs, C classes; W is (in, out); z (N, C) are the logits.
"""
from dataclasses import dataclass

import numpy as np

from npgm import checks, formats, losses
from npgm.errors import DataError, InputError

SCHEMES = ("truncated_normal", "he")        # initial weights, see MLP.initialize


@dataclass(frozen=True)
class Gradients:
    """loss (N,): one value an example. dtheta (P,): gradient of the mean loss.
    dx (N, D): row i is the gradient of example i's own loss."""

    loss: np.ndarray
    dtheta: np.ndarray
    dx: np.ndarray


def relu(z):
    """max(0, z)."""
    return np.maximum(z, 0)


def forward(layers, x):
    """[x, h1, h2, ..., z]: the input of every layer, and the logits.

    h = max(0, h_before W + b) in hidden layers, z = h W + b in the last.
    """
    activations = [x]
    for i, (W, b) in enumerate(layers):
        z = activations[-1] @ W + b
        activations.append(z if i == len(layers) - 1 else relu(z))
    return activations


def backward(layers, activations, dz):
    """Yield (dW, db, dh) from the last layer to the first, for any dz (N, C).

    dW and db are summed over the examples; dh is the gradient of the layer's
    input, dx for the first. ReLU's derivative at 0 is 0.
    """
    for i in reversed(range(len(layers))):
        h, (W, _) = activations[i], layers[i]
        dh = dz @ W.T
        yield h.T @ dz, dz.sum(axis=0), dh
        dz = np.where(h > 0, dh, 0)


def backward_to_x(layers, activations, dz):
    """dx (N, D) alone: backward without the gradients of the weights."""
    for i in reversed(range(len(layers))):
        dh = dz @ layers[i][0].T
        dz = np.where(activations[i] > 0, dh, 0)
    return dh


class MLP:
    """Fully connected layers with ReLU between them and logits at the end.

    theta (P,) is one flat vector; `layers` are ((W1, b1), (W2, b2), ...), views
    of it, so a change of either shows in both.
    """

    def __init__(self, sizes, theta):
        """sizes: (D, hidden ..., C); theta (P,) is kept, not copied.

        Raises InputError if they do not fit each other.
        """
        self.sizes = checks.sizes(sizes)
        count = parameter_count(self.sizes)
        if not (isinstance(theta, np.ndarray) and theta.shape == (count,)
                and theta.dtype in checks.DTYPES and theta.flags.carray):
            found = (f"{theta.dtype}{theta.shape}" if isinstance(theta, np.ndarray)
                     else type(theta).__name__)
            raise InputError(f"theta is {found}: sizes {self.sizes} need a contiguous, "
                             f"writable float32 or float64 array of shape ({count},)")
        self.theta = theta
        self.layers = layer_views(self.sizes, theta)

    @classmethod
    def initialize(cls, sizes=(784, 600, 128, 10), seed=0, dtype="float32",
                   scheme="truncated_normal"):
        """A fresh network; the same seed gives the same weights.

        scheme: "truncated_normal" (standard deviation 0.1, drawn again beyond
        two of them; biases 0.1: the protocol's) or "he" (standard deviation
        sqrt(2 / inputs), biases 0: He et al. 2015).
        """
        sizes = checks.sizes(sizes)
        if scheme not in SCHEMES:
            raise InputError(f"scheme {scheme!r}: choose {' or '.join(SCHEMES)}")
        dtype = checks.dtype(dtype)
        rng = np.random.default_rng(checks.seed(seed))
        net = cls(sizes, aligned_zeros(parameter_count(sizes), dtype))
        for W, b in net.layers:
            if scheme == "he":
                W[:] = rng.standard_normal(W.shape) * np.sqrt(2 / len(W))
            else:
                W[:] = 0.1 * _truncated_normal(rng, W.shape)
                b[:] = 0.1
        return net

    def __repr__(self):
        return f"MLP(sizes={self.sizes}, dtype={self.dtype})"

    @property
    def dtype(self):
        return self.theta.dtype

    def copy(self):
        """A network of its own with the same weights."""
        theta = aligned_zeros(self.theta.size, self.dtype)
        theta[:] = self.theta
        return MLP(self.sizes, theta)

    def logits(self, x):
        """z (N, C). Raises InputError if x is not (N, D) of the net's dtype."""
        return forward(self.layers, self.check_x(x))[-1]

    def linearize(self, x):
        """z (N, C), and the function dz (N, C) -> J(x)^T dz (N, D).

        One forward pass serves any number of products.
        """
        activations = forward(self.layers, self.check_x(x))

        def vjp(dz):
            self.check_dz(dz, activations[-1])
            return backward_to_x(self.layers, activations, dz)
        return activations[-1], vjp

    def vjp(self, x, dz):
        """J(x)^T dz (N, D), with J the Jacobian of the logits, for any dz (N, C)."""
        return self.linearize(x)[1](dz)

    def logits_on_line(self, x, s):
        """The function epsilon -> logits of x + epsilon * s, for s (N, D).

        The first layer is linear, so it is needed only once:
        (x + epsilon s) W1 = x W1 + epsilon (s W1).
        """
        self.check_line(x, s)
        (W, b), others = self.layers[0], self.layers[1:]
        start = forward([(W, b)], x)[-1]
        slope = forward([(W, np.zeros_like(b))], s)[-1]

        def logits(epsilon):
            z = start + self.dtype.type(epsilon) * slope
            return forward(others, relu(z))[-1] if others else z
        return logits

    def loss_gradients(self, x, y, loss="cross_entropy"):
        """Gradients of a loss, given by its name or as a function of z and y, to
        theta and to x.

        x (N, D) of the net's dtype, y (N,) integers in [0, C). Raises InputError.
        """
        x, y = self.check_x(x), self.check_y(y, len(x))
        if not len(x):
            raise InputError("x has no examples: give at least one")
        activations = forward(self.layers, x)
        value, dz = losses.evaluate(loss, activations[-1], y)
        dtheta = np.empty_like(self.theta)
        views = layer_views(self.sizes, dtheta)
        for (dW, db), (W, b, dx) in zip(reversed(views), backward(
                self.layers, activations, dz)):
            dW[:] = W / len(x)
            db[:] = b / len(x)
        return Gradients(value, dtheta, dx)

    def mean_gradient(self, x, y, loss=losses.cross_entropy):
        """What an update needs: the loss of each example (N,), and dtheta (P,), the
        gradient of their mean. loss: a function of z and y."""
        gradients = self.loss_gradients(x, y, loss)
        return gradients.loss, gradients.dtheta

    def compiled(self, fixed=False):
        """The compiled twin of this network, which has its logits, vjp and
        mean_gradient, faster (npgm.compiled.CompiledMLP); faster still if theta is
        fixed for as long as the twin is used, and what read-only examples are a view of
        is too (npgm.compiled.FixedMLP).

        Itself where there is none to be trusted: Numba's JIT is off; `forward` or
        `backward` were edited, or are a subclass's; theta is not finite, which
        products that leave out zeros would not see.
        """
        from npgm.compiled import twin      # which loads Numba
        return twin(self, fixed)

    def check_x(self, x):
        """x itself, if it is a finite (N, D) array of the net's dtype."""
        if not isinstance(x, np.ndarray) or x.ndim != 2 or x.shape[1] != self.sizes[0]:
            raise InputError(f"x has shape {np.shape(x)}: this network needs "
                             f"(N, {self.sizes[0]}); of images x.reshape(len(x), -1)")
        if x.dtype != self.dtype:
            raise InputError(f"x is {x.dtype} but the network is {self.dtype}: "
                             f"convert one, for example x.astype('{self.dtype}')")
        return checks.finite(x)

    def check_line(self, x, s):
        """InputError unless x and s are examples, as many of each."""
        if len(self.check_x(x)) != len(self.check_x(s)):
            raise InputError(f"s has {len(s)} rows: give one for each of the "
                             f"{len(x)} examples")

    @staticmethod
    def check_dz(dz, z):
        """InputError unless dz is an array like the logits z."""
        if not (isinstance(dz, np.ndarray) and dz.shape == z.shape
                and dz.dtype == z.dtype):
            raise InputError(f"dz has shape {np.shape(dz)}: these logits need "
                             f"{z.dtype} of shape {z.shape}")

    def check_y(self, y, count):
        """y as an array, if it is `count` integer labels in [0, C), or as many rows of
        C probabilities, for a loss that takes such."""
        check = checks.probabilities if np.ndim(y) == 2 else checks.labels
        return check(y, count, self.sizes[-1])

    def save(self, path):
        """Write W1, b1, W2, b2, ... to an .npz archive, atomically; to .safetensors or
        .onnx if path ends so, by those libraries (the extra `files`)."""
        formats.write(path, {
            f"{name}{i}": array for i, layer in enumerate(self.layers, 1)
            for name, array in zip("Wb", layer)})

    @classmethod
    def load(cls, path):
        """A network from a file, as `save` writes it, of W1 (in, out), b1 (out,), W2,
        b2, ...

        Raises DataError if arrays are missing or do not fit together.
        """
        arrays = formats.read(path)
        count = len(arrays) // 2
        names = [f"{name}{i}" for i in range(1, count + 1) for name in "Wb"]
        if count == 0 or sorted(names) != sorted(arrays):
            raise DataError(f"{path} holds {str(sorted(arrays))[:200]}: a network is "
                            "saved as W1, b1, W2, b2, ...")
        sizes = [*(arrays[f"W{i}"].shape[0] if arrays[f"W{i}"].ndim == 2 else 0
                   for i in range(1, count + 1)), arrays[f"b{count}"].size]
        for i in range(count):
            expected = {"W": (sizes[i], sizes[i + 1]), "b": (sizes[i + 1],)}
            for name, shape in expected.items():
                array = arrays[f"{name}{i + 1}"]
                if array.shape != shape or array.dtype != arrays["W1"].dtype:
                    raise DataError(
                        f"{path}: {name}{i + 1} is {array.dtype}{array.shape}, but "
                        f"{arrays['W1'].dtype}{shape} would fit its neighbours"
                        + (": transposed? W is (in, out) here" if array.ndim == 2
                           and len(array) == arrays[f"b{i + 1}"].size else ""))
        if min(sizes) < 1 or sizes[-1] < 2:
            raise DataError(f"{path}: its arrays make a network of sizes "
                            f"{tuple(sizes)}; at least two classes are needed")
        if str(arrays["W1"].dtype) not in checks.DTYPES:
            raise DataError(f"{path}: W1 is {arrays['W1'].dtype}; float32 or float64 "
                            "is needed")
        net = cls(sizes, aligned_zeros(parameter_count(sizes), arrays["W1"].dtype))
        for i, (W, b) in enumerate(net.layers, 1):
            W[:], b[:] = arrays[f"W{i}"], arrays[f"b{i}"]
        return net


def parameter_count(sizes):
    return sum((n + 1) * m for n, m in zip(sizes, sizes[1:]))


def layer_views(sizes, theta):
    """((W1, b1), (W2, b2), ...), views of a flat vector laid out in that order."""
    layers, start = [], 0
    for n, m in zip(sizes, sizes[1:]):
        W = theta[start:start + n * m].reshape(n, m)
        b = theta[start + n * m:start + (n + 1) * m]
        layers.append((W, b))
        start += (n + 1) * m
    return tuple(layers)


def aligned_zeros(shape, dtype):
    """Zeros of a shape, or of a count, that begin at a cache line (64 bytes), so that
    the kernels' vectors do not straddle two."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + size].view(dtype).reshape(shape)


def _truncated_normal(rng, shape):
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
    return values
