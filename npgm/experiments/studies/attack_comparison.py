"""Every attack the paper names on every kind of network it names: who is stopped by
masking, and by what."""
import numpy as np

from npgm import attacks, defences, plots
from npgm.data import images_of
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import Quantity, some
from npgm.experiments.measures.attacked import FEW
from npgm.experiments.rows import mean, select
from npgm.experiments.studies import discussion

DISTILLED = {"name": "distillation", "temperature": 20.0}
NETWORKS = (*(Setting(protocol.OPTIMIZERS[name]) for name in protocol.TABLE2),
            Setting(protocol.optimizer("adam", learning_rate=protocol.MASKED_RATE)),
            Setting(protocol.OPTIMIZERS["adam"], discussion.DEFENCE),
            Setting(protocol.OPTIMIZERS["adam"], DISTILLED))
# As a text that makes it: what it is called.
ATTACKS = {
    "random_sign": "random signs (FRSM)", "fgsm": "FGSM",
    "fgsm:loss=log_odds": "FGSM, repaired", "pgd": "PGD",
    "pgd:loss=log_odds": "PGD, repaired", "universal": "universal",
    "substitute": "substitute", "deepfool": "DeepFool", "jsma": "JSMA",
    "lbfgs:target=next": "L-BFGS", "carlini_wagner": "Carlini and Wagner"}
# Those whose examples are tried on every other network.
MOVED = {"FGSM, repaired": attacks.FGSM(protocol.EPSILON, "log_odds"),
         "PGD, repaired": attacks.PGD(protocol.EPSILON, loss="log_odds"),
         "DeepFool": attacks.DeepFool(np.inf)}
UNIVERSAL = "universal, unseen images"      # made of as many training images
ROWS = {UNIVERSAL: "universal"}
# The moving target's networks, the first of NETWORKS; what it plays against.
TARGETS, PLAYED = len(protocol.TABLE2), ("FGSM, repaired", "PGD, repaired")


def together(networks, data):
    """{"transfer": {attack: [[error]]}, in percent, rows made on and columns tried on;
    "moving_target": the strategy over TARGETS, its natural error, and the errors to be
    expected of examples made on each of the networks, the worst}."""
    x, y = some(data, FEW)
    transfer = {name: attacks.transfer_matrix(attack, networks, x, y)
                for name, attack in MOVED.items()}
    shifts = [attacks.UniversalPerturbation(protocol.EPSILON).fit(
        net, images_of(data, "x_train")[:FEW]) for net in networks]
    transfer[UNIVERSAL] = np.array([[shift(net, x, y).success.mean()
                                     for net in networks] for shift in shifts])
    natural = np.array([np.mean(net.logits(x).argmax(axis=1) != y) for net in networks])
    game = defences.MovingTarget(
        networks[:TARGETS], 1 - natural[:TARGETS], np.concatenate(
            [transfer[name][:TARGETS, :TARGETS].T for name in PLAYED], axis=1))
    expected = {name: 100 * (found[:, :TARGETS] @ game.strategy)
                for name, found in transfer.items()}
    return {"transfer": {name: (100 * found).tolist()
                         for name, found in transfer.items()},
            "moving_target": {
                "strategy": game.strategy.tolist(),
                "natural_error": float(100 * natural[:TARGETS] @ game.strategy),
                **{name: float(found.max()) for name, found in expected.items()}}}


def said(result):
    """The moving target in words, of every seed."""
    lines = []
    for found in result["together"]:
        game = found["moving_target"]
        mixed = ", ".join(f"{name} {share:.2f}" for name, share in zip(
            protocol.TABLE2, game["strategy"]))
        errors = "; ".join(f"{name} {game[name]:.1f} %" for name in found["transfer"])
        lines.append(f"Moving target of {mixed}: natural error "
                     f"{game['natural_error']:.1f} %; to be expected of the best source"
                     f" of examples: {errors}.")
    return lines


def name_of(row):
    """What a network is called."""
    trained = {"plain": "", "adversarial": "\nadversarial", "distilled": "\ndistilled"}
    return f"{row['optimizer']} {row['learning_rate']:g}{trained[row['training']]}"


def draw(result):
    """Above, errors: attacks down, networks across; in small print what kept an attack
    from the rest. Below, who fools whom."""
    rows = result["rows"]
    networks = list(dict.fromkeys(map(name_of, rows)))
    made = result["together"][0]["transfer"]
    moving = {ROWS.get(name, name): np.mean([
        found["moving_target"][name] for found in result["together"]]) for name in made}
    figure, axes = plots.new(len(made), width=15, height=11, rows=2,
                             gridspec_kw={"height_ratios": [2, 1]})
    grid = axes[0, 0].get_gridspec()
    for ax in axes[0]:
        ax.remove()
    _errors(figure.add_subplot(grid[0, :]), rows, networks, moving)
    names = [name.replace("\n", " ") for name in networks]
    for ax, name in zip(axes[1], made):
        matrix = np.mean([found["transfer"][name] for found in result["together"]],
                         axis=0)
        plots.matrix(ax, matrix, names, names if ax is axes[1, 0] else [],
                     [[f"{error:.0f}" for error in line] for line in matrix])
        ax.set_title(name, fontsize=10)
        ax.tick_params(axis="x", rotation=90)
    axes[1, 0].set_ylabel("made on; tried on below")
    return figure


def _errors(ax, rows, networks, moving):
    errors, words = np.full((2, len(ATTACKS), len(networks) + 1), None)
    for i, (attack, called) in enumerate(ATTACKS.items()):
        if called in moving:
            errors[i, -1], words[i, -1] = moving[called], f"{moving[called]:.1f}"
        for row in select(rows, attack=attack):
            j = networks.index(name_of(row))
            errors[i, j] = mean(row, "error")
            kept = {"rounded": _hidden(rows, row), "silent": mean(row, "silent")}
            why = ", ".join(f"{name} {share:.0f}" for name, share in kept.items()
                            if share >= 1)
            words[i, j] = f"{errors[i, j]:.1f}" + f"\n{why}" * bool(why)
    plots.matrix(ax, errors.astype(float), [
        *networks, "moving target\nof the first four"], [*ATTACKS.values()], words)
    ax.set_title("error (%) under each attack; below it, how much more it finds with "
                 "the residual repaired (rounded), and what it did not fool for want "
                 "of any other gradient (silent)", fontsize=10)


def _hidden(rows, row):
    """How much more the same attack finds, its residual repaired; 0 if it has no such
    form."""
    repaired = select(rows, attack=f"{row['attack']}:loss=log_odds", **{
        key: row[key] for key in ("optimizer", "learning_rate", "training")})
    return mean(repaired[0], "error") - mean(row, "error") if repaired else 0.0


def _measured(name, heading, digits=1):
    return Quantity(name, f"attack {{attack}}_{protocol.EPSILON}", heading, digits)


EXPERIMENT = Experiment(
    name="attacks", title="Every attack and defence the paper names", runs=NETWORKS,
    keys=("optimizer", "learning_rate", "training", "attack"),
    points={"attack": tuple(ATTACKS)},
    quantities=(_measured("error", "error"), _measured("rounded", "held, rounded"),
                _measured("silent", "held, silent"),
                _measured("otherwise", "held otherwise"),
                _measured("l0", "median L0", 0), _measured("l2", "median L2", 2),
                _measured("linf", "median Linf", 3), _measured("calls", "calls", 0),
                _measured("milliseconds", "ms")),
    together=together, said=said, draw=draw)
