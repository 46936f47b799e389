"""Asks a tiny model the unchanged embedded tasks, greedily, and reads its answers by their own rules.

A quick look after training; results that are published come from `sparkles-eval run`. Knows nothing of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sparkles_eval.core.pictures import decode
from sparkles_eval.records import JSON
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.tasks.answers import extract
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task

if TYPE_CHECKING:
    import PIL.Image

_AT_ONCE = 100
_LONGEST = 250
"""New tokens of an answer at the most; the longest that is taught has about half as many."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a task went: items asked, answers that could be read, answers that were right."""

    task: str
    asked: int
    valid: int
    right: int

    @property
    def json(self) -> dict[str, JSON]:
        """For training.json."""
        return {
            "asked": self.asked,
            "valid": self.valid,
            "right": self.right,
            "accuracy": round(self.right / self.asked, 4),
        }


def examine(folder: Path, task: str, items: int, *, seed: int = 0, blind: bool = False) -> Mark:
    """The model in `folder` on the first `items` of a task with options (bison-mini, nlvr2-mini).

    blind: every item is shown the pictures of another one, for what the words alone are worth.
    """
    model = SparklesChatForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    processor = SparklesChatProcessor.from_pretrained(folder)
    loaded = load_task(task, args={"n": str(items), "seed": str(seed)})
    answers = _answers(model, processor, loaded, blind)
    rule = loaded.protocol.reader or "strict"
    read = [
        extract(rule, answer, sample.options).option for answer, sample in zip(answers, loaded.samples, strict=True)
    ]
    right = sum(option == sample.target for option, sample in zip(read, loaded.samples, strict=True))
    return Mark(task, len(read), sum(option is not None for option in read), right)


def _answers(
    model: SparklesChatForConditionalGeneration, processor: SparklesChatProcessor, task: Task, blind: bool
) -> list[str]:
    found: list[str] = []
    samples = task.samples
    shift = len(samples) // 2 + 1 if blind else 0
    for start in range(0, len(samples), _AT_ONCE):
        group = range(start, min(start + _AT_ONCE, len(samples)))
        prompts = [processor.prompt(task.prompt.conversation(samples[number], ())) for number in group]
        pictures = [picture for number in group for picture in _pictures(task, (number + shift) % len(samples))]
        batch = processor(pictures, prompts, max_new_tokens=_LONGEST)
        new = model.generate(**batch, do_sample=False, max_new_tokens=_LONGEST)
        found += processor.batch_decode(new)
    return found


def _pictures(task: Task, number: int) -> Sequence[PIL.Image.Image]:
    shown = []
    for image in task.samples[number].images:
        assert image.path is not None
        shown.append(decode(image.path.read_bytes()))
    return shown
