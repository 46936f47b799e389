"""Reads stored verdicts again: a model judge's reply with its parser, a rule-based judge's with the rule."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

from sparkles_eval.core import Sample, fingerprint
from sparkles_eval.core.content import overlay
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.base import AnsweredSample, Judge
from sparkles_eval.judges.load import find_judge, load_judge
from sparkles_eval.judges.parsing import PAPER_PAIRS, READERS, Expected, Parser
from sparkles_eval.judges.reference import Reading
from sparkles_eval.publishing.discrepancies import Discrepancy, shown_value
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

Ratings: TypeAlias = Mapping[tuple[int, str], float]
"""Points by turn and criterion."""
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """An answered item as a judge was given it, and which repeat of the judgement is meant."""

    sample_id: str
    epoch: int
    repeat: int
    sample: Sample | None
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict as the store has it."""

    id: int
    key: str
    judge_id: str
    sample_id: str
    call: str
    repeat: int
    status: str
    ratings: Ratings
    raw: str | None
    canary: str = ""
    cut_off: bool = False


_FIRST_READERS = ("strict@1", "paper@1")
"""What stores that name no reader were read by."""


class ReplyReaders:
    """How every judge's replies are read again; remembers what it found out."""

    def __init__(self) -> None:
        self._rules: dict[str, Judge] | None = None
        self._parsers: dict[str, Parser] = {}

    def why_not(self, judge: JudgeRow) -> str | None:
        """Why this judge's verdicts cannot be worked out again here, or None."""
        if judge.reader is not None and judge.reader not in READERS:
            return f"its replies were read by {shown_value(judge.reader)}, which this program does not have"
        if judge.model is not None or judge.id in self.rules:
            return None
        rule = f"the rule {shown_value(judge.name)} ({judge.id[:8]})"
        return f"{rule} is none that this program has, or another version of it"

    @property
    def rules(self) -> Mapping[str, Judge]:
        """The judges that ask nobody, by fingerprint."""
        if self._rules is None:
            self._rules = {judge.card.fingerprint: judge for judge in _rule_judges()}
        return self._rules

    def read(self, judge: JudgeRow, verdict: StoredVerdict, item: JudgedItem) -> Ratings | None:
        """What the stored reply says, None where it cannot be read."""
        if item.sample is None:
            return None
        if rule := self.rules.get(judge.id):
            dialogue = AnsweredSample(item.sample, item.answers)
            calls = [call for call in rule.calls(dialogue) if call.id == verdict.call]
            made = rule.read(calls[0], "").ratings if calls else ()
            return {(rating.turn, rating.criterion): rating.value for rating in made} or None
        return _parsed(self._parsers[judge.id], judge, verdict, item) if judge.id in self._parsers else None

    def choose(self, judge: JudgeRow, found: Sequence[tuple[JudgedItem, StoredVerdict]]) -> None:
        """Settle on the parser of a judge that asks a model: the one that it names, else by the replies of one run."""
        if judge.id in self._parsers or judge.id in self.rules:
            return
        if judge.reader is not None:
            self._parsers[judge.id] = READERS[judge.reader]
            return
        criteria = {criterion.id for criterion in judge.criteria}
        fits = [
            READERS[name]
            for name in _FIRST_READERS
            if name != "paper@1" or criteria == {criterion for _, criterion in PAPER_PAIRS}
        ]

        def misread(parser: Parser) -> int:
            return sum(not same(_parsed(parser, judge, verdict, item), verdict) for item, verdict in found)

        self._parsers[judge.id] = min(fits, key=misread)


def _rule_judges() -> Iterator[Judge]:
    for place in overlay("judges", ()):
        for folder in sorted(place.iterdir()):
            try:
                found = find_judge(folder.name)
                if found is None or found.spec.kind == "rubric":
                    continue
                for protocol in dict.fromkeys((*get_args(Reading), *found.spec.protocols)):
                    yield load_judge(folder.name, protocol=protocol)
            except UserError:  # a folder that is no judge
                continue


