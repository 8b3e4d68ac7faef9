"""A diagnosis as one self-contained page."""
import html
import re

from npgm import page, plots, svg
from npgm.diagnosis import picture, text, thumbnails
from npgm.diagnosis.causes import CAUSES
from npgm.diagnosis.verdict import percent

WARNING, FINE, UNKNOWN = "\u26a0\ufe0e", "\u2713", "\u2013"    # always beside words
DASHES = {"-": "", "-.": "9 3 2 3", ":": "2 4", "--": "7 4"}
CODE = re.compile(r"[\w.]+\([^()]*\)")


def document(report):
    """The page as text: verdict first, provenance last."""
    parts = {"causes": ("Why each gradient is what it is", _causes),
             "arithmetic": ("The arithmetic", _arithmetic),
             "errors": (f"Errors at epsilon {report.settings['epsilon']:g}", _errors),
             "curve": ("Error against epsilon", _curve),
             "signs": ("Warning signs", _signs),
             "worst": ("The worst examples", _worst),
             "provenance": ("Settings, cost, provenance", _provenance)}
    title = f"Diagnosis of {report.name or 'a model'}"
    body = [page.note(title), _verdict(report),
            page.section("advice", "What to do", _advice(report)),
            page.contents({key: heading for key, (heading, _) in parts.items()}),
            *(page.section(key, heading, part(report))
              for key, (heading, part) in parts.items())]
    return page.document(title, "Is the gradient masked?",      # no line begins with %
                         "\n".join(body).replace(" %", "&nbsp;%"))


def _verdict(report):
    heading = (f"{WARNING} Masked: the gradient hides mistakes that are there"
               if report.masked else
               f"{FINE} Not masked: the gradient leads to the mistakes that are there")
    errors, (low, high) = report.errors, report.robust_interval
    return page.callout(
        "verdict", "no" if report.masked else "yes", heading,
        _paragraph(report.verdict.line) + page.numbers([
            ("robust error, at least", report.robust_error,
             percent(report.robust_error),
             f"{percent(low)} to {percent(high)} with 95 % confidence"),
            *((f"{name.upper()} as attacked", errors[name], percent(errors[name]),
               f"at epsilon {report.settings['epsilon']:g}")
              for name in ("fgsm", "pgd")),
            ("without any attack", errors["natural"], percent(errors["natural"]),
             f"of {report.settings['examples']:,} examples")]))


def _advice(report):
    low, high = map(percent, report.robust_interval)
    listed = "".join(
        f"<li><strong>{html.escape(_words(name))}, {percent(share)}</strong>: "
        f"{_with_code(advice)}</li>" for (name, share), advice in
        zip(report.verdict.causes.items(), report.verdict.advice))
    return (f"<ul>{listed}</ul>" if listed else "") + _paragraph(
        "This was a quick look: run it without quick for a number to report."
        if report.settings["quick"] else
        f"Report a robust error of at least {percent(report.robust_error)} ({low} to "
        f"{high}) at epsilon {report.settings['epsilon']:g}: the union of all attacks "
        "below and of those of the security curve, example by example; of a random "
        "model, whose every call is a draw, the attack that finds most.")


def _with_code(advice):
    """What is written as a call is code."""
    return CODE.sub(lambda call: f"<code>{call[0]}</code>", html.escape(advice, False))


def _causes(report):
    return page.stacked([page.Part(_words(name), share, percent(share), CAUSES[name],
                                   picture.COLORS[name])
                         for name, share in report.causes.items()])


def _arithmetic(report):
    found = report.arithmetic
    drawn = svg.spread(
        tuple(found.lead.values()),
        [(found.label_threshold, f"label's entry 0: {found.label_threshold:.1f}"),
         (found.residual_threshold, f"all of it 0: {found.residual_threshold:.1f}")],
        "The label's lead in logits against the leads at which the residual rounds to "
        "0: the numbers are in the sentences") + page.note(
        "How far the label's logit leads: the middle half of the examples in the box, "
        "nine in ten within the line.") if found.lead else ""
    return "".join(map(_paragraph, text.arithmetic_lines(report))) + drawn


