"""JAX: the whole update in one jit, on the CPU."""
import functools

import jax
import jax.numpy as jnp
import numpy as np


def logits(parameters, x):
    for i, (W, b) in enumerate(parameters):
        x = x @ W + b
        if i < len(parameters) - 1:
            x = jax.nn.relu(x)
    return x


def mean_loss(parameters, x, y):
    log_p = jax.nn.log_softmax(logits(parameters, x))
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))


def sgd(o, t, p, g):
    return p - o.learning_rate * g,


def momentum(o, t, p, g, a):
    a = o.momentum * a + g
    return p - o.learning_rate * a, a


def adagrad(o, t, p, g, a):
    a = a + g * g
    return p - o.learning_rate * g / (jnp.sqrt(a) + o.epsilon), a


def rmsprop(o, t, p, g, v):
    v = o.decay * v + (1 - o.decay) * g * g
    return p - o.learning_rate * g / jnp.sqrt(v + o.epsilon), v


def adam(o, t, p, g, m, v):
    m = o.beta1 * m + (1 - o.beta1) * g
    v = o.beta2 * v + (1 - o.beta2) * g * g
    alpha = o.learning_rate * jnp.sqrt(1 - o.beta2 ** t) / (1 - o.beta1 ** t)
    return p - alpha * m / (jnp.sqrt(v) + o.epsilon), m, v


RULES = {rule.__name__: rule for rule in (sgd, momentum, adagrad, rmsprop, adam)}


@functools.partial(jax.jit, static_argnums=(0,), donate_argnums=(1, 2))
def update(optimizer, parameters, state, t, x, y):
    rule = RULES[type(optimizer).__name__.lower()]
    gradient = jax.grad(mean_loss)(parameters, x, y)
    leaves, tree = jax.tree.flatten(parameters)
    new = [rule(optimizer, t, *values)
           for values in zip(leaves, jax.tree.leaves(gradient), *state)]
    columns = [list(column) for column in zip(*new)]
    return jax.tree.unflatten(tree, columns[0]), columns[1:]


@jax.jit
def fgsm_mistakes(parameters, x, y, epsilons):
    def total(x):
        z = logits(parameters, x)
        log_p = jax.nn.log_softmax(z)
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).sum(), z
    dx, z = jax.grad(total, has_aux=True)(x)
    attacked = [logits(parameters, x + epsilon * jnp.sign(dx)) for epsilon in epsilons]
    return jnp.stack([(z.argmax(1) != y).sum() for z in (z, *attacked)])


class Jax:
    OPTIMIZERS = tuple(RULES)

    def __init__(self, net, data, optimizer, batch_size=125):
        self.data, self.optimizer, self.t = data, optimizer, 0
        self.parameters = [(jnp.array(W), jnp.array(b)) for W, b in net.layers]
        leaves = jax.tree.leaves(self.parameters)
        self.state = [[jnp.full_like(p, value) for p in leaves]
                      for value in optimizer.initial.values()]

    def update(self, rows):
        self.t += 1
        self.parameters, self.state = update(
            self.optimizer, self.parameters, self.state, np.float32(self.t),
            self.data.x_train[rows], self.data.y_train[rows])
        jax.block_until_ready(self.parameters)

    def loss(self):
        return float(mean_loss(self.parameters, self.data.x_train[:1000],
                               self.data.y_train[:1000]))

    def fgsm_errors(self, epsilons):
        wrong = sum(np.asarray(fgsm_mistakes(
            self.parameters, self.data.x_test[s:s + 1000], self.data.y_test[s:s + 1000],
            epsilons)) for s in range(0, len(self.data.x_test), 1000))
        return tuple(100 * wrong / len(self.data.x_test))


PEERS = {"jax": Jax}
