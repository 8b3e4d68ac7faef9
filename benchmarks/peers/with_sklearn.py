"""scikit-learn's MLPClassifier, one partial_fit a batch."""
import warnings

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier


class Sklearn:
    OPTIMIZERS = ("sgd", "adam")

    def __init__(self, net, data, optimizer, batch_size=125):
        self.data = data
        name = type(optimizer).__name__.lower()
        self.net = MLPClassifier(
            net.sizes[1:-1], solver=name, alpha=0, batch_size=batch_size,
            learning_rate_init=optimizer.learning_rate, momentum=0,
            nesterovs_momentum=False, epsilon=1e-8)
        # Its optimizer is made at the first call, and keeps the lists it was
        # given: so the first call is made on a batch of nothing but zeros, and
        # then weights and moments are put in place.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.net.partial_fit(np.zeros_like(data.x_train[:batch_size]),
                                 data.y_train[:batch_size],
                                 classes=np.arange(data.classes))
        for (W, b), mine, intercept in zip(net.layers, self.net.coefs_,
                                           self.net.intercepts_):
            mine[...], intercept[...] = W, b
        for moments in ("ms", "vs", "velocities"):
            for array in getattr(self.net._optimizer, moments, []):
                array[...] = 0
        self.net._optimizer.t = 0

    def update(self, rows):
        self.net.partial_fit(self.data.x_train[rows], self.data.y_train[rows])

    def loss(self):
        return log_loss(self.data.y_train[:1000], self.net.predict_proba(
            self.data.x_train[:1000]).astype(np.float64),
            labels=np.arange(self.data.classes))

    fgsm_errors = None      # it has no gradient to the inputs


PEERS = {"sklearn": Sklearn}
