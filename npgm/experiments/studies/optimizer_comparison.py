"""Five optimizers, each at its recommended learning rate and at ten times it."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import outcomes
from npgm.experiments.rows import select

TIMES = (1, 10)
ROUNDED = {16.6: "the label's residual rounds to 0",       # see losses.cross_entropy
           104: "every residual rounds to 0"}


def recommended(keys):
    return {"recommended": keys["learning_rate"]
            == protocol.OPTIMIZERS[keys["optimizer"]].learning_rate}


def draw(result):
    """FGS errors of each optimizer: recommended rate left, ten times it right; below
    them how far the right logit leads, and the leads at which float32 rounds the
    residual."""
    figure, axes = plots.new(2, width=8.6, height=7, rows=2, sharey="row",
                             gridspec_kw={"height_ratios": [1.6, 1]})
    for (errors, leads), usual, title in zip(axes.T, (True, False), (
            "recommended learning rate", "ten times it")):
        chosen = select(result["rows"], recommended=usual)
        name = "{optimizer}\n{learning_rate:g}"
        plots.bars(errors, chosen, [
            *plots.FGS_BARS, ("natural_error", "natural", plots.NATURAL)], name)
        plots.bars(leads, chosen, [("logit_lead", None, plots.NATURAL)], name)
        for lead, text in ROUNDED.items():
            leads.axhline(lead, color=plots.PAPER, lw=1, ls="--")
            leads.text(-0.4, 1.15 * lead, text, fontsize=8, bbox={
                "facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1})
        errors.set_title(title)
        errors.set_ylim(0, 109)
        plots.log_plain(leads)
        leads.set_ylim(5, 2000)
    axes[0, 0].set_ylabel("test error, or share of images (%)")
    axes[1, 0].set_ylabel("median logit lead")
    plots.legend_below(figure, axes[0, 0])
    return figure


EXPERIMENT = Experiment(
    name="optimizers", title="Five optimizers at their rate and at ten times it",
    runs=tuple(Setting(protocol.optimizer(name, learning_rate=round(
        times * usual.learning_rate, 6)))
        for name, usual in protocol.OPTIMIZERS.items() for times in TIMES),
    keys=("optimizer", "learning_rate"),
    quantities=(outcomes.NATURAL_ERROR, outcomes.TRAIN_ERROR, outcomes.FGS_ERROR,
                outcomes.FGS_ERROR_REPAIRED, outcomes.VALID_FGS, outcomes.DEEPFOOL_L2,
                outcomes.DEEPFOOL_LINF, outcomes.ACTIVE_HIDDEN, outcomes.LOGIT_LEAD),
    more=recommended, draw=draw)
