"""The report's file: whole, self-contained, with nothing in it that could run but our own script."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.report import render_file, render_report
from sparkles_eval.reports.samples.site import SCRIPTS
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.store.store import Store
from tests.reports import hostile

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "rect"}


class Page(HTMLParser):
    """Collects what could do harm, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.blocks:
            self.blocks[self.open[-1]].append(data)
        else:
            self.text.append(data)


def assert_inert(html: str) -> Page:
    page = Page(html)
    assert page.open == []
    ids: set[str] = set()
    for tag, attributes in page.tags:
        assert tag not in ("iframe", "object", "embed", "base", "img", "link"), tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name != "style", (tag, name)
            if name in ("href", "src"):
                assert value is not None and value.startswith("#"), (tag, value)
        if identity := attributes.get("id"):
            assert identity not in ids, identity
            ids.add(identity)
    for tag, attributes in page.tags:
        # "#s-show=...": a filter of samples, which a script reads
        if tag == "a" and attributes.get("href") != "#" and not (attributes["href"] or "").startswith("#s-show="):
            assert (attributes["href"] or "#")[1:] in ids, attributes["href"]
    assert len(page.blocks["script"]) == 1 + len(SCRIPTS)
    return page


def policy_of(page: Page) -> str:
    return next(a["content"] or "" for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))


def test_the_page_is_whole_and_allows_only_its_own_styles_and_script(report: Path) -> None:
    page = assert_inert(report.read_text(encoding="utf-8"))
    policy = policy_of(page)
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    for text in (*page.blocks["style"], *page.blocks["script"]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_every_number_of_the_summary_is_there_with_interval_and_n(report: Path, summary: Summary) -> None:
    text = " ".join(" ".join(assert_inert(report.read_text(encoding="utf-8")).text).split())
    for wanted in ("83.3", "[68.1, 92.1]", "34 of 36", "2 timed out after 4 tries (120 s each)", "at least $0.0"):
        assert wanted in text, wanted
    for wanted in ("Clopper-Pearson", "chance: Accuracy 50.0%", "sparkles-eval run --task bison-mini", "Wilson"):
        assert wanted in text, wanted
    for run in summary.panels[0].entries:
        assert run.run.id in text


def test_pictures_are_inlined_once_and_described(report: Path) -> None:
    html = report.read_text(encoding="utf-8")
    hashes = re.findall(r"base64,([^\"]+)", html)
    assert len(hashes) == len(set(hashes)) > 100
    page = Page(html)
    shown = [a for _, a in page.tags if "shot" in (a.get("class") or "").split()]
    assert len(shown) > 200 and all(a.get("aria-label") for a in shown)


def test_samples_are_marked_in_words_too(report: Path) -> None:
    page = Page(report.read_text(encoding="utf-8"))
    text = " ".join(page.text)
    for wanted in ("demo/careful: right", "demo/hasty: wrong", "invalid, counts as wrong: names no option"):
        assert wanted in text
    assert "unscored: timed out after 4 tries" in text and "refused: content policy" in text
    facets = [a["data-facets"] for tag, a in page.tags if tag == "details" and a.get("class") == "sample"]
    assert len(facets) == 108 and all(facets)


def test_a_large_run_is_capped_and_says_what_was_left_out(store: Store, summary: Summary, tmp_path: Path) -> None:
    html = render_report(store, summary, tmp_path / "few.html", samples=5, figures=False).read_text(encoding="utf-8")
    assert html.count('<details class="sample"') == 15
    assert "The first 5 of 36 samples are shown; the store holds the other 31." in html


def test_what_does_not_fit_goes_to_a_site_beside_the_file(store: Store, summary: Summary, tmp_path: Path) -> None:
    whole = render_file(store, summary, tmp_path / "whole.html", SiteOptions(figures=False))
    assert whole.left_out == () and not (tmp_path / "whole-site").exists()
    budget = whole.index.stat().st_size // 2
    some = render_file(store, summary, tmp_path / "some.html", SiteOptions(figures=False), budget=budget)
    html = some.index.read_text(encoding="utf-8")
    assert budget / 2 < some.index.stat().st_size <= budget + 500
    found = re.search(r"this file shows at most (\d+) samples of each task", html)
    assert found and 5 < int(found[1]) < 36
    assert html.count('<details class="sample"') == 3 * int(found[1])
    assert some.left_out[0] in html and "open some-site/index.html" in some.left_out[0]
    assert (tmp_path / "some-site" / "index.html").is_file()
    assert len(list((tmp_path / "some-site" / "samples").glob("*/*.html"))) == 108
    tight = render_file(store, summary, tmp_path / "tight.html", SiteOptions(figures=False), budget=1000)
    assert "at most 0 samples" in tight.index.read_text(encoding="utf-8")


def test_figures_stand_in_the_page_and_break_none_of_its_rules(store: Store, summary: Summary, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python draws the figures")
    out = render_report(store, summary, tmp_path / "f.html", samples=1, figures=True)
    page = assert_inert(out.read_text(encoding="utf-8"))
    assert sum(tag == "figure" for tag, _ in page.tags) >= 5
    assert "unsafe" not in policy_of(page)


def test_hostile_text_is_inert_in_every_field(tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        html = render_report(store, summarise(store), tmp_path / "h.html", figures=False).read_text(encoding="utf-8")
    page = assert_inert(html)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u200b]", html)
    text = "".join(page.text)
    assert "<script>window.hacked=1</script>" in text and "{{ 7*7 }}" in text and "⟦U+202E⟧" in text
    assert "THE-END" not in html and "1,000,007 characters, the first 20,000 are shown" in text
    assert len(html) < 1_000_000
    assert "image/svg" not in html and html.count("data:image/png") == 1
    assert "evil.example" not in "".join(page.blocks["style"] + page.blocks["script"])


def test_writing_replaces_the_file_in_one_step(store: Store, summary: Summary, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    assert render_report(store, summary, out, samples=1, figures=False) == out
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        render_report(store, summary, tmp_path / "file" / "report.html", samples=1, figures=False)


def test_a_template_can_be_replaced_without_copying_the_folder(store: Store, summary: Summary, tmp_path: Path) -> None:
    own = tmp_path / "own" / "reports"
    own.mkdir(parents=True)
    (own / "methods.html.j2").write_text("<section id='provenance'><h2>Our own words</h2></section>")
    out = render_report(store, summary, tmp_path / "r.html", samples=1, content=[tmp_path / "own"], figures=False)
    assert "Our own words" in out.read_text(encoding="utf-8")


def test_a_missing_asset_is_named(
    store: Store, summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "find_file", lambda *_: None)
    with pytest.raises(ContentError, match=r"reports/style\.css is missing"):
        render_report(store, summary, tmp_path / "r.html", figures=False)


def test_an_empty_store_has_a_report(tmp_path: Path) -> None:
    with Store(tmp_path / "e.db") as store:
        out = render_report(store, summarise(store), tmp_path / "e.html", figures=False)
    assert (
        "holds no runs yet" in assert_inert(out.read_text(encoding="utf-8")).text[-1]
        or "holds no runs yet" in out.read_text()
    )
