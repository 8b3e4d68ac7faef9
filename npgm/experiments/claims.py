"""What the paper claims, what was measured, and whether it holds: one row a claim,
computed from stored results without training anything."""
from dataclasses import dataclass
from typing import Callable

from npgm.experiments import protocol, stored, tables
from npgm.experiments.results import after_all, at_rate, mean, rank_correlation, select

NAME = "claims"
YES, NO, OTHERWISE, UNKNOWN = ("reproduced", "not reproduced",
                               "reproduced, for another reason", "not measured")

COLUMNS = [("claim", lambda row: row["claim"]), ("the paper", lambda row: row["paper"]),
           ("measured", lambda row: row["measured"]),
           ("verdict", lambda row: row["verdict"]), ("why", lambda row: row["why"]),
           ("from", lambda row: ", ".join(
               path.rsplit("/", 1)[-1].removesuffix(".json") for path in row["files"]))]


@dataclass(frozen=True)
class Claim:
    """needs: the experiments whose rows judge is called with, one argument each.
    judge(...) -> (measured, verdict, why, the rows that decided)."""

    name: str
    paper: str
    needs: tuple
    judge: Callable


CLAIMS = []


def claim(name, paper, *needs):
    def register(judge):
        CLAIMS.append(Claim(name, paper, needs, judge))
        return judge
    return register


def rows(out):
    """A row for each claim, from the results in out or the committed ones."""
    paths = {name: stored.find(name, out) for c in CLAIMS for name in c.needs}
    results = {name: stored.load(name, path) for name, path in paths.items() if path}
    return [_row(c, results, paths) for c in CLAIMS]


def _row(c, results, paths):
    missing = [name for name in c.needs if name not in results]
    if missing:
        measured, verdict, used = "", UNKNOWN, []
        why = "; ".join(f"python -m npgm.experiments {name} measures it"
                        for name in missing)
    else:
        measured, verdict, why, used = c.judge(*(results[n]["rows"] for n in c.needs))
    return {"claim": c.name, "paper": c.paper, "measured": measured,
            "verdict": verdict, "why": why,
            "files": [str(paths[name]) for name in c.needs if name in results],
            "runs": sorted({run for row in used for run in row["runs"]})}


def text(row, quantity, digits=1):
    """ "97.6 ± 2.5 % (3 seeds)" """
    count = len(row[quantity]["values"])
    return (f"{tables.percent(row[quantity], digits)} % "
            f"({count} seed{'s' if count > 1 else ''})")


def repaired_anyway(row):
    """Whether the repaired attack fools the network all the same."""
    return mean(row, "fgs_error_repaired") >= 90


@claim("Table II", "natural test errors 2.36, 1.99, 2.05, 1.68 % (sgd, momentum, "
       "AdaGrad, Adam), FGS errors 99.9, 99.5, 99.9, 90.4 %", "table2")
def table2(rows):
    furthest = max(abs(mean(row, "natural_error") - row["paper"]["natural_error"])
                   for row in rows)
    fooled = min(mean(row, "fgs_error") for row in rows)
    measured = "; ".join(f"{row['optimizer']} {tables.percent(row['natural_error'])}, "
                         f"FGS {tables.percent(row['fgs_error'], 1)}" for row in rows)
    holds = furthest <= 0.3 and fooled >= 90
    why = (f"natural errors are within {furthest:.2f} points of the paper's, and FGSM "
           f"fools every network ({fooled:.1f} % or more)")
    return measured, YES if holds else NO, why, rows


@claim("1", "Adam above 0.075: natural test error 60 % or more, fewer than 40 % of "
       "FGS images valid", "fig1")
