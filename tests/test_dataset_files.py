"""Data in an .npz file: what it may hold, every way it can be wrong, runs of it."""
import concurrent.futures as futures
import json

import numpy as np
import pytest
from commands import run, table2
from conftest import draw_images
from on_disk import assert_same_results

from npgm.data import Dataset, load_dataset
from npgm.errors import DataError, Interrupted, NpgmError
from npgm.experiments.store import scheduler, worker
from npgm.experiments.store.run import Run, folder_of
from npgm.network import MLP
from npgm.optimizers import Adam

SHAPE = (4, 4)
PARTS = ("x_train", "y_train", "x_test", "y_test")
VALIDATION = ("x_validation", "y_validation")


def bytes_of(*counts):
    """Arrays of unsigned bytes and labels, as many pairs as counts."""
    rng = np.random.default_rng(0)
    return [array for count in counts for array in draw_images(rng, count, SHAPE)]


@pytest.fixture
def write(tmp_path):
    """write(**changes) -> path of a file of 30 training and 9 test images; an array
    given as None is left out."""
    def make(name="data.npz", **changes):
        arrays = {**dict(zip(PARTS, bytes_of(30, 9))), **changes}
        np.savez_compressed(tmp_path / name, **{
            part: array for part, array in arrays.items() if array is not None})
        return tmp_path / name
    return make


