"""Images kept as bytes: the same floats to the bit, and none of them made unasked."""
import dataclasses
import hashlib
import pickle

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from npgm import MLP, pixels, train
from npgm.attacks import FGSM, RandomSign
from npgm.data import images_of, load_dataset
from npgm.errors import InputError, Interrupted
from npgm.experiments.measures import named
from npgm.optimizers import Adam
from npgm.pixels import Pixels

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
PARTS = ("x_train", "x_validation", "x_test")


@pytest.fixture(params=["files", "archive"])
def stored(request, data, tmp_path):
    """What `load_dataset` takes: bytes in IDX files, and in an .npz file."""
    if request.param == "files":
        return data
    parts = load_dataset(data)
    path = tmp_path / "data.npz"
    np.savez(path, **{name: np.round(255 * array).astype(np.uint8).reshape(-1, 4, 4)
                      if name in PARTS else array for name, array in vars(parts).items()
                      if name[:2] in ("x_", "y_") for array in [getattr(parts, name)]})
    return path


def kept(data):
    return {name for name in PARTS if isinstance(images_of(data, name), Pixels)}


@DTYPES
def test_each_byte_becomes_the_float_it_is_divided_by_255(dtype):
    values = np.arange(256, dtype=np.uint8).reshape(64, 4)
    expected = values.astype(dtype) / np.dtype(dtype).type(255)
    x = Pixels(values, dtype)
    rows = np.array([63, 0, 0, 7])
    for at in (slice(None), slice(3, 9), rows, 5):
        assert x[at].dtype == dtype
        np.testing.assert_array_equal(x[at], expected[at], strict=True)
    np.testing.assert_array_equal(x.take(rows, axis=0), expected[rows], strict=True)
    assert (len(x), x.shape, x.dtype) == (64, (64, 4), np.dtype(dtype))
    assert x[:].max() == 1


@hypothesis.given(st.integers(0, 40), st.integers(1, 5), st.integers(1, 30))
def test_pieces_are_all_rows_in_order(count, width, piece):
    values = np.arange(count * width).reshape(count, width).astype(np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels, "PIECE", piece)
        for x in (values, Pixels(values, "float32")):
            joined = np.concatenate([x[:0], *pixels.pieces(x)])
            np.testing.assert_array_equal(joined, x[:])


def test_a_dataset_reads_as_arrays_made_once(stored):
    data = load_dataset(stored)
    assert kept(data) == set(PARTS)
    assert isinstance(data.x_test, np.ndarray) and data.x_test is data.x_test
    assert kept(data) == set(PARTS) - {"x_test"}
    again = pickle.loads(pickle.dumps(data))
    assert kept(again) == kept(data)
    np.testing.assert_array_equal(again.x_train, data.x_train)
    fewer = dataclasses.replace(data, x_validation=None)
    assert fewer.x_train is data.x_train and fewer.x_validation is None


@DTYPES
def test_training_and_measures_make_no_whole_array(stored, dtype, tmp_path):
    data, net = load_dataset(stored, dtype), MLP.initialize((16, 8, 3), dtype=dtype)
    train(net, Adam(), data, steps=20, batch_size=7, checkpoint=tmp_path / "run.npz")
    for measure in ("natural", "train", "fgs_0.25", "frs_sweep", "residual",
                    "fgs_vanishing_layers_0.25", "pgd_best_0.25_2000"):
        named(measure)(net, data)
    assert kept(data) == set(PARTS)


@DTYPES
def test_a_run_begun_on_floats_goes_on_with_bytes_to_the_same_end(data, dtype,
                                                                  tmp_path):
    def stop(trainer):
        if trainer.t == 10:
            raise Interrupted("")

    def run(data, path, watch=None):
        net = MLP.initialize((16, 8, 3), dtype=dtype)
        train(net, Adam(), data, steps=20, batch_size=7, checkpoint=path, watch=watch,
              evaluate_at=())
        return net.theta.tobytes()

    floats = load_dataset(data, dtype)
    floats = dataclasses.replace(floats)        # which reads the arrays
    assert not kept(floats)
    with pytest.raises(Interrupted):
        run(floats, tmp_path / "a.npz", stop)
    end = run(load_dataset(data, dtype), tmp_path / "a.npz")
    assert end == run(floats, None) == run(load_dataset(data, dtype), None)


def test_the_checkpoint_knows_bytes_by_the_floats_they_stand_for(stored, tmp_path):
    data, path = load_dataset(stored), tmp_path / "run.npz"
    train(MLP.initialize((16, 8, 3)), Adam(), data, steps=1, checkpoint=path)
    with np.load(path) as archive:
        identity = str(archive["identity"])
    expected = hashlib.sha256(data.x_train.tobytes() + data.y_train.tobytes())
    assert f'"training set": "{expected.hexdigest()}"' in identity


@pytest.mark.parametrize("attack", [FGSM(), FGSM(clip=(0, 1)), RandomSign()])
def test_a_sweep_sees_in_bytes_the_floats_they_stand_for(data, attack):
    data, net = load_dataset(data), MLP.initialize((16, 8, 3))
    x = images_of(data, "x_train")
    ours, theirs = (attack.sweep(net, x, data.y_train, (0, 0.25)) for x in (x, x[:]))
    for name, array in vars(theirs).items():
        np.testing.assert_array_equal(getattr(ours, name), array)


def test_a_clip_that_does_not_contain_them_is_refused(data):
    data, net = load_dataset(data), MLP.initialize((16, 8, 3))
    with pytest.raises(InputError, match="clip must contain the examples"):
        FGSM(clip=(0, 0.1)).sweep(net, images_of(data, "x_test"), data.y_test, (0.25,))
