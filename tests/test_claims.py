"""Claims: verdicts follow the numbers, and only results that belong together."""
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from npgm.data import MNIST_CHECKSUM
from npgm.errors import DataError
from npgm.experiments import __main__, claims, protocol, report, stored, tables
from npgm.experiments import verdicts as words
from npgm.experiments.results import rank_correlation, select

COMMITTED = Path(__file__).parents[1] / "figures" / "data"
STEPS = (1_000, 10_000, 30_000, 100_000)


def summary(*values):
    return tables.summary(list(values))


def stored_result(name, rows, **changes):
    runs = {row["runs"][0]: {"configuration": {
        "steps": 100_000, "data_checksum": MNIST_CHECKSUM, "optimizer": "adam",
        "seed": 0, "hyperparameters": {"learning_rate": 0.01}}} for row in rows}
    return {"experiment": name, "stamp": "", "rows": rows, "provenance": {
        "settings": {"steps": 100_000, "seeds": 1, "data": MNIST_CHECKSUM},
        "runs": runs, "machine": {"versions": {"npgm": "0"}, "processor": "a <CPU>"}},
        **changes}


def row(**values):
    keys = {k: v for k, v in values.items() if not isinstance(v, float) or k in (
        "learning_rate", "epsilon")}
    return {**keys, **{k: summary(v) for k, v in values.items() if k not in keys},
            "runs": ["-".join(map(str, keys.values()))], "diverged_at": [None]}


def as_in_the_paper():
    """Rows that bear every claim out, but for the cause."""
    fig1, fig3 = [], []
    for rate in protocol.RATES:
        masked, lost = rate >= 0.0025, rate > 0.075
        fgs = 10.0 - 50 * rate if masked else 99.0 - rate
        for step in STEPS:
            natural = 80.0 if lost else 1.5 + 100 * rate + step / 1e6
            fig1.append(row(
                learning_rate=rate, step=step, natural_error=natural, fgs_error=fgs,
                fgs_error_repaired=99.0, valid_fgs=10.0 if masked else 95.0,
                valid_fgs_repaired=10.0 if lost else 99.0,
                residual_zero=90.0 if masked else 1.0, residual_zero_train=91.0))
            for epsilon in (0.1, 0.25):
                late = {1_000: 0.1, 10_000: 0.2, 30_000: 0.5, 100_000: 1.0}[step]
                fig3.append({**row(
                    learning_rate=rate, epsilon=epsilon, step=step, train_error=0.5,
                    natural_error=natural, frs_error=1 + 1000 * rate * (
                        late if rate > 0.001 else 1.0)),
                    "fgs_error_0.25": summary(fgs)})
    optimizers = [{**row(
        optimizer=name, learning_rate=rate,
        fgs_error=10.0 if masked else 99.0, fgs_error_repaired=99.0, train_error=0.5,
        natural_error=3.0 if masked else 2.0, logit_lead=300.0 if masked else 20.0),
        "recommended": rate == 0.001}
        for name in protocol.OPTIMIZERS for rate in (0.001, 0.01)
        for masked in [name in ("adam", "rmsprop") and rate == 0.01]]
    trained = [row(training="plain", learning_rate=0.01, fgs_error=5.0,
                   fgs_error_repaired=99.0, pgd_error_repaired=99.0),
               row(training="adversarial", learning_rate=0.001, fgs_error=10.0,
                   fgs_error_repaired=11.0, pgd_error_repaired=90.0)]
    table2 = [{**row(optimizer=name, natural_error=paper["natural_error"],
                     fgs_error=paper["fgs_error"], fgs_error_repaired=100.0),
               "paper": paper} for name, paper in protocol.TABLE2.items()]
    reduction = [row(learning_rate=0.001, fgs_error_plain=99.0, fgs_error_mean=96.0,
                     fgs_error_flushed=95.0, fgs_error_mean_flushed=90.0,
                     valid_fgs_mean_flushed=91.0)]
    forms = [{**row(form=form, natural_error=2.0), "overflows_at": None}
             for form in ("algorithm1", "printed")]
    return {"fig1": fig1, "fig3": fig3, "optimizers": optimizers, "table2": table2,
            "adversarial-training": trained, "reduction": reduction,
            "pseudocode": forms}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """write({experiment: rows}) -> folder of results; none are committed."""
    monkeypatch.setattr(stored, "COMMITTED", tmp_path / "none")

    def write(results):
        for name, found in results.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(
                stored_result(name, found)))
        return tmp_path
    return write


