"""The page of all results: figures, tables, claims and provenance, as they are."""
import re

import pytest
from made_up import COMMITTED
from on_disk import change, contents

from npgm import storage
from npgm.errors import DataError
from npgm.experiments import __main__ as command_line
from npgm.experiments.claims import CLAIMS
from npgm.experiments.output import report, results
from npgm.experiments.studies import EXPERIMENTS

PAGE = {name: EXPERIMENTS[name] for name in ("table2", "reduction")}


def page_of(folder, experiments=PAGE):
    report.main(folder, experiments)
    return (folder / "report.html").read_text()


@pytest.fixture
def some(committed):
    """A folder with some of the committed results, as a page finds them."""
    for name in COMMITTED:
        if name not in PAGE:
            (committed / f"{name}.json").unlink()
        else:
            change(committed / f"{name}.json", lambda found: found["provenance"][
                "machine"].update(processor="a <CPU>"))
    return committed


@pytest.fixture(scope="module")
def made():
    return {}


@pytest.fixture
def page(made, some):
    """The page of some results, made once."""
    return made.get("page") or made.setdefault("page", page_of(some))


def test_the_page_is_self_contained_and_escaped(page):
    assert page.count("data:image/png;base64,") == 2 and "{{" not in page
    for outside in ("<script", "src=\"/", "src=\"http", "<link", "@import"):
        assert outside not in page
    assert "a &lt;CPU&gt;" in page and "<CPU>" not in page
    assert page.count("<section") == page.count("</section>") == 3
    for name in ("claims", *PAGE):
        assert f'<section id="{name}">' in page and f'<a href="#{name}">' in page


def test_each_cell_carries_its_heading(page):
    cells = re.findall(r"<td[^>]*>", page)
    assert cells and all('data-heading="' in cell for cell in cells)
    assert re.search(r'<td class="" data-heading="FGS error">97\.6 ± 2\.5</td>', page)
    assert re.search(r'<td class="" data-heading="paper">90\.4</td>', page)


def test_claims_stand_with_their_verdicts(page):
    assert page.count("<th scope=row>") == len(CLAIMS)
    assert page.count('data-heading="verdict">') == len(CLAIMS)
    assert ('<td class="verdict yes" data-heading="verdict">reproduced</td>'
            in page)                                            # Table II
    assert ('<td class="verdict unknown" data-heading="verdict">not measured</td>'
            in page)                                            # fig1 is not there


def test_every_run_is_listed(page, some):
    for name in PAGE:
        stored = storage.read_json(some / f"{name}.json")
        for hash in stored["provenance"]["runs"]:
            assert f"<li><code>{hash}</code> " in page
    assert "adam 0.001 " in page and "seed 0, 100,000 updates" in page


def test_runs_are_called_as_elsewhere(page):
    assert "adam 0.001 seed 0, 100,000 updates" in page and "hidden=" not in page


def test_a_page_is_all_that_is_written(some, capsys):
    before = contents(some)
    page_of(some, {"table2": EXPERIMENTS["table2"]})
    assert {**contents(some), "report.html": None} == {**before, "report.html": None}
    assert capsys.readouterr().out == (
        f"read: {some / 'table2.json'}\nwritten: {some / 'report.html'}\n")


def test_a_page_of_other_settings_says_so(some):
    change(some / "reduction.json",
           lambda found: found.update(stamp="NOT <b>COMPARABLE"))
    page, stored = page_of(some), storage.read_json(some / "reduction.json")
    seeds = stored["provenance"]["settings"]["seeds"]
    assert f"NOT &lt;b&gt;COMPARABLE. {seeds} seeds" in page
    assert "not judged" in page and page.count("<section") == 2


def test_a_page_of_another_version_is_refused(some, refused):
    path = some / "reduction.json"
    path.write_text(path.read_text().replace("fgs_error_plain", "plain"))
    with refused(DataError, path, "not what this version"):
        report.main(some, PAGE)
    assert not (some / "report.html").exists()


def test_a_page_without_results_is_refused(tmp_path, refused):
    with refused(DataError, f"no results in {tmp_path / 'none'}", "table2"):
        report.main(tmp_path / "none", PAGE)
    assert not (tmp_path / "none").exists()


def test_the_default_folder_alone_falls_back_on_the_committed(some, tmp_path,
                                                              monkeypatch, capsys):
    monkeypatch.setattr(results, "COMMITTED", some)
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["report"]) == 0
    assert (tmp_path / "results" / "report.html").read_text().count("<section") == 3
    assert command_line.main(["report", "--out", "elsewhere"]) == 1
    assert "error: there are no results in elsewhere" in capsys.readouterr().err


@pytest.mark.slow
def test_a_page_of_all_committed_results(committed):
    page = page_of(committed, COMMITTED)
    assert page.count("data:image/png;base64,") == len(COMMITTED)
    assert page.count("<section") == len(COMMITTED) + 1
    assert "not measured" not in page
