"""The page of a trace: its numbers are the trace's, it fits, and it stands alone."""
import base64
import dataclasses
import hashlib
import io
import json
import re
import subprocess

import browser
import numpy as np
import pytest
from browser import browsers, opened
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from matplotlib.image import imread
from test_page import tags
from test_tracing import OWN, STEPS, every_dtype, every_optimizer, traced

from npgm.errors import InputError
from npgm.optimizers import SGD, Adam, Momentum
from npgm.tracing import __main__ as command_line
from npgm.tracing import pseudocode, toy, web
from npgm.tracing.web import assembly
from npgm.tracing.web.arrays import Arrays
from npgm.tracing.web.assembly import thinned
from npgm.training import batch_rows

NASTY = "</script><script>alert('x')</script> {{data}} & $1"
NUMPY = {"Uint8Array": "u1", "Uint16Array": "<u2", "Int32Array": "<i4",
         "Float32Array": "<f4", "Float64Array": "<f8"}


def decoded(one):
    """An array as the page has it."""
    kept = np.frombuffer(base64.b64decode(one["data"]), NUMPY[one["type"]])
    return kept.astype(one["dtype"]).reshape(one["shape"])


def held(document):
    """What a page holds, its arrays as arrays."""
    text = re.search('<script type="application/json" id="held">(.*?)</script>',
                     document, re.DOTALL)[1]
    found = json.loads(text)
    return {**found, "arrays": [decoded(one) for one in found["arrays"]]}


def same(one, other):
    """Whether they are the same numbers, zeros' signs included."""
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)
    if one.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(one[one == 0]),
                                      np.signbit(other[other == 0]))


def compared(data, **options):
    """Three optimizers, one of which stops early."""
    traces = {name: traced(data, optimizer, **options)[1] for name, optimizer in
              (("sgd", SGD()), ("momentum", Momentum()), ("adam", Adam(0.01)))}
    stopped = traced(data, Momentum(), steps=9)[1]
    stopped.ended = "interrupted after update 9"
    return {**traces, "momentum": stopped}


# Numbers


@given(some.arrays(st.sampled_from(["float32", "float64", "int64", "bool"]),
                   some.array_shapes(max_dims=2, max_side=5)))
def test_an_array_is_held_to_the_bit(values):
    if values.dtype == "int64":
        values = values % 100_000
    kept = Arrays()
    place = kept.add(values)
    assert kept.add(values.copy()) == place and len(kept.packed) == 1
    same(decoded(kept.packed[place]), values)


def test_the_smallest_type_that_holds_the_numbers():
    kept = Arrays()
    for values in (np.array([0.5]), np.array([0.1]), np.array([255]), np.array([256]),
                   np.array([-1]), np.array([True]), np.array([np.nan, np.inf])):
        kept.add(values)
    assert [one["type"] for one in kept.packed] == [
        "Float32Array", "Float64Array", "Uint8Array", "Uint16Array", "Int32Array",
        "Uint8Array", "Float32Array"]
    assert kept.packed[0]["dtype"] == "float64"


@every_optimizer
@every_dtype
def test_every_series_is_the_traces(optimizer, dtype, tiny_data):
    _, trace = traced(tiny_data, optimizer, dtype)
    found = held(web.document({"one": trace}))
    arrays = found["arrays"]
    same(arrays[found["steps"]], trace.steps)
    assert found["parameters"] == list(trace.parameters)
    for chart in found["charts"]["parameter"]:
        same(arrays[chart["lines"][0]["array"]], trace[chart["name"]])
    assert [chart["name"] for chart in found["charts"]["parameter"]] == [
        name for name in trace.names if not name.endswith("_before")]
    for chart in found["charts"]["batch"]:
        for line in chart["lines"]:
            same(arrays[line["array"]], trace.batch[chart["name"]])
    for layer, known in found["charts"]["layers"].items():
        for chart in known["charts"]:
            same(arrays[chart["lines"][0]["array"]], trace.layers[layer][chart["name"]])
        same(arrays[known["histogram"][0]["array"]], trace.layers[layer]["histogram"])


