"""Optimizers on a surface of one or two parameters instead of a network: the same
rules, the same Trace, the same proof."""
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from npgm import checks, plots
from npgm.errors import InputError
from npgm.losses import cross_entropy
from npgm.names import nearest
from npgm.tracing import pictures
from npgm.tracing.recorder import DIVERGED, Recorder
from npgm.tracing.select import Selection


@dataclass(frozen=True)
class Surface:
    """loss: theta (P,) -> (J, its gradient (P,)), in theta's dtype. start: theta before
    the first update. names: of its parameters. span: (low, high) of each, to draw."""

    loss: object
    start: tuple
    names: tuple
    span: tuple


def valley(theta):
    """(x^2 + 25 y^2) / 2: steep across, flat along."""
    curvature = np.array([1, 25], theta.dtype)
    return (curvature * theta * theta).sum() / 2, curvature * theta


def saddle(theta):
    """(x^2 - y^2) / 2 + y^4 / 4: flat where it begins, lowest at y = 1 and -1."""
    x, y = theta
    return (x * x - y * y) / 2 + y ** 4 / 4, np.array([x, y ** 3 - y], theta.dtype)


def weight(theta):
    """Cross-entropy of one example with logits (w, 0) and the first label: the larger
    w, the smaller the residual, until it rounds to 0."""
    w, = theta
    (loss,), dz = cross_entropy(np.array([[w, 0]], theta.dtype), np.array([0]))
    return loss, dz[0, :1].copy()


SURFACES = {
    "valley": Surface(valley, (-2.0, 0.8), ("x", "y"), ((-2.4, 2.4), (-1.2, 1.2))),
    "saddle": Surface(saddle, (-1.0, 0.01), ("x", "y"), ((-1.5, 1.5), (-1.5, 1.5))),
    "weight": Surface(weight, (0.0,), ("w",), ((-3.0, 20.0),))}


def trace(surface, optimizer, steps=200, every=1, at=None, dtype="float32"):
    """Updates of an optimizer on a surface, "valley", "saddle" or "weight"; returns a
    Trace of all its parameters, with batch["loss"] (T,) before each update. Ends where
    the loss is not finite. Raises InputError."""
    place = _surface(surface)
    recorder = Recorder(Selection(place.names, np.arange(len(place.names))), steps,
                        every, at, layers=False, batch=False)
    theta = np.array(place.start, checks.dtype(dtype))
    walk = SimpleNamespace(optimizer=optimizer, net=SimpleNamespace(theta=theta),
                           state=optimizer.init(theta), t=0)
    update, losses, ended = optimizer.compiled(), [], ""
    recorder.begin(walk)
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            loss, walk.dtheta = place.loss(theta)
            if not np.isfinite(loss):
                ended = DIVERGED.format(t)
                break
            update(theta, walk.dtheta, walk.state)
            walk.t = t
            losses.append(loss)
            recorder(walk)
    found = recorder.trace(ended)
    found.batch["loss"] = np.array(losses, theta.dtype)[found.steps - 1]
    return found


def draw(surface, traces):
    """A figure of the paths {label: Trace} over a surface, and the losses."""
    place = _surface(surface)
    figure, (over, losses) = plots.new(2, width=10, height=4.6)
    _ground(over, place)
    colors = plots.shades(pictures.COLORS, len(traces))
    for k, (label, trace) in enumerate(traces.items()):
        look = {"color": colors[k], "ls": pictures.STYLES[k % len(pictures.STYLES)],
                "lw": 1.3, "marker": ".", "ms": 3, "label": label}
        over.plot(*_path(place, trace), **look)
        losses.plot(trace.steps, trace["loss"], **look)
    losses.set_xlabel("updates")
    losses.set_ylabel("J")
    plots.legend_below(figure, over)
    return figure


def ground(surface):
    """(PNG, names, span): the surface as a square without axes, what its sides show,
    both parameters or one and J, and their (low, high)."""
    place = _surface(surface)
    figure, ax = plots.new(1, width=4, height=4)
    _ground(ax, place)
    figure.patch.set_alpha(0)
    ax.set_position([0, 0, 1, 1])
    ax.set_axis_off()
    return plots.png(figure), [*place.names, "J"][:2], (ax.get_xlim(), ax.get_ylim())


def _ground(ax, place):
    """The surface that paths are drawn over: contours; of one parameter, a curve."""
    axes = [np.linspace(*span, 201) for span in place.span]
    grid = np.stack([values.ravel() for values in np.meshgrid(*axes)], axis=1)
    J = np.array([place.loss(theta)[0] for theta in grid])
    if len(axes) == 2:
        ax.contour(*axes, J.reshape(201, 201), 24, cmap="Greys", linewidths=0.6)
        ax.set_ylim(place.span[1])
    else:
        ax.plot(axes[0], J, color="#999999")
    ax.set_xlim(place.span[0])
    ax.set_xlabel(place.names[0])
    ax.set_ylabel([*place.names, "J"][1])


def _surface(name):
    if name not in SURFACES:
        raise InputError(f"surface {name!r}: {nearest(name, SURFACES)}choose one of "
                         + ", ".join(SURFACES))
    return SURFACES[name]


def _path(place, trace):
    """What to draw of a path: x and y of theta after each update, from the start; or of
    one parameter, it and its loss before each."""
    if len(place.names) == 1:
        return trace["theta_before"][:, 0], trace["loss"]
    return np.vstack([trace["theta_before"][:1], trace["theta"]]).T
