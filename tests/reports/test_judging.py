"""The judge page: who judged, what comparing them shows, and audits from their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.analysis.judges.comparison import compare
from sparkles_eval.analysis.judges.judge_scores import read_marks
from sparkles_eval.analysis.summary import narrow, summarise
from sparkles_eval.analysis.tables import Head, Span, Table
from sparkles_eval.core.errors import UserError
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.judging import judging
from sparkles_eval.reports.site import render_site
from sparkles_eval.reports.toolkit.table_files import json_text, read_tables
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from tests.reports.crowd import STERN, judge_again
from tests.reports.demo import CAREFUL, RATER, add_run, begin, careful

AUDIT = Table(
    "audit-findings",
    "What facts sees",
    (Head("question", "fault"), Head("lost", "points lost", "points"), Head("n", "n", "count"), Head("said", "said")),
    (("Facts are left out", Span(3.25, 2.5, 4.0), 24, "yes"), ("<script>alert(1)</script>", Span(None), 0, "no")),
    ("a note",),
)


def test_the_comparison_is_that_of_judges_compare(crowded: Store) -> None:
    roster, compared = judging(crowded, summarise(crowded))
    assert [row[0] for row in roster.tables[0].rows] == ["strict", "careful-reader", "stern-reader (maker/large)"]
    stern = roster.tables[0].rows[2]
    assert (stern[-1] == STERN.id and stern[-2] == "$0.2840") or stern[-2] == "$0.3560"
    marks = read_marks(crowded, [RATER.id, STERN.id], "sparkleseval-mini")
    assert compared.tables == tuple(compare(crowded, marks, largest=10))
    (short,) = compared.short
    assert short.startswith("careful-reader and stern-reader@maker/large on ") and "order of 4 models" in short
    assert short.endswith("points more") and "; careful-reader gives 1.49 [1.39, 1.59] points" in short
    order = next(table for table in compared.tables if table.name == "judges-order")
    assert order.rows[0][3] == 284, "answers that both judges rated"


def test_one_judge_alone_has_nothing_to_be_compared_with(store: Store) -> None:
    _, section = judging(store, summarise(store))
    assert section.tables == () and "nothing to compare it with" in section.note


def test_protocols_are_compared_each_by_itself(store: Store) -> None:
    environment = begin(store)
    paper = load_task("sparkleseval-mini", args={"n": "36"}, protocol="paper")
    add_run(store, environment, paper, CAREFUL, careful)
    judge_again(store)
    strict, other = judging(store, summarise(store))[1:]
    assert strict.title.endswith("strict protocol") and other.title.endswith("paper protocol")
    assert (strict.id, other.id) == ("judges-3", "judges-3-2")
    compared = {one.id: next(t for t in one.tables if t.name == "judges-order").rows for one in (strict, other)}
    assert compared["judges-3"] and strict.note == other.note == ""
    assert compared["judges-3-2"][0][3] == 36 * 2


def test_judges_that_cannot_be_compared_say_why(crowded: Store) -> None:
    crowded.connection.execute("UPDATE judges SET high = 20 WHERE id = ?", (STERN.id,))
    _, section = judging(crowded, summarise(crowded))
    assert section.tables == () and "the scales differ" in section.note


def test_an_audit_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(json_text([AUDIT]), encoding="utf-8")
    assert read_tables(path) == [AUDIT]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not a file of tables"),
        ('[{"table": "t"}]', "title: Field required"),
        ('[{"table": "t", "title": "", "columns": [], "rows": [], "more": 1}]', "more: Extra inputs"),
        ('[{"table": "t", "title": "", "columns": [], "rows": [{"a": [1]}]}]', "not a file of tables"),
    ],
)
def test_a_file_that_is_no_audit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "no.json"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_tables(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_tables(tmp_path / "none.json")


def test_the_page_shows_the_audit_as_text(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(json_text([AUDIT]), encoding="utf-8")
    options = SiteOptions(samples=1, figures=False, store=False, audits=(path,))
    index = render_site(store, summarise(store), tmp_path / "s", options).index
    html = (index.parent / "judges.html").read_text(encoding="utf-8")
    assert "Audit: facts" in html and "3.25 [2.50, 4.00]" in html and "No audit is shown here" not in html
    assert "&lt;script&gt;alert(1)" in html and "<script>alert" not in html


def test_a_summary_is_narrowed_to_a_judge_and_a_protocol(crowded: Store) -> None:
    summary = summarise(crowded)
    one = narrow(summary, ["stern-reader@maker/large"], "strict")
    judges = {panel.judge.name for panel in one.panels if panel.judge}
    assert judges == {"strict", "stern-reader"} and {panel.run.protocol for panel in one.panels} == {"strict"}
    assert narrow(summary, [RATER.id[:8]]).tasks[2].panels[0].judge == RATER
    assert [task.name for task in narrow(summary, protocol="paper").tasks] == ["bison-mini"]
    assert narrow(summary) == summary
    with pytest.raises(UserError, match="there are careful-reader, stern-reader@maker/large"):
        narrow(summary, ["nobody"])
    with pytest.raises(UserError, match="there are paper, strict"):
        narrow(summary, protocol="loose")