def claim1(rows):
    used = [at_rate(rows, rate) for rate in (0.075, 0.1)]
    measured = "; ".join(
        f"{row['learning_rate']:g}: natural {text(row, 'natural_error')}, valid "
        f"{text(row, 'valid_fgs')}" for row in used)
    above = used[-1]
    holds = mean(above, "natural_error") >= 60 and mean(above, "valid_fgs") < 40
    why = ("the network cannot learn, and few images have a gradient left" if holds else
           "at 0.1 the network does not fail as the paper's did")
    return measured, YES if holds else NO, why, used


@claim("2", "learning rate below 0.01: natural test error below 3 %", "fig1")
def claim2(rows):
    used = [row for row in after_all(rows) if row["learning_rate"] < 0.01]
    worst = max(used, key=lambda row: mean(row, "natural_error"))
    measured = (f"at most {text(worst, 'natural_error', 2)}, at "
                f"{worst['learning_rate']:g}, over {len(used)} rates")
    holds = mean(worst, "natural_error") < 3
    return measured, YES if holds else NO, (
        "every such rate learns" if holds else "one such rate does not"), used


@claim("3", "near 0.001: about 90 % of FGS images valid, FGS error high", "fig1")
def claim3(rows):
    row = at_rate(rows, 0.001)
    holds = mean(row, "valid_fgs") >= 85 and mean(row, "fgs_error") >= 85
    measured = f"valid {text(row, 'valid_fgs')}, FGS error {text(row, 'fgs_error')}"
    return measured, YES if holds else NO, (
        "nearly every image has a gradient, and it points the right way" if holds else
        "FGSM does worse than in the paper"), [row]


@claim("4", "near 0.01: FGS error clearly lower, at most 20 % valid, natural error "
       "somewhat higher than at 0.001", "fig1")
def claim4(rows):
    masked, plain = at_rate(rows, 0.01), at_rate(rows, 0.001)
    measured = (f"FGS error {text(masked, 'fgs_error')}, repaired "
                f"{text(masked, 'fgs_error_repaired')}, valid "
                f"{text(masked, 'valid_fgs')}, natural "
                f"{tables.percent(masked['natural_error'])} against "
                f"{tables.percent(plain['natural_error'])} %")
    holds = (mean(masked, "fgs_error") < mean(plain, "fgs_error") / 2
             and mean(masked, "valid_fgs") <= 20
             and mean(masked, "natural_error") > mean(plain, "natural_error"))
    if not holds:
        return measured, NO, "one of the three numbers is not as in the paper", [
            masked, plain]
    if repaired_anyway(masked):
        return measured, OTHERWISE, (
            "the numbers are the paper's, but the network is not robust: the same "
            "attack without the rounding fools it"), [masked, plain]
    return measured, YES, "the attack fails, repaired or not", [masked, plain]


@claim("5", "FRS training error rises with the learning rate as the natural test "
       "error does", "fig3")
def claim5(rows):
    used = after_all(rows, epsilon=protocol.EPSILON)
    frs = [mean(row, "frs_error") for row in used]
    by_rate = rank_correlation([row["learning_rate"] for row in used], frs)
    by_error = rank_correlation([mean(row, "natural_error") for row in used], frs)
    measured = (f"rank correlation over {len(used)} rates: FRS error with the rate "
                f"{by_rate:.2f}, with the natural error {by_error:.2f}; from "
                f"{frs[0]:.1f} % at {used[0]['learning_rate']:g} to {frs[-1]:.1f} % at "
                f"{used[-1]['learning_rate']:g}")
    holds = by_rate >= 0.8 and by_error >= 0.8
    return measured, YES if holds else NO, (
        "both rise together" if holds else "they do not rise together"), used


@claim("6", "over training, FRS error curves are flat at 0.001, and their slope grows "
       "at 0.01", "fig3")
