"""Run health: replies that are empty, cut off, refused, all alike, or from several served versions.

Reads what the store holds of a run and judges nothing again. Each line names a fix, since the score of a run with
faulty replies does not measure the model. Baselines and controls have no lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.analysis.comparability import is_reference
from sparkles_eval.analysis.reply_times import ReplyTimes, reply_times
from sparkles_eval.core.errors import TOO_LONG
from sparkles_eval.core.reply_parts import take_apart
from sparkles_eval.core.text import one_line
from sparkles_eval.store.read_runs import StoredModel, StoredRun
from sparkles_eval.store.store import Store

HealthKind: TypeAlias = Literal[
    "cut",
    "empty",
    "reasoning",
    "refused",
    "blind",
    "identical",
    "one_option",
    "versions",
    "servers",
    "invalid",
    "long",
    "pictures",
    "again",
]
HealthLevel: TypeAlias = Literal["note", "warning", "alarm"]
"""How loud a line is: shown dim, yellow or red."""

WARNING_SHARE = 0.05
"""Of a run's replies: a fault that more of them have than this is a warning."""
ALARM_SHARE = 0.5
"""Of a run's replies: from here on the run measured the fault and not the model."""
LONG_TEXT = 20
"""Characters: shorter free texts, such as a number or a name, may well be the answer to several items."""
SAME_SHARE = 0.05
"""Of a run's items: a free text that answers more of them than this is suspicious."""
ONE_OPTION_SHARE = 0.95
"""Of a run's items: the same option for more of them than this is suspicious, unless it is right that often."""
FEW_ITEMS = 10
"""Below this many items nothing is said of answers that are alike."""
_CAUSES = 3
"""Causes of invalid answers that are named; the rest is counted together."""

