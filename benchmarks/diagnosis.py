"""The field's table: what each tool reports as the robust error of a model, what it
warns of and how long it takes, and what npgm says.

The models are those of tests/broken_models, broken on purpose and healthy, and the
paper's networks if they were trained in results/.
"""
import contextlib
import functools
import importlib.util
import io
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

import npgm
from benchmarks import paper
from benchmarks.peers import field
from npgm.errors import reason
from npgm.losses import mistakes

ZOO = Path(__file__).parents[1] / "tests"
EXAMPLES, QUICK_EXAMPLES = 100, 20
EPSILON, CLIP = 0.25, (0, 1)      # of the paper's networks
ROUNDING = 1e-6     # how much farther than epsilon a tool may have gone by it


class Case(NamedTuple):
    """A model and what it is measured on. what: was done to it. masked: whether its
    gradient is. clip: what pixels may be, None for anything; the tools know [0, 1]."""

    name: str
    what: str
    masked: bool
    model: object
    x: np.ndarray
    y: np.ndarray
    epsilon: float
    clip: tuple | None = CLIP


def run(quick=False):
    attacks, missing = field.available()
    tools = {name: functools.partial(attacked, attack)
             for name, attack in attacks.items()}
    tools["npgm"] = functools.partial(diagnosed, quick)
    count, rows = QUICK_EXAMPLES if quick else EXAMPLES, {}
    warm_up(tools)
    for case in each_case(count, missing):
        rows[case.name] = row(case, tools)
        print(f"  {case.name}: {told(rows[case.name])}", flush=True)
    return {"title": f"robust error of {count} images as each tool reports it, percent",
            "rows": rows, "missing": missing, "examples": count}


def warm_up(tools):
    """What is compiled or imported once belongs to no row."""
    data = npgm.load_dataset()
    for dtype in ("float32", "float64"):
        row(Case("", "", False, npgm.MLP.initialize(dtype=dtype),
                 data.x_test[:2].astype(dtype), data.y_test[:2], EPSILON), tools)


def each_case(count, missing):
    """The Cases, built one after the other; `missing` is told which cannot be."""
    sys.path.append(str(ZOO))
    from broken_models import MODELS
    for entry in MODELS:
        name = entry.name.replace("_", " ")
        if entry.needs and importlib.util.find_spec(entry.needs) is None:
            missing[name] = f"no {entry.needs}"
            continue
        yield Case(name, " ".join((entry.build.__doc__ or "").split()), entry.masked,
                   entry.build(), entry.x[:count], entry.y[:count], entry.epsilon,
                   entry.clip)
    data = npgm.load_dataset()
    for (name, path), masked in zip(paper.networks().items(), (True, False)):
        if not path.exists():
            missing[name] = f"no {path}: `python -m npgm.experiments fig2` trains it"
            continue
        yield Case(name, "The paper's network.", masked, npgm.MLP.load(path),
                   data.x_test[:count], data.y_test[:count], EPSILON)


def row(case, tools):
    """What each tool, {name: function(case) -> {"error", "fooled", ...}}, says of a
    Case. The truth is the share of examples that any of them fools: the robust error is
    at least that."""
    answers, fooled, shown = {}, np.zeros(len(case.y), bool), 0
    for name, tool in tools.items():
        answers[name] = ask(tool, case)
        fooled |= answers[name].pop("fooled", False)
        shown = max(shown, answers[name].pop("shown", 0))
    return {"what": case.what, "masked": case.masked, "epsilon": case.epsilon,
            "clip": case.clip, "truth": max(percent(fooled), shown), "tools": answers}


def ask(tool, case):
    """What a tool says: its robust error in percent, None if it failed, and why; what
    it warned of; its seconds, of the processor's time: what else the machine does costs
    it none; and what else it gives."""
    start, answer = time.process_time(), {"error": None, "failed": ""}
    with listening() as heard:
        try:
            answer.update(tool(case))
        except Exception as error:      # whatever it is, it is told in the table
            answer["failed"] = reason(error)
    answer["seconds"] = round(time.process_time() - start, 2)
    answer["warned"] = answer.get("warned", []) + heard
    return answer


def attacked(attack, case):
    """By function(model, x, y, epsilon) -> (x_adv, wrong (N,) as its user counts)."""
    x_adv, wrong = attack(case.model, case.x, case.y, case.epsilon)
    return {"error": percent(wrong), "fooled": allowed(x_adv, case) & mistakes(
        case.model.logits(x_adv), case.y)}


def allowed(x_adv, case):
    """(N,): within epsilon and the clip."""
    low, high = case.clip or (-np.inf, np.inf)
    inside = ((np.abs(x_adv - case.x) <= case.epsilon + ROUNDING)
              & (x_adv >= low) & (x_adv <= high))
    return inside.reshape(len(x_adv), -1).all(axis=1)


def diagnosed(quick, case):
    """By npgm. shown: its error counts images that are fooled at a smaller epsilon too,
    and of those it hands on no more than how many."""
    report = npgm.diagnose(case.model, case.x, case.y, case.epsilon, case.clip,
                           quick=quick)
    error, line = percent(report.robust_error), report.verdict.line
    return {"error": error, "shown": error, "verdict": line,
            "fooled": np.logical_or.reduce(list(report.success.values())),
            "causes": report.verdict.causes, "warned": [line] if report.masked else []}


@contextlib.contextmanager
def listening():
    """A list of what is warned of within, whichever way: a line each. What is printed
    is kept from the screen."""
    heard, root = [], logging.getLogger()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: heard.append(record.getMessage())
    root.addHandler(handler)
    try:
        with (warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"),
              contextlib.redirect_stdout(io.StringIO())):
            warnings.simplefilter("always")
            yield heard
    finally:
        root.removeHandler(handler)
    heard += [str(warning.message) for warning in caught
              if not issubclass(warning.category, (DeprecationWarning, FutureWarning))]


def percent(wrong):
    return round(100 * float(np.mean(wrong)), 2)


def told(values):
    errors = ", ".join(f"{name} {answer['failed'] or answer['error']} "
                       f"({answer['seconds']:.1f} s)"
                       for name, answer in values["tools"].items())
    return f"truth {values['truth']}; {errors}"