def claim6(rows):
    def decades(rate):
        at = [mean(select(rows, learning_rate=rate, epsilon=protocol.EPSILON,
                          step=step)[0], "frs_error") for step in
              (1_000, 10_000, 100_000)]
        return at[1] - at[0], at[2] - at[1]
    flat, growing = decades(0.001), decades(0.01)
    measured = (f"change of the FRS error from 1,000 to 10,000 and on to 100,000 "
                f"updates, in points: {flat[0]:+.1f}, {flat[1]:+.1f} at 0.001; "
                f"{growing[0]:+.1f}, {growing[1]:+.1f} at 0.01")
    holds = abs(flat[1]) <= 1 and growing[1] > max(growing[0], 1)
    used = [at_rate(rows, rate, epsilon=protocol.EPSILON) for rate in (0.001, 0.01)]
    why = ("late in training it moves at 0.01 alone, and faster than before" if holds
           else "at 0.01 the slope grows, but by too little to tell from 0.001's fall"
           if growing[1] > growing[0] else "at 0.01 the slope does not grow")
    return measured, YES if holds else NO, why, used


@claim("7", "RMSprop is as hard to fool as Adam; momentum and AdaGrad are not",
       "optimizers")
def claim7(rows):
    masked = {row["optimizer"]: row for row in select(rows, learning_rate=0.01)
              if row["optimizer"] in ("rmsprop", "adam")}
    others = [row for row in rows if row["optimizer"] in ("momentum", "adagrad")]
    rmsprop, adam = masked["rmsprop"], masked["adam"]
    lowest = min(others, key=lambda row: mean(row, "fgs_error"))
    measured = (f"FGS error at 0.01: RMSprop {text(rmsprop, 'fgs_error')}, Adam "
                f"{text(adam, 'fgs_error')}, repaired "
                f"{tables.percent(rmsprop['fgs_error_repaired'], 1)} and "
                f"{tables.percent(adam['fgs_error_repaired'], 1)} %; momentum and "
                f"AdaGrad at least {tables.percent(lowest['fgs_error'], 1)} %, at ten "
                "times their rate too")
    used = [rmsprop, adam, *others]
    alike = (max(mean(rmsprop, "fgs_error"), mean(adam, "fgs_error")) < 50
             and mean(lowest, "fgs_error") >= 90)
    if not alike:
        return measured, NO, "the optimizers do not part as in the paper", used
    if repaired_anyway(rmsprop) and repaired_anyway(adam):
        return measured, OTHERWISE, (
            "both drive logits so far apart that the residual rounds to zero; with it "
            "repaired, neither is hard to fool"), used
    return measured, YES, "repaired or not, both are hard to fool", used


@claim("8", "epsilon 0.25: 5 % FGS error at 0.01, about 10 % after adversarial "
       "training", "adversarial-training")
def claim8(rows):
    plain, = select(rows, training="plain", learning_rate=0.01)
    trained, = select(rows, training="adversarial")
    measured = (f"plain at 0.01: FGS {text(plain, 'fgs_error')}, repaired "
                f"{tables.percent(plain['fgs_error_repaired'], 1)} %; adversarial "
                f"training: FGS {text(trained, 'fgs_error')}, repaired "
                f"{tables.percent(trained['fgs_error_repaired'], 1)} %, repaired PGD "
                f"{tables.percent(trained['pgd_error_repaired'], 1)} %")
    better = mean(plain, "fgs_error") < mean(trained, "fgs_error")
    repaired = (mean(plain, "fgs_error_repaired")
                > mean(trained, "fgs_error_repaired"))
    used = [plain, trained]
    if not better:
        return measured, NO, ("already as attacked, adversarial training has the lower "
                              "error" + (", and repaired by far" if repaired else "")
                              ), used
    if repaired:
        return measured, OTHERWISE, ("the plain network's error is lower only until "
                                     "the residual is repaired"), used
    return measured, YES, "the plain network's error is lower, repaired too", used


