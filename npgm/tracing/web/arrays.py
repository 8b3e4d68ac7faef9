"""Arrays as a page holds them: every number to the bit, each array once."""
import base64
import functools
import hashlib

import numpy as np

from npgm.tracing.pseudocode import text

# By what JavaScript calls an array of them: from the smallest on.
WHOLE = {"Uint8Array": np.uint8, "Uint16Array": np.uint16, "Int32Array": np.int32}
FLOATS = {"Float32Array": np.float32, "Float64Array": np.float64}


class Arrays:
    """packed: a list of {"type", "dtype", "shape", "exponent", "data"}, data in base64:
    the smallest of JavaScript's types that holds the numbers exactly; dtype is what
    they have in the trace, and are printed in, from `exponent` on with an exponent."""

    def __init__(self):
        self.packed, self._known = [], {}

    def add(self, values):
        """The place of values in packed; the same for the same numbers."""
        values = np.asarray(values)
        name, kept = _smallest(values)
        about = {"type": name, "dtype": str(values.dtype), "shape": values.shape,
                 "exponent": _exponent(values.dtype)}
        digest = hashlib.sha256(kept.tobytes()).digest()
        place = self._known.setdefault((*about.values(), digest), len(self.packed))
        if place == len(self.packed):
            data = base64.b64encode(kept.tobytes()).decode()
            self.packed.append({**about, "data": data})
        return place

    @property
    def size(self):
        """Characters of data."""
        return sum(len(one["data"]) for one in self.packed)


@functools.cache
def _exponent(dtype):
    """The power of ten from which on this NumPy prints numbers with an exponent, or
    None if it never does."""
    if dtype.kind != "f":
        return None
    return next(10.0 ** n for n in range(30) if "e" in text(dtype.type(10.0 ** n)))


def _smallest(values):
    """(JavaScript's name of a type, values in it, little-endian)."""
    types = FLOATS if values.dtype.kind == "f" else WHOLE
    for name, dtype in types.items():
        with np.errstate(all="ignore"):
            kept = values.astype(np.dtype(dtype).newbyteorder("<"))
        if np.array_equal(kept, values, equal_nan=values.dtype.kind == "f"):
            return name, kept
    raise TypeError(f"an array of {values.dtype} is none that a page can hold")
