"""Adam at 0.01 drives the softmax into saturation: the paper's phenomenon as it
happens, beside Adam at 0.001."""
import numpy as np

from npgm import plots
from npgm.diagnosis.arithmetic import QUANTILES, thresholds
from npgm.experiments import protocol
from npgm.tracing import select
from npgm.tracing.lessons.lesson import Lesson, Sentence, first, happened, network
from npgm.tracing.recorder import Recorder
from npgm.tracing.roles import Silent
from npgm.training import train

RATES = {"masked": protocol.MASKED_RATE, "usual": protocol.RECOMMENDED_RATE}
LOOKS = {"masked": {"color": plots.REPAIRED, "lw": 2},
         "usual": {"color": plots.ATTACKED, "lw": 1.1}}
MEDIAN = QUANTILES.index(0.5)
POINTS = 60         # of a line in the picture, each the mean of as many updates
LAST = "W3"         # the weights that make the logits


class Both:
    """Two watchers of one run."""

    def __init__(self, *watchers):
        self.watchers = watchers

    def begin(self, trainer):
        for watcher in self.watchers:
            watcher.begin(trainer)

    def __call__(self, trainer):
        for watcher in self.watchers:
            watcher(trainer)


def run(data, steps, seed):
    label, whole = thresholds(data.x_train.dtype.name)
    numbers, series = {"steps": steps, "label": label, "whole": whole}, {}
    for which, rate in RATES.items():
        found, drawn = watched(rate, data, steps, seed)
        numbers |= {f"{which}_{name}": value for name, value in found.items()}
        series |= {f"{which}_{name}": values for name, values in drawn.items()}
    return numbers, series


