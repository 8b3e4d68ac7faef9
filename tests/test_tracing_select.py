"""Which parameters a trace follows: by name, by pixel, at random, by their role."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_training import SIZES

from npgm.errors import InputError, NpgmError
from npgm.network import MLP, parameter_count
from npgm.optimizers import SGD, Adam
from npgm.tracing import roles, select
from npgm.training import train

DEEP = (5, 7, 4, 3)


@given(st.data())
def test_a_name_is_where_its_value_stands(data):
    net = MLP(DEEP, np.arange(float(parameter_count(DEEP))))
    i = data.draw(st.integers(0, 2))
    array = net.layers[i][data.draw(st.integers(0, 1))]
    place = tuple(data.draw(st.integers(0, end - 1)) for end in array.shape)
    name = f"{'bW'[array.ndim - 1]}{i + 1}[{','.join(map(str, place))}]"
    chosen = select.named(DEEP, name)
    assert chosen.names == (name,)
    assert net.theta[chosen.indices] == [array[place]]
    assert select.of(DEEP, chosen.indices).names == (name,)


@pytest.mark.parametrize("text, names", [
    ("W2[1:3,3]", ["W2[1,3]", "W2[2,3]"]), ("b3[:]", ["b3[0]", "b3[1]", "b3[2]"]),
    (" W1 [ 4 , ::3 ] ", ["W1[4,0]", "W1[4,3]", "W1[4,6]"]),
    ("W3[3:,1:2]", ["W3[3,1]"]),
    (["b1[2]", "W1[0,0]", "b1[:3]"], ["b1[2]", "W1[0,0]", "b1[0]", "b1[1]"])])
def test_slices_and_lists(text, names):
    assert list(select.named(DEEP, text).names) == names


@pytest.mark.parametrize("text, words", [
    ("W1[5,0]", "0 to 4 and 0 to 6"), ("W1[0,7]", "0 to 4 and 0 to 6"),
    ("W1[3]", "W1 takes 2 indices"), ("b1[0,0]", "b1 takes 1 index, 0 to 6"),
    ("b1[-1]", "0 to 6"), ("b1[7:]", "with something in them"), ("b1[::0]", "0 to 6"),
    ("b1[]", "0 to 6"), ("b1[x]", "0 to 6"), ("W4[0,0]", "W3 (4, 3), b3 (3,)"),
    ("W1", "give one as"), ("", "give one as"), (3.5, "give one as"),
    (None, "give one as"), (["b1[0]", 7], "give one as")])
def test_what_does_not_exist_is_refused_with_what_does(text, words, refused):
    with refused(InputError, "parameter ", words):
        select.named(DEEP, text)


def test_no_name_is_no_parameter():
    chosen = select.named(DEEP, [])
    assert chosen.names == () and chosen.indices.shape == (0,)


def test_a_draw_is_a_function_of_its_seed_and_takes_arrays_in_turn():
    chosen = select.drawn(DEEP, 9, seed=3)
    assert select.drawn(DEEP, 9, seed=3).names == chosen.names
    assert select.drawn(DEEP, 9, seed=4).names != chosen.names
    assert select.drawn(DEEP, 4, seed=3).names == chosen.names[:4]
    assert [name[:2] for name in chosen.names] == [
        "W1", "b1", "W2", "b2", "W3", "b3", "W1", "b1", "W2"]
    assert len(set(chosen.names)) == 9


def test_a_draw_of_all_has_all(refused):
    total = parameter_count(DEEP)
    assert sorted(select.drawn(DEEP, total).indices) == list(range(total))
    with refused(InputError, f"this network has {total}"):
        select.drawn(DEEP, total + 1)


def test_pixel_and_unit(refused):
    sizes = (784, 600, 128, 10)
    assert select.from_pixel(sizes, (28, 28), (14, 14), 17) == "W1[406,17]"
    for pixel, unit, words in (((28, 0), 0, "pixel row 28: give 0 to 27"),
                               ((0, 99), 0, "pixel column 99: give 0 to 27"),
                               ((0, 0), 600, "unit 600: give 0 to 599"),
                               ((-1, 0), 0, "pixel row")):
        with refused(InputError, words):
            select.from_pixel(sizes, (28, 28), pixel, unit)


# Roles: found in a first pass over the same run


def seen(data, optimizer, steps, sizes=SIZES):
    """theta before the first update and after each, and which hidden units were on."""
    net, thetas, on = MLP.initialize(sizes, seed=1), [], []

    def look(trainer):
        W, b = MLP(sizes, thetas[-1]).layers[0]
        on.append((trainer.x @ W + b > 0).any(axis=0))
        thetas.append(net.theta.copy())
    thetas.append(net.theta.copy())
    train(net, optimizer, data, steps, 10, evaluate_at=(), watch=look)
    return np.array(thetas), np.array(on)


def found(role, data, optimizer, steps=40, count=3):
    net = MLP.initialize(SIZES, seed=1)
    before = net.theta.copy()
    names = roles.find(role, net, optimizer, data, count, steps=steps, batch_size=10)
    np.testing.assert_array_equal(net.theta, before)
    return select.named(SIZES, names).indices


def test_largest_step(tiny_data):
    thetas, _ = seen(tiny_data, SGD(0.5), 40)
    largest = np.abs(np.diff(thetas, axis=0)).max(axis=0)
    chosen = found("largest_step", tiny_data, SGD(0.5))
    np.testing.assert_array_equal(largest[chosen], np.sort(largest)[:-4:-1])


def test_first_to_freeze(tiny_data):
    """Of those that moved: the last update that changed them came first."""
    adam = Adam(0.1, beta1=0.1)
    thetas, _ = seen(tiny_data, adam, 60)
    last = np.array([max(np.flatnonzero(moved) + 1, default=0)
                     for moved in (np.diff(thetas, axis=0) != 0).T])
    chosen = found("first_to_freeze", tiny_data, adam, 60)
    ended = (0 < last) & (last < 60)
    np.testing.assert_array_equal(last[chosen], np.sort(last[ended])[:3])


def test_silent(tiny_data):
    """A large rate turns units off."""
    sgd = SGD(2.0)
    _, on = seen(tiny_data, sgd, 40)
    last = np.array([max(np.flatnonzero(unit) + 1, default=0) for unit in on.T])
    ended = (0 < last) & (last < 40)
    assert ended.any()
    chosen = found("silent", tiny_data, sgd, count=1)
    units = chosen - 16 * 8             # biases of the first layer stand behind W1
    np.testing.assert_array_equal(last[units], last[ended].min())


def test_roles_that_nobody_plays(tiny_data, refused):
    with refused(NpgmError, "no parameter is silent within these updates"):
        found("silent", tiny_data, SGD(1e-4), steps=3)
    with refused(InputError, "choose one of largest_step"):
        found("loudest", tiny_data, SGD())
