"""npgm itself."""
import numpy as np

from npgm import losses
from npgm.attacks import FGSM
from npgm.compiled_network import CompiledMLP
from npgm.compiled_update import compiled_update


class Npgm:
    OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")

    def __init__(self, net, data, optimizer, batch_size=125):
        self.net, self.data = net.copy(), data
        self.model = CompiledMLP(self.net)
        self.step = compiled_update(optimizer)
        self.state = optimizer.init(self.net.theta)

    def update(self, rows):
        self.model.gradient(self.data.x_train[rows], self.data.y_train[rows])
        self.step(self.net.theta, self.model.theta, self.state)

    def loss(self):
        z = self.net.logits(self.data.x_train[:1000])
        return float(np.mean(losses.cross_entropy(z, self.data.y_train[:1000])[0]))

    def fgsm_errors(self, epsilons):
        sweep = FGSM().sweep(self.net, self.data.x_test, self.data.y_test, epsilons)
        return 100 * sweep.natural.mean(), *100 * sweep.success.mean(axis=1)


PEERS = {"npgm": Npgm}
