"""Extended defensive distillation (Papernot and McDaniel 2017, arXiv 1705.05264): a
class for outliers, and labels that say how sure a teacher is."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from npgm import checks
from npgm.data import images_of
from npgm.defences.distillation import check_loss
from npgm.errors import InputError
from npgm.losses import cross_entropy, mistakes, soft_cross_entropy, softmax
from npgm.network import forward, relu

BLOCK = 500     # images of one random stream
STREAM = 1      # beside a seed: what else draws by it has other streams


def uncertainty(layers, x, passes, dropout, seed):
    """sigma (N,) of images x (N, D): over passes m with dropout, and logits j,

        sigma(x) = mean_m sum_j (z_j^m(x) - mean_m z_j^m(x))^2

    layers: ((W1, b1), ...) as MLP.layers, at least two. Draws depend on the seed and on
    where an image stands, not on the other images; products are NumPy's, whose rounding
    may depend on how many threads its BLAS has (the experiments give it one).
    """
    sigma = np.empty(len(x), x.dtype)
    for start in range(0, len(x), BLOCK):
        rng = np.random.default_rng([seed, start, STREAM])
        h = relu(forward(layers[:1], x[start:start + BLOCK])[-1])
        N = len(h)
        h = np.pad(h, ((0, BLOCK - N), (0, 0)))     # as many draws for any N
        z = np.array([dropped(layers[1:], h, dropout, rng) for _ in range(passes)])
        spread = ((z - z.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0)
        sigma[start:start + N] = spread[:N]
    return sigma


def dropped(layers, h, dropout, rng):
    """Logits of one pass, from the first hidden layer's output h (N, n) on: each hidden
    unit of each image is 0 with probability `dropout`, else divided by 1 - dropout
    (Srivastava and others 2014)."""
    for i, layer in enumerate(layers):
        h = h if i == 0 else relu(h)
        keep = rng.random(h.shape, np.float32) >= dropout
        h = forward([layer], np.where(keep, h / h.dtype.type(1 - dropout), 0))[-1]
    return h


def labelling(sigma, y, outputs, alpha):
    """k (N, outputs), of uncertainties sigma (N,) and labels y (N,):

        k_j(x) = 1 - alpha sigma(x) / max sigma    j is the label
                 alpha sigma(x) / max sigma        j is the last, the class for outliers
                 0                                 any other
    """
    share = sigma.dtype.type(alpha) * sigma / (sigma.max() or 1)
    k = np.zeros((len(y), outputs), sigma.dtype)
    k[np.arange(len(y)), y] = 1 - share
    k[:, -1] = share
    return k


@dataclass(frozen=True)
class ExtendedDistillation:
    """A teacher is trained on the labels; how much its logits differ from one pass with
    dropout to the next is its uncertainty about an image (`uncertainty`). The student
    has one output more, a class for outliers, and learns labels from which the
    uncertain part is taken and given to that class (`labelling`), by
    -sum_j k_j log softmax(z)_j. An adversarial example is then *recovered*, if the
    student gives its label, *detected*, if it gives the last class, and has fooled it
    only if it gives any other (`answers`). A natural image that is taken for an outlier
    is an error.

    sigma grows with the square of the logits: an image of which the teacher is sure,
    with large ones, may have a larger sigma than one that it gets wrong.

    alpha: in [0, 1], how much of a label the most uncertain image loses. dropout: in
    (0, 1), the share of hidden units dropped. passes: how many there are, N; sigma errs
    by some sqrt(2 / N) of itself, less for several logits.

    The network needs an output more than there are labels: `npgm.train` is given one
    such, the experiments make one (`extra_outputs`). AttackResult.success, and each
    error under attack that is made of it, count a detected example as a success: it has
    not its label any more. `answers` on x_adv tells the two apart, as the measure
    `outliers` does; an attack that goes round the class for outliers has `evasion`.

    What is the paper's: two networks, the dropout, the class for outliers, what
    counts as recovered or detected. sigma and k are written from memory, the paper not
    being at hand; a public reimplementation in PyTorch has the same two, with alpha
    0.9, 20 passes (too few, it says), 0.2 of the inputs and 0.5 of a hidden layer's
    units dropped, and one more term in its loss, of logits, which is not here. What is
    ours: hidden units are dropped, no inputs, so that the first layer is multiplied
    once for all passes; the teacher is trained without dropout, which the readable and
    the compiled network do not know; it has the student's initial weights, the class
    for outliers among them, which no label ever is and sigma leaves out; there is no
    temperature.
    """

    alpha: float = 0.9
    dropout: float = 0.5
    passes: int = 50

    extra_outputs = 1

    def __post_init__(self):
        values = {"alpha": checks.number("alpha", self.alpha),
                  "dropout": checks.number("dropout", self.dropout, high=1, above=True),
                  "passes": checks.count("passes", self.passes, least=2)}
        if values["alpha"] > 1:
            raise InputError(f"alpha is {self.alpha!r}: give a share from 0 to 1")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def begin(self, loss, teach):
        """What `npgm.train` asks for before the first update, as Distillation's: draws
        are those of the run's seed. Raises InputError if the network will not do."""
        check_loss(loss)
        x, y = images_of(teach.data, "x_train"), teach.data.y_train
        outputs = teach.net.sizes[-1]
        if y.max() > outputs - 2:
            raise InputError(f"labels go to {y.max()} and the network has {outputs} "
                             "outputs: extended_distillation needs one more, for "
                             f"outliers, {y.max() + 2} or more")
        if len(teach.net.sizes) < 3:
            raise InputError("extended_distillation drops hidden units: give a network "
                             "with a hidden layer")
        *hidden, (W, b) = teach(cross_entropy).layers
        with np.errstate(all="ignore"):         # of a teacher that diverged, all is NaN
            sigma = uncertainty([*hidden, (W[:, :-1], b[:-1])], x, self.passes,
                                self.dropout, teach.seed)
            k = labelling(sigma, y, outputs, self.alpha)
        return Labelled(k).begin(loss, teach)

    def examples(self, model, x, y):
        """InputError: what there is to learn a teacher has to say."""
        raise InputError("extended_distillation has no teacher yet: npgm.train trains "
                         "one")


