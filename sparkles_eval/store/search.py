"""Full-text search over answers and verdicts, in the viewer's index.

Responses and verdicts are only ever added, with growing ids, so reading on from the last one keeps the index complete.
It holds words and their positions, not the texts: those come from the store.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.store.mapping import dump
from sparkles_eval.store.store import Store
from sparkles_eval.store.viewer_index import TOKENS

TextKind: TypeAlias = Literal["answer", "verdict"]
LONGEST = 200_000
"""Characters of one text that are searched."""
LEAST_BEGINNING = 2
"""Letters that a beginning (begin*) must have: fewer begin too many words to look up."""
_BATCH = 2_000
_LOOKED = 10_000
"""Matching texts that are tried against the filters for one page; a page always comes soon, and one can go on."""
_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A stretch of a text, `found` where it is what was searched for."""

    text: str
    found: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that matches, in one of the places where it stands. `more`: how many other places it stands in."""

    kind: TextKind
    run_id: str
    sample_id: str
    epoch: int
    turn: int
    """Of an answer; 0 for a verdict."""
    judge_id: str
    """Of a verdict; "" for an answer."""
    pieces: tuple[TextPiece, ...]
    more: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits in the order of their making; `after` goes on, 0 where there are no more."""

    hits: tuple[Hit, ...]
    after: int


# --- keeping up -------------------------------------------------------------------------------------------------


def index_next(side: sqlite3.Connection) -> int:
    """Take in the next responses and verdicts (see `sidecar.open_side`); gives how many, 0 when all are in."""
    side.execute("BEGIN IMMEDIATE")
    try:
        count = _take(side, "responses", 0) + _take(side, "verdicts", 1)
        side.execute("COMMIT")
    except BaseException:
        side.execute("ROLLBACK")
        raise
    return count


def _take(side: sqlite3.Connection, what: Literal["responses", "verdicts"], odd: int) -> int:
    columns = "text, reasoning" if what == "responses" else "ratings, reason, raw"
    rows = side.execute(
        f"SELECT id, created_at, {columns} FROM store.{what}"  # noqa: S608 - one of two words
        " WHERE id > coalesce((SELECT id FROM seen WHERE what = ?), 0) ORDER BY id LIMIT ?",
        (what, _BATCH),
    ).fetchall()
    if not rows:
        return 0
    texts = (
        (2 * row["id"] + odd, _verdict_text(row) if odd else _answer_text(row["text"], row["reasoning"]))
        for row in rows
    )
    side.executemany(
        "INSERT INTO texts(rowid, words) VALUES (?, ?)", [(at, text[:LONGEST]) for at, text in texts if text]
    )
    last = rows[-1]
    side.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (what, last["id"], last["created_at"]))
    return len(rows)


def _answer_text(text: str | None, reasoning: str | None) -> str:
    """An answer, followed by the model's reasoning."""
    return "\n\n".join(part for part in (text, reasoning) if part)


def _verdict_text(row: sqlite3.Row) -> str:
    """Why a judge gave what it gave; its whole reply only where no reasons were read out of it."""
    explanations = "\n".join(
        rating["explanation"] for rating in json.loads(row["ratings"]) if rating.get("explanation")
    )
    return "\n".join(part for part in (explanations or row["raw"], row["reason"]) if part)


# --- asking -----------------------------------------------------------------------------------------------------


def match_expression(text: str) -> str:
    """What a person typed, as the index understands it; "" where there is no word to look for.

    All words must be there; "several words" stand together; word* begins so (from two letters on); -word must not be
    there. Everything is quoted, so nothing that is typed can be a command of the index.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for found in _TERM.finditer(text[:500].replace("\x00", " ")):
        words = found["phrase"] if found["phrase"] is not None else found["word"]
        if not any(letter.isalnum() for letter in words):
            continue
        star = "*" if found["phrase"] is None and words.endswith("*") and len(words) > LEAST_BEGINNING else ""
        quoted = '"' + words.rstrip("*").replace('"', '""') + f'"{star}'
        (unwanted if found["minus"] else wanted).append(quoted)
    if not wanted:
        return ""
    return " ".join([" AND ".join(wanted), *(f"NOT {word}" for word in unwanted)])


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Where to search: only in these runs, by these judges (of verdicts), in one kind of text. None: everywhere."""

    runs: Sequence[str] | None = None
    judges: Sequence[str] | None = None
    kind: TextKind | None = None


