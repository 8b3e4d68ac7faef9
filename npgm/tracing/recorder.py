"""A watcher of `npgm.train`: it follows a few parameters and records what each update
did to them.

It changes nothing in the run. Of the parameters followed it keeps copies of theta and
of the optimizer's arrays, runs the same rule on them in NumPy after each update, and
holds the result against the real ones: a trace that is handed out has proved itself.
"""
import bisect
from types import SimpleNamespace

import numpy as np

from npgm import checks
from npgm.errors import InputError, NpgmError
from npgm.network import forward, layer_views
from npgm.optimizers import Optimizer
from npgm.tracing.select import arrays
from npgm.tracing.series import BEFORE, DERIVED, Trace, same
from npgm.tracing.summaries import BatchSummaries, LayerSummaries

DIVERGED = "diverged at update {}"
LARGEST = 1e9       # bytes of memory a trace may take
TAKEN = {"t", "g", "steps", "parameters", "about", *DERIVED} - {"step"}


class Recorder:
    """Records K parameters at chosen updates: npgm.train(..., watch=recorder), then
    recorder.trace(). Of a run that resumes from a checkpoint it records what is made
    from there on. One recorder, one run."""

    def __init__(self, selection, steps, every=1, at=None, layers=True, batch=True):
        """selection: of npgm.tracing.select. steps: how many updates the run makes.
        Recorded are all of them, or of every `every` the first, or those of `at`.
        layers, batch: whether to summarize those too. Raises InputError."""
        self.selection = selection
        self.layers, self.batch = checks.flag("layers", layers), checks.flag("batch",
                                                                             batch)
        self.wanted = _recorded(steps, every, at)
        self.begun, self.count, self.t = False, 0, 0

    def begin(self, trainer):
        """Copies, and room for all that is to be recorded. Raises InputError."""
        optimizer, theta = trainer.optimizer, trainer.net.theta
        _check(optimizer)
        self.optimizer, self.t = optimizer, trainer.t
        # A rule whose parameters see each other has to be run on all of them.
        alone = _is_elementwise(optimizer, theta.dtype)
        self.followed = self.selection.indices if alone else np.arange(theta.size)
        self.columns = slice(None) if alone else self.selection.indices
        self.called = self.selection.names if alone else self.followed
        self.theta = theta[self.followed]
        self.state = SimpleNamespace(t=trainer.t, **{
            name: getattr(trainer.state, name)[self.followed]
            for name in optimizer.initial})
        self._make_room(trainer)
        if self.layers or self.batch:
            self.before = theta.copy()
        self.begun = True

    def _make_room(self, trainer):
        first = bisect.bisect(self.wanted, trainer.t)
        T, K, dtype = (len(self.wanted) - first, len(self.selection.names),
                       self.theta.dtype)
        kept = ["theta", *self.optimizer.initial]
        names = [*self.optimizer.rule.quantities, "g", *(n + BEFORE for n in kept)]
        if T * K * len(names) * dtype.itemsize > LARGEST:
            raise InputError(f"{T:,} updates of {K:,} parameters do not fit into "
                             f"{LARGEST / 1e9:g} GB: record fewer")
        self.rows = {t: row for row, t in enumerate(self.wanted[first:])}
        self.quantities = {name: np.full((T, K), np.nan, dtype) for name in names}
        self.coefficients = {name: np.full(T, np.nan, dtype)
                             for name in self.optimizer.coefficients(1)}
        if self.layers:
            self.of_layers = LayerSummaries(T, arrays(trainer.net.sizes), dtype)
        if self.batch:
            self.of_batch = BatchSummaries(T, len(trainer.net.sizes) - 2)

    def __call__(self, trainer):
        """Record the newest update. Raises NpgmError where training and rule differ."""
        row = self.rows.get(trainer.t)
        if self.selection.names:
            self._follow(trainer, row)
        if row is not None:
            for name, value in self.optimizer.coefficients(trainer.t).items():
                self.coefficients[name][row] = value
            with np.errstate(all="ignore"):     # a diverging run is a result, not noise
                self._summarize(trainer, row)
            self.count = row + 1
        newest = self.layers and row is not None        # before is what theta is now
        if trainer.t + 1 in self.rows and not newest and (self.layers or self.batch):
            np.copyto(self.before, trainer.net.theta)
        self.t = trainer.t

    def _follow(self, trainer, row):
        """The update, by the rule: recorded, made on the copies, held against the real
        one."""
        g = trainer.dtheta[self.followed]
        kept = {"theta": self.theta, **{name: getattr(self.state, name)
                                        for name in self.optimizer.initial}}
        if row is not None:     # before the rule, which may write into what it is given
            self._keep(row, {"g": g, **{name + BEFORE: array
                                        for name, array in kept.items()}})
        new = self.optimizer.compute(self.theta, g, self.state)
        if row is not None:
            self._keep(row, new)
        for name, array in kept.items():
            array[...] = new[name]
            real = trainer.net.theta if name == "theta" else getattr(
                trainer.state, name)
            self._compare(name, array, real[self.followed], trainer.t)
        self.state.t = trainer.t

    def _keep(self, row, values):
        for name, value in values.items():
            self.quantities[name][row] = (value[self.columns] if np.ndim(value)
                                          else value)

    def _compare(self, name, ours, real, t):
        if ours.tobytes() == real.tobytes():
            return
        wrong = ~same(ours, real)
        if wrong.any():
            k = wrong.argmax()
            raise NpgmError(
                f"update {t}: {name} of {self.called[k]} is {real[k]!s} in training "
                f"and {ours[k]!s} by its rule: this is npgm's mistake, please tell us "
                "of it")

    def _summarize(self, trainer, row):
        if self.batch:
            activations = trainer.activations() or forward(
                layer_views(trainer.net.sizes, self.before), trainer.x)
            self.of_batch.record(row, trainer.losses, activations, trainer.y)
        if self.layers:
            self.of_layers.record(row, self.before, trainer.net.theta, trainer.dtheta)

    def trace(self, ended=""):
        """The Trace of what was recorded so far."""
        n = self.count
        return Trace(
            self.optimizer, str(self.theta.dtype), self.selection.names,
            np.array([t for t, row in self.rows.items() if row < n], np.int64),
            {name: values[:n] for name, values in self.quantities.items()},
            {name: values[:n] for name, values in self.coefficients.items()},
            self.of_layers.series(n) if self.layers else {},
            {name: values[:n] for name, values in self.of_batch.numbers.items()}
            if self.batch else {}, ended)


