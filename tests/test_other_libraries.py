"""The attacks against those of foolbox, ART, torchattacks and AutoAttack, on the same
weights: a small network trained here, handed to PyTorch. Where they define otherwise,
the line that makes them comparable says how."""
import warnings

import numpy as np
import pytest

import npgm
from npgm.attacks import APGD, FGSM, PGD, DeepFool, Square
from npgm.losses import margin
from npgm.optimizers import Adam

torch = pytest.importorskip("torch")

EPSILON, COUNT, POINTS = 0.08, 200, 0.02
WIDE = 0.15     # where Square fools most: at fewer its own seeds are 5 points apart

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained():
    """(network, x, y): what it classifies rightly among MNIST's first test images."""
    data = npgm.load_dataset()
    net = npgm.MLP.initialize((784, 64, 10), seed=0)
    npgm.train(net, Adam(learning_rate=0.001), data, steps=400)
    x, y = data.x_test[:COUNT + 50], data.y_test[:COUNT + 50]
    right = np.flatnonzero(net.logits(x).argmax(axis=1) == y)[:COUNT]
    assert len(right) == COUNT
    return net, x[right], y[right]


def exported(net):
    """The network as a torch module of images (N, 1, 28, 28)."""
    layers = [torch.nn.Flatten()]
    for W, b in net.layers:
        linear = torch.nn.Linear(*W.shape)
        linear.weight.data = torch.tensor(W.T.copy())
        linear.bias.data = torch.tensor(b.copy())
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).eval()


def images(x):
    return torch.tensor(x.reshape(-1, 1, 28, 28))


def of_foolbox(name, bounds=(0, 1), epsilon=EPSILON, **settings):
    def attack(net, x, y):
        foolbox = pytest.importorskip("foolbox")
        model = foolbox.PyTorchModel(exported(net), bounds=bounds, device="cpu")
        return getattr(foolbox.attacks, name)(**settings)(
            model, images(x), torch.tensor(y), epsilons=epsilon)[0]
    return attack


