"""Runs handed to a dask cluster of two processes on this machine: the same bits as
here, whatever is killed or interrupted; and workers that could not do them."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import commands
import pytest
from commands import ROOT, assert_refused, command, table2
from on_disk import networks, record_of
from test_interruptions import wait_until

import npgm
from npgm.errors import InputError, NpgmError
from npgm.experiments.store import child, cluster, scheduler, worker
from npgm.experiments.store.record import at_last
from npgm.experiments.store.run import folder_of
from npgm.optimizers import Adam

distributed = pytest.importorskip("distributed")
slow = pytest.mark.slow
STEPS = 1500            # of tiny data: a few seconds a run
PATIENCE = 600          # seconds: many processes at once, each of which may compile
MEASURES = ("natural",)
HERE = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}    # no bokeh: none
WORKER = ("--nthreads", "1", "--no-nanny")


@pytest.fixture(scope="module")
def pair():
    """Two workers, a process each."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **HERE) as pair:
        yield pair


@pytest.fixture
def client(pair):
    with distributed.Client(pair, set_as_default=False) as client:
        yield client


def run(*arguments):
    return commands.run(*arguments, patience=PATIENCE)


def on_cluster(pair, data, out, **options):
    return table2(data, out, "--cluster", pair.scheduler_address, **options)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """local(data): the networks of a long table2, trained here, once."""
    found = {}

    def of(data):
        if not found:
            out = tmp_path_factory.mktemp("local")
            done = run(*table2(data, out, steps=STEPS))
            assert done.returncode == 0, done.stderr
            found.update(networks(out))
        return found
    return of


@contextlib.contextmanager
def begun(pair, data, out):
    """The long command, once two runs are being trained."""
    process = subprocess.Popen(
        command(*on_cluster(pair, data, out, steps=STEPS)), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None
                   or len(list(out.glob("runs/*/progress.json"))) >= 2, PATIENCE)
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def tasks(client):
    """What the scheduler has in hand, and how many clients but this one."""
    return client.run_on_scheduler(lambda dask_scheduler: (
        list(dask_scheduler.tasks), len([name for name in dask_scheduler.clients
                                         if name.startswith("Client-")]) - 1))


def children(client):
    """The processes that the workers have begun."""
    import psutil
    found = []
    for pid in client.run(os.getpid).values():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += psutil.Process(pid).children(recursive=True)
    return [process for process in found if process.is_running()
            and process.status() != psutil.STATUS_ZOMBIE]


# Two processes

@slow
def test_the_same_bits_as_here(pair, client, data, finished, tmp_path):
    out = tmp_path / "out"
    done = run(*on_cluster(pair, data, out))
    assert done.returncode == 0, done.stderr
    assert "2 workers, 2 runs at a time" in done.stderr
    assert networks(out) == networks(finished[0])
    assert not list(out.glob("lease-*")) and tasks(client) == ([], 0)
    again = run(*on_cluster(pair, data, out))       # nothing is left to be done
    assert again.returncode == 0 and "workers" not in again.stderr


@slow
def test_a_worker_killed_in_the_middle(pair, client, data, local, tmp_path):
    out = tmp_path / "out"
    pids = [*client.run(os.getpid).values()]
    with begun(pair, data, out) as process:
        os.kill(pids[0], signal.SIGKILL)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert networks(out) == local(data)
    assert tasks(client) == ([], 0) and not list(out.glob("runs/*/checkpoint.npz"))


@slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM],
                         ids=lambda sent: sent.name)
def test_interrupted_in_the_middle(pair, client, data, local, tmp_path, sent):
    out = tmp_path / "out"
    with begun(pair, data, out) as process:
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and stdout == ""
    assert "Traceback" not in stderr
    assert "give the same command again" in stderr.splitlines()[-1]
    assert tasks(client) == ([], 0) and not list(out.glob("lease-*"))
    wait_until(lambda: not children(client), PATIENCE)      # they stop by themselves
    assert list(out.glob("runs/*/checkpoint.npz")) and networks(out) != local(data)
    if sent == signal.SIGTERM:
        return
    done = run(*on_cluster(pair, data, out, steps=STEPS))
    assert done.returncode == 0, done.stderr
    assert networks(out) == local(data)


