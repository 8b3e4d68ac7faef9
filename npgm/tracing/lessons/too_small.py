"""Float32: the update too small to change a weight, and what is lost by it."""
import dataclasses

import numpy as np

from npgm import plots
from npgm.network import MLP
from npgm.optimizers import SGD
from npgm.tracing.lessons.lesson import Lesson, Sentence, network
from npgm.tracing.run import trace

RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
SHOWN = 1e-6        # of which one weight is drawn
FOLLOWED = 600      # weights and biases at random, as many of each array
IMAGES = 10_000     # to train on: in float64 they take twice the room


def run(data, steps, seed):
    single = dataclasses.replace(data, x_train=data.x_train[:IMAGES].astype("float32"),
                                 y_train=data.y_train[:IMAGES])
    double = dataclasses.replace(single, x_train=single.x_train.astype("float64"))
    found = {rate: side_by_side(rate, single, double, steps, seed) for rate in RATES}
    lost, way = ({rate: one[what] for rate, one in found.items()}
                 for what in ("lost", "way"))
    example = found[SHOWN]
    in_double = example["double"]["theta"] - example["start"]
    in_single = example["single"]["theta"].astype("float64") - example["start"]
    moved = np.abs(in_double[-1] / example["unit"])
    alive = example["single"]["g"].any(axis=0)
    stays = alive & (in_single == 0).all(axis=0)
    k = np.where(stays, moved, -1).argmax()
    ulps = np.abs(example["single"]["ulps"][:, k])
    numbers = {
        "steps": steps, "shown": SHOWN, "stays": 100 * float(stays.sum() / alive.sum()),
        "name": example["single"].parameters[k], "theta": float(example["start"][k]),
        "unit": float(example["unit"][k]), "ulps_most": float(ulps.max()),
        "moved": float(moved[k]), "moved_single": float(
            abs(in_single[-1, k]) / example["unit"][k]),
        **{f"{what}_{called(rate)}": values[rate] for what, values in
           (("lost", lost), ("way", way)) for rate in RATES}}
    return numbers, {
        "rates": np.array(RATES), "lost": np.array(list(lost.values())),
        "way": np.array(list(way.values())), "t": np.arange(steps + 1), **{
            which: np.concatenate([[0], path[:, k] / example["unit"][k]])
            for which, path in (("single", in_single), ("double", in_double))}}


def called(rate):
    """A rate within the name of a number, "1e_06"."""
    return f"{rate:g}".translate({ord("."): "_", ord("-"): "_"})


def side_by_side(rate, single, double, steps, seed):
    """SGD from the same start on the same batches in both dtypes: both traces, of
    parameters with a gradient the start and the unit of its last place; lost, percent
    of their float32 updates that changed nothing; way, percent of the way of all
    parameters that float32 went, along float64's."""
    begun = network(single, seed)
    nets = [begun.copy(), MLP(begun.sizes, begun.theta.astype("float64"))]
    traces = [trace(net, SGD(rate), data, FOLLOWED, steps, seed=seed, layers=False,
                    batch=False) for net, data in zip(nets, (single, double))]
    here, there = (net.theta.astype("float64") - begun.theta for net in nets)
    start = traces[0]["theta_before"][0]
    return {"single": traces[0], "double": traces[1], "start": start.astype("float64"),
            "unit": np.spacing(np.abs(start)).astype("float64"),
            "lost": 100 * float(np.mean(~traces[0]["changed"][traces[0]["g"] != 0])),
            "way": 100 * float(here @ there / (there @ there))}


def draw(numbers, series):
    figure, (path, shares) = plots.new(2)
    path.plot(series["t"], series["double"], color=plots.ATTACKED, label="float64")
    path.plot(series["t"], series["single"], "--", color=plots.REPAIRED,
              label="float32")
    path.set(title=f"{numbers['name']} at a rate of {SHOWN:g}", xlabel="updates",
             ylabel="way, in units of its last place")
    path.legend()
    shares.semilogx(series["rates"], series["lost"], "o-", color=plots.REPAIRED,
                    label="updates that changed nothing")
    shares.semilogx(series["rates"], series["way"], "s--", color=plots.ATTACKED,
                    label="way made, of float64's")
    shares.set(title="What float32 loses", xlabel="learning rate", ylabel="%",
               ylim=(-3, 109))
    shares.legend()
    return figure


LESSON = Lesson(
    name="too-small", title="The update too small to change a weight",
    takes="half a minute", steps=200, run=run, draw=draw,
    shown={
        **{f"updates lost at {rate:g}, and way made":
           f"{{lost_{called(rate)}:.1f}} %, {{way_{called(rate)}:.2f}} %"
           for rate in RATES},
        f"parameters that stayed at {SHOWN:g}": "{stays:.1f} %",
        "one of them": "{name}", "its float64 way, in its last places": "{moved:.1f}"},
    caption="Left: the way of one weight, from the same start on the same batches, in "
    "float32 and in float64. Right: the share of float32's updates that changed "
    "nothing, and how far float32 went along float64's way, against the learning rate.",
    sentences=(
        "A float32 has 24 bits: next to theta the nearest other number is one unit in "
        "its last place away, and theta - step rounds back to theta if the step is "
        "less than half of that.",
        "SGD, {steps} updates from the same start on the same batches, in float32 and "
        "in float64, at six learning rates.",
        Sentence(
            "At 0.01, the paper's, {lost_0_01:.2f} % of the updates of parameters with "
            "a gradient change nothing: float32 goes {way_0_01:.2f} % of float64's "
            "way.", lambda n: n["lost_0_01"] < 5,
            "at 0.01 {lost_0_01:.1f} % of the updates change nothing."),
        Sentence(
            "The smaller the rate the more are lost: {lost_0_0001:.1f} % at 0.0001, "
            "{lost_1e_06:.1f} % at 1e-6, {lost_1e_07:.1f} % at 1e-7.",
            lambda n: n["lost_0_01"] < n["lost_0_0001"] < n["lost_1e_06"]
            < n["lost_1e_07"],
            "it does not grow with every smaller rate: {lost_0_0001:.1f} % at 0.0001, "
            "{lost_1e_06:.1f} % at 1e-6, {lost_1e_07:.1f} % at 1e-7."),
        Sentence(
            "{name} is {theta:.4f}, its last place {unit:.2g}. At 1e-6 its largest "
            "step is {ulps_most:.2f} of that, so that {steps} updates leave it where "
            "it was.",
            lambda n: n["moved_single"] == 0 and n["ulps_most"] <= 0.5,
            "{name}, whose last place is {unit:.2g}, takes steps of up to "
            "{ulps_most:.2f} of it and moves by {moved_single:.1f}."),
        Sentence(
            "In float64 it went {moved:.1f} of those units: the steps agree, and are "
            "lost one by one.", lambda n: n["moved"] > 1,
            "in float64 it went {moved:.2f} of those units: nothing was lost."),
        "Like it, {stays:.1f} % of the parameters followed that have a gradient ended "
        "where they began.",
        Sentence(
            "Yet float32 went {way_1e_06:.1f} % of the way at 1e-6: it loses the small "
            "steps, and the way is made by the large ones.",
            lambda n: n["way_1e_06"] > 100 - n["lost_1e_06"],
            "float32 went {way_1e_06:.1f} % of the way at 1e-6."),
        Sentence(
            "At 1e-7 that does not help any more: {way_1e_07:.1f} %.",
            lambda n: n["way_1e_07"] < 90,
            "at 1e-7 it went {way_1e_07:.1f} %."),
        "What is lost is not in the gradient but in theta: an array of what rounding "
        "took away, or theta in float64, would keep it.",
    ))