def _recorded(steps, every, at):
    """The updates to record, ascending. Raises InputError."""
    steps, every = checks.count("steps", steps), checks.count("every", every)
    if at is None:
        return range(1, steps + 1, every)
    points = sorted(set(at)) if np.iterable(at) and not isinstance(at, str) else [0]
    if every != 1 or not points or not all(t in range(1, steps + 1) for t in points):
        raise InputError(f"at is {at!r}: give updates from 1 to {steps}, and no every")
    return [int(t) for t in points]


def _check(optimizer):
    """InputError unless an optimizer can be followed."""
    kind = type(optimizer)
    if kind.update is not Optimizer.update:
        raise InputError(f"{kind.__name__} makes its updates in a way of its own: only "
                         "what a rule computes can be traced")
    before = {name + BEFORE for name in ("theta", *optimizer.initial)}
    if taken := set(optimizer.rule.quantities) & (TAKEN | before):
        raise InputError(f"{kind.__name__}: its rule names {taken.pop()!r}, which has "
                         "a meaning in a trace: choose another name")


def _is_elementwise(optimizer, dtype):
    """Whether a rule makes of numbers of every size what it makes of each alone.
    InputError if it changes g, of which a trace could then know nothing."""
    rng, count = np.random.default_rng(0), 16
    theta, g = rng.normal(size=(2, count)).astype(dtype)
    g *= np.logspace(-12, 4, count).astype(dtype)
    slope = g.copy()
    together = optimizer.compute(theta.copy(), slope, optimizer.init(theta))
    if slope.tobytes() != g.tobytes():
        raise InputError(f"{type(optimizer).__name__}: its rule writes into g: let it "
                         "make a new array, g = ..., not g *= ...")
    alone = [optimizer.compute(t, g[k:k + 1].copy(), optimizer.init(t))
             for k, t in enumerate(theta[:, None].copy())]
    return all(np.broadcast_to(values, count).tobytes()
               == np.concatenate([np.broadcast_to(one[name], 1) for one in alone]
                                 ).tobytes() for name, values in together.items())
