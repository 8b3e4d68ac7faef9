"""Adam's first steps: why all have size alpha, and what each form makes of them."""
import numpy as np

from npgm import plots
from npgm.optimizers import ADAM_FORMS, Adam
from npgm.tracing import pictures
from npgm.tracing.lessons.lesson import Lesson, Sentence, first, happened, network
from npgm.tracing.run import compare

FOLLOWED = 2_000    # weights and biases at random
TOLD = 10           # updates that the forms are compared at
HIGHEST = float(np.finfo("float32").max)


def run(data, steps, seed):
    adam, t = Adam(), np.arange(1, steps + 1)
    alpha = adam.learning_rate
    traces = compare(network(data, seed), {form: Adam(form=form) for form in
                                           ADAM_FORMS}, data, parameters=FOLLOWED,
                     steps=steps, seed=seed, layers=False, batch=False)
    g = np.abs(traces["epsilon_hat"]["g"][0].astype("float64"))
    moved, printed = g > 0, traces["printed"]
    sizes = {form: np.abs(trace["step"][:, moved].astype("float64")) / alpha
             for form, trace in traces.items()}
    # In epsilon_hat, step 1 is alpha * g / (|g| + this).
    g_hat = adam.epsilon / np.sqrt(1 - adam.beta2)
    one, large = sizes["epsilon_hat"][0], g[moved] > 100 * g_hat
    overflown = np.isinf(printed["v"][:, moved]).mean(axis=1)
    changed = printed["changed"][:, moved].mean(axis=1)
    numbers = {
        "followed": int(moved.sum()), "alpha": alpha, "epsilon": adam.epsilon,
        "g_hat": float(g_hat), "steps": steps,
        "g_least": float(g[moved].min()), "g_most": float(g.max()),
        "large": 100 * float(large.mean()), "first_least": float(one[large].min()),
        "first_most": float(one[large].max()), "first_tiny": float(one.min()),
        **{f"{form}_{k}": float(np.median(values[k - 1])) for form, values in
           sizes.items() for k in (1, 2, TOLD)},
        "overflow_first": first(t, overflown > 0),
        "overflow_half": first(t, overflown > 0.5), "still": first(t, changed < 0.5)}
    return numbers, {"g": g[moved], "g_hat": g_hat, "t": t,
                     "v": printed["v"][:, moved].astype("float64"), **sizes}


def draw(numbers, series):
    figure, (one, forms, overflow) = plots.new(3, width=11.5)
    g = np.geomspace(series["g"].min(), series["g"].max(), 200)
    one.semilogx(series["g"], series["epsilon_hat"][0], ".", ms=4,
                 color=plots.ATTACKED)
    one.semilogx(g, g / (g + series["g_hat"]), lw=1, color=plots.PAPER)
    one.set(title="Update 1, a dot a parameter", xlabel="|g|", ylabel="|step| / alpha")
    colors = plots.shades(pictures.COLORS, len(ADAM_FORMS))
    for form, color, style in zip(ADAM_FORMS, colors, pictures.STYLES):
        forms.semilogy(series["t"][:TOLD], np.median(series[form][:TOLD], axis=1),
                       "." + style, color=color, label=form)
    forms.set(title="The median step of each form", xlabel="update",
              ylabel="|step| / alpha")
    low, middle, high = np.quantile(series["v"], (0.05, 0.5, 0.95), axis=1,
                                    method="nearest")
    overflow.fill_between(series["t"], low, np.minimum(high, HIGHEST), alpha=0.2, lw=0,
                          color=plots.REPAIRED)
    overflow.semilogy(series["t"], middle, ".-", color=plots.REPAIRED)
    overflow.axhline(HIGHEST, color=plots.PAPER, lw=1, ls="--")
    overflow.set(title="v as printed, up to float32's largest", xlabel="update",
                 ylabel="v")
    plots.legend_below(figure, forms)
    return figure


