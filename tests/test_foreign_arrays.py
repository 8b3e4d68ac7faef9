"""Arrays as users bring them: what an attack takes, and what it makes of it."""
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from small_models import (SUBSTITUTE, C, D, Images, LogitsAndVjp, assert_same, examples,
                          network)

from npgm.attacks import APGD, FGSM, PGD, DeepFool, RandomSign, Square, Transfer
from npgm.errors import InputError

ATTACKS = pytest.mark.parametrize("attack", [
    FGSM(0.1), FGSM(0.1, clip=(0, 1)), RandomSign(0.1), PGD(0.1, steps=5, seed=0),
    APGD(0.1, steps=5), Square(0.1, queries=20, shape=(2, 3)),
    Transfer(SUBSTITUTE, FGSM(0.1), (D,)), DeepFool()],
    ids=lambda attack: type(attack).__name__)


@ATTACKS
@pytest.mark.parametrize("foreign", [False, True])
def test_read_only_examples_are_attacked_where_they_are(attack, foreign):
    (x, y), net = examples(20, "float32"), network("float32")
    model = LogitsAndVjp(net) if foreign else net
    expected = attack(model, x, y)
    frozen = x.copy()
    frozen.flags.writeable = False
    assert_same(attack(model, frozen, y), expected)
    mapped = np.frombuffer(x.tobytes(), "float32").reshape(x.shape)
    assert_same(attack(model, mapped, y), expected)


class Overwrites(LogitsAndVjp):
    """Uses what it is given as room to work in."""

    def logits(self, x):
        z = self.net.logits(x)
        x *= 0
        return z

    def vjp(self, x, dz):
        dx = self.net.vjp(x, dz)
        x += 7
        dz *= 0
        return dx


@ATTACKS
def test_a_model_may_overwrite_what_it_is_given(attack):
    (x, y), net = examples(20), network()
    before = x.copy()
    assert_same(attack(Overwrites(net), x, y), attack(LogitsAndVjp(net), x, y))
    np.testing.assert_array_equal(x, before)


class Reuses(LogitsAndVjp):
    """Hands out the same arrays again and again."""

    def logits(self, x):
        if not hasattr(self, "z") or len(self.z) != len(x):
            self.z = np.empty((len(x), C))
        self.z[:] = self.net.logits(x)
        return self.z


def test_a_model_may_reuse_what_it_hands_out():
    (x, y), net = examples(20), network()
    assert_same(FGSM(0.1)(Reuses(net), x, y), FGSM(0.1)(LogitsAndVjp(net), x, y))


class Leaks(LogitsAndVjp):
    """float32 in, float64 out; float32 and nothing else."""

    def logits(self, x):
        assert x.dtype == np.float32
        return self.net.logits(x).astype("float64")

    def vjp(self, x, dz):
        assert x.dtype == np.float32
        return self.net.vjp(x, dz.astype("float32")).astype("float64")


@ATTACKS
def test_x_adv_has_the_dtype_of_x(attack):
    x, y = examples(20, "float32")
    assert attack(Leaks(network("float32")), x, y).x_adv.dtype == np.float32


@ATTACKS
def test_images_stay_images(attack):
    (x, y), net = examples(20), network()
    images = attack(Images(net), x.reshape(20, 1, 2, 3), y)
    rows = attack(LogitsAndVjp(net), x, y)
    assert images.x_adv.shape == (20, 1, 2, 3)
    np.testing.assert_array_equal(images.x_adv.reshape(20, D), rows.x_adv)
    assert images.status.tolist() == rows.status.tolist()


def test_an_mlp_says_how_to_make_rows_of_images():
    x, y = examples(4)
    with pytest.raises(InputError, match=r"needs \(N, 6\).*x.reshape\(len\(x\), -1\)"):
        FGSM()(network(), x.reshape(4, 2, 3), y)


def test_a_clip_that_does_not_contain_the_examples_is_refused():
    x, y = examples(4)
    x[2, 1] = 1.5
    with pytest.raises(InputError, match=r"x\[2, 1\] is 1.5, outside 0 to 1"):
        FGSM(clip=(0, 1))(network(), x, y)
    FGSM(clip=(0, 2))(network(), x, y)


def test_bytes_given_as_floats_are_refused_unless_they_are_meant():
    x, y = examples(4)
    with pytest.raises(InputError, match=r"x\[0, 0\] is .*to 1: give x / 255"):
        FGSM()(network(), 255 * x, y)
    FGSM(clip=(0, 255))(network(), 255 * x, y)
    FGSM(epsilon=8)(network(), 255 * x, y)


@given(st.integers(0, 99), st.floats(0, 2, width=32), st.sampled_from(
    [None, (0, 1), (-0.1, 1.05)]))
def test_x_adv_is_never_farther_than_epsilon(seed, epsilon, clip):
    x, y = examples(10, "float32", seed)
    for attack in (FGSM(epsilon, clip=clip), RandomSign(epsilon, seed, clip),
                   PGD(epsilon, steps=3, step_size=1, clip=clip, seed=seed),
                   APGD(epsilon, steps=3, clip=clip, seed=seed),
                   Square(epsilon, queries=3, clip=clip, seed=seed),
                   Transfer(SUBSTITUTE, FGSM(epsilon, clip=clip))):
        x_adv = attack(network("float32"), x, y).x_adv
        assert np.abs(x_adv - x).max() <= np.float32(epsilon)
        assert clip is None or (clip[0] <= x_adv.min() and x_adv.max() <= clip[1])