@every_optimizer
def test_every_line_has_the_numbers_of_its_update(optimizer, tiny_data):
    _, trace = traced(tiny_data, optimizer)
    found = held(web.document({"one": trace}))
    arrays, lines = found["arrays"], found["traces"][0]["lines"]
    for row in range(STEPS):
        for shown, (line, operands, result) in zip(lines, trace.worked(row),
                                                   strict=True):
            assert shown["target"] == line.target
            for part, name, told in zip(shown["parts"], shown["names"], line.parts,
                                        strict=True):
                if name:
                    assert name == told
                    same(arrays[part][row], np.asarray(operands[name]))
                else:
                    assert part == told
            same(arrays[shown["result"]][row], np.asarray(result))
    for name, array in found["traces"][0]["given"]:
        known = name if name in (*trace.coefficients, "g") else name + "_before"
        same(arrays[array], trace[known])


def test_a_rule_that_cannot_be_read_has_its_quantities(tiny_data):
    _, trace = traced(tiny_data, OWN["adan"], steps=3)
    trace.optimizer = None
    shown, = held(web.document({"one": trace}))["traces"]
    assert shown["lines"] is None
    assert {"theta", "m", "change"} <= {name for name, _ in shown["made"]}


def test_several_are_in_the_same_charts(tiny_data):
    traces = compared(tiny_data)
    found = held(web.document(traces))
    assert [trace["label"] for trace in found["traces"]] == list(traces)
    assert len(found["arrays"][found["steps"]]) == STEPS
    assert len(found["arrays"][found["traces"][1]["steps"]]) == 9
    by_name = {chart["name"]: chart["lines"] for chart in
               [*found["charts"]["parameter"], *found["charts"]["batch"]]}
    for name, count in (("theta", 3), ("m", 1), ("loss", 3), ("lead, median", 3),
                        ("silent, hidden layer 1", 3)):
        assert len(by_name[name]) == count


def test_the_images_of_the_batch_and_the_pixel(tiny_data):
    _, trace = traced(tiny_data, steps=12, every=4)
    found = held(web.document({"one": trace}, tiny_data, batch_size=10, seed=0))
    digits, arrays = found["digits"], found["arrays"]
    assert digits["pixels"][:3] == [[0, 3], [3, 3], None]       # W1[3,2] W1[15,7] b1[0]
    for place, t in enumerate([1, 5, 9]):
        x = tiny_data.x_train[batch_rows(60, 10, 0, t)]
        same(arrays[digits["labels"]][place],
             tiny_data.y_train[batch_rows(60, 10, 0, t)])
        assert arrays[digits["lit"]][place, 0] == np.count_nonzero(x[:, 3])
        png = imread(io.BytesIO(base64.b64decode(digits["strips"][place])))[..., 0]
        for n in (0, 9):
            row, column = divmod(n, digits["columns"])
            seen = png[4 * row:4 * row + 4, 4 * column:4 * column + 4]
            np.testing.assert_allclose(seen, x[n].reshape(4, 4), atol=1 / 29)


def test_examples_that_are_no_images_are_not_shown(tiny_data):
    _, trace = traced(tiny_data, steps=2)
    rows = dataclasses.replace(tiny_data, shape=(1, 16))
    assert held(web.document({"one": trace}, rows, 10))["digits"] is None


@pytest.mark.parametrize("surface", toy.SURFACES)
def test_a_toy_has_its_path(surface):
    trace = toy.trace(surface, SGD(0.05), steps=20)
    found = held(web.document({"sgd": trace}, ground=toy.ground(surface)))
    path = found["arrays"][found["ground"]["paths"][0]["array"]]
    same(path[:, 0], trace["theta_before"][:, 0])
    same(path[:, 1], trace["loss"] if surface == "weight"
         else trace["theta_before"][:, 1])
    assert len(found["ground"]["names"]) == 2 and not found["charts"]["layers"]


# Limits


