"""Figures as files: real ones, the same every time, complete as a table; and a plain word where nothing can draw."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.reports.figures import Figure, figures, missing, save
from sparkles_eval.store.store import Store


@pytest.fixture(scope="module")
def plain(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Summary]]:
    """The demonstration store and its summary; nothing here changes them."""
    with Store(Path(shutil.copy(demo_file, tmp_path_factory.mktemp("plain") / "demo.db"))) as store:
        yield store, summarise(store)


@pytest.fixture(scope="module")
def ranks(plain: tuple[Store, Summary]) -> Figure:
    """The ranks of the first task."""
    return next(figure for figure in figures(*plain) if figure.name == "ranks-bison-mini")


def test_every_figure_is_written_in_every_format_and_twice_the_same(
    plain: tuple[Store, Summary], tmp_path: Path
) -> None:
    made = figures(*plain)
    first = save(made, tmp_path / "deep" / "first", ("svg", "pdf", "png", "csv"))
    assert len(first) == 4 * len(made) and {path.stem for path in first} == {figure.name for figure in made}
    again = save(figures(*plain), tmp_path / "again", ("svg", "pdf", "png", "csv"))
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        if one.suffix == ".pdf":
            assert _streams(one.read_bytes()) == _streams(other.read_bytes()), one.name
        else:
            assert one.read_bytes() == other.read_bytes(), one.name


def _streams(pdf: bytes) -> list[bytes]:
    """What a PDF draws: its streams without their numbers."""
    bodies = re.findall(rb"/FlateDecode.*?stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return sorted(zlib.decompress(body) for body in bodies)


def test_a_pdf_has_one_page_with_letters_and_a_png_has_its_pixels(ranks: Figure) -> None:
    pdf = ranks.file("pdf")
    assert pdf.startswith(b"%PDF-1.") and pdf.rstrip().endswith(b"%%EOF")
    assert b"/Count 1\n" in pdf and b"/Font" in pdf
    assert any(b"Tj" in body or b"TJ" in body for body in _streams(pdf)), "text was turned into outlines"
    picture = Image.open(io.BytesIO(ranks.file("png")))
    picture.load()
    width = float(re.findall(r'<svg[^>]* width="([\d.]+)"', ranks.file("svg").decode())[0])
    assert (
        picture.size[0] == pytest.approx(2 * width, abs=2) and len(picture.convert("RGB").getcolors(1 << 20) or ()) > 5
    )


def test_the_numbers_go_to_csv_whole(plain: tuple[Store, Summary], ranks: Figure) -> None:
    rows = list(csv.DictReader(io.StringIO(ranks.file("csv").decode())))
    best = plain[1].tasks[0].panels[0].entries[0]
    assert best.headline is not None and rows[0]["model"] == best.label
    assert float(rows[0]["value"]) == best.headline.estimate.value
    assert float(rows[0]["value_low"]) == best.headline.estimate.low
    assert ranks._repr_svg_() == ranks.file("svg").decode()
    assert ranks.rows[0][1] == "83.3 [68.1, 92.1]" and ranks.heads[:2] == ("model", "Accuracy")


def test_what_cannot_be_written_says_so(ranks: Figure, tmp_path: Path) -> None:
    made = (ranks,)
    with pytest.raises(UserError, match="no format gif; there are svg, pdf, png, csv"):
        save(made, tmp_path, ("gif",))  # type: ignore[arg-type]
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        save(made, tmp_path / "file")


def test_without_the_libraries_it_says_what_to_install(
    plain: tuple[Store, Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert missing() == ""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert "pip install 'sparkles-eval[figures]'" in missing() and "\n" not in missing()
    with pytest.raises(MissingExtra, match=r"pip install 'sparkles-eval\[figures\]'"):
        figures(*plain)


def test_the_command_writes_them_beside_the_report(demo_file: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "report.html", tmp_path / "figures"
    told = CliRunner().invoke(app, ["report", "--store", str(demo_file), "--out", str(out), "--figures", str(folder)])
    assert told.exit_code == 0, told.output
    names = {path.name for path in folder.iterdir()}
    assert {
        f"ranks-bison-mini.{kind}" for kind in ("svg", "pdf", "png")
    } <= names and f"({len(names)} files)" in told.output
    page = out.read_text(encoding="utf-8")
    assert page.count('<figure class="chart"') == len(names) // 3 and "var(--figure-1, #0072b2)" in page