def verdicts_of(rows):
    return {row["claim"]: row["verdict"] for row in rows}


def verdicts(folder):
    return verdicts_of(claims.rows(folder))


def test_numbers_as_in_the_paper(write):
    found = verdicts(write(as_in_the_paper()))
    other = {name: words.OTHERWISE for name in ("7", "8", "9")}
    ours = {name: words.HOLDS for name in ("the cause", "silent layers", "the 90.4")}
    assert found == {**dict.fromkeys(found, words.YES), **other, **ours}
    assert {"Table II", *map(str, range(1, 10))} < set(found)


def test_without_the_repair_the_paper_would_be_right(write):
    results = as_in_the_paper()
    for name in ("fig1", "optimizers", "adversarial-training"):
        for found in results[name]:
            found["fgs_error_repaired"] = found["fgs_error"]
    found = verdicts(write(results))
    assert all(found[name] == words.YES for name in ("4", "7", "8", "9"))
    assert found["the cause"] == words.FAILS


@pytest.mark.parametrize("name, experiment, quantity, value, where", [
    ("Table II", "table2", "natural_error", 3.0, {"optimizer": "sgd"}),
    ("1", "fig1", "valid_fgs", 41.0, {"learning_rate": 0.1}),
    ("2", "fig1", "natural_error", 3.1, {"learning_rate": 0.005}),
    ("3", "fig1", "valid_fgs", 60.0, {"learning_rate": 0.001}),
    ("4", "fig1", "valid_fgs", 30.0, {"learning_rate": 0.01}),
    ("5", "fig3", "frs_error", 2.0, {}),
    ("6", "fig3", "frs_error", 2.0, {"learning_rate": 0.01}),
    ("7", "optimizers", "fgs_error", 60.0, {"optimizer": "rmsprop"}),
    ("8", "adversarial-training", "fgs_error", 1.0, {"training": "adversarial"}),
    ("Table II", "table2", "fgs_error", 99.9, {"optimizer": "adam"}),
    ("abstract", "fig1", "fgs_error", 70.0, {"learning_rate": 0.003}),
    ("Adam", "pseudocode", "natural_error", 85.0, {"form": "printed"}),
    ("the boundary", "fig3", "frs_error", 0.5, {"learning_rate": 0.003}),
    ("the boundary", "fig3", "frs_error", 2.0, {}),
    ("9", "fig3", "natural_error", 2.0, {}),
    ("9", "optimizers", "natural_error", 1.0, {"optimizer": "rmsprop"}),
    ("9", "fig1", "natural_error", 9.0, {"learning_rate": 0.01, "step": 1_000}),
    ("the 90.4", "reduction", "fgs_error_mean_flushed", 97.0, {}),
    ("silent layers", "fig1", "valid_fgs_repaired", 90.0, {}),
    ("the cause", "fig1", "residual_zero", 1.0, {}),
    ("the cause", "fig1", "fgs_error_repaired", 50.0, {})], ids=str)
def test_one_other_number_turns_a_verdict(write, name, experiment, quantity, value,
                                          where):
    results = as_in_the_paper()
    for found in select(results[experiment], **where):
        found[quantity] = summary(value)
    assert verdicts(write(results))[name] in (words.NO, words.FAILS)


def test_one_reason_or_another(write):
    """A network that learns before it fails is not what the paper describes."""
    results = as_in_the_paper()
    for found in select(results["fig1"], learning_rate=0.1, step=1_000):
        found["natural_error"] = summary(15.0)
    row, = (row for row in claims.rows(write(results)) if row["claim"] == "1")
    assert row["verdict"] == words.OTHERWISE
    assert "15.0 % after 1,000 updates" in row["why"]


