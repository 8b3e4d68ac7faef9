"""The compiled network while its weights stay as they are, as an attack has it."""
from typing import NamedTuple

import numpy as np

from npgm.compiled.kernels import multiply
from npgm.compiled.network import CompiledMLP, forward
from npgm.compiled.signs import sign_product
from npgm.network import aligned_zeros


class Seen(NamedTuple):
    """Examples x (N, D) that nobody writes to, nor to what they are a view of; what
    layer 1 made of them before its ReLU, start (N, m); and their logits z (N, C)."""

    x: np.ndarray
    start: np.ndarray
    z: np.ndarray


class FixedMLP(CompiledMLP):
    """A CompiledMLP for as long as theta does not change: nothing is computed twice.

    Of the examples last asked about that nobody may write to, what was found is kept:
    an attack sees to that, and goes on to ask about the same examples moved."""

    remembers = True        # so that a line needs no second look at where it starts

    def __init__(self, net):
        super().__init__(net)
        self._seen = None

    def logits(self, x):
        """As `MLP.logits`; known, of rows that stand where they stood."""
        seen, x = self._seen, self.net.check_x(x)
        if seen is None or seen.x.shape != x.shape or not x.flags.writeable:
            return self._forward(x)
        moved = (x != seen.x).any(axis=1)
        if moved.all():
            return self._forward(x)
        z = seen.z.copy()
        if moved.any():
            z[moved] = self._forward(x[moved])
        return z

    def logits_on_line(self, x, s):
        """As `MLP.logits_on_line`, but the function holds until other examples are
        asked about. Layer 1 is asked about s alone, and about rows that move."""
        if not (self._seen and self._seen.x is x):
            return super().logits_on_line(x, s)
        if len(self.net.check_x(s)) != len(x):
            self.net.check_line(x, s)
        _, start, z = self._seen
        moving = s.any(axis=1)
        if not moving.all():
            start, s = start[moving], s[moving]
        along = self._along(start, self._slope(s), s)

        def logits(epsilon):
            moved = z.copy()
            moved[moving] = along(epsilon)
            return moved
        return logits

    def _slope(self, s):
        """s W1; of rows of nothing but signs by `sign_product`, which is faster."""
        signs, W = (np.abs(s) == 1).all(axis=1), self.net.layers[0][0]
        if signs.all():
            return sign_product(s, W)
        slope, rest = aligned_zeros((len(s), W.shape[1]), W.dtype), s[~signs]
        slope[signs] = sign_product(s[signs], W)
        (first, *_), scratch = self._layers(rest)
        multiply(first.H, scratch.room, W, scratch.zeros, first.Z)
        slope[~signs] = first.Z
        return slope

    def _forget(self):
        """Nothing: theta is what it was."""

    def _forward(self, x):
        """As `CompiledMLP._forward`; Seen, if x may be kept."""
        layers, scratch = self._layers(x)
        if x.flags.writeable:
            forward(layers, scratch, 0)
            return layers[-1].Z.copy()
        (first, *others), start = layers, aligned_zeros(layers[0].Z.shape, x.dtype)
        multiply(first.H, scratch.room, first.W, first.b, start)
        if others:
            np.maximum(start, 0, out=first.Z)
            forward(layers, scratch, 1)
        else:
            first.Z[:] = start
        self._seen = Seen(x, start, layers[-1].Z.copy())
        return self._seen.z.copy()
