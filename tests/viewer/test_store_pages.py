"""The viewer over raw HTTP: what its pages show is what the store says, and nobody gets more than a reader should."""

from __future__ import annotations

import hashlib
import html
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.analysis.leaderboard import by_panel, leaderboard
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.text import format_number
from sparkles_eval.reports.toolkit import numbers
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from sparkles_eval.viewer.app import BODY, make_refresher, viewer_app
from sparkles_eval.viewer.connection_pool import ConnectionPool
from tests.reports import hostile
from tests.viewer.serving import TOKEN, Served, looking, serving

PAGES = ("", "live", "leaderboard", "runs", "samples", "search", "people", "judges", "methods")


@pytest.fixture(scope="module")
def served(demo_source: Path) -> Iterator[Served]:
    """One for all that only look."""
    with looking(demo_source) as server:
        yield server


def _links(served: Served, page: str, pattern: str) -> list[str]:
    return list(dict.fromkeys(html.unescape(x) for x in re.findall(f'href="({pattern})"', served.ask(page).text)))


def _lists(served: Served) -> list[str]:
    return _links(served, "samples", r"samples/[\w.-]+")


# --- what is shown ----------------------------------------------------------------------------------------------


def test_every_page_is_there_and_says_how_it_may_be_used(served: Served) -> None:
    for page in PAGES:
        answer = served.ask(page)
        assert answer.status == 200, page
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
        assert TOKEN not in answer.text, "addresses are relative: a saved page does not give the token away"


def test_the_leaderboard_has_every_number_of_the_summary_with_its_interval(served: Served) -> None:
    with Store(served.pool.path, read_only=True) as store:
        summary = summarise(store)
    text = served.ask("leaderboard").text
    for panel in summary.panels:
        for entry in panel.entries:
            assert entry.headline is not None
            estimate, unit = entry.headline.estimate, entry.headline.column.unit
            assert format_number(estimate.value, unit) in text
            assert numbers.format_interval(estimate, unit) in text
    for address in _links(served, "leaderboard", r"(?:tasks|models)/[\w.-]+"):
        assert served.ask(address).status == 200, address
    for address in _links(served, "leaderboard", r"downloads/[\w.-]+"):
        answer = served.ask(address)
        assert answer.status == 200 and answer.headers["content-disposition"].startswith("attachment"), address


def test_scores_stand_wherever_a_run_is_named_and_models_are_counted_as_in_reports(served: Served) -> None:
    with Store(served.pool.path, read_only=True) as store:
        summary = summarise(store)
    runs, overview = served.ask("runs").text, served.ask("").text
    for panel in summary.panels:
        for entry in panel.entries:
            assert entry.headline is not None
            said = numbers.format_headline(entry.headline)
            assert said in runs and said in served.ask(f"runs/{entry.run.id}").text
    for head in by_panel(leaderboard(summary)).values():
        assert html.escape(head.conclusion.words, quote=False) in overview
    names = {entry.run.model.name: entry.reference for panel in summary.panels for entry in panel.entries}
    for kind, reference in (("models", False), ("baselines", True)):
        count = sum(found is reference for found in names.values())
        assert f"<dt>{kind}</dt><dd>{count}</dd>" in overview


def test_runs_are_filtered_and_each_has_its_page(served: Served) -> None:
    with Store(served.pool.path, read_only=True) as store:
        runs = read_runs.runs(store)
    assert len(_links(served, "runs", r"runs/\w+")) == len(runs) == 9
    assert len(_links(served, "runs?model=HAST&task=bison-mini", r"runs/\w+")) == 1
    assert "No run fits." in served.ask("runs?model=nobody").text
    text = served.ask(f"runs/{runs[1].id}").text
    assert "demo/hasty" in text and "timed out after 4 tries" in text and runs[1].data_hash[:16] in text


def test_a_sample_has_every_answer_and_leads_to_its_neighbours(served: Served) -> None:
    listed = next(address for address in _lists(served) if "sparkleseval" in address)
    samples = _links(served, listed, r"\.\./samples/[\w.-]+/[0-9a-f]{12}")
    assert len(samples) == 30, "a page of a list"
    address = samples[4].removeprefix("../")
    text = html.unescape(served.ask(address).text)
    with Store(served.pool.path, read_only=True) as store:
        said = store.connection.execute(
            "SELECT r.text FROM answers a JOIN responses r ON r.id = a.response_id WHERE a.sample_id LIKE ?",
            (f"{address.rpartition('/')[2]}%",),
        ).fetchall()
    assert len(said) == 6 and all(row["text"] in text for row in said)
    before, after = (re.search(f'rel="{rel}" href="../../([^"]+)"', text) for rel in ("prev", "next"))
    assert before and after and "5 of 36" in text
    assert before[1] == samples[3].removeprefix("../") and after[1] == samples[5].removeprefix("../")


