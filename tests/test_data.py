"""IDX files: the MNIST that ships, other folders, and every way to be damaged."""
import dataclasses
import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from npgm import data
from npgm.data import FILES, load_dataset
from npgm.errors import DataError, InputError

FASHION = Path("/usr/share/datasets/fashion-mnist")     # Debian's package
IMAGES, LABELS = FILES["train_images"], FILES["train_labels"]
ARRAYS = ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test")


@pytest.fixture(scope="module")
def mnist():
    return load_dataset()


@pytest.fixture(params=["plain", "gzip"])
def folder(request, write_idx_folder):
    return write_idx_folder(gzipped=request.param == "gzip")


def refusal(folder, name):
    """The message of the DataError on loading folder: one line, with name."""
    with pytest.raises(DataError) as caught:
        load_dataset(folder)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    return message


def change(folder, name, edit):
    """Replace the contents of an IDX file, inside its gzip if it has one."""
    path = folder / name
    if path.exists():
        path.write_bytes(edit(path.read_bytes()))
    else:
        path = folder / (name + ".gz")
        path.write_bytes(gzip.compress(edit(gzip.decompress(path.read_bytes()))))


def header(*shape, kind=0x08, zeros=0):
    return struct.pack(f">HBB{len(shape)}I", zeros, kind, len(shape), *shape)


# MNIST as it ships


def test_mnist_has_the_papers_sizes(mnist):
    assert mnist.x_train.shape == (50_000, 784)
    assert mnist.x_validation.shape == (10_000, 784)
    assert mnist.x_test.shape == (10_000, 784)
    assert [len(mnist.y_train), len(mnist.y_validation), len(mnist.y_test)] == [
        50_000, 10_000, 10_000]
    assert mnist.shape == (28, 28)
    assert mnist.classes == 10


@pytest.mark.parametrize("name", ["x_train", "x_validation", "x_test"])
def test_mnist_pixels_are_float32_from_0_to_1(mnist, name):
    x = getattr(mnist, name)
    assert x.dtype == np.float32
    assert x.min() == 0
    assert x.max() == 1


def test_mnist_pixels_are_256_levels(mnist):
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    assert np.array_equal(np.unique(mnist.x_test), levels)


@pytest.mark.parametrize("name", ["y_train", "y_validation", "y_test"])
def test_mnist_labels_are_all_ten_digits(mnist, name):
    y = getattr(mnist, name)
    assert y.dtype == np.int64
    assert np.array_equal(np.unique(y), np.arange(10))


def test_mnist_begins_with_its_well_known_digits(mnist):
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_mnist_lights_a_fifth_of_its_pixels(mnist):
    lit = np.count_nonzero(mnist.x_train) / len(mnist.x_train)
    assert lit == pytest.approx(150, rel=0.01)
    assert np.count_nonzero(~mnist.x_train.any(axis=0)) == pytest.approx(67, abs=1)


def test_a_changed_mnist_is_refused(monkeypatch, write_idx_folder):
    monkeypatch.setattr(data, "MNIST", write_idx_folder())
    assert "SHA-256" in refusal(None, IMAGES)


# Folders of one's own


def test_values_are_those_written(write_idx_folder, tiny_data):
    loaded = load_dataset(write_idx_folder())
    for name in ARRAYS:
        assert np.array_equal(getattr(loaded, name), getattr(tiny_data, name)), name
    assert (loaded.shape, loaded.classes) == ((4, 4), 3)


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_every_spelling_loads_the_same(write_idx_folder, gzipped, dotted):
    plain = dataclasses.asdict(load_dataset(write_idx_folder("plain")))
    other = dataclasses.asdict(load_dataset(
        write_idx_folder("other", gzipped=gzipped, dotted=dotted)))
    for name in ARRAYS:
        assert np.array_equal(plain.pop(name), other.pop(name)), name
    assert plain == other                       # shape, classes and checksum


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (9, 3)])
def test_any_shape_loads(write_idx_folder, shape):
    loaded = load_dataset(write_idx_folder(shape=shape))
    assert loaded.shape == shape
    assert loaded.x_test.shape == (12, shape[0] * shape[1])


@pytest.mark.parametrize("train, first", [(6, 5), (11, 10), (12, 10), (72, 60)])
def test_five_sixths_train_and_the_rest_validates(write_idx_folder, train, first):
    loaded = load_dataset(write_idx_folder(train=train))
    assert (len(loaded.x_train), len(loaded.x_validation)) == (first, train - first)
    assert (len(loaded.y_train), len(loaded.y_validation)) == (first, train - first)


def test_float64_pixels_are_not_rounded_to_float32(write_idx_folder):
    x = load_dataset(write_idx_folder(), dtype="float64").x_train
    assert x.dtype == np.float64
    assert np.array_equal(x, np.rint(x * 255) / 255)


def test_the_folder_may_be_a_string(write_idx_folder):
    assert load_dataset(str(write_idx_folder())).classes == 3


