"""Momentum: what it makes of a gradient that alternates in sign, and of others."""
import dataclasses

import numpy as np

from npgm import plots
from npgm.experiments import protocol
from npgm.optimizers import SGD, Momentum
from npgm.tracing import toy
from npgm.tracing.lessons.lesson import Lesson, Sentence, network
from npgm.tracing.run import trace

FOLLOWED = 1_500    # weights and biases at random, as many of each array
PURE = 60           # updates of a gradient of 1, and of 1, -1, 1, ...
CURVATURE = 25      # of the valley's steep side
RATE = 0.1          # on it: SGD leaves it beyond 2 / CURVATURE
VALLEY = 40         # updates on it


def run(data, steps, seed):
    momentum = protocol.OPTIMIZERS["momentum"]
    mu, t = momentum.momentum, np.arange(PURE)
    steady, turning = gathered(momentum, t ** 0), gathered(momentum, (-1) ** t)
    plain, heavy = (toy.trace("valley", optimizer, VALLEY) for optimizer in (
        SGD(RATE), Momentum(RATE, mu)))
    gains = {"fresh": gain(data, momentum, steps, seed), "same": gain(
        dataclasses.replace(data, x_train=data.x_train[:protocol.BATCH_SIZE],
                            y_train=data.y_train[:protocol.BATCH_SIZE]),
        momentum, steps, seed)}
    numbers = {
        "mu": mu, "steps": steps, "rate": RATE, "valley": VALLEY,
        "curvature": CURVATURE, "limit": 2 / CURVATURE,
        "momentum_limit": 2 * (1 + mu) / CURVATURE,
        "alpha": momentum.learning_rate, "y": toy.SURFACES["valley"].start[1],
        "steady": float(steady[-1]), "turning": float(abs(turning[-1])),
        "ratio": float(steady[-1] / abs(turning[-1])),
        "steady_limit": 1 / (1 - mu), "turning_limit": 1 / (1 + mu),
        "toss_limit": float(1 / np.sqrt(1 - mu ** 2)),
        "sgd_turns": int(np.count_nonzero(np.diff(np.sign(plain["g"][:, 1])))),
        "sgd_y": float(abs(plain["theta"][-1, 1])),
        "momentum_y": float(abs(heavy["theta"][-1, 1])),
        **{f"{which}_{name}": float(np.quantile(values, q)) for which, values in
           gains.items() for name, q in (("low", 0.05), ("median", 0.5),
                                         ("high", 0.95))},
        "least": float(min(values.min() for values in gains.values()))}
    return numbers, {"steady": steady, "turning": turning,
                     "sgd_y": plain["theta"][:, 1],
                     "momentum_y": heavy["theta"][:, 1], **gains}


def gathered(momentum, gradients):
    """Momentum's a (T,) of one weight's gradients (T,)."""
    theta, found = np.zeros(1, "float32"), []
    state = momentum.init(theta)
    for g in gradients.astype("float32"):
        momentum.update(theta, np.array([g]), state)
        found.append(state.a[0])
    return np.array(found, "float64")


