"""Writes a page of a task's first samples as a model would be asked them, with pictures and the right answer."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from sparkles_eval import __version__
from sparkles_eval.core import Image, Sample
from sparkles_eval.core.errors import problem_lines
from sparkles_eval.core.files import write_output
from sparkles_eval.core.text import one_line, visible
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.images import image_bytes, thumbnail

TEMPLATE = "task_check.html.j2"
_EDGE = 320


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture with its preview as a data address; "" where it cannot be decoded."""

    address: str
    alt: str


@dataclass(frozen=True, slots=True)
class TaskSampleView:
    """A sample: what each message shows, in order, and what the data say about it."""

    id: str
    messages: tuple[tuple[str, tuple[str | PictureView, ...]], ...]
    facts: tuple[tuple[str, str], ...]


def write_task_page(task: Task, out: Path, *, count: int = 3, content: Sequence[Path] = ()) -> int:
    """Write the page of a task's first `count` samples; returns how many it shows. Raises errors.UserError."""
    shown = task.samples[:count]
    style = Markup(pages.asset("style.css", content))  # noqa: S704 - our own file
    html = (
        pages.environment(content)
        .get_template(TEMPLATE)
        .render(
            title=one_line(task.title),
            name=task.name,
            version=__version__,
            samples=[_view(task, sample) for sample in shown],
            total=len(task.samples),
            problems=[visible(line.strip()) for line in problem_lines(task.skipped)],
            count=len(task.skipped),
            style=style,
            policy=pages.policy([style], []),
        )
    )
    write_output(out, html)
    return len(shown)


def _view(task: Task, sample: Sample) -> TaskSampleView:
    history = [turn.reference or "(the model's own answer)" for turn in sample.turns[:-1]]
    conversation = task.prompt.conversation(sample, history)
    messages = [("system", (visible(conversation.system),))] if conversation.system else []
    rendered = [
        (
            message.role,
            tuple(_picture(part) if isinstance(part, Image) else visible(part.text) for part in message.parts),
        )
        for message in conversation.messages
    ]
    facts = [
        (f"right answer{f' of turn {turn}' if len(sample.turns) > 1 else ''}", " or ".join(sample.targets_at(turn)))
        for turn in sample.scored_turns
    ]
    facts += [("options", " | ".join(sample.options)), ("group", sample.group), ("tags", ", ".join(sample.tags))]
    facts += [(f"field {name}", text) for name, text in sample.fields.items()]
    if sample.turns[-1].reference:
        facts.append(("reference", sample.turns[-1].reference))
    labels = tuple((name, one_line(text, 400)) for name, text in facts if text)
    return TaskSampleView(one_line(sample.id), (*messages, *rendered), labels)


def _picture(image: Image) -> PictureView:
    preview = thumbnail(image_bytes(image), _EDGE)
    address = f"data:image/jpeg;base64,{base64.b64encode(preview).decode()}" if preview else ""
    return PictureView(address, f"{one_line(image.relpath)}, {image.width} x {image.height}")
