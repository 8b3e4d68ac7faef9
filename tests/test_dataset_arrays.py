"""A Dataset of one's own arrays, and of files sorted by class."""
import numpy as np
import pytest

from npgm import MLP, train
from npgm.data import Dataset, load_dataset
from npgm.errors import InputError
from npgm.optimizers import Adam


def arrays(count=30, dtype="float32"):
    """x (N, 2, 3) images in [0, 1] and y (N,) in 3 classes."""
    rng = np.random.default_rng(count)
    return rng.random((count, 2, 3)).astype(dtype), np.arange(count) % 3


def make(**changes):
    (x_train, y_train), (x_test, y_test) = arrays(30), arrays(9)
    return Dataset.from_arrays(**{"x_train": x_train, "y_train": y_train,
                                  "x_test": x_test, "y_test": y_test, **changes})


def test_images_become_rows():
    data, (x, y) = make(), arrays(30)
    np.testing.assert_array_equal(data.x_train, x.reshape(30, 6))
    np.testing.assert_array_equal(data.y_train, y)
    assert data.y_train.dtype == data.y_test.dtype == np.int64
    assert (data.shape, data.classes) == ((2, 3), 3)
    assert data.x_validation.shape == (0, 6) and data.y_validation.shape == (0,)


def test_rows_are_what_their_images_are():
    rows = make(x_train=arrays(30)[0].reshape(30, 6), shape=(2, 3),
                x_test=arrays(9)[0].reshape(9, 6))
    np.testing.assert_array_equal(rows.x_train, make().x_train)
    flat = make(x_train=rows.x_train, x_test=rows.x_test)
    assert flat.shape == (1, 6) and flat.checksum == make().checksum
    assert rows.checksum != flat.checksum       # another shape than the default
    assert make(shape=(2, 3)).checksum == make().checksum


def test_every_part_is_in_the_checksum():
    changed = [make(), make(y_train=arrays(30)[1][::-1]), make(x_test=arrays(9)[0] / 2),
               make(x_train=arrays(30)[0] / 2), make(
                   x_validation=arrays(3)[0], y_validation=arrays(3)[1])]
    assert len({data.checksum for data in changed}) == len(changed)
    assert make().checksum == make().checksum


def test_it_may_be_trained_on():
    net = MLP.initialize((6, 5, 3))
    history = train(net, Adam(), make(), steps=6, batch_size=10)
    assert np.isfinite(history.losses).all() and 6 in history.evaluations


@pytest.mark.parametrize("changes, words", [
    ({"x_train": 255 * arrays(30)[0]}, r"x_train\[0, 0, 0\] is .* outside 0 to 1"),
    ({"x_test": np.full((9, 2, 3), np.nan, "float32")}, r"x_test\[0\] has NaN"),
    ({"x_train": arrays(30)[0].astype(int)}, "x_train is int64"),
    ({"x_test": arrays(9, "float64")[0]}, "x_test is float64"),
    ({"x_test": arrays(9)[0][:, :1]}, "x_test has shape"),
    ({"x_train": arrays(30)[0][:0], "y_train": arrays(30)[1][:0]}, "at least one"),
    ({"y_train": arrays(30)[1][1:]}, "each of the 30 examples"),
    ({"y_test": arrays(9)[1] + 1}, "labels up to 3"),
    ({"y_train": np.zeros(30, int), "y_test": np.zeros(9, int)}, "at least two"),
    ({"y_train": arrays(30)[1] - 1}, "y_train has labels that go from -1"),
    ({"x_train": [[[0.5]], [[0.5, 0.5]]]}, "x_train is no array"),
    ({"x_test": [[0.5], [0.5, 0.5]]}, "x_test is no array"),
    ({"y_test": [[0], [1, 2]]}, "y_test is no array"),
    ({"shape": ("a", "b")}, "shape is 'a': give a whole number"),
    ({"shape": (2.0, 3.0)}, "shape is 2.0: give a whole number"),
    ({"shape": (-2, -3)}, "shape is -2: give a whole number"),
    ({"shape": 6}, "give .height, width."),
    ({"x_validation": arrays(3)[0], "y_validation": arrays(3)[1] + 1},
     "y_validation labels up to 3"),
    ({"x_validation": arrays(3)[0]}, "or neither")])
def test_arrays_that_make_no_dataset_are_refused(changes, words):
    with pytest.raises(InputError, match=words) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


def test_a_file_sorted_by_class_is_drawn_at_random(write_idx_folder):
    y = np.repeat(np.arange(3, dtype=np.uint8), 60)
    x = np.repeat(y, 16).reshape(180, 4, 4)          # an image shows its label
    folder = write_idx_folder(train_images=x, train_labels=y)
    with pytest.warns(UserWarning, match="sorted") as warned:
        data = load_dataset(folder)
    assert len(warned) == 1 and "class 0 would have no validation" in str(
        warned[0].message)
    assert set(data.y_train) == set(data.y_validation) == {0, 1, 2}
    for x, y in ((data.x_train, data.y_train), (data.x_validation, data.y_validation)):
        np.testing.assert_array_equal(np.rint(255 * x[:, 0]), y)
    with pytest.warns(UserWarning, match="sorted"):
        np.testing.assert_array_equal(load_dataset(folder).y_train, data.y_train)
