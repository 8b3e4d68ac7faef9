"""The training loop: batches, updates, points of evaluation, checkpoints.

A run is a function of its arguments alone. The batch of update t depends only
on the seed and t, and a checkpoint holds theta, the optimizer's state and t, so
an interrupted run goes on and ends with the same bits.
"""
import functools
import warnings
from dataclasses import dataclass, field

import numpy as np

from npgm import checks, losses, pixels
from npgm.checkpoint import Checkpoint
from npgm.data import images_of
from npgm.errors import DivergedWarning, InputError, Interrupted
from npgm.network import MLP
from npgm.optimizers import Optimizer
from npgm.progress import Bar


@dataclass
class History:
    """What a run left behind.

    losses (steps,): mean loss of each batch, before its update. evaluations:
    {step: what `evaluate` returned}. diverged_at: the update at which the loss,
    or at a point of evaluation theta, was not finite; or None. state: the
    optimizer's, after the last update.
    """

    losses: np.ndarray
    state: object
    evaluations: dict = field(default_factory=dict)
    diverged_at: int | None = None


class Trainer:
    """One update after the other, of net in place. Also what `watch` is handed.

    net: the MLP. state: the optimizer's, t in it counts the updates made. Of the
    newest update, until the next: x, y, what it was trained on; losses (N,), before
    it; dtheta (P,), the gradient of their mean. None before the first.
    """

    def __init__(self, net, optimizer, loss="cross_entropy", defence=None):
        """loss: of npgm.losses, by its name or as a function of z and y. defence: one
        of npgm.defences, whose examples are trained on in place of each batch. Raises
        InputError."""
        if not isinstance(net, MLP):
            raise InputError(f"net is {net!r}: give an MLP, as MLP.initialize() makes")
        if not isinstance(optimizer, Optimizer):
            raise InputError(f"optimizer is {optimizer!r}: give one of "
                             "npgm.optimizers, for example Adam()")
        if defence is not None and not callable(getattr(defence, "examples", None)):
            raise InputError(f"defence is {defence!r}: give one of npgm.defences, for "
                             "example AdversarialTraining()")
        self.net, self.optimizer, self.defence = net, optimizer, defence
        self.loss, self.state = losses.named(loss), optimizer.init(net.theta)
        self.x = self.y = self.losses = self.dtheta = None
        self._model, self._step = net.compiled(), optimizer.compiled()

    @property
    def t(self):
        """Updates made."""
        return self.state.t

    def update(self, x, y):
        """One update on a batch, x (N, D) of the net's dtype and y (N,) integers; for a
        loss that takes such, (N, C) probabilities.

        Returns the losses (N,) before it. If their mean is not finite, theta and
        state stay as they are. Raises InputError if shapes, dtypes or labels do not
        fit the net.
        """
        if x.shape[1:] != self.net.sizes[:1] or x.dtype != self.net.dtype:
            self.net.check_x(x)
        if self.loss is losses.cross_entropy:       # whose kernel takes no others
            y = checks.labels(y, len(x), self.net.sizes[-1])
        else:
            y = self.net.check_y(y, len(x))
        if self.defence:
            x, y = self.defence.examples(self._model, x, y)
        self.x, self.y = x, y
        self.losses, self.dtheta = self._model.mean_gradient(x, y, self.loss)
        if np.isfinite(self.losses.mean()):
            self._step(self.net.theta, self.dtheta, self.state)
        return self.losses

    def activations(self):
        """[x, h1, h2, ..., z] of the newest batch, before its update: views, until the
        next. None before the first, and where NumPy trains, which does not keep them.
        """
        kept = getattr(self._model, "activations", None)
        return kept(self.x) if kept and self.x is not None else None


def log_spaced(steps):
    """100, 300, 600, 1,000, 3,000, ... below steps, and steps itself."""
    points = [m * 10 ** e for e in range(2, 20) for m in (1, 3, 6)]
    return [p for p in points if p < steps] + [steps]


def batch_rows(count, batch_size, seed, t):
    """The examples of update t (from 1): a fresh permutation every pass over
    the data, in consecutive pieces; a last piece too small is left out."""
    per_pass = count // batch_size
    pass_number, position = divmod(t - 1, per_pass)
    order = _permutation(count, seed, pass_number)
    return order[position * batch_size:(position + 1) * batch_size]


