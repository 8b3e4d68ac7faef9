"""Digits, what is added to them, and what the network takes the sum for."""
import math

from npgm import plots
from npgm.attacks.result import NO_GRADIENT
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import pictures
from npgm.experiments.rows import select

NETWORKS = (protocol.OPTIMIZERS["momentum"], protocol.OPTIMIZERS["adam"],
            protocol.optimizer("adam", learning_rate=protocol.MASKED_RATE))
TITLES = {"fgsm": "FGSM, as attacked", "fgsm_repaired": "FGSM, repaired",
          "deepfool": "DeepFool", "random_sign": "random signs"}
RIGHT, WRONG = "#1a7f37", plots.REPAIRED


def draw(result):
    """A line for each network and digit, of the first seed: the digit; for each attack
    the perturbation, red where it adds and blue where it takes away, and the result,
    below what it is taken for."""
    rows, digits = result["rows"], pictures.DIGITS
    networks = list(dict.fromkeys((r["optimizer"], r["learning_rate"]) for r in rows))
    lines = digits * len(networks)
    figure, (names, *axes) = plots.new(
        1 + 2 * len(TITLES), width=12.5, height=1.62 * lines + 0.4, rows=1 + lines,
        gridspec_kw={"height_ratios": [0.12, *[1] * lines]})
    for ax in names:
        ax.set_axis_off()
    for k, name in enumerate(TITLES):
        names[1 + 2 * k].text(1.05, 0, TITLES[name], ha="center", fontsize=13,
                              fontweight="bold").set_in_layout(False)
    for n, (optimizer, rate) in enumerate(networks):
        for digit in range(digits):
            line = axes[n * digits + digit]
            found = {row["attack"]: row for row in select(
                rows, optimizer=optimizer, learning_rate=rate, digit=digit)}
            line[0].set_ylabel(f"{optimizer} {rate:g}", fontsize=12)
            _result(line[0], found["none"])
            for k, name in enumerate(TITLES):
                _perturbation(line[1 + 2 * k], found[name])
                _result(line[2 + 2 * k], found[name])
            for ax in line:
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(True)
    return figure


def _perturbation(ax, row):
    if row["perturbation"][0] is None:
        return
    nothing = row["status"][0] == NO_GRADIENT
    ax.imshow(_image(row["perturbation"][0]), cmap="bwr", vmin=0, vmax=1)
    ax.set_title("no gradient" if nothing else f"± {row['size']['values'][0]:.2g}",
                 fontsize=11, pad=3)


def _result(ax, row):
    if row["result"][0] is None:
        return
    right = row["predicted"][0] == row["label"][0]
    ax.imshow(_image(row["result"][0]), cmap="gray", vmin=0, vmax=1)
    ax.set_title(f"{row['predicted'][0]}: {row['confidence']['values'][0]:.3g} %",
                 fontsize=12, pad=3, color=RIGHT if right else WRONG)


def _image(text):
    """Pixels as a square, if they make one; else in a row."""
    pixels = pictures.from_text(text)
    side = math.isqrt(len(pixels))
    return pixels.reshape((side, side) if side ** 2 == len(pixels) else (1, -1))


def _said(name):
    """A column of texts, of every seed."""
    return name, lambda row: ", ".join("-" if text is None else text.replace("_", " ")
                                       for text in row[name])


EXPERIMENT = Experiment(
    name="adversarial", title="Digits, perturbations, results",
    runs=tuple(map(Setting, NETWORKS)),
    keys=("optimizer", "learning_rate", "digit", "attack"),
    points={"digit": range(pictures.DIGITS), "attack": tuple(pictures.ATTACKS)},
    quantities=(pictures.CONFIDENCE, pictures.SIZE), texts=pictures.TEXTS,
    columns=tuple(map(_said, ("label", "predicted", "status"))), draw=draw)