@dataclass(frozen=True, eq=False)
class Labelled:
    """Training on labels (N, C) that are probabilities, a row for each training image,
    in place of the data's: those of a teacher of one's own."""

    labels: np.ndarray

    def begin(self, loss, teach):
        """(the loss that takes them, itself). Raises InputError if they do not fit."""
        check_loss(loss)
        checks.probabilities(self.labels, len(teach.data.y_train), teach.net.sizes[-1])
        return soft_cross_entropy, self

    def examples(self, model, x, y):
        """x, y as they are: `npgm.train` takes y from the labels."""
        return x, y


class Answers(NamedTuple):
    """(N,) bools, of which one is true for each example: the answer is its label, the
    class for outliers, or another."""

    recovered: np.ndarray
    detected: np.ndarray
    fooled: np.ndarray


def answers(z, y, classes):
    """The Answers of logits z (N, C) for labels y (N,); classes: how many labels there
    are, from which on a class is one for outliers. NaN fools."""
    wrong = mistakes(z, y)
    detected = wrong & (z.argmax(axis=1) >= classes) & ~np.isnan(z).any(axis=1)
    return Answers(~wrong, detected, wrong & ~detected)


def evasion(classes):
    """The loss that an attack raises which is not to be detected either: the log odds
    of an answer that is neither the label nor, from `classes` on, one for outliers,

        log (p_fooled / (1 - p_fooled)),    dz = q - r

    with q the softmax over the wrong classes and r that over the others. As with
    log_odds, which it is where no class is for outliers, dz does not vanish.
    """
    def loss(z, y):
        k = np.arange(z.shape[1])
        held = (k == checks.labels(y, len(z), classes)[:, None]) | (k >= classes)
        q, fooled = softmax(np.where(held, -np.inf, z))
        r, otherwise = softmax(np.where(held, z, -np.inf))
        return fooled - otherwise, q - r
    return loss
