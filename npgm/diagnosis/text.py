"""A diagnosis as text, for the terminal."""
import math

from npgm import tables
from npgm.diagnosis.verdict import ADVICE, TOLD, percent

NATURAL = 0.2           # an error beyond, without any attack, asks for a look


def sections(report):
    """Its parts, the verdict first."""
    yield report.verdict.line
    if report.errors["natural"] > NATURAL:
        yield (f"wrong on {percent(report.errors['natural'])} without any attack: are "
               "the labels right, and the examples prepared as the model expects them?")
    settings, cost = report.settings, report.cost
    clip = settings["clip"] and "{:g} to {:g}".format(*settings["clip"])
    yield (f"{settings['examples']:,} examples, epsilon {settings['epsilon']:g}, "
           f"{f'pixels {clip}' if clip else 'no clip'}, seed {settings['seed']}"
           + (", quick: the robust error is a look, not a number to report"
              if settings["quick"] else ""))
    for name, advice in _advice(report):
        yield f"  {name.replace('_', ' ')}: {advice}"
    yield "\nWhy each example's gradient is what it is\n" + tables.plain(
        [("cause", lambda row: row[0].replace("_", " ")),
         ("share", lambda row: percent(row[1]))], report.causes.items()).rstrip()
    yield "\n" + "\n".join(arithmetic_lines(report))
    yield f"\nError at epsilon {settings['epsilon']:g}\n" + tables.plain(
        [("attack", lambda row: report.headings.get(row[0], "none")),
         ("error", lambda row: percent(row[1]))],
        [*report.errors.items()]).rstrip()
    yield "\nError against epsilon\n" + tables.plain(
        [("epsilon", lambda row: f"{row[0]:g}"),
         *((name, lambda row, k=k: percent(row[k]))
           for k, name in enumerate(report.curve.errors, 1))],
        list(zip(report.curve.epsilons, *report.curve.errors.values()))).rstrip()
    raised = [sign for sign in report.signs if sign.raised]
    yield f"\nWarning signs: {len(raised)} of {len(report.signs)}" + "".join(
        f"\n  {sign.name.replace('_', ' ')}: {sign.why}" for sign in raised)
    yield (f"\n{cost['calls']:,} calls of the model (an example each, at most "
           f"{cost['planned_calls']:,}), {cost['seconds']:g} s")


def _advice(report):
    """[(cause, what to do)]: of the verdict's causes; of a model that is not masked, of
    those that its line names all the same."""
    if report.masked:
        return zip(report.verdict.causes, report.verdict.advice)
    return [(name, ADVICE[name]) for name, share in report.causes.items()
            if share >= TOLD and name in ADVICE and name != "label_rounded"]


def arithmetic_lines(report):
    """What the arithmetic found, in sentences."""
    found, settings = report.arithmetic, report.settings
    lead = found.lead
    yield (f"In {found.dtype} the label's entry of the residual rounds to 0 once its "
           f"logit leads by {found.label_threshold:.1f} "
           f"({percent(found.label_rounded)} of the examples), all of it beyond "
           f"{found.residual_threshold:.1f} ({percent(found.residual_rounded)}).")
    if lead:
        yield (f"The label's logit leads by {lead['0.5']:.3g} (median; 5 % below "
               f"{lead['0.05']:.3g}, 5 % above {lead['0.95']:.3g}), "
               f"{found.ulps['0.5']:,.0f} units in the last place of the logits.")
    yield _agreement(report.sign_agreement, report.sign_agreement_float64)
    yield (f"Finite differences of the logits with steps of {report.steps[0]:.2g} and "
           f"{report.steps[1]:.2g} (epsilon is {settings['epsilon']:g}).")


def _agreement(share, wide):
    """Of signs, in a sentence. share: nan where no gradient has any."""
    if math.isnan(share):
        return "In exact arithmetic too the gradient is zero, or not finite."
    return ("The gradient as attacked has the sign it has with the residual in exact "
            f"arithmetic at {percent(share)} of the pixels"
            + (f", and the whole network's in float64 at {percent(wide)}"
               if wide is not None else "") + ".")
