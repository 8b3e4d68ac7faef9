"""A network saved and loaded, and every way an archive can be wrong."""
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_network import DTYPES
from test_network_input import one_line

from npgm.errors import DataError, StorageError
from npgm.network import MLP


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(2, 6),
       st.sampled_from(DTYPES), st.integers(0, 99))
def test_load_undoes_save(tmp_path_factory, sizes, classes, dtype, seed):
    path = tmp_path_factory.mktemp("saved") / "net.npz"
    net = MLP.initialize((*sizes, classes), seed, dtype)
    net.save(path)
    loaded = MLP.load(path)
    assert loaded.sizes == net.sizes
    assert loaded.dtype == net.dtype
    assert loaded.theta.tobytes() == net.theta.tobytes()


@pytest.fixture
def saved(tmp_path, small_network):
    """The path of a saved network, and its arrays by name."""
    path = tmp_path / "net.npz"
    small_network.save(path)
    with np.load(path) as archive:
        return path, dict(archive)


def test_saved_arrays_are_named_by_layer(saved, small_network):
    arrays = saved[1]
    assert list(arrays) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert np.array_equal(arrays["W2"], small_network.layers[1][0])
    assert np.array_equal(arrays["b3"], small_network.layers[2][1])


def test_archives_saved_by_others_load(tmp_path):
    W, b = np.array([[1, 2], [3, 4], [5, 6]], np.float32), np.ones(2, np.float32)
    np.savez_compressed(tmp_path / "net.npz", b1=b, W1=np.asfortranarray(W))
    net = MLP.load(tmp_path / "net.npz")
    assert net.sizes == (3, 2)
    assert net.theta.tolist() == [1, 2, 3, 4, 5, 6, 1, 1]


def test_a_loaded_network_does_not_need_its_file(saved, small_examples):
    net = MLP.load(saved[0])
    saved[0].unlink()
    net.theta[:] = 0
    assert not net.logits(small_examples[0]).any()


def test_save_where_nothing_can_be_written(tmp_path, small_network):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="net.npz") as caught:
        small_network.save(tmp_path / "file" / "net.npz")
    one_line(caught)


def refusal(path):
    """The message of the DataError on loading path: one line that names it."""
    with pytest.raises(DataError) as caught:
        MLP.load(path)
    assert str(path) in str(caught.value)
    return one_line(caught)


def test_no_such_archive(tmp_path):
    refusal(tmp_path / "none.npz")


class Trap:
    """Unpickling one makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_an_archive_with_pickled_objects_is_not_unpickled(saved, tmp_path):
    path, arrays = saved
    trap = np.array([Trap(str(tmp_path / "sprung"))] * 7, dtype=object)
    np.savez(path, **{**arrays, "b1": trap})
    refusal(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_archive(saved, share):
    path, content = saved[0], saved[0].read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    refusal(path)


def test_a_damaged_archive(saved):
    path, content = saved[0], bytearray(saved[0].read_bytes())
    content[200] ^= 0xff                # within the values of W1
    path.write_bytes(content)
    refusal(path)


def test_a_file_that_is_no_archive(saved):
    path = saved[0]
    path.write_text("W1 = 3\nb1 = 4\n")
    refusal(path)


def test_a_single_array_is_no_archive(saved):
    with open(saved[0], "wb") as file:
        np.save(file, np.zeros((3, 2)))
    refusal(saved[0])


@pytest.mark.parametrize("names", [[], ["W1"], ["W1", "b1", "W2"], ["W2", "b2"],
                                   ["W1", "b1", "W3", "b3"]])
def test_missing_arrays(saved, names):
    path, arrays = saved
    np.savez(path, **{name: arrays[name] for name in names})
    refusal(path)


def test_an_array_too_many(saved):
    path, arrays = saved
    np.savez(path, **arrays, W4=np.zeros((3, 2)))
    refusal(path)


# For sizes 5 - 7 - 4 - 3.
@pytest.mark.parametrize("name, shape", [
    ("W1", (5, 8)), ("W2", (6, 4)), ("W2", (4, 7)), ("W3", (12,)), ("W1", ()),
    ("b1", (1, 7)), ("b2", (3,)), ("b3", (4,)), ("b3", ()), ("b3", (3, 1))])
def test_arrays_that_do_not_fit_together(saved, name, shape):
    path, arrays = saved
    np.savez(path, **{**arrays, name: np.zeros(shape)})
    refusal(path)


@pytest.mark.parametrize("sizes", [(4, 1), (0, 3), (3, 0)])
def test_arrays_of_no_possible_network(tmp_path, sizes):
    path = tmp_path / "net.npz"
    np.savez(path, W1=np.zeros(sizes), b1=np.zeros(sizes[1]))
    refusal(path)


@pytest.mark.parametrize("name", ["W1", "b1", "W3", "b3"])
def test_arrays_of_mixed_dtypes(saved, name):
    path, arrays = saved
    np.savez(path, **{**arrays, name: arrays[name].astype(np.float32)})
    refusal(path)


@pytest.mark.parametrize("dtype", ["float16", "int64", "complex128", "U1"])
def test_arrays_of_another_dtype(saved, dtype):
    path, arrays = saved
    np.savez(path, **{name: np.zeros(array.shape, dtype)
                      for name, array in arrays.items()})
    refusal(path)
