"""How one image's gradient dies, and how its attack does, and how both come back."""
import numpy as np

from npgm import plots
from npgm.attacks import FGSM
from npgm.diagnosis.arithmetic import lead, thresholds
from npgm.experiments import protocol
from npgm.losses import cross_entropy, log_odds, softmax
from npgm.tracing.lessons.lesson import Lesson, Sentence, first, happened, network
from npgm.training import train

IMAGES = 1_000      # of the test set, from which one is taken
POINTS = 60         # updates, evenly spaced, after which they are looked at


def run(data, steps, seed):
    x, y = data.x_test[:IMAGES], data.y_test[:IMAGES]
    net = network(data, seed)
    logits = {0: net.logits(x)}
    every = max(1, steps // POINTS)
    adam = protocol.optimizer("adam", learning_rate=protocol.MASKED_RATE)
    history = train(net, adam, data, steps, protocol.BATCH_SIZE, seed,
                    evaluate=lambda net, t: net.logits(x),
                    evaluate_at=range(steps, 0, -every))
    logits |= history.evaluations
    t, z = np.array([*logits]), np.stack([*logits.values()])        # (T, N, C)
    label, whole = thresholds(z.dtype.name)
    chosen = int(lead(z[-1], y).argmax())       # the one that leads most in the end
    z, y = z[:, chosen], np.full(len(t), y[chosen])
    p, _ = softmax(z)
    _, residual = cross_entropy(z, y)
    _, repaired = log_odds(z, y)
    rows, one = np.arange(len(t)), slice(chosen, chosen + 1)
    attacked, mended = (FGSM(protocol.EPSILON, loss)(net, x[one], y[:1])
                        for loss in ("cross_entropy", "log_odds"))
    gone, all_gone = residual[rows, y] == 0, ~residual.any(axis=1)
    numbers = {
        "steps": steps, "every": every, "images": len(x), "chosen": chosen,
        "class": int(y[0]), "epsilon": protocol.EPSILON, "label": label, "whole": whole,
        "lead": float(lead(z, y)[-1]), "z_label": float(z[-1, y[0]]),
        "p_first": float(p[0, y[0]]), "label_at": first(t, gone),
        "label_lead": first(lead(z, y), gone), "whole_at": first(t, all_gone),
        "whole_lead": first(lead(z, y), all_gone),
        "largest": float(np.abs(residual[-1]).max()),
        "repaired_largest": float(np.abs(repaired[-1]).max()),
        "repaired_label": float(repaired[-1, y[0]]),
        "status": str(attacked.status[0]), "repaired_status": str(mended.status[0]),
        "changed": int(np.count_nonzero(attacked.x_adv != x[one])),
        "pixels": x.shape[1],
        "repaired_changed": int(np.count_nonzero(mended.x_adv != x[one])),
        "before": says(net, x[one]), "after": says(net, attacked.x_adv),
        "repaired_says": says(net, mended.x_adv)}
    return numbers, {
        "t": t, "z": z, "lead": lead(z, y), "p": p, "residual": np.abs(residual),
        "repaired": np.abs(repaired), "images": np.stack([
            x[chosen], attacked.x_adv[0], mended.x_adv[0]]).reshape(3, *data.shape)}


def says(net, x):
    """The class a network takes one image for."""
    return int(net.logits(x).argmax())


def draw(numbers, series):
    figure, (above, below) = plots.new(4, rows=2, width=12, height=6.4)
    for ax, (name, title) in zip(above, (
            ("z", "Logits z"), ("p", "p = softmax(z)"),
            ("residual", "|p - onehot|"), ("repaired", "|q - onehot|"))):
        lines(ax, series["t"], series[name], numbers["class"], log=name != "z")
        ax.set(title=title, xlabel="updates", xlim=(0, numbers["steps"]))
    below[0].plot(series["t"], series["lead"], color=plots.REPAIRED)
    for name in ("label", "whole"):
        below[0].axhline(numbers[name], color=plots.PAPER, lw=1, ls="--")
    below[0].set(title="Logit lead, and the thresholds", xlabel="updates")
    epsilon = numbers["epsilon"]
    for ax, image, title in zip(below[1:], series["images"], (
            f"before: taken for {numbers['before']}",
            f"as attacked: taken for {numbers['after']}",
            f"repaired: taken for {numbers['repaired_says']}")):
        ax.imshow(image, cmap="gray", vmin=-epsilon, vmax=1 + epsilon)
        ax.set(title=title, xticks=[], yticks=[])
        ax.grid(False)
    return figure


def lines(ax, t, values, label, log):
    """A thin line a class, the label's thick; where a value is 0 there is none."""
    for k, column in enumerate(values.T):
        mine = k == label
        ax.plot(t, np.where(column == 0, np.nan, column) if log else column,
                zorder=2 + mine, color=plots.REPAIRED if mine else plots.NATURAL,
                lw=2 if mine else 0.8, marker=".", ms=2)
    if log:
        ax.set_yscale("log")


LESSON = Lesson(
    name="one-image", title="How one image's gradient dies",
    takes="a minute", steps=8000, run=run, draw=draw,
    shown={
        "the image": "test image {chosen}, a {class}",
        "its lead in the end": "{lead:.1f} (thresholds {label:.1f} and {whole:.1f})",
        "first p - onehot that is 0 in the label's entry, at update": "{label_at:,}",
        "and in every entry, at update": "{whole_at:,}",
        "largest |p - onehot| in the end": "{largest:.2g}",
        "largest |q - onehot| in the end": "{repaired_largest:.2g}",
        "FGSM as attacked": "{status}, taken for {after}",
        "FGSM repaired": "{repaired_status}, taken for {repaired_says}"},
    caption="Above, one image over training, a line a class, the label's thick; a line "
    "ends where a value is exactly 0. Below, its lead with both thresholds dashed; the "
    "image before FGSM, after it as attacked, and after it with the residual repaired.",
    sentences=(
        "The network of the paper, Adam at 0.01. Of the first {images:,} test images "
        "this is the one whose label leads most after {steps:,} updates: number "
        "{chosen}, a {class}, looked at every {every} updates.",
        Sentence(
            "Before training p of its label is {p_first:.3f}. Its lead grows to "
            "{lead:.1f}.", lambda n: n["lead"] > 0,
            "its lead ends at {lead:.1f}: the network takes it for another."),
        Sentence(
            "At update {label_at:,}, at a lead of {label_lead:.1f}, p of the label is "
            "1 in float32 for the first time, and p - onehot is 0 there: the threshold "
            "is {label:.1f}.",
            happened("label_at"),
            "p - onehot is never 0 in the label's entry: the threshold is "
            "{label:.1f}."),
        "The other entries are still there, but tiny: the largest is exp(-lead) of the "
        "label's p.",
        Sentence(
            "At update {whole_at:,}, at a lead of {whole_lead:.1f}, all of them are 0 "
            "as well: the threshold is {whole:.1f}. In the end they still are: that "
            "gradient is dead.",
            lambda n: n["whole_at"] is not None and n["largest"] == 0,
            "in the end they are not all 0: the threshold is {whole:.1f}."),
        Sentence(
            "In the end the largest entry of p - onehot is {largest:.2g}, and "
            "that of q - onehot {repaired_largest:.2g}: q is the softmax over the "
            "wrong classes alone, and its label's entry {repaired_label:g} whatever "
            "the lead.",
            lambda n: n["largest"] < 1e-6 and n["repaired_label"] == -1,
            "in the end the largest entry of p - onehot is {largest:.2g}, that of "
            "q - onehot {repaired_largest:.2g}."),
        Sentence(
            "FGSM at epsilon {epsilon:g}, as attacked: the sign of a zero gradient is "
            "zero, {changed} of {pixels} pixels change, and the image stays a {after} "
            "({status}).", lambda n: n["changed"] == 0,
            "FGSM at epsilon {epsilon:g}, as attacked, changes {changed} of {pixels} "
            "pixels, and the network takes the image for {after} ({status})."),
        Sentence(
            "Repaired, the same attack on the same weights changes {repaired_changed} "
            "pixels, and the network takes the image for {repaired_says} "
            "({repaired_status}).", lambda n: n["repaired_status"] == "fooled",
            "repaired, it changes {repaired_changed} pixels, and the network takes the "
            "image for {repaired_says} ({repaired_status})."),
        "Nothing of the network was changed, nor the attack: only the line in which "
        "the residual is written.",
    ))