def test_lists_are_paged_and_filtered_by_address(served: Served) -> None:
    listed = next(address for address in _lists(served) if "nlvr2" in address)
    row = r"\.\./samples/[\w.-]+/[0-9a-f]{12}[^\"]*"
    first, second = (_links(served, f"{listed}?page={page}", row) for page in (1, 2))
    assert (len(first), len(second)) == (30, 6) and not set(first) & set(second)
    wrong = _links(served, f"{listed}?show=differ", row)
    assert 0 < len(wrong) < 30 and all(address.endswith("?show=differ") for address in wrong)
    text = served.ask(wrong[0].removeprefix("../")).text
    assert f"1 of {len(wrong)} that fit" in text and 'rel="prev"' not in text


def test_search_leads_to_the_answer(served: Served) -> None:
    text = served.ask("search?q=%22rather+not+choose%22&model=demo/hasty").text
    assert text.count('class="hit"') == 6 and "<mark>rather not choose</mark>" in text
    address = re.search(r'<a href="(samples/[^"]+)"', text)
    assert address and "rather not choose" in served.ask(address[1]).text
    assert "Nothing fits." in served.ask("search?q=nosuchword").text
    assert "no word to look for" in served.ask("search?q=-only").text
    more = re.search(r'<a rel="next" href="([^"]+)"', served.ask("search?q=the").text)
    assert more and served.ask(f"search{html.unescape(more[1])}").text.count('class="hit"') == 20


def test_pictures_come_small_and_whole(served: Served) -> None:
    listed = served.ask(_lists(served)[0]).text
    address = re.search(r'src="../(images/[0-9a-f]{64})\?small"', listed)
    assert address
    for path in (address[1], f"{address[1]}?small"):
        status, kind, begins = _raw(served, path)
        assert (status, kind, begins) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert served.ask(f"images/{'0' * 64}").status == 404


def _raw(served: Served, path: str) -> tuple[int, str, bytes]:
    with urllib.request.urlopen(served.url + path, timeout=30) as reply:  # noqa: S310 - our own address
        return reply.status, reply.headers["content-type"], reply.read(3)


def test_pictures_come_from_a_folder_of_data_if_they_are_the_very_ones(demo_store: Path, tmp_path: Path) -> None:
    root = load_task("bison-mini", args={"n": "36"}).root
    with Store(demo_store, read_only=True) as store:
        sha256, relpath = store.connection.execute("SELECT sha256, relpath FROM images").fetchone()
    other = tmp_path / "other"
    (other / relpath).parent.mkdir(parents=True)
    (other / relpath).write_bytes((root / relpath).read_bytes() + b"x")
    for folder, begins in ((root, b"\x89PN"), (other, b"\xff\xd8\xff")):
        with looking(demo_store, folder) as served:
            assert _raw(served, f"images/{sha256}")[2] == begins
            assert _raw(served, f"images/{sha256}?small")[2] == b"\xff\xd8\xff"


def test_what_is_not_made_yet_says_so_and_old_numbers_say_when_they_were_made(demo_store: Path) -> None:
    with looking(demo_store) as served:
        side = served.pool.side
    for name in ("", "-wal", "-shm"):
        side.with_name(side.name + name).unlink(missing_ok=True)
    shelf = ConnectionPool(demo_store)
    keeper = make_refresher(shelf)
    with serving(viewer_app(shelf, keeper), shelf, keeper) as served:
        answer = served.ask("leaderboard")
        assert answer.status == 503 and "Being worked out" in answer.text
        assert "Marks are being made" in served.ask(_lists(served)[0]).text
        served.look()
        assert "the store has changed" not in served.ask("leaderboard").text
        with Store(demo_store) as store:
            store.connection.execute("UPDATE scores SET value = 1 - value WHERE criterion = 'accuracy'")
        before = served.ask("leaderboard").text
        served.look()
        assert served.ask("leaderboard").text != before


