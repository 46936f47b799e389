"""The fields by which servers in OpenAI's format switch and limit reasoning: each server has its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkles_eval.adapters.options import merge, nested
from sparkles_eval.core import JSON, Generation
from sparkles_eval.core.errors import UserError

REASONING_ARGS: Mapping[str, str] = {
    "reasoning_on": "fields of the body for --generation reasoning=on, as JSON",
    "reasoning_off": "fields of the body for --generation reasoning=off, as JSON",
    "reasoning_budget_field": "field of the body for --generation reasoning_budget=N, such as thinking_token_budget",
}
"""Arguments of a model and keys of a preset's settings: they are part of the model's identity."""
_SWITCH = "chat_template_kwargs.enable_thinking"
"""Taken by vLLM and SGLang for models whose template knows it, as those of Qwen and GLM do."""


@dataclass(frozen=True, slots=True)
class ReasoningFields:
    """The fields of one server. None: it has none that is known."""

    on: Mapping[str, JSON] | None = None
    off: Mapping[str, JSON] | None = None
    budget: str | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    """What to do instead, by the setting's name."""

    def body(self, generation: Generation) -> dict[str, JSON]:
        """The fields for what is set; `reasoning_effort` has the same name everywhere and is not among them."""
        fields: dict[str, JSON] = {}
        chosen = (
            {True: self.on, False: self.off}.get(generation.reasoning) if generation.reasoning is not None else None
        )
        merge(fields, chosen or {})
        if generation.reasoning_budget is not None and self.budget is not None:
            merge(fields, nested(self.budget, generation.reasoning_budget))
        return fields

    def untaken(self, generation: Generation) -> dict[str, str]:
        """Settings that this server has no field for, and what to do instead."""
        names = []
        if generation.reasoning is not None and (self.on if generation.reasoning else self.off) is None:
            names.append("reasoning")
        if generation.reasoning_budget is not None and self.budget is None:
            names.append("reasoning_budget")
        return {name: self.missing.get(name, "") for name in names}


def read_reasoning_fields(
    who: str, settings: Mapping[str, str], *, native: bool, hosted: bool = False
) -> ReasoningFields:
    """From a model's settings; `native` says that it is OpenAI itself, `hosted` that it is some provider.

    Raises errors.UserError for what is no JSON.
    """
    on, off = (_object(who, name, settings.get(name)) for name in ("reasoning_on", "reasoning_off"))
    budget = settings.get("reasoning_budget_field")
    if native:
        missing = {
            "reasoning": "OpenAI has no switch for it: name reasoning_effort=low, medium or high",
            "reasoning_budget": "OpenAI takes no budget: name reasoning_effort, and --model-arg reasoning_tokens=N "
            "for room beside the answer",
        }
        return ReasoningFields(on, {"reasoning_effort": "none"} if off is None else off, budget, missing)
    missing = {
        "reasoning": "no field for it is known here: name it with --model-arg reasoning_on={…} or reasoning_off={…}",
        "reasoning_budget": "no field for it is known here: name it with --model-arg "
        "reasoning_budget_field=thinking_token_budget (vLLM) or as your server calls it",
    }
    if hosted:
        return ReasoningFields(on, off, budget, missing)
    return ReasoningFields(
        nested(_SWITCH, True) if on is None else on,
        nested(_SWITCH, False) if off is None else off,
        budget,
        missing,
    )


def _object(who: str, name: str, text: str | None) -> dict[str, JSON] | None:
    if text is None:
        return None
    try:
        value: JSON = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{who}: {name}={text}: a JSON object of the body's fields is needed")
    return value
