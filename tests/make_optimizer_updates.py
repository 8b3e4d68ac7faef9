"""Write data/optimizer_updates.json: PyTorch's optimizers on given gradients.

Run once, where torch is installed: python tests/make_optimizer_updates.py
test_optimizers.py holds npgm's optimizers against the file, without torch.
"""
import json
from pathlib import Path

import numpy as np
import torch

UPDATES = 30
THETA = [0.5, -1.25, 3.0, -0.001, 2e4, 0.0, 1.0, -7.0]

# name in the file: (torch's class, its arguments)
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.01}),
    "momentum": (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.01, "lr_decay": 0, "eps": 1e-10,
                                      "initial_accumulator_value": 0}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}),
    "adam": (torch.optim.Adam, {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8}),
}


def make_gradients():
    """(UPDATES, 8): one parameter a column, each with another kind of gradient."""
    rng = np.random.default_rng(0)
    g = rng.normal(size=(UPDATES, len(THETA)))
    g[:, 1] *= 1e-9                                     # of the size of epsilon
    g[:, 2] = 1e-3                                      # constant
    g[:, 3] *= 10.0 ** rng.integers(-12, 3, UPDATES)    # of every size
    g[:, 4] = np.abs(g[:, 4]) * 1e6                     # huge
    g[:, 5] = 0                                         # none, ever
    g[rng.random(UPDATES) < 0.8, 6] = 0                 # rare
    g[:10, 7] = 0                                       # late
    return g


def thetas(cls, arguments, gradients):
    """theta after every update, in float64."""
    theta = torch.tensor(THETA, dtype=torch.float64, requires_grad=True)
    optimizer = cls([theta], **arguments)
    after = []
    for g in gradients:
        theta.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        after.append(theta.tolist())
    return after


def main():
    gradients = make_gradients()
    record = {
        "made_by": f"torch {torch.__version__}, float64",
        "theta": THETA,
        "gradients": gradients.tolist(),
        "optimizers": {
            name: {"torch": f"torch.optim.{cls.__name__}", "arguments": arguments,
                   "thetas": thetas(cls, arguments, gradients)}
            for name, (cls, arguments) in OPTIMIZERS.items()},
    }
    path = Path(__file__).parent / "data" / "optimizer_updates.json"
    path.write_text(json.dumps(record) + "\n")      # repr keeps every bit


if __name__ == "__main__":
    main()
