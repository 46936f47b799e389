"""The one rule for which runs may stand in one table, and how a difference between runs is worded.

Panels, `compare`, the views of the leaderboard and leaderboards of bundles use it. Sampling settings are not among the
factors: they belong to the model, as presets differ in what they accept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Protocol, TypeAlias

from sparkles_eval.core.names import judge_name, slug
from sparkles_eval.store.read_runs import StoredModel, StoredRun
from sparkles_eval.store.rows import JudgeRow

REFERENCE_KINDS = ("baseline", "control")
"""Kinds of models that a number stands beside; they are compared only where they are named."""
KNOWN_KINDS = ("audit", "control")
"""Kinds whose quality is known: people are not asked to rate them."""


class Asked(Protocol):
    """A run as a store or the manifest of a bundle describes it."""

    @property
    def protocol(self) -> str: ...
    @property
    def protocol_version(self) -> int: ...
    @property
    def variant(self) -> str: ...
    @property
    def answer_rule(self) -> str | None: ...
    @property
    def draws(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def prompt_hash(self) -> str: ...
    @property
    def data_hash(self) -> str: ...


def is_reference(model: StoredModel) -> bool:
    """True for baselines and controls: what a model's number stands beside, no contestants."""
    return model.kind in REFERENCE_KINDS


@dataclass(frozen=True, slots=True)
class Comparability:
    """All that must be equal for two runs to be compared. Equal records may stand in one table."""

    task: str
    task_version: int
    protocol: str
    protocol_version: int
    variant: str
    answer_rule: str | None
    draws: int
    epochs: int
    prompt_hash: str
    data_hash: str
    items: int
    judge: JudgeRow | None = None
    """None for a run without scores, and where judges are compared separately."""

    @classmethod
    def of(cls, run: StoredRun, judge: JudgeRow | None) -> Comparability:
        """Of a run in a store, as a judge scored it."""
        return cls.asked(run, run.task.name, run.task.version, run.total, judge)

    @classmethod
    def asked(cls, run: Asked, task: str, version: int, items: int, judge: JudgeRow | None = None) -> Comparability:
        """Of a run that is described elsewhere."""
        return cls(
            task, version, run.protocol, run.protocol_version, run.variant, run.answer_rule, run.draws, run.epochs,
            run.prompt_hash, run.data_hash, items, judge,
        )  # fmt: skip

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for runs that may be compared; what the words shorten is in it whole."""
        return (*astuple(replace(self, judge=None)), self.judge.id if self.judge else None)

    @property
    def table(self) -> str:
        """The table that it belongs to, in words: each task, protocol, variant and number of epochs has its own."""
        repeated = f"{self.epochs} epochs" if self.epochs > 1 else ""
        return f"{self.task} ({', '.join(filter(None, (f'{self.protocol} protocol', self.variant, repeated)))})"


Words: TypeAlias = Callable[[Comparability], str]


def _judge_words(record: Comparability) -> str:
    return f"{judge_name(record.judge)} {record.judge.id[:12]}" if record.judge else "nobody"


FACTORS: Mapping[str, Words] = {
    "task version": lambda c: str(c.task_version),
    "protocol": lambda c: f"{c.protocol} v{c.protocol_version}",
    "variant": lambda c: c.variant or "as it is",
    "answer rule": lambda c: c.answer_rule or "none",
    "draws": lambda c: str(c.draws),
    "epochs": lambda c: str(c.epochs),
    "prompt": lambda c: c.prompt_hash[:12],
    "data": lambda c: f"{c.items} items, {c.data_hash[:12]}",
    "judge": _judge_words,
}
"""Everything that must be equal within a task, with the words for its value."""

_WHOLE: Mapping[str, Words] = {
    "prompt": lambda c: c.prompt_hash,
    "data": lambda c: f"{c.items} items, {c.data_hash}",
    "judge": lambda c: c.judge.id if c.judge else "nobody",
}
"""What the words shorten, whole: hashes that only begin alike are not equal."""

PHRASES: Mapping[str, Words] = {
    "protocol": lambda c: f"{c.protocol} protocol",
    "variant": lambda c: f"altered: {c.variant}" if c.variant else "unaltered",
    "protocol version": lambda c: f"protocol v{c.protocol_version}",
    "judge": lambda c: f"judged by {judge_name(c.judge)}" if c.judge else "not scored yet",
    "judge version": lambda c: f"judge {c.judge.id[:8]}" if c.judge else "",
    "answer rule": lambda c: f"answers read by {c.answer_rule}" if c.answer_rule else "",
    "draws": lambda c: f"up to {c.draws} draws",
    "epochs": lambda c: f"{c.epochs} epochs",
    "prompt": lambda c: f"prompt {c.prompt_hash[:8]}",
    "data": lambda c: f"{c.items} samples, data {c.data_hash[:8]}",
}
"""The same as parts of a title, in the order in which they distinguish the tables of a task."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A factor in which runs differ: who has which value."""

    factor: str
    values: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        """ "protocol: strict v1 (a); paper v1 (b)"."""
        said = (f"{value} ({_listed(who)})" for value, who in self.values.items())
        return f"{self.factor}: {'; '.join(said)}"

    def value_of(self, who: str) -> str | None:
        """The value that somebody has; of several the first."""
        return next((value for value, names in self.values.items() if who in names), None)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def differences(records: Sequence[tuple[str, Comparability]]) -> list[Difference]:
    """The factors in which runs of one task differ; `records` are who, and what it shares with whom."""
    found = []
    for factor, words in FACTORS.items():
        exact: dict[tuple[str, str], dict[str, None]] = {}
        for who, record in records:
            exact.setdefault((words(record), _WHOLE.get(factor, words)(record)), {})[who] = None
        if len(exact) > 1:
            alike = len({said for said, _ in exact}) < len(exact)
            values = {whole if alike else said: tuple(names) for (said, whole), names in exact.items()}
            found.append(Difference(factor, values))
    return found


