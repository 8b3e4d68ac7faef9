"""Networks from the arrays of others: names, order, layout."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import D, examples, network
from test_network_input import one_line

from npgm import MLP
from npgm.errors import DataError, InputError
from npgm.models import from_arrays

# Each framework's names of layer i's W and b, and whether its W is (out, in).
CONVENTIONS = {
    "npgm": (lambda i: (f"W{i + 1}", f"b{i + 1}"), False),
    "torch": (lambda i: (f"fc{i + 1}.weight", f"fc{i + 1}.bias"), True),
    "torch sequential": (lambda i: (f"{2 * i}.weight", f"{2 * i}.bias"), True),
    "torch nested": (lambda i: (f"net.{2 * i}.weight", f"net.{2 * i}.bias"), True),
    "keras": (lambda i: (f"dense{f'_{i}' * (i > 0)}/kernel:0",
                         f"dense{f'_{i}' * (i > 0)}/bias:0"), False),
    "keras path": (lambda i: (f"sequential/dense_{i + 8}/kernel",
                              f"sequential/dense_{i + 8}/bias"), False),
    "keras 3": (lambda i: (f"layers/dense{f'_{i}' * (i > 0)}/vars/0",
                           f"layers/dense{f'_{i}' * (i > 0)}/vars/1"), False),
    "flax": (lambda i: (f"params/Dense_{i}/kernel", f"params/Dense_{i}/bias"), False),
    "scikit-learn": (lambda i: (f"coefs_{i}", f"intercepts_{i}"), False)}
EVERY = pytest.mark.parametrize("names, turned", CONVENTIONS.values(), ids=CONVENTIONS)


def named(net, names, turned):
    arrays = {}
    for i, (W, b) in enumerate(net.layers):
        arrays |= zip(names(i), (W.T if turned else W, b))
    return arrays


def assert_same(found, net):
    assert isinstance(found, MLP) and found.sizes == net.sizes
    assert found.dtype == net.dtype
    assert found.theta.tobytes() == net.theta.tobytes()


def refused(arrays, *parts, **settings):
    with pytest.raises(InputError) as caught:
        from_arrays(arrays, **settings)
    for part in parts:
        assert part in one_line(caught)


@EVERY
@given(widths=st.lists(st.integers(1, 3), min_size=1, max_size=12),
       classes=st.integers(2, 3), dtype=st.sampled_from(["float32", "float64"]),
       shuffle=st.randoms(use_true_random=False))
def test_every_convention(names, turned, widths, classes, dtype, shuffle):
    """Square layers among them, and more than ten, in whatever order they come."""
    net = MLP.initialize((*widths, classes), 0, dtype)
    arrays = [*named(net, names, turned).items()]
    shuffle.shuffle(arrays)
    assert_same(from_arrays(dict(arrays)), net)


@EVERY
def test_a_missing_bias_is_zero(names, turned):
    net = network(sizes=(D, D, D))
    for i in range(2):
        net.layers[i][1][:] = 0
        arrays = named(net, names, turned)
        for gone in range(i + 1):
            del arrays[names(gone)[1]]
        assert_same(from_arrays(arrays), net)


@EVERY
def test_from_an_archive(names, turned, tmp_path):
    net = network("float32", (D, D, D))
    np.savez(tmp_path / "net.npz", **named(net, names, turned))
    assert_same(from_arrays(tmp_path / "net.npz"), net)


def test_layers_of_different_names_are_in_the_order_given():
    net, words = network(sizes=(D, 4, 4, 3)), ("stem", "body", "a_head")
    assert_same(from_arrays(named(net, lambda i: (
        f"{words[i]}.weight", f"{words[i]}.bias"), True)), net)


def test_lists_as_scikit_learn_keeps_them():
    net = network(sizes=(D, D, D))
    W, b = zip(*net.layers)
    assert_same(from_arrays({"coefs_": list(W), "intercepts_": list(b)}), net)


@pytest.mark.parametrize("biased", [True, False])
def test_arrays_without_names(tmp_path, biased):
    """As Keras's get_weights gives and np.savez numbers them."""
    net = network(sizes=(D, *[5] * 10, 4))
    for _, b in net.layers:
        b[:] *= biased
    arrays = [part for layer in net.layers for part in layer[:1 + biased]]
    assert_same(from_arrays(arrays), net)
    np.savez(tmp_path / "net.npz", *arrays)
    assert_same(from_arrays(tmp_path / "net.npz"), net)


@pytest.mark.parametrize("names", [("w1", "b1"), ("fc/weights", "fc/biases"), None])
@pytest.mark.parametrize("layout", ["in_out", "out_in"])
def test_where_neither_shapes_nor_names_tell_the_layout(names, layout):
    W, b = np.arange(9.0).reshape(3, 3), np.ones(3)
    arrays = dict(zip(names, (W, b))) if names else [W, b]
    refused(arrays, "layout='in_out' or layout='out_in'")
    net = from_arrays(arrays, layout=layout)
    np.testing.assert_array_equal(net.layers[0][0], W if layout == "in_out" else W.T)


