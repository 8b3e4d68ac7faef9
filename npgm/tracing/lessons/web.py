"""Lessons as one self-contained page, a section each."""
import html

from npgm import page

HEADING = "Watch an optimizer work"
FIRST = ("What an optimizer does to a network, update by update, in runs that were "
         "looked at. Every number is of the run; a sentence that did not come true "
         "says so.")


def document(learnt):
    """The page as text. learnt: of each lesson (it, numbers, its picture as PNG)."""
    parts = [page.section(lesson.name, lesson.title, _section(lesson, numbers, png))
             for lesson, numbers, png in learnt]
    contents = page.contents({lesson.name: lesson.title for lesson, *_ in learnt})
    body = "\n".join([_paragraph(FIRST), contents, *parts])
    return page.document(HEADING, HEADING, body.replace(" %", "&nbsp;%"))


def _section(lesson, numbers, png):
    rows = lesson.rows(numbers)
    told = "".join(f"<li>{html.escape(line)}</li>" for line in lesson.tell(numbers))
    return "".join([
        f'<div class="scroll">{page.picture(png, lesson.caption)}</div>',
        page.note(lesson.caption), f"<ol>{told}</ol>",
        page.table(["what", "value"], rows, [["head", ""]] * len(rows), "facts"),
        page.note(f"python -m npgm.tracing lesson {lesson.name} runs it again, in "
                  f"{lesson.takes} on a quiet core.")])


def _paragraph(words):
    return f"<p>{html.escape(words)}</p>"