def titles(records: Sequence[Comparability], more: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """A title for each record, in as few phrases as distinguish it from the others; "" for a single record.

    `more` are further phrases, one a record, that are tried before the prompt and the data.
    """
    ways = {name: [words(record) for record in records] for name, words in PHRASES.items()}
    last = {name: ways.pop(name) for name in ("prompt", "data")}
    return distinct_titles([*ways.values(), *(more or {}).values(), *last.values()], len(records))


def distinct_titles(ways: Sequence[Sequence[str]], count: int) -> list[str]:
    """Distinct texts for `count` things: each way has a phrase for every one, and ways are added as needed."""
    said = [""] * count
    for words in ways:
        if len(set(said)) == count:
            break
        if len(set(words)) > 1:
            said = [", ".join(part for part in (old, new) if part) for old, new in zip(said, words, strict=True)]
    return said


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all tables of a view share. `judge` is the one that rates; None where answers are only read by rules."""

    protocol: str
    version: int
    variant: str
    judge: JudgeRow | None

    @classmethod
    def of(cls, record: Comparability) -> Conditions:
        """Those of a table, without its judge."""
        return cls(record.protocol, record.protocol_version, record.variant, None)

    @property
    def id(self) -> str:
        """Stable across reports: the same conditions have the same address."""
        judge = f"-{self.judge.name}-{self.judge.id[:8]}" if self.judge else ""
        return "view-" + slug(f"{self.protocol}-v{self.version}{f'-{self.variant}' if self.variant else ''}{judge}")

    @property
    def words(self) -> str:
        """ "strict protocol v1, judged by sparkles (gpt-4o) c0ffee12"."""
        judge = f"judged by {judge_name(self.judge)} {self.judge.id[:8]}" if self.judge else ""
        return self._said(f"{self.protocol} protocol v{self.version}", judge)

    @property
    def title(self) -> str:
        """The same by names alone: "strict protocol, judged by sparkles (gpt-4o)"."""
        return self._said(f"{self.protocol} protocol", f"judged by {judge_name(self.judge)}" if self.judge else "")

    def _said(self, protocol: str, judge: str) -> str:
        altered = f"altered on purpose: {self.variant}" if self.variant else ""
        return ", ".join(part for part in (protocol, altered, judge) if part)


def view_titles(conditions: Sequence[Conditions]) -> list[str]:
    """A title for each view; a version or the start of a hash stands only where the names of two are the same."""
    found = []
    for one in conditions:
        alike = [other for other in conditions if other.title == one.title]
        versions = [f"version {other.version}" for other in alike]
        hashes = [other.judge.id[:8] if other.judge else "" for other in alike]
        more = distinct_titles([versions, hashes], len(alike))[alike.index(one)]
        found.append(f"{one.title}, {more}" if more else one.title)
    return found
