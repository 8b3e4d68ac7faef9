"""What is known of a run, as its record.json has it."""
import contextlib
from dataclasses import asdict, dataclass, field

from npgm import storage
from npgm.errors import DataError
from npgm.experiments.measures import is_last_only
from npgm.experiments.store.run import Run, folder_of


AT_LAST = "at last: "


def at_last(name):
    """How a measure is asked for that is to be taken of a run's last network only."""
    return AT_LAST + name


def bare(name):
    """A measure's name, however it is asked for."""
    return name.removeprefix(AT_LAST)


@dataclass
class Record:
    """evaluations: {step: {measure: {entry: number or text}}}; status: "training",
    "done" or "diverged". provenance: of the training; measured: {measure: [the sources
    it was taken with]}, of each that was taken since there is such a note."""

    configuration: dict
    status: str = "training"
    diverged_at: int | None = None
    wall_seconds: float = 0.0
    provenance: dict = field(default_factory=dict)
    evaluations: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)

    @classmethod
    def read(cls, path, configuration):
        """The record at path, or a new one; DataError if it is of another run."""
        if not path.exists():
            return cls(configuration)
        stored = storage.read_json(path)
        try:
            record = cls(**stored)
        except TypeError:
            record = None
        if record is None or not record.is_whole(configuration["steps"]):
            raise DataError(f"{path} is not a run's record: move its folder away, to "
                            "run it again")
        if record.configuration != configuration:
            raise DataError(f"{path} is the record of a run with other settings: "
                            "choose another --out, or move it away")
        return record

    def is_whole(self, steps):
        """Whether its parts are what they should be, and it is not done too early."""
        if not isinstance(self.provenance, dict):
            return False
        earlier = self.provenance.get("earlier_sources", [])
        return (self.status in ("training", "done", "diverged")
                and type(self.wall_seconds) in (int, float)
                and (type(self.diverged_at) is int if self.status == "diverged"
                     else self.diverged_at is None)
                and isinstance(self.provenance.get("sources", ""), str)
                and _texts(earlier) and _mapped(self.measured, _texts)
                and _mapped(self.evaluations, lambda one: _mapped(one, lambda numbers:
                            _mapped(numbers, _is_entry)))
                and all(step.isdecimal() for step in self.evaluations)
                and (self.status != "done" or str(steps) in self.evaluations))

    def write(self, path):
        storage.write_json(path, asdict(self))

    def take(self, step, name, numbers, sources):
        """Enter what a measure found at a step, and what it was taken with."""
        self.evaluations.setdefault(str(step), {})[name] = numbers
        self.measured[name] = sorted({*self.measured.get(name, []), sources})

    def at(self, step, measure, entry, text=False):
        """A measured value; None if the run diverged before that step, or it is taken
        of the last network only; else DataError if there is none."""
        numbers = self.evaluations.get(str(step), {}).get(measure, {})
        wanted = self.diverged_at is None and not (
            is_last_only(measure) and step != self.configuration["steps"])
        if wanted and (entry not in numbers
                       or isinstance(numbers[entry], str) != text):
            raise DataError(f"a run's record has no {entry} at update {step:,}: move "
                            f"{Run(**self.configuration).hash} out of runs/, to train "
                            "it again")
        return numbers.get(entry)

    def missing(self, measures, steps=None):
        """(step, measure) of what is wanted and not taken, of all steps so far; of
        what is wanted at_last, of the last."""
        last = str(self.configuration["steps"])
        wanted = [(bare(name), name != bare(name) or is_last_only(name))
                  for name in measures]
        return [(step, name) for step in steps or self.evaluations
                for name, last_only in wanted if (step == last or not last_only)
                and name not in self.evaluations.get(step, {})]

    def sources(self, measures):
        """Of the training, all of it, and of these measures as far as it is known."""
        return {self.provenance.get("sources"),
                *self.provenance.get("earlier_sources", []),
                *(source for name in measures
                  for source in self.measured.get(name, []))}


def _is_entry(value):
    return (value is None or isinstance(value, str)
            or type(value) in (int, float) and abs(value) < 1e300)


def _mapped(value, fits):
    return isinstance(value, dict) and all(map(fits, value.values()))


def _texts(value):
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def records_of(out, runs):
    """The finished records of runs, in order. DataError if one is not there."""
    records = []
    for run in runs:
        path = folder_of(out, run) / "record.json"
        record = Record.read(path, run.configuration)
        if record.status == "training":
            raise DataError(f"{path} is not finished: give the same command again")
        records.append(record)
    return records


def progress_of(out, run):
    """{"step": updates done, newest measurements} of a run, as of now."""
    folder = folder_of(out, run)
    with contextlib.suppress(DataError):
        progress = storage.read_json(folder / "progress.json")
        if isinstance(progress, dict) and isinstance(progress.get("step"), int):
            return progress
    with contextlib.suppress(DataError):
        if Record.read(folder / "record.json",
                       run.configuration).status != "training":
            return {"step": run.steps}
    return {"step": 0}