# --- what is refused --------------------------------------------------------------------------------------------


def test_looking_changes_nothing(demo_store: Path) -> None:
    before = hashlib.sha256(demo_store.read_bytes()).hexdigest()
    with looking(demo_store) as served:
        for page in (*PAGES, *_lists(served), "search?q=answer"):
            served.ask(page)
    assert hashlib.sha256(demo_store.read_bytes()).hexdigest() == before


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/wrong-token/",
        f"/{TOKEN}x/runs",
        f"/{TOKEN}/../etc/passwd",
        f"/{TOKEN}/assets/../view.css",
        f"/{TOKEN}/assets/..%2f..%2fpyproject.toml",
        f"/{TOKEN}/assets/chat.js",
        f"/{TOKEN}/images/..%2f..%2fdemo.db",
        f"/{TOKEN}/downloads/..%2fdemo.db",
        f"/{TOKEN}/runs/nosuchrun",
        f"/{TOKEN}/samples/nosuchgroup",
        f"/{TOKEN}/samples/%00/x",
        f"/{TOKEN}/tasks/%3Cscript%3E",
        f"/{TOKEN}/item/1",
        f"/{TOKEN}/runs?page=-1",
        f"/{TOKEN}/search?after=x",
        f"/{TOKEN}/search?q=a&kind=nosuch",
        f"/{TOKEN}/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_addresses_that_lead_nowhere_tell_nothing(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 404
    assert (
        "Traceback" not in answer.text and "demo_store" not in answer.text and str(served.pool.path) not in answer.text
    )
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_names_origins_methods_and_sizes_are_refused(served: Served) -> None:
    assert served.ask("runs", Host=f"evil.example:{served.port}").status == 421
    for page in PAGES:
        assert served.ask(page, "POST", b"x=1").status == 405, "nothing can be written"
        assert served.ask(page, "DELETE").status == 405
    assert served.ask("runs", "POST", b"x=1", Origin="http://evil.example").status == 403
    assert served.ask("runs", "POST", b"x=1", Sec_Fetch_Site="cross-site").status == 403
    assert served.ask("runs", "POST", b"x" * (BODY + 1)).status == 413


def test_a_fault_of_ours_tells_the_reader_nothing(demo_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_args: object) -> None:
        raise KeyError(f"{demo_store}: JSON")

    with looking(demo_store) as served:
        monkeypatch.setattr(read_runs, "runs", fault)
        answer = served.ask("runs")
    assert answer.status == 500 and "fault of the program" in answer.text
    assert "Traceback" not in answer.text and str(demo_store) not in answer.text and "JSON" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_damaged_value_is_said_with_what_to_do(demo_store: Path) -> None:
    with looking(demo_store) as served:
        with Store(demo_store) as store:
            store.connection.execute("UPDATE runs SET identity = 'not json'")
        answer = served.ask("runs")
        assert answer.status == 400 and "sparkles-eval verify" in answer.text and "Traceback" not in answer.text


def test_a_store_that_was_replaced_is_said(demo_store: Path) -> None:
    with looking(demo_store) as served:
        assert served.ask("runs").status == 200
        demo_store.unlink()
        answer = served.ask("runs")
    assert answer.status == 400 and "was deleted or moved away" in answer.text


def test_hostile_text_is_text_on_every_page(tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        run_id = read_runs.runs(store)[0].id
    with looking(tmp_path / "h.db") as served:
        lists = _lists(served)
        samples = [
            address.removeprefix("../")
            for listed in lists
            for address in _links(served, listed, r"\.\./samples/[\w.-]+/[0-9a-f]{12}")
        ]
        assert len(lists) == 2 and samples
        pages = [*PAGES, *lists, *samples, f"runs/{run_id}", "search?q=script", "search?q=%3Cscript%3E&kind=verdict"]
        pages += _links(served, "leaderboard", r"(?:tasks|models)/[\w.-]+")
        for page in pages:
            answer = served.ask(page)
            assert answer.status == 200, page
            assert "<script>window" not in answer.text and "onerror=window.hacked=1>" not in answer.text, page
            assert "<iframe" not in answer.text and "\u202e" not in answer.text and "\x1b" not in answer.text, page
            assert 'href="javascript' not in answer.text and len(answer.text) < 3_000_000, page
        assert "<mark>script</mark>" in served.ask("search?q=script").text