_BLIND = re.compile(
    r"\b(?:can(?:'|\u2019)?t|can ?not|could not|couldn(?:'|\u2019)t|unable to|not able to|don(?:'|\u2019)t|do not)\s+"
    r"(?:\w+\s+){0,2}?(?:see|view|access|display|open|look at|process|analy[sz]e)\s+(?:\w+\s+){0,3}?"
    r"(?:images?|pictures?|photos?|attachments?)\b"
    r"|\bno (?:images?|pictures?|photos?) (?:\w+ ){0,2}?(?:provided|attached|uploaded|included|visible|given|shared)\b"
    r"|\bas an? (?:text[- ](?:based|only)|language) (?:\w+ ){0,2}?model\b"
    r"|\bplease (?:upload|attach|provide|share) (?:\w+ ){0,2}?(?:images?|pictures?|photos?)\b"
    r"|\bich kann (?:\w+ ){0,3}?bilder? (?:\w+ ){0,2}?(?:nicht|keine)\b"
    r"|\bje ne (?:peux|vois) pas (?:\w+ ){0,3}?(?:images?|photos?)\b"
    r"|\u65e0\u6cd5\u67e5\u770b\u56fe|\u770b\u4e0d\u5230\u56fe|\u753b\u50cf\u3092(?:\u898b|\u8868\u793a)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One thing that a run's replies have: `count` of `of` replies (or items), in words, with what to do."""

    kind: HealthKind
    level: HealthLevel
    count: int
    of: int
    text: str


@dataclass(frozen=True, slots=True)
class RunHealth:
    """Everything of one run, the loudest first. `served` counts replies by the version that the server named.

    `times` are those of all replies, and of each address where there are several; empty for what runs without a bill.
    """

    run: str
    model: str
    task: str
    replies: int
    served: tuple[tuple[str, int], ...]
    lines: tuple[HealthLine, ...]
    times: tuple[ReplyTimes, ...] = ()

    @property
    def who(self) -> str:
        """The model and the task, as lines begin."""
        return f"{self.model} on {self.task}"


@dataclass(frozen=True, slots=True)
class _StoredReply:
    """An answer of the run. `answer` is what it says beside its reasoning."""

    item: str
    status: str
    answer: str
    reasoned: bool
    why: str
    served: str


def run_health(store: Store, runs: Iterable[StoredRun]) -> tuple[RunHealth, ...]:
    """The health of each run that has replies; baselines and controls are left out."""
    found = (_of_run(store, run) for run in runs if not is_reference(run.model))
    return tuple(one for one in found if one.replies)


def _of_run(store: Store, run: StoredRun) -> RunHealth:
    replies = _replies(store, run.id)
    served = Counter(reply.served for reply in replies if reply.served)
    lines = [
        *_cut(run, replies),
        *_empty(run.model, replies),
        *_refused(replies),
        *_blind(run, replies),
        *(_identical(replies) if not _has_options(run) else _one_option(store, run)),
        *_versions(served),
        *_servers(store, run, len(replies)),
        *_invalid(store, run),
        *_too_long(store, run),
        *_pictures(store, run),
        *_again(store, run, len(replies)),
    ]
    loudness = {"alarm": 0, "warning": 1, "note": 2}
    lines.sort(key=lambda line: loudness[line.level])
    return RunHealth(
        run.id,
        one_line(run.model.name),
        one_line(run.task.name),
        len(replies),
        tuple(served.most_common()),
        tuple(lines),
        () if run.model.free else reply_times(store, run.id),
    )


def _replies(store: Store, run_id: str) -> list[_StoredReply]:
    rows = store.connection.execute(
        "SELECT a.sample_id, a.epoch, r.status, coalesce(r.text, ''), r.reasoning, coalesce(r.error, r.finish, ''),"
        " coalesce(r.model_version, '') FROM answers a JOIN responses r ON r.id = a.response_id"
        " WHERE a.run_id = ? AND r.status IN ('ok', 'refused', 'truncated') ORDER BY a.sample_id, a.epoch, a.turn",
        (run_id,),
    )
    found = []
    for sample, epoch, status, text, reasoning, why, served in rows:
        parts = take_apart(text, [reasoning] if reasoning else [])
        reasoned = bool(reasoning or parts.reasoning)
        found.append(_StoredReply(f"{sample} {epoch}", status, parts.answer.strip(), reasoned, why, served))
    return found


def _level(count: int, of: int) -> HealthLevel:
    share = count / of if of else 0.0
    return "alarm" if share >= ALARM_SHARE else "warning" if share > WARNING_SHARE else "note"


def _line(kind: HealthKind, count: int, of: int, said: str, fix: str = "") -> Iterator[HealthLine]:
    """The line of replies with a fault; none where no reply has it. `said` follows "12 of 12 replies"."""
    if count:
        text = f"{count:,} of {of:,} {'reply' if of == 1 else 'replies'} {said}"
        yield HealthLine(kind, _level(count, of), count, of, f"{text}; {fix}" if fix else text)


def _cut(run: StoredRun, replies: Sequence[_StoredReply]) -> Iterator[HealthLine]:
    cut = [reply for reply in replies if reply.status == "truncated"]
    asked = run.generation.get("max_tokens") or run.model.settings.get("max_tokens")
    whose = f"max_tokens={asked}" if asked else "the server's own, none was asked for"
    thinking = sum(reply.reasoned and not reply.answer for reply in cut)
    said = f"were cut off at the token limit ({whose})"
    if thinking:
        said += f", {thinking:,} of them while still reasoning, before any answer"
    more = 4 * int(asked) if asked and asked.isdigit() else 4096
    fix = f"give them room: --generation max_tokens={more}"
    if thinking:
        fix += ", or beside the answer's own limit --model-arg reasoning_tokens=4096"
    yield from _line("cut", len(cut), len(replies), said, fix)


def _empty(model: StoredModel, replies: Sequence[_StoredReply]) -> Iterator[HealthLine]:
    """Whole replies without an answer; one that was cut off or refused is counted as that alone."""
    look, room = "look at one in the samples", "give more room: --generation max_tokens=4096"
    if model.kind == "replay":
        after_reasoning = without_text = f"{look}, and in the file that the answers were read from"
    elif model.free:  # in this process: there is no server to set up
        after_reasoning, without_text = room, look
    else:
        after_reasoning = f"look at the server's reasoning parser, or {room}"
        without_text = f"{look}, and at the server's chat template and stop words"
    empty = [reply for reply in replies if reply.status == "ok" and not reply.answer]
    reasoned = sum(reply.reasoned for reply in empty)
    yield from _line(
        "reasoning",
        reasoned,
        len(replies),
        "were empty: reasoning came, and no answer behind it",
        after_reasoning,
    )
    yield from _line(
        "empty",
        len(empty) - reasoned,
        len(replies),
        "were empty: no text at all",
        without_text,
    )


def _refused(replies: Sequence[_StoredReply]) -> Iterator[HealthLine]:
    refused = [reply for reply in replies if reply.status == "refused"]
    causes = _counted(reply.why or "without a reason" for reply in refused)
    yield from _line("refused", len(refused), len(replies), f"were refused or filtered ({causes})")


def _blind(run: StoredRun, replies: Sequence[_StoredReply]) -> Iterator[HealthLine]:
    if "images=dropped" in run.variant:  # there it is the truth
        return
    blind = sum(bool(_BLIND.search(reply.answer[:2000])) for reply in replies)
    fix = "see that the model takes images" + ("" if run.model.free else " and that the server passes them on")
    yield from _line("blind", blind, len(replies), "say that they cannot see the images", fix)


def _has_options(run: StoredRun) -> bool:
    return run.answer_rule is not None or bool(run.task.options)


def _identical(replies: Sequence[_StoredReply]) -> Iterator[HealthLine]:
    """Free texts that stand for too many items."""
    items: dict[str, set[str]] = {}
    for reply in replies:
        if len(reply.answer) > LONG_TEXT:
            items.setdefault(" ".join(reply.answer.split()).casefold(), set()).add(reply.item)
    total = len({reply.item for reply in replies})
    most = max(map(len, items.values()), default=0)
    if total >= FEW_ITEMS and most >= 2 and most > SAME_SHARE * total:
        text = f"the same text answers {most:,} of {total:,} items; look at it in the samples before trusting the score"
        yield HealthLine("identical", "alarm" if most >= ALARM_SHARE * total else "warning", most, total, text)


def _one_option(store: Store, run: StoredRun) -> Iterator[HealthLine]:
    """One option for nearly every item, although it is not the right one of so many."""
    rows = store.connection.execute(
        "SELECT c.answer, count(*), total(c.value = 1) FROM scores c JOIN judges j ON j.id = c.judge_id"
        " WHERE c.run_id = ? AND c.turn = 1 AND c.repeat = 0 AND c.answer IS NOT NULL AND j.model IS NULL"
        " AND j.id = (SELECT max(judge_id) FROM scores WHERE run_id = c.run_id AND answer IS NOT NULL)"
        " GROUP BY c.answer",
        (run.id,),
    ).fetchall()
    total = sum(int(row[1]) for row in rows)
    answer, count, right = max(rows, key=lambda row: int(row[1]), default=("", 0, 0))
    if total >= FEW_ITEMS and count > ONE_OPTION_SHARE * total and right <= ONE_OPTION_SHARE * total:
        said = f"is the answer to {count:,} of {total:,} items, and right for {int(right):,} of them"
        text = f"{one_line(answer, 60)} {said}"
        yield HealthLine("one_option", "warning", int(count), total, text)


def _servers(store: Store, run: StoredRun, replies: int) -> Iterator[HealthLine]:
    """A warning where the servers that a run's replies came from list different models."""
    rows = store.connection.execute(
        "SELECT address, listing FROM addresses WHERE listing IS NOT NULL AND role = 'model' AND identity ="
        " (SELECT m.identity FROM runs r JOIN models m ON m.id = r.model_id WHERE r.id = ?) AND address IN"
        " (SELECT r.address FROM answers a JOIN responses r ON r.id = a.response_id WHERE a.run_id = ?)"
        " ORDER BY address",
        (run.id, run.id),
    ).fetchall()
    if len({listing for _, listing in rows}) > 1:
        places = ", ".join(one_line(address) for address, _ in rows)
        text = f"its servers list different models under one name ({places}); the score may be of a mixture"
        yield HealthLine("servers", "warning", replies, replies, text)


def _versions(served: Counter[str]) -> Iterator[HealthLine]:
    if len(served) > 1:
        named = _counted(served.elements(), 8)
        text = f"{len(served)} versions were served under one name: {named}; the score is of a mixture"
        yield HealthLine("versions", "warning", min(served.values()), served.total(), text)


def _invalid(store: Store, run: StoredRun) -> Iterator[HealthLine]:
    rows = store.connection.execute(
        "SELECT judge_id, count(*), total(invalid) FROM scores WHERE run_id = ?"
        " GROUP BY judge_id ORDER BY 3 DESC LIMIT 1",
        (run.id,),
    ).fetchall()
    for judge, total, invalid in rows:
        if invalid:
            reasons = store.connection.execute(
                "SELECT coalesce(reason, '') FROM scores WHERE run_id = ? AND judge_id = ? AND invalid", (run.id, judge)
            )
            causes = _counted(str(reason) for (reason,) in reasons)
            text = f"{int(invalid):,} of {total:,} answers are invalid ({causes})"
            yield HealthLine("invalid", _level(int(invalid), total), int(invalid), total, text)


def _too_long(store: Store, run: StoredRun) -> Iterator[HealthLine]:
    unscored = "SELECT DISTINCT sample_id, epoch, reason FROM scores WHERE run_id = ? AND value IS NULL"
    rows = store.connection.execute(unscored, (run.id,))
    long = {(sample, epoch) for sample, epoch, reason in rows if TOO_LONG.search(reason or "")}
    if long:
        total = run.total * run.epochs
        said = "items have prompts longer than the model takes; smaller images help: --model-arg max_image_edge=..."
        text = f"{len(long):,} of {total:,} {said}"
        yield HealthLine("long", _level(len(long), total), len(long), total, text)


def _pictures(store: Store, run: StoredRun) -> Iterator[HealthLine]:
    row = store.connection.execute(
        "SELECT message FROM events WHERE kind = 'pictures' AND who = ? AND environment_id IN"
        " (SELECT environment_id FROM run_environments WHERE run_id = ?) ORDER BY id DESC LIMIT 1",
        (run.model.name, run.id),
    ).fetchone()
    found = re.match(r"([\d,]+) of ([\d,]+) pictures", row[0]) if row else None
    if found:
        count, total = (int(number.replace(",", "")) for number in found.groups())
        yield HealthLine("pictures", "note", count, total, row[0])


def _again(store: Store, run: StoredRun, of: int) -> Iterator[HealthLine]:
    """Answers that are second ones: asking again for some kinds of replies is a selection."""
    (count,) = store.connection.execute(
        "SELECT count(*) FROM answers a JOIN responses r ON r.id = a.response_id WHERE a.run_id = ? AND EXISTS"
        " (SELECT 1 FROM responses old WHERE old.key = r.key AND old.set_aside IS NOT NULL AND old.id < r.id)",
        (run.id,),
    ).fetchone()
    if count:
        text = f"{count:,} of {of:,} answers are second ones, asked for with --again; the first are kept in the store"
        yield HealthLine("again", "note", count, of, text)


def _counted(causes: Iterable[str], most: int = _CAUSES) -> str:
    """Causes with their counts, the most frequent first: "no option named: 3, cut off: 2, others: 4"."""
    counts = Counter(one_line(cause, 80) for cause in causes).most_common()
    named = [f"{cause}: {count:,}" for cause, count in counts[:most]]
    rest = sum(count for _, count in counts[most:])
    return ", ".join([*named, *([f"others: {rest:,}"] if rest else [])])


def loud_lines(health: Iterable[RunHealth]) -> list[str]:
    """The warnings and alarms, each with whom it is about."""
    return [f"{one.who}: {line.text}" for one in health for line in one.lines if line.level != "note"]
