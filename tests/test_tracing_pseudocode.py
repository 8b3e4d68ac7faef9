"""A rule worked line by line: what is printed can be followed to the last bit."""
import ast
import functools
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_optimizers import ALL
from test_own_optimizers import half, with_rule
from test_tracing import OWN, every_dtype, every_optimizer, traced

from npgm.errors import InputError
from npgm.optimizers import ONE, quantities
from npgm.tracing import pseudocode, terminal, web

NAMES = ["W1[3,2]", "b1[0]", "b2[1]"]
MATHEMATICS = {"sqrt": np.sqrt, "maximum": np.maximum, "float32": np.float32,
               "half": half, "inf": np.inf, "nan": np.nan}


class InDtype(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.Call(ast.Name("dtype", ast.Load()), [node], [])


def evaluated(text, dtype):
    """What an expression of numbers is, each number taken in a dtype."""
    tree = ast.fix_missing_locations(InDtype().visit(ast.parse(text, mode="eval")))
    with np.errstate(all="ignore"):
        number = np.dtype(dtype).type
        return number(eval(compile(tree, "<printed>", "eval"),
                           {"dtype": number, **MATHEMATICS}))


def parameters_printed(text):
    """Of each parameter and update: its lines "name = ...", cut at "="."""
    for block in text.split("\n\n"):
        first, *lines = block.splitlines()
        if re.fullmatch(r"[Wb]\d+\[[\d,]+\]", first):
            yield [[part.strip() for part in re.split(r" = |^\s+= ", line)]
                   for line in lines if "=" in line]


@every_optimizer
@every_dtype
def test_the_numbers_printed_lead_to_theta_to_the_bit(optimizer, dtype, tiny_data):
    _, trace = traced(tiny_data, optimizer, dtype, steps=3, parameters=NAMES)
    number, blocks = np.dtype(dtype).type, list(parameters_printed(
        terminal.worked(trace)))
    assert len(blocks) == 3 * len(NAMES)
    for at, lines in enumerate(blocks):
        row, k = divmod(at, len(NAMES))
        computed = {}
        for (_, expression), (_, result), target in zip(
                lines, lines[1:], known_targets(lines)):
            if target and evaluated(expression, dtype).tobytes() != number(
                    result).tobytes():
                raise AssertionError(f"{target}: {expression} is not {result}")
            if target:
                computed[target] = number(result)
        for name in optimizer.rule.quantities:
            if name in computed:
                assert computed[name].tobytes() == trace[name][row, k].tobytes()
        assert {"theta", "step"} <= set(computed)


def known_targets(lines):
    """For each line, the name that the line of numbers after a formula belongs to: a
    line "= numbers" followed by "= result"."""
    targets, newest = [], None
    for line, following in zip(lines, lines[1:]):
        if line[0]:
            newest = line[0]
        numbers = not line[0] and not following[0]
        targets.append(newest if numbers else None)
    return targets


def test_adam_reads_as_it_is_written():
    shown = [(line.target, line.formula) for line in pseudocode.lines(
        ALL["adam algorithm1"].rule)]
    assert shown == [
        ("m", "beta1 * m + (1 - beta1) * g"), ("v", "beta2 * v + (1 - beta2) * g * g"),
        ("m_hat", "m / correction1"), ("v_hat", "v / correction2"),
        ("step", "alpha * m_hat / (sqrt(v_hat) + epsilon)"), ("theta", "theta - step")]


def test_numbers_within_the_rule_too(tiny_data):
    _, trace = traced(tiny_data, OWN["adan"], steps=2, parameters=NAMES)
    worked = {line.target: result for line, _, result in trace.worked(1)}
    np.testing.assert_array_equal(
        worked["looked_ahead"], trace["g"][1] + np.float32(1 - np.float32(0.08))
        * trace["change"][1])
    np.testing.assert_array_equal(worked["before"], trace["g"][1])


@given(st.floats(width=32, allow_nan=False), st.floats(allow_nan=False))
def test_a_number_is_read_back_to_the_bit(single, double):
    for value in (np.float32(single), np.float64(double)):
        text = pseudocode.text(value)
        assert evaluated(text, value.dtype).tobytes() == value.tobytes()


# Rules as users write them

LIMIT = -0.5


def many_ways(w, slope, m, alpha):
    """A docstring, other names for theta and g, a constant, an if, a loop."""
    m *= np.float32(0.5)
    if alpha > 1:
        m = m + slope
    else:
        m = m - slope
    for _ in range(2):
        m = m * m
    low, high = m - 1, m ** 2
    step = alpha * np.maximum(m, LIMIT) ** 2 + half(slope)
    return w - step, m, low + high, step


def closed_over(factor):
    def rule(theta, g, m, alpha):
        step = factor * g
        return theta - step, m + step, step
    return rule


@pytest.mark.parametrize("rule, names", [
    (many_ways, ("theta", "m", "both", "step")),
    (closed_over(np.float32(0.25)), ("theta", "m", "step"))])
def test_users_rules_are_worked_as_they_are(rule, names):
    optimizer = with_rule(rule, *names)
    rng = np.random.default_rng(0)
    theta, g = rng.normal(size=(2, 5)).astype("float32")
    state = optimizer.init(theta)
    new = optimizer.compute(theta, g, state)
    inputs = {"theta": theta, "g": g, "m": state.m,
              **optimizer.typed_coefficients(1, theta.dtype)}
    results = {}
    for line, operands, result in pseudocode.worked(rule, inputs):
        assert set(operands) == line.names
        if line.target:
            results[line.target] = result
            numbers = {name: value[2] if np.ndim(value) else value
                       for name, value in operands.items()}
            if line.names:
                assert evaluated(line.with_numbers(numbers), "float32") == result[2]
    for name in names:
        np.testing.assert_array_equal(results[name], new[name], name)


def test_lines_of_a_rule_with_an_if():
    optimizer = with_rule(many_ways, "theta", "m", "both", "step")
    lines = pseudocode.lines(optimizer.rule)
    assert [line.target for line in lines] == ["m", "", "", "", "step", "theta", "m",
                                               "both"]
    assert lines[0].formula == "m * float32(0.5)"
    assert lines[1].formula.startswith("if alpha > 1:")
    assert lines[4].formula == "alpha * maximum(m, -0.5) ** 2 + half(slope)"
    assert [line.formula for line in lines[5:]] == ["w - step", "m", "low + high"]


def early(theta, g, m, alpha):
    if alpha > 1:
        return theta, m
    return theta - alpha * g, m


def handed_on(theta, g, m, alpha):
    return early(theta, g, m, alpha)


@pytest.mark.parametrize("rule", [early, handed_on, eval(
    "lambda theta, g, m, alpha: (theta - alpha * g, m)")])
def test_a_rule_that_cannot_be_read_is_told_and_shown_by_its_quantities(
        rule, tiny_data, refused):
    optimizer = with_rule(rule, "theta", "m")
    with refused(InputError, rule.__name__):
        pseudocode.lines(optimizer.rule)
    _, trace = traced(tiny_data, optimizer, steps=2, parameters=NAMES)
    assert f"theta = {trace['theta'][1, 2]!s}" in terminal.worked(trace)


def told_by_wrapping(rule):
    @functools.wraps(rule)
    def clipped(theta, g, m, alpha):
        return rule(theta, np.clip(g, np.float32(-1e-3), np.float32(1e-3)), m, alpha)
    return clipped


@told_by_wrapping
def decorated(theta, g, m, alpha):
    return theta - alpha * g, m + g


def with_another_name_for_it(theta, g, m, alpha):
    old = m
    m *= np.float32(0.5)
    m += g
    return theta - alpha * (m + old), m


def of_two_dtypes(theta, g, m, alpha):
    return theta - alpha * g * np.float64(0.3), m + g


@pytest.mark.parametrize("rule", [decorated, with_another_name_for_it, of_two_dtypes])
def test_lines_that_lead_elsewhere_than_the_run_are_not_shown(rule, tiny_data, refused):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, trace = traced(tiny_data, with_rule(rule, "theta", "m"), steps=3,
                          parameters=NAMES)
    with refused(InputError, rule.__name__, "than was recorded"):
        trace.worked(2)
    shown = terminal.worked(trace)
    assert f"theta = {trace['theta'][2, 2]!s}" in shown and "alpha * " not in shown
    assert '"lines":null' in web.document({"one": trace})


def constant_first(theta, g, m, alpha):
    beta = 0.9
    m = beta * m + g
    return theta - alpha * m, m


def of_all_kinds(theta, g, m, alpha):
    kind = g.dtype
    both = g + m, g - m
    zero = 0.0 if alpha > 0 else g
    m = both[0].astype(kind)
    large = np.abs(g) > 1
    return theta - alpha * m - zero, np.where(large, m, m)


def by_keyword(theta, g, m, alpha):
    m = scaled(m, g=g)
    return theta - alpha * m, m


def scaled(m, g):
    return m + g


def shown_of(rule, data):
    """What terminal and page, the latter without its numbers, say of one parameter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, trace = traced(data, with_rule(rule, "theta", "m"), steps=2,
                          parameters=NAMES)
    assert '"lines":[' in web.document({"one": trace})
    return trace, terminal.worked(trace).split("\n\n")[2]


def test_a_constant_in_the_first_line_is_no_docstring(tiny_data):
    _, shown = shown_of(constant_first, tiny_data)
    assert "  beta = 0.9\n       = 0.9\n  m = beta * m + g\n" in shown


def test_lines_that_are_no_number_a_parameter_are_shown_without(tiny_data):
    trace, shown = shown_of(of_all_kinds, tiny_data)
    assert "\n  kind = g.dtype\n  both = (g + m, g - m)\n  zero = " in shown
    assert "\n    = both[0].astype(kind)\n" not in shown
    results = {line.target: result for line, _, result in trace.worked(1)}
    assert results["kind"] is None and results["both"] is None
    assert results["zero"].tolist() == [0, 0, 0] and results["zero"].dtype == "float32"
    assert results["large"].tolist() == [False, False, False]


def test_keywords_stay_as_they_are(tiny_data):
    trace, shown = shown_of(by_keyword, tiny_data)
    assert f"= scaled(0, g={pseudocode._within(trace['g'][0, 0])})" in shown


def raising(theta, g, m, alpha):
    assert g.base is None
    return theta - alpha * g, m


def test_a_line_that_raises_is_told(refused):
    three = np.zeros(3, "float32")
    with refused(InputError, "raising", "AssertionError"):
        list(pseudocode.worked(quantities("theta", "m")(raising), {
            "theta": three, "g": np.zeros(4)[1:], "m": three, "alpha": 1}))


def test_one_is_one():
    assert pseudocode.text(ONE) == "1"
