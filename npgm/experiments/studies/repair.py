"""What of masking is arithmetic, what is silent layers, what is left: every loss, dtype
and attack on Table II's networks and on Adam at 0.01."""
from npgm import plots
from npgm.experiments import protocol
from npgm.experiments.experiment import Experiment, Setting
from npgm.experiments.measures import masking
from npgm.experiments.rows import mean, select

MASKED = protocol.optimizer("adam", learning_rate=protocol.MASKED_RATE)
# What is drawn of FGSM: losses from the attacked to the repaired.
LOSSES = (("fgsm_error", "cross-entropy, float32", plots.ATTACKED),
          ("fgsm_wide_error", "network in float64", "#6baed6"),
          ("fgsm_dlr_error", "DLR", "#c7c7c7"),
          ("fgsm_mifpe_error", "MIFPE's scaled logits", "#969696"),
          ("fgsm_margin_error", "logit margin", "#f4a6a6"),
          ("fgsm_repaired_error", "residual repaired", plots.REPAIRED))
# The parts of all images, from the bottom: quantity, label, color, hatch.
PARTS = (("as_attacked", "PGD fools as attacked", plots.ATTACKED, ""),
         ("rounding", "hidden by rounding", plots.REPAIRED, "//"),
         ("silent", "hidden by silent layers", plots.PAPER, ""),
         ("other", "found by another attack", plots.NATURAL, ".."),
         ("held", "held against all", "#e6e6e6", ""))


def draw(result):
    """A column for each epsilon: FGSM by loss above, what hid the images below."""
    figure, axes = plots.new(3, width=13, height=7.6, rows=2, sharey="row")
    for epsilon, above, below in zip(masking.EPSILONS, *axes):
        rows = select(result["rows"], epsilon=epsilon)
        plots.bars(above, rows, LOSSES, "{optimizer}\n{learning_rate:g}")
        above.set_title(f"FGSM, epsilon {epsilon:g}")
        bottom = [0] * len(rows)
        for name, label, color, hatch in PARTS:
            heights = [mean(row, name) for row in rows]
            below.bar(range(len(rows)), heights, 0.7, bottom, color=color, hatch=hatch,
                      edgecolor="white", linewidth=0, label=label)
            bottom = [b + h for b, h in zip(bottom, heights)]
        below.set_xticks(range(len(rows)), ["{optimizer}\n{learning_rate:g}".format(
            **row) for row in rows])
        below.set_title(f"what hid the images, epsilon {epsilon:g}")
    axes[0][0].set_ylabel("test error (%)")
    axes[1][0].set_ylabel("share of the images (%)")
    axes[0][0].set_ylim(0, 109)
    plots.legend_above(figure, axes[0][0], columns=len(LOSSES))
    plots.legend_below(figure, axes[1][0])
    return figure


EXPERIMENT = Experiment(
    name="repair", title="What hides the mistakes: rounding, silent layers",
    runs=(*(Setting(protocol.OPTIMIZERS[name]) for name in protocol.TABLE2),
          Setting(MASKED)),
    keys=("optimizer", "learning_rate", "epsilon"),
    epsilons=lambda keys: masking.EPSILONS,
    quantities=(*masking.ERRORS, *masking.PARTS), draw=draw)
