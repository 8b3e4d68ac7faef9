"""An experiment as data: its rows, table, CSV, figure and files follow from it."""
import concurrent.futures as futures
import csv
import io
from dataclasses import replace

import pytest
from made_up import records, result, value

from npgm import plots, storage, tables
from npgm.data import MNIST_CHECKSUM, load_dataset
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes
from npgm.experiments.output import results
from npgm.experiments.store import scheduler
from npgm.experiments.store.record import records_of
from npgm.experiments.studies import EXPERIMENTS

# As whoever has a question of their own would write it


def draw(result):
    figure, ax = plots.new(1)
    plots.bars(ax, result["rows"], [("natural_error", "natural", plots.NATURAL),
                                    *plots.FGS_BARS[:1]], "{momentum:g}")
    plots.legend_below(figure, ax)
    return figure


MINE = Experiment(
    name="momenta", title="Momentum, more of it and less",
    runs=tuple(Setting(protocol.optimizer("momentum", momentum=momentum))
               for momentum in (0.5, 0.9)),
    keys=("momentum", "step"),
    quantities=(outcomes.NATURAL_ERROR, outcomes.FGS_ERROR),
    paper=lambda keys: {"fgs_error": 99.5} if keys["momentum"] == 0.9 else {},
    more=lambda keys: {"doubled": 2 * keys["momentum"]},
    columns=(("doubled", lambda row: f"{row['doubled']:g}"),), draw=draw)


def swept(epsilons):
    """The same by epsilon."""
    return replace(MINE, keys=("momentum", "epsilon"), epsilons=epsilons, quantities=(
        outcomes.FGS_ERROR_SWEPT, outcomes.FGS_ERROR_PROTOCOL))


def test_it_wants_whole_seeds_first():
    wanted = MINE.wanted(300, 2, "abc")
    assert [(run.seed, run.hyperparameters["momentum"]) for run in wanted] == [
        (0, 0.5), (0, 0.9), (1, 0.5), (1, 0.9)]
    assert {(run.optimizer, run.steps, run.data_checksum, run.defence)
            for run in wanted} == {("momentum", 300, "abc", None)}


def test_it_measures_what_its_quantities_need():
    assert MINE.measures == ("natural", "fgs_0.25")
    assert swept(lambda keys: (0.25,)).measures == ("fgs_sweep", "fgs_0.25")


def test_rows_have_keys_quantities_over_seeds_and_more():
    wanted = MINE.wanted(300, 2, MNIST_CHECKSUM)
    rows = MINE.rows(wanted, records(wanted, diverged={3}))
    assert [(row["momentum"], row["step"]) for row in rows] == [
        (0.5, 100), (0.5, 300), (0.9, 100), (0.9, 300)]
    assert rows[0] == {
        "momentum": 0.5, "step": 100, "doubled": 1.0,
        "natural_error": {"mean": 6.0, "std": pytest.approx(50 ** 0.5),
                          "values": [1.0, 11.0]},
        "fgs_error": {"mean": pytest.approx(6.002), "std": pytest.approx(50 ** 0.5),
                      "values": [1.002, 11.002]},
        "runs": [wanted[0].hash, wanted[2].hash], "diverged_at": [None, None],
        "paper": {}}
    assert rows[3]["natural_error"] == {"mean": 3.0, "std": None, "values": [3.0, None]}
    assert rows[3]["diverged_at"] == [None, 7]
    assert rows[3]["paper"] == {"fgs_error": 99.5}


POINTS = replace(
    EXPERIMENTS["adversarial"], name="mine", columns=(),
    points={"digit": (1, 0), "attack": ("fgsm", "none")})


def test_a_row_for_each_of_its_points():
    wanted = POINTS.wanted(300, 2, "abc")
    rows = POINTS.rows(wanted, records(wanted))
    assert [(row["digit"], row["attack"]) for row in rows[:4]] == [
        (1, "fgsm"), (1, "none"), (0, "fgsm"), (0, "none")]
    assert len(rows) == 4 * len(POINTS.runs)
    assert rows[3]["size"]["values"] == [
        value(seed, 300, "pictures_0.25_2", "size_0_none") for seed in (0, 1)]


def test_texts_are_kept_by_seed_and_checked_and_not_in_tables(tmp_path):
    found = result(POINTS, seeds=2, diverged={0})
    assert [row["predicted"] for row in found["rows"][::4]] == [
        [None, "3"], ["3", "3"], ["3", "3"]]
    assert POINTS.fits(found)
    assert not {"predicted", "label"} & {h for h, _ in POINTS.headed(found["rows"])}
    results.write(tmp_path, replace(POINTS, draw=lambda result: plots.new(1)[0]), found)
    assert "/wCAgA==" not in (tmp_path / "mine.csv").read_text()
    for wrong in (["3"], ["3", 3], ["3", "three"], "33", None):
        found["rows"][5]["predicted"] = wrong
        assert not POINTS.fits(found)


