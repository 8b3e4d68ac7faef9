"""Rows of results: runs that differ in nothing but the seed, summed up."""
import dataclasses

import numpy as np

from npgm.data import MNIST_CHECKSUM
from npgm.experiments import protocol, runs, tables


def run(name, steps, seed, data_checksum, learning_rate=None, defence=None,
        **hyperparameters):
    """The protocol's run of an optimizer, with what is given changed."""
    if learning_rate is not None:
        hyperparameters["learning_rate"] = learning_rate
    optimizer = dataclasses.replace(protocol.OPTIMIZERS[name], **hyperparameters)
    return runs.Run.of(name, optimizer, seed=seed, steps=steps,
                       data_checksum=data_checksum, defence=defence)


def paper(pairs, numbers):
    """What the paper reports, {quantity: percent}; None for each on other data."""
    ours = all(one.data_checksum == MNIST_CHECKSUM for one, _ in pairs)
    return numbers if ours else dict.fromkeys(numbers)


def learning_rate(run):
    return run.hyperparameters["learning_rate"]


def group(wanted, records, key):
    """{key(run): [(run, record), ...]} in order of appearance."""
    groups = {}
    for one, record in zip(wanted, records):
        groups.setdefault(key(one), []).append((one, record))
    return groups


def row(pairs, quantities, step=None, **keys):
    """One row: keys, and each quantity's summary over the runs of pairs, at a step,
    which is a key too, or the last. quantities: {name: (measure, name there)}."""
    return {**keys, **({"step": step} if step else {}),
            **{quantity: tables.summary([
                record.at(step or one.steps, measure, name) for one, record in pairs])
                for quantity, (measure, name) in quantities.items()},
            "runs": [one.hash for one, _ in pairs],
            "diverged_at": [record.diverged_at for _, record in pairs]}


def steps_of(wanted, records):
    """The points of evaluation the runs have come to, and were to come to."""
    return sorted({one.steps for one in wanted}
                  | {int(step) for record in records for step in record.evaluations})


def lines(rows):
    """The updates a figure draws a line for: the protocol's, and the last."""
    steps = {row["step"] for row in rows}
    return sorted((steps & set(protocol.LINES)) | {max(steps)})


def select(rows, **keys):
    """The rows with those values."""
    return [row for row in rows if all(row[k] == value for k, value in keys.items())]


def means(rows, quantity):
    """Mean, lowest and highest value of each row; nan where every run diverged."""
    out = []
    for row in rows:
        known = [v for v in row[quantity]["values"] if v is not None]
        out.append((sum(known) / len(known), min(known), max(known)) if known
                   else (float("nan"),) * 3)
    return list(zip(*out)) or [(), (), ()]


def mean(row, quantity):
    """A row's mean; nan if every run diverged."""
    value = row[quantity]["mean"]
    return np.nan if value is None else value


def learns(row):
    """Whether a network of this row has learnt: its natural error is below 10 %."""
    return mean(row, "natural_error") < 10


def at_rate(rows, rate, **keys):
    """The row of one learning rate after all updates."""
    row, = select(rows, learning_rate=rate, step=protocol.STEPS, **keys)
    return row


def after_all(rows, **keys):
    """The rows after all updates, by rising learning rate."""
    return sorted(select(rows, step=protocol.STEPS, **keys),
                  key=lambda row: row["learning_rate"])


def rank_correlation(a, b):
    """Spearman's: the correlation of ranks, ties sharing their mean rank."""
    def ranks(values):
        values = np.asarray(values, float)
        return np.array([(values < v).sum() + ((values == v).sum() - 1) / 2
                         for v in values])
    a, b = ranks(a), ranks(b)
    if not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