def search(
    store: Store, text: str, where: SearchScope = SearchScope(), *, after: int = 0, limit: int = 20
) -> SearchPage:
    """The next texts that match (`match_expression`), each in the first of its places within `where`.

    `store` must have its side file attached (`sidecar.attach_side`). Gives nothing for a text without words.
    """
    wanted = match_expression(text)
    if not wanted:
        return SearchPage((), 0)
    db = store.connection
    odd = {None: (0, 1), "answer": (0, 0), "verdict": (1, 1)}[where.kind]
    runs = where.runs
    if runs is None:
        runs = [row[0] for row in db.execute("SELECT id FROM runs")]
    place = (dump(list(runs)), where.judges is None, dump(list(where.judges or ())))
    looked = (wanted, after, *odd, _LOOKED)
    found = db.execute(f"SELECT at FROM ({_LOOK}) WHERE {_FITS} LIMIT ?", (*looked, *_fitting(place), limit + 1))  # noqa: S608
    ids = [row[0] for row in found]
    if len(ids) > limit:
        ids = ids[:limit]
        return SearchPage(_hits(store, ids, place, wanted), ids[-1])
    count, last = db.execute(f"SELECT count(*), max(at) FROM ({_LOOK})", looked).fetchone()  # noqa: S608
    return SearchPage(_hits(store, ids, place, wanted), last if count == _LOOKED else 0)


_Place: TypeAlias = tuple[str, bool, str]
"""Runs as JSON, whether any judge will do, and else the judges as JSON."""

_LOOK = (
    "SELECT rowid AS at FROM side.texts WHERE texts MATCH ? AND rowid > ? AND rowid % 2 BETWEEN ? AND ?"
    " ORDER BY rowid LIMIT ?"
)
_ANSWERS = "FROM answers a WHERE a.response_id = {at} / 2 AND a.run_id IN (SELECT value FROM json_each(?))"
# By run, for scores have no index of verdicts: it would make them half as large again.
_VERDICTS = (
    "FROM verdicts v CROSS JOIN json_each(?) r CROSS JOIN scores s ON s.run_id = r.value AND s.judge_id = v.judge_id"
    " AND s.sample_id = v.sample_id AND s.verdict_id = v.id"
    " WHERE v.id = {at} / 2 AND (? OR v.judge_id IN (SELECT value FROM json_each(?)))"
)
_FITS = (
    f"CASE at % 2 WHEN 0 THEN EXISTS (SELECT 1 {_ANSWERS.format(at='at')})"
    f" ELSE EXISTS (SELECT 1 {_VERDICTS.format(at='at')}) END"
)


def _fitting(place: _Place) -> tuple[object, ...]:
    """The values of `_FITS`."""
    return place[0], *place


def _places(store: Store, at: int, place: _Place) -> list[sqlite3.Row]:
    """Where a text stands, in order."""
    if at % 2:
        sql = (
            "SELECT s.run_id, s.sample_id, min(s.epoch) AS epoch, 0 AS turn, s.judge_id "
            f"{_VERDICTS.format(at='?')} GROUP BY s.run_id, s.sample_id"
        )
        return store.connection.execute(sql, (place[0], at, *place[1:])).fetchall()
    sql = f"SELECT run_id, sample_id, epoch, turn, '' AS judge_id {_ANSWERS.format(at='?')}"
    return store.connection.execute(sql, (at, place[0])).fetchall()


def _hits(store: Store, ids: Sequence[int], place: _Place, wanted: str) -> tuple[Hit, ...]:
    snippets = _snippets([_text(store, at) for at in ids], wanted)
    found = [(at, _places(store, at, place)) for at in ids]
    return tuple(
        Hit(
            kind="verdict" if at % 2 else "answer",
            run_id=rows[0]["run_id"],
            sample_id=rows[0]["sample_id"],
            epoch=rows[0]["epoch"],
            turn=rows[0]["turn"],
            judge_id=rows[0]["judge_id"],
            pieces=pieces,
            more=len(rows) - 1,
        )
        for (at, rows), pieces in zip(found, snippets, strict=True)
    )


def _text(store: Store, at: int) -> str:
    if at % 2:
        row = store.connection.execute("SELECT ratings, reason, raw FROM verdicts WHERE id = ?", (at // 2,)).fetchone()
        return _verdict_text(row)[:LONGEST]
    row = store.connection.execute("SELECT text, reasoning FROM responses WHERE id = ?", (at // 2,)).fetchone()
    return _answer_text(row["text"], row["reasoning"])[:LONGEST]


def _snippets(texts: Sequence[str], wanted: str) -> list[tuple[TextPiece, ...]]:
    """Where the words stand, with a few words around: asked of a small index of these texts alone."""
    begin, end = (f"\x02{secrets.token_hex(8)}" for _ in range(2))
    small = sqlite3.connect(":memory:")
    try:
        small.execute(f"CREATE VIRTUAL TABLE t USING fts5(words, tokenize='{TOKENS}')")
        small.executemany("INSERT INTO t(rowid, words) VALUES (?, ?)", list(enumerate(texts)))
        marked = dict(
            small.execute(
                "SELECT rowid, snippet(t, 0, ?, ?, '\N{HORIZONTAL ELLIPSIS}', 48) FROM t WHERE t MATCH ?",
                (begin, end, wanted),
            ).fetchall()
        )
    finally:
        small.close()
    found = []
    for number, text in enumerate(texts):
        parts = re.split(f"({begin}|{end})", marked.get(number, text[:300]))
        pieces, inside = [], False
        for part in parts:
            if part in (begin, end):
                inside = part == begin
            elif part:
                pieces.append(TextPiece(part, inside))
        found.append(tuple(pieces))
    return found