def _parsed(parser: Parser, judge: JudgeRow, verdict: StoredVerdict, item: JudgedItem) -> Ratings | None:
    turns = range(1, len(item.answers) + 1)
    criteria = [criterion.id for criterion in judge.criteria]
    if verdict.call in criteria:
        criteria = [verdict.call]
    elif verdict.call != "dialogue":
        turns = range(int(verdict.call.removeprefix("turn-")), int(verdict.call.removeprefix("turn-")) + 1)
    pairs = tuple((turn, criterion) for turn in turns for criterion in criteria)
    expected = Expected(pairs, judge.low, judge.high, item.answers, verdict.canary, verdict.cut_off)
    parsed = parser.read(verdict.raw or "", expected)
    if parsed.reason is not None:
        return None
    return {(rating.turn, rating.criterion): rating.value for rating in parsed.ratings}


def same(read: Ratings | None, verdict: StoredVerdict) -> bool:
    """True where a verdict is what its reply says: the same points, or nothing that could be read."""
    if verdict.status == "invalid":
        return read is None
    if verdict.status != "graded":
        return not verdict.ratings
    return (
        read is not None
        and read.keys() == verdict.ratings.keys()
        and all(abs(value - verdict.ratings[place]) <= _CLOSE for place, value in read.items())
    )


def stored_verdicts(
    store: Store, run_id: str, judge_id: str, items: Mapping[tuple[str, int], JudgedItem]
) -> Iterator[tuple[JudgedItem, StoredVerdict]]:
    """Every verdict behind a run's scores by a judge, earlier replies to the same question included.

    Raises ValueError, TypeError, KeyError for a row that cannot be read.
    """
    rows = store.connection.execute(
        "SELECT DISTINCT s.sample_id AS sample, s.epoch, s.repeat AS of_repeat, w.id, w.key, w.judge_id, w.sample_id,"
        " w.call, w.repeat, w.status, w.ratings, w.raw, w.canary, w.cut_off FROM scores s"
        " JOIN verdicts v ON v.id = s.verdict_id JOIN verdicts w ON w.key = v.key"
        " WHERE s.run_id = ? AND s.judge_id = ? ORDER BY w.id",
        (run_id, judge_id),
    )
    for row in rows:
        item = items.get((row["sample"], row["epoch"]))
        whole = item or JudgedItem(row["sample"], row["epoch"], 0, None, ())
        ratings = {(rating["turn"], rating["criterion"]): rating["value"] for rating in json.loads(row["ratings"])}
        yield (
            JudgedItem(whole.sample_id, whole.epoch, row["of_repeat"], whole.sample, whole.answers),
            StoredVerdict(
                row["id"],
                row["key"],
                row["judge_id"],
                row["sample_id"],
                row["call"],
                row["repeat"],
                row["status"],
                ratings,
                row["raw"],
                row["canary"] or "",
                bool(row["cut_off"]),
            ),
        )


def check_verdicts(
    readers: ReplyReaders,
    judge: JudgeRow,
    found: Collection[tuple[JudgedItem, StoredVerdict]],
    read: dict[int, Ratings],
) -> Iterator[Discrepancy]:
    """Every verdict that does not follow from its reply, or is of something else. Fills `read` by row id."""
    for item, verdict in found:
        for what in _wrong(readers, judge, item, verdict, read):
            yield Discrepancy("verdicts", f"id {verdict.id}, judge {shown_value(judge.name)}", what)


def _wrong(
    readers: ReplyReaders, judge: JudgeRow, item: JudgedItem, verdict: StoredVerdict, read: dict[int, Ratings]
) -> Iterator[str]:
    if not item.answers:
        yield f"rates sample {shown_value(item.sample_id)}, of which not every turn is answered"
        return
    key = fingerprint([judge.id, item.sample_id, list(item.answers), verdict.call, item.repeat])
    if verdict.key != key or (verdict.judge_id, verdict.sample_id) != (judge.id, item.sample_id):
        yield "its key is not the hash of judge, sample and answers"
    again = readers.read(judge, verdict, item)
    if again is not None and verdict.status == "graded":
        read[verdict.id] = again
    if not same(again, verdict):
        yield _said(again, verdict)


def _said(again: Ratings | None, verdict: StoredVerdict) -> str:
    if verdict.status == "invalid":
        return "is called invalid, but its reply can be read"
    if verdict.status != "graded":
        return f"is {verdict.status} and has ratings"
    if again is None:
        return "has ratings, but its reply cannot be read"
    other = [place for place in sorted({*again, *verdict.ratings}) if again.get(place) != verdict.ratings.get(place)]
    return ", ".join(
        f"{shown_value(name)} of A{turn} is {verdict.ratings.get((turn, name))}, "
        f"its reply says {again.get((turn, name))}"
        for turn, name in other[:4]
    )
