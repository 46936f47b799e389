"""Samples: what a task asks, as turns of text and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Image:
    """One picture, identified by its bytes. `path` is its file now, `relpath` its place in the data root."""

    sha256: str
    media_type: str
    """Such as "image/jpeg", found from the bytes; the file's name is not trusted."""
    width: int
    height: int
    size: int
    """Bytes."""
    relpath: str
    id: str = ""
    """The data set's own name of the image, if it has one ("101" in IMAGE#101)."""
    caption: str | None = None
    path: Path | None = None
    """None when the sample was read back from a store and the bytes were not embedded."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text of a turn, between images."""

    text: str


Part: TypeAlias = Text | Image


@dataclass(frozen=True, slots=True)
class Fact:
    """One exact fact about an image that a good answer to a turn states. Drawn scenes know theirs."""

    id: str
    image: str
    """`Image.id` of the image that it is about."""
    subject: str
    """The noun, such as "star"."""
    attribute: str
    """Such as "count", "colour", "size", "position", "background"."""
    value: str
    alternatives: tuple[str, ...] = ()
    """The other values that the attribute could have had: stating one of them contradicts the fact."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's message: words and images in order. `reference` is a good answer to it, where the data has one."""

    content: tuple[Part, ...]
    reference: str | None = None
    facts: tuple[Fact, ...] = ()
    options: tuple[str, ...] = ()
    """The options of this turn's own question, where they differ from the sample's."""
    targets: tuple[str, ...] = ()
    """The answers to this turn that count as right, where each turn is scored."""

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.content if isinstance(part, Image))


Cluster: TypeAlias = str | frozenset[str]
"""The independent unit of a sample; a set of two where the sample depends on others through either of them."""


def read_cluster(text: str) -> Cluster:
    """The unit or units that `Sample.cluster` names: "image-1||image-2" are two, each shared with other samples."""
    names = frozenset(part for part in text.split("||") if part)
    return names if len(names) > 1 else text


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task, with a stable id.

    `fields` are the named texts of the data that the task's prompt template may use (a caption, a statement).
    `target` is the right one of `options` (None for tasks that only judges can score).
    `cluster` names the unit that is independent of all others (standard errors are clustered on it; two names joined
    by `||` where the sample depends on others through either, see `read_cluster`) and `group` the items that must all
    be right together (NLVR2 consistency); both default to the sample itself.
    """

    id: str
    turns: tuple[Turn, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    target: str | None = None
    group: str = ""
    cluster: str = ""
    tags: tuple[str, ...] = ()
    """Free labels to break results down by (linguistic categories, statement types)."""
    accepted: tuple[str, ...] = ()
    """Further answers that count as right beside `target`."""

    @property
    def scored_turns(self) -> tuple[int, ...]:
        """The turns (from 1) whose answers are scored: those with targets of their own, else the last."""
        own = tuple(number for number, turn in enumerate(self.turns, 1) if turn.targets)
        return own or (len(self.turns),)

    def options_at(self, turn: int) -> tuple[str, ...]:
        """The options of the question in a turn: the turn's own, else the sample's."""
        return self.turns[turn - 1].options or self.options

    def targets_at(self, turn: int) -> tuple[str, ...]:
        """The answers that count as right in a turn: its own; in the last turn else the sample's."""
        own = self.turns[turn - 1].targets
        if own or self.target is None or turn not in self.scored_turns:
            return own
        return (self.target, *self.accepted)

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(image for turn in self.turns for image in turn.images)
