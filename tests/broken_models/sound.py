"""Healthy models: FGSM as attacked is as good as any."""
import warnings

import numpy as np

from npgm import models

from . import networks
from .entry import entries, images, in_float64, sevens
from .layers import Chain, Ensemble, affine, log_softmax, standardized

MODELS, entry = entries(masked=False)


@entry("sound")
def adam_early():
    return networks.early()


@entry("sound", slow=True)
def sgd():
    return networks.sgd()


@entry("sound")
def momentum():
    return networks.momentum()


@entry("sound", slow=True)
def label_smoothing():
    return networks.smoothed()


@entry("sound", epsilon=0.1, slow=True)
def trained_on_pgd():
    """Really harder to fool: a low error of FGSM that is no sign of anything."""
    return networks.robust()


@entry("sound", examples=sevens)
def two_classes():
    """Where DLR has no meaning."""
    return networks.told_sevens()


@entry("sound", examples=in_float64)
def float64():
    return networks.widened(networks.early())


@entry("sound", epsilon=0.1, slow=True)
def an_affine_model():
    """Softmax regression: no hidden layer."""
    return networks.regression()


@entry("sound")
def smooth_units():
    return networks.tanh()


@entry("sound")
def log_softmax_on_top():
    """Harmless: the softmax of the loss undoes nothing and changes nothing."""
    return Chain(networks.early(), on_top=log_softmax)


@entry("sound")
def a_small_common_offset():
    """100 on every logit."""
    return Chain(networks.early(), on_top=affine(1, 100))


@entry("sound")
def standardized_input():
    """(x - 0.13) / 0.31 goes into a network that was trained so."""
    net = networks.early().copy()
    W, b = net.layers[0]
    b += np.float32(0.13) * W.sum(axis=0)
    W *= np.float32(0.31)
    return Chain(net, standardized(0.13, 0.31))


@entry("sound")
def an_ensemble():
    """The log of the mean of two networks' probabilities."""
    return Ensemble([networks.early(), networks.momentum()])


# Of other libraries


@entry("sound", examples=images, slow=True, needs="torch")
def convolutions_in_torch():
    import torch
    from torch import nn
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2),
        nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16 * 16, 10))
    adam, data = torch.optim.Adam(module.parameters(), 0.002), networks.mnist()
    x = torch.tensor(data.x_train).reshape(-1, 1, 28, 28)
    y = torch.tensor(data.y_train)
    for s in range(0, 300 * 64, 64):
        adam.zero_grad()
        nn.functional.cross_entropy(module(x[s:s + 64]), y[s:s + 64]).backward()
        adam.step()
    return models.from_torch(module)


@entry("sound", slow=True, needs="sklearn")
def scikit_learns_mlp():
    from sklearn.neural_network import MLPClassifier
    data = networks.first(networks.mnist(), 5000)
    estimator = MLPClassifier((50,), max_iter=15, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # it could go on
        estimator.fit(data.x_train, data.y_train)
    return models.from_sklearn(estimator)


@entry("sound", slow=True, needs="jax")
def tanh_in_jax():
    import jax
    (W1, b1), (W2, b2) = networks.tanh().layers
    return models.from_jax(lambda x: jax.numpy.tanh(x @ W1 + b1) @ W2 + b2)
