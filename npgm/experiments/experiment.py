"""What an experiment is: runs, what is asked of them, and a picture, as data."""
from dataclasses import dataclass, field
from typing import Callable

from npgm.data import MNIST_CHECKSUM
from npgm.errors import InputError
from npgm.experiments import rows as rows_of
from npgm.experiments.store.record import at_last
from npgm.experiments.store.run import Run
from npgm.training import log_spaced

# How a row's keys are written in a table: heading and format.
KEYS = {"learning_rate": ("learning rate", "{:g}"), "epsilon": ("epsilon", "{:g}"),
        "step": ("updates", "{:,}"), "step_size": ("step size", "{:g}")}


@dataclass(frozen=True)
class Setting:
    """What distinguishes the runs of an experiment: an optimizer of npgm.optimizers, a
    defence, {"name": ..., its hyperparameters}, or None, and other fields of a Run.
    The rest is the protocol's."""

    optimizer: object
    defence: dict | None = None
    changed: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """Its rows: one for each value of the keys, with every quantity summed up over the
    seeds; its table, its CSV and the check of what is read back follow from this.

    runs: the Settings to be trained, with every seed. keys: what tells rows apart, by
    the names of a run's fields and hyperparameters; "step" for a row at each point of
    evaluation, "epsilon" for one at each of epsilons(keys so far), one of points,
    {key: values}, for one at each of its values. texts: what rows have beside the
    quantities, a list over the seeds. draw: result -> figure. paper: keys ->
    {quantity: what the paper reports, in percent}. more: keys -> {name: value}, what
    else stands in a row; columns: (heading, row -> text), more columns. table: the
    values of keys that the table shows, beside the last step, or every_step.
    last_only: nothing is measured before a run's last update. together: what is
    measured of all networks of a seed at once, (networks, as runs are, data) -> JSON,
    kept as the result's "together", one for each seed; said: result -> lines of it,
    below the table.
    """

    name: str
    title: str
    runs: tuple
    keys: tuple
    quantities: tuple
    draw: Callable
    paper: Callable | None = None
    more: Callable = field(default=lambda keys: {})
    columns: tuple = ()
    epsilons: Callable | None = None
    points: dict = field(default_factory=dict)
    texts: tuple = ()
    table: dict = field(default_factory=dict)
    every_step: bool = False
    last_only: bool = False
    together: Callable | None = None
    said: Callable = field(default=lambda result: [])

    def __post_init__(self):
        """InputError if two settings would stand in the same row."""
        if any(len(runs) > 1 for _, runs in self.groups(self.wanted(1, 1, ""))):
            raise InputError(f"{self.name}: its keys {self.keys} do not tell its runs "
                             "apart: name what differs between them")

    @property
    def measures(self):
        """The names of the measures its quantities come from."""
        return tuple(dict.fromkeys(
            quantity.measure_in(keys) for keys, _ in self.groups(self.wanted(1, 1, ""))
            for quantity in (*self.quantities, *self.texts)))

    @property
    def needed(self):
        """The same as a run's worker is asked for them."""
        return tuple(map(at_last, self.measures)) if self.last_only else self.measures

    def wanted(self, steps, seeds, data_checksum):
        """The runs, seed by seed, so that an interrupted command has whole seeds
        first. seeds: how many, from 0, or which."""
        return [Run.of(setting.optimizer, **{
                    "seed": seed, "steps": steps, "data_checksum": data_checksum,
                    "defence": setting.defence, **setting.changed})
                for seed in (range(seeds) if isinstance(seeds, int) else seeds)
                for setting in self.runs]

    def rows(self, wanted, records):
        """The rows of NAME.json, from the records of the wanted runs."""
        record_of = {run.hash: record for run, record in zip(wanted, records)}
        return [self._row(keys, runs, [record_of[run.hash] for run in runs])
                for keys, runs in self.groups(wanted)]

    def groups(self, wanted):
        """[(keys of a row, its runs), ...]: the seeds of one setting and point."""
        settings = {}
        for run in wanted:
            keys = tuple((key, run.key(key)) for key in self.keys
                         if key not in ("step", "epsilon", *self.points))
            settings.setdefault(keys, []).append(run)
        return [(keys, runs) for common, runs in settings.items()
                for keys in self._points(dict(common), runs[0].steps)]

    def _points(self, keys, steps):
        rows = [keys]
        if "epsilon" in self.keys:
            rows = [{**keys, "epsilon": epsilon} for epsilon in self.epsilons(keys)]
        for key, values in self.points.items():
            rows = [{**row, key: value} for row in rows for value in values]
        if "step" in self.keys:
            rows = [{**row, "step": step} for row in rows for step in log_spaced(steps)]
        return rows

    def _row(self, keys, runs, records):
        row = {**keys, **self.more(keys)}
        for quantity in self.quantities:
            measure, entry = quantity.measure_in(keys), quantity.entry_in(keys)
            row[quantity.name] = rows_of.summary([
                record.at(keys.get("step", run.steps), measure, entry)
                for run, record in zip(runs, records)])
        for text in self.texts:
            row[text.name] = [record.at(
                keys.get("step", run.steps), text.measure_in(keys), text.entry_in(keys),
                text=True) for run, record in zip(runs, records)]
        row["runs"] = [run.hash for run in runs]
        row["diverged_at"] = [record.diverged_at for record in records]
        if self.paper:
            numbers = self.paper(keys)
            ours = all(run.data_checksum == MNIST_CHECKSUM for run in runs)
            row["paper"] = numbers if ours else dict.fromkeys(numbers)
        return row

    def shown(self, rows):
        """Those of its rows that its table has."""
        chosen = rows_of.select(rows, **self.table)
        last_only = "step" in self.keys and not self.every_step
        return rows_of.last(chosen) if last_only else chosen

    def headed(self, rows):
        """[(heading, row -> text), ...], the columns of a table of rows: its keys, its
        quantities, the paper's number beside each where it has one, and more."""
        columns = [_key_column(key) for key in self.keys]
        for quantity in self.quantities:
            columns.append((quantity.heading, lambda row, q=quantity: _text(row, q)))
            if any(_paper(row, quantity) is not None for row in rows):
                columns.append(("paper", lambda row, q=quantity: rows_of.text(
                    _paper(row, q), q.digits)))
        return [*columns, *self.columns]

    def fits(self, result):
        """Whether a result, as read from a file, has the rows, columns and runs that
        this experiment writes with the settings it names."""
        settings = _settings(result, len(self.runs))
        if settings is None:
            return False
        wanted = self.wanted(settings["steps"], settings["seeds"], settings["data"])
        expected = [(keys, runs, self.more(keys),
                     self.paper(keys) if self.paper else {})
                    for keys, runs in self.groups(wanted)]
        try:        # from here on, only what the file holds can go wrong
            provenance = result["provenance"]
            return (result["experiment"] == self.name
                    and isinstance(result["stamp"], str)
                    and isinstance(provenance["training_seconds"], (int, float))
                    and isinstance(provenance["machine"]["versions"], dict)
                    and isinstance(provenance["machine"]["processor"], str)
                    and {hash: run["configuration"] for hash, run in provenance[
                        "runs"].items()} == {r.hash: r.configuration for r in wanted}
                    and (not self.together or len(result["together"]) * len(
                        self.runs) == len(wanted) and all(
                        isinstance(found, dict) for found in result["together"]))
                    and len(result["rows"]) == len(expected)
                    and all(self._row_fits(row, *parts) for row, parts in zip(
                        result["rows"], expected)))
        except (KeyError, TypeError, AttributeError):
            return False

    def _row_fits(self, row, keys, runs, more, paper):
        said = {**keys, "runs": [run.hash for run in runs]}
        numbers = row["paper"] if self.paper else {}
        return (all(row[key] == value for key, value in said.items())
                and all(_alike(row[name], value) for name, value in more.items())
                and set(numbers) == set(paper) and all(
                    numbers[name] in (paper[name], None) for name in paper)
                and len(row["diverged_at"]) == len(runs)
                and all(rows_of.is_summary(row[quantity.name], len(runs))
                        for quantity in self.quantities)
                and all(text.are(row[text.name], len(runs)) for text in self.texts))