def gain(data, momentum, steps, seed):
    """How much larger than its gradients what momentum gathers of them is, the root
    of the mean square of each, behind the first fifth of the updates; of parameters
    that had a gradient in every one."""
    seen = trace(network(data, seed), momentum, data, FOLLOWED, steps, seed=seed,
                 layers=False, batch=False)
    a, g = (seen[name][steps // 5:, (seen["g"] != 0).all(axis=0)].astype("float64")
            for name in ("a", "g"))
    return np.sqrt((a ** 2).mean(axis=0) / (g ** 2).mean(axis=0))


def draw(numbers, series):
    figure, (pure, valley, trained) = plots.new(3, width=11.5)
    t = np.arange(1, PURE + 1)
    pure.plot(t, series["steady"], color=plots.ATTACKED, label="g = 1, 1, 1, ...")
    pure.plot(t, series["turning"], color=plots.REPAIRED, lw=1,
              label="g = 1, -1, 1, ...")
    pure.set(title="What momentum gathers, a", xlabel="updates", ylabel="a")
    t = np.arange(1, VALLEY + 1)
    for name, color, style in (("sgd_y", plots.NATURAL, ".--"),
                               ("momentum_y", plots.REPAIRED, ".-")):
        valley.semilogy(t, np.abs(series[name]), style, color=color, ms=4, lw=1,
                        label=name.removesuffix("_y"))
    valley.set(title=f"A valley's steep side, rate {RATE:g}", xlabel="updates",
               ylabel="|y|", ylim=(1e-3, 1e8))
    bins = np.geomspace(0.4, 60, 60)
    for name, color, words in (("fresh", plots.NATURAL, "a fresh batch each update"),
                               ("same", plots.ATTACKED, "always the same batch")):
        trained.hist(np.clip(series[name], bins[0], bins[-1]), bins, color=color,
                     alpha=0.7, label=words)
    for limit in ("turning_limit", "toss_limit", "steady_limit"):
        trained.axvline(numbers[limit], color=plots.PAPER, lw=1, ls="--")
    trained.set(title="Gain of the network's parameters", xscale="log",
                xlabel="rms of a / rms of g", ylabel="parameters")
    for ax in (pure, valley):
        ax.legend(fontsize=8)
    trained.margins(y=0.25)         # room for the legend
    trained.legend(fontsize=8, loc="upper center")
    return figure


LESSON = Lesson(
    name="alternation",
    title="What momentum does to a weight whose gradient alternates in sign",
    takes="a few seconds", steps=600, run=run, draw=draw,
    shown={
        "a of g = 1, 1, 1, ...": "{steady:.3f} (limit {steady_limit:.3f})",
        "|a| of g = 1, -1, 1, ...": "{turning:.3f} (limit {turning_limit:.3f})",
        "|y| in the valley, SGD": "{sgd_y:.2g}",
        "|y| in the valley, momentum": "{momentum_y:.2g}",
        "gain in the network, fresh batches": "{fresh_low:.2f} to {fresh_high:.2f}, "
        "median {fresh_median:.2f}",
        "gain in the network, the same batch": "{same_low:.2f} to {same_high:.2f}, "
        "median {same_median:.2f}"},
    caption="Left: what momentum gathers of a gradient that keeps its sign, and of one "
    "that alternates. Middle: distance from the bottom of a valley whose steep side "
    "SGD jumps across. Right: how much larger than its gradients what is gathered of "
    "them is, in the network; dashed the gains of a gradient that alternates, that is "
    "tossed like a coin, that keeps its sign.",
    sentences=(
        "Momentum keeps a = mu a + g, a sum of all gradients, each update older worth "
        "mu = {mu:g} times as much, and steps by alpha a.",
        Sentence(
            "A gradient that is always 1 adds up: a grows to {steady:.3f}, near "
            "1 / (1 - mu) = {steady_limit:g}. The step is that many times SGD's.",
            lambda n: abs(n["steady"] / n["steady_limit"] - 1) < 0.01,
            "a of a gradient that is always 1 is {steady:.3f}, not near "
            "{steady_limit:g}."),
        Sentence(
            "One that alternates, 1, -1, 1, ..., cancels itself: |a| shrinks to "
            "{turning:.3f}, 1 / (1 + mu) = {turning_limit:.3f}; {ratio:.0f} times less "
            "than the other.",
            lambda n: abs(n["turning"] / n["turning_limit"] - 1) < 0.01,
            "|a| of a gradient that alternates is {turning:.3f}, not near "
            "{turning_limit:.3f}."),
        "Where does a gradient alternate? Where the step is too long: across a valley "
        "of curvature {curvature}, SGD jumps to the other side at every update beyond "
        "a rate of 1 / {curvature}, and farther each time beyond 2 / {curvature} = "
        "{limit:g}.",
        Sentence(
            "At {rate:g} SGD's gradient turns {sgd_turns} times in {valley} updates, "
            "and |y| goes from {y:g} to {sgd_y:.2g}.",
            lambda n: n["sgd_turns"] == n["valley"] - 1 and n["sgd_y"] > n["y"],
            "at {rate:g} SGD's gradient turns {sgd_turns} times in {valley} updates, "
            "and |y| goes from {y:g} to {sgd_y:.2g}."),
        Sentence(
            "Momentum, at the same rate, halves what alternates, and is stable up to "
            "2 (1 + mu) / {curvature} = {momentum_limit:g}: |y| goes to "
            "{momentum_y:.2g}.",
            lambda n: n["momentum_y"] < n["y"],
            "momentum does not stay in the valley either: |y| goes to "
            "{momentum_y:.2g}."),
        "In the network, compare for each parameter the root mean square of a with "
        "that of its gradients, over the last four fifths of {steps} updates: a gain "
        "of {turning_limit:.2f} would be alternation, {steady_limit:g} agreement, 1 / "
        "sqrt(1 - mu^2) = {toss_limit:.2f} a coin's toss.",
        Sentence(
            "With a fresh batch each update it is a coin's toss: median "
            "{fresh_median:.2f}, nine in ten from {fresh_low:.2f} to {fresh_high:.2f}. "
            "What the batches disagree about outweighs what they share.",
            lambda n: abs(np.log(n["fresh_median"] / n["toss_limit"])) < 0.3,
            "with a fresh batch each update the median gain is {fresh_median:.2f}, no "
            "coin's toss."),
        Sentence(
            "With the same batch always, gradients agree: median {same_median:.2f} "
            "({same_low:.2f} to {same_high:.2f}; more than {steady_limit:g} where a "
            "remembers gradients larger than today's).",
            lambda n: n["same_median"] > 2 * n["fresh_median"],
            "with the same batch always the median gain is {same_median:.2f}."),
        Sentence(
            "No parameter followed gets near {turning_limit:.2f}: the least gain is "
            "{least:.2f}. At this rate, {alpha:g}, the network's valleys are not too "
            "steep for the step.",
            lambda n: n["least"] > 1, "the least gain is {least:.2f}: a gradient that "
            "does alternate."),
    ))