def of_art(name, clip=(0, 1), **settings):
    def attack(net, x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            evasion = pytest.importorskip("art.attacks.evasion")
            from art.estimators.classification import PyTorchClassifier
        model = PyTorchClassifier(
            exported(net), torch.nn.CrossEntropyLoss(), (1, 28, 28), 10,
            clip_values=clip, device_type="cpu")
        return getattr(evasion, name)(model, **settings).generate(
            images(x).numpy(), y)
    return attack


def of_torchattacks(name, **settings):
    def attack(net, x, y):
        torchattacks = pytest.importorskip("torchattacks")
        return getattr(torchattacks, name)(exported(net), **settings)(
            images(x), torch.tensor(y))
    return attack


def of_autoattack(module, name, **settings):
    def attack(net, x, y):
        found = pytest.importorskip(f"pyautoattack.{module}")
        return getattr(found, name)(exported(net), device="cpu", **settings).perturb(
            images(x), torch.tensor(y))
    return attack


def tried(attack, net, x, y):
    """(x_adv as rows, what is fooled of the network) of another library's attack."""
    torch.manual_seed(0)
    np.random.seed(0)
    x_adv = torch.as_tensor(attack(net, x, y)).detach().numpy()
    x_adv = x_adv.reshape(x.shape).astype(x.dtype)
    return x_adv, net.logits(x_adv).argmax(axis=1) != y


def each(attacks):
    return pytest.mark.parametrize("theirs", attacks.values(), ids=list(attacks))


@each({"foolbox": of_foolbox("LinfFastGradientAttack", random_start=False),
       "ART": of_art("FastGradientMethod", eps=EPSILON),
       "torchattacks": of_torchattacks("FGSM", eps=EPSILON)})
def test_fgsm(trained, theirs):
    result = FGSM(EPSILON, clip=(0, 1))(*trained)
    x_adv, fooled = tried(theirs, *trained)
    # A gradient that is zero but for rounding may have either sign.
    assert (np.abs(x_adv - result.x_adv) > 1e-6).mean() < 1e-3
    assert 0.2 < result.success.mean() < 0.9
    assert fooled.mean() == pytest.approx(result.success.mean(), abs=0.005)


@each({"foolbox": of_foolbox("LinfPGD", random_start=False, steps=20,
                             abs_stepsize=0.01),
       "ART": of_art("ProjectedGradientDescent", eps=EPSILON, eps_step=0.01,
                     max_iter=20),
       "torchattacks": of_torchattacks("PGD", eps=EPSILON, alpha=0.01, steps=20,
                                       random_start=False)})
def test_pgd(trained, theirs):
    """They give the last point, we the best one met."""
    result = PGD(EPSILON, 20, 0.01, clip=(0, 1))(*trained)
    x_adv, fooled = tried(theirs, *trained)
    assert np.abs(x_adv - trained[1]).max() < EPSILON + 1e-6
    assert 0.2 < result.success.mean() < 0.9
    assert fooled.mean() == pytest.approx(result.success.mean(), abs=POINTS)


# Foolbox adds 1e-4 to each step, and with narrower bounds it would clip each point, as
# torchattacks does, which also stretches each step and not their sum.
@pytest.mark.parametrize("norm", [2, np.inf])
def test_deepfool_of_foolbox(trained, norm):
    theirs = of_foolbox("L2DeepFoolAttack" if norm == 2 else "LinfDeepFoolAttack",
                        (-9, 9), None)
    compare_perturbations(DeepFool(norm), theirs, trained, norm)


def test_deepfool_of_art(trained):
    """It stretches the sum once, after the last step."""
    net, x, y = trained
    theirs = of_art("DeepFool", None, epsilon=0.02, batch_size=COUNT)
    compare_perturbations(DeepFool(), theirs, (net, x[:100], y[:100]), 2)


def test_deepfool_of_torchattacks(trained):
    """Black pixels cannot get darker: what clipping takes from each step the next must
    add, so its perturbations are longer, and some end on the boundary's near side."""
    net, x, y = trained
    x, y = x[:10], y[:10]
    x_adv, _ = tried(of_torchattacks("DeepFool", steps=25), net, x, y)
    theirs, ours = (np.linalg.norm(found - x, axis=1)
                    for found in (x_adv, DeepFool()(net, x, y).x_adv))
    assert 1 < np.median(theirs / ours) < 1.5
    assert np.abs(margin(net.logits(x_adv), y)[0]).max() < 0.01


def compare_perturbations(attack, theirs, trained, norm):
    result = attack(*trained)
    x_adv, fooled = tried(theirs, *trained)
    assert result.success.mean() > 0.99
    assert fooled.mean() == pytest.approx(result.success.mean(), abs=POINTS)
    theirs, ours = (np.linalg.norm(found - trained[1], norm, axis=1)
                    for found in (x_adv, result.x_adv))
    assert np.median(theirs / ours) == pytest.approx(1, abs=0.01)
    assert theirs.mean() == pytest.approx(ours.mean(), rel=0.02)


# ART's first step is eps_step long; in the paper and elsewhere it is 2 epsilon.
@each({"AutoAttack": of_autoattack("autopgd_base", "APGDAttack", eps=EPSILON,
                                   n_iter=50),
       "torchattacks": of_torchattacks("APGD", eps=EPSILON, steps=50),
       "ART": of_art("AutoProjectedGradientDescent", eps=EPSILON, max_iter=50,
                     eps_step=2 * EPSILON, nb_random_init=1, batch_size=COUNT,
                     loss_type="cross_entropy")})
def test_apgd(trained, theirs):
    result = APGD(EPSILON, 50, clip=(0, 1))(*trained)
    _, fooled = tried(theirs, *trained)
    assert 0.2 < result.success.mean() < 0.95
    assert fooled.mean() == pytest.approx(result.success.mean(), abs=POINTS)


@pytest.mark.parametrize("loss, named", [("cross_entropy", "ce"), ("dlr", "dlr")])
def test_apgd_of_a_masked_network_is_autoattacks(trained, loss, named):
    """Logits 100 times as large. AutoAttack stays where there is no gradient, as ours
    without restarts."""
    net, x, y = trained[0].copy(), *trained[1:]
    for array in net.layers[-1]:
        array *= 100
    result = APGD(EPSILON, 50, loss, clip=(0, 1), restarts=0)(net, x, y)
    theirs = of_autoattack("autopgd_base", "APGDAttack", eps=EPSILON, n_iter=50,
                           loss=named)
    _, fooled = tried(theirs, net, x, y)
    assert fooled.mean() == pytest.approx(result.success.mean(), abs=0.05)


# AutoAttack and torchattacks draw one square for all images, we one for each; none
# of theirs touches the last row and column.
@each({"AutoAttack": of_autoattack("square", "SquareAttack", eps=WIDE, n_queries=300),
       "torchattacks": of_torchattacks("Square", eps=WIDE, n_queries=300),
       "ART": of_art("SquareAttack", eps=WIDE, max_iter=300, batch_size=COUNT)})
def test_square(trained, theirs):
    result = Square(WIDE, queries=300, clip=(0, 1))(*trained)
    _, fooled = tried(theirs, *trained)
    assert 0.85 < result.success.mean() < 0.99
    assert fooled.mean() == pytest.approx(result.success.mean(), abs=POINTS)
