"""Writes BISON and NLVR2 as lm-eval tasks: the same prompts, images and answer rule, in both image orders.

SparklesEval cannot be exported, because its second question follows the model's own first answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from sparkles_eval.bridges.scoring import Document
from sparkles_eval.core import Image, Sample
from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task, select
from sparkles_eval.tasks.variants import SWAPPED, vary
from sparkles_eval.tasks.variation import Variation

MARK = "<image>"
MODULE = "mm_utils"
_CODE = '''"""What the exported tasks call; the code is sparkles-eval's."""

from sparkles_eval.bridges.scoring import all_right, images, score

__all__ = ["all_right", "images", "score"]
'''


def export(
    names: Sequence[str],
    out: Path,
    *,
    protocol: str = "strict",
    data_root: Path | None = None,
    args: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> list[Path]:
    """Write `sparkles_NAME.yaml` with its data for every named task; returns the YAML files.

    Each item is there twice, with its images in either order. `both_orders` counts the items that are right in both.
    lm-eval's standard errors treat the two as independent, which they are not; ours do not. Raises errors.UserError for
    a task with more than one turn, without options, or with lm-eval's image placeholder in its text.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{MODULE}.py").write_text(_CODE, encoding="utf-8")
    written = []
    for name in names:
        task = select(load_task(name, protocol=protocol, data_root=data_root, args=args), limit=limit)
        _check(task)
        both = vary(task, Variation(orders="both"))
        label = f"sparkles_{task.name.replace('-', '_')}"
        data = out / f"{label}.json"
        documents = [_document(both, sample) for sample in both.samples]
        data.write_text(json.dumps(documents, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(out / f"{label}.yaml")
        written[-1].write_text(_yaml(label, data, task), encoding="utf-8")
    return written


def _check(task: Task) -> None:
    if task.protocol.reader is None or any(len(sample.turns) != 1 or not sample.options for sample in task.samples):
        raise UserError(
            f"task {task.name}: lm-eval tasks are single questions with options; a dialogue whose second question "
            "follows the model's own answer cannot be one"
        )


def _document(task: Task, sample: Sample) -> Document:
    conversation = task.prompt.conversation(sample, ())
    (message,) = conversation.messages
    if conversation.system or MARK in message.text:
        what = "has a system text" if conversation.system else f"holds {MARK} in its words"
        raise UserError(f"task {task.name}: item {sample.id} {what}, which lm-eval would read as something else")
    pictures = [part for part in message.parts if isinstance(part, Image)]
    lost = next((picture.relpath for picture in pictures if picture.path is None), None)
    if lost is not None or task.protocol.reader is None or sample.target is None:
        raise UserError(f"task {task.name}: item {sample.id} lacks {lost or 'an answer'}")
    return Document(
        id=sample.id,
        unit=sample.id.removesuffix(SWAPPED),
        text="".join(MARK if isinstance(part, Image) else part.text for part in message.parts),
        paths=[str(picture.path.resolve()) for picture in pictures if picture.path is not None],
        relpaths=[picture.relpath for picture in pictures],
        options=list(sample.options),
        target=sample.target,
        rule=task.protocol.reader,
    )


class _Function(str):
    """Text that lm-eval reads as the name of a function."""

    __slots__ = ()


class _Writer(yaml.SafeDumper):
    """Plain YAML, with lm-eval's tag for functions."""


_Writer.add_representer(_Function, lambda writer, name: writer.represent_scalar("!function", str(name)))


def _yaml(label: str, data: Path, task: Task) -> str:
    generation = task.protocol.generation
    known = {"temperature", "top_p", "top_k", "max_tokens", "seed", "stop"}
    if further := sorted(set(generation.json()) - known):
        raise UserError(f"task {task.name}: its generation has {further[0]}, which lm-eval has no place for")
    sampled = bool(generation.temperature)
    settings: dict[str, object] = {"until": list(generation.stop), "do_sample": sampled}
    settings["max_gen_toks"] = generation.max_tokens or 1000
    if sampled:
        settings |= {"temperature": generation.temperature, "top_p": generation.top_p}
    plain = [{"metric": name, "aggregation": "mean", "higher_is_better": name == "acc"} for name in ("acc", "invalid")]
    orders = {
        "metric": "both_orders",
        "aggregation": _Function(f"{MODULE}.all_right"),
        "higher_is_better": True,
    }
    content = {
        "task": label,
        "dataset_path": "json",
        # lm-eval resolves a relative path against the working directory
        "dataset_kwargs": {"data_files": {"test": str(data.resolve())}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_image": _Function(f"{MODULE}.images"),
        "doc_to_text": "{{text}}",
        "doc_to_target": "{{target}}",
        "process_results": _Function(f"{MODULE}.score"),
        "generation_kwargs": settings,
        "metric_list": [*plain, orders],
        "metadata": {"version": float(task.version), "protocol": task.protocol.name},
    }
    return yaml.dump(content, Dumper=_Writer, sort_keys=False, allow_unicode=True)
