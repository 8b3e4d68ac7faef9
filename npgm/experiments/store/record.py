"""What is known of a run, as its record.json has it."""
import contextlib
from dataclasses import asdict, dataclass, field

from npgm import storage
from npgm.errors import DataError
from npgm.experiments.measures import LAST_ONLY
from npgm.experiments.store.run import folder_of


@dataclass
class Record:
    """evaluations: {step: {measure: {entry: value}}}; status: "training", "done" or
    "diverged". provenance: of the training; measured: {measure: [the sources it was
    taken with]}, of each that was taken since there is such a note."""

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
                            "delete it or choose another --out")
        return record

    def is_whole(self, steps):
        """Whether its parts are what they should be, and it is not done too early."""
        parts = (self.evaluations, self.measured, self.provenance)
        if not all(isinstance(part, dict) for part in parts):
            return False
        taken = self.evaluations.values()
        return (self.status in ("training", "done", "diverged")
                and (self.status != "done" or str(steps) in self.evaluations)
                and all(isinstance(one, dict) and all(
                    isinstance(numbers, dict) for numbers in one.values())
                    for one in taken)
                and all(isinstance(one, list) for one in self.measured.values()))

    def write(self, path):
        storage.write_json(path, asdict(self))

    def take(self, step, name, numbers, sources):
        """Enter what a measure found at a step, and what it was taken with."""
        self.evaluations.setdefault(str(step), {})[name] = numbers
        self.measured[name] = sorted({*self.measured.get(name, []), sources})

    def at(self, step, measure, entry):
        """A measured value, None if the run diverged before that step."""
        return self.evaluations.get(str(step), {}).get(measure, {}).get(entry)

    def missing(self, measures, steps=None):
        """(step, measure) of what is wanted and not taken, of all steps so far."""
        last = str(self.configuration["steps"])
        return [(step, name) for step in steps or self.evaluations for name in measures
                if name not in self.evaluations.get(step, {})
                and (step == last or name not in LAST_ONLY)]

    def sources(self, measures):
        """Of the training, all of it, and of these measures as far as it is known."""
        return {self.provenance.get("sources"),
                *self.provenance.get("earlier_sources", []),
                *(source for name in measures
                  for source in self.measured.get(name, []))}


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
