"""The network by hand: forward, backward, vector-Jacobian products, first weights."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP, parameter_count

DTYPES = ["float32", "float64"]


def random_examples(net, count=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((count, net.sizes[0])).astype(net.dtype),
            rng.integers(0, net.sizes[-1], count))


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
    dtheta = hand_network.loss_gradients(HAND_X, HAND_Y).dtheta
    np.testing.assert_allclose(dtheta, expected, rtol=1e-13)


def test_gradient_to_x_by_hand(hand_network):
    dx = hand_network.loss_gradients(HAND_X, HAND_Y).dx
    np.testing.assert_allclose(dx, [[3 / 4, 3], [-1, -1 / 4]], rtol=1e-13)


def test_gradient_of_log_odds_to_x_by_hand(hand_network):
    # Those of cross entropy over 1 - p_y, which is 3/4 and 1/4.
    dx = hand_network.loss_gradients(HAND_X, HAND_Y, log_odds).dx
    np.testing.assert_allclose(dx, [[1, 4], [-4, -1]], rtol=1e-13)


def test_the_derivative_of_relu_at_0_is_0():
    # 1 input, 1 hidden unit that is exactly 0, 2 classes.
    net = MLP((1, 1, 2), np.array([1.0, -1, 1, -1, 0, 0]))
    g = net.loss_gradients(np.array([[1.0]]), np.array([0]))
    assert g.dx.tolist() == [[0]]
    assert g.dtheta[:2].tolist() == [0, 0]


@pytest.mark.parametrize("loss", [cross_entropy, log_odds])
def test_the_mean_gradient_is_that_to_theta(small_network, small_examples, loss):
    value, dtheta = small_network.mean_gradient(*small_examples, loss)
    g = small_network.loss_gradients(*small_examples, loss)
    assert np.array_equal(value, g.loss) and np.array_equal(dtheta, g.dtheta)


def test_a_loss_may_be_named(small_network, small_examples):
    named = small_network.loss_gradients(*small_examples, "log_odds")
    given_as_such = small_network.loss_gradients(*small_examples, log_odds)
    assert np.array_equal(named.dx, given_as_such.dx)
    assert (named.loss != small_network.loss_gradients(*small_examples).loss).all()


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
                          small_network.loss_gradients(x, y, loss).dx)


def test_the_rows_of_the_jacobian_predict_the_logits(small_network, small_examples):
    """Within one linear piece: z(x + d) = z(x) + J d exactly."""
    x, d = small_examples[0][:1], np.full((1, 5), 1e-6)
    J = np.concatenate([small_network.vjp(x, row[None]) for row in np.eye(3)])
    change = small_network.logits(x + d) - small_network.logits(x)
    np.testing.assert_allclose(change[0], J @ d[0], rtol=1e-6)


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
    results = [net.theta, net.copy().theta, net.logits(x), g.loss, g.dtheta, g.dx,
               net.vjp(x, np.ones((5, 4), dtype))]
    assert {str(array.dtype) for array in results} == {dtype}
