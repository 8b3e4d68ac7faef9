"""Other people's models: logits(x), vjp(x, dz) and linearize(x) of what their libraries
make, or an npgm.MLP of its arrays."""
from npgm.models.arrays import from_arrays
from npgm.models.libraries import from_jax, from_sklearn, from_torch
from npgm.models.spec import load

__all__ = ["from_arrays", "from_jax", "from_sklearn", "from_torch", "load"]
