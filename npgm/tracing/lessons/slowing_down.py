"""AdaGrad sums the squared gradients and slows down; RMSprop averages them."""
import numpy as np

from npgm import plots
from npgm.experiments import protocol
from npgm.tracing.lessons.lesson import Lesson, Sentence, network
from npgm.tracing.run import compare

LOOKS = {"adagrad": ("AdaGrad", plots.REPAIRED), "rmsprop": ("RMSprop", plots.ATTACKED)}
FOLLOWED = 600      # weights and biases at random, as many of each array


def run(data, steps, seed):
    optimizers = {name: protocol.OPTIMIZERS[name] for name in LOOKS}
    traces = compare(network(data, seed), optimizers, data, parameters=FOLLOWED,
                     steps=steps, seed=seed, layers=False)
    a = traces["adagrad"]["a"][-1]
    alike = traces["adagrad"]["g"].any(axis=0)      # a dark pixel moves nothing
    steep = alike & (a >= np.quantile(a[alike], 0.9))
    t, initial = np.arange(1, steps + 1), optimizers["adagrad"].initial_accumulator
    numbers = {"steps": steps, "doubled": 100 * float(np.mean(a[alike] > 2 * initial)),
               "initial": initial, "followed": int(alike.sum()),
               "mean_square": optimizers["rmsprop"].initial_mean_square}
    series = {"t": t}
    for name, trace in traces.items():
        even = of_even_gradients(optimizers[name], steps)
        groups = {"all": alike, "steep": steep}
        rates = {group: np.nanmedian(trace["effective_rate"][:, columns], axis=1)
                 for group, columns in groups.items()}
        numbers |= {f"{name}_alpha": optimizers[name].learning_rate,
                    f"{name}_even_power": power(t, even),
                    f"{name}_even_first": float(even[0]),
                    f"{name}_even_last": float(even[-1]),
                    f"{name}_loss": float(trace["loss"][-steps // 10:].mean())}
        for group, rate in rates.items():
            numbers |= {f"{name}_{group}_first": float(rate[0]),
                        f"{name}_{group}_last": float(rate[-steps // 10:].mean())}
        series |= {f"{name}_even": even, **{
            f"{name}_{group}": rate for group, rate in rates.items()}}
    return numbers, series


def of_even_gradients(optimizer, steps):
    """The effective rate (steps,), step / g, where g is 1 in every update."""
    theta, g = np.zeros(1, "float32"), np.ones(1, "float32")
    state, rates = optimizer.init(theta), []
    for _ in range(steps):
        rates.append(float(optimizer.compute(theta, g, state)["step"][0]))
        optimizer.update(theta, g, state)
    return np.array(rates)


def power(t, rates):
    """k, where the rates behind the first tenth go as t ** k: by least squares, of
    logarithms."""
    late = slice(len(t) // 10, None)
    return float(np.polyfit(np.log(t[late]), np.log(rates[late]), 1)[0])


def draw(numbers, series):
    figure, (even, trained) = plots.new(2, sharey=True)
    for name, (label, color) in LOOKS.items():
        even.loglog(series["t"], series[f"{name}_even"], color=color)
        for group, style, words in (("all", "-", ", the median"),
                                    ("steep", "--", ", the steepest tenth")):
            trained.loglog(series["t"], series[f"{name}_{group}"], style, color=color,
                           lw=1.2, label=label + words)
    even.set(title="Where every gradient is 1", xlabel="updates",
             ylabel="step / g, the effective rate")
    trained.set(title="In the paper's network", xlabel="updates")
    plots.legend_below(figure, trained)
    return figure


LESSON = Lesson(
    name="slowing-down", title="Why AdaGrad slows down and RMSprop does not",
    takes="a quarter of a minute", steps=1500, run=run, draw=draw,
    shown={
        "g = 1, AdaGrad's rate, first and last":
            "{adagrad_even_first:.2e}, {adagrad_even_last:.2e}",
        "the power of t it falls with": "{adagrad_even_power:.3f}",
        "g = 1, RMSprop's rate, first and last":
            "{rmsprop_even_first:.2e}, {rmsprop_even_last:.2e}",
        "network, steepest tenth, AdaGrad":
            "{adagrad_steep_first:.2e}, {adagrad_steep_last:.2e}",
        "network, steepest tenth, RMSprop":
            "{rmsprop_steep_first:.2e}, {rmsprop_steep_last:.2e}",
        "parameters whose a has more than doubled": "{doubled:.1f} %",
        "loss of the last tenth, AdaGrad and RMSprop":
            "{adagrad_loss:.3f}, {rmsprop_loss:.3f}"},
    caption="The effective rate, step / g, over the updates, both axes logarithmic. "
    "Left: a weight whose gradient is always 1. Right: weights and biases of the "
    "network; the steepest tenth are those with the largest sum of squared gradients.",
    sentences=(
        "Both divide the gradient by the root of what they keep of its square: AdaGrad "
        "the sum of all of them, RMSprop a mean that forgets.",
        "Give both a gradient of 1, {steps:,} times: AdaGrad's sum is a = {initial:g} "
        "+ t, and its step alpha / sqrt({initial:g} + t).",
        Sentence(
            "Its rate falls from {adagrad_even_first:.2e} to {adagrad_even_last:.2e}, "
            "as t to the power {adagrad_even_power:.3f}.",
            lambda n: abs(n["adagrad_even_power"] + 0.5) < 0.01,
            "its rate goes as t to the power {adagrad_even_power:.3f}, not -0.5."),
        Sentence(
            "RMSprop's mean of 1 and 1 is 1: from {rmsprop_even_first:.2e} to "
            "{rmsprop_even_last:.2e}, its alpha, however long it goes on.",
            lambda n: abs(n["rmsprop_even_last"] / n["rmsprop_alpha"] - 1) < 1e-3,
            "RMSprop's rate ends at {rmsprop_even_last:.2e}, not at its alpha."),
        "In training gradients are not even. Of {followed:,} parameters, the same for "
        "both, look at the tenth with the largest sums first.",
        Sentence(
            "AdaGrad slows these from {adagrad_steep_first:.2e} to "
            "{adagrad_steep_last:.2e} (the mean of the last tenth of the run).",
            lambda n: n["adagrad_steep_last"] < 0.8 * n["adagrad_steep_first"],
            "AdaGrad hardly slows these: {adagrad_steep_first:.2e} at first, "
            "{adagrad_steep_last:.2e} at last."),
        Sentence(
            "RMSprop quickens them, from {rmsprop_steep_first:.2e} to "
            "{rmsprop_steep_last:.2e}: its mean, which starts at {mean_square:g}, "
            "forgets that, and as the gradients shrink the large ones too.",
            lambda n: n["rmsprop_steep_last"] > 1.2 * n["rmsprop_steep_first"],
            "RMSprop does not quicken them: {rmsprop_steep_first:.2e} at first, "
            "{rmsprop_steep_last:.2e} at last."),
        Sentence(
            "Most parameters AdaGrad does not slow yet: a starts at {initial:g}, more "
            "than most gradients add in {steps:,} updates; it has doubled in "
            "{doubled:.1f} % of them. The median rate goes from "
            "{adagrad_all_first:.2e} to {adagrad_all_last:.2e}.",
            lambda n: n["doubled"] < 50,
            "a has doubled in {doubled:.1f} % of the parameters, so that most of them "
            "are slowed: {adagrad_all_first:.2e} at first, {adagrad_all_last:.2e} at "
            "last."),
        Sentence(
            "RMSprop has no such brake. Its median rate grows from "
            "{rmsprop_all_first:.2e} to {rmsprop_all_last:.2e}: smaller gradients are "
            "divided by a smaller root.",
            lambda n: n["rmsprop_all_last"] > 2 * n["rmsprop_all_first"],
            "RMSprop's median rate goes from {rmsprop_all_first:.2e} to "
            "{rmsprop_all_last:.2e}."),
        "The loss of the last tenth of the updates is {adagrad_loss:.3f} with AdaGrad "
        "and {rmsprop_loss:.3f} with RMSprop, each at the protocol's rate "
        "({adagrad_alpha:g} and {rmsprop_alpha:g}).",
    ))