def watched(rate, data, steps, seed):
    """(numbers, series) of Adam at a rate."""
    net, adam = network(data, seed), protocol.optimizer("adam", learning_rate=rate)
    recorder = Recorder(select.of(net.sizes, []), steps)
    silent = Silent(net.sizes)
    history = train(net, adam, data, steps, protocol.BATCH_SIZE, seed, evaluate_at=(),
                    watch=Both(recorder, silent))
    trace = recorder.trace()
    series = {"t": trace.steps, "loss": trace["loss"], "lead": trace["lead"][:, MEDIAN],
              "highest_lead": trace["lead"][:, -1],
              **{name: trace.layers[LAST][f"{name}_norm"] for name in ("g", "step")},
              **{name: 100 * trace[name] / protocol.BATCH_SIZE
                 for name in ("label_rounded", "residual_rounded")}}
    tenth = max(1, steps // 10)
    v = history.state.v
    # Off for every batch of the last tenth, but on before.
    gone = (0 < silent.last) & (silent.last < steps - tenth)
    numbers = {
        "rate": rate,
        **{f"{name}_{part}": float(np.mean(series[name][where], dtype="float64"))
           for name in ("loss", "lead", "g", "step") for part, where in (
               ("first", slice(0, tenth)), ("last", slice(-tenth, None)))},
        "first_label": first(trace.steps, trace["label_rounded"] > 0),
        "first_whole": first(trace.steps, trace["residual_rounded"] > 0),
        "label_rounded": float(series["label_rounded"][-tenth:].mean()),
        "residual_rounded": float(series["residual_rounded"][-tenth:].mean()),
        "below_epsilon": 100 * float(np.mean(np.sqrt(v[v > 0]) < adam.epsilon)),
        "silent_after": int(silent.last[gone].min()) if gone.any() else None,
        "silent": int(np.count_nonzero(gone)), "units": len(gone),
        "silent_soon": int(np.count_nonzero(silent.last[gone] < 100))}
    return numbers, {name: in_blocks(values) for name, values in series.items()} | {
        "gone": np.sort(silent.last[gone])}


def in_blocks(values):
    """Means of up to POINTS blocks of consecutive values."""
    return np.array([block.mean(dtype="float64") for block in
                     np.array_split(values, min(POINTS, len(values)))])


def draw(numbers, series):
    figure, axes = plots.new(2, rows=2, height=6.6)
    (lead, rounded), (steps, silent) = axes
    for which, look in LOOKS.items():
        label = f"Adam at {numbers[f'{which}_rate']:g}"
        t = series[f"{which}_t"]
        lead.semilogy(t, series[f"{which}_lead"], **look, label=label)
        lead.semilogy(t, series[f"{which}_highest_lead"], ":", **look)
        rounded.plot(t, series[f"{which}_label_rounded"], **look)
        rounded.plot(t, series[f"{which}_residual_rounded"], "--", **look)
        steps.semilogy(t, series[f"{which}_step"], **look)
        steps.semilogy(t, series[f"{which}_g"], ":", **look)
        gone = series[f"{which}_gone"]
        silent.step([1, *gone, t[-1]], [0, *range(1, len(gone) + 1), len(gone)],
                    where="post", **look)
    for name in ("label", "whole"):
        lead.axhline(numbers[name], color=plots.PAPER, lw=1, ls="--")
    lead.set(title="Logit lead: median, and 95 % (dotted)", ylabel="lead")
    rounded.set(title="Residual 0 in the label's entry; in all (dashed)",
                ylabel="share of the batch (%)")
    steps.set(title=f"Norms of {LAST}: its step; its gradient (dotted)", ylabel="norm")
    silent.set(title="Hidden units that are silent from then on", ylabel="units",
               xscale="log")
    for ax in axes.flat:
        ax.set_xlabel("updates")
    plots.legend_below(figure, lead)
    return figure


def more(n, name):
    """Whether a number is larger at 0.01 than at 0.001."""
    return n[f"masked_{name}"] > n[f"usual_{name}"]


LESSON = Lesson(
    name="saturation", title="Why 0.01 drives the softmax into saturation",
    takes="one and a half minutes", steps=6000, run=run, draw=draw,
    shown={
        "median lead of the last tenth, 0.01 and 0.001":
            "{masked_lead_last:.1f}, {usual_lead_last:.1f}",
        "first residual that is 0 in the label's entry, at update":
            "{masked_first_label:,}, {usual_first_label:,}",
        "first residual that is all 0, at update, 0.01": "{masked_first_whole:,}",
        "the same at 0.001": "{usual_first_whole:,}",
        "share of the last tenth with 0 in the label's entry":
            "{masked_label_rounded:.1f} %, {usual_label_rounded:.1f} %",
        "norm of W3's gradient, first and last tenth, 0.01":
            "{masked_g_first:.3f}, {masked_g_last:.3f}",
        "norm of W3's step, first and last tenth, 0.01":
            "{masked_step_first:.4f}, {masked_step_last:.4f}",
        "first unit silent for good, on for the last time at update, 0.01":
            "{masked_silent_after:,}",
        "units silent at the end, 0.01 and 0.001": "{masked_silent}, {usual_silent}",
        "parameters whose sqrt(v) is below epsilon":
            "{masked_below_epsilon:.1f} %, {usual_below_epsilon:.1f} %"},
    caption="Adam at 0.01 (thick) and at 0.001, from the same start, on the same "
    "batches, over the updates. Above left the thresholds are dashed, at which the "
    "label's entry of the residual, and all of it, rounds to 0.",
    sentences=(
        "The same network and batches twice, Adam at {masked_rate:g} and at "
        "{usual_rate:g}. The residual's label entry rounds to 0 from a lead of "
        "{label:.1f} on, all of it from {whole:.1f}.",
        Sentence(
            "Adam divides by the size of the gradient, so its step does not shrink "
            "with it: from the first to the last tenth, at {masked_rate:g}, the norm "
            "of W3's gradient falls from {masked_g_first:.3f} to {masked_g_last:.3f}, "
            "that of its step goes from {masked_step_first:.4f} to "
            "{masked_step_last:.4f}.",
            lambda n: n["masked_step_last"] / n["masked_step_first"]
            > 1.5 * n["masked_g_last"] / n["masked_g_first"],
            "W3's step shrinks with its gradient: {masked_g_first:.3f} to "
            "{masked_g_last:.3f}, its step {masked_step_first:.4f} to "
            "{masked_step_last:.4f}."),
        Sentence(
            "The loss is nearly zero, {masked_loss_last:.3f}, and the logits still "
            "grow: the median lead goes from {masked_lead_first:.1f} to "
            "{masked_lead_last:.1f}; at {usual_rate:g} it ends at "
            "{usual_lead_last:.1f}.",
            lambda n: more(n, "lead_last") and n["masked_lead_last"]
            > n["masked_lead_first"] and n["masked_loss_last"] < 0.1,
            "the median lead goes from {masked_lead_first:.1f} to "
            "{masked_lead_last:.1f} at a loss of {masked_loss_last:.3f}; at "
            "{usual_rate:g} it ends at {usual_lead_last:.1f}."),
        Sentence(
            "At update {masked_first_label:,} the first example of a batch has a "
            "residual of 0 in its label's entry; in the last tenth "
            "{masked_label_rounded:.1f} % have ({usual_label_rounded:.1f} % at "
            "{usual_rate:g}).",
            happened("masked_first_label"),
            "no residual rounds to 0 in the label's entry within {steps:,} updates."),
        Sentence(
            "At update {masked_first_whole:,} the first residual is 0 altogether: that "
            "image has no gradient, and FGSM could not attack it.",
            happened("masked_first_whole"),
            "no residual rounds to 0 altogether within {steps:,} updates."),
        Sentence(
            "At {usual_rate:g} none is within these {steps:,} updates.",
            lambda n: n["usual_first_whole"] is None,
            "at {usual_rate:g} the first is at update {usual_first_whole:,}."),
        Sentence(
            "Hidden units go silent much earlier, from the first long steps: one was "
            "on for the last time at update {masked_silent_after:,}, "
            "{masked_silent_soon} before update 100, and {masked_silent} of "
            "{masked_units} are silent in the end.",
            lambda n: n["masked_silent_after"] is not None and n["masked_silent_after"]
            < min(100, n["masked_first_whole"] or 100),
            "{masked_silent} of {masked_units} hidden units go silent for good, "
            "{masked_silent_soon} of them before update 100."),
        Sentence(
            "At {usual_rate:g} it is {usual_silent} of them, and {usual_silent_soon} "
            "before update 100.", lambda n: more(n, "silent"),
            "at {usual_rate:g} {usual_silent} are silent, not fewer."),
        Sentence(
            "Epsilon takes over where sqrt(v) is below it: in "
            "{masked_below_epsilon:.1f} % of the parameters that ever had a gradient "
            "({usual_below_epsilon:.1f} % at {usual_rate:g}). It brakes the others "
            "hardly at all.",
            lambda n: n["masked_below_epsilon"] < 50,
            "epsilon has taken over in {masked_below_epsilon:.1f} % of the parameters "
            "that ever had a gradient."),
        Sentence(
            "After {steps:,} updates {masked_residual_rounded:.2f} % of the residuals "
            "are 0 altogether: the masking has only begun.",
            lambda n: 0 < n["masked_residual_rounded"] < 10,
            "{masked_residual_rounded:.2f} % of the residuals are 0 altogether in the "
            "last tenth."),
    ))
