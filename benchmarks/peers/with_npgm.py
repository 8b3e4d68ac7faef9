"""npgm itself."""
import numpy as np

import npgm
from npgm.attacks import FGSM
from npgm.data import images_of


class Npgm:
    OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")

    def __init__(self, net, data, optimizer, batch_size=125):
        self.net, self.data = net.copy(), data
        self.x_train = images_of(data, "x_train")
        self.trainer = npgm.Trainer(self.net, optimizer)

    def update(self, rows):
        self.trainer.update(self.x_train.take(rows, axis=0), self.data.y_train[rows])

    def loss(self):
        z = self.net.logits(self.x_train[:1000])
        return float(np.mean(npgm.losses.cross_entropy(z, self.data.y_train[:1000])[0]))

    def fgsm_errors(self, epsilons):
        sweep = FGSM().sweep(self.net, self.data.x_test, self.data.y_test, epsilons)
        return 100 * sweep.natural.mean(), *100 * sweep.success.mean(axis=1)


PEERS = {"npgm": Npgm}