def test_one_pixel_changes_the_checksum(write_idx_folder):
    folder = write_idx_folder()
    before = load_dataset(folder).checksum
    change(folder, IMAGES, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    assert load_dataset(folder).checksum != before


def test_an_unknown_dtype_is_refused(write_idx_folder):
    with pytest.raises(InputError, match="float16"):
        load_dataset(write_idx_folder(), dtype="float16")


@pytest.mark.skipif(not FASHION.is_dir(), reason="no dataset-fashion-mnist here")
def test_fashion_mnist_loads():
    fashion = load_dataset(FASHION)
    assert fashion.x_train.shape == (50_000, 784)
    assert fashion.classes == 10
    assert np.array_equal(np.bincount(fashion.y_test), np.full(10, 1000))


# Faults. Each names the file, in one line.


def test_no_such_folder(tmp_path):
    refusal(tmp_path / "nowhere", "nowhere")


def test_an_empty_folder_name_is_not_mnist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refusal("", IMAGES)


@pytest.mark.parametrize("part", FILES)
def test_missing_file(folder, part):
    for path in folder.glob(FILES[part] + "*"):
        path.unlink()
    refusal(folder, FILES[part])


@pytest.mark.parametrize("part", FILES)
def test_truncated_file(folder, part):
    change(folder, FILES[part], lambda raw: raw[:-1])
    assert "cut short" in refusal(folder, FILES[part])


@pytest.mark.parametrize("part", FILES)
def test_over_long_file(folder, part):
    change(folder, FILES[part], lambda raw: raw + b"\0")
    assert "after its last value" in refusal(folder, FILES[part])


@pytest.mark.parametrize("length", [0, 1, 3, 4, 15])
def test_file_without_a_whole_header(folder, length):
    change(folder, IMAGES, lambda raw: raw[:length])
    assert "cut short" in refusal(folder, IMAGES)


@pytest.mark.parametrize("length", [2, 9, 15, -300, -8, -1])
def test_truncated_gzip_stream(write_idx_folder, length):
    path = write_idx_folder(gzipped=True) / (IMAGES + ".gz")
    path.write_bytes(path.read_bytes()[:length])
    refusal(path.parent, path.name)


@pytest.mark.parametrize("place", [2, 200, 600, -8, -1])
def test_corrupt_gzip_stream(write_idx_folder, place):
    """In its method, its deflated values, its checksum and its length."""
    path = write_idx_folder(gzipped=True) / (IMAGES + ".gz")
    content = bytearray(path.read_bytes())
    content[place] ^= 0xff
    path.write_bytes(content)
    refusal(path.parent, path.name)


def test_gzip_stream_that_cannot_be_inflated(write_idx_folder):
    path = write_idx_folder(gzipped=True) / (IMAGES + ".gz")
    content = bytearray(path.read_bytes())
    content[10] = 0xff      # right after gzip's header: no such kind of block
    path.write_bytes(content)
    refusal(path.parent, path.name)


def test_bytes_after_the_gzip_stream(write_idx_folder):
    path = write_idx_folder(gzipped=True) / (IMAGES + ".gz")
    path.write_bytes(path.read_bytes() + b"more")
    refusal(path.parent, path.name)


def test_labels_where_images_should_be(folder):
    labels = header(72) + bytes(72)
    change(folder, IMAGES, lambda raw: labels)
    assert "images (3 dimensions)" in refusal(folder, IMAGES)


def test_images_where_labels_should_be(folder):
    images = header(72, 4, 4) + bytes(72 * 16)
    change(folder, LABELS, lambda raw: images)
    assert "labels (1 dimension)" in refusal(folder, LABELS)


@pytest.mark.parametrize("start", [header(72, 4, 4, kind=0x0d),
                                   header(72, 4, 4, zeros=1),
                                   b"\x89PNG\r\n\x1a\n\0\0\0\0\0\0\0\0"],
                         ids=["floats", "not zeros", "PNG"])
def test_wrong_magic(folder, start):
    change(folder, IMAGES, lambda raw: start + raw[16:])
    assert start[:4].hex() in refusal(folder, IMAGES)


@pytest.mark.parametrize("shape", [(0, 4, 4), (72, 0, 4), (0, 0, 0)])
def test_header_with_no_values(folder, shape):
    change(folder, IMAGES, lambda raw: header(*shape))
    assert "header is wrong" in refusal(folder, IMAGES)


def memory_of_refusal(folder):
    """The most memory (bytes) that refusing a folder took."""
    tracemalloc.start()
    try:
        refusal(folder, IMAGES)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Beyond what npgm reads at all, and just inside it.
@pytest.mark.parametrize("images", [2 ** 32 - 1, 2 ** 27])
def test_a_lying_header_costs_no_memory(folder, images):
    change(folder, IMAGES, lambda raw: header(images, 4, 4) + raw[16:])
    assert memory_of_refusal(folder) < 4e6


def test_a_gzip_bomb_costs_no_more_than_its_header_promises(write_idx_folder):
    folder = write_idx_folder(gzipped=True)
    change(folder, IMAGES, lambda raw: raw + bytes(20_000_000))
    assert memory_of_refusal(folder) < 4e6


@pytest.mark.parametrize("half", ["train", "test"])
def test_counts_that_do_not_agree(write_idx_folder, half):
    folder = write_idx_folder(**{f"{half}_labels": np.arange(13, dtype=np.uint8) % 3})
    assert "13 labels" in refusal(folder, FILES[f"{half}_labels"])


def test_test_images_of_another_size(write_idx_folder):
    folder = write_idx_folder(test_images=np.zeros((12, 5, 4), np.uint8))
    refusal(folder, FILES["test_images"])


def test_a_test_label_that_was_never_trained(write_idx_folder):
    folder = write_idx_folder(test_labels=np.full(12, 7, np.uint8))
    assert "label 7" in refusal(folder, FILES["test_labels"])


def test_too_few_images_to_validate(write_idx_folder):
    assert "fewer than 6" in refusal(write_idx_folder(train=5), IMAGES)


def test_a_single_class(write_idx_folder):
    folder = write_idx_folder(train_labels=np.zeros(72, np.uint8),
                              test_labels=np.zeros(12, np.uint8))
    assert "single class" in refusal(folder, LABELS)
