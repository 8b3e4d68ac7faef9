"""The fast twins of network and optimizers, which nobody needs in order to understand
them. `MLP.compiled()` and `Optimizer.compiled()` lead here."""
import numpy as np

from npgm.compiled import jit, twins
from npgm.compiled.changes import summarize
from npgm.compiled.fixed import FixedMLP
from npgm.compiled.network import CompiledMLP
from npgm.compiled.update import compiled_update
from npgm.network import MLP

__all__ = ["CompiledMLP", "FixedMLP", "compiled_update", "summarize", "twin"]


def twin(net, fixed=False):
    """The CompiledMLP or FixedMLP of net, or net itself: see `MLP.compiled`."""
    trusted = (type(net) is MLP and not jit.disabled() and np.isfinite(net.theta).all()
               and twins.may_stand_in(twins.NETWORK))
    kind = FixedMLP if fixed else CompiledMLP
    return kind(net) if trusted else net
