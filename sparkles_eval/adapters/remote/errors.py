"""Maps what a provider's SDK raises to AdapterError."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sparkles_eval.adapters.options import FIELDS
from sparkles_eval.adapters.remote.rate_headers import retry_after
from sparkles_eval.core.errors import (
    TOO_LONG,
    AdapterError,
    Denied,
    RateLimited,
    Rejected,
    TimedOut,
    TooLong,
    Transient,
    Unreadable,
)

LONGEST = 400
"""Characters of a provider's words that a message quotes at the most."""

_QUOTA = re.compile(
    r"insufficient_quota|billing_error|billing_hard_limit_reached|credit balance is too low|exceeded your current quota"
    r"|insufficient (?:credits?|balance|funds)|requires more credits",
    re.IGNORECASE,
)
"""An account that is used up, in the words of providers; a gateway quotes them within its own message."""
_PASSING = re.compile(r"retryDelay|(?:retry|try again) in \d", re.IGNORECASE)
"""Words of a quota that fills again: one by the minute is named as one by the month is."""
_BUDGET = re.compile(
    r"budget_exceeded|budget has been exceeded|exceeded (?:your|the|its) (?:\w+ )?budget", re.IGNORECASE
)
_REFUSALS = ("content_filter", "content_policy_violation", "moderation_blocked")
_FILTERED = re.compile(
    r"(?<![a-z_])(?:content_filter|content_policy_violation|moderation_blocked)(?![a-z_])"
    r"|ContentPolicyViolation|ResponsibleAIPolicyViolation|content management policy|content filtering policy",
)
"""A filter's refusal in the words of providers; a gateway quotes them within its own message."""
_ITEM = re.compile(
    r"image|picture|vision|modalit|multimodal|moderat|flagged|content polic|safety|input|file|messages?\b",
    re.IGNORECASE,
)
"""Words of a 403 or 404 that is about what was asked, not about who asks or whom."""
_NO_MODEL = re.compile(
    r"model_not_found|invalid_?model|unknown model|no such model|invalid model name"
    r"|model\b.{0,120}?\b(?:does not exist|not found|not available|is not supported|not exist|not a valid)",
    re.IGNORECASE | re.DOTALL,
)
_TOKENS = "name the token limit's field with --model-arg token_field=max_completion_tokens (or max_tokens)"
_DROPPED: tuple[str, ...] = tuple(name for name in FIELDS if name != "max_tokens" and not name.startswith("reasoning"))
"""Settings that a provider may not take, and that then can be left out."""
_SETTINGS: dict[str, str] = {
    **dict.fromkeys(_DROPPED, ""),
    "stop_sequences": "leave it out with --model-arg drop=stop",
    "max_tokens": _TOKENS,
    "max_completion_tokens": _TOKENS,
    "response_format": "leave out --model-arg structured=true",
    "reasoning_effort": "leave out reasoning_effort=…, or name one that it takes",
    "effort": "leave out --model-arg effort=… and reasoning_effort=…, or name one that it takes",
    "thinking": "leave out reasoning=… and reasoning_budget=…, or name reasoning=on and reasoning_effort=low",
    "chat_template_kwargs": "leave out chat_template_kwargs.…, or name the switch with --model-arg reasoning_off='{…}'",
    "detail": "leave out --model-arg detail=…",
}
"""Fields of a request that a user can do something about, and what."""
_UNTAKEN = re.compile(
    r"unsupported|not support|n[o']t allowed|not permitted|unrecogni[sz]ed|unknown (?:field|parameter|argument|name)"
    r"|extra inputs|extra_forbidden|unexpected (?:keyword|field|parameter)|deprecated for this model|cannot be used",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """What an error reply says: the provider's message and its code or type, where it has them."""

    message: str
    code: str = ""
    body: str = ""
    """All of it: a gateway keeps its provider's error within its own."""

    @property
    def refusal(self) -> bool:
        """True when the provider declined to show the request to the model at all."""
        return self.code in _REFUSALS or _FILTERED.search(self.body) is not None

    @property
    def is_about_model(self) -> bool:
        """True where a 404 speaks of the model or of what was asked, not of the path."""
        said = f"{self.code} {self.message}"
        return _NO_MODEL.search(said) is not None or _ITEM.search(said) is not None

    @property
    def out_of_quota(self) -> bool:
        return _QUOTA.search(self.body) is not None and not _PASSING.search(self.body)


@dataclass(frozen=True, slots=True)
class ErrorMapper:
    """Words errors for one model. `key` is never shown; `mend` says how to give a working one."""

    who: str
    endpoint: str
    key: str = ""
    fix: str = ""
    keyless: bool = False
    """True until the first reply where no key is sent: what a server says against a request may be about that."""

    def clean(self, text: str) -> str:
        """One line, the key blacked out, not longer than `LONGEST`."""
        shown = text.replace(self.key, "[key]") if self.key else text
        line = " ".join(shown.split())
        return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"

    def words(self, body: str) -> ErrorReply:
        """Reads an error body: {"error": {...}} (both providers), {"message"}/{"detail"} (others), or plain text."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return ErrorReply(self.clean(body), body=body)
        if isinstance(value, list) and len(value) == 1:  # Google's servers put the error into a list
            value = value[0]
        error = value.get("error", value) if isinstance(value, dict) else value
        if not isinstance(error, dict):
            return ErrorReply(self.clean(str(error)), body=body)
        said = error.get("message") or error.get("detail") or json.dumps(error)
        return ErrorReply(self.clean(str(said)), str(error.get("code") or error.get("type") or ""), body)

    def status(self, code: int, headers: Mapping[str, str], body: str) -> AdapterError:
        """The error for a reply that is none of 2xx."""
        words = self.words(body)
        said = f": {words.message}" if words.message else ""
        text = f"{self.who}: HTTP {code}{said}"
        if words.out_of_quota or code == 402:
            return Denied(f"{text}; add credit to the account or use another key", status_code=code)
        if code in (400, 403, 429) and _BUDGET.search(f"{words.code} {words.message}"):
            return Denied(f"{text}; raise this key's budget or use another key", status_code=code)
        if code == 429:
            return RateLimited(text, retry_after=retry_after(headers), status_code=code)
        if code in (408, 409, 425) or code >= 500:
            return Transient(text, retry_after=retry_after(headers), status_code=code)
        if code in (400, 413, 422) and TOO_LONG.search(f"{words.code} {words.message}"):
            return TooLong(text, status_code=code)
        fix = self._fix(code, words, body)
        if self.keyless and 400 <= code < 500:
            text += " (no key was sent)" if fix == self.fix else f" (no key was sent: {self.fix} if it wants one)"
        return Denied(f"{text}; {fix}", status_code=code) if fix else Rejected(text, status_code=code)

    def _fix(self, code: int, words: ErrorReply, body: str) -> str:
        """What to do about a 3xx or 4xx that every request would meet; "" where it is about this one."""
        if code == 401:
            return self.fix
        if 300 <= code < 400:
            return f"check the address {self.endpoint}"
        said = f"{words.code} {words.message}"
        if code in (400, 404, 422) and _NO_MODEL.search(said):
            return f"check the model's name and the address {self.endpoint}"
        if code == 403:
            return "" if _ITEM.search(said) else self.fix
        if code == 404:
            return (
                ""
                if words.message and _ITEM.search(said)
                else f"check the model's name and the address {self.endpoint}"
            )
        return _setting_fix(body) if code in (400, 422) else ""

    def timed_out(self, seconds: float) -> TimedOut:
        return TimedOut(f"{self.who}: no reply within {seconds:g} s; --model-arg timeout=SECONDS waits longer")

    def lost(self, error: BaseException, seconds: float) -> AdapterError:
        """The error for a connection that failed, from whatever the SDK, its client or the socket raised.

        What a hook of ours raised below the SDK comes out as it is.
        """
        chain = list(_causes(error))
        if own := next((cause for cause in chain if isinstance(cause, AdapterError)), None):
            return own
        if any(isinstance(cause, TimeoutError) for cause in chain):
            return self.timed_out(seconds)
        root = chain[-1]
        return Transient(self.clean(f"{self.who}: connection to {self.endpoint} lost ({_name(root)})"))

    def too_large(self, most: int) -> Unreadable:
        return Unreadable(
            f"{self.who}: its reply is larger than {most / 1e6:g} MB and was not read to its end; "
            "--model-arg max_reply_mb=N reads more"
        )

    def sent_on(self, where: str) -> Denied:
        """The error for a redirect to another host."""
        return Denied(
            self.clean(
                f"{self.who}: {self.endpoint} sends requests on to {where}, and nothing was sent there; "
                "name the address that you mean with --model-arg base_url"
            )
        )

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


def _setting_fix(body: str) -> str:
    """How to leave out the setting that a provider does not take; "" where its words name none."""
    if not _UNTAKEN.search(body):
        return ""
    name = next((name for name in _SETTINGS if re.search(rf"(?<![A-Za-z_]){name}(?![A-Za-z_])", body)), "")
    if name in _DROPPED:
        return f"leave it out with --model-arg drop={name} (that changes how answers are drawn)"
    return _SETTINGS.get(name, "")


def asks_for_other_name(body: str, sent: str, other: str) -> bool:
    """True where a provider declines the field `sent` and either names `other` or has no such field at all."""
    named = re.search(rf"(?<![A-Za-z_]){sent}(?![A-Za-z_])", body) is not None
    return named and (
        re.search(rf"(?<![A-Za-z_]){other}(?![A-Za-z_])", body) is not None or bool(_UNTAKEN.search(body))
    )
