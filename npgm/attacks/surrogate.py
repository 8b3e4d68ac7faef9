"""A network of our own, to make examples on that are tried on another model."""
import numpy as np

from npgm.network import MLP
from npgm.optimizers import Adam
from npgm.training import Trainer

HIDDEN, STEPS, BATCH = (128,), 1000, 100


def train_surrogate(x, y, classes, seed=0, hidden=HIDDEN, steps=STEPS):
    """An MLP trained with Adam on the examples x (N, D) and their labels y: float32,
    whatever x is. It need not be good: it only has to have a gradient."""
    x = x.astype("float32")
    net = MLP.initialize((x.shape[1], *hidden, classes), seed, scheme="he")
    trainer, rng = Trainer(net, Adam(0.001)), np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.integers(0, len(x), BATCH)
        trainer.update(x[rows], y[rows])
    return net