@given(st.integers(1, 5000), st.integers(20, 2000))
def test_thinned_steps(count, most):
    rows = thinned(count, most)
    assert len(rows) == min(count, most) and rows[0] == 0 and rows[-1] == count - 1
    gaps = np.diff(rows)
    assert (gaps > 0).all() and (gaps[:most // 4 - 1] == 1).all()
    assert not len(gaps[most // 4:]) or np.ptp(gaps[most // 4:]) <= 1


@pytest.mark.parametrize("largest, least", [(200_000, 20), (130_000, 5)])
def test_a_page_that_would_be_too_large_is_thinned(largest, least, tiny_data,
                                                   monkeypatch):
    _, trace = traced(tiny_data, steps=400)
    whole = web.document({"one": trace})
    assert len(whole) > 200_000 and "Thinned" not in whole
    monkeypatch.setattr(assembly, "LARGEST", largest)
    monkeypatch.setattr(assembly, "LEAST", least)
    thin = web.document({"one": trace})
    assert len(thin.encode()) <= largest
    found = held(thin)
    steps = found["arrays"][found["steps"]]
    assert f"of 400 updates recorded this page holds {len(steps)}" in thin
    assert f"more would not fit into {largest / 1e6:g} MB" in thin
    assert steps[0] == 1 and steps[-1] == 400 and len(steps) >= least
    for chart in found["charts"]["parameter"]:
        same(found["arrays"][chart["lines"][0]["array"]],
             trace[chart["name"]][steps - 1])


def test_what_would_not_be_seen_is_thinned(tiny_data, monkeypatch):
    _, trace = traced(tiny_data, steps=60)
    monkeypatch.setattr(assembly, "MOST", 40)
    text = web.document({"one": trace})
    assert "of 60 updates recorded this page holds 40, the first 10" in text
    assert "more would not be seen" in text and "would not fit" not in text


def test_what_does_not_fit_even_so_is_refused(tiny_data, monkeypatch, refused):
    _, trace = traced(tiny_data)
    monkeypatch.setattr(assembly, "LARGEST", 50_000)
    with refused(InputError, "follow fewer parameters"):
        web.document({"one": trace})


def test_ten_thousand_updates_of_a_hundred_parameters():
    """As large as it may become: every number another."""
    text = web.document({"adam": wide(10_000, 100)})
    assert len(text.encode()) <= 10_000_000
    assert len(held(text)["arrays"][0]) > 1000


def wide(steps, count):
    """A Trace of that many updates of parameters that see noise."""
    optimizer, rng = Adam(form="algorithm1"), np.random.default_rng(0)
    trace = toy.trace("weight", optimizer, steps=1)
    theta = rng.normal(size=count).astype("float32")
    state = optimizer.init(theta)
    series = {name: np.empty((steps, count), "float32") for name in trace.quantities}
    numbers = {name: np.empty(steps, "float32") for name in trace.coefficients}
    for row in range(steps):
        g = rng.normal(size=count).astype("float32")
        before = {"g": g, "theta_before": theta, "m_before": state.m,
                  "v_before": state.v}
        new = optimizer.compute(theta, g, state)
        for name, values in {**before, **new}.items():
            series[name][row] = values
        for name, value in optimizer.coefficients(row + 1).items():
            numbers[name][row] = value
        theta, state.m, state.v, state.t = new["theta"], new["m"], new["v"], row + 1
    names = tuple(f"W1[{k},0]" for k in range(count))
    return dataclasses.replace(
        trace, parameters=names, steps=np.arange(1, steps + 1), quantities=series,
        coefficients=numbers, batch={})


# It stands alone


def test_it_asks_for_nothing(tiny_data):
    _, trace = traced(tiny_data, steps=3)
    text = web.document({NASTY: trace}, tiny_data, 10)
    found = tags(re.sub("<input[^>]*>", "", text))
    for tag, attributes in found:
        assert tag not in ("link", "iframe", "object") and "style" not in attributes
        assert not {"src", "href", "onclick", "onload"} & set(attributes)
    policy, = (attributes["content"] for tag, attributes in found
               if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    script = re.search("<script>(.*?)</script>", text, re.DOTALL)[1]
    for part in (script, *re.findall("<style>(.*?)</style>", text, re.DOTALL)):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_what_a_user_names_is_escaped(tiny_data):
    _, trace = traced(tiny_data, steps=3)
    trace.ended = NASTY
    text = web.document({NASTY: trace})
    assert text.count("<script") == 2 and text.count("</script>") == 2
    found = held(text)["traces"][0]
    assert (found["label"], found["ended"]) == (NASTY, NASTY)


def test_how_it_ended_is_said(tiny_data):
    assert "momentum interrupted after update 9: its trace ends there" in (
        web.document(compared(tiny_data)))
    trace = toy.trace("valley", SGD(1e30), steps=5)
    assert "diverged at update" in web.document({"sgd": trace})


def test_a_trace_of_nothing_is_a_page_too(tiny_data):
    trace = dataclasses.replace(traced(tiny_data, steps=1)[1], batch={}, layers={})
    empty = dataclasses.replace(trace, steps=trace.steps[:0], quantities={
        name: values[:0] for name, values in trace.quantities.items()}, coefficients={
        name: values[:0] for name, values in trace.coefficients.items()})
    for data in (None, tiny_data):
        assert "No update was recorded" in web.document({"one": empty}, data, 10)
    none = traced(tiny_data, parameters=[], steps=2)[1]
    assert held(web.document({"one": none}))["parameters"] == []


def test_it_is_written(tiny_data, tmp_path):
    _, trace = traced(tiny_data, steps=3)
    trace.write_html(tmp_path / "a.html", tiny_data, batch_size=10)
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == web.document(
        {"Adam": trace}, tiny_data, 10)


@pytest.mark.parametrize("words, has", [
    (["adam", "--steps", "4", "--hidden", "8"], ["digits"]),
    (["--compare", "sgd", "adam", "--steps", "4", "--hidden", "8"], ["digits"]),
    (["adam", "--toy", "saddle", "--steps", "9"], ["ground"])])
def test_the_command_writes_it(words, has, data, tmp_path, capsys):
    where = [] if "--toy" in words else ["--data", str(data)]
    assert command_line.main([*words, *where, "--html", str(tmp_path / "a.html")]) == 0
    assert f"written: {tmp_path / 'a.html'}" in capsys.readouterr().out
    found = held((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert [name for name in ("digits", "ground") if found[name]] == has


# In a browser


def words(page, selector):
    return page.run(f"[...document.querySelectorAll({selector!r})]"
                    ".map((one) => one.textContent)")


@pytest.mark.slow
@browsers
def test_a_number_reads_as_in_python(tiny_data, tmp_path):
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 2 ** 32, 20_000, np.uint32).view("float32")
    cases = [whole, 2.0 ** np.arange(-149, 128).astype("float32"),
             np.array([0, -0.0, np.nan, np.inf, -np.inf, 1e16, 9e15, 1e-4,
                       999999.9, 1e6], "float32"),
             rng.integers(0, 2 ** 63, 20_000, np.uint64).view("float64"),
             np.array([1e-4, 9.9e-5, 1e16, 123456789.0, 0.1, 1e-310]),
             np.arange(-3, 300)]
    with opened(tmp_path, web.document({"one": traced(tiny_data, steps=2)[1]})) as page:
        for values in cases:
            kept = Arrays()
            kept.add(values)
            one = json.dumps(kept.packed[0])
            shown = page.run(f"(() => {{ const one = new Numbers({one}); return "
                             f"Array.from(one.values, (_, n) => one.text(n)); }})()")
            assert shown == [pseudocode.text(value) for value in values]


@pytest.mark.slow
@browsers
@every_dtype
def test_what_is_shown_is_the_trace(dtype, tiny_data, tmp_path):
    _, trace = traced(tiny_data, dtype=dtype)
    text = web.document({"one": trace}, tiny_data, 10)
    with opened(tmp_path, text, width=390, dark=dtype == "float64") as page:
        for row, k in ((0, 0), (11, 1), (24, 3)):
            page.run(f"(() => {{ by('parameter').value = {k};"
                     "by('parameter').dispatchEvent(new Event('change'));"
                     f"by('slider').value = {row};"
                     "by('slider').dispatchEvent(new Event('input')); })()")
            assert words(page, "#where") == [f"update {trace.steps[row]}"]
            results = [pseudocode.text(result[k])
                       for _, _, result in trace.worked(row)]
            assert words(page, ".rule .result") == results
            put = [line.with_numbers({name: value[k] if np.ndim(value) else value
                                      for name, value in operands.items()})
                   for line, operands, _ in trace.worked(row)]
            shown = words(page, ".rule .put")
            assert shown == [one for formula, result in zip(put, results)
                             for one in (f"= {formula}", f"= {result}")]
            charts = dict(zip(words(page, "#of-parameter h4"),
                              words(page, "#of-parameter .value")))
            assert charts == {name.replace("_", " "): pseudocode.text(
                trace[name][row, k]) for name in
                ("theta", "m", "v", "step", "g", "effective_rate")}
            assert "" not in words(page, "h2, h3, h4")
            bars = trace.layers["W1"]["histogram"][row]
            assert words(page, "#histograms .box + text") == [
                str(count or "") for count in bars]
            assert words(page, "#of-batch .value")[0] == pseudocode.text(
                trace["loss"][row])


@pytest.mark.slow
@browsers
def test_by_keyboard_and_line_by_line(tiny_data, tmp_path):
    with opened(tmp_path, web.document(compared(tiny_data), tiny_data, 10)) as page:
        for key, update in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
            page.press(key)
            assert words(page, "#where") == [f"update {update}"]
        page.run("(() => { by('by').value = 'line';"
                 "by('by').dispatchEvent(new Event('change')); })()")
        lit = []
        for _ in range(5):
            lit.append(page.run("[...document.querySelectorAll('.card:last-child li')]"
                                ".findIndex((one) => one.ariaCurrent)"))
            page.press("ArrowRight")
        assert lit == [0, 1, 2, 3, 0]
        page.press("ArrowRight")
        assert words(page, "#where") == ["update 3, line 3"]
        page.run("(() => { by('slider').value = 6;"
                 "by('slider').dispatchEvent(new Event('input')); })()")
        assert words(page, "#where") == ["update 7, line 3"]
        for says, live in (("pause", "off"), ("play", "polite")):
            page.press(" ", " ")
            assert words(page, "#play") == [says]
            assert page.run("by('where').ariaLive") == live
        page.run("goToStep(20)")
        assert "interrupted after update 9" in words(page, ".card")[1]
        page.run("document.activeElement.blur()")
        order = []
        for _ in range(4):
            page.press("Tab", "\t")
            order.append(page.run("document.activeElement.id || "
                                  "document.activeElement.tagName"))
        assert order == ["parameter", "SUMMARY", "SUMMARY", "SUMMARY"]
        assert page.run("getComputedStyle(document.activeElement).outlineStyle"
                        ) == "solid"
        page.press("ArrowLeft")             # what has the focus keeps it
        assert page.run("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.slow
@browsers
def test_a_page_of_little(tiny_data, tmp_path):
    """Nothing followed; nothing recorded; names that are no HTML."""
    trace = traced(tiny_data, parameters=[], steps=3)[1]
    with opened(tmp_path, web.document({NASTY: trace}, tiny_data, 10)) as page:
        assert words(page, "h1") == [f"{NASTY}, update by update"]
        page.press("ArrowRight")
        assert words(page, "#where") == ["update 2"]
        assert words(page, "#worked:not([hidden])") == []
    empty = toy.trace("valley", SGD(), steps=3)
    empty.steps = empty.steps[:0]
    (tmp_path / "empty").mkdir()
    with opened(tmp_path / "empty", web.document({"sgd": empty})) as page:
        assert words(page, "#explorer:not([hidden])") == []
        assert "No update was recorded." in words(page, ".notes p")


@pytest.mark.slow
@browsers
def test_axes_charts_and_a_finger(tiny_data, tmp_path):
    diverged = traced(tiny_data, Adam(0.01, form="printed"))[1]
    text = web.document({"a": traced(tiny_data)[1], "b": diverged})
    with opened(tmp_path, text, width=390) as page:
        for axis in ("log", "signed log", "linear"):
            page.run(f"boards.forEach((one) => {{ one.scaleY.value = {axis!r};"
                     "one.boxes.forEach((box) => { box.checked = true; });"
                     "one.scaleX.value = 'log'; one.draw(); })")
            assert page.run("by('explorer').innerHTML.includes('NaN')") is False
            assert page.run("boards.flatMap((one) => one.shown).every("
                            "(one) => one.up.ticks.length)")
        page.run("boards[0].together.click()")
        assert len(words(page, "#of-parameter h4")) == 1
        looks = page.run("[...document.querySelectorAll('#of-parameter .key li')].map("
                         "(one) => one.querySelector('svg').innerHTML)")
        assert len(looks) > 20 and len(set(looks)) == len(looks)
        x, y = page.run("(() => { const chart = document.querySelector('.chart');"
                        "chart.scrollIntoView({block: 'center'});"
                        "const box = chart.getBoundingClientRect();"
                        "return [box.right - 11, box.top + 20]; })()")
        page.touch((x, y))
        assert words(page, "#where") == [f"update {STEPS}"]
        page.touch(*((x - past, y) for past in range(0, 300, 20)))
        assert words(page, "#where") == ["update 1"]
        for kind in ("mousePressed", "mouseReleased"):
            page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                      clickCount=1)
        assert words(page, "#where") == [f"update {STEPS}"]


@pytest.mark.slow
@browsers
def test_every_axis_has_ticks(tiny_data, tmp_path):
    cases = [[0.011, 0.0123, 0.02], [-0.02, -0.0123, -0.011], [3, 4], [-1, 0, 1000],
             [0, 5e-7], [1, 1e8], [-1e-8, 1e8], [1.00001, 1.00002]]
    with opened(tmp_path, web.document({"a": traced(tiny_data, steps=2)[1]})) as page:
        for values in cases:
            low, high = min(values), max(values)
            for scale in ["linear", "signed log", *(["log"] if low > 0 else [])]:
                ticks = page.run(f"axis({scale!r}, {values}, 0, 1).ticks")
                assert len(ticks) > 1 and all(low <= tick <= high for tick in ticks)


@pytest.mark.slow
@browsers
def test_it_plays_unless_less_motion_is_asked_for(tmp_path):
    trace = toy.trace("valley", Adam(0.1), steps=4)
    text = web.document({"adam": trace}, ground=toy.ground("valley"))
    at_end = ("new Promise((done) => { by('play').click(); const look = () => "
              "state.place === 3 && state.timer === null ? done(true) : "
              "setTimeout(look, 50); look(); })")
    with opened(tmp_path, text) as page:
        assert page.run(at_end) is True
    (tmp_path / "calm").mkdir()
    with opened(tmp_path / "calm", text, calm=True) as page:
        assert page.run("by('play').disabled && !by('still').hidden")
        page.press(" ", " ")
        assert page.run("state.timer === null")
        page.press("ArrowRight")
        assert words(page, "#where") == ["update 2"]


@pytest.mark.slow
@browsers
@pytest.mark.parametrize("text, script", [
    ("<!doctype html><script>for (;;) {}</script>", ""),
    ("<!doctype html>", "new Promise(() => {})")])
def test_a_page_that_hangs_is_ended(text, script, tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "PATIENCE", 4)
    with pytest.raises(RuntimeError, match="has ended"):
        with opened(tmp_path, text) as page:
            page.run(script)
    left = subprocess.run(["pgrep", "-f", f"remote-debugging-pipe.*{tmp_path}"],
                          stdout=subprocess.DEVNULL)
    assert left.returncode == 1
