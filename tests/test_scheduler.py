"""Many runs: one that fails or diverges does not stop the others."""
import concurrent.futures as futures

import pytest
from on_disk import assert_same_results, record_of

from npgm import storage, tables
from npgm.errors import NpgmError
from npgm.experiments import protocol, rows
from npgm.experiments.measures import outcomes
from npgm.experiments.output import results
from npgm.experiments.store import scheduler
from npgm.experiments.store.record import records_of
from npgm.experiments.store.run import folder_of
from npgm.experiments.studies import EXPERIMENTS
from npgm.optimizers import SGD, Adam

NATURAL, FGS = outcomes.natural.measure, outcomes.fgs.measure
BOTH = (NATURAL, FGS)
TABLE2 = EXPERIMENTS["table2"]


def complete(out, wanted, measured, data_folder):
    """scheduler.complete within this process, one run after the other."""
    with futures.ThreadPoolExecutor(1) as executor:
        scheduler.complete(out, [(run, measured) for run in wanted], data_folder,
                           executor=executor)


def diverging(make_run):
    return make_run(SGD(learning_rate=1e30))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverging_run_does_not_stop_the_others(make_run, data_folder, tmp_path):
    wanted = [diverging(make_run), make_run(Adam())]
    complete(tmp_path, wanted, BOTH, data_folder)
    lost, done = records_of(tmp_path, wanted)
    assert lost.status == "diverged" and 1 < lost.diverged_at < 120
    assert lost.at(120, NATURAL, "natural_error") is None
    assert done.status == "done"
    assert 0 <= done.at(120, NATURAL, "natural_error") <= 100


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_row_says_so(make_run, data_folder, tmp_path):
    wanted = [diverging(make_run), make_run(Adam())]
    complete(tmp_path, wanted, BOTH, data_folder)
    found = TABLE2.rows(wanted, records_of(tmp_path, wanted))
    assert found[0]["natural_error"] == {"mean": None, "std": None, "values": [None]}
    assert found[0]["diverged_at"][0] > 1 and found[1]["diverged_at"] == [None]
    line = tables.markdown(TABLE2.headed(found), found).splitlines()[2]
    assert line.startswith("| sgd | diverged |")
    results.write(tmp_path, TABLE2, {"rows": found, "stamp": "", "provenance": {
        "settings": {"seeds": 1, "steps": 120}, "training_seconds": 1.0,
        "runs": {run.hash: {"configuration": run.configuration} for run in wanted}}})
    assert "NaN" not in (tmp_path / "table2.json").read_text()
    assert storage.read_json(tmp_path / "table2.json")["rows"] == found
    assert (tmp_path / "table2.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_failing_run_does_not_stop_the_others(make_run, data_folder, tmp_path,
                                                capsys):
    failing, fine = make_run(batch_size=10_000), make_run()
    with pytest.raises(NpgmError, match="1 of 2 runs failed"):
        complete(tmp_path, [failing, fine], (NATURAL,), data_folder)
    assert record_of(tmp_path, fine)["status"] == "done"
    assert ("sgd 0.01 hidden=8 batch_size=10000 seed 0, failed: batch_size is 10000"
            in capsys.readouterr().err)


def test_a_fault_of_the_code_is_told_by_its_kind(make_run, data_folder, tmp_path,
                                                 capsys):
    with pytest.raises(NpgmError, match="1 of 1 runs failed"):
        complete(tmp_path, [make_run()], ("fgs what_0.1",), data_folder)
    assert "sgd 0.01 hidden=8 batch_size=10 seed 0, failed: TypeError: " in (
        capsys.readouterr().err)


@pytest.mark.parametrize("measured", [(NATURAL,), (FGS,), BOTH, ()], ids=str)
def test_any_measures_can_be_watched(measured, make_run, data_folder, tmp_path):
    """The progress bar shows what there is, while a run is going on too."""
    run = make_run()
    complete(tmp_path, [run], measured, data_folder)
    taken = record_of(tmp_path, run)["evaluations"]["120"]
    assert set(taken) == set(measured)
    newest = {name: value for numbers in taken.values()
              for name, value in numbers.items()}
    storage.write_json(folder_of(tmp_path, run) / "progress.json",
                       {"step": 60, **newest})
    complete(tmp_path, [run], measured, data_folder)


@pytest.mark.slow
def test_one_process_or_two_give_the_same_bits(make_run, data_folder, tmp_path):
    wanted = [make_run(optimizer, seed=seed)
              for optimizer in protocol.OPTIMIZERS.values() for seed in (0, 1)]
    for jobs in (1, 2):
        scheduler.complete(tmp_path / str(jobs), [(run, BOTH) for run in wanted],
                           data_folder, jobs)
    assert_same_results(tmp_path / "1", tmp_path / "2")
    found = [TABLE2.rows(wanted[:4], records_of(tmp_path / jobs, wanted[:4]))
             for jobs in "12"]
    assert found[0] == found[1]
    assert len(rows.known(found[0][0], "natural_error")) == 2
