"""Renders Jinja templates safely, and turns a task's template into a conversation with images in their places."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta

from sparkles_eval.core import Conversation, Message, Part, Sample, Text, Turn, fingerprint
from sparkles_eval.core.errors import ContentError
from sparkles_eval.tasks.template_limits import LimitedEnvironment, TooMuch, limited

_RENDER_FAULTS = (
    *(TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(RecursionError, MemoryError),
)
_ENVIRONMENT = LimitedEnvironment()


@dataclass(frozen=True, slots=True)
class Markers:
    """Text that replaces images while a template is rendered: digits only, so that no filter (upper) changes it."""

    nonce: str

    @classmethod
    def fresh(cls) -> Markers:
        return cls(f"{secrets.randbits(128):039d}")

    def of(self, number: int) -> str:
        return f"__{self.nonce}_{number:04d}__"

    def cut(self, text: str) -> list[str | int]:
        """Split rendered text into text, image number, text, number, ..., text."""
        # Plain splitting, because a pattern with a new nonce would be compiled again for every turn.
        first, *rest = text.split(f"__{self.nonce}_")
        pieces: list[str | int] = [first]
        for piece in rest:
            if piece[:4].isdecimal() and piece[4:6] == "__":
                pieces += [int(piece[:4]), piece[6:]]
            else:  # a filter such as truncate cut the marker: its image then counts as not placed
                pieces.append(piece)
        return pieces


def compile_template(source: str, name: str) -> Template:
    """Compile a template. Raises errors.ContentError with `name` and the line of a syntax mistake."""
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
    """Render a template with these values. Raises errors.ContentError with the names that it may use."""
    try:
        with limited():
            return template.render(names)
    except TooMuch as error:
        raise ContentError(f"{where}: the template {error}") from None
    except _RENDER_FAULTS as error:
        known = ", ".join(sorted(names))
        raise ContentError(f"{where}: {str(error).rstrip('.')}; the names that it may use are {known}") from None


VERBATIM = "{# Published prompt, byte for byte,"
"""How a template begins whose blanks round the text are the published prompt's own."""


def trimmed(source: str, text: str) -> str:
    """What a template gave, without the blanks round it, which are its file's; a verbatim one keeps its own."""
    return text if source.startswith(VERBATIM) else text.strip()


RENDERER = 1
"""Increased when the same template would give another text; part of every prompt's hash."""


class JinjaPrompt:
    """A compiled template (tasks.base.Prompt). Errors show `name`, such as "tasks/nlvr2/prompt.md.j2"."""

    def __init__(self, source: str, *, name: str, system: str | None = None) -> None:
        """Raises errors.ContentError with the line of a syntax mistake."""
        self.name = name
        self._source = source
        self._template = compile_template(source, name)
        self._system = None if system is None else compile_template(system, f"system text of {name}")
        self._hash = fingerprint(["prompt", RENDERER, source, system])

    @property
    def hash(self) -> str:
        """Hash of the template, the system text and the renderer's version."""
        return self._hash

    def conversation(self, sample: Sample, history: Sequence[str]) -> Conversation:
        """The request for turn `len(history) + 1`; see tasks.base.Prompt."""
        if len(history) >= len(sample.turns):
            raise ValueError(f"sample {sample.id} has {len(sample.turns)} turns, all of them answered")
        messages: list[Message] = []
        for number, turn in enumerate(sample.turns[: len(history) + 1], 1):
            messages.append(Message("user", self._turn(sample, turn, number)))
            if number <= len(history):
                messages.append(Message("assistant", (Text(history[number - 1]),)))
        return Conversation(tuple(messages), self._system_text(sample))

    def _system_text(self, sample: Sample) -> str | None:
        if self._system is None:
            return None
        return render(self._system, f"system text of {self.name}", _shared_names(sample)).strip() or None

    def _turn(self, sample: Sample, turn: Turn, number: int) -> tuple[Part, ...]:
        markers, images = Markers.fresh(), turn.images
        shown = [markers.of(index) for index in range(len(images))]
        waiting = iter(shown)
        content = "".join(part.text if isinstance(part, Text) else next(waiting) for part in turn.content)
        names = _shared_names(sample) | {"content": content, "images": shown, "turn": number}
        names["options"] = list(sample.options_at(number))
        where = f"{self.name}, sample {sample.id}"
        rendered = trimmed(self._source, render(self._template, where, names))
        pieces = markers.cut(rendered)
        _placed_once([piece for piece in pieces if isinstance(piece, int)], len(images), where, number)
        parts = tuple(images[piece] if isinstance(piece, int) else Text(piece) for piece in pieces if piece != "")
        if not parts:
            raise ContentError(f"{where}: turn {number} comes out empty; use {{{{ content }}}}")
        return parts


def _placed_once(placed: Sequence[int], count: int, where: str, number: int) -> None:
    wrong = [index for index in range(count) if placed.count(index) != 1]
    if wrong:
        counts = ", ".join(f"image {index + 1} {placed.count(index)} times" for index in wrong)
        raise ContentError(
            f"{where}: turn {number} places {counts}; place each image exactly once, "
            "by {{ content }} or by {{ images[0] }}, {{ images[1] }}, ..."
        )


def _shared_names(sample: Sample) -> dict[str, object]:
    """The names that every template of the sample can use; they take precedence over fields of the same name."""
    fixed: dict[str, object] = {
        "fields": dict(sample.fields),
        "options": list(sample.options),
        "turns": len(sample.turns),
    }
    return {name: value for name, value in sample.fields.items() if name not in RESERVED} | fixed


RESERVED = frozenset({"content", "images", "turn", "turns", "options", "fields"})
"""Names that templates define; a field with such a name is available as `fields.NAME`."""
