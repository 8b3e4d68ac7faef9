"""Models of PyTorch, JAX and scikit-learn, each library imported when it is asked for.

x and z are NumPy arrays, x in the shape that the model takes (images stay images) and
in its dtype: x of another is refused, never converted.
"""
import contextlib
import warnings

import numpy as np

from npgm.errors import InputError, told
from npgm.formats import library
from npgm.models.arrays import mlp
from npgm.network import MLP


class _Linearized:
    """logits and vjp of a model that has linearize. dtype: what x must be, None if
    the model does not say."""

    dtype = None

    def logits(self, x):
        """z (N, C)."""
        return self.linearize(x)[0]

    def vjp(self, x, dz):
        """J(x)^T dz, in the shape and dtype of x, for any dz (N, C) like z."""
        return self.linearize(x)[1](dz)


def from_torch(module, device=None):
    """The model of a torch.nn.Module that gives logits (N, C).

    It runs in eval mode on the device of its parameters; device: move it there first,
    as module.to(device) does. What the module was before, it is after a call: each
    part's mode, statistics, requires_grad, .grad. x is of the dtype of the parameters
    (of any, if they have several or there are none). A gradient that the module cuts
    off from x is zero.
    """
    torch = library("torch")
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"module is a {type(module).__name__}: give a torch.nn.Module")
    if device is not None:
        with told(f"module.to({device!r})"):
            module.to(device)
    return TorchModel(module)


class TorchModel(_Linearized):
    """See from_torch."""

    def __init__(self, module):
        self.module = module

    @property
    def dtype(self):
        """The name of the parameters' dtype, if they have but one."""
        found = {str(parameter.dtype).removeprefix("torch.")
                 for parameter in self.module.parameters()
                 if parameter.is_floating_point()}
        return found.pop() if len(found) == 1 else None

    def logits(self, x):
        """z (N, C), of the module's own dtype."""
        with self._evaluating(_checked(x), grad=False):
            return _numpy(self._call(self._tensor(x)))

    def linearize(self, x):
        """z (N, C), and the function dz (N, C) -> J(x)^T dz, like x."""
        import torch
        with self._evaluating(_checked(x)):
            leaf = self._tensor(x).requires_grad_()
            z = self._call(leaf.clone())        # which it may change in place
            logits = _numpy(z)

        def vjp(dz):
            MLP.check_dz(dz, logits)
            if not z.requires_grad:
                return np.zeros_like(x)
            with self._evaluating(x):
                return _numpy(*torch.autograd.grad(
                    z, leaf, torch.tensor(dz, device=z.device), retain_graph=True,
                    materialize_grads=True))
        return logits, vjp

    @contextlib.contextmanager
    def _evaluating(self, x, grad=True):
        """In eval mode, whatever the caller's; each part's own mode is put back."""
        import torch
        modes = [(part, part.training) for part in self.module.modules()]
        try:
            self.module.eval()
            with (torch.inference_mode(False), torch.set_grad_enabled(grad),
                  told(f"the module, of x {x.dtype}{x.shape},")):
                yield
        finally:
            for part, training in modes:
                part.training = training

    def _tensor(self, x):
        import torch
        if self.dtype not in (None, x.dtype.name):
            raise InputError(f"x is {x.dtype} but the module is {self.dtype}: give x "
                             f"so, or the module as module.to(torch.{x.dtype})")
        first = next(self.module.parameters(), torch.empty(0))
        return torch.tensor(np.ascontiguousarray(x), device=first.device)

    def _call(self, tensor):
        import torch
        z = self.module(tensor)
        if not isinstance(z, torch.Tensor):
            raise InputError(f"the module gives a {type(z).__name__}: wrap it in one "
                             "whose forward gives the tensor of logits alone")
        return z


def _numpy(tensor):
    return tensor.detach().cpu().numpy().copy()


