"""Caches pages that are too slow to make on request (leaderboard, tasks, models, judges, figures).

A thread keeps them up to date, with the search index and the flags.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from sparkles_eval import __version__
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core import JSON, fingerprint
from sparkles_eval.core.names import judge_name, slug
from sparkles_eval.core.text import one_line
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.figure_groups import figure_groups
from sparkles_eval.reports.report_data import ReportData, collect_report
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.reports.toolkit.links import task_slug
from sparkles_eval.reports.toolkit.numbers import format_headline
from sparkles_eval.store import read_runs, sample_flags, search, viewer_index
from sparkles_eval.store.mapping import now
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.connection_pool import ConnectionPool
from sparkles_eval.viewer.templates import ViewLinks, image_source

_log = logging.getLogger(__name__)
_CHECK_EVERY_S = 1.0
LATER = frozenset({"figures"})
"""Texts that take long and are not always looked at: made once somebody asks for them."""
_CLOSE_TIMEOUT_S = 2.0
"""For the thread's present step when the viewer ends. All it writes is a cache, in transactions."""

PageMaker: TypeAlias = Callable[[Store], Mapping[str, str]]
"""Works texts (the insides of pages) out of the whole store, by name. May take long."""


@dataclass(frozen=True, slots=True)
class CachedPage:
    """A text that was made of the store, and when."""

    body: str
    at: str
    fresh: bool
    """False where the store has changed since."""


@dataclass(frozen=True, slots=True)
class KeptScores:
    """Headlines by run id, each with who scored it, and conclusions by the slug of their task."""

    runs: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    """(judge or rule, "85.3% [80.9, 88.9]") of each scoring."""
    tasks: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: ReportData) -> KeptScores:
        """Those of a report."""
        runs: dict[str, list[tuple[str, str]]] = {}
        for panel in parts.summary.panels:
            for entry in panel.entries:
                if entry.headline and entry.judge:
                    runs.setdefault(entry.run.id, []).append((judge_name(entry.judge), format_headline(entry.headline)))
        tasks: dict[str, list[str]] = {}
        for head in parts.heads.values():
            label = f"{one_line(head.panel.label)}: " if head.panel.label else ""
            tasks.setdefault(task_slug(head.task), []).append(f"{label}{head.conclusion.words}")
        return cls(runs, tasks)

    def written(self) -> str:
        return json.dumps({"runs": self.runs, "tasks": self.tasks})

    @classmethod
    def read(cls, text: str) -> KeptScores:
        """Of what `written` gave."""
        found = json.loads(text)
        return cls(found["runs"], found["tasks"])