def assert_same(one, other):
    for name in (*PARTS, *VALIDATION):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.dtype == theirs.dtype, name
        np.testing.assert_array_equal(mine, theirs)
    assert (one.shape, one.classes) == (other.shape, other.classes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_what_idx_files_of_them_are(write, write_idx_folder, dtype):
    x, y, x_test, y_test = bytes_of(72, 12)
    folder = write_idx_folder(train_images=x, train_labels=y, test_images=x_test,
                              test_labels=y_test)
    path = write(x_train=x[:60], y_train=y[:60], x_validation=x[60:],
                 y_validation=y[60:], x_test=x_test, y_test=y_test)
    assert_same(load_dataset(path, dtype), load_dataset(folder, dtype))


@pytest.mark.parametrize("stored", ["float32", "float64", ">f4"])
def test_floats_are_what_from_arrays_makes_of_them(write, stored):
    x, y, x_test, y_test = bytes_of(30, 9)
    x, x_test = (x / 255).astype(stored), (x_test / 255).astype(stored)
    data = load_dataset(write(x_train=x, x_test=x_test))
    expected = Dataset.from_arrays(x.astype("float32"), y, x_test.astype("float32"),
                                   y_test)
    assert_same(data, expected)
    assert data.checksum == Dataset.from_arrays(x, y, x_test, y_test).checksum
    assert data.x_validation.shape == (0, 16)


def test_rows_take_the_shape_that_is_given(write):
    x, _, x_test, _ = bytes_of(30, 9)
    rows = {"x_train": x.reshape(30, 16), "x_test": x_test.reshape(9, 16)}
    assert load_dataset(write(**rows, shape=np.array([2, 8]))).shape == (2, 8)
    assert load_dataset(write(**rows)).shape == (1, 16)
    assert load_dataset(str(write())).shape == SHAPE


def test_the_checksum_is_of_the_arrays_not_of_the_file(write, tmp_path):
    packed = write()
    np.savez(tmp_path / "other.npz", **dict(np.load(packed)))
    assert packed.read_bytes() != (tmp_path / "other.npz").read_bytes()
    assert (load_dataset(packed).checksum
            == load_dataset(tmp_path / "other.npz").checksum
            != load_dataset(write(y_test=bytes_of(30, 9)[3][::-1])).checksum)


@pytest.mark.parametrize("stored", ["uint8", "float32", "float64"])
def test_the_checksum_does_not_depend_on_the_dtype_asked_for(write, stored):
    x, _, x_test, _ = bytes_of(30, 9)
    if stored != "uint8":
        x, x_test = (x / 255).astype(stored), (x_test / 255).astype(stored)
    path = write(x_train=x, x_test=x_test, shape=np.array([2, 8]))
    checksum = load_dataset(path).checksum
    assert load_dataset(path, "float64").checksum == checksum
    assert load_dataset(write(x_train=x, x_test=x_test)).checksum != checksum


def test_checksums_that_name_stored_runs_stay(write):
    """Of bytes, and of float32."""
    x, y, x_test, y_test = bytes_of(30, 9)
    known = "7ec6a8c2fb0771d715ae620a6eb27eb1b3d79e2e59b9ad06ebcc5f78fbc0c978"
    assert load_dataset(write()).checksum == known
    x, x_test = (array / np.float32(255) for array in (x, x_test))
    assert Dataset.from_arrays(x, y, x_test, y_test).checksum == known


def test_what_packs_well_is_read_all_the_same(write):
    """Fifty-five megabytes of zeros, in a tenth of one."""
    x = np.zeros((30, 460, 500))
    data = load_dataset(write(x_train=x, x_test=x[:9]))
    assert data.x_train.shape == (30, 230_000)


@pytest.mark.parametrize("changes, words", [
    ({"x_train": None}, ["has no x_train: give an .npz file of x_train, y_train"]),
    ({"y_train": None, "y_test": None}, ["has no y_train, y_test"]),
    ({"x_valid": np.zeros(3)}, ["holds x_valid:", "x_validation"]),
    ({"x_validation": bytes_of(5)[0]}, ["give x_validation and y_validation, or"]),
    ({"y_train": bytes_of(29)[1]}, ["y_train is uint8(29,)", "30 examples"]),
    ({"y_test": np.arange(9.0)}, ["y_test is float64(9,)"]),
    ({"y_train": np.arange(30) - 1}, ["y_train has labels that go from -1 to 28"]),
    ({"y_test": np.full(9, 7)}, ["y_test labels up to 7"]),
    ({"x_test": bytes_of(9)[0][:, :3]}, ["x_test has shape (9, 3, 4)", "(N, 16)"]),
    ({"x_train": bytes_of(30)[0].astype(int)}, ["x_train is int64: give floats"]),
    ({"x_train": bytes_of(30)[0].astype(float)}, ["x_train[0, 0, 0] is", "0 to 1"]),
    ({"x_test": np.full((9, 4, 4), np.nan)}, ["x_test[0] has NaN"]),
    ({"x_train": np.array(0.5)}, ["x_train has shape ()"]),
    ({"shape": np.array([3, 5])}, ["x_train has shape (30, 4, 4)", "(N, 15)"]),
    ({"shape": np.array([4.0, 4.0])}, ["shape is [4.0, 4.0]: give (height, width)"]),
    ({"shape": np.array(16)}, ["shape is 16: give (height, width)"])])
def test_arrays_that_make_no_dataset(write, refused, changes, words):
    path = write(**changes)
    with refused(DataError, path, *words):
        load_dataset(path)


def test_no_such_file(tmp_path, refused):
    with refused(DataError, "none.npz does not exist"):
        load_dataset(tmp_path / "none.npz")
    with refused(DataError, "is not a folder", "or an .npz file"):
        load_dataset(tmp_path / "none")


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_file_cut_short(write, refused, share):
    path = write()
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    with refused(DataError, f"{path} is not a whole .npz archive"):
        load_dataset(path)


def test_objects_are_not_unpickled(write, refused):
    path = write(y_test=np.array([0, None, 2], dtype=object))
    with refused(DataError, path, "Object arrays"):
        load_dataset(path)


def test_a_lying_header_costs_no_memory(write, refused, tmp_path):
    """Promises beyond the file are refused, however large a data file may be."""
    import zipfile
    header = (b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape'"
              b": (100000, 10000), }").ljust(127) + b"\n"
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x_train.npy", header)
    with refused(DataError, "x_train.npy promises more than it holds"):
        load_dataset(tmp_path / "data.npz")


# Experiments of such a file

@pytest.fixture
def archive(tmp_path):
    """As `data`, in one file."""
    x, y, x_test, y_test = bytes_of(150, 12)
    path = tmp_path / "own.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return path


def test_a_run_of_a_file_resumes(archive, tmp_path, monkeypatch):
    run = Run.of(Adam(), seed=0, steps=60, hidden=(8,), batch_size=10,
                 data_checksum=load_dataset(archive).checksum)

    def complete(out):
        with futures.ThreadPoolExecutor(1) as executor:
            scheduler.complete(out, [(run, ("natural",))], archive, executor=executor)

    class Stopped(worker._Progress):
        def __call__(self, trainer):
            if trainer.t == 40:
                raise Interrupted("enough")
    with monkeypatch.context() as patch, pytest.raises(NpgmError):
        patch.setattr(worker, "_Progress", Stopped)
        complete(tmp_path / "out")
    with np.load(folder_of(tmp_path / "out", run) / "checkpoint.npz") as checkpoint:
        assert checkpoint["t"] == 40
    for out in ("out", "whole"):
        complete(tmp_path / out)
    assert_same_results(tmp_path / "out", tmp_path / "whole")


def test_a_run_of_a_file_in_float64(archive, tmp_path):
    run = Run.of(Adam(), seed=0, steps=20, hidden=(8,), batch_size=10,
                 data_checksum=load_dataset(archive).checksum, dtype="float64")
    worker.work(tmp_path, run, ("natural",), archive)
    net = MLP.load(folder_of(tmp_path, run) / "step-000020.npz")
    assert net.theta.dtype == np.float64


@pytest.mark.slow
def test_workers_find_the_file_and_results_are_stamped(archive, tmp_path):
    out = tmp_path / "out"
    done = run(*table2(archive, out))
    assert done.returncode == 0, done.stderr
    result = json.loads((out / "table2.json").read_text())
    assert f"data from {archive}" in result["stamp"]
    checksum = load_dataset(archive).checksum
    assert result["provenance"]["settings"]["data"] == checksum
    assert {one["configuration"]["data_checksum"]
            for one in result["provenance"]["runs"].values()} == {checksum}


def test_commands_tell_what_is_wrong_with_a_file(write, tmp_path):
    path = write(y_test=None)
    done = run("table2", "--data", path, "--out", tmp_path / "out", "--steps", 10)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: {path} has no y_test: give an .npz file of x_train, y_train, x_test, "
        "y_test, and if need be x_validation, y_validation, shape"]