def from_jax(function):
    """The model of a JAX function x -> z (N, C), by jax.vjp.

    x keeps its dtype: float64 is refused while JAX is set to round it to float32.
    """
    library("jax")
    if not callable(function):
        raise InputError(f"function is a {type(function).__name__}: give a function of "
                         "x that gives logits")
    return JaxModel(function)


class JaxModel(_Linearized):
    """See from_jax."""

    def __init__(self, function):
        self.function = function

    def linearize(self, x):
        """z (N, C), and the function dz (N, C) -> J(x)^T dz, like x."""
        import jax
        if jax.dtypes.canonicalize_dtype(_checked(x).dtype) != x.dtype:
            raise InputError(f"x is {x.dtype}, which JAX would round: call "
                             "jax.config.update('jax_enable_x64', True) before "
                             "anything else, or give x.astype('float32')")
        with told(f"the function, of x {x.dtype}{x.shape},"):
            z, pull_back = jax.vjp(self.function, jax.numpy.array(x))
            z = np.array(z)

        def vjp(dz):
            MLP.check_dz(dz, z)
            return np.array(pull_back(jax.numpy.array(dz))[0])
        return z, vjp


def from_sklearn(estimator):
    """The model of a fitted scikit-learn MLPClassifier: an npgm.MLP where its hidden
    units are ReLUs.

    Logit k is that of estimator.classes_[k], so labels are given as
    np.searchsorted(estimator.classes_, labels); a warning says so where the classes
    are not 0 to C - 1. A single logistic output z becomes the logits (0, z).
    """
    kind = library("sklearn.neural_network").MLPClassifier
    if not isinstance(estimator, kind):
        raise InputError(f"estimator is a {type(estimator).__name__}: give a fitted "
                         "MLPClassifier; of a Pipeline its last step, and x as the "
                         "steps before it make it")
    if not hasattr(estimator, "coefs_"):
        raise InputError("the MLPClassifier is not fitted: call fit first")
    if estimator.out_activation_ == "logistic" and estimator.n_outputs_ > 1:
        raise InputError("the MLPClassifier gives several labels an example: attacks "
                         "need one of its classes to be right")
    classes = estimator.classes_.tolist()
    if classes != list(range(len(classes))):
        shown = ", ".join(map(str, classes))[:100]
        warnings.warn(f"the classes are {shown}: logit k is that of classes_[k], give "
                      "y as np.searchsorted(estimator.classes_, y)", stacklevel=2)
    net = mlp(list(zip(estimator.coefs_, estimator.intercepts_)))
    if estimator.activation == "relu" or len(net.layers) == 1:
        return net
    return SmoothMLP(net, estimator.activation)


class SmoothMLP(_Linearized):
    """The layers of an MLP with another activation between them: "identity", "tanh"
    or "logistic", as scikit-learn calls them."""

    def __init__(self, net, activation):
        self.net, self.activation = net, activation

    @property
    def dtype(self):
        return self.net.dtype.name

    def linearize(self, x):
        """As `MLP.linearize`."""
        from scipy.special import expit
        f, slope = {"identity": (np.copy, np.ones_like),
                    "tanh": (np.tanh, lambda h: 1 - h * h),
                    "logistic": (expit, lambda h: h * (1 - h))}[self.activation]
        *hidden, (W_last, b_last) = self.net.layers
        activations = [self.net.check_x(x)]
        for W, b in hidden:
            activations.append(f(activations[-1] @ W + b))
        z = activations[-1] @ W_last + b_last

        def vjp(dz):
            self.net.check_dz(dz, z)
            dh = dz @ W_last.T
            for (W, _), h in zip(reversed(hidden), reversed(activations)):
                dh = (dh * slope(h)) @ W.T
            return dh
        return z, vjp


def _checked(x):
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        raise InputError(f"x is a {getattr(x, 'dtype', type(x).__name__)}: give a "
                         "NumPy array of floats")
    return x
