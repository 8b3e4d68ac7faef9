"""A rule read line by line, and worked with numbers: formula, numbers, result.

The lines are the rule's own source, so what is shown of an update is what computes it;
a user's own rule reads as ours do.
"""
import ast
import functools
import inspect
import numbers
import textwrap
from dataclasses import dataclass
from types import CodeType

import numpy as np

from npgm.errors import InputError, told


@dataclass(frozen=True)
class Line:
    """target = formula, one line of a rule. names: what of the formula may be replaced
    by numbers. parts: the formula, cut at those names. returned: it stands behind the
    rule's `return`. A line that is no assignment to one name (an if, a loop) has its
    text for a formula, no target and no names."""

    target: str
    formula: str
    parts: tuple
    names: frozenset
    code: CodeType
    returned: bool

    @property
    def plain(self):
        """The line without numbers."""
        return f"{self.target} = {self.formula}" if self.target else self.formula

    def with_numbers(self, values):
        """The formula with numbers put in, values {name: number}: negative ones in
        parentheses, each as short as it can be read back in its dtype."""
        return "".join(_within(values[part]) if part in values else part
                       for part in self.parts)


def text(number):
    """A number, as short as it can be read back in its dtype."""
    return str(number).removesuffix(".0")


@functools.cache
def lines(rule):
    """The Lines of a rule, those of what it returns last. Raises InputError where its
    source is not to be had, or is not line after line."""
    *body, last = _definition(rule).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value,
                                                             ast.Constant):
        body = body[1:]         # its docstring
    values = getattr(getattr(last, "value", None), "elts", ())
    if not isinstance(last, ast.Return) or len(values) != len(rule.quantities) or any(
            isinstance(node, ast.Return) for part in body for node in ast.walk(part)):
        raise InputError(f"the rule {rule.__name__} cannot be read line by line: let "
                         "it end in return, once, with a value for each quantity")
    place, known = _place(rule), set(inspect.signature(rule).parameters)
    found, told = [], set()         # told: names that a line of their own gives last
    for statement in body:
        found.append(_line(statement, known, place))
        stored = {node.id for node in ast.walk(statement)
                  if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        known |= stored
        told = told - stored | {found[-1].target}
    return found + [_assigned(name, value, known, place, returned=True)
                    for name, value in zip(rule.quantities, values)
                    if not (isinstance(value, ast.Name) and value.id == name in told)]


def worked(rule, inputs):
    """Yield (Line, {name: number}, result (K,)) for each line of a rule, from inputs
    {name: number, or (K,)}: theta, g and what the rule takes. What is not one number
    for each of the K parameters is left out; as a result it is None. Raises InputError
    as lines does, and where a line raises."""
    theta, g, *others = inspect.signature(rule).parameters
    given = {theta: inputs["theta"], g: inputs["g"],
             **{name: inputs[name] for name in others}}
    scope = {**_place(rule), **given}
    for line in lines(rule):
        operands = {name: scope[name] if scope[name] is given.get(name)
                    else _each(scope[name], inputs["theta"])
                    for name in line.names if name in scope}
        here = dict(scope) if line.returned else scope      # returned all at once
        with np.errstate(all="ignore"), told(f"the rule {rule.__name__}, read line by "
                                             f"line, at {line.formula!r}"):
            exec(line.code, here)
        yield (line, {name: value for name, value in operands.items()
                      if value is not None},
               _each(here[line.target], inputs["theta"]) if line.target else None)


def _each(value, theta):
    """A value as a number for each of theta (K,), in its own dtype, or in theta's if it
    is one of Python's; None where it is not that."""
    if not isinstance(value, (np.ndarray, np.generic, numbers.Real)):
        return None
    value = np.asarray(value, theta.dtype if type(value) in (int, float) else None)
    if value.dtype.kind not in "bf" or value.shape not in ((), (1,), theta.shape):
        return None
    return np.broadcast_to(value, theta.shape).copy()


def _place(rule):
    """{name: value} of what a rule finds around it."""
    return {**rule.__globals__, **inspect.getclosurevars(rule).nonlocals}


def _definition(rule):
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(rule)))
        return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
                    and node.name == rule.__name__)
    except (OSError, TypeError, SyntaxError, StopIteration):
        raise InputError(f"the source of the rule {rule.__name__} is not to be had: "
                         "write it as a function, in a file") from None


def _line(statement, known, place):
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        name = statement.target.id      # m += g is m = m + g
        return _assigned(name, ast.BinOp(ast.Name(name, ast.Load()), statement.op,
                                         statement.value), known, place)
    targets = getattr(statement, "targets", [])
    if len(targets) == 1 and isinstance(targets[0], ast.Name):
        return _assigned(targets[0].id, statement.value, known, place)
    formula = ast.unparse(statement)
    return Line("", formula, (formula,), frozenset(), _compiled(statement), False)


def _assigned(target, expression, known, place, returned=False):
    code = _compiled(ast.Assign([ast.Name(target, ast.Store())], expression))
    plain = _Plain(known, place).visit(ast.parse(ast.unparse(expression), mode="eval"))
    formula = ast.unparse(plain)
    places = _places(formula, known)
    cuts = [0, *(end for place in places for end in place), len(formula)]
    return Line(target, formula, tuple(formula[start:end] for start, end in
                                       zip(cuts, cuts[1:]) if start < end),
                frozenset(formula[start:end] for start, end in places), code, returned)


def _places(formula, known):
    """[(start, end)] of the names in a formula that stand for numbers: not of
    keywords, nor of what an attribute is asked of."""
    tree = ast.parse(formula, mode="eval")
    asked = [node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)
             and node.id in known and node not in asked]
    return sorted((len(formula.encode()[:node.col_offset].decode()),
                   len(formula.encode()[:node.end_col_offset].decode()))
                  for node in found)


def _compiled(statement):
    module = ast.fix_missing_locations(ast.Module([statement], []))
    return compile(module, "<a line of a rule>", "exec")


class _Plain(ast.NodeTransformer):
    """Formulas as people write them: np.sqrt is sqrt, ONE is 1."""

    def __init__(self, known, place):
        self.known, self.place = known, place

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name) and inspect.ismodule(
                self.place.get(node.value.id)):
            return ast.Name(node.attr, ast.Load())
        return self.generic_visit(node)

    def visit_Name(self, node):
        value = self.place.get(node.id)
        if node.id not in self.known and isinstance(value, numbers.Number):
            return ast.parse(text(value), mode="eval").body
        return node


def _within(number):
    shown = text(number)
    return f"({shown})" if shown.startswith("-") else shown
