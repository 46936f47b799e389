"""The records of a loaded task: its protocol, its samples, and what a loader is. Knows nothing of files or models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from typing import Protocol as Interface

from sparkles_eval.core import Conversation, Generation, Sample, fingerprint
from sparkles_eval.core.errors import Problem
from sparkles_eval.core.json import sample_key
from sparkles_eval.tasks.scorers import BoundScorer
from sparkles_eval.tasks.scorers.rules import RULES


@dataclass(frozen=True, slots=True)
class Source:
    """What a loader is given. `args` are the `--task-arg k=v` pairs over the defaults of task.yaml.

    A loader refuses names in `args` that it does not know (errors.ContentError with the names it does).
    """

    task: str
    args: Mapping[str, str]
    folder: Path
    """The task's own folder (task.yaml lies there)."""
    data_root: Path | None
    """The folder that the user named with `--data-root`, or None."""
    cache: Path
    """A folder of the user's cache for what the loader makes (drawn scenes)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a loader returns: every sound sample in the data's order, and every problem with the others.

    Loaders never raise for bad items; they raise errors.UserError only where nothing can be loaded at all (no
    annotation file, no `--data-root`), with the fix. `root` is what the images' `relpath`s are relative to.
    """

    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = ()
    root: Path | None = None


class Loader(Interface):
    """Reads one kind of data. task.yaml names it; it is ours or an entry point of `sparkles_eval.loaders`."""

    def __call__(self, source: Source) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a task is asked and read: `strict` (ours, the default) or `paper` (the published way), or a task's own.

    `scorer` compares an answer with the accepted ones, None where judges score.
    `draws` > 1 asks again, up to that often, until an answer can be read; what stays invalid counts as wrong.
    `judging` names the judge's protocol variant of the same name (its parser and settings), where it has one.
    """

    name: str
    version: int
    generation: Generation
    prompt_hash: str
    scorer: BoundScorer | None = None
    draws: int = 1
    judging: str = "strict"

    @property
    def answer(self) -> str | None:
        """The scorer as a run's identity names it."""
        return self.scorer.rule if self.scorer else None

    @property
    def reader(self) -> str | None:
        """The answer rule (tasks.answers) that reads an option, where that is how this protocol scores."""
        return self.scorer.scorer.name if self.scorer and self.scorer.scorer.name in RULES else None


class Prompt(Interface):
    """A task's compiled prompt template."""

    @property
    def hash(self) -> str: ...

    def conversation(self, sample: Sample, history: Sequence[str]) -> Conversation:
        """The request for turn `len(history) + 1`: earlier turns with the model's own answers, then this turn.

        Raises errors.ContentError when the template uses an unknown name or does not place every image of the turn
        exactly once.
        """
        ...


@dataclass(frozen=True, slots=True)
class Orders:
    """What becomes of an item when its two images change places (`--orders both`)."""

    target: Literal["swaps", "stays"]
    """"swaps": the right option is an image's place and moves with it; "stays": it is true of the two images."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of the swapped item: how its prompt then names the images ("left", "right")."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task ready to be asked: one source of samples under one protocol."""

    name: str
    version: int
    title: str
    samples: tuple[Sample, ...]
    prompt: Prompt
    protocol: Protocol
    metrics: tuple[str, ...]
    judges: tuple[str, ...] = ()
    """Judges that score it unless the user names others; empty where the answer rule scores it."""
    skipped: tuple[Problem, ...] = ()
    """Bad items that `--skip-bad` left out, with the reasons."""
    total: int = 0
    """Samples before `--limit`, `--samples` and the like."""
    root: Path | None = None
    card: str = ""
    """The task's README.md, for reports."""
    citation: str = ""
    licence: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    """How it was altered on purpose (tasks.variants), such as "orders=both"; "" as it is."""
    own_history: bool = True
    """Later turns follow the model's own earlier answers; False: the references (part of `variant` then)."""
    orders: Orders | None = None
    """None where the images cannot change places."""

    @property
    def data_hash(self) -> str:
        """Covers the content of every selected sample in order, image bytes included."""
        return fingerprint([sample_key(sample) for sample in self.samples])
