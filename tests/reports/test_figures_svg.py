"""Drawings on a page: no script, no address, ids of their own, names as text, colours that follow the page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.figures import Figure, figures
from sparkles_eval.reports.figures.charts import spread_texts
from sparkles_eval.reports.figures.style import (
    DARK,
    INK,
    LINE,
    PAPER,
    QUIET,
    SERIES,
    SHAPES,
    VARIABLES,
    FileNames,
    file_stem,
    short_name,
    short_names,
    two_lines,
)
from sparkles_eval.reports.figures.svg_sanitizer import ON_PAGE, UnsafeSvg, clean_svg, theme_svg
from sparkles_eval.store.store import Store
from tests.reports.figured import figured
from tests.reports.hostile import BAD

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Figure, ...]]:
    """Figures of a store whose models, judges and criteria have hostile names."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with figured(folder / "s.db", 3, 24, tasks=("bison-mini", "sparkleseval-mini"), bad=BAD) as store:
            yield figures(store, summarise(store))


@pytest.fixture(scope="module")
def plain(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Figure, ...]:
    """Figures of the demonstration store."""
    with Store(Path(shutil.copy(demo_file, tmp_path_factory.mktemp("plain") / "demo.db"))) as store:
        return figures(store, summarise(store))


def read(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own, and without a document type


def text_of(svg: str) -> str:
    return "\n".join("".join(element.itertext()) for element in read(svg).iter(f"{SVG}text"))


def test_a_page_gets_shapes_and_text_alone(hostile: tuple[Figure, ...]) -> None:
    assert len({figure.kind for figure in hostile}) >= 12
    for figure in hostile:
        root = read(figure.svg())
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            *("svg", "g", "path", "rect", "line", "circle", "text", "tspan", "defs", "clipPath")
        }
        for element in root.iter():
            for name, value in element.attrib.items():
                assert name not in ("style", "class", "href", "src") and not name.startswith("on") and ":" not in name
                assert name == "aria-label" or "url(" not in value or value.startswith(f"url(#{figure.name}-")
        assert root.get("role") == "img" and root.get("aria-label") == figure.alt


def test_names_are_text_and_nothing_else(hostile: tuple[Figure, ...]) -> None:
    ranks = next(figure for figure in hostile if figure.kind == "ranks")
    assert "<script>window" in text_of(ranks.svg()) and "<script" not in ranks.svg()
    assert not any(char in figure.svg() + figure.caption for figure in hostile for char in "\u202e\u2066\x00\x1b\u200b")
    criteria = next(figure for figure in hostile if figure.kind == "criteria")
    assert "<script>window" in text_of(criteria.svg()).replace("\n", "")
    whole = [str(row[0]) for row in ranks.data.rows]
    assert f"{BAD}maker-0/vision-00" in whole  # the table has the name as it is; whoever shows it escapes it


def test_ids_of_two_drawings_never_meet(plain: tuple[Figure, ...]) -> None:
    found = [re.findall(r'\bid="([^"]+)"', figure.svg()) for figure in plain]
    flat = [name for names in found for name in names]
    assert len(flat) == len(set(flat))


def test_colours_are_variables_of_the_page_and_the_paper_is_left_to_it(plain: tuple[Figure, ...]) -> None:
    figure = next(figure for figure in plain if figure.kind == "ranks")
    page, file = figure.svg(), figure.file("svg").decode()
    assert f'fill="var(--ink, {INK})"' in page and f'fill="var(--figure-1, {SERIES[0]})"' in page
    assert not re.search(r'(fill|stroke)="#', page), "a colour that does not follow the page"
    assert "var(" not in file and f'fill="{PAPER}"' in file
    width = [float(read(text).get("width", "0")) for text in (page, file)]
    assert width[0] == pytest.approx(ON_PAGE * width[1])


def test_text_stays_text_in_a_family_that_every_machine_has(plain: tuple[Figure, ...]) -> None:
    for figure in plain:
        families = {e.get("font-family") for e in read(figure.svg()).iter(f"{SVG}text")}
        assert families == {"sans-serif"}
        assert "demo/careful" in text_of(figure.svg()) or figure.kind in ("images", "tags", "marks")