class Refresher:
    """The thread. `start` it once; `close` ends it, or leaves a long step to end with the program."""

    def __init__(self, pool: ConnectionPool, makes: Mapping[str, PageMaker]) -> None:
        """`makes`: "board" is made anew when scores or answers change, "people" when people's ratings do, "figures"
        when either does."""
        self._pool = pool
        self._makes = makes
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="refresher", daemon=True)
        self._bases: dict[str, str] = {}
        """What each maker's texts would be made from now."""
        self._asked: set[str] = set()
        """What of LATER somebody waits for."""
        self.round = 0
        """How many rounds are done: 0 while nothing is up to date."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_TIMEOUT_S)

    def kept(self, name: str) -> CachedPage | None:
        """The latest text of that name; None while there is none."""
        with self._pool.acquire() as store:
            row = store.connection.execute("SELECT * FROM side.kept WHERE name = ?", (name,)).fetchone()
        fresh = row is not None and row["basis"] == self._bases.get(row["maker"])
        if name in LATER and not fresh:
            self._asked.add(name)
        return CachedPage(row["body"], row["at"], fresh) if row else None

    def indexed(self) -> tuple[int, int]:
        """How many answers and verdicts can be searched, and how many there are (by their highest ids)."""
        with self._pool.acquire() as store:
            row = store.connection.execute(
                "SELECT (SELECT total(id) FROM side.seen), coalesce((SELECT max(id) FROM responses), 0)"
                " + coalesce((SELECT max(id) FROM verdicts), 0)"
            ).fetchone()
        return int(row[0]), int(row[1])

    def _work(self) -> None:
        side = viewer_index.open_viewer_index(self._pool.place, self._pool.side)
        seen = None
        try:
            while not self._end.is_set():
                began = time.monotonic()
                version = side.execute("PRAGMA store.data_version").fetchone()[0]
                if version != seen or self._asked:
                    seen = version
                    self._once(side)
                self._end.wait(max(_CHECK_EVERY_S, time.monotonic() - began))
        finally:
            side.close()

    def _once(self, side: sqlite3.Connection) -> None:
        # A fault here may not end the thread: pages would go stale in silence.
        try:
            self.look(side)
        except Exception:  # noqa: BLE001 - shown with its traceback
            _log.exception("the index of %s could not be brought up to date", self._pool.path)

    def look(self, side: sqlite3.Connection) -> None:
        """One round: marks first, for every page uses them, then words, then what takes longest."""
        bases = sample_flags.score_versions(side)
        with self._pool.acquire() as store:
            runs = [run.id for run in read_runs.runs(store)]
            judges = read_runs.all_judges(store)
        gone, changed = sample_flags.forget(side, bases), sample_flags.outdated(side, bases)
        for run_id, judge_id in changed:
            if self._end.is_set():
                return
            sample_flags.mark(side, run_id, judge_id, bases[run_id, judge_id], reads=extracts(judges[judge_id]))
        if gone or changed:
            sample_flags.sum_up(side)
        while search.index_next(side):
            if self._end.is_set():
                return
        # Answers that nobody has scored yet change coverage and cost, too.
        (answered,) = side.execute("SELECT count(*) FROM store.answers").fetchone()
        scored: list[JSON] = [[*key, basis] for key, basis in sorted(bases.items())]
        said = side.execute(
            "SELECT (SELECT count(*) || ' ' || max(created_at) FROM store.ratings),"
            " (SELECT count(*) || ' ' || max(created_at) FROM store.preferences)"
        ).fetchone()
        self._bases = {
            "board": fingerprint([__version__, runs, scored, answered]),
            "people": fingerprint([__version__, *said]),
            "figures": fingerprint([__version__, runs, scored, answered, *said]),
        }
        for maker, make in self._makes.items():
            if maker not in LATER or maker in self._asked:
                self._asked.discard(maker)
                self._make(side, maker, make)
        self.round += 1

    def _make(self, side: sqlite3.Connection, maker: str, make: PageMaker) -> None:
        known = side.execute("SELECT basis FROM kept WHERE maker = ? LIMIT 1", (maker,)).fetchone()
        basis, at = self._bases[maker], now()
        if self._end.is_set() or (known is not None and known["basis"] == basis):
            return
        with self._pool.acquire() as store:
            texts = make(store)
        side.execute("BEGIN IMMEDIATE")
        side.execute("DELETE FROM kept WHERE maker = ?", (maker,))
        rows = [(name, maker, basis, at, body) for name, body in texts.items()]
        side.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", rows)
        side.execute("COMMIT")


def report_pages_maker(content: Sequence[Path] = ()) -> Callable[[Store], Mapping[str, str]]:
    """What `Refresher` is given: works out every such page as HTML without its frame."""
    return partial(_make, content=tuple(content))


def figures_page_maker(content: Sequence[Path] = ()) -> Callable[[Store], Mapping[str, str]]:
    """The page of figures, which takes seconds: made after the others, or saying what to install."""
    return partial(_draw, content=tuple(content))


def _draw(store: Store, *, content: tuple[Path, ...]) -> dict[str, str]:
    from sparkles_eval.reports.figures import figures, missing

    summary, note = summarise(store), missing()
    template = pages.environment(content).get_template("figures.html.j2")
    drawn = () if note else figures(store, summary)
    made = template.render(
        summary=summary,
        figure_groups=figure_groups(summary, drawn),
        figures_note=note,
        files=False,
        site=True,
        root="",
        links=ViewLinks(),
    )
    return {"figures": made}


def _make(store: Store, *, content: tuple[Path, ...]) -> dict[str, str]:
    summary = summarise(store)
    parts = collect_report(store, summary, SiteOptions(figures=False, content=content))
    templates = pages.environment(content)
    names = {
        **parts.names(),
        "summary": summary,
        "site": True,
        "site_title": "Leaderboard",
        "look": image_source,
        "left_out": (),
        "store_name": "",
    }

    def fill(template: str, root: str, **own: object) -> str:
        return templates.get_template(template).render(root=root, links=ViewLinks(root), **names, **own)

    made = {
        "scores": KeptScores.of(parts).written(),
        "leaderboard": fill("index.html.j2", ""),
        "judges": fill("judges.html.j2", ""),
        "methods": fill("methods.html.j2", ""),
    }
    for task in summary.tasks:
        made[f"tasks/{task_slug(task)}"] = fill("task.html.j2", "../", task=task)
    for model in parts.models:
        made[f"models/{slug(model.name)}"] = fill("model.html.j2", "../", model=model)
    files = {file.name: file.text for download in parts.downloads for file in download.files}
    made |= {f"downloads/{name}": text for name, text in files.items()}
    sums = (f"{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}  {name}\n" for name, text in files.items())
    return made | {"downloads/SHA256SUMS": "".join(sums)}
