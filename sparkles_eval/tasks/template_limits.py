"""A Jinja sandbox that limits the steps, the characters and the time of every template.

Templates come from anybody: a rubric or a prompt may hold `{{ 'a' * 9999999999 }}` or nested loops. Each iteration of a
loop and each call is a step; each text that is shown, joined, repeated or filtered counts by its length, and one that
could be large is counted before it is made, so that no single operation can exhaust memory or time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from time import monotonic
from typing import cast

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

STEPS = 200_000
"""Iterations and calls of one rendering."""
CHARACTERS = 20_000_000
"""Characters that one rendering may make in total, intermediate texts included."""
SECONDS = 10.0
_WIDEST = 10_000
"""The largest argument of center, indent, zfill, to_bytes and the like."""
_CALL = 10
"""Steps that a call costs."""
_BITS = 4_096
"""Of a whole number."""


class TooMuch(SecurityError):
    """A template exceeds its limits."""


@dataclass(slots=True)
class _Budget:
    """The steps, characters and time that one rendering has left."""

    steps: int = STEPS
    characters: int = CHARACTERS
    until: float = field(default_factory=lambda: monotonic() + SECONDS)

    def pay(self, characters: int, steps: int = 1) -> None:
        self.steps -= steps
        self.characters -= characters
        if self.steps < 0:
            raise TooMuch(f"does more than {STEPS:,} steps")
        if self.characters < 0:
            raise TooMuch(f"makes more than {CHARACTERS:,} characters")
        if (characters or not self.steps % 64) and monotonic() > self.until:
            raise TooMuch(f"takes longer than {SECONDS:g} seconds")


_BUDGET: ContextVar[_Budget] = ContextVar("template budget")


@contextmanager
def limited() -> Iterator[None]:
    """Within the block, templates of `LimitedEnvironment` share the limits of one rendering."""
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def _pay(characters: int = 0, steps: int = 1) -> None:
    _BUDGET.get().pay(characters, steps)


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple | dict | range) else 0


# --- what templates are made to call ------------------------------------------------------------------------------


def _counted(items: Iterable[object], characters: int) -> Iterator[object]:
    """The items of a loop, each counted as a step; the loop's body holds `characters` of plain text."""
    pay = _BUDGET.get().pay
    for item in items:
        pay(characters)
        yield item


def _shown(value: object) -> str:
    text = str(value)
    _pay(len(text))
    return text


def _joined(values: list[object]) -> str:
    texts = [str(value) for value in values]
    _pay(sum(map(len, texts)))
    return "".join(texts)


def _plain_text(node: nodes.Node) -> int:
    return sum(len(data.data) for data in node.find_all(nodes.TemplateData))


def _hold(node: nodes.Node) -> None:
    """Insert the calls above into a parsed template, innermost nodes first."""
    for child in list(node.iter_child_nodes()):
        _hold(child)
    for name, value in list(node.iter_fields()):
        if isinstance(value, nodes.Concat):
            setattr(node, name, _joining(value))
        elif isinstance(value, list):
            value[:] = [_joining(one) if isinstance(one, nodes.Concat) else one for one in value]
    if isinstance(node, nodes.For):
        node.iter = _filter(cast("nodes.Expr", node.iter), "_counted", nodes.Const(_plain_text(node)))
    elif isinstance(node, nodes.Output):
        node.nodes = [one if isinstance(one, nodes.TemplateData) else _filter(one, "_shown") for one in node.nodes]


def _joining(node: nodes.Concat) -> nodes.Filter:
    return _filter(nodes.List(node.nodes, lineno=node.lineno), "_joined")


def _filter(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


# --- operators, filters and methods -------------------------------------------------------------------------------

_WIDE_FORMAT = re.compile(r"[0-9]{5}|%[^a-zA-Z%]*\*|\{[^{}]*\{")
"""A format that asks for a large width, or takes the width from its arguments."""
_MULTIPLY = frozenset({"join", "replace", "indent", "wordwrap", "expandtabs"})
"""Filters and methods whose result grows with the product of their arguments."""
_WIDE = frozenset({"center", "indent", "wordwrap", "tojson", "batch", "slice"})
_REFUSED = frozenset({"translate", "maketrans"})


def _check_arguments(name: str, value: object, args: Iterable[object], *, wide: bool) -> None:
    numbers = [abs(arg) for arg in args if isinstance(arg, int)]
    if name in _REFUSED:
        raise TooMuch(f"may not use {name}")
    if wide and name != "format" and any(number > _WIDEST for number in numbers):
        raise TooMuch(f"gives {name} a number beyond {_WIDEST:,}")
    if name in _MULTIPLY:
        longest = max([1, *map(_size, args), *numbers])
        _BUDGET.get().pay((_size(value) + 1) * longest if longest > 1 else 0)
    if name in ("format", "format_map") and isinstance(value, str) and _WIDE_FORMAT.search(value):
        raise TooMuch("has a format with a width beyond four digits")


def _held_filter(name: str, own: Callable[..., object]) -> Callable[..., object]:
    place = 1 if hasattr(own, "jinja_pass_arg") else 0

    @wraps(own)
    def held(*args: object, **named: object) -> object:
        value = args[place] if len(args) > place else ""
        _check_arguments(name, value, [*args[place + 1 :], *named.values()], wide=name in _WIDE)
        made = own(*args, **named)
        _pay(_size(made))
        return made

    return held


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox whose templates are rendered within `limited()`; parse with `parse_limited`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        # A prompt is plain text, not HTML. Nothing is computed while compiling, where no limit applies.
        super().__init__(
            undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, optimized=False
        )
        # A prompt that differs each time has no hash, and links do not belong in one.
        del self.filters["random"], self.filters["urlize"], self.globals["lipsum"]
        self.filters = {name: _held_filter(name, own) for name, own in self.filters.items()}
        self.filters |= {"_counted": _counted, "_shown": _shown, "_joined": _joined}

    def parse_limited(self, source: str) -> nodes.Template:
        """Parse a template so that its loops and outputs are counted."""
        parsed = self.parse(source)
        _hold(parsed)
        return parsed

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Compute a binary operation, unless its result would be too large."""
        if isinstance(left, int | float) and isinstance(right, int | float):
            bits = [int(number).bit_length() if abs(number) < 1e300 else _BITS for number in (left, right)]
            large = bits[0] * abs(right) if operator == "**" else sum(bits)
            if large > _BITS:
                raise TooMuch(f"has a number that grows beyond {_BITS:,} bits")
        elif operator == "*":
            times = next((side for side in (left, right) if isinstance(side, int)), 1)
            _pay(max(_size(left), _size(right)) * max(times, 0))
        elif operator == "%" and isinstance(left, str):
            _check_arguments("format", left, (), wide=False)
        made: object = super().call_binop(context, operator, left, right)
        _pay(_size(made))
        return made

    def call(self, context: Context, called: object, /, *args: object, **named: object) -> object:
        """Make a call from a template; methods of texts, numbers and lists have the limits of filters."""
        bare = getattr(called, "__wrapped__", called)  # the sandbox wraps `format`
        owner = getattr(bare, "__self__", None)
        if isinstance(owner, str | bytes | int | float | list | tuple | dict):
            name = str(getattr(bare, "__name__", ""))
            _check_arguments(name, owner, [*args, *named.values()], wide=True)
            if name == "join" and args:
                _pay(_size(owner) * _size(args[0]))
        _pay(steps=_CALL)
        made: object = super().call(context, called, *args, **named)
        _pay(_size(made))
        return made
