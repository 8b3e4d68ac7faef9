"""Networks in the files of other libraries: safetensors and ONNX."""
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_network import DTYPES
from test_network_input import one_line

from npgm import MLP, models
from npgm.errors import DataError, InputError, StorageError

LIBRARIES = {"safetensors": "safetensors.numpy", "onnx": "onnx"}
EVERY = pytest.mark.parametrize("kind", LIBRARIES)


def name(kind):
    """The name of a file of that kind; skips where its library is not there."""
    pytest.importorskip(LIBRARIES[kind])
    return f"net.{kind}"


@pytest.fixture
def write(tmp_path):
    """write(kind, {name: array}) -> path, written by the library itself."""
    def make(kind, arrays):
        path = tmp_path / name(kind)
        if kind == "safetensors":
            from safetensors.numpy import save_file
            save_file(arrays, path)
        else:
            import onnx
            onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [
                onnx.numpy_helper.from_array(array, name)
                for name, array in arrays.items()])), path)
        return path
    return make


def refusal(path, kind=DataError, load=MLP.load):
    with pytest.raises(kind) as caught:
        load(path)
    return one_line(caught)


@EVERY
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
       classes=st.integers(2, 6), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 9))
def test_load_undoes_save(tmp_path_factory, kind, sizes, classes, dtype, seed):
    path = tmp_path_factory.mktemp("saved") / name(kind)
    net = MLP.initialize((*sizes, classes), seed, dtype)
    net.theta[:2] = -0.0, np.finfo(dtype).smallest_subnormal
    net.save(path)
    for loaded in (MLP.load(path), MLP.load(str(path)), models.load(str(path)),
                   models.from_arrays(path)):
        assert (loaded.sizes, loaded.dtype) == (net.sizes, net.dtype)
        assert loaded.theta.tobytes() == net.theta.tobytes()


def test_safetensors_itself_reads_what_is_saved(tmp_path, small_network):
    path = tmp_path / name("safetensors")
    small_network.save(path)
    from safetensors.numpy import load_file
    arrays = load_file(path)
    assert set(arrays) == {"W1", "b1", "W2", "b2", "W3", "b3"}
    for i, (W, b) in enumerate(small_network.layers, 1):
        assert arrays[f"W{i}"].tobytes() == W.tobytes()
        assert arrays[f"b{i}"].tobytes() == b.tobytes()


@pytest.mark.parametrize("sizes", [(5, 3), (5, 7, 4, 3)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_computes_the_logits_of_what_is_saved(tmp_path, sizes, dtype):
    path = tmp_path / name("onnx")
    net = MLP.initialize(sizes, 3, dtype, scheme="he")
    net.save(path)
    import onnx
    from onnx.reference import ReferenceEvaluator
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    x = np.random.default_rng(0).random((6, 5)).astype(dtype)
    z, = ReferenceEvaluator(model).run(None, {"x": x})
    assert z.dtype == dtype
    np.testing.assert_allclose(z, net.logits(x), rtol=1e-5)


@EVERY
def test_files_of_others_are_models(write, kind, small_network):
    """As PyTorch lays its weights out: (out, in), under its names."""
    arrays = {}
    for i, (W, b) in enumerate(small_network.layers):
        arrays |= {f"fc{i}.weight": np.ascontiguousarray(W.T), f"fc{i}.bias": b}
    path = write(kind, arrays)
    for found in (models.from_arrays(path), models.load(str(path))):
        assert found.sizes == small_network.sizes
        assert found.theta.tobytes() == small_network.theta.tobytes()
    assert "saved as W1, b1" in refusal(path)


@EVERY
def test_arrays_that_are_no_network(write, kind):
    path = write(kind, {"W1": np.zeros((3, 2), np.float16), "b1": np.zeros(2)})
    assert str(path) in refusal(path)
    path = write(kind, {"W1": np.zeros((3, 2)), "b1": np.zeros(3)})
    assert str(path) in refusal(path)


@EVERY
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_file_cut_short(tmp_path, small_network, kind, share):
    path = tmp_path / name(kind)
    small_network.save(path)
    path.write_bytes(path.read_bytes()[:int(share * path.stat().st_size)])
    assert str(path) in refusal(path)


@EVERY
def test_a_file_that_is_another(tmp_path, small_network, kind):
    path = tmp_path / name(kind)
    path.write_text("W1 = 3\nb1 = 4\n")
    assert f"{path} is not a whole .{kind} file" in refusal(path)
    path.unlink()
    assert "does not exist" in refusal(path)
    path.mkdir()
    assert "is a folder" in refusal(path)


def test_arrays_beside_an_onnx_file_are_not_looked_for(tmp_path, small_network):
    path = tmp_path / name("onnx")
    small_network.save(path)
    import onnx
    onnx.save(onnx.load(path), path, save_as_external_data=True, size_threshold=0,
              location="beside", convert_attribute=False)
    assert (tmp_path / "beside").exists()
    assert "another file: save it with them inside" in refusal(path)


@EVERY
def test_what_stood_there_stays_where_nothing_can_be_written(tmp_path, small_network,
                                                             kind, monkeypatch):
    path = tmp_path / name(kind)
    small_network.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *paths: exec("raise OSError(28, 'full')"))
    with pytest.raises(StorageError, match="full") as caught:
        small_network.save(path)
    assert str(path) in one_line(caught)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@EVERY
def test_a_library_that_is_missing_is_told(tmp_path, small_network, kind, monkeypatch):
    path = tmp_path / f"net.{kind}"
    for module in (LIBRARIES[kind], "onnx.helper", "onnx.numpy_helper"):
        monkeypatch.setitem(sys.modules, module, None)
    path.write_bytes(b"as it was")
    told = (refusal(path, InputError), refusal(path, InputError, small_network.save))
    assert all(f"python -m pip install {kind}" in line for line in told)
    assert path.read_bytes() == b"as it was"