def test_layout_is_above_names_and_shapes_above_both():
    W = np.arange(9.0).reshape(3, 3)
    turned = from_arrays({"fc.weight": W}, layout="in_out")
    np.testing.assert_array_equal(turned.layers[0][0], W)
    assert from_arrays({"fc.weight": np.ones((5, 3)), "fc.bias": np.ones(3)}
                       ).sizes == (5, 3)
    refused({"W1": np.ones((5, 3)), "b1": np.ones(3)}, "W1 (5, 3), b1 (3,)",
            layout="out_in")
    refused({"W1": W}, "choose in_out or out_in", layout="rows")


@EVERY
def test_one_output_becomes_two(names, turned):
    x, rng = examples(5)[0], np.random.default_rng(0)
    W, b = rng.standard_normal((D, 1)), np.array([0.5])
    z = from_arrays(dict(zip(names(0), (W.T if turned else W, b)))).logits(x)
    np.testing.assert_array_equal(z[:, 0], 0)
    np.testing.assert_allclose(z[:, 1], (x @ W + b)[:, 0])


LAYER = {"fc.weight": np.ones((3, 4)), "fc.bias": np.ones(3)}


@pytest.mark.parametrize("arrays, parts", [
    ({"conv1.weight": np.ones((8, 1, 3, 3)), **LAYER},
     ["conv1.weight (8, 1, 3, 3)", "npgm.models.from_torch"]),
    ({**LAYER, "bn.weight": np.ones(3)}, ["bn.weight (3,)", "from_torch"]),
    ({**LAYER, "bn.running_mean": np.ones(3)}, ["bn.running_mean (3,)", "from_torch"]),
    ({**LAYER, "count": np.array(3)}, ["count ()", "leave the array out"]),
    ({"b1": np.ones(3)}, ["b1 is a bias without weights"]),
    ({**LAYER, "fc/kernel": np.ones((4, 3))}, ["fc.weight and fc/kernel"]),
    ({"W1": np.ones((4, 3)), "W2": np.ones((5, 2))}, ["W1 (4, 3), W2 (5, 2)"]),
    ({"W1": np.ones((4, 3)), "b1": np.ones(2)}, ["follow one another", "b1 (2,)"]),
    ({"W1": np.ones((4, 3), "float16")}, ["float16", "float32 or float64"]),
    ({"W1": np.ones((4, 3)), "b1": np.ones(3, "float32")}, ["float32, float64"]),
    ({"W1": np.ones((4, 3), int)}, ["int64"]), ({"W1": np.ones((0, 3))}, ["sizes"]),
    ({"W1": np.array(["a"])}, ["W1 (1,)"]), ({}, ["no arrays"]), ([], ["no arrays"]),
    ([np.ones((4, 3)), np.ones(3), np.ones(3)], ["arr_2 (3,)"]),
    ([np.ones((4, 3)), [[1], [1, 2]]], ["arr_, as a NumPy array", "ValueError"]),
    (7, ["path is 7"])], ids=str)
def test_what_is_no_plain_network(arrays, parts):
    refused(arrays, *parts)


def test_archives_that_cannot_be_read(tmp_path):
    np.savez(tmp_path / "net.npz", W1=np.array([object()], object))
    for path in (tmp_path / "net.npz", tmp_path / "none.npz"):
        with pytest.raises(DataError, match=path.name) as caught:
            from_arrays(path)
        one_line(caught)


def test_a_state_dict():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D), nn.ReLU(),
                           nn.Linear(D, D, bias=False))
    x, _ = examples(5, "float32")
    expected = module(torch.tensor(x)).detach().numpy()
    net = from_arrays(module.state_dict())
    np.testing.assert_allclose(net.logits(x), expected, rtol=1e-4, atol=1e-6)
    parameters = dict(module.named_parameters())        # which require gradients
    refused(parameters, "0.weight, as a NumPy array", "detach")
    refused(nn.Sequential(nn.Linear(D, 3), nn.BatchNorm1d(3)).state_dict(), "1.weight")


@pytest.mark.parametrize("classes", [2, 3])
def test_a_saved_classifier(tmp_path, classes):
    from test_models import fitted
    estimator, x = fitted(classes, hidden_layer_sizes=(D, D))
    np.savez(tmp_path / "net.npz", **{
        f"{kind}{i}": array for kind in ("coefs_", "intercepts_")
        for i, array in enumerate(getattr(estimator, kind))})
    z = from_arrays(tmp_path / "net.npz").logits(x)
    np.testing.assert_array_equal(estimator.predict(x), z.argmax(axis=1))