@pytest.mark.parametrize(
    ("drawing", "why"),
    [
        ("<script>alert(1)</script>", "may hold no"),
        ('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>', "may hold no"),
        ('<image href="https://evil.example/x.png"/>', "may hold no"),
        ("<style>*{fill:url(https://evil.example)}</style>", "may hold no"),
        ('<rect width="1" height="1" fill="url(https://evil.example)"/>', "painted"),
        ('<rect width="javascript:alert(1)" height="1" fill="#ffffff"/>', "may not say"),
        ("<!-- x -->", "comment"),
        ("<g>", "no XML"),
    ],
)
def test_what_is_no_drawing_of_ours_is_refused(drawing: str, why: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" viewBox="0 0 10 10">{drawing}</svg>'
    with pytest.raises(UnsafeSvg, match=why):
        clean_svg(svg, prefix="p", alt="x")


def test_what_a_drawing_need_not_have_is_left_behind() -> None:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10"'
        ' viewBox="0 0 10 10">'
        '<defs><clipPath id="c"><rect width="5.123456" height="1" fill="#000000"/></clipPath></defs>'
        '<g clip-path="url(#c)" onclick="alert(1)" style="fill:red" xlink:href="https://evil.example" class="a">'
        '<text fill="#1c2127" font-family="sans-serif">a&lt;b</text></g><path d=""/><g/></svg>'
    )
    made = clean_svg(drawing, prefix="fig", alt='a "name" <b>')
    assert 'clip-path="url(#fig-c)"' in made and 'id="fig-c"' in made and "5.12" in made and "5.123" not in made
    assert not re.search("onclick|style|evil|class|<path|<g/>", made) and "a&lt;b" in made
    assert read(made).get("aria-label") == 'a "name" <b>'
    assert 'fill="var(--ink, #1c2127)"' in theme_svg(made)


# --- colours and names --------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_stands_out_in_light_and_in_dark() -> None:
    for paper in ("#ffffff", "#fbfaf8"):  # of files, and of the page
        assert all(contrast(colour, paper) >= 3 for colour in SERIES)
        assert contrast(INK, paper) >= 7 and contrast(QUIET, paper) >= 4.5
    assert all(contrast(DARK[colour], DARK[PAPER]) >= 3 for colour in SERIES)
    assert contrast(DARK[INK], DARK[PAPER]) >= 7 and contrast(DARK[QUIET], DARK[PAPER]) >= 4.5
    assert len(set(SHAPES)) == len(SHAPES) == len(SERIES) == len(set(SERIES))


def test_the_style_sheet_says_the_same_as_the_theme(root: Path) -> None:
    style = (root / "reports" / "style.css").read_text(encoding="utf-8")
    for colour, variable in VARIABLES.items():
        if colour != PAPER:  # the page's paper is a shade warmer than a sheet's
            told = re.findall(rf"{variable}: (#[0-9a-f]{{6}})", style)
            assert told[:2] == [colour, DARK[colour]], variable
    assert f"--paper: {DARK[PAPER]}" in style and LINE in VARIABLES


def test_labels_are_short_and_still_apart() -> None:
    names = [f"organisation/a-very-long-name-of-a-model-{n}-instruct-preview" for n in range(3)]
    made = short_names([*names, names[0], "", "a\nb\ud800\ufffe"])
    assert len(made) == 5 and len(set(made.values())) == 5 and all(len(label) <= 30 for label in made.values())
    assert made[""] == "(no name)" and made["a\nb\ud800\ufffe"].startswith("a b")
    assert (
        short_name("x" * 100, 10) == "xxxxxx…xxx"
        and two_lines("Image understanding and so on") == "Image understanding\nand so on"
    )
    taken = FileNames(set())
    assert [taken.take("Ranks", "My Task!"), taken.take("ranks", "my/task")] == ["ranks-my-task", "ranks-my-task-2"]
    assert file_stem("../../etc/passwd") == "etc-passwd" and file_stem("評価") == "figure"


def test_texts_beside_values_keep_their_distance_and_order() -> None:
    places = spread_texts([5.0, 5.1, 1.0, 4.9], 1.0)
    assert sorted(range(4), key=lambda i: places[i]) == [2, 3, 0, 1]
    gaps = [b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False)]
    assert min(gaps) >= 1.0 - 1e-9 and places[2] == 1.0 and sum(places) / 4 == pytest.approx(4.0)
