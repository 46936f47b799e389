"""The embedded tasks, without network and key, from the command line to the report."""

from __future__ import annotations

import html.parser
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from tests.end_to_end.running import accounted, cli, here, rows, sound, tables

MINIS = ("nlvr2-mini", "bison-mini", "sparkleseval-mini")
BASELINES = ("baseline/chance", "baseline/constant", "baseline/echo", "baseline/oracle")


def arguments(store: Path) -> list[str]:
    tasks = [part for name in MINIS for part in ("--task", name)]
    models = [part for name in BASELINES for part in ("--model", name)]
    return ["run", *tasks, *models, "--task-arg", "n=12", "--store", str(store)]


def test_baselines_over_the_minis(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    first = cli(*arguments(store))
    assert first.code == 0, first.shown
    for words in ("NLVR2 (mini)", "BISON (mini)", "SparklesEval (mini)", *BASELINES, "chance: Accuracy 50.0%"):
        assert words in first.shown
    assert f"report {store.with_suffix('.html')}" in first.shown
    accounted(store)
    sound(store)
    ceilings = rows(store, "SELECT task, metric, value FROM leaderboard WHERE model = 'baseline/oracle'")
    assert {value for _, metric, value in ceilings if metric in ("accuracy", "consistency", "validity")} == {1.0}
    assert max(value for _, metric, value in ceilings if isinstance(value, float) and metric != "accuracy") == 10.0
    assert len({row[0] for row in ceilings}) == 3

    before = tables(store)
    again = cli(*arguments(store))
    assert again.code == 0
    assert "12 items, 12 from the store" in again.shown
    assert tables(store) == before
    assert rows(store, "SELECT count(*) FROM responses WHERE attempt > 1") == [(0,)]


def test_the_report_is_one_whole_file(tmp_path: Path) -> None:
    store, page = tmp_path / "s.db", tmp_path / "page.html"
    cli("run", "-t", "nlvr2-mini", "-m", "baseline/oracle", "--task-arg", "n=4", "--store", str(store), "--no-report")
    assert not store.with_suffix(".html").exists()
    done = cli("report", "--store", str(store), "--out", str(page))
    assert done.code == 0, done.shown
    text = page.read_text(encoding="utf-8")
    assert "baseline/oracle" in text

    class Links(html.parser.HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.outside: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name in ("src", "href") and value and not value.startswith(("data:", "#", "https://")):
                    self.outside.append(f"{tag} {value}")
                if tag in ("script", "link", "img", "iframe") and value and value.startswith("http"):
                    self.outside.append(f"{tag} {value}")

    links = Links()
    links.feed(text)
    assert links.outside == [], "a report can be sent to anybody: it loads nothing"


def test_a_users_error_is_one_message_and_code_2(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    done = cli("run", "-t", "nlvr2-mini", "-m", "gpt-4o", "--store", str(store))
    assert (done.code, done.out) == (2, ""), done.shown
    assert done.err.startswith("error: ") and "set OPENAI_API_KEY" in done.err
    assert "Traceback" not in done.err
    assert not store.exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["-t", "nlvr3-mini", "-m", "baseline/chance"], "nlvr2-mini"),
        (["-t", "bison", "-m", "baseline/chance"], "--data-root"),
        (["-t", "sparkleseval-mini", "-m", "baseline/chance", "--judge", "fact"], "facts"),
    ],
)
def test_mistakes_are_told_with_the_mend(tmp_path: Path, wrong: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        here("run", *wrong, "--store", str(tmp_path / "s.db"))
    assert not (tmp_path / "s.db").exists()
