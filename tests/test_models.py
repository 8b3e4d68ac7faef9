"""Models of PyTorch, JAX and scikit-learn against these libraries' own numbers."""
import sys
import warnings

import numpy as np
import pytest
from small_models import D, examples
from test_network_input import one_line

from npgm import MLP, check_gradients, models
from npgm.attacks import FGSM
from npgm.errors import InputError
from npgm.losses import softmax

FLOATS = ["float32", "float64"]


def refused(call, *arguments):
    """The one line with which it is."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return one_line(caught)


def direction(x, classes=3):
    return np.random.default_rng(1).standard_normal((len(x), classes)).astype(x.dtype)


# PyTorch


def images(dtype="float32", count=6):
    x, y = examples(count, dtype, classes=3)
    return x.reshape(count, 1, 2, 3), y


@pytest.fixture
def torch():
    library = pytest.importorskip("torch")
    library.manual_seed(0)
    return library


@pytest.fixture
def convolution(torch):
    """With all that depends on the mode, and an activation in place."""
    nn = torch.nn
    module = nn.Sequential(
        nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(8, 3))
    module(torch.rand(9, 1, 2, 3))      # its statistics are no longer 0 and 1
    return module


def by_autograd(torch, module, x, dz):
    """z, and J(x)^T dz."""
    modes = [part.training for part in module.modules()]
    module.eval()
    leaf = torch.tensor(x, requires_grad=True)
    z = module(leaf)
    dx, = torch.autograd.grad(z, leaf, torch.tensor(dz))
    for part, training in zip(module.modules(), modes):
        part.training = training
    return z.detach().numpy(), dx.numpy()


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_torch_logits_and_vjp_are_the_librarys(torch, convolution, dtype, device):
    module, (x, _) = convolution.to(getattr(torch, dtype)), images(dtype)
    model, dz = models.from_torch(module, device), direction(x)
    z, dx = by_autograd(torch, module, x, dz)
    assert model.dtype == z.dtype == dx.dtype == dtype and dx.any()
    np.testing.assert_allclose(model.logits(x), z, rtol=1e-5)
    np.testing.assert_array_equal(model.linearize(x)[0], z)
    np.testing.assert_array_equal(model.vjp(x, dz), dx)
    backwards = np.asfortranarray(x[::-1])
    np.testing.assert_allclose(model.logits(backwards), z[::-1], rtol=1e-5)


def test_gradients_of_a_torch_model(convolution):
    x, y = images("float64")
    assert check_gradients(models.from_torch(convolution.double()), x, y)["x"] < 1e-6


def test_one_forward_pass_of_torch_serves_many_products(convolution):
    x, calls = images()[0], []
    convolution.register_forward_hook(lambda *_: calls.append(1))
    vjp, dz = models.from_torch(convolution).linearize(x)[1], direction(x)
    np.testing.assert_array_equal(vjp(2 * dz), 2 * vjp(dz))
    assert len(calls) == 1


@pytest.mark.parametrize("dtype", FLOATS)
def test_fgsm_is_that_written_in_torch(torch, convolution, dtype):
    module, (x, y) = convolution.to(getattr(torch, dtype)), images(dtype, 60)
    x_adv = FGSM(0.1)(models.from_torch(module), x, y).x_adv
    module.eval()
    leaf = torch.tensor(x, requires_grad=True)
    torch.nn.functional.cross_entropy(module(leaf), torch.tensor(y)).backward()
    expected = x + 0.1 * np.sign(leaf.grad.numpy())
    np.testing.assert_allclose(x_adv, expected, atol=1e-6)      # a sign is 0.2 apart


def state(module):
    """All of it that a call might leave changed."""
    return {"modes": [part.training for part in module.modules()],
            "flags": [part.requires_grad for part in module.parameters()],
            "grads": [part.grad for part in module.parameters()],
            "arrays": [array.tolist() for array in module.state_dict().values()]}


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_call_leaves_the_module_as_it_was(convolution, training, frozen):
    convolution.train(training)
    convolution[1].eval()               # as in fine-tuning
    convolution[0].requires_grad_(not frozen)
    before, (x, y), model = state(convolution), images(), models.from_torch(convolution)
    kept = x.copy()
    model.vjp(x, direction(x))
    FGSM()(model, x, y)
    with pytest.raises(InputError):
        model.logits(x[:, 0, 0])
    assert state(convolution) == before
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("caller", ["no_grad", "inference_mode", "enable_grad"])
def test_the_callers_mode_does_not_matter(torch, convolution, caller):
    (x, _), model = images(), models.from_torch(convolution)
    dz = direction(x)
    expected = model.logits(x), model.vjp(x, dz)
    with getattr(torch, caller)():
        enabled = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        z, vjp = model.linearize(x)
        np.testing.assert_array_equal(model.logits(x), expected[0])
        np.testing.assert_array_equal(vjp(dz), expected[1])
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == enabled


@pytest.fixture
def made(torch):
    """made(forward): a module of one linear layer and that."""
    class Made(torch.nn.Module):
        def __init__(self, forward):
            super().__init__()
            self.linear, self.way = torch.nn.Linear(D, 3), forward

        def forward(self, x):
            return self.way(self, x)
    return lambda forward: models.from_torch(Made(forward))


@pytest.mark.parametrize("forward", [
    lambda self, x: self.linear(x.detach()), lambda self, x: x.detach()[:, :3],
    lambda self, x: self.linear((8 * x).round() / 8)], ids=["x", "all", "rounded"])
def test_a_gradient_that_is_cut_off_is_zero(made, forward):
    x, _ = examples(4, "float32")
    dx = made(forward).vjp(x, direction(x))
    assert dx.shape == x.shape and dx.dtype == x.dtype and not dx.any()


def test_a_module_may_write_into_its_x(made):
    (x, _), writing = examples(4, "float32"), made(lambda s, x: s.linear(x.mul_(2)))
    dz, twice = direction(x), made(lambda self, x: self.linear(2 * x))
    twice.module.load_state_dict(writing.module.state_dict())
    np.testing.assert_array_equal(writing.logits(x), twice.logits(x))
    np.testing.assert_array_equal(writing.vjp(x, dz), twice.vjp(x, dz))


def test_float16_and_a_module_without_parameters(torch):
    x = examples(4, "float16")[0]
    half = models.from_torch(torch.nn.Linear(D, 3).half())
    assert half.logits(x).dtype == half.vjp(x, direction(x)).dtype == "float16"
    free = models.from_torch(torch.nn.Flatten())
    for dtype in FLOATS:
        x = examples(4, dtype)[0]
        assert free.dtype is None and free.logits(x).tobytes() == x.tobytes()


def test_what_torch_models_refuse(torch, made):
    model, (x, _) = made(lambda self, x: self.linear(x)), examples(4, "float32")
    for call in (model.logits, model.linearize):
        assert "but the module is float32: give x" in refused(call, x.astype(float))
        assert "a NumPy array of floats" in refused(call, x.tolist())
        assert "x is a int64: give" in refused(call, x.astype(int))
        assert "x float32(4, 2), raised RuntimeError: mat1" in refused(call, x[:, :2])
    assert "dz has shape" in refused(model.vjp, x, x)
    pair = made(lambda self, x: (self.linear(x), x))
    assert "the module gives a tuple" in refused(pair.logits, x)
    assert "give a torch.nn.Module" in refused(models.from_torch, lambda x: x)
    assert "raised" in refused(models.from_torch, model.module, "nowhere")
    model.module.bfloat16()
    assert "module.to(torch.float32)" in refused(model.logits, x)


# JAX


@pytest.fixture(params=FLOATS)
def jax_model(request):
    """(jax, the function, its model, x, y)"""
    jax = pytest.importorskip("jax")
    W = np.random.default_rng(0).standard_normal((D, 3)).astype(request.param)

    def function(x):
        return jax.numpy.tanh(x.reshape(len(x), -1)) @ W * 3
    x, y = images(request.param, 40)
    with jax.enable_x64(request.param == "float64"):
        yield jax, function, models.from_jax(function), x, y


def test_jax_logits_and_vjp_are_the_librarys(jax_model):
    jax, function, model, x, y = jax_model
    dz = direction(x)
    np.testing.assert_array_equal(model.logits(x), function(x))
    expected = jax.grad(lambda x: (function(x) * dz).sum())(x)
    dx = model.vjp(x, dz)
    np.testing.assert_allclose(dx, expected, rtol=1e-5, atol=1e-6)
    assert dx.dtype == model.logits(x).dtype == x.dtype and dx.shape == x.shape
    if x.dtype == "float64":
        assert check_gradients(model, x, y)["x"] < 1e-6


def test_fgsm_is_that_written_in_jax(jax_model):
    jax, function, model, x, y = jax_model

    def loss(x):
        log_p = jax.nn.log_softmax(function(x))
        return -log_p[np.arange(len(y)), y].mean()
    expected = x + 0.1 * np.sign(jax.grad(loss)(x))
    np.testing.assert_allclose(FGSM(0.1)(model, x, y).x_adv, expected, atol=1e-6)


def test_what_jax_models_refuse():
    jax = pytest.importorskip("jax")
    model = models.from_jax(lambda x: x @ np.ones((D, 3), np.float32))
    x, _ = examples(4)
    assert "jax_enable_x64" in refused(model.logits, x)
    x = x.astype("float32")
    assert "raised TypeError" in refused(model.logits, x[:, :2])
    assert "a NumPy array of floats" in refused(model.logits, jax.numpy.array(x))
    assert "dz has shape" in refused(model.vjp, x, x)
    assert "give a function" in refused(models.from_jax, x)


# scikit-learn


def fitted(classes=3, dtype="float64", labels=None, **settings):
    """(an MLPClassifier after a few steps, x)"""
    network = pytest.importorskip("sklearn.neural_network")
    (x, y), settings = examples(60, dtype, classes=classes), {
        "hidden_layer_sizes": (7, 5), "max_iter": 5, "random_state": 0, **settings}
    if labels is not None:
        y = np.asarray(labels)[y]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # that it has not converged
        return network.MLPClassifier(**settings).fit(x, y), x


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("hidden", [(), (5,), (7, 5)])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_scikit_learns_probabilities(activation, classes, hidden, dtype):
    estimator, x = fitted(classes, dtype, activation=activation,
                          hidden_layer_sizes=hidden)
    model = models.from_sklearn(estimator)
    assert isinstance(model, MLP) == (activation == "relu" or not hidden)
    assert model.dtype == dtype == model.logits(x).dtype
    np.testing.assert_allclose(softmax(model.logits(x))[0], estimator.predict_proba(x),
                               rtol=1e-5 if dtype == "float32" else 1e-12)
    if dtype == "float64":
        y = estimator.predict(x)
        assert max(check_gradients(model, x, y).values()) < 1e-6


def test_gradients_at_units_that_saturate():
    """Where 1 + tanh(a / 2) has no digit left, the logistic function has all."""
    estimator, x = fitted(activation="logistic", hidden_layer_sizes=(4,))
    estimator.intercepts_[0][:] = -60
    dx = models.from_sklearn(estimator).vjp(x, direction(x))
    assert dx.any(axis=1).all()


@pytest.mark.parametrize("labels", [[3, 5, 8], ["cat", "dog", "eel"]])
def test_labels_are_places_in_classes(labels):
    estimator, x = fitted(labels=labels)
    with pytest.warns(UserWarning, match=r"y as np.searchsorted\(estimator.classes_"):
        model = models.from_sklearn(estimator)
    y = np.searchsorted(estimator.classes_, estimator.predict(x))
    np.testing.assert_array_equal(model.logits(x).argmax(axis=1), y)


@pytest.mark.parametrize("labels", [[0, 1, 2], [False, True]])
def test_of_plain_labels_nothing_is_said(labels):
    estimator, _ = fitted(len(labels), labels=labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models.from_sklearn(estimator)


def test_what_is_refused_of_scikit_learn():
    network = pytest.importorskip("sklearn.neural_network")
    pipeline = pytest.importorskip("sklearn.pipeline")
    estimator, x = fitted(activation="tanh")
    assert "not fitted" in refused(models.from_sklearn, network.MLPClassifier())
    for other in (network.MLPRegressor(), pipeline.make_pipeline(estimator), x):
        assert "give a fitted MLPClassifier" in refused(models.from_sklearn, other)
    model = models.from_sklearn(estimator)
    assert "x is float32" in refused(model.logits, x.astype("float32"))
    assert "dz has shape" in refused(model.vjp, x, x)
    several = network.MLPClassifier(max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several.fit(x, (x[:, :3] > 0.5).astype(int))
    assert "several labels" in refused(models.from_sklearn, several)


@pytest.mark.parametrize("maker, library, package", [
    (models.from_torch, "torch", "torch"), (models.from_jax, "jax", "jax"),
    (models.from_sklearn, "sklearn.neural_network", "scikit-learn")])
def test_a_library_that_is_not_there(monkeypatch, maker, library, package):
    monkeypatch.setitem(sys.modules, library, None)
    assert f"python -m pip install {package}" in refused(maker, None)
