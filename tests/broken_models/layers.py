"""What is put around a network to break it: layers before it and on top, another vjp.

A layer is a function v -> (its value, vjp), and vjp takes a gradient of the value to
that of v, as autograd does: what is drawn at random is drawn once for both.
"""
import numpy as np


class Chain:
    """A network with a layer before it and one on top."""

    def __init__(self, net, before=None, on_top=None):
        self.net, self.before, self.on_top = net, before or same, on_top or same

    def logits(self, x):
        return self.on_top(self.net.logits(self.before(x)[0]))[0]

    def vjp(self, x, dz):
        return self.linearize(x)[1](dz)

    def linearize(self, x):
        seen, to_x = self.before(x)
        z, to_seen = self.net.linearize(seen)
        out, to_z = self.on_top(z)
        return out, lambda dout: to_x(to_seen(to_z(dout)))


class WithVjp:
    """The logits of a network, and in place of its vjp change(x, its vjp)."""

    def __init__(self, net, change):
        self.net, self.change = net, change

    def logits(self, x):
        return self.net.logits(x)

    def vjp(self, x, dz):
        return self.change(x, self.net.vjp(x, dz))


class Ensemble:
    """The log of the mean of the networks' probabilities."""

    def __init__(self, nets):
        self.nets = nets

    def logits(self, x):
        return np.log(np.mean([softmax(net.logits(x))[0] for net in self.nets], axis=0))

    def vjp(self, x, dz):
        dp = dz / np.exp(self.logits(x)) / len(self.nets)
        return sum(net.vjp(x, softmax(net.logits(x))[1](dp)) for net in self.nets)


# Layers on top


def same(v):
    return v, lambda dv: dv


def affine(scale, offset=0):
    def layer(z):
        return z * z.dtype.type(scale) + z.dtype.type(offset), lambda dz: (
            dz * z.dtype.type(scale))
    return layer


def halved(z):
    """Rounded to float16, as mixed precision gives logits."""
    return z.astype("float16"), lambda dz: dz.astype(z.dtype)


def softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p, lambda dp: p * (dp - (p * dp).sum(axis=1, keepdims=True))


def log_softmax(z):
    log_p = z - z.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return log_p, lambda dz: dz - np.exp(log_p) * dz.sum(axis=1, keepdims=True)


def clipped(low, high):
    """Its derivative is 0 where it cuts, as autograd has it."""
    def layer(v):
        inside = (v >= low) & (v <= high)
        return np.clip(v, v.dtype.type(low), v.dtype.type(high)), lambda dv: dv * inside
    return layer


def log(p):
    return np.log(p), lambda dlog: dlog / p


def bounded(highest):
    """highest * tanh(z / highest)."""
    def layer(z):
        t = np.tanh(z / z.dtype.type(highest))
        return z.dtype.type(highest) * t, lambda dz: dz * (1 - t * t)
    return layer


def noise(size, seed=0):
    """Gaussian noise, another at each call."""
    rng = np.random.default_rng(seed)

    def layer(v):
        return v + (size * rng.standard_normal(v.shape)).astype(v.dtype), lambda dv: dv
    return layer


def in_turn(*layers):
    def layer(v):
        backwards = []
        for each in layers:
            v, vjp = each(v)
            backwards.insert(0, vjp)

        def vjp_of_all(dv):
            for vjp in backwards:
                dv = vjp(dv)
            return dv
        return v, vjp_of_all
    return layer


# Layers before


def quantized(levels, straight_through=False):
    """x on so many levels. Its derivative is 0 almost everywhere, and that is what
    autograd gives; or, straight through (BPDA: Athalye, Carlini and Wagner 2018), 1."""
    highest = levels - 1

    def layer(x):
        return np.round(x * highest) / highest, lambda dx: (
            dx if straight_through else np.zeros_like(dx))
    return layer


def ripples(size, frequency, again=False, seed=0):
    """x + size * sin(frequency * x + phase), each pixel with a phase of its own, drawn
    once or, again, at every call. x hardly changes, but the derivative, 1 + size *
    frequency * cos(...), is of either sign."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, 784)

    def layer(x):
        shift = rng.uniform(0, 2 * np.pi, 784) if again else phase
        angle = frequency * x + shift.astype(x.dtype)
        slope = 1 + x.dtype.type(size * frequency) * np.cos(angle)
        return x + x.dtype.type(size) * np.sin(angle), lambda dx: dx * slope
    return layer


def dropout(rate, seed=0):
    """Left on: another mask at each call."""
    rng = np.random.default_rng(seed)

    def layer(x):
        kept = (rng.random(x.shape) >= rate) / x.dtype.type(1 - rate)
        return x * kept.astype(x.dtype), lambda dx: dx * kept.astype(x.dtype)
    return layer


def compressed(step, block=7):
    """Images of 28 x 28 pixels as JPEG keeps them: the cosine transform of each block,
    rounded to multiples of step. Its derivative is 0, as a rounding's."""
    k, n = np.arange(block)[:, None], np.arange(block)
    C = np.sqrt(2 / block) * np.cos(np.pi * (n + 0.5) * k / block)
    C[0] /= np.sqrt(2)
    C = np.kron(np.eye(28 // block), C)

    def layer(x):
        c = C @ x.reshape(-1, 28, 28) @ C.T
        kept = C.T @ (np.round(c / step) * step) @ C
        return kept.reshape(x.shape).astype(x.dtype), np.zeros_like
    return layer


def square_root(x):
    """Of infinite derivative at 0."""
    root = np.sqrt(np.maximum(x, 0))
    return root, lambda dx: dx / (2 * root)


def standardized(mean, deviation):
    def layer(x):
        return (x - x.dtype.type(mean)) / x.dtype.type(deviation), lambda dx: (
            dx / x.dtype.type(deviation))
    return layer
