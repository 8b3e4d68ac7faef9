"""The network by hand, by differences, in and out of files, and with bad input."""
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm.errors import DataError, InputError, StorageError
from npgm.gradient_check import check_gradients, relative_error
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP, layer_views, parameter_count

SIZES = [(3, 2), (4, 6, 3), (9, 5, 7, 4), (2, 8, 7, 9, 6)]
DTYPES = ["float32", "float64"]
BLOCKS = ["W1", "b1", "W2", "b2", "W3", "b3", "x"]


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


def random_examples(net, count=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((count, net.sizes[0])).astype(net.dtype),
            rng.integers(0, net.sizes[-1], count))


def leads(z, y):
    """z_y minus the largest other logit."""
    others = z.copy()
    others[np.arange(len(y)), y] = -np.inf
    return z[np.arange(len(y)), y] - others.max(axis=1)


# A network worked by hand: 2 inputs, 2 hidden units, 2 classes, 2 examples.
#
#   W1 = [1 -1]   b1 = (-6, -2)      W2 = [1  2]   b2 = (3, log 3)
#        [4  1]                           [2 -1]
#
#                  example 1, y = 0            example 2, y = 1
#   x              (1, 2)                      (0, 3)
#   x W1 + b1      (1+8-6, -1+2-2) = (3, -1)   (12-6, 3-2) = (6, 1)
#   h              (3, 0)                      (6, 1)
#   z = h W2 + b2  (3+3, 6+log 3)              (6+2+3, 12-1+log 3)
#                  = (6, 6+log 3)              = (11, 11+log 3)
#   p              (1/4, 3/4)                  (1/4, 3/4)
#   loss -log p_y  log 4                       log 4/3
#   dz = p-onehot  (-3/4, 3/4)                 (1/4, -1/4)
#   dh = dz W2^T   (-3/4+6/4, -6/4-3/4)        (1/4-2/4, 2/4+1/4)
#                  = (3/4, -9/4)               = (-1/4, 3/4)
#   where h > 0    (3/4, 0)                    (-1/4, 3/4)
#   dx = that W1^T (3/4, 4*3/4) = (3/4, 3)     (-1/4-3/4, -4/4+3/4) = (-1, -1/4)
#
# The gradients to theta are means over the two examples:
#
#   dW2 = h^T dz / 2   rows (3*(-3/4) + 6/4, 3*3/4 - 6/4) / 2 = (-3/8, 3/8)
#                           (0 + 1/4, 0 - 1/4) / 2 = (1/8, -1/8)
#   db2                     (-3/4 + 1/4, 3/4 - 1/4) / 2 = (-1/4, 1/4)
#   dW1 = x^T dh / 2   rows (1*3/4 + 0, 0 + 0) / 2 = (3/8, 0)
#                           (2*3/4 - 3*1/4, 0 + 3*3/4) / 2 = (3/8, 9/8)
#   db1                     (3/4 - 1/4, 0 + 3/4) / 2 = (1/4, 3/8)
#
# theta is W1 row by row, b1, W2 row by row, b2.
HAND_THETA = np.array([1, -1, 4, 1, -6, -2, 1, 2, 2, -1, 3, np.log(3)])
HAND_X, HAND_Y = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([0, 1])


@pytest.fixture
def hand_network():
    return MLP((2, 2, 2), HAND_THETA.copy())


def test_logits_by_hand(hand_network):
    expected = [[6, 6 + np.log(3)], [11, 11 + np.log(3)]]
    np.testing.assert_allclose(hand_network.logits(HAND_X), expected, rtol=1e-14)


def test_loss_by_hand(hand_network):
    loss = hand_network.loss_gradients(HAND_X, HAND_Y).loss
    np.testing.assert_allclose(loss, np.log([4, 4 / 3]), rtol=1e-14)


def test_gradient_to_theta_by_hand(hand_network):
    expected = np.array([3, 0, 3, 9, 2, 3, -3, 3, 1, -1, -2, 2]) / 8
    theta = hand_network.loss_gradients(HAND_X, HAND_Y).theta
    np.testing.assert_allclose(theta, expected, rtol=1e-13)


def test_gradient_to_x_by_hand(hand_network):
    x = hand_network.loss_gradients(HAND_X, HAND_Y).x
    np.testing.assert_allclose(x, [[3 / 4, 3], [-1, -1 / 4]], rtol=1e-13)


def test_gradient_of_log_odds_to_x_by_hand(hand_network):
    # Those of cross entropy over 1 - p_y, which is 3/4 and 1/4.
    x = hand_network.loss_gradients(HAND_X, HAND_Y, log_odds).x
    np.testing.assert_allclose(x, [[1, 4], [-4, -1]], rtol=1e-13)


