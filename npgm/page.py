"""A self-contained HTML page: it asks nothing of the network, and reads well on a
phone and in the dark."""
import base64
import html
import importlib.resources


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


def table(headings, rows, kinds=None, css=""):
    """A table of plain text. kinds: a list a row of CSS classes, "head" for a cell
    that the row is known by; css: the table's class."""
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
            f"{html.escape(text)}</td>")


def picture(png, alternative):
    """A PNG, given as bytes, within the page."""
    data = base64.b64encode(png).decode()
    return (f'<figure><img src="data:image/png;base64,{data}" '
            f'alt="{html.escape(alternative)}"></figure>')


def note(text):
    """A paragraph of small print."""
    return f'<p class="note">{html.escape(text)}</p>'


def details(summary, first, items):
    """What unfolds when asked for: a sentence and a list of (code, text)."""
    listed = "".join(f"<li><code>{html.escape(code)}</code> {html.escape(text)}</li>"
                     for code, text in items)
    return (f"<details><summary>{html.escape(summary)}</summary>"
            f"<p>{html.escape(first)}</p><ul>{listed}</ul></details>")