def test_a_row_for_each_of_its_epsilons():
    experiment = swept(lambda keys: (0.1, 0.2) if keys["momentum"] == 0.5 else (0.2,))
    wanted = experiment.wanted(300, 1, "abc")
    rows = experiment.rows(wanted, records(wanted))
    assert [(row["momentum"], row["epsilon"], row["fgs_error"]["mean"],
             row["fgs_error_0.25"]["mean"]) for row in rows] == [
        (momentum, epsilon, value(0, 300, "fgs_sweep", f"fgs_error_{epsilon}"),
         value(0, 300, "fgs_0.25", "fgs_error"))
        for momentum, epsilon in ((0.5, 0.1), (0.5, 0.2), (0.9, 0.2))]


def test_the_table_shows_the_last_step_and_what_it_is_told_to():
    found = result(MINE, seeds=1, data=MNIST_CHECKSUM)["rows"]
    assert tables.markdown(MINE.headed(found), MINE.shown(found)) == (
        "| momentum | updates | natural error | FGS error | paper | doubled |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| 0.5 | 300 | 3.00 | 3.0 | - | 1 |\n"
        "| 0.9 | 300 | 3.00 | 3.0 | 99.5 | 1.8 |\n")
    one = replace(MINE, table={"momentum": 0.9})
    assert [(row["momentum"], row["step"]) for row in one.shown(found)] == [(0.9, 300)]
    by_epsilon = replace(swept(lambda keys: (0.1, 0.2)), table={"epsilon": 0.2})
    found = result(by_epsilon)["rows"]
    assert [row["epsilon"] for row in found] == [0.1, 0.2] * 2
    assert [row["epsilon"] for row in by_epsilon.shown(found)] == [0.2, 0.2]


def test_the_papers_numbers_stand_beside_mnist_only():
    def headings(data):
        return [heading for heading, _ in MINE.headed(result(MINE, data=data)["rows"])]
    assert headings("abc") == ["momentum", "updates", "natural error", "FGS error",
                               "doubled"]
    assert headings(MNIST_CHECKSUM).count("paper") == 1
    assert result(MINE, data="abc")["rows"][2]["paper"] == {"fgs_error": None}
    without = replace(MINE, paper=None)
    assert "paper" not in result(without, data=MNIST_CHECKSUM)["rows"][2]


def test_it_is_written_and_read_back(tmp_path):
    found = result(MINE, diverged={0})
    assert results.write(tmp_path, MINE, found) is None
    lines = list(csv.DictReader(io.StringIO((tmp_path / "momenta.csv").read_text())))
    assert list(lines[0]) == ["momentum", "step", "seed", "natural_error", "fgs_error"]
    assert [(line["momentum"], line["step"], line["seed"]) for line in lines] == [
        (momentum, step, seed) for momentum in ("0.5", "0.9")
        for step in ("100", "300") for seed in "012"]
    assert [line["fgs_error"] for line in lines[3:6]] == ["", "13.0020", "23.0020"]
    text = (tmp_path / "momenta.md").read_text()
    assert text.startswith("| momentum | updates | natural error |")
    assert "| 0.5 | 300 | 18.00 ± 7.07 (1 diverged) |" in text
    assert text.endswith("3 seeds, 300 updates; errors in percent, mean ± standard "
                         "deviation; 5 min of training, summed over the runs.\n")
    assert (tmp_path / "momenta.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert results.read(MINE, tmp_path / "momenta.json") == found


def test_it_is_trained_and_measured(data, tmp_path):
    wanted = MINE.wanted(3, 2, load_dataset(data).checksum)
    with futures.ThreadPoolExecutor(1) as executor:
        scheduler.complete(tmp_path, [(run, MINE.measures) for run in wanted], data,
                           executor=executor)
    rows = MINE.rows(wanted, records_of(tmp_path, wanted))
    assert [(row["momentum"], row["step"]) for row in rows] == [(0.5, 3), (0.9, 3)]
    for row in rows:
        for quantity in ("natural_error", "fgs_error"):
            assert len(row[quantity]["values"]) == 2
            assert all(0 <= number <= 100 for number in row[quantity]["values"])
    stored = {run.hash: storage.read_json(tmp_path / "runs" / run.hash / "record.json")
              for run in wanted}
    assert [stored[hash]["evaluations"]["3"]["fgs_0.25"]["fgs_error"]
            for hash in rows[1]["runs"]] == rows[1]["fgs_error"]["values"]


@pytest.mark.parametrize("key", ["optimizer", "learning_rate", "seed", "batch_size",
                                 "training", "hidden", "defence"])
def test_every_field_of_a_run_can_tell_rows_apart(key, tmp_path):
    experiment = replace(EXPERIMENTS["adversarial-training"], name="mine", paper=None,
                         keys=tuple(dict.fromkeys((key, "training", "learning_rate"))),
                         quantities=(outcomes.NATURAL_ERROR,),
                         draw=lambda result: plots.new(1, width=2, height=1)[0])
    found = result(experiment)
    results.write(tmp_path, experiment, found)
    assert results.read(experiment, tmp_path / "mine.json")