def test_the_derivative_of_relu_at_0_is_0():
    # 1 input, 1 hidden unit that is exactly 0, 2 classes.
    net = MLP((1, 1, 2), np.array([1.0, -1, 1, -1, 0, 0]))
    g = net.loss_gradients(np.array([[1.0]]), np.array([0]))
    assert g.x.tolist() == [[0]]
    assert g.theta[:2].tolist() == [0, 0]


# theta and layers


def test_layers_have_the_shapes_of_the_sizes(small_network):
    shapes = [(W.shape, b.shape) for W, b in small_network.layers]
    assert shapes == [((5, 7), (7,)), ((7, 4), (4,)), ((4, 3), (3,))]
    assert small_network.theta.shape == (6 * 7 + 8 * 4 + 5 * 3,)


def test_the_papers_network_has_549218_parameters():
    assert parameter_count((784, 600, 128, 10)) == 549_218


def test_a_change_of_theta_shows_in_layers(small_network):
    small_network.theta[:] = np.arange(small_network.theta.size)
    (W1, b1), *_, (_, b3) = small_network.layers
    assert W1[0].tolist() == list(range(7))
    assert b1.tolist() == list(range(35, 42))
    assert b3[-1] == small_network.theta.size - 1


def test_a_change_of_layers_shows_in_theta(small_network):
    for W, b in small_network.layers:
        W[:], b[:] = 2, 3
    assert np.count_nonzero(small_network.theta == 2) == 35 + 28 + 12
    assert np.count_nonzero(small_network.theta == 3) == 7 + 4 + 3


def test_theta_is_kept_and_not_copied():
    theta = np.zeros(parameter_count((3, 2)))
    net = MLP((3, 2), theta)
    theta[0] = 5
    assert net.layers[0][0][0, 0] == 5


def test_a_copy_has_weights_of_its_own(small_network):
    before = small_network.theta.copy()
    copy = small_network.copy()
    assert np.array_equal(copy.theta, before)
    copy.theta[:] = 0
    assert np.array_equal(small_network.theta, before)


# Gradients against differences


def random_network(sizes, seed):
    """Weights and biases large enough for every gradient to be well above the
    rounding of a difference, and no unit at its kink."""
    net = MLP.initialize(sizes, seed, "float64", "he")
    for _, b in net.layers:
        b[:] = np.random.default_rng(seed).normal(0.2, 0.5, b.size)
    return net


def check(net, x, y, loss):
    """The largest error, of gradients that are not all zero."""
    assert np.all(net.loss_gradients(x, y, loss).x.any(axis=1))
    return max(check_gradients(net, x, y, loss).values())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_gradients_of_a_fresh_network(sizes, seed, loss):
    net = random_network(sizes, seed)
    assert check(net, *random_examples(net, seed=seed), loss) < 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_cross_entropy_when_saturated(sizes, seed):
    """Beyond a lead of about 18, p_y - 1 has lost too many digits in float64."""
    net = random_network(sizes, seed)
    x, y = random_examples(net, seed=seed)[0], np.zeros(5, int)
    net.layers[-1][1][0] += 17 - leads(net.logits(x), y).max()
    assert 10 < leads(net.logits(x), y).min()
    assert check(net, x, y, cross_entropy) < 1e-6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_log_odds_when_saturated(sizes, seed):
    net = random_network(sizes, seed)
    x, y = random_examples(net, seed=seed)[0], np.zeros(5, int)
    net.layers[-1][1][0] += 400 - leads(net.logits(x), y).min()
    assert check(net, x, y, log_odds) < 1e-6


def test_every_block_is_checked(small_network, small_examples):
    assert sorted(check_gradients(small_network, *small_examples)) == sorted(BLOCKS)


def test_a_check_leaves_the_network_as_it_was(small_network, small_examples):
    theta, x = small_network.theta.copy(), small_examples[0].copy()
    check_gradients(small_network, *small_examples)
    assert np.array_equal(small_network.theta, theta)
    assert np.array_equal(small_examples[0], x)


def test_a_check_needs_float64():
    net = MLP.initialize((3, 2))
    with pytest.raises(InputError, match="float64") as caught:
        check_gradients(net, *random_examples(net))
    one_line(caught)


# The test of the test: the check must reject what is slightly wrong.


def scaled(loss, factor):
    """loss with its value right and its gradient wrong by a factor."""
    def wrong(z, y):
        value, dz = loss(z, y)
        return value, dz * factor
    return wrong


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_a_gradient_wrong_by_a_thousandth_is_rejected(small_network, small_examples,
                                                      loss):
    errors = check_gradients(small_network, *small_examples, scaled(loss, 1.001))
    for name, error in errors.items():
        assert error == pytest.approx(1e-3, rel=0.01), name


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_a_gradient_of_zeros_is_rejected(small_network, small_examples, loss):
    errors = check_gradients(small_network, *small_examples, scaled(loss, 0))
    assert set(errors.values()) == {1.0}