def _errors(report):
    errors = report.errors
    pairs = [name for name in errors if f"{name}_repaired" in errors]
    beside = page.table(
        ["attack", "as attacked", "residual repaired"],
        [[name.upper(), _bar(errors[name]), _bar(errors[f"{name}_repaired"])]
         for name in pairs], [["head", "", ""]] * len(pairs), "bars")
    others = [(report.headings.get(name, "none"), error)
              for name, error in errors.items()
              if name.removesuffix("_repaired") not in pairs]
    others.append(("any of all these", report.robust_error))
    return beside + "<h3>All others</h3>" + page.table(
        ["attack", "error"], [[name, _bar(error)] for name, error in others],
        [["head", ""]] * len(others), "bars")


def _curve(report):
    curve = report.curve
    lines = [svg.Line(label, curve.errors[name],
                      svg.INK if color == plots.PAPER else color, DASHES[style])
             for name, (label, color, style) in picture.LINES.items()]
    numbers = page.table(
        ["epsilon", *(line.name for line in lines)],
        [[f"{epsilon:g}", *map(percent, row)] for epsilon, *row in
         zip(curve.epsilons, *(line.shares for line in lines))],
        [["head", *[""] * len(lines)]] * len(curve.epsilons))
    return svg.curves(
        curve.epsilons, lines, "epsilon", report.settings["epsilon"],
        "Error against epsilon; the numbers are in the table below") + page.note(
        "The upright line stands at the epsilon of the errors above."
    ) + page.folded("The numbers", numbers)


def _signs(report):
    order = (True, False, None)
    signs = sorted(report.signs, key=lambda sign: order.index(sign.raised))
    raised = sum(bool(sign.raised) for sign in signs)
    return _paragraph(f"Raised: {raised} of {len(signs)}. What each is, and who found "
                      "it, unfolds.") + "".join(map(_sign, signs))


def _sign(sign):
    kind, mark, word = {True: ("no", WARNING, "raised"), False: ("yes", FINE, "quiet"),
                        None: ("unknown", UNKNOWN, "not measured")}[sign.raised]
    value = "none" if sign.value is None else f"{sign.value:.3g}"
    return page.folded(
        page.Markup(f'<span class="{kind}">{mark} {word}</span> '
                    f"<strong>{html.escape(_words(sign.name))}</strong>: "
                    f"{html.escape(sign.why)}"),
        _paragraph(" ".join(sign.definition.split())) + page.note(
            f"value {value}, threshold {sign.threshold:g}; source: {sign.source}"))


def _worst(report):
    worst = report.worst
    if not len(worst.y):
        return _paragraph("There are none: no example withstands FGSM, PGD and APGD as "
                          "attacked and falls to another attack.")
    pictures = thumbnails.triples(worst, report.settings["clip"])
    if pictures is None:
        return _paragraph(f"{len(worst.y)} of them are known, but an example of shape "
                          f"{worst.x.shape[1:]} is no image that could be shown.")
    rows = zip(pictures, worst.y, worst.before, worst.after, worst.distance)
    return _paragraph(
        "They withstand FGSM, PGD and APGD as attacked, and fall to another attack. In "
        "the difference grey is no change, at most that example's largest."
    ) + page.strips([_example(*row) for row in rows])


def _example(pngs, label, before, after, distance):
    pictures = [("before", pngs[0], f"example of class {label} before the attack"),
                ("after", pngs[1], f"the same after it, taken for class {after}"),
                ("difference", pngs[2], "what the attack changed")]
    return pictures, (f"label {label}; the model says {before} before, {after} after; "
                      f"one that fools is known at {distance:.3g}")


def _provenance(report):
    settings, cost = report.settings, report.cost
    machine = report.json()["machine"]
    clip = settings["clip"] and "{:g} to {:g}".format(*settings["clip"])
    rows = [("examples", f"{settings['examples']:,}"),
            ("epsilon", f"{settings['epsilon']:g}"), ("pixels", clip or "any value"),
            ("seed", str(settings["seed"])),
            ("quick", "yes" if settings["quick"] else "no"),
            ("Square and transfer", "yes" if settings["black_box"] else "no"),
            ("calls of the model", f"{cost['calls']:,} (an example each, at most "
             f"{cost['planned_calls']:,})"), ("time", f"{cost['seconds']:g} s"),
            ("versions", ", ".join(f"{name} {version}" for name, version in
                                   machine["versions"].items())),
            ("machine", f"{machine['processor']}, {machine['system']}"),
            ("npgm's sources", machine["sources"])]
    return page.table(["what", "value"], rows, [["head", ""]] * len(rows), "facts")


def _bar(share):
    return page.bar(share, percent(share))


def _paragraph(words):
    return f"<p>{html.escape(words)}</p>"


def _words(name):
    return name.replace("_", " ")