@pytest.mark.parametrize("plain, trained, verdict", [
    ((5.0, 6.0), (9.0, 10.0), words.OTHERWISE),
    ((5.0, 9.5), (9.0, 10.0), words.NO),
    ((11.0, 12.0), (9.0, 10.0), words.NO), ((None,), (9.0,), words.NO)], ids=str)
def test_seeds_that_overlap_decide_nothing(write, plain, trained, verdict):
    results = as_in_the_paper()
    for found, values in zip(results["adversarial-training"], (plain, trained)):
        found["fgs_error"] = summary(*values)
    assert verdicts(write(results))["8"] == verdict


@pytest.mark.parametrize("values, verdict", [
    ((80.0, 90.0, 97.0), words.HOLDS), ((94.0, 94.2, 94.4), words.FAILS)])
def test_the_904_is_judged_by_its_spread(write, values, verdict):
    results = as_in_the_paper()
    results["reduction"][0]["fgs_error_mean_flushed"] = summary(*values)
    assert verdicts(write(results))["the 90.4"] == verdict
    results["reduction"][0]["fgs_error_mean"] = summary(80.0, 90.0, 97.0)
    assert verdicts(write(results))["the 90.4"] == (
        words.OPEN if verdict == words.HOLDS else words.FAILS)


def test_every_seed_counts_over_training(write):
    """Claim 6 needs the late slope to be the larger one in each."""
    for last, verdict in ((9.0, words.YES), (2.0, words.NO)):
        results = as_in_the_paper()
        for step, values in {1_000: (1.0, 2.0), 10_000: (1.5, 2.5),
                             100_000: (8.0, last)}.items():
            for found in select(results["fig3"], learning_rate=0.01, step=step):
                found["frs_error"] = summary(*values)
        for found in select(results["fig3"], learning_rate=0.001):
            found["frs_error"] = summary(2.0, 2.0)
        assert verdicts(write(results))["6"] == verdict


def test_results_of_another_version_are_told(write):
    results = as_in_the_paper()
    for found in results["fig1"]:
        del found["residual_zero"]
    with pytest.raises(DataError, match="fig1.json.*experiments fig1") as error:
        claims.rows(write(results))
    assert "\n" not in str(error.value)


def test_a_row_names_its_runs_and_files(write):
    folder = write(as_in_the_paper())
    masked = {row["claim"]: row for row in claims.rows(folder)}["4"]
    assert masked["files"] == [str(folder / "fig1.json")]
    assert masked["runs"] == ["0.001-100000", "0.01-100000"]
    assert "9.5 % (1 seed)" in masked["measured"]


def test_results_of_two_folders_are_never_mixed(write, tmp_path, monkeypatch, capsys):
    """The committed ones stand in only for a default folder with none."""
    monkeypatch.setattr(stored, "COMMITTED", write(as_in_the_paper()))
    mine = tmp_path / "mine"
    with pytest.raises(DataError, match="no results in .*mine.*--out .*mine"):
        claims.rows(mine)
    found = claims.rows(mine, or_committed=True)
    assert {row["verdict"] for row in found} > {words.YES}
    assert __main__.main(["claims", "--out", str(mine)]) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not mine.exists()
    mine.mkdir()
    shutil.copy(tmp_path / "fig3.json", mine)
    found = verdicts_of(claims.rows(mine, or_committed=True))
    assert found["5"] == words.YES and found["2"] == words.UNKNOWN


def test_kept_results_are_named(write):
    folder = write(as_in_the_paper())
    (folder / "fig1-100000-updates-3-seeds-x.json").write_text("{}")
    result = json.loads((folder / "fig1.json").read_text())
    result["provenance"]["settings"]["steps"] = 300
    for run in result["provenance"]["runs"].values():
        run["configuration"]["steps"] = 300
    (folder / "fig1.json").write_text(json.dumps(result))
    with pytest.raises(DataError, match="fig1-100000-updates-3-seeds-x.json, rename"):
        claims.rows(folder)


