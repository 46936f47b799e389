"""Records of a loaded task: its protocol, prompt and samples, and the interface of loaders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from typing import Protocol as Interface

from sparkles_eval.core import Conversation, Generation, Sample, fingerprint
from sparkles_eval.core.errors import Problem
from sparkles_eval.core.json import sample_key
from sparkles_eval.tasks.columns.column_spec import RowSource, SampleColumns
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
    """A folder of the user's cache for files that the loader makes (drawn scenes)."""
    rows: RowSource | None = None
    """The key `source` of task.yaml, for the loader `table`."""
    columns: SampleColumns | None = None
    """The key `columns` of task.yaml, for the loader `table`."""
    first: int | None = None
    """No more samples than these will be asked; a loader may stop there where the data are not all at hand."""
    named: bool = True
    """False where the task was given as a folder's path."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a loader returns: every usable sample in the data's order, and the problems of all others.

    Loaders never raise for bad items. They raise errors.UserError, with the fix, only where nothing can be loaded (no
    annotation file, no `--data-root`). The images' `relpath`s are relative to `root`.
    """

    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = ()
    root: Path | None = None
    revision: str = ""
    """The commit of the data set, where it comes from the Hub."""


class Loader(Interface):
    """Reads one kind of data. A task.yaml names it: built in, or an entry point of `sparkles_eval.loaders`."""

    def __call__(self, source: Source) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a task is asked and its answers are read: `strict` (the default), `paper` (as published) or a task's own.

    `scorer` compares an answer with the accepted ones; None where judges score.
    `draws` > 1 repeats a question, up to that often, until its answer can be read; else the answer counts as wrong.
    `judging` names the protocol variant of the judge (its parser and settings), where it has one of that name.
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
        """The scorer's name in a run's identity."""
        return self.scorer.rule if self.scorer else None

    @property
    def reader(self) -> str | None:
        """The answer rule (tasks.scorers.rules) that reads the chosen option, where this protocol uses one."""
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
    """How a sample changes when its two images are swapped (`--orders both`)."""

    target: Literal["swaps", "stays"]
    """"swaps": the right option is the place of an image and moves with it; "stays": the right option is the same."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of the swapped sample, by which its prompt names the images ("left", "right")."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task that is ready to run: its samples under one protocol."""

    name: str
    version: int
    title: str
    samples: tuple[Sample, ...]
    prompt: Prompt
    protocol: Protocol
    metrics: tuple[str, ...]
    judges: tuple[str, ...] = ()
    """Judges that score it unless the user names others; empty where a scorer does."""
    skipped: tuple[Problem, ...] = ()
    """Bad items that `--skip-bad` left out, with the reasons."""
    total: int = 0
    """Number of samples before `--limit`, `--samples` and the like."""
    root: Path | None = None
    card: str = ""
    """The task's README.md, for reports."""
    citation: str = ""
    licence: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    """How it was altered on purpose (tasks.variants), such as "orders=both"; "" where it was not."""
    own_history: bool = True
    """True: later turns follow the model's own answers; False: they follow the references (`variant` says so)."""
    orders: Orders | None = None
    """None where the images cannot be swapped."""

    @property
    def data_hash(self) -> str:
        """Hash of the content of every selected sample in order, image bytes included."""
        return fingerprint([sample_key(sample) for sample in self.samples])
