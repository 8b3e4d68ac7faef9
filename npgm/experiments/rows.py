"""Rows of results: each a dict of keys and of quantities summed up over seeds."""
import numpy as np


def summary(values):
    """{"mean", "std", "values"} over seeds. A diverged run's value is None: it
    stays in values and out of mean. std (N - 1) is None below two values."""
    known = [v for v in values if v is not None]
    return {"mean": float(np.mean(known)) if known else None,
            "std": float(np.std(known, ddof=1)) if len(known) > 1 else None,
            "values": list(values)}


def text(value, digits=2):
    """A summary as "1.53 ± 0.04", a number as "1.53", None as "-"."""
    if value is None:
        return "-"
    if not isinstance(value, dict):
        return f"{value:.{digits}f}"
    if value["mean"] is None:
        return "diverged"
    words = f"{value['mean']:.{digits}f}"
    if value["std"] is not None:
        words += f" ± {value['std']:.{digits}f}"
    lost = sum(v is None for v in value["values"])
    return words + (f" ({lost} diverged)" if lost else "")


def select(rows, **keys):
    """The rows with those values."""
    return [row for row in rows if all(row[k] == value for k, value in keys.items())]


def last(rows, **keys):
    """The rows with those values at the last point of evaluation."""
    return select(rows, step=max(row["step"] for row in rows), **keys)


def known(row, quantity):
    """A quantity's values over the seeds, but for diverged runs'."""
    return [v for v in row[quantity]["values"] if v is not None]


def mean(row, quantity):
    """A row's mean; nan if every run diverged."""
    value = row[quantity]["mean"]
    return np.nan if value is None else value


def spans(rows, quantity):
    """(means, lowest, highest) of each row over the seeds; nan where every run
    diverged."""
    out = []
    for row in rows:
        values = known(row, quantity)
        out.append((sum(values) / len(values), min(values), max(values)) if values
                   else (float("nan"),) * 3)
    return list(zip(*out)) or [(), (), ()]


def learns(row):
    """Whether a network of this row has learnt: its natural error is below 10 %."""
    return mean(row, "natural_error") < 10


def rank_correlation(a, b):
    """Spearman's: the correlation of ranks, ties sharing their mean rank; 0 where
    there is nothing to correlate."""
    def ranks(values):
        values = np.asarray(values, float)
        return np.array([(values < v).sum() + ((values == v).sum() - 1) / 2
                         for v in values])
    a, b = ranks(a), ranks(b)
    if len(a) < 2 or not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def gap(row):
    """The generalization gap: test minus training error, in points."""
    return mean(row, "natural_error") - mean(row, "train_error")


def frs_excess(row):
    """How much random signs add to the training error, in points."""
    return mean(row, "frs_error") - mean(row, "train_error")


def is_summary(value, count):
    """Whether a value, as read from a file, is what `summary` makes of `count`."""
    numbers = [*value["values"], value["mean"], value["std"]]
    left = sum(v is not None for v in value["values"])
    return (len(value["values"]) == count and (value["mean"] is not None) == (left > 0)
            and (value["std"] is not None) == (left > 1)
            and all(v is None or type(v) in (int, float) for v in numbers))
