"""A watcher of `npgm.train`: it follows a few parameters and records what each update
did to them.

It changes nothing in the run. Of the parameters followed it keeps copies of theta and
of the optimizer's arrays, runs the same rule on them in NumPy after each update, and
holds the result against the real ones: a trace that is handed out has proved itself.
"""
import bisect
import numbers
from types import SimpleNamespace

import numpy as np

from npgm import checks, sources
from npgm.errors import InputError, NpgmError
from npgm.optimizers import Optimizer
from npgm.optimizers.base import kept
from npgm.tracing import select
from npgm.tracing.series import BEFORE, DERIVED, Trace, same
from npgm.tracing.summaries import BatchSummaries, LayerSummaries, activations

DIVERGED = "diverged at update {}"
LARGEST = 1e9       # bytes of memory a trace may take
TAKEN = {"g", "steps", "parameters", "about", *DERIVED}
PROOF = 3           # parameters that are followed where none is to be recorded
TRIED = (0, 1, 2, 999, 99_999)      # updates already made: a rule may change with time


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
        few = self.selection if self.selection.names else select.drawn(
            trainer.net.sizes, PROOF)
        self.followed = few.indices if alone else np.arange(theta.size)
        self.columns = (slice(len(self.selection.names)) if alone
                        else self.selection.indices)
        self.called = few.names if alone else self.followed
        self.theta = theta[self.followed]
        self.state = _part(trainer.state, self.followed)
        self._make_room(trainer)
        if self.layers or self.batch:
            self.before = theta.copy()
        self.begun = True

    def _make_room(self, trainer):
        self.first = bisect.bisect(self.wanted, trainer.t)
        T = len(self.wanted) - self.first
        size = T * sum(array.nbytes for array in self._allocated(1, trainer))
        if size > LARGEST:
            raise InputError(
                f"{T:,} updates of {len(self.selection.names):,} parameters do not fit "
                f"into {LARGEST / 1e9:g} GB: record fewer, or with layers=False and "
                "batch=False")
        self._allocated(T, trainer)

    def _allocated(self, T, trainer):
        """The arrays for T updates, which are kept."""
        K, dtype = len(self.selection.names), self.theta.dtype
        before = [name + BEFORE for name in ("theta", *self.optimizer.initial)]
        self.quantities = {
            name: np.full((T, K), np.nan, dtype)
            for name in (*self.optimizer.rule.quantities, "g", *before)}
        self.coefficients = {name: np.full(T, np.nan, dtype)
                             for name in self.optimizer.coefficients(1)}
        made = [*self.quantities.values(), *self.coefficients.values()]
        if self.layers:
            self.of_layers = LayerSummaries(T, select.arrays(trainer.net.sizes), dtype)
            made += [self.of_layers.sums, self.of_layers.reaching]
        if self.batch:
            self.of_batch = BatchSummaries(T, len(trainer.net.sizes) - 2)
            made += self.of_batch.numbers.values()
        return made

    def _row(self, t):
        """Where update t is recorded, or None."""
        place = bisect.bisect_left(self.wanted, t, self.first)
        found = place < len(self.wanted) and self.wanted[place] == t
        return place - self.first if found else None

    def __call__(self, trainer):
        """Record the newest update. Raises NpgmError where training and rule differ."""
        row = self._row(trainer.t)
        self._follow(trainer, row)
        if row is not None:
            values = self.optimizer.coefficients(trainer.t)
            for name, series in self.coefficients.items():
                series[row] = values.get(name, np.nan)
            with np.errstate(all="ignore"):     # a diverging run is a result, not noise
                self._summarize(trainer, row)
            self.count = row + 1
        newest = self.layers and row is not None        # before is what theta is now
        if not newest and (self.layers or self.batch) and self._row(
                trainer.t + 1) is not None:
            np.copyto(self.before, trainer.net.theta)
        self.t = trainer.t

    def _follow(self, trainer, row):
        """The update, by the rule: recorded, made on the copies, held against the real
        one."""
        g = trainer.dtheta[self.followed]
        copies = {"theta": self.theta, **kept(self.state)}
        if row is not None:     # before the rule, which may write into what it is given
            self._keep(row, {"g": g, **{name + BEFORE: array
                                        for name, array in copies.items()}})
        new = self.optimizer.compute(self.theta, g, self.state)
        if row is not None:
            self._keep(row, new)
        for name, array in copies.items():
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
            told = (f"update {t}: {name} of {self.called[k]} is {real[k]!s} in "
                    f"training and {ours[k]!s} by its rule")
            if sources.owns(self.optimizer.rule):
                raise NpgmError(f"{told}: this is npgm's mistake, please tell us of it")
            raise InputError(
                f"{told}, run a second time on what is followed: let it make the same "
                "of a parameter's numbers each time, and of its own alone")

    def _summarize(self, trainer, row):
        if self.batch:
            self.of_batch.record(row, trainer.losses,
                                 activations(trainer, self.before), _labels(trainer.y))
        if self.layers:
            self.of_layers.record(row, self.before, trainer.net.theta, trainer.dtheta)

    def trace(self, ended=""):
        """The Trace of what was recorded so far. Raises InputError before begin."""
        if not self.begun:
            raise InputError("nothing is recorded yet: give the recorder to a run, "
                             "npgm.train(..., watch=recorder)")
        n = self.count
        return Trace(
            self.optimizer, str(self.theta.dtype), self.selection.names,
            np.array(self.wanted[self.first:self.first + n], np.int64),
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
    points = list(at) if np.iterable(at) and not isinstance(at, str) else []
    if every != 1 or not points or not all(
            isinstance(t, numbers.Integral) and 1 <= t <= steps for t in points):
        raise InputError(f"at is {at!r}: give updates from 1 to {steps}, and no every")
    return sorted({int(t) for t in points})


def _check(optimizer):
    """InputError unless an optimizer can be followed."""
    kind = type(optimizer)
    if kind.update is not Optimizer.update:
        raise InputError(f"{kind.__name__} makes its updates in a way of its own: only "
                         "what a rule computes can be traced")
    before = {name + BEFORE for name in ("theta", *optimizer.initial)}
    named, given = set(optimizer.rule.quantities), set(optimizer.coefficients(1))
    if taken := named & (TAKEN - {"step"} | {"t"} | before) | given & (
            TAKEN | before | named):
        raise InputError(f"{kind.__name__} names {taken.pop()!r}, which has a meaning "
                         "in a trace: choose another name")


def _part(state, where):
    """A copy of a state, of those parameters alone."""
    return SimpleNamespace(t=state.t, **{name: array[where].copy()
                                         for name, array in kept(state).items()})


def _labels(y):
    """(N,): y itself, or the likeliest of labels (N, C) that are probabilities."""
    return y if y.ndim == 1 else y.argmax(axis=1)


def _is_elementwise(optimizer, dtype):
    """Whether a rule makes of numbers of every size what it makes of each alone.
    InputError if it changes g, of which a trace could then know nothing."""
    rng, count = np.random.default_rng(0), 16
    theta = rng.normal(size=count).astype(dtype)
    state = optimizer.init(theta)
    for t in TRIED:
        state.t = t
        g = (rng.normal(size=count) * np.logspace(-12, 4, count)).astype(dtype)
        slope = g.copy()
        together = optimizer.compute(theta.copy(), slope, _part(state, slice(None)))
        if slope.tobytes() != g.tobytes():
            raise InputError(f"{type(optimizer).__name__}: its rule writes into g: let "
                             "it make a new array, g = ..., not g *= ...")
        each = [slice(k, k + 1) for k in range(count)]
        alone = [optimizer.compute(theta[k].copy(), g[k].copy(), _part(state, k))
                 for k in each]
        if any(np.broadcast_to(values, count).tobytes()
               != np.concatenate([np.broadcast_to(one[name], 1) for one in alone]
                                 ).tobytes() for name, values in together.items()):
            return False
        optimizer.update(theta, g, state)
    return True
