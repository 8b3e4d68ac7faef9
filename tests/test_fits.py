"""Whether a stored result is what its experiment writes: rows, columns and runs."""
from dataclasses import replace

import pytest
from made_up import COMMITTED

from npgm import storage
from npgm.errors import DataError
from npgm.experiments.output import results
from npgm.experiments.studies import EXPERIMENTS

EVERY = pytest.mark.parametrize("experiment", COMMITTED.values(), ids=COMMITTED)
TABLE2 = EXPERIMENTS["table2"]


def stored(name):
    return storage.read_json(results.COMMITTED / f"{name}.json")


@EVERY
def test_the_committed_results_fit(experiment):
    found = stored(experiment.name)
    assert experiment.fits(found)
    assert found["rows"] and found["stamp"] == ""


@EVERY
def test_no_row_and_no_column_may_be_missing(experiment):
    for column in (*experiment.keys, *(q.name for q in experiment.quantities),
                   *(text.name for text in experiment.texts),
                   *experiment.more(stored(experiment.name)["rows"][0]), "runs",
                   "diverged_at"):
        found = stored(experiment.name)
        del found["rows"][-1][column]
        assert not experiment.fits(found), column
    found = stored(experiment.name)
    del found["rows"][-1]
    assert not experiment.fits(found)


@EVERY
def test_another_experiments_results_do_not_fit(experiment):
    for name in COMMITTED:
        if name != experiment.name:
            found = stored(name)
            assert not experiment.fits(found)
            assert not experiment.fits({**found, "experiment": experiment.name})


# {what is done to Table II: how}; row is its first row


def row(result):
    return result["rows"][0]


def provenance(result):
    return result["provenance"]


def first_run(result):
    return next(iter(result["provenance"]["runs"].values()))


DAMAGES = {
    "a row twice": lambda r: r["rows"].append(row(r)),
    "rows in another order": lambda r: r["rows"].reverse(),
    "a row of nothing": lambda r: r["rows"].__setitem__(0, None),
    "rows by name": lambda r: r.update(rows={"sgd": row(r)}),
    "no rows": lambda r: r.update(rows=[]),
    "three instead of rows": lambda r: r.update(rows=3),
    "rows not there": lambda r: r.pop("rows"),
    "a key changed": lambda r: row(r).update(optimizer="adam"),
    "a number instead of a summary": lambda r: row(r).update(fgs_error=99.9),
    "a summary without its mean": lambda r: row(r)["fgs_error"].pop("mean"),
    "a seed's value missing": lambda r: row(r)["fgs_error"]["values"].pop(),
    "a value in words": lambda r: row(r)["fgs_error"]["values"].__setitem__(0, "99"),
    "a value that is true": lambda r: row(r)["fgs_error"].update(values=[True] * 3),
    "a mean in words": lambda r: row(r)["fgs_error"].update(mean="99.9"),
    "a deviation in a list": lambda r: row(r)["fgs_error"].update(std=[1]),
    "other runs": lambda r: row(r)["runs"].reverse(),
    "a run missing in a row": lambda r: row(r)["runs"].pop(),
    "a seed's divergence missing": lambda r: row(r)["diverged_at"].pop(),
    "the paper's numbers missing": lambda r: row(r).pop("paper"),
    "one of them missing": lambda r: row(r)["paper"].pop("fgs_error"),
    "one more of them": lambda r: row(r)["paper"].update(valid_fgs=1.0),
    "another name": lambda r: r.update(experiment="fig1"),
    "no name": lambda r: r.pop("experiment"),
    "no stamp": lambda r: r.pop("stamp"),
    "a stamp that is no text": lambda r: r.update(stamp=None),
    "no provenance": lambda r: r.pop("provenance"),
    "an empty provenance": lambda r: r.update(provenance={}),
    "other steps": lambda r: provenance(r)["settings"].update(steps=300),
    "steps in words": lambda r: provenance(r)["settings"].update(steps="100000"),
    "no steps": lambda r: provenance(r)["settings"].update(steps=0),
    "fewer seeds": lambda r: provenance(r)["settings"].update(seeds=2),
    "seeds that are true": lambda r: provenance(r)["settings"].update(seeds=True),
    "other data": lambda r: provenance(r)["settings"].update(data="abc"),
    "settings not there": lambda r: provenance(r).pop("settings"),
    "a run missing": lambda r: provenance(r)["runs"].popitem(),
    "all runs missing": lambda r: provenance(r).update(runs={}),
    "a run of other settings": lambda r: first_run(r)["configuration"].update(seed=7),
    "a run without a configuration": lambda r: first_run(r).pop("configuration"),
    "runs in a list": lambda r: provenance(r).update(
        runs=list(provenance(r)["runs"].values())),
    "no seconds of training": lambda r: provenance(r).pop("training_seconds"),
    "seconds in words": lambda r: provenance(r).update(training_seconds="long"),
    "no machine": lambda r: provenance(r).pop("machine"),
    "no versions": lambda r: provenance(r)["machine"].update(versions="1.0"),
    "no processor": lambda r: provenance(r)["machine"].pop("processor")}

# What is not seen yet, and then fails as the table or the figure is made.
UNSEEN = {
    "no seeds, no rows": lambda r: (
        provenance(r).update(runs={}), r.update(rows=[]),
        provenance(r)["settings"].update(seeds=0)),
    "no mean of known values": lambda r: row(r)["fgs_error"].update(mean=None),
    "the paper's numbers in a list": lambda r: row(r).update(
        paper=list(row(r)["paper"])),
    "the paper's number in words": lambda r: row(r)["paper"].update(fgs_error="99.9")}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_does_not_fit(damage):
    found = stored("table2")
    damage(found)
    assert TABLE2.fits(found) is False


@pytest.mark.parametrize("damage", UNSEEN.values(), ids=UNSEEN)
def test_what_contradicts_itself_does_not_fit(damage):
    found = stored("table2")
    damage(found)
    assert TABLE2.fits(found) is False


@pytest.mark.parametrize("found", [None, [], {}, 5, "text", [1], {"provenance": []}],
                         ids=repr)
def test_what_is_no_result_at_all_does_not_fit(found):
    assert TABLE2.fits(found) is False


@pytest.mark.parametrize("fault", [KeyError("a bug"), TypeError("a bug"),
                                   AttributeError("a bug")], ids=repr)
@pytest.mark.parametrize("part", ["more", "paper"])
def test_a_fault_of_the_experiments_own_is_no_damaged_file(part, fault):
    def faulty(keys):
        raise fault
    broken = replace(TABLE2, **{part: faulty})
    with pytest.raises(type(fault), match="a bug"):
        results.read(broken, results.COMMITTED / "table2.json")


def test_a_file_that_does_not_fit_is_named(committed, refused):
    path = committed / "table2.json"
    storage.write_json(path, {})
    with refused(DataError, path, "not what this version of npgm writes for table2",
                 f"python -m npgm.experiments table2 --out {committed}"):
        results.read(TABLE2, path)
