"""Renders a task's Jinja template into a conversation, images at their words. Knows nothing of files or models.

A template sees: `content` (the turn's own words with its images in place), `images` (the turn's images, one by one),
`turn` (1, 2, ...), `turns` (how many there are), `options` (the turn's), `fields`, and every field by its own name
where that name is none of these. Every image of the turn must be placed exactly once, by `content` or one by one.

An image is placed as a random number that is new for every rendering and cut out of the rendered text again, so no
word of the data can pass for an image. Data are values of the template, never its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.errors import ContentError
from sparkles_eval.records import Conversation, Message, Part, Sample, Text, Turn, fingerprint
from sparkles_eval.tasks.templates import Markers, compile_template, render

RENDERER = 1
"""Counted up when the same template would give other text; part of every prompt's hash."""


class JinjaPrompt:
    """A compiled template (tasks.base.Prompt). `name` is how errors call it, such as "tasks/nlvr2/prompt.md.j2"."""

    def __init__(self, source: str, *, name: str, system: str | None = None) -> None:
        """Raises errors.ContentError with the line of a syntax mistake."""
        self.name = name
        self._template = compile_template(source, name)
        self._system = None if system is None else compile_template(system, f"system text of {name}")
        self._hash = fingerprint(["prompt", RENDERER, source, system])

    @property
    def hash(self) -> str:
        """Covers the template, the system text and the renderer's version."""
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
        rendered = render(self._template, where, names).strip()
        pieces = markers.cut(rendered)
        _placed_once([piece for piece in pieces if isinstance(piece, int)], len(images), where, number)
        parts = tuple(images[piece] if isinstance(piece, int) else Text(piece) for piece in pieces if piece != "")
        if not parts:
            raise ContentError(f"{where}: turn {number} comes out empty; use {{{{ content }}}}")
        return parts


def _placed_once(placed: Sequence[int], count: int, where: str, number: int) -> None:
    wrong = [index for index in range(count) if placed.count(index) != 1]
    if wrong:
        told = ", ".join(f"image {index + 1} {placed.count(index)} times" for index in wrong)
        raise ContentError(
            f"{where}: turn {number} places {told}; place each image exactly once, "
            "by {{ content }} or by {{ images[0] }}, {{ images[1] }}, ..."
        )


def _shared_names(sample: Sample) -> dict[str, object]:
    """What every template of the sample sees; the fixed names win over fields that are called the same."""
    fixed: dict[str, object] = {
        "fields": dict(sample.fields),
        "options": list(sample.options),
        "turns": len(sample.turns),
    }
    return {name: value for name, value in sample.fields.items() if name not in RESERVED} | fixed


RESERVED = frozenset({"content", "images", "turn", "turns", "options", "fields"})
"""Names of the template's own; a field that is called so is reached as `fields.NAME`."""