LESSON = Lesson(
    name="first-steps", title="Why Adam's first steps all have size alpha",
    takes="a few seconds", steps=30, run=run, draw=draw,
    shown={
        "gradients in update 1": "{g_least:.1e} to {g_most:.1e}",
        "first |step| / alpha, where |g| > 100 epsilon-hat":
            "{first_least:.4f} to {first_most:.4f}",
        **{f"median |step| / alpha in updates 1, 2 and {TOLD}, {form}":
           f"{{{form}_1:.3g}}, {{{form}_2:.3g}}, {{{form}_{TOLD}:.3g}}"
           for form in ADAM_FORMS},
        "the first v printed that overflows, at update": "{overflow_first:d}",
        "half of them have, at update": "{overflow_half:d}"},
    caption="Left: the size of the first step against that of the gradient. Middle: "
    "the median size of a step in each form of Adam. Right: v of the printed "
    "recursion, with the middle nine tenths of the parameters shaded, and float32's "
    "largest number dashed.",
    sentences=(
        "{followed:,} weights and biases at random, those with a gradient; the network "
        "of the paper, on its first batches, Adam at alpha = {alpha:g}.",
        "Before update 1 Adam knows one gradient. Corrected, m_hat = g and v_hat = "
        "g^2, so the step is alpha * g / |g|: alpha, with g's sign.",
        "Epsilon-hat is what g competes with: where the correction is in alpha_t, step "
        "1 is alpha * g / (|g| + epsilon / sqrt(1 - beta2)), and that is {g_hat:.1e}, "
        "not {epsilon:g}; the smallest first step here is {first_tiny:.2g} alpha.",
        Sentence(
            "The gradients span {g_least:.1e} to {g_most:.1e}, and yet every step of "
            "the {large:.1f} % with |g| above 100 epsilon-hat is {first_least:.3f} to "
            "{first_most:.3f} alpha.",
            lambda n: n["first_least"] > 0.98 and n["first_most"] < 1.01,
            "where |g| is above 100 epsilon-hat the first steps are {first_least:.3f} "
            "to {first_most:.3f} alpha."),
        Sentence(
            "Later gradients disagree about the sign, m averages them and v does not: "
            f"the median step of epsilon_hat is {{epsilon_hat_2:.2f}} alpha at update "
            f"2 and {{epsilon_hat_{TOLD}:.2f}} at update {TOLD}.",
            lambda n: n[f"epsilon_hat_{TOLD}"] < n["epsilon_hat_2"] < 1,
            "the median step of epsilon_hat does not fall: {epsilon_hat_2:.2f} alpha "
            f"at update 2, {{epsilon_hat_{TOLD}:.2f}} at update {TOLD}."),
        Sentence(
            "algorithm1 does the same, {algorithm1_1:.3f}, {algorithm1_2:.3f} and "
            f"{{algorithm1_{TOLD}:.3f}}: the two forms differ in where epsilon "
            "stands.",
            lambda n: all(abs(n[f"algorithm1_{t}"] / n[f"epsilon_hat_{t}"] - 1) < 0.05
                          for t in (1, 2, TOLD)),
            "algorithm1 takes other steps, {algorithm1_1:.3f}, {algorithm1_2:.3f} and "
            f"{{algorithm1_{TOLD}:.3f}} alpha."),
        Sentence(
            "printed_once corrects twice, in m_hat and v_hat and again in alpha_t: "
            "{printed_once_1:.3f} alpha at first, {printed_once_2:.3f} next, "
            f"{{printed_once_{TOLD}:.3f}} at update {TOLD}.",
            lambda n: all(n[f"printed_once_{t}"] < 0.5 * n[f"algorithm1_{t}"]
                          for t in (1, 2, TOLD)),
            "printed_once takes {printed_once_1:.3f}, {printed_once_2:.3f} and "
            f"{{printed_once_{TOLD}:.3f}} alpha, not less than half of the others."),
        Sentence(
            "The printed recursion feeds the corrected v back, so that each update "
            "divides by 1 - beta2^t again: its first step is {printed_1:.3f} alpha, "
            f"its {TOLD}th {{printed_{TOLD}:.1g}}.",
            lambda n: n[f"printed_{TOLD}"] < 1e-3 * n["printed_1"],
            "the printed recursion still moves: its first step is {printed_1:.3f} "
            f"alpha, its {TOLD}th {{printed_{TOLD}:.1g}}."),
        Sentence(
            "v overflows float32 at update {overflow_first} in the first of them, at "
            "update {overflow_half} in half: v = infinity makes a step of 0, for ever.",
            happened("overflow_first", "overflow_half"),
            "v does not overflow in half of the parameters within {steps} updates."),
        Sentence(
            "By then most have long stood still: at update {still} fewer than "
            "half of these parameters changed at all.",
            lambda n: happened("still", "overflow_half")(n)
            and n["still"] < n["overflow_half"],
            "more than half of the parameters still changed when v overflowed.")))
