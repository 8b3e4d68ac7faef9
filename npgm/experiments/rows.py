"""Rows of results: runs that differ in nothing but the seed, summed up."""
import dataclasses

from npgm.experiments import protocol, runs, tables


def run(name, steps, seed, data_checksum, learning_rate=None, defence=None,
        **hyperparameters):
    """The protocol's run of an optimizer, with what is given changed."""
    if learning_rate is not None:
        hyperparameters["learning_rate"] = learning_rate
    optimizer = dataclasses.replace(protocol.OPTIMIZERS[name], **hyperparameters)
    return runs.Run.of(name, optimizer, seed=seed, steps=steps,
                       data_checksum=data_checksum, defence=defence)


def group(wanted, records, key):
    """{key(run): [(run, record), ...]} in order of appearance."""
    groups = {}
    for one, record in zip(wanted, records):
        groups.setdefault(key(one), []).append((one, record))
    return groups


def row(pairs, quantities, step=None, **keys):
    """One row: keys, and each quantity's summary over the runs of pairs, at a step
    or the last. quantities: {name: (measure, name there)}."""
    return {**keys,
            **{quantity: tables.summary([
                record.at(step or one.steps, measure, name) for one, record in pairs])
                for quantity, (measure, name) in quantities.items()},
            "runs": [one.hash for one, _ in pairs],
            "diverged_at": [record.diverged_at for _, record in pairs]}


def steps_of(pairs):
    """The points of evaluation the runs have come to."""
    return sorted({int(step) for _, record in pairs for step in record.evaluations})


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
