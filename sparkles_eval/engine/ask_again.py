"""Chooses which stored replies of a run are requested once more (`run --again`), and finds those that already were.

A request is asked again at most once between two invocations that came to their own end: a run that was killed goes on
where it stopped, and does not begin anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, get_args

from sparkles_eval.core import Response, Sample, Status
from sparkles_eval.core.reply_parts import take_apart
from sparkles_eval.engine.config import ReplyKind
from sparkles_eval.store import read_runs
from sparkles_eval.store.rows import AnswerRow, ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers.registry import stored_scorer

REPLY_KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)
"""`failed` requests have no reply: every run asks them again, so choosing them adds nothing."""

AskedItem: TypeAlias = tuple[str, int]
"""Sample id and epoch."""


def reply_kind(status: Status, text: str | None, reasoning: str | None) -> ReplyKind | None:
    """The kind of a stored reply by `--again`'s names, or None. One cut off or refused is only that, empty or not."""
    match status:
        case Status.OK:
            answer = take_apart(text or "", [reasoning] if reasoning else []).answer
            return None if answer.strip() else "empty"
        case Status.TRUNCATED:
            return "cut"
        case Status.REFUSED:
            return "refused"
        case _:
            return "failed"


@dataclass(slots=True)
class AskAgain:
    """What one run requests once more: for each item the first turn; the turns after it follow."""

    store: Store
    kinds: frozenset[ReplyKind]
    since: str = ""
    """When the last invocation on this run came to its own end: what was asked again since is not asked once more."""
    first_turns: Mapping[AskedItem, int] = field(default_factory=dict)
    found: Counter[ReplyKind] = field(default_factory=Counter)
    kept: int = 0
    """Items of these kinds that stay as they are, because people have rated their answers or been sent them."""
    in_vain: list[str] = field(default_factory=list)
    """Why items have no newer reply; their old one stands."""

    def wants(self, response: Response) -> bool:
        """True where a stored reply is requested once more."""
        kind = reply_kind(response.status, response.text, response.reasoning)
        return kind in self.kinds and not self._renewed(response.key)

    def _renewed(self, key: str) -> bool:
        query = "SELECT 1 FROM responses WHERE key = ? AND set_aside > ?"
        return self.store.connection.execute(query, (key, self.since)).fetchone() is not None

    def begin_note(self) -> str:
        """A sentence on how many items are requested once more."""
        kinds = ", ".join(f"{kind}: {self.found[kind]:,}" for kind in REPLY_KINDS if self.found[kind])
        if kinds:
            note = f"{len(self.first_turns):,} items are asked once more ({kinds}); their old replies are kept"
        else:
            note = f"no stored reply is {' or '.join(kind for kind in REPLY_KINDS if kind in self.kinds)}"
        return note + (f"; {self.kept:,} more stay, since people have rated their answers" if self.kept else "")

    def end_note(self) -> str | None:
        """A sentence on how many items got no newer reply; None where all have one."""
        if not self.in_vain:
            return None
        count = f"{len(self.in_vain):,} of {len(self.first_turns):,} items"
        return f"{count} have no newer reply, the one before stands; the last because: {self.in_vain[-1]}"


def choose(store: Store, run_id: str, kinds: Collection[ReplyKind], sample_ids: Collection[str]) -> AskAgain:
    """Find the samples of a stored run that have replies of these kinds. Without kinds none is chosen."""
    if not kinds:
        return AskAgain(store, frozenset())
    since = _last_end(store, run_id)
    renewed = {
        row[0]
        for row in store.connection.execute(
            "SELECT a.response_id FROM answers a JOIN responses r ON r.id = a.response_id"
            " JOIN responses old ON old.key = r.key WHERE a.run_id = ? AND old.set_aside > ?",
            (run_id, since),
        )
    }
    wanted, people = set(sample_ids), _seen_by_people(store, run_id)
    first_turns: dict[AskedItem, int] = {}
    found: Counter[ReplyKind] = Counter()
    kept: set[AskedItem] = set()
    for answer in store.answers(run_id):  # a sample's turns in order
        item = (answer.sample_id, answer.epoch)
        kind = reply_kind(Status(answer.status), answer.text, answer.reasoning)
        if kind is None or kind not in kinds or answer.response_id in renewed or item in first_turns:
            continue
        if answer.sample_id not in wanted:
            continue
        if item in people:
            kept.add(item)
            continue
        first_turns[item] = answer.turn
        found[kind] += 1
    return AskAgain(store, frozenset(kinds), since, first_turns, found, len(kept))


def _last_end(store: Store, run_id: str) -> str:
    """When the last invocation on a run ended by itself; "" where none did."""
    row = store.connection.execute(
        "SELECT max(e.finished_at) FROM environments e JOIN run_environments r ON r.environment_id = e.id"
        " WHERE r.run_id = ? AND e.outcome IN ('complete', 'unscored')",
        (run_id,),
    ).fetchone()
    return row[0] or ""


def _seen_by_people(store: Store, run_id: str) -> set[AskedItem]:
    """Items whose answers people have rated, compared, or stand on a sheet for them: what they saw must not change."""
    rows = store.connection.execute(
        "SELECT sample_id, epoch FROM ratings WHERE run_id = :run"
        " UNION SELECT sample_id, epoch FROM preferences WHERE :run IN (left_run, right_run)"
        " UNION SELECT sample_id, epoch FROM sheet_rows WHERE run_id = :run",
        {"run": run_id},
    )
    return {(row[0], row[1]) for row in rows}


def scores_by_earlier_readers(
    store: Store, run_id: str, current: str, sample: Sample, answer: AnswerRow, response: Response
) -> Iterator[ScoreRow]:
    """The scores of a newer reply by the versions of the run's answer rule that have scored the run before.

    A version that is no longer here leaves the item unscored.
    """
    for judge in read_runs.judges(store, run_id, every=True):
        if judge.id != current and (scorer := stored_scorer(judge.id, ())) is not None:
            score = scorer.score(response, sample, answer.turn)
            yield ScoreRow(run_id, answer.sample_id, answer.epoch, judge.id, 0, score)