@slow
def test_a_run_that_fails_is_told_as_here(pair, make_run, data_folder, tmp_path,
                                          capsys):
    failing, fine = make_run(batch_size=10_000), make_run()
    with pytest.raises(NpgmError, match="1 of 2 runs failed"):
        scheduler.complete(tmp_path, [(failing, MEASURES), (fine, MEASURES)],
                           data_folder, cluster=pair.scheduler_address)
    assert record_of(tmp_path, fine)["status"] == "done"
    assert ("sgd 0.01 hidden=8 batch_size=10000 seed 0, failed: batch_size is 10000"
            in capsys.readouterr().err)


# Workers that could not do the runs

@contextlib.contextmanager
def started(*arguments, path=ROOT):
    """python -m dask ..., which finds npgm at path."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--no-dashboard",
         "--dashboard-address", "127.0.0.1:0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=path,
        env={**os.environ, "PYTHONPATH": str(path)})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


@pytest.fixture
def empty():
    """A cluster without a worker."""
    with distributed.LocalCluster(n_workers=0, **HERE) as empty:
        yield empty


@pytest.fixture
def another(tmp_path):
    """A folder with an npgm of the same version that is not this one."""
    folder = tmp_path / "another"
    shutil.copytree(Path(npgm.__file__).parent, folder / "npgm",
                    ignore=shutil.ignore_patterns("__pycache__", "mnist"))
    with open(folder / "npgm" / "losses.py", "a") as file:
        file.write("# changed\n")
    return folder


def joined(address, count):
    """Wait until that many workers have."""
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=PATIENCE)


@slow
def test_a_worker_with_another_npgm_is_named(empty, another, data, tmp_path):
    with started("worker", empty.scheduler_address, *WORKER, path=another):
        joined(empty.scheduler_address, 1)
        done = run(*on_cluster(empty, data, tmp_path / "out"))
    assert_refused(done, 1, "dask worker tcp://127.0.0.1:", "has another npgm, of the "
                   "same version: install the same, then start it anew")
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path / "out") == []


@slow
def test_a_worker_that_joins_later_is_looked_at(empty, another, make_run, data_folder,
                                                tmp_path, capsys, monkeypatch):
    """Alone it fails the runs; where others are they do its runs, too."""
    monkeypatch.setattr(cluster, "HOLD", 0.5)
    wanted, address = [make_run(seed=seed) for seed in range(4)], (
        empty.scheduler_address)
    with cluster.connected(address, tmp_path, [(run, MEASURES) for run in wanted],
                           data_folder) as executor:
        assert "has no worker yet" in capsys.readouterr().err

        def submit(run):
            return executor.submit(worker.work, tmp_path, run, MEASURES, data_folder)
        with started("worker", address, *WORKER, path=another):
            alone = submit(wanted[0]).exception(PATIENCE)
            assert isinstance(alone, NpgmError) and "another npgm" in str(alone)
            with started("worker", address, *WORKER):
                joined(address, 2)
                while not executor.fit:     # the fit one has shown that it is
                    submit(wanted[0]).exception(PATIENCE)
                for future in [submit(run) for run in wanted]:
                    assert future.result(PATIENCE) is None
    assert capsys.readouterr().err.count("another npgm") <= 1
    assert all(record_of(tmp_path, run)["status"] == "done" for run in wanted)


@slow
def test_a_dead_scheduler_loses_nothing(data, finished, tmp_path):
    out, path = tmp_path / "out", tmp_path / "scheduler.json"
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(started("scheduler", "--host", "127.0.0.1", "--port",
                                          "0", "--scheduler-file", str(path)))
        wait_until(path.exists, PATIENCE)
        with distributed.Client(scheduler_file=str(path), timeout=PATIENCE,
                                set_as_default=False) as client:
            address = client.scheduler.address
        stack.enter_context(started("worker", address, *WORKER))
        joined(address, 1)
        process = stack.enter_context(subprocess.Popen(
            command(*table2(data, out, "--cluster", address)), cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        wait_until(lambda: list(out.glob("runs/*/lock")), PATIENCE)
        hub.kill()
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert stderr.splitlines()[-1].startswith(
        f"error: the dask scheduler at {address} is gone; every run is kept")
    assert "Traceback" not in stderr and not list(out.glob("lease-*"))
    done = run(*table2(data, out))
    assert done.returncode == 0, done.stderr
    assert networks(out) == networks(finished[0])


def test_no_scheduler(data, tmp_path, monkeypatch, refused, make_run):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with refused(NpgmError, "no dask scheduler answers at tcp://127.0.0.1:1 ("):
        scheduler.complete(tmp_path, [(make_run(), MEASURES)], data,
                           cluster="tcp://127.0.0.1:1")
    assert not list(tmp_path.glob("lease-*"))


@pytest.mark.parametrize("text", ["", "here", "127.0.0.1:8786", "http://a:1", "tcp://a",
                                  "tcp://a:b", "tcp://a b:1"])
def test_what_is_no_address(text, refused):
    with refused(InputError, "give tcp://HOST:PORT"):
        cluster.address(text)


def test_dask_is_needed_only_here(data, tmp_path, monkeypatch, refused, make_run):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with refused(InputError, "python -m pip install distributed"):
        scheduler.complete(tmp_path, [(make_run(), MEASURES)], data,
                           cluster="tcp://127.0.0.1:1")


# What a worker's process looks at, and that it can be stopped

@pytest.fixture
def terms(tmp_path, make_run, data_folder):
    return child.terms_of(tmp_path / "lease-1", [(make_run(), MEASURES)],
                          data_folder)


def test_a_process_that_finds_everything_says_so(terms):
    assert child.wrong(terms) == ""


@pytest.mark.parametrize("changed, words", [
    ({"lease": "/nowhere/lease-1"}, "does not see /nowhere: give an --out that every"),
    ({"sources": "0"}, "another npgm, of the same version: install the same"),
    ({"versions": {"npgm": "0", "numpy": "1", "numba": "1"}}, "this command 0: inst"),
    ({"data": "/nowhere"}, "cannot do these runs: /nowhere is not a folder"),
    ({"data": None}, "other data in its npgm: give it the same"),
    ({"checksum": "0"}, "has other data in "),
    ({"own": [{"optimizer": "nobody:Adam", "hyperparameters": {}, "seed": 0, "steps": 1,
               "data_checksum": "", "own": {"nobody:Adam": ""}}]},
     "cannot do these runs: optimizer 'nobody:Adam' is not to be found"),
    ({"attacks": ["nobody:Attack"]}, "runs: attack 'nobody:Attack' is not to be f")])
def test_what_a_process_does_not_find_is_named(terms, changed, words):
    found = child.wrong({**terms, **changed})
    assert words in found and "\n" not in found


def test_attacks_of_ones_own_are_looked_for(tmp_path, make_run, data_folder):
    terms = child.terms_of(tmp_path / "lease-1", [
        (make_run(), ("natural", at_last("attack my.attacks:Mine@0123_0.25"))),
        (make_run(), ("fgs_0.25", "attack fgsm_0.1"))], data_folder)
    assert terms["attacks"] == ["my.attacks:Mine@0123"]
    assert "attack 'my.attacks:Mine' is not to be found" in child.wrong(terms)


def test_a_lease_that_is_another_does_not_stand(terms):
    lease = Path(terms["lease"])
    assert child.stands(lease)
    lease.write_text("lease-2")
    assert not child.stands(lease) and not child.stands(lease.parent)


@slow
def test_a_process_does_a_run_and_is_stopped(terms, make_run, tmp_path, monkeypatch):
    """Whatever the surroundings are; stopped, it leaves its checkpoint."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT_", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    run = make_run(Adam(), steps=100_000)
    request = {"terms": terms, "run": run.configuration, "measures": MEASURES}
    trained = folder_of(tmp_path, run) / "progress.json"
    answer = child.ask(request, lambda: not trained.exists())
    assert answer.get("stopped") and record_of(tmp_path, run)["status"] == "training"
    assert (folder_of(tmp_path, run) / "checkpoint.npz").exists()
    assert record_of(tmp_path, run)["provenance"]["threads_per_process"] == "1"
    short = make_run(Adam())
    answer = child.ask({**request, "run": short.configuration})
    assert answer == {"processor": answer["processor"], "wrong": ""}
    assert record_of(tmp_path, short)["status"] == "done"


@slow
def test_what_ones_own_module_prints_is_no_answer(terms, tmp_path, monkeypatch):
    """More of it than a pipe holds, at its import."""
    (tmp_path / "talkative.py").write_text(
        "import os\nprint('x' * 100_000)\nos.write(1, b'y' * 100_000)\n"
        "from npgm.attacks import FGSM as Mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    answer = child.ask({"terms": {**terms, "attacks": ["talkative:Mine@0"]}})
    assert "talkative:Mine was edited since" in answer["wrong"]


@slow
def test_a_process_that_is_killed_says_so(terms, make_run, monkeypatch):
    """Here before it has read what it was asked."""
    monkeypatch.setattr(child.sys, "executable", shutil.which("false"))
    assert child.ask({"terms": terms}) == {"killed": 1}
