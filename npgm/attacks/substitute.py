"""A black-box attack by way of a substitute (Papernot, McDaniel, Goodfellow, Jha, Celik
and Swami 2017, arXiv 1602.02697): of the model only labels are asked."""
from dataclasses import dataclass

import numpy as np

from npgm import checks
from npgm.attacks.base import Attack, clipped, input_gradient
from npgm.attacks.fgsm import FGSM
from npgm.attacks.surrogate import HIDDEN, STEPS, train_surrogate
from npgm.attacks.transfer import ByAttack, Transfer


@dataclass(frozen=True)
class Substitute(ByAttack):
    """x_adv as `attack` makes it on a substitute F, a network of our own, trained to
    give the labels O(x) that the model gives, the paper's Algorithm 1:

        S_0: some examples; for rho = 0, 1, ... epochs - 1:
            F = trained on S_rho with the labels O(x)
            S_{rho+1} = S_rho and x + lambda_rho sign(dF_{O(x)}(x) / dx)

    for all x of S_rho, or from rho = sigma on for `reservoir` of them, each as likely
    (reservoir sampling, which keeps S from doubling), with lambda_rho = step_size *
    (-1)^floor(rho / period), the periodic step size. F is the softmax: the sign of its
    derivative is taken from the log odds, which have the same and are not rounded.

    attack: any that goes by a gradient; epsilon, clip and target are its own, and new x
    are brought within its clip. initial: how many of the examples are S_0, drawn at
    random. epochs: rho_max, six in the paper on MNIST. step_size: lambda, in pixels.
    period: tau, in epochs; None keeps the sign. sigma, reservoir: in epochs, and kappa
    in examples; None takes all. hidden: the widths of F's hidden layers, ReLU. updates:
    of each training, from fresh weights, by Adam, in batches of 100. seed: of the
    weights, the batches and what is drawn.

    `fit` gives what is found of a model by way of other examples: a Transfer. queries
    counts each label once. valid and lost_at tell of F's gradient, success of the
    model: it is the transfer.
    """

    attack: Attack = FGSM(loss="log_odds")
    initial: int = 150
    epochs: int = 6
    step_size: float = 0.1
    period: int | None = None
    sigma: int = 3
    reservoir: int | None = 400
    hidden: tuple = HIDDEN
    updates: int = STEPS
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        for name, least in (("initial", 1), ("epochs", 1), ("period", 1), ("sigma", 0),
                            ("reservoir", 1), ("updates", 1)):
            value = getattr(self, name)
            if value is not None or name not in ("period", "reservoir"):
                object.__setattr__(self, name, checks.count(name, value, least))
        object.__setattr__(self, "hidden", tuple(
            checks.count("hidden", width) for width in (
                self.hidden if np.iterable(self.hidden) else [self.hidden])))

    def fit(self, model, x):
        """The attack on a substitute for the model, found by way of the examples x
        (N, ...): a Transfer, its `source` the substitute."""
        model, rows, _ = self.prepared(model, x, np.zeros(len(x), int))
        return self._transfer(model, rows)

    def over(self, model, x, y):
        return self._transfer(model, x).run

    def _transfer(self, model, x):
        return Transfer(self._substitute(model, x), self.attack)

    def _substitute(self, model, x):
        """F, of what the model says of some rows x (N, D) and of those made of them."""
        def ask(x):
            z = np.concatenate([model.logits(x[i:i + self.piece])
                                for i in range(0, len(x), self.piece)])
            return z.argmax(axis=1), z.shape[1]
        rng = np.random.default_rng(self.seed)
        S = x[rng.permutation(len(x))[:self.initial]]
        labels, classes = ask(S)

        def train():
            return train_surrogate(S, labels, classes, self.seed, self.hidden,
                                   self.updates)
        F = train()
        for rho in range(self.epochs - 1):
            new = self._augment(F, S, labels, rho, rng)
            S = np.concatenate([S, new])
            labels = np.concatenate([labels, ask(new)[0]])
            F = train()
        return F

    def _augment(self, F, S, labels, rho, rng):
        """What S_{rho+1} has and S_rho, S, has not."""
        if self.reservoir is not None and rho >= self.sigma:
            chosen = rng.permutation(len(S))[:self.reservoir]
            S, labels = S[chosen], labels[chosen]
        step = self.step_size * (-1) ** (rho // self.period if self.period else 0)
        down = input_gradient(F.compiled(), S.astype(F.dtype), labels, "log_odds").dx
        return clipped(S - S.dtype.type(step) * np.sign(down).astype(S.dtype),
                       getattr(self, "clip", None))