def train(net, optimizer, data, steps=100_000, batch_size=125, seed=0,
          loss="cross_entropy", defence=None, evaluate_at=None, evaluate=None,
          checkpoint=None, watch=None, progress=False):
    """Train net in place on data.x_train; returns a History.

    loss, defence: as Trainer's. evaluate_at: steps to evaluate at (default:
    log_spaced(steps)); evaluate: function (net, step) -> anything (default:
    {"natural_error": percent of the test set}). checkpoint: a path; if it
    exists, the run goes on from it, given the same initial net (evaluations
    before it are not made again), and it is rewritten at every evaluation and
    twice a minute. watch: a function of the Trainer, called after every update, and
    its `begin`, if it has one, when the run begins or resumes; if it raises
    Interrupted, the checkpoint is written first. Ctrl-C may strike within an update,
    so it writes nothing. progress: whether a bar shows the updates, the time left and
    the newest loss, on standard error or in a notebook; it changes no bit.

    A defence that has a `begin` may have another network trained first, as this one
    will be: its checkpoint stands beside, as teacher-NAME, and what watches it is
    watch's `teaching`, if it has one, a function as watch is.

    Raises InputError if an argument does not fit, DataError if the checkpoint
    is damaged or of another run.
    """
    trainer = Trainer(net, optimizer, loss, defence)
    x_train, x_test = images_of(data, "x_train"), images_of(data, "x_test")
    _check(net, x_train, data, steps, batch_size, seed)
    points = _points(evaluate_at, steps)
    for name, function in (("evaluate", evaluate), ("watch", watch)):
        if function is not None and not callable(function):
            raise InputError(f"{name} is {function!r}: give a function")
    if points and not evaluate and x_test is None:
        raise InputError("data has no x_test to evaluate on: give some, or "
                         "evaluate_at=()")
    evaluate = evaluate or (lambda net, step: {
        "natural_error": natural_error(net, x_test, data.y_test)})
    history = History(np.full(steps, np.nan, net.dtype), trainer.state)
    run = Checkpoint(checkpoint, trainer, history, data, batch_size, seed)
    before = net.copy() if hasattr(defence, "begin") else None
    run.load()
    if before is not None:
        trainer.loss, trainer.defence = defence.begin(trainer.loss, Teaching(
            before, optimizer, data, steps, batch_size, seed, run.path,
            getattr(watch, "teaching", None), progress))
    y_train = getattr(trainer.defence, "labels", data.y_train)
    bar = Bar(steps) if progress else None
    watchers = [watcher for watcher in (watch, bar) if watcher is not None]
    for watcher in watchers:
        if hasattr(watcher, "begin"):
            watcher.begin(trainer)
    try:
        for t in range(trainer.t + 1, steps + 1):
            rows = batch_rows(len(data.y_train), batch_size, seed, t)
            batch = x_train.take(rows, axis=0), y_train[rows]
            history.losses[t - 1] = trainer.update(*batch).mean()
            if not (np.isfinite(history.losses[t - 1]) and (
                    t not in points or np.isfinite(net.theta).all())):
                history.diverged_at = t
                warnings.warn(f"training diverged at update {t}: its loss or theta is "
                              "not finite; a smaller learning rate may help",
                              DivergedWarning, stacklevel=2)
                break
            if t in points:
                history.evaluations[t] = evaluate(net, t)
                run.save()
            elif run.is_due():
                run.save()
            for watcher in watchers:
                watcher(trainer)
    except Interrupted:
        run.save()
        raise
    finally:
        if bar:
            bar.close()
    return history


@dataclass(frozen=True)
class Teaching:
    """What a defence's `begin` is handed, as `teach`: teach(loss) -> another network,
    trained as this run's will be, but with that loss and on the labels; if that
    diverges, all NaN. net: as it is before the run. path: of the run's checkpoint, or
    None. watch, progress: as train's."""

    net: MLP
    optimizer: Optimizer
    data: object
    steps: int
    batch_size: int
    seed: int
    path: object
    watch: object
    progress: bool

    def __call__(self, loss):
        net, path = self.net.copy(), self.path
        history = train(net, self.optimizer, self.data, self.steps, self.batch_size,
                        self.seed, loss, evaluate_at=(self.steps,),
                        evaluate=lambda net, step: None,
                        checkpoint=path and path.with_name(f"teacher-{path.name}"),
                        watch=self.watch, progress=self.progress)
        if history.diverged_at is not None:
            net.theta[:] = np.nan
        return net


def _points(evaluate_at, steps):
    """The steps to evaluate at, a set. Raises InputError."""
    if evaluate_at is None:
        return set(log_spaced(steps))
    points = set(evaluate_at) if np.iterable(evaluate_at) else {0}
    if not all(t in range(1, steps + 1) for t in points):
        raise InputError(f"evaluate_at is {evaluate_at!r}: give steps from 1 to "
                         f"{steps}")
    return points


def natural_error(net, x, y):
    """Percent of examples the network gets wrong; a logit that is not a number
    is wrong."""
    wrong = 0
    for s in range(0, len(x), 1000):
        with np.errstate(all="ignore"):     # a diverged network is a result too
            z = net.logits(x[s:s + 1000])
        wrong += np.count_nonzero(losses.mistakes(z, y[s:s + 1000]))
    return float(100 * wrong / len(x))


@functools.lru_cache(maxsize=1)
def _permutation(count, seed, pass_number):
    """The order of one pass over the data."""
    return np.random.default_rng([seed, pass_number]).permutation(count)


def _check(net, x_train, data, steps, batch_size, seed):
    checks.seed(seed)
    if x_train is None or not hasattr(data, "y_train"):
        raise InputError(f"data is a {type(data).__name__}: give a Dataset, as "
                         "load_dataset returns")
    checks.count("steps", steps)
    checks.count("batch_size", batch_size)
    if batch_size > len(x_train):
        raise InputError(f"batch_size is {batch_size}: give 1 to "
                         f"{len(x_train)}, the size of the training set")
    if x_train.shape[1] != net.sizes[0] or x_train.dtype != net.dtype:
        raise InputError(
            f"x_train is {x_train.dtype} with {x_train.shape[1]} columns: "
            f"this network needs {net.dtype} with {net.sizes[0]}")
    pixels.check(x_train, "x_train")
    checks.labels(data.y_train, len(x_train), net.sizes[-1])
