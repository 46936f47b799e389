"""The errors that sparkles-eval raises on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from sparkles_eval.core.requests import Usage


class SparklesError(Exception):
    """Base class of all of them."""


class UserError(SparklesError):
    """Something the user can fix. The message is complete by itself."""


class ContentError(UserError):
    """A content folder or file (task, judge, adapter, report) is missing or has a mistake."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the data: the item's id ("" for the data as a whole) and what is wrong with it."""

    item: str
    what: str


_LISTED = 20
"""Problems that are listed one by one; of more, those that are alike are said once."""
_EXAMPLES = 3
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[\d/\\]\S*|\S+\.\w{1,5}(?=\s|$|[,;:)])")
"""Names, numbers and paths in the words of a problem, by which problems of one kind differ."""


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """Problems as lines: up to 20 one by one; of more, each kind once with its number and three examples."""
    if len(problems) <= _LISTED:
        yield from (f"  {p.item}: {p.what}" if p.item else f"  {p.what}" for p in problems)
        return
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(_PARTICULAR.sub("…", problem.what) if problem.item else problem.what, []).append(problem)
    for alike in sorted(kinds.values(), key=len, reverse=True)[:_LISTED]:
        if len(alike) == 1:
            yield from problem_lines(alike)
            continue
        items = ", ".join(dict.fromkeys(p.item for p in alike[:_EXAMPLES]))
        yield f"  {len(alike):,} times: {alike[0].what}, at {items}{' and others' if len(alike) > _EXAMPLES else ''}"
    if len(kinds) > _LISTED:
        left = sum(len(alike) for alike in sorted(kinds.values(), key=len, reverse=True)[_LISTED:])
        yield f"  ... and {left:,} more of {len(kinds) - _LISTED} other kinds"


class DataError(UserError):
    """The task's data has problems. `problems` lists every one, so that they can be fixed in one go."""

    def __init__(self, who: str, problems: Sequence[Problem], fix: str = "") -> None:
        self.problems = tuple(problems)
        shown = list(problem_lines(self.problems))
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} in the data"
        super().__init__("\n".join([f"{who}: {count}", *shown, *([fix] if fix else [])]))


class StoreError(UserError):
    """The store file is not one of sparkles-eval, is newer than this version, or cannot be written."""


class MissingExtra(UserError):
    """A feature needs an optional part of sparkles-eval that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'sparkles-eval[{extra}]'")


class AdapterError(SparklesError):
    """One attempt to ask a model failed. `status_code` is the HTTP status where there was one."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.usage: Usage | None = None
        """What the attempt used all the same, where the provider says so: it was paid for."""

    def with_usage(self, usage: Usage) -> Self:
        """The error, with what the attempt used."""
        self.usage = usage
        return self


class Transient(AdapterError):
    """Another attempt may succeed. `retry_after` is in seconds, None where the provider did not say."""

    def __init__(self, message: str, *, retry_after: float | None = None, status_code: int | None = None) -> None:
        super().__init__(message, status_code=status_code)
        self.retry_after = retry_after


class RateLimited(Transient):
    """The provider asks for fewer requests (429)."""

    def __init__(self, message: str, *, retry_after: float | None = None, status_code: int | None = 429) -> None:
        super().__init__(message, retry_after=retry_after, status_code=status_code)


class RequestAdjusted(Transient):
    """The provider refused a parameter; the adapter changes its requests from now on. The message says how."""


class Unreadable(Transient):
    """The server's reply cannot be read. It is tried once more only, since every attempt is paid for."""


class TimedOut(Transient):
    """No reply within the time given."""


class OutOfMemory(Transient):
    """A local model ran out of memory. The engine asks again with a smaller batch."""


class Rejected(AdapterError):
    """This one request will never succeed."""


class TooLong(Rejected):
    """This one request is longer than the model takes. It says nothing of other requests."""


TOO_LONG = re.compile(
    r"prompt has [\d,]+ tokens|context.{0,20}(?:length|window|size)|prompt is too long|too many (?:input )?tokens"
    r"|(?:prompt|input) (?:is|was) (?:too long|longer than)",
    re.IGNORECASE,
)
"""How a model or a server says that a request is too long for it."""


class Denied(AdapterError):
    """No request of this model will succeed until the user fixes something. The message says what."""
