"""The same training update and the same FGSM in other libraries, each written
as its own users would write it.

A peer is made with Peer(net, data, optimizer): the initial weights of an npgm
MLP, an npgm Dataset, and one of npgm's optimizers, whose conventions it must
follow. It offers

    update(rows)            one update on those training examples
    loss()                  mean cross-entropy on the first 1,000 of them
    fgsm_errors(epsilons)   FGS error in percent on the test images at each epsilon,
                            after the natural error

and `OPTIMIZERS`, those it can do. A peer whose library is missing raises
ImportError when its module is imported.
"""
import importlib

NAMES = ("npgm", "numpy", "torch", "torch_fused", "torch_compiled", "jax", "sklearn")
MODULES = {"torch_fused": "torch", "torch_compiled": "torch"}


def available():
    """({name: Peer class}, {name: why it is missing})."""
    found, missing = {}, {}
    for name in NAMES:
        module = f"benchmarks.peers.with_{MODULES.get(name, name)}"
        try:
            found[name] = importlib.import_module(module).PEERS[name]
        except ImportError as error:
            missing[name] = str(error)
    return found, missing
