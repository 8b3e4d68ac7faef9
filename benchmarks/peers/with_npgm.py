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

    def fgsm_errors(self, epsilon):
        x, y = self.data.x_test, self.data.y_test
        result = FGSM(epsilon)(self.net, x, y)
        natural = 100 * float((result.status == "already_wrong").mean())
        return natural, 100 * float(result.success.mean())


PEERS = {"npgm": Npgm}
