"""What several test modules share: small data, small files, a small network."""
import contextlib
import gzip
import hashlib
import shutil
import struct

import commands
import hypothesis
import numpy as np
import pytest
from made_up import COMMITTED

from npgm.data import FILES, Dataset, load_dataset
from npgm.experiments.output import results
from npgm.experiments.store.run import Run
from npgm.network import MLP
from npgm.optimizers import SGD

hypothesis.settings.register_profile("npgm", deadline=None, derandomize=True)
hypothesis.settings.load_profile("npgm")

TINY_SHAPE = (4, 4)
TINY_CLASSES = 3


def idx_bytes(array):
    """A uint8 array as the contents of an IDX file."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape)
    return header + array.tobytes()


def draw_images(rng, count, shape):
    """Noise below 100, plus 100 at every third pixel, from the class on; zeros."""
    labels = np.arange(count, dtype=np.uint8) % TINY_CLASSES
    images = rng.integers(0, 100, (count, *shape), dtype=np.uint8)
    columns = images.reshape(count, -1)
    for label in range(TINY_CLASSES):
        columns[labels == label, label::TINY_CLASSES] += 100
    columns[rng.random(columns.shape) < 0.3] = 0    # like MNIST: many zeros
    return images, labels


@pytest.fixture
def write_idx_folder(tmp_path):
    """write(name="idx", gzipped=False, dotted=False, train=72, test=12,
    shape=(4, 4), **arrays) -> folder of four IDX files with 3 classes.

    arrays: uint8, in place of the drawn train_images, train_labels,
    test_images, test_labels. 72 training images load as 60 and 12.
    """
    def write(name="idx", gzipped=False, dotted=False, train=72, test=12,
              shape=TINY_SHAPE, **arrays):
        rng = np.random.default_rng(0)
        parts = {}
        parts["train_images"], parts["train_labels"] = draw_images(rng, train, shape)
        parts["test_images"], parts["test_labels"] = draw_images(rng, test, shape)
        folder = tmp_path / name
        folder.mkdir()
        for part, array in {**parts, **arrays}.items():
            file = FILES[part].replace("-idx", ".idx") if dotted else FILES[part]
            content = idx_bytes(array)
            if gzipped:
                file, content = file + ".gz", gzip.compress(content, mtime=0)
            (folder / file).write_bytes(content)
        return folder
    return write


@pytest.fixture
def tiny_data():
    """A float32 Dataset: 60 training, 12 validation and 12 test images of 4 x 4
    pixels in 3 classes that a small network can learn."""
    rng = np.random.default_rng(0)
    x_train, y_train = draw_images(rng, 72, TINY_SHAPE)
    x_test, y_test = draw_images(rng, 12, TINY_SHAPE)

    def pixels(images):
        return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)

    x, y = pixels(x_train), y_train.astype(np.int64)
    return Dataset(
        x_train=x[:60], y_train=y[:60], x_validation=x[60:], y_validation=y[60:],
        x_test=pixels(x_test), y_test=y_test.astype(np.int64), shape=TINY_SHAPE,
        classes=TINY_CLASSES, checksum=hashlib.sha256(x_train.tobytes()).hexdigest())


@pytest.fixture
def small_network():
    """A float64 network 5 - 7 - 4 - 3 whose weights are all different."""
    return MLP.initialize((5, 7, 4, 3), seed=1, dtype="float64", scheme="he")


@pytest.fixture
def small_examples():
    """x (6, 5) float64 in [0, 1) and y (6,) in 3 classes, for small_network."""
    rng = np.random.default_rng(2)
    return rng.random((6, 5)), rng.integers(0, 3, 6)


# Runs and results


@pytest.fixture
def data_folder(write_idx_folder):
    return write_idx_folder()


@pytest.fixture
def make_run(data_folder):
    """make_run(optimizer=SGD(), **settings): a small run on data_folder."""
    checksum = load_dataset(data_folder).checksum

    def make(optimizer=SGD(), **settings):
        return Run.of(optimizer, **{
            "seed": 0, "steps": 120, "hidden": (8,), "batch_size": 10,
            "data_checksum": checksum, **settings})
    return make


@pytest.fixture
def refused():
    """with refused(kind of error, *parts): one is raised whose message is one line
    and has all parts."""
    @contextlib.contextmanager
    def expect(kind, *parts):
        with pytest.raises(kind) as error:
            yield
        message = str(error.value)
        assert "\n" not in message
        for part in parts:
            assert str(part) in message
    return expect


@pytest.fixture
def committed(tmp_path):
    """A copy of the committed results, to be spoilt, without the claims."""
    folder = tmp_path / "committed"
    folder.mkdir()
    for name in COMMITTED:
        shutil.copy(results.COMMITTED / f"{name}.json", folder)
    return folder


@pytest.fixture
def data(write_idx_folder):
    """180 training images load as 150: room for the protocol's batch of 125."""
    return write_idx_folder("data", train=180)


@pytest.fixture(scope="session")
def shared():
    return {}


@pytest.fixture
def finished(shared, data, tmp_path_factory):
    """(the folder of a finished table2, its process), made once."""
    if not shared:
        folder = tmp_path_factory.mktemp("finished") / "results"
        shared["finished"] = folder, commands.run(*commands.table2(data, folder))
    folder, done = shared["finished"]
    assert done.returncode == 0, done.stderr
    return folder, done