def test_what_was_not_measured_says_how_to(write):
    results = as_in_the_paper()
    del results["fig3"]
    found = {row["claim"]: row for row in claims.rows(write(results))}
    for name in ("5", "6", "9"):
        assert found[name]["verdict"] == words.UNKNOWN
        assert "python -m npgm.experiments fig3" in found[name]["why"]
    assert found["1"]["verdict"] == words.YES


def test_a_diverged_run_counts_as_no_number(write):
    results = as_in_the_paper()
    for found in select(results["fig1"], learning_rate=0.1):
        found["natural_error"] = summary(None)
    assert verdicts(write(results))["1"] == words.NO


@pytest.mark.parametrize("change", [
    {"stamp": "NOT COMPARABLE"}, {"experiment": "fig2"}, {"rows": []}, {"rows": 3},
    {"provenance": {}}, {"provenance": {"settings": {"steps": 300, "data": "x"},
                                        "runs": {}}}], ids=str)
def test_results_of_anything_else_are_refused(write, change):
    folder = write(as_in_the_paper())
    path = folder / "fig1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match="fig1.json") as error:
        claims.rows(folder)
    assert "\n" not in str(error.value)


def test_a_half_written_file_is_named(write, capsys):
    folder = write(as_in_the_paper())
    path = folder / "fig3.json"
    path.write_text(path.read_text()[:1000])
    assert __main__.main(["claims", "--out", str(folder)]) == 1
    error = capsys.readouterr().err
    assert "fig3.json" in error and error.count("\n") == 1


def test_the_command_prints_and_writes(write, capsys):
    folder = write(as_in_the_paper())
    assert __main__.main(["claims", "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "7: REPRODUCED, FOR ANOTHER REASON" in printed
    written = json.loads((folder / "claims.json").read_text())
    assert [row["claim"] for row in written["rows"]] == [
        c.name for c in claims.CLAIMS]
    assert (folder / "claims.md").read_text().count("\n| ") == len(
        claims.CLAIMS) + 2 * 3
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("a, b, expected", [
    ([1, 2, 3], [10, 20, 90], 1), ([1, 2, 3], [3, 2, 1], -1), ([1, 2, 3], [5, 5, 5], 0),
    ([1, 2, 3, 4], [1, 3, 2, 4], 0.8), ([1, 1, 2], [1, 2, 3], np.sqrt(3) / 2)])
def test_rank_correlation(a, b, expected):
    assert rank_correlation(a, b) == pytest.approx(expected)


# The page

PAGE = {name: __main__.EXPERIMENTS[name] for name in ("table2", "reduction")}


@pytest.fixture
def results(tmp_path):
    """A folder with some of the committed results, as a page finds them."""
    for name in PAGE:
        result = json.loads((COMMITTED / f"{name}.json").read_text())
        result["provenance"]["machine"]["processor"] = "a <CPU>"
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    return tmp_path


def test_the_page_is_self_contained_and_escaped(results):
    report.main(results, PAGE)
    page = (results / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2 and "{{" not in page
    for outside in ("<script", "src=\"/", "src=\"http", "<link", "@import"):
        assert outside not in page
    assert "a &lt;CPU&gt;" in page and "<CPU>" not in page
    assert page.count("<section") == page.count("</section>") == 3
    assert "adam 0.001 seed 0, 100,000 updates" in page


def test_a_page_of_other_settings_says_so(results):
    path = results / "reduction.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({**result, "stamp": "NOT <b>COMPARABLE"}))
    report.main(results, PAGE)
    page = (results / "report.html").read_text()
    assert "NOT &lt;b&gt;COMPARABLE. 3 seeds" in page
    assert "not judged" in page and page.count("<section") == 2


def test_a_page_of_another_version_is_refused(results):
    path = results / "reduction.json"
    path.write_text(path.read_text().replace("fgs_error_plain", "plain"))
    with pytest.raises(DataError, match="reduction.json: not what this version"):
        report.main(results, PAGE)
    assert not (results / "report.html").exists()
