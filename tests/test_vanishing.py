"""Ways in which a gradient vanishes elsewhere, against their formulas."""
import contextlib
import ctypes
import platform

import numpy as np
import pytest
from small_models import (LogitsAndVjp, affine, assert_same, by_pieces_of, examples,
                          network)

from npgm.attacks import FGSM, PGD
from npgm.losses import cross_entropy, log_odds
from npgm.network import MLP
from npgm.vanishing import (Flushed, FlushedLayers, flush, flushed, in_float64,
                            mean_over)

TINY = np.finfo("float32").tiny
LOSSES = pytest.mark.parametrize("loss", [cross_entropy, log_odds])
WRAPPERS = pytest.mark.parametrize("wrap", [
    lambda loss: mean_over(loss, 10), in_float64, flushed], ids=["mean", "wide",
                                                                 "flushed"])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def logits(dtype="float32", leads=(0, 1, 10, 20, 60, 90, 100, 110)):
    """One row for each lead of label 1 over two other classes."""
    z = np.array([[0.5, lead + 0.5, 0] for lead in leads], dtype)
    return z, np.ones(len(z), int)


@WRAPPERS
@LOSSES
@DTYPES
def test_dtype_is_kept_and_a_name_will_do(wrap, loss, dtype):
    value, dz = wrap(loss)(*logits(dtype))
    assert value.dtype == dz.dtype == dtype
    for one, other in zip((value, dz), wrap(loss.__name__)(*logits(dtype))):
        np.testing.assert_array_equal(one, other)


@LOSSES
@DTYPES
@pytest.mark.parametrize("count", [1, 3, 10_000])
def test_the_mean_divides_each_gradient_by_the_count(loss, count, dtype):
    (value, dz), (mean, mean_dz) = loss(*logits(dtype)), mean_over(loss, count)(
        *logits(dtype))
    np.testing.assert_array_equal(mean, value)
    np.testing.assert_array_equal(mean_dz, dz / dz.dtype.type(count))


@LOSSES
def test_in_float64_it_is_rounded_once(loss):
    z, y = logits()
    for found, wide in zip(in_float64(loss)(z, y), loss(z.astype("float64"), y)):
        np.testing.assert_array_equal(found, wide.astype("float32"))


def test_in_float64_the_label_keeps_its_entry_until_36():
    leads = (16, 17, 30, 36, 38)
    lost = [[bool(row[1] == 0) for row in loss(*logits(leads=leads))[1]]
            for loss in (cross_entropy, in_float64(cross_entropy))]
    assert lost == [[False, True, True, True, True],
                    [False, False, False, False, True]]


def test_flushing_removes_the_subnormal_and_nothing_else():
    below = np.nextafter(TINY, np.float32(0))
    array = np.array([TINY, -TINY, below, -below, 1e-45, 0, 1, np.inf, np.nan],
                     "float32")
    assert array[4] > 0
    expected = np.array([TINY, -TINY, 0, 0, 0, 0, 1, np.inf, np.nan], "float32")
    np.testing.assert_array_equal(flush(array), expected)
    assert flush(array).dtype == np.float32
    assert flush(np.array([1e-308, 1e-307])).tolist() == [0, 1e-307]


@LOSSES
def test_a_flushed_loss_keeps_its_value(loss):
    (value, dz), (same, flushed_dz) = loss(*logits()), flushed(loss)(*logits())
    np.testing.assert_array_equal(same, value)
    np.testing.assert_array_equal(flushed_dz, np.where(np.abs(dz) < TINY, 0, dz))
    assert (flushed_dz != dz).any() == (loss is cross_entropy)


