"""Records: what is known of a run, where from, and how far along it is."""
import pytest

from npgm import provenance, sources, storage
from npgm.errors import DataError
from npgm.experiments import measures
from npgm.experiments.measures import outcomes
from npgm.experiments.store.record import Record, progress_of, records_of
from npgm.experiments.store.run import Run, folder_of

RUN = Run("sgd", {"learning_rate": 0.01}, seed=0, steps=300, data_checksum="abc")
NUMBERS = {"natural_error": 2.5}
PGD = outcomes.pgd.measure


def record(**fields):
    return Record(RUN.configuration, "done", **{
        "evaluations": {"100": {}, "300": {"natural": NUMBERS}}, **fields})


def path_of(out):
    path = folder_of(out, RUN) / "record.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# Measurements


def test_a_run_not_begun_has_an_empty_record(tmp_path):
    found = Record.read(path_of(tmp_path), RUN.configuration)
    assert found == Record(RUN.configuration, "training", None, 0.0, {}, {}, {})


def test_a_record_is_read_as_it_was_written(tmp_path):
    written = record(wall_seconds=1.5, provenance={"sources": "s"},
                     measured={"natural": ["s"]})
    written.write(path_of(tmp_path))
    assert Record.read(path_of(tmp_path), RUN.configuration) == written


def test_a_measured_value_or_none():
    assert record().at(300, "natural", "natural_error") == 2.5
    diverged = record(diverged_at=7)
    assert diverged.at(200, "natural", "natural_error") is None
    for missing in ((100, "natural_error"), (200, "natural_error"), (300, "fgs_error")):
        with pytest.raises(DataError, match="a run's record has no"):
            record().at(missing[0], "natural", missing[1])


def test_measures_of_many_steps_are_taken_last():
    assert record().missing(("natural", PGD)) == [("100", "natural"), ("300", PGD)]
    assert record().missing(("natural", PGD), ["300"]) == [("300", PGD)]
    assert record().missing(("natural",), ["300"]) == []
    assert {"pgd_best_0.25_2000", "deepfool_1000", "fgs_vanishing_layers_0.25",
            "activity", "side_by_side_1000", "silent_layers_0.25_1000",
            "pictures_0.25_2"} == measures.LAST_ONLY & set(
                measures.MEASURES)


def test_a_text_is_no_number_and_a_number_no_text(refused):
    taken = record(evaluations={"300": {"natural": {"error": 2.5, "word": "seven"}}})
    assert taken.at(300, "natural", "word", text=True) == "seven"
    for entry, text in (("word", False), ("error", True), ("none", True)):
        with refused(DataError, f"has no {entry}"):
            taken.at(300, "natural", entry, text)


# Where the numbers come from


def test_a_measure_notes_the_sources_it_was_taken_with():
    taken = record(provenance={"sources": "then"}, measured={"natural": ["then"]})
    taken.take(300, "train", {"train_error": 1.0}, "now")
    taken.take(600, "train", {"train_error": 0.5}, "now")
    assert taken.evaluations["300"] == {"natural": NUMBERS,
                                        "train": {"train_error": 1.0}}
    assert taken.at(600, "train", "train_error") == 0.5
    assert taken.measured == {"natural": ["then"], "train": ["now"]}
    assert taken.provenance == {"sources": "then"}


def test_the_sources_of_a_number_are_the_trainings_and_its_measures():
    taken = record(provenance={"sources": "a"},
                   measured={"natural": ["a"], "train": ["b"]})
    assert taken.sources(["natural"]) == {"a"}
    assert taken.sources(["natural", "train"]) == {"a", "b"}
    assert taken.sources([PGD]) == {"a"}        # taken before there were such notes


def test_a_record_from_before_such_notes_is_read(tmp_path):
    storage.write_json(path_of(tmp_path), {
        "configuration": RUN.configuration, "status": "done", "diverged_at": None,
        "wall_seconds": 2.0, "provenance": {"sources": "a", "cores": 2},
        "evaluations": {"300": {"natural": NUMBERS}}})
    found = Record.read(path_of(tmp_path), RUN.configuration)
    assert found.measured == {} and found.sources(["natural"]) == {"a"}
    assert found.at(300, "natural", "natural_error") == 2.5