@pytest.mark.parametrize("block", BLOCKS)
def test_one_entry_wrong_by_a_thousandth_is_rejected(
        monkeypatch, small_network, small_examples, block):
    right = small_network.loss_gradients

    def wrong(*arguments):
        g = right(*arguments)
        views = {f"{name}{i}": array for i, layer in enumerate(
            layer_views(small_network.sizes, g.theta), 1)
            for name, array in zip("Wb", layer)}
        entries = {**views, "x": g.x}[block].reshape(-1)
        entries[np.abs(entries).argmax()] *= 1.001
        return g

    monkeypatch.setattr(small_network, "loss_gradients", wrong)
    errors = check_gradients(small_network, *small_examples)
    assert [name for name, error in errors.items() if error > 1e-6] == [block]
    assert errors[block] > 1e-5


@pytest.mark.parametrize("block", ["theta", "x"])
def test_a_nan_is_rejected(monkeypatch, small_network, small_examples, block):
    g = small_network.loss_gradients(*small_examples)
    getattr(g, block)[-1] = np.nan
    monkeypatch.setattr(small_network, "loss_gradients", lambda *arguments: g)
    errors = check_gradients(small_network, *small_examples)
    assert not errors["x" if block == "x" else "b3"] < 1e-6


# In float64 these leads cost cross_entropy dz_y, and log_odds nothing.
@pytest.mark.parametrize("lead", [50, 400, 600])
def test_the_check_sees_masking(small_network, small_examples, lead):
    small_network.layers[-1][1][0] += lead
    x, y = small_examples[0], np.zeros(6, int)
    assert check_gradients(small_network, x, y, cross_entropy)["x"] > 0.1
    assert check_gradients(small_network, x, y, log_odds)["x"] < 1e-6


@pytest.mark.parametrize("size", [1, 1e-100, 1e-170, 1e-300, 5e-324])
def test_relative_error_of_zeros_against_anything_is_1(size):
    assert relative_error(np.zeros(3), np.full(3, size)) == pytest.approx(1)


def test_relative_error_of_zeros_against_zeros_is_0():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0


# Vector-Jacobian products


@given(st.integers(0, 2 ** 32 - 1), st.floats(-100, 100), st.floats(-100, 100))
def test_vjp_is_linear(seed, a, b):
    net = MLP.initialize((6, 8, 5, 4), seed, "float64")
    x, _ = random_examples(net, seed=seed)
    dz1, dz2 = np.random.default_rng(seed).normal(size=(2, 5, 4))
    parts = [a * net.vjp(x, dz1), b * net.vjp(x, dz2)]
    error = np.linalg.norm(net.vjp(x, a * dz1 + b * dz2) - sum(parts))
    assert error <= 1e-13 * sum(np.linalg.norm(part) for part in parts)


@pytest.mark.parametrize("dtype", DTYPES)
def test_linearize_is_logits_and_vjp(dtype):
    net = MLP.initialize((6, 8, 5, 4), dtype=dtype)
    x, _ = random_examples(net)
    z, vjp = net.linearize(x)
    assert np.array_equal(z, net.logits(x))
    for seed in range(3):       # one linearization serves any number of products
        dz = np.random.default_rng(seed).normal(size=(5, 4)).astype(dtype)
        assert np.array_equal(vjp(dz), net.vjp(x, dz))


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_vjp_of_dz_is_the_gradient_to_x(small_network, small_examples, loss):
    x, y = small_examples
    dz = loss(small_network.logits(x), y)[1]
    assert np.array_equal(small_network.vjp(x, dz),
                          small_network.loss_gradients(x, y, loss).x)


def test_the_rows_of_the_jacobian_predict_the_logits(small_network, small_examples):
    """Within one linear piece: z(x + d) = z(x) + J d exactly."""
    x, d = small_examples[0][:1], np.full((1, 5), 1e-6)
    J = np.concatenate([small_network.vjp(x, row[None]) for row in np.eye(3)])
    change = small_network.logits(x + d) - small_network.logits(x)
    np.testing.assert_allclose(change[0], J @ d[0], rtol=1e-6)


# Saving and loading


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


# Bad input


BAD_X = {
    "one example": np.zeros(5),
    "columns": np.zeros((6, 4)),
    "image": np.zeros((6, 1, 5)),
    "list": [[0.0] * 5] * 6,
    "float32": np.zeros((6, 5), np.float32),
    "integers": np.zeros((6, 5), int),
    "NaN": np.where(np.arange(30).reshape(6, 5) == 17, np.nan, 0.5),
    "infinite": np.where(np.arange(30).reshape(6, 5) == 17, np.inf, 0.5),
}


