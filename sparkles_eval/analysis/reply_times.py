"""How fast a run's model replied, as a whole and at each of its addresses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.core import JSON
from sparkles_eval.core.text import format_duration
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class ReplyTimes:
    """Replies of a run from one address ("": from all of them), with the failed attempts at the same questions."""

    address: str
    replies: int
    failures: int
    p50_s: float
    """Seconds from a request's sending to the end of its reply that half of the replies stayed within."""
    p95_s: float
    tokens_per_s: float | None
    """Output tokens a second of a reply, over all replies; None where they were not counted."""

    @property
    def text(self) -> str:
        """In words, such as "half within 0.2 s, 95% within 0.4 s, 120 tokens/s; 3 failed attempts", or "no reply"."""
        failed = f"{self.failures:,} failed attempt{'s' * (self.failures != 1)}"
        if not self.replies:
            return f"no reply; {failed}"
        said = f"half within {format_duration(self.p50_s)}, 95% within {format_duration(self.p95_s)}"
        if self.tokens_per_s is not None:
            said += f", {self.tokens_per_s:.3g} tokens/s"
        return f"{said}; {failed}" if self.failures else said

    @property
    def json(self) -> dict[str, JSON]:
        """As exports and `run --json` have it; times are null where there is no reply."""
        return {
            "address": self.address,
            "replies": self.replies,
            "failed_attempts": self.failures,
            "p50_s": self.p50_s if self.replies else None,
            "p95_s": self.p95_s if self.replies else None,
            "output_tokens_per_s": self.tokens_per_s,
        }


def reply_times(store: Store, run_id: str) -> tuple[ReplyTimes, ...]:
    """The times of a run's replies, and of each address where there are several; none where it has no replies."""
    rows = store.connection.execute(
        "SELECT coalesce(address, ''), status, latency_s, output_tokens FROM responses WHERE key IN"
        " (SELECT r.key FROM answers a JOIN responses r ON r.id = a.response_id WHERE a.run_id = ?)",
        (run_id,),
    ).fetchall()
    whole = _times("", rows)
    places = sorted({row[0] for row in rows} - {""})
    each = [_times(place, [row for row in rows if row[0] == place]) for place in places] if len(places) > 1 else []
    return tuple(one for one in (whole, *each) if one is not None)


def _times(address: str, rows: Sequence[Sequence[object]]) -> ReplyTimes | None:
    replied = [row for row in rows if row[1] in ("ok", "refused", "truncated")]
    seconds = sorted(float(str(row[2])) for row in replied)
    if not seconds:
        return ReplyTimes(address, 0, len(rows), 0.0, 0.0, None) if address else None
    counted = [(int(str(row[3])), float(str(row[2]))) for row in replied if row[3] is not None]
    spent = sum(took for _, took in counted)
    return ReplyTimes(
        address,
        len(replied),
        len(rows) - len(replied),
        _within(seconds, 0.5),
        _within(seconds, 0.95),
        sum(tokens for tokens, _ in counted) / spent if spent > 0 else None,
    )


def _within(seconds: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that this share does not exceed."""
    return seconds[math.ceil(share * len(seconds)) - 1]
