"""Square: squares of one colour, logits alone, and few of those."""
import numpy as np
import pytest
from small_models import LogitsAndVjp, affine, assert_same, examples, learnt, network

from npgm.attacks import Square
from npgm.attacks.square import _sides
from npgm.errors import InputError


class Record:
    """Constant logits for label 0, which no square changes; keeps what it was asked.
    There is no gradient to ask for."""

    def __init__(self):
        self.asked = []

    def logits(self, x):
        self.asked.append(x.copy())
        return np.tile([2.0, 0.0], (len(x), 1))

    def vjp(self, x, dz):
        raise AssertionError("Square asked for a gradient")


def candidates(attack, shape, count=1):
    """What the attack asks of `count` grey examples after x: (queries, count, ...)."""
    model, x = Record(), np.full((count, *shape), 0.5)
    attack(model, x, np.zeros(count, int))
    asked = [seen for seen in model.asked if len(seen) == count][:-1]
    at_x = [i for i, seen in enumerate(asked) if (seen == x).all()]
    return np.array(asked[at_x[-1] + 1:]) - 0.5


@pytest.mark.parametrize("shape, axes", [
    ((8, 8), (None, 0, 1)), ((1, 8, 8), (0, 1, 2)), ((3, 8, 8), (0, 1, 2)),
    ((8, 8, 3), (2, 0, 1)), ((6, 9), (None, 0, 1)), ((64,), None), ((10,), None)])
def test_each_query_is_one_square_of_one_colour(shape, axes):
    attack = Square(0.25, queries=200)
    asked = candidates(attack, shape)[:, 0]
    assert len(asked) == 200
    if axes is None:
        side = 8 if shape == (64,) else 1
        asked = asked.reshape(200, 1, side, -1)
    else:
        asked = (asked[:, None] if axes[0] is None
                 else np.moveaxis(asked, [1 + axis for axis in axes], [1, 2, 3]))
    np.testing.assert_allclose(np.abs(asked), 0.25)
    stripes, squares = asked[0], asked[1:]
    assert (stripes == stripes[:, :1]).all()            # vertical: rows are the same
    assert len(np.unique(stripes)) == 2
    height, width = stripes.shape[1:]
    colours = set()
    for query, square in enumerate(squares, 1):
        h, w = _sides(0.8 / 2 ** sum(10_000 * query // 200 > mark for mark in (
            10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)), height, width)
        rows, columns = np.nonzero((square != stripes).any(axis=0))
        for at, side in ((rows, h), (columns, w)):
            assert not at.size or at.max() - at.min() < side
        for channel, before in zip(square, stripes):
            assert len(np.unique(channel[channel != before])) <= 1
            colours |= {*np.sign(channel[channel != before])}
    assert colours == {-1, 1}


def test_the_sides_of_a_square():
    assert _sides(0.8, 28, 28) == (25, 25)
    assert _sides(0.8 / 512, 28, 28) == (1, 1)
    assert _sides(0.8, 1, 10) == (1, 8) and _sides(0.8, 10, 1) == (8, 1)
    assert _sides(0.5, 4, 100) == (4, 50)
    assert _sides(0.01, 4, 100) == (2, 2)


def test_squares_reach_every_corner():
    places = candidates(Square(0.25, queries=2000), (5, 5), count=3)
    moved = (places[1:] != places[:1])
    assert moved[-400:].any(axis=0).all()
    assert (moved[:, 0] != moved[:, 1]).any()           # each example its own squares


@pytest.mark.parametrize("loss", ["margin", "cross_entropy"])
def test_on_two_affine_classes_it_comes_near_the_best_corner(loss):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=25), rng.random((20, 25))
    net = affine(np.stack([w, -w], axis=1), [0, 0])
    y = learnt(net, x)
    result = Square(0.02, queries=2000, loss=loss)(net, x, y)
    gain = np.where(y == 0, -1, 1) * ((result.x_adv - x) @ w)
    held = ~result.success
    assert held.sum() >= 5
    assert (gain[held] > 0.95 * 0.02 * np.abs(w).sum()).all()
    best = np.where(y == 0, -1, 1) * (x @ w) + 0.02 * np.abs(w).sum()
    assert (result.success == (best > 0))[np.abs(best) > 0.05].all()


def test_only_what_is_not_yet_fooled_is_asked_further():
    net, (x, y) = network(), examples(40)
    y[:20] = learnt(net, x[:20])
    model = LogitsAndVjp(net)
    result = Square(0.4, queries=300)(model, x, y)
    held = (result.status == "held").sum()
    assert 0 < held < 20 and (result.status[20:] == "already_wrong").sum() > 5
    at_once = 2 * 8 + 2 * 40            # looked at, x, x_adv
    assert at_once + 300 * held < model.shown < at_once + 300 * held + 20 * 60
    already = result.status == "already_wrong"
    np.testing.assert_array_equal(result.x_adv[already], x[already])


@pytest.mark.parametrize("lead", [1, 1e6])
def test_a_masked_gradient_does_not_matter(lead):
    net, (x, _) = network("float32", lead=np.float32(lead)), examples(100, "float32")
    y = learnt(network("float32"), x)
    result = Square(0.2, queries=100)(net, x, y)
    plain = Square(0.2, queries=100)(network("float32"), x, y)
    assert plain.success.mean() > 0.5
    assert result.success.mean() == pytest.approx(plain.success.mean(), abs=0.02)
    assert result.valid.all()


def test_more_queries_from_the_seed():
    net, (x, y) = network(), examples(40)
    one, other = (Square(0.1, 50, seed=seed)(net, x, y) for seed in (0, 1))
    assert (one.x_adv != other.x_adv).any()
    assert_same(one, Square(0.1, 50, seed=0)(net, x, y))


def test_clip_is_kept_to():
    net, (x, y) = network(), examples(40)
    x_adv = Square(0.3, 50, clip=(0, 1))(net, x, y).x_adv
    assert x_adv.min() == 0 and x_adv.max() == 1


def test_a_shape_that_examples_do_not_have_is_refused():
    x, y = examples(4)
    with pytest.raises(InputError, match=r"shape is \(3, 3\): examples of 6 numbers"):
        Square(shape=(3, 3))(network(), x, y)
