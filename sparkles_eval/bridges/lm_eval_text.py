"""Compares a trained language model with its base on lm-eval's text tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkles_eval.core.errors import UserError


@dataclass(frozen=True, slots=True)
class TextComparison:
    """One task and metric: both values, and how many of its documents have different results."""

    task: str
    metric: str
    trained: float
    base: float
    documents: int
    changed: int


def compare_text(
    trained: Path,
    base: Path,
    tasks: Sequence[str],
    *,
    include: Path | None = None,
    limit: int | None = None,
    batch_size: int = 8,
    device: str | None = None,
) -> list[TextComparison]:
    """Run lm-eval's text tasks on the language models of two folders (SparklesChat's, or any causal model's).

    include: a folder with tasks of your own. Raises errors.UserError where a folder or a task is missing.
    """
    after = _evaluate(trained, tasks, include, limit, batch_size, device)
    before = _evaluate(base, tasks, include, limit, batch_size, device)
    found = []
    for task in sorted(after["samples"]):
        mine, theirs = (_documents(results["samples"][task]) for results in (after, before))
        for metric in sorted(_metrics(after["results"][task])):
            plain = metric.partition(",")[0]
            changed = sum(mine[key].get(plain) != theirs[key].get(plain) for key in mine)
            one, other = (float(results["results"][task][metric]) for results in (after, before))
            found.append(TextComparison(task, plain, one, other, len(mine), changed))
    return found


def _evaluate(
    folder: Path, tasks: Sequence[str], include: Path | None, limit: int | None, batch_size: int, device: str | None
) -> dict[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    language, tokenizer = _language(folder)
    if device:
        language.to(device)
    lm = HFLM(pretrained=language, tokenizer=tokenizer, batch_size=batch_size)
    manager = TaskManager(include_path=str(include) if include else None, include_defaults=include is None)
    if missing := [task for task in tasks if task not in manager.all_tasks]:
        raise UserError(f"lm-eval has no task {', '.join(missing)}" + (f" in {include}" if include else ""))
    try:
        found: dict[str, Any] = simple_evaluate(
            model=lm, tasks=list(tasks), task_manager=manager, limit=limit, bootstrap_iters=0, log_samples=True
        )
    except OSError as error:
        # lm-eval fetches a task's documents when it is first used
        raise UserError(
            f"lm-eval cannot read the documents of {', '.join(tasks)} ({error}); "
            "fetch them on a machine with a network, or name tasks of your own with --include"
        ) from error
    return found


def _language(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaTokenizer, PreTrainedTokenizerFast

    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder}: no config.json; give the folder of a model")
    if json.loads(file.read_bytes()).get("model_type") != "sparkleschat":
        return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    model = SparklesChatForConditionalGeneration.from_pretrained(folder)
    # The same tokenizer for both models, so that differences from sentencepiece affect both alike.
    if (folder / "tokenizer.model").is_file():
        llama: Any = LlamaTokenizer
        return model.language_model, llama.from_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast
    eos = model.config.text.eos_token_id
    words = fast(tokenizer_file=str(folder / "tokenizer.json"))
    words.eos_token = words.convert_ids_to_tokens(eos if isinstance(eos, int) else 2)
    words.pad_token = words.eos_token
    return model.language_model, words


def _documents(samples: Sequence[dict[str, Any]]) -> dict[object, dict[str, Any]]:
    return {sample["doc_id"]: sample for sample in samples}


def _metrics(results: dict[str, Any]) -> list[str]:
    return [
        name
        for name, value in results.items()
        if isinstance(value, (int, float)) and "," in name and "stderr" not in name
    ]
