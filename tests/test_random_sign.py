"""RandomSign, and random draws that belong to an example."""
import numpy as np
import pytest
from small_models import D, assert_same, by_pieces_of, examples, network

from npgm.attacks import PGD, RandomSign
from npgm.attacks.base import draws


def test_the_second_argument_of_random_sign_is_the_seed():
    assert RandomSign(0.25, 3) == RandomSign(epsilon=0.25, seed=3)


def test_random_signs_are_even_and_belong_to_the_seed():
    net, (x, y) = network(), examples(2000)
    s = np.sign(RandomSign(0.5)(net, x, y).x_adv - x)
    assert set(np.unique(s)) == {-1, 1}
    assert abs(s.mean()) < 5 / np.sqrt(s.size)
    assert abs(np.mean(s[:, 0] * s[:, 1])) < 5 / np.sqrt(len(s))
    assert abs(np.mean(s[:500] * s[500:1000])) < 5 / np.sqrt(500 * D)
    assert_same(RandomSign(0.5)(net, x, y), RandomSign(0.5)(net, x, y))
    other = RandomSign(0.5, seed=1)(net, x, y).x_adv
    assert 0.4 < np.mean(np.sign(other - x) == s) < 0.6


# Draws

DRAWN = pytest.mark.parametrize("attack", [
    RandomSign(0.2, 3), PGD(0.2, steps=1, step_size=0.2, seed=3)], ids=str)


@DRAWN
@pytest.mark.parametrize("size", [1, 7, 499, 501, 1000, 2000])
def test_draws_do_not_depend_on_the_piece(attack, size):
    net, (x, y) = network("float32"), examples(1100, "float32")
    assert_same(by_pieces_of(size, attack)(net, x, y), attack(net, x, y))


@DRAWN
def test_draws_do_not_depend_on_how_many_examples_follow(attack):
    net, (x, y) = network("float32"), examples(1100, "float32")
    whole = attack(net, x, y).x_adv
    for count in (1, 499, 700):
        np.testing.assert_array_equal(attack(net, x[:count], y[:count]).x_adv,
                                      whole[:count])


@pytest.mark.parametrize("rows", [range(3), range(499, 501), range(500, 1000),
                                  range(7, 1207), range(1000, 1001)])
def test_rows_are_drawn_from_blocks_of_500(rows):
    def draw(rng, count):
        return rng.standard_normal((count, 2))
    blocks = [draw(np.random.default_rng([9, start]), 500) for start in (0, 500, 1000)]
    np.testing.assert_array_equal(draws(9, rows, draw), np.concatenate(blocks)[rows])
