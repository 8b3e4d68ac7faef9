"""What a network refuses: examples, labels, sizes and weights that do not fit."""
import numpy as np
import pytest

from npgm.errors import InputError
from npgm.network import MLP


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


@pytest.mark.parametrize("loss", ["cross_entropi", None, 3, "nowhere:loss"])
def test_a_loss_that_is_none(small_network, small_examples, loss):
    with pytest.raises(InputError, match=f"loss {loss!r}") as caught:
        small_network.loss_gradients(*small_examples, loss)
    one_line(caught)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "uint64"])
def test_labels_may_be_any_integers(small_network, small_examples, dtype):
    x, y = small_examples
    g = small_network.loss_gradients(x, y.astype(dtype))
    assert np.array_equal(g.dtheta, small_network.loss_gradients(x, y).dtheta)


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