def _alike(found, value):
    """Whether a value read from a file is of the kind of one computed anew."""
    if isinstance(value, (list, tuple)):
        return (isinstance(found, list) and len(found) == len(value)
                and all(map(_alike, found, value)))
    numbers = (int, float, type(None))
    return (isinstance(found, numbers) if type(value) in numbers
            else type(found) is type(value))


def _settings(result, count):
    """The settings that a result names, if they are some and it has as many runs as
    they make of `count` a seed; else None."""
    try:
        settings, runs = (result["provenance"][part] for part in ("settings", "runs"))
        steps, seeds = settings["steps"], settings["seeds"]
        listed = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
        fit = (type(steps) is int and steps >= 1 and type(settings["data"]) is str
               and (listed or type(seeds) is int and seeds >= 1)
               and len(runs) == count * (len(seeds) if listed else seeds))
    except (KeyError, TypeError):
        return None
    return settings if fit else None


def _text(row, quantity):
    """A quantity as tables have it; "-" where there is none though no run diverged."""
    value = row[quantity.name]
    none = value["mean"] is None and not any(row["diverged_at"])
    return "-" if none else rows_of.text(value, quantity.digits)


def _paper(row, quantity):
    return row.get("paper", {}).get(quantity.name)


def _key_column(key):
    heading, form = KEYS.get(key, (key.replace("_", " "), "{}"))
    none = "none" if key == "defence" else "-"
    return heading, lambda row: none if row[key] is None else form.format(row[key])