@pytest.mark.parametrize("before, earlier", [
    (None, None), ({}, None), ({"sources": "c"}, None), ({"sources": "b"}, ["b"]),
    ({"sources": "c", "earlier_sources": ["a"]}, ["a"]),
    ({"sources": "b", "earlier_sources": ["a"]}, ["a", "b"]),
    ({"sources": "b", "earlier_sources": ["c"]}, ["b"])], ids=str)
def test_a_run_that_goes_on_keeps_its_earlier_sources(before, earlier, monkeypatch):
    monkeypatch.setattr(sources, "digest", lambda: "c")
    found = provenance.machine(before)
    assert found["sources"] == "c" and found.get("earlier_sources") == earlier
    assert {"npgm", "python", "numpy", "numba"} == set(found["versions"])
    assert {"system", "processor", "cores", "threads_per_process"} < set(found)


def test_earlier_sources_are_among_those_of_a_number():
    taken = record(provenance={"sources": "b", "earlier_sources": ["a"]})
    assert taken.sources(["natural"]) == {"a", "b"}


# Files that are refused


@pytest.mark.parametrize("content", [
    '{"configuration": {', "", "[]", "null", '"text"', '{"colour": 1}', "\xff\xfe"])
def test_a_damaged_record_is_refused(content, refused, tmp_path):
    path = path_of(tmp_path)
    path.write_bytes(content.encode("latin-1"))
    with refused(DataError, path):
        Record.read(path, RUN.configuration)


@pytest.mark.parametrize("field, value", [
    ("evaluations", 5), ("evaluations", {"300": 5}), ("evaluations", {}),
    ("status", "asleep"), ("measured", []), ("measured", {"natural": 5}),
    ("provenance", "a"), ("evaluations", {"300": {"natural": 5}})])
def test_a_record_with_a_meaningless_field_is_refused(field, value, refused, tmp_path):
    path = path_of(tmp_path)
    storage.write_json(path, {**vars(record()), field: value})
    with refused(DataError, path):
        Record.read(path, RUN.configuration)


def test_a_record_of_other_settings_is_refused(refused, tmp_path):
    path = path_of(tmp_path)
    Record({**RUN.configuration, "seed": 1}).write(path)
    with refused(DataError, path, "other settings"):
        Record.read(path, RUN.configuration)


def test_records_of_wants_finished_runs(refused, tmp_path):
    with refused(DataError, "record.json", "not finished"):
        records_of(tmp_path, [RUN])
    record().write(path_of(tmp_path))
    assert records_of(tmp_path, [RUN, RUN]) == [record()] * 2


# Progress


@pytest.mark.parametrize("status, step", [
    ("training", 0), ("done", 300), ("diverged", 300)])
def test_how_far_a_run_is_when_nobody_works_on_it(status, step, tmp_path):
    Record(RUN.configuration, status, 7 if status == "diverged" else None,
           evaluations={"300": {}}).write(path_of(tmp_path))
    assert progress_of(tmp_path, RUN) == {"step": step}


def test_how_far_a_run_is_while_it_trains(tmp_path):
    told = {"step": 60, "natural_error": 9.5}
    storage.write_json(path_of(tmp_path).with_name("progress.json"), told)
    assert progress_of(tmp_path, RUN) == told


@pytest.mark.parametrize("content", ["[]", "5", "{}", '{"status": 1'])
def test_progress_survives_damaged_files(content, tmp_path):
    """The worker reports them; the bar must not be what fails."""
    for name in ("progress.json", "record.json"):
        path_of(tmp_path).with_name(name).write_text(content)
    assert progress_of(tmp_path, RUN)["step"] == 0
    assert progress_of(tmp_path / "nowhere", RUN) == {"step": 0}
