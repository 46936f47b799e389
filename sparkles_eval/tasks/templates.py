"""Compiles and renders Jinja templates the one safe way, and puts images at their words. Knows no task and no judge.

Templates run in a sandbox, within bounds (tasks.template_limits), and must name only what they are given. Data are
values of a template, never its text.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta

from sparkles_eval.errors import ContentError
from sparkles_eval.tasks.template_limits import LimitedEnvironment, TooMuch, limited

_RENDER_FAULTS = (
    *(TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(RecursionError, MemoryError),
)
_ENVIRONMENT = LimitedEnvironment()


@dataclass(frozen=True, slots=True)
class Markers:
    """Stand-ins for images while text is rendered: digits only, so that no filter (upper, tojson) changes them."""

    nonce: str

    @classmethod
    def fresh(cls) -> Markers:
        return cls(f"{secrets.randbits(128):039d}")

    def of(self, number: int) -> str:
        return f"__{self.nonce}_{number:04d}__"

    def cut(self, text: str) -> list[str | int]:
        """Text, number of the image, text, number, ..., text."""
        # Plain splitting: a pattern with a new nonce would be compiled anew for every turn.
        first, *rest = text.split(f"__{self.nonce}_")
        pieces: list[str | int] = [first]
        for piece in rest:
            if piece[:4].isdecimal() and piece[4:6] == "__":
                pieces += [int(piece[:4]), piece[6:]]
            else:  # a filter such as truncate cut it through: its image then counts as not placed
                pieces.append(piece)
        return pieces


def compile_template(source: str, name: str) -> Template:
    """The template in a text. Raises errors.ContentError with `name` and the line of a syntax mistake."""
    try:
        return _ENVIRONMENT.from_string(_ENVIRONMENT.parse_limited(source))
    except TemplateSyntaxError as error:
        raise ContentError(f"{name} line {error.lineno}: {error.message}") from None
    except (TemplateError, RecursionError) as error:
        raise ContentError(f"{name}: {error}") from None


def names_used(source: str, name: str) -> frozenset[str]:
    """The names that a template uses without setting them itself. Raises errors.ContentError as `compile_template`."""
    compile_template(source, name)
    return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))


def render(template: Template, where: str, names: Mapping[str, object]) -> str:
    """The template's text with these values. Raises errors.ContentError with the names that it may use."""
    try:
        with limited():
            return template.render(names)
    except TooMuch as error:
        raise ContentError(f"{where}: the template {error}") from None
    except _RENDER_FAULTS as error:
        known = ", ".join(sorted(names))
        raise ContentError(f"{where}: {str(error).rstrip('.')}; the names that it may use are {known}") from None
