"""A page: self-contained, escaped, and to be read on a phone."""
import base64
import re
from html.parser import HTMLParser

import pytest

from npgm import page

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
    page.picture(b"", NASTY), page.note(NASTY),
    page.details(NASTY, NASTY, [(NASTY, NASTY)]), page.document(NASTY, NASTY, "")]


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
