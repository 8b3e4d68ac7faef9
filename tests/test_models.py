"""Models of other libraries against those libraries' own numbers."""
import numpy as np
import pytest
from small_models import D, examples, network

from npgm import MLP, check_gradients, models
from npgm.attacks import FGSM
from npgm.errors import InputError


# PyTorch


def images(count=6, dtype="float32"):
    x, y = examples(count, dtype, classes=3)
    return x.reshape(count, 1, 2, 3), y


def convolution(dtype="float32"):
    """With all that depends on the mode, and an activation in place."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(8, 3)).to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_logits_and_vjp_are_the_librarys(dtype):
    module, (x, _) = convolution(dtype), images(dtype=dtype)
    model = models.from_torch(module)
    torch = pytest.importorskip("torch")
    dz = np.random.default_rng(1).standard_normal((len(x), 3)).astype(dtype)
    module.eval()
    leaf = torch.tensor(x, requires_grad=True)
    z = module(leaf)
    z.backward(torch.tensor(dz))
    module.train()
    for found in (model.logits(x), model.linearize(x)[0]):
        np.testing.assert_array_equal(found, z.detach().numpy())
    dx = model.vjp(x, dz)
    np.testing.assert_array_equal(dx, leaf.grad.numpy())
    assert dx.dtype == dtype and dx.shape == x.shape and dx.any()


def test_gradients_of_a_torch_model():
    x, y = images(dtype="float64")
    model = models.from_torch(convolution("float64"))
    assert check_gradients(model, x, y)["x"] < 1e-6


def test_a_state_dict_becomes_the_same_network():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(D, D), torch.nn.ReLU(),
                                 torch.nn.Linear(D, D))
    x, _ = examples(5, "float32")
    net = models.from_arrays(module.state_dict())
    np.testing.assert_allclose(net.logits(x), models.from_torch(module).logits(x),
                               rtol=1e-5, atol=1e-6)


def test_an_archive_of_ours_is_the_same_network(tmp_path):
    net = network("float32")
    net.save(tmp_path / "net.npz")
    found = models.load(str(tmp_path / "net.npz"))
    assert isinstance(found, MLP) and found.theta.tobytes() == net.theta.tobytes()


def test_fgsm_runs_on_images():
    x, y = images()
    assert FGSM()(models.from_torch(convolution()), x, y).x_adv.shape == x.shape


def test_no_such_module():
    with pytest.raises(InputError, match="No module named 'nowhere'"):
        models.load("nowhere:net")
