"""NumPy on its BLAS, with arrays updated in place."""
import numpy as np


class Numpy:
    OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")

    def __init__(self, net, data, optimizer, batch_size=125):
        self.data, self.optimizer, self.t = data, optimizer, 0
        self.parameters = [array.copy() for layer in net.layers for array in layer]
        self.state = [[np.full_like(p, value) for p in self.parameters]
                      for value in optimizer.initial.values()]

    def forward(self, x):
        activations = [x]
        for i in range(0, len(self.parameters), 2):
            W, b = self.parameters[i:i + 2]
            z = activations[-1] @ W
            z += b
            if i < len(self.parameters) - 2:
                np.maximum(z, 0, out=z)
            activations.append(z)
        return activations

    @staticmethod
    def residual(z, y):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return p

    def update(self, rows):
        x, y = self.data.x_train[rows], self.data.y_train[rows]
        activations = self.forward(x)
        dz = self.residual(activations.pop(), y)
        dz /= len(y)
        gradients = []
        for i in range(len(self.parameters) - 2, -1, -2):
            h = activations.pop()
            gradients += [dz.sum(axis=0), h.T @ dz]
            if i:
                dz = dz @ self.parameters[i].T
                dz *= h > 0
        self.step(gradients[::-1])

    def step(self, gradients):
        self.t += 1
        o = self.optimizer
        for k, (p, g) in enumerate(zip(self.parameters, gradients)):
            state = [arrays[k] for arrays in self.state]
            getattr(self, type(o).__name__.lower())(o, p, g, *state)

    def sgd(self, o, p, g):
        p -= o.learning_rate * g

    def momentum(self, o, p, g, a):
        a *= o.momentum
        a += g
        p -= o.learning_rate * a

    def adagrad(self, o, p, g, a):
        a += g * g
        p -= o.learning_rate * g / (np.sqrt(a) + o.epsilon)

    def rmsprop(self, o, p, g, v):
        v *= o.decay
        v += (1 - o.decay) * g * g
        p -= o.learning_rate * g / np.sqrt(v + o.epsilon)

    def adam(self, o, p, g, m, v):
        m *= o.beta1
        m += (1 - o.beta1) * g
        v *= o.beta2
        v += (1 - o.beta2) * g * g
        alpha = (o.learning_rate * np.sqrt(1 - o.beta2 ** self.t)
                 / (1 - o.beta1 ** self.t))
        p -= alpha * m / (np.sqrt(v) + o.epsilon)

    def loss(self):
        z = self.forward(self.data.x_train[:1000])[-1].astype(np.float64)
        y = self.data.y_train[:1000]
        z -= z.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]))

    def fgsm_errors(self, epsilons):
        wrong = np.zeros(1 + len(epsilons))
        for s in range(0, len(self.data.x_test), 1000):
            x, y = self.data.x_test[s:s + 1000], self.data.y_test[s:s + 1000]
            activations = self.forward(x)
            z = activations.pop()
            dz = self.residual(z, y)
            for i in range(len(self.parameters) - 2, -1, -2):
                h = activations.pop()
                dz = dz @ self.parameters[i].T
                if i:
                    dz *= h > 0
            sign = np.sign(dz)
            attacked = (self.forward(x + np.float32(epsilon) * sign)[-1]
                        for epsilon in epsilons)
            wrong += [(z.argmax(1) != y).sum() for z in (z, *attacked)]
        return tuple(100 * wrong / len(self.data.x_test))


PEERS = {"numpy": Numpy}