@claim("9", "gradient masking is a type of overfitting", "fig1", "fig3")
def claim9(fig1, fig3):
    learnt = [row for row in after_all(fig3, epsilon=protocol.EPSILON)
              if mean(row, "natural_error") < 10]
    gap = [mean(row, "natural_error") - mean(row, "train_error") for row in learnt]
    same = [at_rate(fig1, row["learning_rate"]) for row in learnt]
    frs = rank_correlation(gap, [mean(row, "frs_error") for row in learnt])
    fgs = rank_correlation(gap, [mean(row, "fgs_error") for row in same])
    worst = min(same, key=lambda row: mean(row, "fgs_error_repaired"))
    measured = (f"over the {len(learnt)} rates that learn, rank correlation with the "
                f"generalization gap ({min(gap):.1f} to {max(gap):.1f} points): FRS "
                f"training error {frs:.2f}, FGS error {fgs:.2f}; repaired, the FGS "
                f"error is {mean(worst, 'fgs_error_repaired'):.1f} % or more at every "
                "one")
    used = learnt + same
    if not (frs >= 0.6 and fgs <= -0.6):
        return measured, NO, ("masking and the gap do not go together over learning "
                              "rates"), used
    if repaired_anyway(worst):
        return measured, OTHERWISE, (
            "masking and overfitting go together, since both come from logits driven "
            "far apart; but what hides the gradient is rounding, and goes with it"
        ), used
    return measured, YES, "masking goes with the gap, repaired or not", used


@claim("the 90.4", "Adam at 0.001: FGS error 90.4 %. Hypothesis: a mean loss over the "
       "test set, and subnormals flushed to zero, hide that many gradients", "table2",
       "reduction")
def the_904(table2, reduction):
    row, = select(table2, optimizer="adam")
    flushed, = select(reduction, learning_rate=0.001)
    measured = (f"FGS error {text(row, 'fgs_error')}; with the mean and flushing "
                f"{text(flushed, 'fgs_error_mean_flushed')}, valid "
                f"{text(flushed, 'valid_fgs_mean_flushed')}")
    values = flushed["fgs_error_mean_flushed"]["values"]
    known = [v for v in values if v is not None]
    paper = row["paper"]["fgs_error"]
    holds = bool(known) and min(known) - 1 <= paper <= max(known) + 1
    lower = mean(flushed, "fgs_error_mean_flushed") < mean(row, "fgs_error")
    why = ("the paper's number lies within the seeds" if holds else
           "it lowers the error, but not to the paper's number" if lower else
           "it does not lower the error")
    return measured, YES if holds else NO, why, [row, flushed]


@claim("the cause", "(not in the paper) at 0.01 the residual p - onehot(y) is rounded "
       "to zero in float32; written as q - onehot(y) the same attack succeeds", "fig2")
def cause(rows):
    row = at_rate(rows, 0.01, epsilon=protocol.EPSILON)
    measured = (f"FGS error {text(row, 'fgs_error')}, repaired "
                f"{text(row, 'fgs_error_repaired')}")
    holds = mean(row, "fgs_error") < 50 and repaired_anyway(row)
    return measured, YES if holds else NO, (
        "same weights, same epsilon, same loss but for a positive factor" if holds else
        "the repaired attack does not bring the error back"), [row]


def csv(rows):
    return tables.plain_csv(rows, ["claim", "paper", "measured", "verdict", "why"])


def main(options):
    """Print the claims and write DIR/claims.json, .md and .csv."""
    found = rows(options.out)
    result = {"experiment": NAME, "rows": found,
              "files": sorted({path for row in found for path in row["files"]})}
    text = tables.markdown(COLUMNS, found)
    tables.write_text_results(options.out, NAME, result, text, csv(found))
    for row in found:
        print(f"{row['claim']}: {row['verdict'].upper()}\n"
              f"  the paper: {row['paper']}\n"
              + (f"  measured:  {row['measured']}\n" if row["measured"] else "")
              + f"  why:       {row['why']}\n")
    print("read: " + (", ".join(result["files"]) or "nothing"))
    print(f"written: {options.out}/{NAME}.json, .md, .csv")
    return found
