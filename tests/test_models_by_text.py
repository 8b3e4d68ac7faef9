"""Models named by a text, as a command line does."""
import sys

import numpy as np
import pytest
from small_models import D, examples, network
from test_network_input import one_line

from npgm import MLP, models
from npgm.errors import DataError, InputError

OURS = '''
import numpy as np
from npgm import MLP

net = MLP.initialize((6, 8, 4), seed=2, dtype="float64", scheme="he")
number = 7

class Own:
    def logits(self, x):
        return net.logits(x)

    def vjp(self, x, dz):
        return net.vjp(x, dz)

own = Own()

def make():
    return net

def make_own(lead=1, *others, **more):
    return Own()

def make_nothing():
    pass

def spoilt():
    raise KeyError("weights\\nof yesterday")

def two(x, y):
    return x
'''


@pytest.fixture
def write(tmp_path, monkeypatch):
    """write(source): a module `theirs` in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    yield lambda source: (tmp_path / "theirs.py").write_text(source)
    sys.modules.pop("theirs", None)


def refused(spec, *parts):
    with pytest.raises(InputError) as caught:
        models.load(spec)
    for part in parts:
        assert part in one_line(caught)


@pytest.mark.parametrize("name", ["net", "own", "Own", "make", "make_own"])
def test_objects_and_what_makes_them(write, name):
    write(OURS)
    x, _ = examples(5)
    np.testing.assert_array_equal(models.load(f"theirs:{name}").logits(x),
                                  network().logits(x))


@pytest.mark.parametrize("spec, parts", [
    ("theirs:nte", ["is it 'net'?", "theirs has no 'nte'"]),
    ("theirs:", ["theirs has no ''"]), (":net", ["not to be found"]),
    ("theirs.net:x", ["ModuleNotFoundError", "'theirs' is not a package"]),
    ("their:net", ["No module named 'their'"]),
    ("theirs:number", ["is a int: give a torch module"]),
    ("theirs:Own.logits", ["is a function"]), ("theirs:two", ["is a function"]),
    ("theirs:make_nothing", ["is a NoneType"]),
    ("theirs:spoilt", ["theirs:spoilt raised KeyError: 'weights"]),
    ("theirs", ["give the path of an .npz, .safetensors or .onnx"])])
def test_what_names_no_model(write, spec, parts):
    write(OURS)
    refused(spec, *parts)


@pytest.mark.parametrize("source, told", [
    ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at"),
    ("1 / 0", "ZeroDivisionError: division by zero"), ("f(", "SyntaxError"),
    ("raise AttributeError('two\\n  lines')", "AttributeError: two lines"),
    ("raise SystemExit(3)", "SystemExit: 3"), ("assert False", "AssertionError")])
def test_what_the_users_module_raises_is_told(write, source, told):
    write(source)
    refused("theirs:net", "importing 'theirs' raised " + told)


def test_an_archive(write):
    net = network("float32")
    net.save("net.npz")
    found = models.load("net.npz")
    assert isinstance(found, MLP) and found.theta.tobytes() == net.theta.tobytes()
    write(OURS)
    for spec, told in (("none.npz", "does not exist"), ("theirs.py", "is not a whole")):
        with pytest.raises(DataError, match=f"{spec} {told}"):
            models.load(spec)


def test_a_torch_module(write):
    torch = pytest.importorskip("torch")
    write("import torch\nnet = torch.nn.Linear(6, 3)\n"
          "class Net(torch.nn.Linear):\n"
          "    def __init__(self):\n        super().__init__(6, 3)\n")
    x, _ = examples(5, "float32")
    found = models.load("theirs:net")
    expected = sys.modules["theirs"].net(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found.logits(x), expected, rtol=1e-5)
    assert models.load("theirs:Net").logits(x).shape == (5, 3)


def test_a_jax_function(write):
    pytest.importorskip("jax")
    write("import jax\ndef f(x):\n    return 2 * x\nfast = jax.jit(f)\n"
          "def make():\n    return fast\n")
    x, _ = examples(5, "float32")
    for name in ("f", "fast", "make"):
        np.testing.assert_array_equal(models.load(f"theirs:{name}").logits(x), 2 * x)


def test_an_estimator(write):
    pytest.importorskip("sklearn")
    write("import numpy as np\nfrom sklearn.neural_network import MLPClassifier\n"
          "net = MLPClassifier(solver='lbfgs', max_iter=500).fit("
          "np.eye(6), np.arange(6) % 2)\nbare = MLPClassifier()\n")
    assert models.load("theirs:net").sizes == (D, 100, 2)
    refused("theirs:bare", "not fitted")
