"""Arguments of transformers' `generate` that a user may name: those that hold for a row whatever its batch is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.options import EXTRA_BODY
from sparkles_eval.core import JSON, Generation


def _count(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _ids(value: JSON) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, int) and one >= 0 for one in value)


_KNOWN: Mapping[str, tuple[Callable[[JSON], bool], str]] = {
    "min_new_tokens": (_count, "a whole number of at least 1"),
    "no_repeat_ngram_size": (_count, "a whole number of at least 1"),
    "suppress_tokens": (_ids, "a list of token ids, such as [5, 17]"),
}
"""Name -> what it must be. Beams and sampling of `generate`'s own are not among them: tokens are drawn here."""


def arguments(generation: Generation) -> dict[str, JSON]:
    """What `generate` is given for the `extra_body.` settings; `unknown_arguments` was asked before."""
    return {
        name.removeprefix(EXTRA_BODY): json.loads(value)
        for name, value in generation.extra
        if name.startswith(EXTRA_BODY)
    }


def unknown_arguments(generation: Generation) -> dict[str, str]:
    """The settings among them that are refused, each with what it must be or which there are."""
    gone: dict[str, str] = {}
    for name, value in arguments(generation).items():
        fits, form = _KNOWN.get(name, (None, ""))
        if fits is None:
            listed = ", ".join(EXTRA_BODY + known for known in _KNOWN)
            gone[EXTRA_BODY + name] = f"transformers' generate is given {listed}"
        elif not fits(value):
            gone[EXTRA_BODY + name] = f"{form} is needed"
    return gone


def alike(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests with the same arguments together: `generate` takes them for a whole batch."""
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(json.dumps(arguments(request.generation), sort_keys=True), []).append(request)
    return list(groups.values())
