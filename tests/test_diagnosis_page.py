"""The page of a diagnosis: its numbers are the report's, and it stands alone."""
import dataclasses
import html
import io
import re

import numpy as np
import pytest
from browser import browsers, opened
from matplotlib.image import imread
from test_page import tags

import npgm
from npgm.diagnosis import CAUSES, picture, text, thumbnails, web
from npgm.diagnosis.verdict import percent
from npgm.network import MLP

NAME = "<script>alert('x')</script> & $more"


@pytest.fixture(scope="module")
def report():
    """Of a small network with logits so large that their residual rounds away."""
    net = MLP.initialize((16, 12, 3), seed=0, dtype="float32", scheme="he")
    net.layers[-1][0][:] *= 300
    x = np.random.default_rng(0).random((40, 16)).astype("float32")
    return npgm.diagnose(net, x, net.logits(x).argmax(axis=1), quick=True,
                         black_box=False, name=NAME)


@pytest.fixture(scope="module")
def document(report):
    return web.document(report)


def words(document):
    """What is read of it, tags and styles aside."""
    body = html.unescape(re.sub("<[^>]*>", " ", document.partition("<body>")[2]))
    return re.sub(r"\s+(?=[:,])", "", " ".join(body.split()))


def without_worst(report):
    empty = {field.name: getattr(report.worst, field.name)[:0]
             for field in dataclasses.fields(report.worst)}
    return dataclasses.replace(report, worst=dataclasses.replace(report.worst, **empty))


def test_it_stands_alone_and_is_well_formed(document):
    found = tags(document)
    for tag, attributes in found:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert "@import" not in document and "url(" not in document
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes["href"][1:] in ids for tag, attributes in found if tag == "a")


def test_what_a_user_names_is_escaped(document):
    assert NAME not in document and "<script" not in document
    assert f"Diagnosis of {NAME}" in words(document)


def test_the_verdict_comes_first_in_words_and_a_sign(report, document):
    assert report.masked
    said = words(document)
    assert said.index("Masked: the gradient hides") < said.index("What to do")
    assert web.WARNING in said and report.verdict.line in said
    for share in (report.robust_error, report.errors["fgsm"], report.errors["pgd"]):
        assert percent(share) in said[:said.index("What to do")]
    for advice in report.verdict.advice:
        assert advice in said
    assert "<code>FGSM(epsilon, loss='log_odds')</code>" in document


def test_a_sound_model_is_told_as_such(report):
    verdict = dataclasses.replace(report.verdict, masked=False, causes={}, advice=(),
                                  line="not masked")
    said = words(web.document(dataclasses.replace(report, verdict=verdict)))
    assert web.FINE + " Not masked" in said and "Masked: the gradient" not in said


def test_every_number_is_the_reports(report, document):
    said = words(document)
    for name, share in report.causes.items():
        assert f"{name.replace('_', ' ')} {percent(share)}: {CAUSES[name]}" in said
    for line in text.arithmetic_lines(report):
        assert line in said
    for name, error in report.errors.items():
        if name.removesuffix("_repaired") not in ("fgsm", "pgd", "apgd"):
            assert f"{report.headings.get(name, 'none')} {percent(error)}" in said
    for name in ("fgsm", "pgd", "apgd"):
        assert (f"{name.upper()} {percent(report.errors[name])} "
                f"{percent(report.errors[name + '_repaired'])}") in said
    for epsilon, *errors in zip(report.curve.epsilons, *(
            report.curve.errors[name] for name in picture.LINES)):
        assert f"{epsilon:g} {' '.join(map(percent, errors))}" in said


def test_signs_are_told_raised_ones_first(report, document):
    said = words(document)
    places = {True: [], False: [], None: []}
    for sign in report.signs:
        places[sign.raised].append(said.index(
            f"{sign.name.replace('_', ' ')}: {sign.why}"))
        assert " ".join(sign.definition.split()) in said and sign.source in said
    assert all(places.values())
    assert max(places[True]) < min(places[False])
    assert max(places[False]) < min(places[None])


def test_the_worst_examples_are_shown(report, document):
    worst = report.worst
    assert len(worst.y) and document.count("<img") == 3 * len(worst.y)
    for label, after in zip(worst.y, worst.after):
        assert f"label {label}; the model says {label} before, {after} after" in (
            words(document))


def test_no_worst_examples_or_none_that_are_images(report):
    said = words(web.document(without_worst(report)))
    assert "There are none" in said
    rows = dataclasses.replace(report.worst, x=report.worst.x[:, :15],
                               x_adv=report.worst.x_adv[:, :15])
    document = web.document(dataclasses.replace(report, worst=rows))
    assert "shape (15,) is no image" in words(document) and "<img" not in document


@pytest.mark.parametrize("shape, shown", [
    ((16,), (4, 4)), ((5, 4), (5, 4)), ((1, 5, 4), (5, 4)), ((5, 4, 1), (5, 4)),
    ((3, 5, 4), (5, 4, 3)), ((5, 4, 3), (5, 4, 3)), ((15,), None), ((2, 5, 4), None),
    ((1, 2, 5, 4), None)])
def test_shapes_of_images(shape, shown):
    x = np.arange(2 * np.prod(shape), dtype="float32").reshape(2, *shape)
    found = thumbnails.images(x)
    assert found is None if shown is None else found.shape == (2, *shown)
    if shape == (3, 5, 4):
        np.testing.assert_array_equal(found[1, :, :, 2], x[1, 2])


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4)])
def test_pictures_show_before_after_and_the_difference(report, shape):
    before = np.linspace(0, 1, np.prod(shape), dtype="float32").reshape(1, *shape)
    after = before.copy()
    after[0, ..., 0, 0] += 0.25
    after[0, ..., 3, 3] -= 0.125
    worst = dataclasses.replace(report.worst, x=before, x_adv=after)
    read = [imread(io.BytesIO(png))[..., :3] for png in
            thumbnails.triples(worst, (0, 1))[0]]
    in_color = [np.broadcast_to(image, (3, 4, 4)).transpose(1, 2, 0) for image in (
        before[0], after[0], 0.5 + 2 * (after - before)[0])]
    np.testing.assert_allclose(read, in_color, atol=1 / 255)


@pytest.mark.parametrize("factor", [0, np.nan])
def test_what_no_number_can_be_said_of_is_not_said(factor):
    net = MLP.initialize((9, 4, 2), seed=0, dtype="float32", scheme="he")
    net.theta *= np.float32(factor)
    x = np.random.default_rng(0).random((5, 9)).astype("float32")
    found = npgm.diagnose(net, x, np.zeros(5, int), quick=True, black_box=False)
    document = web.document(found)
    tags(document)
    assert not re.search(r"\bnan\b", words(document))


def test_it_is_written(report, document, tmp_path):
    report.write_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == document


@pytest.mark.slow
@browsers
@pytest.mark.parametrize("dark", [True, False])
def test_it_fits_a_phone(document, tmp_path, dark):
    """With all unfolded that unfolds."""
    with opened(tmp_path, document, width=390, dark=dark) as page:
        assert page.run("innerWidth") == 390
        assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        page.run("document.querySelectorAll('details').forEach("
                 "(part) => { part.open = true; })")
