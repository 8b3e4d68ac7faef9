"""A self-contained HTML page: it asks nothing of the network, and reads well on a
phone and in the dark."""
import base64
import html
import importlib.resources
from typing import NamedTuple

ROOM = 0.06         # of a stacked bar, on a phone: for a letter


class Markup(str):
    """HTML, where plain text is expected: it is not escaped."""


class Part(NamedTuple):
    """Of a whole. share: of 1, words: that as text; meaning: a sentence; color: one
    that dark text can be read on."""

    name: str
    share: float
    words: str
    meaning: str
    color: str


def document(title, heading, body):
    """The page as text. body: HTML; the rest is plain text."""
    page = importlib.resources.files("npgm").joinpath("page.html").read_text(
        encoding="utf-8")
    for name, value in (("title", html.escape(title)),
                        ("heading", html.escape(heading)), ("body", body)):
        page = page.replace("{{" + name + "}}", value)
    return page


def section(name, heading, body):
    """A part of the page that contents can link to. body: HTML."""
    return (f'<section id="{html.escape(name)}"><h2>{html.escape(heading)}</h2>{body}'
            "</section>")


def contents(headings):
    """Links to the sections {name: heading}."""
    links = "".join(f'<li><a href="#{html.escape(name)}">{html.escape(text)}</a></li>'
                    for name, text in headings.items())
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def callout(name, kind, heading, body):
    """A section that stands out. kind: "yes", "no" or "otherwise"; body: HTML."""
    return (f'<section id="{html.escape(name)}" class="callout {kind}">'
            f"<h2>{html.escape(heading)}</h2>{body}</section>")


def table(headings, rows, kinds=None, css=""):
    """A table of plain text, or Markup. kinds: a list a row of CSS classes, "head" for
    a cell that the row is known by; css: the table's class."""
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(map(_cell, headings, row, kinds[i] if kinds else
                                        [""] * len(row))) + "</tr>"
                   for i, row in enumerate(rows))
    return (f'<div class="scroll"><table class="{css}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _cell(heading, text, kind):
    if kind == "head":
        return f"<th scope=row>{html.escape(text)}</th>"
    return (f'<td class="{kind}" data-heading="{html.escape(heading)}">'
            f"{_escaped(text)}</td>")


def _escaped(text):
    return text if isinstance(text, Markup) else html.escape(text)


def bar(share, words):
    """A share of 1 as a bar, with what it is in words; for a cell of a table."""
    return Markup(f'{html.escape(words)}<span class="bar" style="--share:{share:.4f}">'
                  "</span>")


def numbers(items):
    """Shares side by side. items: (name, share of 1, it in words, note)."""
    return '<dl class="numbers">' + "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{bar(share, words)}"
        f"<small>{html.escape(note)}</small></dd></div>"
        for name, share, words, note in items) + "</dl>"


def stacked(parts):
    """Parts of a whole as one bar, and a list that says what each is; letters, where
    there is room, tell with the colors and the order which is which."""
    keyed = [(chr(ord("A") + i), part) for i, part in enumerate(parts)]
    whole = "".join(f'<span style="flex-grow:{part.share:.4f};background:{part.color}">'
                    f"{key * (part.share >= ROOM)}</span>" for key, part in keyed)
    listed = "".join(
        f'<li><span class="letter" style="background:{part.color}">{key}</span>'
        f"<div><strong>{html.escape(part.name)}</strong> {html.escape(part.words)}: "
        f"{html.escape(part.meaning)}</div></li>" for key, part in keyed)
    spoken = ", ".join(f"{part.name} {part.words}" for part in parts)
    return (f'<div class="stacked" role="img" aria-label="{html.escape(spoken)}">'
            f'{whole}</div><ul class="parts">{listed}</ul>')


def picture(png, alternative):
    """A PNG, given as bytes, within the page."""
    return f"<figure>{_image(png, alternative)}</figure>"


def _image(png, alternative):
    data = base64.b64encode(png).decode()
    return (f'<img src="data:image/png;base64,{data}" '
            f'alt="{html.escape(alternative)}">')


def strips(rows):
    """Rows of small pictures, their pixels seen. rows: (pictures, caption), pictures:
    (heading, PNG, alternative)."""
    return f'<div class="strips">{"".join(_strip(*row) for row in rows)}</div>'


def _strip(pictures, caption):
    shown = "".join(f"<span>{html.escape(heading)}{_image(png, alternative)}</span>"
                    for heading, png, alternative in pictures)
    return (f'<figure class="strip"><div>{shown}</div><figcaption>'
            f"{html.escape(caption)}</figcaption></figure>")


def note(text):
    """A paragraph of small print."""
    return f'<p class="note">{html.escape(text)}</p>'


def details(summary, first, items):
    """What unfolds when asked for: a sentence and a list of (code, text)."""
    listed = "".join(f"<li><code>{html.escape(code)}</code> {html.escape(text)}</li>"
                     for code, text in items)
    return folded(summary, f"<p>{html.escape(first)}</p><ul>{listed}</ul>")


def folded(summary, body):
    """What unfolds when asked for. summary: text or Markup; body: HTML."""
    return (f"<details><summary>{_escaped(summary)}</summary>{body}</details>")
