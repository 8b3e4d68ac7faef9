"""Adversarial training at 0.001 against plain Adam at 0.01: the paper's section IV."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes

DEFENCE = {"name": "adversarial_training", "epsilon": protocol.EPSILON}


def paper(keys):
    compared = (keys["training"] == "adversarial"
                or keys["learning_rate"] == protocol.MASKED_RATE)
    return {"fgs_error": protocol.DISCUSSION[keys["training"]]} if compared else {}


def draw(result):
    figure, ax = plots.new(1, width=8.6, height=4.8)
    plots.bars(ax, result["rows"], [
        ("natural_error", "natural", plots.NATURAL),
        ("fgs_error", "FGS, as attacked", plots.ATTACKED),
        ("fgs_error_repaired", "FGS, residual repaired", plots.REPAIRED),
        ("pgd_error", f"PGD, first {outcomes.PGD_FIRST:,} images", "#9ecae1"),
        ("pgd_error_repaired", "PGD, residual repaired", "#f4a6a6")],
        "{training} training,\nAdam {learning_rate:g}")
    ax.set_ylim(0, 109)
    ax.set_ylabel("test error (%), epsilon 0.25")
    plots.legend_below(figure, ax, columns=3)
    return figure


EXPERIMENT = Experiment(
    name="adversarial-training", title="Adversarial training",
    runs=tuple(Setting(protocol.optimizer("adam", learning_rate=rate), defence)
               for rate, defence in ((protocol.MASKED_RATE, None),
                                     (protocol.RECOMMENDED_RATE, None),
                                     (protocol.RECOMMENDED_RATE, DEFENCE))),
    keys=("training", "learning_rate"),
    quantities=(outcomes.NATURAL_ERROR, outcomes.FGS_ERROR, outcomes.FGS_ERROR_REPAIRED,
                outcomes.PGD_ERROR, outcomes.PGD_ERROR_REPAIRED, outcomes.VALID_FGS),
    paper=paper, draw=draw)