@pytest.mark.parametrize("kind", [lambda net: net, MLP.compiled, LogitsAndVjp])
def test_a_flushed_model_has_its_input_gradients_flushed(kind):
    net, (x, _) = network("float32"), examples(40, "float32")
    dz = np.random.default_rng(0).standard_normal((40, 4)).astype("float32") * TINY
    model, flushed_model = kind(net), Flushed(kind(net))
    dx = model.vjp(x, dz)
    assert 0 < np.count_nonzero(np.abs(dx) < TINY) < dx.size
    for found in (flushed_model, flushed_model.compiled()):
        np.testing.assert_allclose(found.logits(x), net.logits(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(flushed_model.vjp(x, dz),
                                  np.where(np.abs(dx) < TINY, 0, dx))


def test_a_flushed_models_twin_is_the_twin_flushed():
    net = network()
    twin = Flushed(net).compiled()
    assert type(twin) is Flushed and type(twin.model) is type(net.compiled())
    plain = Flushed(LogitsAndVjp(net))
    assert plain.compiled() is plain


# As attacked: each way makes the gradient vanish earlier.


WIDE = (-200, 200)      # as far as the logits go, which are the pixels here


def ways(count):
    """By name: a loss, and what is done to the model."""
    return {"plain": (cross_entropy, lambda net: net),
            "flushed": (flushed(cross_entropy), Flushed),
            "mean": (mean_over(cross_entropy, count), lambda net: net),
            "mean, flushed": (flushed(mean_over(flushed(cross_entropy), count)),
                              Flushed)}


def test_the_mean_and_flushing_make_the_gradient_vanish_earlier():
    """One class leads by L in float32: the residual is exp(-L). It is subnormal
    beyond a lead of 87.3, and after a mean over 10 beyond 85."""
    net = affine(np.eye(2), [0, 0], "float32")
    x = np.array([[L, 0] for L in (10, 84, 86, 95, 110, 10, 10, 10, 10, 10)], "float32")
    y = np.zeros(10, int)
    valid = {name: FGSM(0.1, loss, WIDE)(model(net), x, y).valid[:5].tolist()
             for name, (loss, model) in ways(10).items()}
    assert valid["plain"] == [True, True, True, True, False]
    assert valid["flushed"] == [True, True, True, False, False]
    assert valid["mean"] == [True, True, True, True, False]
    assert valid["mean, flushed"] == [True, True, False, False, False]


def test_the_mean_is_over_its_count_and_not_over_a_piece():
    net, y = affine(np.eye(2), [0, 0], "float32"), np.zeros(10, int)
    x = np.zeros((10, 2), "float32")
    x[:, 0] = 86                        # exp(-86) is normal, a tenth of it is not
    for count, valid in ((10, False), (1, True)):
        loss, model = ways(count)["mean, flushed"]
        attack = by_pieces_of(1, FGSM(0.1, loss, WIDE))
        assert (attack(model(net), x, y).valid == valid).all()
        assert (attack.sweep(model(net), x, y, [0.1]).valid == valid).all()
        assert (PGD(0.1, loss=loss, clip=WIDE)(model(net), x, y).valid == valid).all()


@pytest.mark.parametrize("attack", [FGSM, PGD])
def test_flushing_changes_nothing_that_is_normal(attack):
    net, (x, y) = network("float32"), examples(50, "float32")
    loss, model = ways(50)["flushed"]
    assert_same(attack(0.1, loss=loss)(model(net), x, y), attack(0.1)(net, x, y))


def test_in_float64_the_attack_sees_where_float32_is_blind():
    """z = (4 x_1 + 25, x_2, 0): the best step lowers the first pixel."""
    net = affine([[4, 0, 0], [0, 1, 0]], [25, 0, 0], "float32")
    x, y = np.full((1, 2), 0.5, "float32"), np.array([0])
    assert FGSM(0.25)(net, x, y).x_adv.tolist() == [[0.5, 0.75]]
    wide = FGSM(0.25, in_float64(cross_entropy))(net, x, y)
    assert wide.x_adv.tolist() == [[0.25, 0.75]] and wide.x_adv.dtype == np.float32


# In every layer, as arithmetic that has no subnormal numbers.


def deep(first, last, dtype="float32"):
    """Two pixels through one hidden unit, which adds them up times `first`, to two
    logits: it times `last`, and 0."""
    net = MLP((2, 1, 2), np.zeros(2 + 1 + 2 + 2, dtype))
    net.layers[0][0][:], net.layers[1][0][:] = [[first], [first]], [[last, 0]]
    return net


def test_what_is_subnormal_between_two_layers_is_flushed_there():
    """1e-30 of the residual is 1e-40 behind the last layer, 1e-30 behind the first."""
    net, dz = deep(first=1e10, last=1e-10), np.array([[1e-30, 0]], "float32")
    x = np.full((1, 2), 0.5, "float32")
    assert Flushed(net).vjp(x, dz) == pytest.approx(np.full((1, 2), 1e-30), rel=1e-4)
    assert FlushedLayers(net).vjp(x, dz).tolist() == [[0, 0]]
    wide = FlushedLayers(deep(1e10, 1e-10, "float64"))
    assert wide.vjp(x.astype("float64"), dz.astype("float64")).all()


def test_a_subnormal_weight_input_or_hidden_unit_is_none():
    x = np.array([[0.5, 0]], "float32")
    for net, x in ((deep(TINY / 4, 1), x), (deep(1, TINY / 4), x),
                   (deep(1, 1), x * TINY), (deep(TINY, 1), x)):
        assert net.logits(x)[0, 0] > 0
        assert FlushedLayers(net).logits(x).tolist() == [[0, 0]]


def test_where_all_is_normal_every_layer_is_as_it_was():
    net, (x, y) = network("float32", (6, 8, 5, 4)), examples(50, "float32")
    dz = np.random.default_rng(0).standard_normal((50, 4)).astype("float32")
    found = FlushedLayers(net)
    np.testing.assert_array_equal(found.logits(x), net.logits(x))
    np.testing.assert_array_equal(found.vjp(x, dz), net.vjp(x, dz))
    assert_same(FGSM(0.1)(found, x, y), FGSM(0.1)(net, x, y))


@pytest.fixture
def without_subnormals():
    """The processor flushes its results (FTZ) and what it is given (DAZ), as long as
    the function returned is asked to."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        pytest.skip("how to ask the processor is known of x86-64 and Linux")
    libm, size = ctypes.CDLL("libm.so.6"), 32       # fenv_t: mxcsr is its last word

    @contextlib.contextmanager
    def flushing():
        before, changed = (ctypes.create_string_buffer(size) for _ in range(2))
        libm.fegetenv(before), libm.fegetenv(changed)
        mxcsr = ctypes.c_uint32.from_buffer(changed, size - 4)
        mxcsr.value |= 0x8000 | 0x0040
        libm.fesetenv(changed)
        try:
            yield
        finally:
            libm.fesetenv(before)
    with flushing():
        if np.float32(TINY) * np.float32(0.5) != 0:
            pytest.skip("the processor does not flush here")
    assert np.float32(TINY) * np.float32(0.5) != 0
    return flushing


def test_it_is_what_a_processor_does_that_flushes(without_subnormals):
    """Leads from 80 to 110: from where all is normal to where nothing is. The processor
    flushes within sums too, of 40 products at most: so near to the smallest normal
    number the two differ, and nowhere else. (So few examples that the product is not
    shared out among threads, of which each has its own mode.)"""
    net, (x, _) = network("float32", (6, 40, 20, 4)), examples(200, "float32")
    y = np.random.default_rng(1).integers(0, 4, 200)
    z = np.zeros((200, 4), "float32")
    z[np.arange(200), y] = np.linspace(80, 110, 200)
    _, dz = flushed(cross_entropy)(z, y)
    found = FlushedLayers(net).vjp(x, dz)
    with without_subnormals():
        by_processor = cross_entropy(z, y)[1]
        expected = net.vjp(x, by_processor)
    np.testing.assert_array_equal(by_processor, dz)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=40 * TINY)
    dead, same, only_the_ends = (~dx.any(axis=1) for dx in (
        found, expected, Flushed(net).vjp(x, dz)))
    assert only_the_ends.sum() < dead.sum() < 200
    assert (dead != same).sum() < (only_the_ends != same).sum()
