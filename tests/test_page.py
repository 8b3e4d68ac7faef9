"""A page: self-contained, escaped, and to be read on a phone."""
import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from npgm import page, svg

NASTY = '<script>"x" & \'y\'</script>'
ESCAPED = "&lt;script&gt;&quot;x&quot; &amp; &#x27;y&#x27;&lt;/script&gt;"


def tags(text):
    """[(tag, attributes), ...] in order; every one that is opened is closed."""
    found, still_open = [], []
    parser = HTMLParser()

    def begin(tag, attributes):
        found.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            still_open.append(tag)

    def end(tag):
        assert still_open.pop() == tag
    parser.handle_starttag, parser.handle_endtag = begin, end
    parser.feed(text)
    assert still_open == []
    return found


EVERYTHING = [
    page.section(NASTY, NASTY, ""), page.contents({NASTY: NASTY}),
    page.table([NASTY], [[NASTY]]), page.table([NASTY], [[NASTY]], [["head"]]),
    page.picture(b"", NASTY), page.strips([([(NASTY, b"", NASTY)], NASTY)]),
    page.callout(NASTY, "no", NASTY, ""), page.numbers([(NASTY, 0.5, NASTY, NASTY)]),
    page.stacked([page.Part(NASTY, 1, NASTY, NASTY, "#fff")]), page.bar(0.5, NASTY),
    page.note(NASTY), page.details(NASTY, NASTY, [(NASTY, NASTY)]),
    page.folded(NASTY, ""), page.document(NASTY, NASTY, ""),
    svg.curves([0, 1], [svg.Line(NASTY, (0, 1), "#000", "")], NASTY, 1, NASTY),
    svg.spread(range(5), [(1, NASTY)], NASTY)]


@pytest.mark.parametrize("text", EVERYTHING, ids=lambda text: text[:8])
def test_whatever_is_said_is_escaped(text):
    assert ESCAPED in text and NASTY not in text and "<script" not in text
    tags(text)


def test_a_document_asks_nothing_of_the_network():
    text = page.document("title", "heading", "<p>body</p>")
    assert "{{" not in text and "<title>title</title>" in text
    assert "<h1>heading</h1>" in text and "<p>body</p>" in text
    for outside in ("<script", 'src="', "<link", "@import", "url(", "http"):
        assert outside not in text
    assert ("meta", {"name": "viewport",
                     "content": "width=device-width, initial-scale=1"}) in tags(text)
    assert "prefers-color-scheme: dark" in text


def test_a_cell_says_what_it_is_of():
    """Where a row becomes a card there is no heading above it."""
    text = page.table(["rate", 'error "%"'], [["0.1", "2"], ["0.01", "3"]])
    assert [found["data-heading"] for tag, found in tags(text) if tag == "td"] == [
        "rate", 'error "%"'] * 2
    assert re.findall(r">([^<>]+)</t[dh]>", text) == [
        "rate", "error &quot;%&quot;", "0.1", "2", "0.01", "3"]
    assert "attr(data-heading)" in page.document("", "", "")


def test_cells_have_their_kinds():
    text = page.table(["name", "verdict"], [["a", "yes"], ["b", "no"]],
                      [["head", "good"], ["head", "bad"]], "sentences")
    found = tags(text)
    assert [attributes for tag, attributes in found if tag == "td"] == [
        {"class": "good", "data-heading": "verdict"},
        {"class": "bad", "data-heading": "verdict"}]
    assert [attributes for tag, attributes in found if tag == "th"] == [
        {}, {}, {"scope": "row"}, {"scope": "row"}]
    assert ("table", {"class": "sentences"}) in found


def test_contents_link_to_sections():
    text = page.contents({"a": "First"}) + page.section("a", "First", "<p>body</p>")
    found = tags(text)
    assert ("a", {"href": "#a"}) in found and ("section", {"id": "a"}) in found
    assert text.endswith("<h2>First</h2><p>body</p></section>")


def test_a_picture_is_within_the_page():
    (_, image), = [found for found in tags(page.picture(b"\x89PNG", "a <plot>"))
                   if found[0] == "img"]
    kind, data = image["src"].split(",")
    assert kind == "data:image/png;base64" and base64.b64decode(data) == b"\x89PNG"
    assert image["alt"] == "a <plot>"


def test_a_bar_is_as_long_as_its_share_and_said_in_words():
    (_, attributes), = tags(page.bar(0.25, "25 %"))
    assert attributes["style"] == "--share:0.2500" and "25 %" in page.bar(0.25, "25 %")
    assert "<td class=\"\" data-heading=\"a\">25 %<span" in page.table(
        ["a"], [[page.bar(0.25, "25 %")]])


def test_a_whole_is_told_without_its_colors():
    text = page.stacked([page.Part("one", 0.97, "97 %", "most", "#aaa"),
                         page.Part("two", 0.03, "3 %", "rest", "#bbb")])
    found = tags(text)
    assert ("div", {"class": "stacked", "role": "img",
                    "aria-label": "one 97 %, two 3 %"}) in found
    assert re.findall(r'class="letter" style="background:(#\w+)">(\w)<', text) == [
        ("#aaa", "A"), ("#bbb", "B")]
    assert re.findall(r"flex-grow:([\d.]+);background:#\w+\">(\w?)<", text) == [
        ("0.9700", "A"), ("0.0300", "")]        # no room for a letter


def test_lines_are_drawn_where_they_belong():
    text = svg.curves([0, 0.5, 2], [svg.Line("one", (0, 0.5, 1), "#123456", "")],
                      "x", 1, "what it shows")
    (_, line), *_ = [found for found in tags(text) if found[0] == "polyline"]
    points = [tuple(map(float, point.split(","))) for point in line["points"].split()]
    left, right, base = svg.LEFT, svg.WIDTH - svg.RIGHT, svg.TOP + svg.HIGH
    assert points == [(left, base), (left + (right - left) / 4, base - svg.HIGH / 2),
                      (right, svg.TOP)]
    assert ("svg", {"class": "drawing", "viewbox": "0 0 360 248", "role": "img",
                    "aria-label": "what it shows"}) in tags(text)


@pytest.mark.parametrize("quantiles", [(-5, -1, 0, 3, 9), (20, 200, 2000, 3000, 1e5),
                                       (0, 0, 0, 0, 0), (-1e30, 0, 1, 2, 1e30)])
def test_a_spread_stays_within_its_drawing(quantiles):
    found = tags(svg.spread(quantiles, [(16.6, "one"), (745, "two")], ""))
    places = [float(attributes[name]) for tag, attributes in found
              for name in ("x", "x1", "x2") if name in attributes]
    assert 0 <= min(places) and max(places) <= svg.WIDTH
    box, = [attributes for tag, attributes in found if tag == "rect"]
    assert float(box["width"]) >= 0
    ticks = sorted(float(attributes["x"]) for tag, attributes in found
                   if attributes.get("y") == f"{svg.AXIS + 16:.1f}")
    assert len(ticks) > 2 and np.diff(ticks).min() > 15
