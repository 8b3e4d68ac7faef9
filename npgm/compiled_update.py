"""An optimizer's update, compiled: its own rule in one loop over theta."""
from npgm.jit import compiled, specialized
from npgm.optimizers import check_gradient


def _update0(theta, g, coefficients):
    for k in range(theta.size):
        theta[k], = rule(theta[k], g[k], *coefficients)  # noqa: F821


def _update1(theta, g, first, coefficients):
    for k in range(theta.size):
        theta[k], first[k] = rule(theta[k], g[k], first[k],  # noqa: F821
                                  *coefficients)


def _update2(theta, g, first, second, coefficients):
    for k in range(theta.size):
        theta[k], first[k], second[k] = rule(theta[k], g[k], first[k],  # noqa: F821
                                             second[k], *coefficients)


_UPDATES = {0: _update0, 1: _update1, 2: _update2}


def compiled_update(optimizer):
    """optimizer.update(theta, g, state), its rule compiled into one loop.

    Bit for bit what `Optimizer.update` computes.
    """
    rule = optimizer.rule
    names = list(optimizer.state)
    loop = specialized(_UPDATES[len(names)], f"update_{rule.__name__}",
                       rule=compiled(rule))

    def update(theta, g, state):
        check_gradient(theta, g)        # the loop knows no bounds
        state.t += 1
        loop(theta, g, *(getattr(state, name) for name in names),
             optimizer.typed_coefficients(state.t, theta))
    return update
