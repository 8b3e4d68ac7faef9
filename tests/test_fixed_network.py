"""The network that computes nothing twice against MLP, and signs against a product."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_compiled_network import NETWORKS, network
from test_kernels import DTYPES, TOLERANCE, assert_near, draw

from npgm.attacks import FGSM, RandomSign
from npgm.compiled import FixedMLP
from npgm.compiled.signs import sign_product

N = 40


def kept(x):
    """x, not to be written to."""
    x = x.copy()
    x.flags.writeable = False
    return x


def signs(rows, columns, dtype):
    return np.where(draw(rows, columns, dtype) < 0, -1, 1).astype(dtype)


def some_still(s):
    """s, every third row 0, every fifth with a 0 in it."""
    s = s.copy()
    s[::3] = 0
    s[::5, 0] = 0
    return s


def some_halved(s):
    s = s.copy()
    s[::4] /= 2
    return s


WAYS = pytest.mark.parametrize("way", [
    np.copy, np.zeros_like, some_still, some_halved,
    lambda s: draw(*s.shape, s.dtype, 0.3)],
    ids=["signs", "still", "some still", "some halved", "any"])


@DTYPES
@NETWORKS
@WAYS
@pytest.mark.parametrize("seen", [True, False])
def test_logits_on_a_line(sizes, way, seen, dtype):
    net, x = network(sizes, dtype), kept(draw(N, sizes[0], dtype, 0.2))
    model, s = FixedMLP(net), way(signs(N, sizes[0], dtype))
    if seen:
        model.logits(x)
    logits = model.logits_on_line(x, s)
    for epsilon in (0, 0.3, 0.1):
        assert_near(logits(epsilon), net.logits(x + x.dtype.type(epsilon) * s),
                    10 * TOLERANCE[dtype])


@DTYPES
@NETWORKS
@WAYS
def test_a_line_has_the_same_bits_whatever_the_piece(sizes, way, dtype):
    net, x = network(sizes, dtype), kept(draw(N, sizes[0], dtype, 0.2))
    s = way(signs(N, sizes[0], dtype))

    def along(rows):
        model, part = FixedMLP(net), kept(x[rows])
        model.linearize(part)
        return model.logits_on_line(part, s[rows])(0.3)
    pieces = (slice(0, 7), slice(7, 8), slice(8, N))
    np.testing.assert_array_equal(np.concatenate([along(rows) for rows in pieces]),
                                  along(slice(None)))


@DTYPES
@NETWORKS
def test_where_examples_stay_nothing_changes(sizes, dtype):
    net, x = network(sizes, dtype), kept(draw(N, sizes[0], dtype, 0.2))
    model, moved = FixedMLP(net), x.copy()
    moved[::3] += 1
    z, vjp = model.linearize(x)
    dz = draw(N, sizes[-1], dtype)
    assert_near(vjp(dz), net.vjp(x, dz), 10 * TOLERANCE[dtype])
    again = model.logits(moved)
    assert_near(again, net.logits(moved), 10 * TOLERANCE[dtype])
    np.testing.assert_array_equal(again, FixedMLP(net).logits(moved))
    still = np.arange(N) % 3 > 0
    np.testing.assert_array_equal(again[still], z[still])
    np.testing.assert_array_equal(model.logits(x.copy()), z)


@DTYPES
@NETWORKS
def test_gradients_are_those_of_the_examples_asked_about(sizes, dtype):
    """Also after others were, and of the same as before."""
    net, x = network(sizes, dtype), kept(draw(N, sizes[0], dtype, 0.2))
    model, dz = FixedMLP(net), draw(N, sizes[-1], dtype)
    for asked in (x, -x, x, x[:7], kept(x[:9]), x):
        z, vjp = model.linearize(asked)
        assert_near(z, net.logits(asked), 10 * TOLERANCE[dtype])
        for scale in (1, -2):
            assert_near(vjp(scale * dz[:len(asked)]),
                        scale * net.vjp(asked, dz[:len(asked)]), 10 * TOLERANCE[dtype])
        model.logits(x + 1)


def test_what_may_be_written_to_is_looked_at_again():
    net, x = network((20, 7, 3), "float64"), draw(N, 20, "float64")
    model = FixedMLP(net)
    model.linearize(x)
    x *= -1
    assert_near(model.logits(x), net.logits(x), 10 * TOLERANCE["float64"])
    s = signs(N, 20, "float64")
    assert_near(model.logits_on_line(x, s)(0.5), net.logits(x + 0.5 * s),
                10 * TOLERANCE["float64"])


@DTYPES
@given(rows=st.integers(1, 40), inner=st.integers(1, 70), columns=st.integers(1, 40))
def test_signs_times_a_matrix(dtype, rows, inner, columns):
    s, W = signs(rows, inner, dtype), draw(inner, columns, dtype)
    expected = (s.astype("float64") @ W.astype("float64")).astype(dtype)
    assert_near(sign_product(s, W), expected, 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("attack", [FGSM(), RandomSign()], ids=str)
@pytest.mark.parametrize("lead", [1, 2 ** 7])
def test_attacks_find_what_they_find_on_the_plain_network(attack, lead):
    net = network((30, 16, 4), "float64", lead)
    x, y = np.abs(draw(N, 30, "float64")) / 8, np.arange(N) % 4
    found, plain = attack(net, x, y), attack(Plain(net), x, y)
    for name in ("x_adv", "success", "status", "valid", "queries"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    swept, alone = (attack.sweep(model, x, y, (0.1, 0.3))
                    for model in (net, Plain(net)))
    for name in ("natural", "success", "valid"):
        np.testing.assert_array_equal(getattr(swept, name), getattr(alone, name))


class Plain:
    """A network as a user's own model, without a twin."""

    def __init__(self, net):
        self.logits, self.vjp, self.linearize = net.logits, net.vjp, net.linearize
