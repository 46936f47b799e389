"""Prepares a trained tiny model for release: half precision, its scores on the embedded tasks, the commit.

python -m sparkles_eval.training.mini.release runs/mini/sparkleschat-tiny/model adapters/weights/sparkleschat-tiny"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sparkles_eval.core import JSON
from sparkles_eval.core.pictures import decode
from sparkles_eval.core.printing import say_json
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.scorers.rules import extract
from sparkles_eval.tasks.variants import SWAPPED, vary
from sparkles_eval.tasks.variation import Variation
from sparkles_eval.training.mini.trainer import RECORD

if TYPE_CHECKING:
    import PIL.Image


_AT_ONCE = 100
_LONGEST = 250
"""Largest number of new tokens of an answer; the longest training answer has about half as many."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A task's result: items asked, answers that could be read, right answers."""

    task: str
    asked: int
    valid: int
    right: int

    @property
    def json(self) -> dict[str, JSON]:
        """The result as training.json holds it."""
        return {
            "asked": self.asked,
            "valid": self.valid,
            "right": self.right,
            "accuracy": round(self.right / self.asked, 4),
        }


def quick_eval(
    folder: Path, task: str, items: int, *, seed: int = 0, blind: bool = False, other_order: bool = False
) -> TaskResult:
    """Evaluate the model in `folder` on the first `items` of a task with options (bison-mini, nlvr2-mini).

    blind: every item gets the pictures of another one, to measure what the words alone are worth. other_order: every
    item has its two images swapped, as in the second half of `--orders both`.
    """
    model = SparklesChatForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    processor = SparklesChatProcessor.from_pretrained(folder)
    loaded = load_task(task, args={"n": str(items), "seed": str(seed)})
    if other_order:
        both = vary(loaded, Variation(orders="both"))
        loaded = replace(loaded, samples=tuple(sample for sample in both.samples if sample.id.endswith(SWAPPED)))
    answers = _answers(model, processor, loaded, blind)
    rule = loaded.protocol.reader or "strict"
    read = [
        extract(rule, answer, sample.options).option for answer, sample in zip(answers, loaded.samples, strict=True)
    ]
    right = sum(option == sample.target for option, sample in zip(read, loaded.samples, strict=True))
    return TaskResult(task, len(read), sum(option is not None for option in read), right)


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


ITEMS = 504
"""A multiple of 36, so that every type of NLVR2 statement occurs equally often."""
TASKS = ("bison-mini", "nlvr2-mini")


def pack_model(trained: Path, to: Path, commit: str, seed: int = 0) -> dict[str, JSON]:
    """Write the folder that ships and return its training.json.

    commit: of the checkout that trained it. seed: of the evaluated items, from 0; training uses negative ones.
    """
    model = SparklesChatForConditionalGeneration.from_pretrained(trained, dtype=torch.float32)
    model.half()  # type: ignore[no-untyped-call]
    model.save_pretrained(to)
    (to / "model.safetensors").chmod(0o644)  # saved as readable by its owner only, and a wheel would keep that mode
    SparklesChatProcessor.from_pretrained(trained).save_pretrained(to)
    record: dict[str, JSON] = json.loads((trained / RECORD).read_text(encoding="utf-8"))
    marks: dict[str, JSON] = {}
    for task in TASKS:
        marks[task] = quick_eval(to, task, ITEMS, seed=seed).json
        marks[f"{task}, images swapped"] = quick_eval(to, task, ITEMS, seed=seed, other_order=True).json
        marks[f"{task}, pictures of other items"] = quick_eval(to, task, ITEMS, seed=seed, blind=True).json
    record |= {"commit": commit, "dtype": "float16", "evaluation_seed": seed, "evaluation": marks}
    (to / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


if __name__ == "__main__":
    made_by = pack_model(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
    say_json(json.dumps(made_by["evaluation"], indent=2))
