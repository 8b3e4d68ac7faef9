"""What a trace holds: the series of every named quantity, over the updates recorded."""
import csv
import dataclasses
import io
import json
import math
from dataclasses import dataclass, field

import numpy as np

from npgm import checks, optimizers, storage
from npgm.diagnosis.arithmetic import thresholds
from npgm.errors import DataError, InputError
from npgm.names import nearest
from npgm.tracing import pictures, pseudocode, web

DERIVED = ("step", "effective_rate", "changed", "ulps")
BEFORE = "_before"      # how theta and what is kept are called, as they were before


@dataclass(eq=False, repr=False)
class Trace:
    """T updates recorded of K parameters.

    trace[name] is (T, K): any quantity the optimizer's rule names, after the update
    (theta, m, v, step, ...); g; theta_before, m_before, ...; and, of each update,
        step             the rule's, or else theta_before - theta
        effective_rate   step / g, not a number where g is 0
        changed          whether theta is another number than before, in this dtype
        ulps             step in units of theta's last place before, float64; not a
                         number where theta was 0
    or (T,): a coefficient (alpha_t, ...), a number of `batch`.

    steps (T,): the updates, counted from 1. parameters: K names. optimizer: None in a
    trace loaded from a file, if it is not one of npgm's. layers: {"W1": {name: (T,)},
    ...}: g_norm, step_norm and theta_norm, Euclidean, of step = theta_before - theta
    and of theta before; ratio, step_norm / theta_norm; unchanged, against: the shares
    of steps that are 0, whose sign is opposite to the gradient's; and histogram (T,
    14), how many sizes |step|, but for 0 and what is no number, lie below 1e-12, from
    there to 1e-11, ..., above 1. batch: {name: (T,) or (T, n)}, see
    summaries.BatchSummaries. ended: why it ends before it should, or "".
    """

    optimizer: object
    dtype: str
    parameters: tuple
    steps: np.ndarray
    quantities: dict
    coefficients: dict
    layers: dict = field(default_factory=dict)
    batch: dict = field(default_factory=dict)
    ended: str = ""

    def __repr__(self):
        return (f"Trace({self.optimizer}, {self.dtype}, {len(self.steps)} updates of "
                f"{len(self.parameters)} parameters)")

    @property
    def names(self):
        """All that trace[name] knows, but for what the batch has: those of a parameter
        first, then the coefficients."""
        return tuple(dict.fromkeys([*self.quantities, *DERIVED, *self.coefficients]))

    @property
    def interrupted(self):
        """Whether Ctrl-C ended the run."""
        return self.ended.startswith("interrupted")

    @property
    def thresholds(self):
        """(label, whole): the leads of a label's logit from which on the label's entry
        of the residual, and all of it, is 0 in this dtype."""
        return thresholds(self.dtype)

    def __getitem__(self, name):
        for known in (self.quantities, self.coefficients, self.batch):
            if name in known:
                return known[name]
        if name in DERIVED:
            return getattr(self, f"_{name}")()
        known = [*self.names, *self.batch]
        raise InputError(f"the trace has no {name!r}: {nearest(name, known)}it "
                         f"has {', '.join(known)}")

    def _step(self):
        return self["theta_before"] - self["theta"]

    def _effective_rate(self):
        with np.errstate(all="ignore"):
            return np.where(self["g"] == 0, np.nan, self["step"] / self["g"]).astype(
                self.dtype)

    def _changed(self):
        return self["theta"] != self["theta_before"]

    def _ulps(self):
        with np.errstate(all="ignore"):
            before = np.abs(self["theta_before"])
            unit = np.spacing(before).astype("float64")
            return np.where(before == 0, np.nan, self["step"] / unit)

    def worked(self, row):
        """The rule with the numbers of the row-th update recorded: a list of (Line,
        {name: number}, result), each number (K,) or the same for all; None for the
        result of a line that has none (see pseudocode.worked). Raises InputError where
        the rule cannot be read, or its lines lead to other bits than were recorded: a
        decorator may change it."""
        if self.optimizer is None:
            raise InputError("the optimizer of this trace is not one of npgm's: set "
                             "trace.optimizer to read its rule")
        inputs = {name: self.quantities[name + BEFORE][row].copy()
                  for name in ("theta", *self.optimizer.initial)}
        inputs |= {name: values[row] for name, values in self.coefficients.items()}
        found = list(pseudocode.worked(self.optimizer.rule, {
            **inputs, "g": self["g"][row].copy()}))
        last = {line.target: result for line, _, result in found}
        for name in self.optimizer.rule.quantities:
            recorded, shown = self.quantities[name][row], last[name]
            if (shown is None or shown.dtype != recorded.dtype
                    or not same(shown, recorded).all()):
                raise InputError(
                    f"the rule {self.optimizer.rule.__name__}, read line by line, "
                    f"computes another {name} than was recorded: it does more than its "
                    "lines say")
        return found

    def plot(self, *quantities):
        """A matplotlib figure of those quantities over the updates, a panel each."""
        return pictures.draw({"": self}, quantities)

    def save(self, path):
        """Write an .npz archive of plain arrays: numpy.load(path)["m"] is (T, K).
        Beside every name, steps and parameters: layers.W1.ratio, batch.loss, ..."""
        about = {"optimizer": self.optimizer and optimizers.name_of(self.optimizer),
                 "hyperparameters": _hyperparameters(self.optimizer),
                 "dtype": self.dtype, "ended": self.ended,
                 "quantities": list(self.quantities),
                 "coefficients": list(self.coefficients)}
        storage.write_arrays(path, **{name: self[name] for name in self.names}, **{
            f"layers.{layer}.{name}": values for layer, known in self.layers.items()
            for name, values in known.items()}, **{
            f"batch.{name}": values for name, values in self.batch.items()},
            steps=self.steps, parameters=np.array(self.parameters, str),
            about=np.array(json.dumps(about)))

    def write_html(self, path, data=None, batch_size=125, seed=0):
        """Write a self-contained page to explore it with, step by step. data,
        batch_size, seed: as the run had them, to show the batches' images. Raises
        InputError if it would be too large."""
        name = type(self.optimizer).__name__ if self.optimizer else "an optimizer"
        storage.write_text(path, web.document({name: self}, data, batch_size, seed))

    @classmethod
    def load(cls, path):
        """A trace that save wrote. Raises DataError."""
        arrays = storage.read_arrays(path)
        try:
            about = json.loads(str(arrays["about"]))
            ours = about["optimizer"] in optimizers.OPTIMIZERS
            series = [{name: arrays[name] for name in about[kind]}
                      for kind in ("quantities", "coefficients")]
            trace = cls(
                optimizers.make(about["optimizer"], **about["hyperparameters"])
                if ours else None, checks.dtype(about["dtype"]),
                tuple(map(str, arrays["parameters"])), arrays["steps"], *series,
                ended=about["ended"])
            for name, values in arrays.items():
                if name.startswith("layers."):
                    _, layer, what = name.split(".")
                    trace.layers.setdefault(layer, {})[what] = values
                elif name.startswith("batch."):
                    trace.batch[name.removeprefix("batch.")] = values
            trace._check()
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is no trace that npgm saved ({error})") from error
        return trace

    def _check(self):
        """ValueError unless all series are of as many updates and parameters."""
        shape = len(self.steps), len(self.parameters)
        of_layers = [values for known in self.layers.values()
                     for values in known.values()]
        if any(values.shape != shape for values in self.quantities.values()) or any(
                len(values) != len(self.steps) for values in (
                    *self.coefficients.values(), *self.batch.values(), *of_layers)):
            raise ValueError("its series are not of one length")

    def write_csv(self, path):
        """Write lines t, of, quantity, value: of a parameter, a layer's array, the
        batch, or, where it is empty, all. pandas.read_csv(path) reads them."""
        with storage.replacing(path) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["t", "of", "quantity", "value"])
            for name in self.names:
                values = self[name]
                of = self.parameters if values.ndim == 2 else ("",)
                _write(writer, self.steps, of, name, values)
            for layer, known in self.layers.items():
                for name, values in known.items():
                    _write(writer, self.steps, (layer,), name, values)
            for name, values in self.batch.items():
                _write(writer, self.steps, ("batch",), name, values)
            text.detach()


def same(one, other):
    """(K,): where two arrays (K,) of one dtype have the same bits, or no number."""
    return (one == other) & (np.signbit(one) == np.signbit(other)) | (
        np.isnan(one) & np.isnan(other))


def _write(writer, steps, of, name, values):
    """Rows of values (T, K) of K things, or of one thing: (T,), or (T, n), which are
    then called name.0, name.1, ..."""
    values = values.reshape(len(steps), math.prod(values.shape[1:]))
    several = len(of) == 1 < values.shape[1]
    columns = [(of[0], f"{name}.{k}") if several else (of[k], name)
               for k in range(values.shape[1])]
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    for t, row in zip(steps, values):
        writer.writerows((t, *column, str(value))
                         for column, value in zip(columns, row))


def _hyperparameters(optimizer):
    """{name: plain value} of one of npgm's optimizers, {} of a user's own."""
    if optimizer is None or type(optimizer) not in optimizers.OPTIMIZERS.values():
        return {}
    return storage.plain(dataclasses.asdict(optimizer))