@pytest.mark.parametrize("x", BAD_X.values(), ids=BAD_X)
def test_x_that_does_not_fit(small_network, small_examples, x):
    for call in (small_network.logits, small_network.linearize,
                 lambda x: small_network.vjp(x, np.zeros((6, 3))),
                 lambda x: small_network.loss_gradients(x, small_examples[1])):
        with pytest.raises(InputError) as caught:
            call(x)
        one_line(caught)


def test_the_example_with_a_nan_is_named(small_network):
    with pytest.raises(InputError, match=r"x\[3\]"):
        small_network.logits(BAD_X["NaN"])


BAD_Y = {
    "too large": [0, 1, 2, 3, 0, 0],
    "negative": [0, 1, 2, -1, 0, 0],
    "floats": [0.0, 1.0, 2.0, 0.0, 0.0, 0.0],
    "booleans": [True, False] * 3,
    "too few": [0, 1, 2],
    "one hot": np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]],
    "one label": 1,
    "words": ["a"] * 6,
}


@pytest.mark.parametrize("y", BAD_Y.values(), ids=BAD_Y)
def test_y_that_does_not_fit(small_network, small_examples, y):
    with pytest.raises(InputError) as caught:
        small_network.loss_gradients(small_examples[0], np.array(y))
    one_line(caught)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "uint64"])
def test_labels_may_be_any_integers(small_network, small_examples, dtype):
    x, y = small_examples
    g = small_network.loss_gradients(x, y.astype(dtype))
    assert np.array_equal(g.theta, small_network.loss_gradients(x, y).theta)


def test_a_gradient_of_no_examples_is_refused(small_network):
    """The mean of nothing would be a gradient of NaN."""
    with pytest.raises(InputError):
        small_network.loss_gradients(np.zeros((0, 5)), np.zeros(0, int))


@pytest.mark.parametrize("dz", [np.zeros((6, 4)), np.zeros((5, 3)), np.zeros(3),
                                np.zeros((6, 3), np.float32)])
def test_dz_that_does_not_fit(small_network, small_examples, dz):
    with pytest.raises(InputError) as caught:
        small_network.vjp(small_examples[0], dz)
    one_line(caught)


@pytest.mark.parametrize("sizes", [(), (3,), (3, 1), (0, 2), (3, 0, 2), (3, -1, 2)])
def test_impossible_sizes(sizes):
    with pytest.raises(InputError, match="sizes") as caught:
        MLP.initialize(sizes)
    one_line(caught)


@pytest.mark.parametrize("theta", [np.zeros(7), np.zeros((8, 1)),
                                   np.zeros(8, np.float16), np.zeros(8, int)])
def test_theta_that_does_not_fit(theta):
    with pytest.raises(InputError) as caught:
        MLP((3, 2), theta)
    one_line(caught)


@pytest.mark.parametrize("arguments", [{"dtype": "float16"}, {"scheme": "ones"}])
def test_initialize_by_an_unknown_name(arguments):
    with pytest.raises(InputError) as caught:
        MLP.initialize((3, 2), **arguments)
    one_line(caught)


# Initialization


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scheme", ["truncated_normal", "he"])
def test_the_seed_decides_the_weights(dtype, scheme):
    first, again, other = (MLP.initialize((30, 20, 5), seed, dtype, scheme).theta
                           for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert np.mean(first == other) < 0.1            # the biases


# The standard deviation of a normal cut at two is 0.8796 of the uncut one's.
def test_fresh_weights_are_a_truncated_normal():
    (W, b), _ = MLP.initialize((400, 300, 2), dtype="float64").layers
    assert np.abs(W).max() <= 0.2
    assert np.abs(W).max() > 0.1999
    assert W.mean() == pytest.approx(0, abs=0.001)
    assert W.std() == pytest.approx(0.08796, rel=0.01)
    assert np.all(b == 0.1)


def test_he_scales_with_the_inputs():
    (W1, b1), (W2, b2) = MLP.initialize((200, 500, 300), scheme="he").layers
    assert W1.std() == pytest.approx(np.sqrt(2 / 200), rel=0.02)
    assert W2.std() == pytest.approx(np.sqrt(2 / 500), rel=0.02)
    assert not b1.any() and not b2.any()


def test_float32_weights_are_those_of_float64_rounded():
    wide = MLP.initialize((30, 20, 5), dtype="float64").theta
    assert np.array_equal(MLP.initialize((30, 20, 5)).theta, wide.astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_no_result_changes_dtype(dtype, loss):
    net = MLP.initialize((6, 8, 5, 4), dtype=dtype)
    x, y = random_examples(net)
    g = net.loss_gradients(x, y, loss)
    results = [net.theta, net.copy().theta, net.logits(x), g.loss, g.theta, g.x,
               net.vjp(x, np.ones((5, 4), dtype))]
    assert {str(array.dtype) for array in results} == {dtype}
