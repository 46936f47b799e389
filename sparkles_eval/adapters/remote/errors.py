"""Maps what a provider's SDK raises to AdapterError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sparkles_eval.core.amounts import MOST_SECONDS, seconds
from sparkles_eval.core.errors import AdapterError, Denied, RateLimited, Rejected, TimedOut, Transient, Unreadable

LONGEST = 400
"""Characters of a provider's words that a message quotes at the most."""

_QUOTA = ("insufficient_quota", "billing_error", "billing_hard_limit_reached", "credit balance is too low")
_REFUSALS = ("content_filter", "content_policy_violation", "moderation_blocked")


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """What an error reply says: the provider's message and its code or type, where it has them."""

    message: str
    code: str = ""

    @property
    def refusal(self) -> bool:
        """True when the provider declined to show the request to the model at all."""
        return self.code in _REFUSALS

    @property
    def out_of_quota(self) -> bool:
        return self.code in _QUOTA or any(mark in self.message for mark in _QUOTA)


@dataclass(frozen=True, slots=True)
class ErrorMapper:
    """Words errors for one model. `key` is never shown; `mend` says how to give a working one."""

    who: str
    endpoint: str
    key: str = ""
    mend: str = ""

    def clean(self, text: str) -> str:
        """One line, the key blacked out, not longer than `LONGEST`."""
        shown = text.replace(self.key, "[key]") if self.key else text
        line = " ".join(shown.split())
        return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"

    def words(self, body: str) -> ErrorReply:
        """Reads an error body: {"error": {...}} (both providers), {"message"}/{"detail"} (others), or plain text."""
        try:
            value = json.loads(body)
        except ValueError:
            return ErrorReply(self.clean(body))
        error = value.get("error", value) if isinstance(value, dict) else value
        if not isinstance(error, dict):
            return ErrorReply(self.clean(str(error)))
        said = error.get("message") or error.get("detail") or json.dumps(error)
        return ErrorReply(self.clean(str(said)), str(error.get("code") or error.get("type") or ""))

    def status(self, code: int, headers: Mapping[str, str], body: str) -> AdapterError:
        """The error for a reply that is none of 2xx."""
        words = self.words(body)
        said = f": {words.message}" if words.message else ""
        text = f"{self.who}: HTTP {code}{said}"
        if words.out_of_quota or code == 402:
            return Denied(f"{text}; add credit to the account or use another key", status_code=code)
        if code == 429:
            return RateLimited(text, retry_after=retry_after(headers), status_code=code)
        if code in (401, 403):
            return Denied(f"{text}; {self.mend}", status_code=code)
        if code == 404 or 300 <= code < 400:
            mend = f"check the model's name and the address {self.endpoint}"
            return Denied(f"{text}; {mend}", status_code=code)
        if code in (408, 409, 425) or code >= 500:
            return Transient(text, status_code=code)
        return Rejected(text, status_code=code)

    def timed_out(self, seconds: float) -> TimedOut:
        return TimedOut(f"{self.who}: no reply within {seconds:g} s; --model-arg timeout=SECONDS waits longer")

    def lost(self, error: BaseException, seconds: float) -> Transient:
        """The error for a connection that failed, from whatever the SDK, its client or the socket raised."""
        chain = list(_causes(error))
        if any(isinstance(cause, TimeoutError) for cause in chain):
            return self.timed_out(seconds)
        root = chain[-1]
        return Transient(self.clean(f"{self.who}: connection to {self.endpoint} lost ({_name(root)})"))

    def malformed(self, why: str) -> Unreadable:
        return Unreadable(self.clean(f"{self.who}: malformed reply from {self.endpoint}: {why}"))


def _causes(error: BaseException | None) -> list[BaseException]:
    # The SDKs and their transport chain with `from`: what really happened is the last one. One transport reports
    # every lost connection as a timeout of its own, so only the root can tell the two apart.
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__
    return chain


def _name(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110 10.2.3), or None."""
    raw_ms = headers.get("retry-after-ms")
    raw = headers.get("retry-after")
    for text, unit in ((raw_ms, 1000.0), (raw, 1.0)):
        found = seconds(text)
        if found is not None:
            return found / unit
    if raw is None:
        return None
    try:
        moment = parsedate_to_datetime(raw)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, wait) if wait <= MOST_SECONDS else None
