"""Judgements of the loopback models: JSON that follows any schema, the bracket layout, and broken forms of both.

Knows the two forms in which ratings can be asked for, not what is rated.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from pydantic import JsonValue

Quality: TypeAlias = Callable[[str], float]
"""How good, in [0, 1), the thing of that name (a path in the schema, "A1 C2") is found to be."""

_CRITERION = re.compile(r"\bC\d+\b")
_ANSWER = re.compile(r"\bA\d+\b")
_LAID_OUT = re.compile(r"^\W*Evaluating (A\d+)\s*$", re.MULTILINE)
_SCALE = re.compile(r"\b(\d+)\s*(?:-|\u2013|to|and)\s*(\d+)\b")


def fill(schema: JsonValue, quality: Quality, prompt: str = "") -> str:
    """JSON text that follows the schema: every property, and every combination of enumerated fields of a list.

    A canary that the prompt names stands where the schema wants one.
    """
    root = schema if isinstance(schema, dict) else {}
    value = _value(root, root, "", quality)
    if isinstance(value, dict) and "canary" in value:
        value["canary"] = canary(prompt)
    return json.dumps(value)


def canary(prompt: str) -> str:
    """The word that the prompt asks to be copied; "" where it names none."""
    found = re.findall(r"\bthe word ([a-z]{8})\b", prompt)
    return found[-1] if found else ""


def _value(node: dict[str, JsonValue], root: dict[str, JsonValue], path: str, quality: Quality) -> JsonValue:
    node = _resolve(node, root)
    if "const" in node:
        return node["const"]
    choices = node.get("enum")
    if isinstance(choices, list) and choices:
        return choices[int(quality(path) * len(choices))]
    kind = node.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object" or "properties" in node:
        return {name: _value(sub, root, f"{path}.{name}", quality) for name, sub in _properties(node)}
    if kind == "array":
        return _list(node, root, path, quality)
    return _scalar(node, kind, path, quality)


def _scalar(node: dict[str, JsonValue], kind: JsonValue, path: str, quality: Quality) -> JsonValue:
    if kind in ("integer", "number"):
        low, high = _bounds(node)
        return low + round(quality(path) * (high - low))
    if kind == "boolean":
        return quality(path) >= 0.5
    return None if kind == "null" else f"What the answer says there fits the pictures ({path.strip('.')})."


def _list(node: dict[str, JsonValue], root: dict[str, JsonValue], path: str, quality: Quality) -> JsonValue:
    prefix = node.get("prefixItems")
    if isinstance(prefix, list):
        return [_value(_dict(item), root, f"{path}.{i}", quality) for i, item in enumerate(prefix)]
    item = _resolve(_dict(node.get("items")), root)
    listed = {name: _listed(_resolve(sub, root)) for name, sub in _properties(item)}
    fixed = {name: values for name, values in listed.items() if values}
    if not fixed:
        least = node.get("minItems")
        return [_value(item, root, f"{path}.{i}", quality) for i in range(least if isinstance(least, int) else 1)]
    rows: list[JsonValue] = []
    for combination in itertools.product(*fixed.values()):
        known = dict(zip(fixed, combination, strict=True))
        place = f"{path}.{'.'.join(map(str, combination))}"
        rows.append(
            {
                name: known[name] if name in known else _value(sub, root, f"{place}.{name}", quality)
                for name, sub in _properties(item)
            }
        )
    return rows


def _listed(node: dict[str, JsonValue]) -> list[JsonValue]:
    """The values of an enumerated field that tells list entries apart (a short list of numbers that rates does not)."""
    if "const" in node:
        return [node["const"]]
    choices = node.get("enum")
    if not isinstance(choices, list) or (len(choices) >= 5 and all(isinstance(c, int | float) for c in choices)):
        return []
    return choices


def _resolve(node: dict[str, JsonValue], root: dict[str, JsonValue]) -> dict[str, JsonValue]:
    while True:
        reference = node.get("$ref")
        if isinstance(reference, str):
            found: JsonValue = root
            for step in reference.removeprefix("#/").split("/"):
                found = _dict(found).get(step)
            node = _dict(found)
            continue
        for union in ("anyOf", "oneOf", "allOf"):
            branches = node.get(union)
            if isinstance(branches, list) and branches:
                node = _dict(branches[0])
                break
        else:
            return node


def _dict(node: JsonValue) -> dict[str, JsonValue]:
    return node if isinstance(node, dict) else {}


def _properties(node: dict[str, JsonValue]) -> Iterable[tuple[str, dict[str, JsonValue]]]:
    return [(name, _dict(sub)) for name, sub in _dict(node.get("properties")).items()]


def _bounds(node: dict[str, JsonValue]) -> tuple[int, int]:
    low, high = node.get("minimum"), node.get("maximum")
    return (int(low) if isinstance(low, int | float) else 1, int(high) if isinstance(high, int | float) else 10)


def rated(prompt: str, quality: Quality) -> str | None:
    """A reply in the bracket layout for every criterion (C1, C2, ..) of every answer (A1, ..) that is to be rated.

    These are the answers in the prompt's layout of the reply, or all that the prompt names where it shows none.
    """
    if "[[" not in prompt or not (criteria := sorted(set(_CRITERION.findall(prompt)))):
        return None
    answers = sorted(set(_LAID_OUT.findall(prompt) or _ANSWER.findall(prompt))) or ["A1"]
    scale = _SCALE.search(prompt)
    low, high = (int(scale[1]), int(scale[2])) if scale else (1, 10)
    if low >= high:
        low, high = 1, 10
    lines: list[str] = []
    word = f" {copied}" if (copied := canary(prompt)) else ""
    for name in answers:
        points = [low + round(quality(f"{name} {criterion}") * (high - low)) for criterion in criteria]
        lines.append(f"### Evaluating {name}")
        for criterion, point in zip(criteria, points, strict=True):
            named = f"{word} {name} {criterion}" if word else ""
            lines.append(f"({criterion}) What the answer says there fits the pictures. Rating{named}: [[{point}]]")
        if "overall" in prompt.lower():
            lines.append(f"The overall rating{word} of {name} is [[{sum(points) / len(points):.1f}]]")
        lines.append("")
    return "\n".join(lines).rstrip()


def garbled(text: str, chance: float) -> str:
    """The judgement made unreadable, in one of four ways that `chance` in [0, 1) picks."""
    if chance < 0.25:
        return "Both answers are quite good, I would say."
    if chance < 0.5:
        return text[: len(text) // 2]
    if chance < 0.75:
        return re.sub(r"\d+(\.\d+)?(?=\]\]|[,}\n])", "99", text)
    return re.sub(r"\[\[.*?\]\]|\d+(?=[,}])", "excellent", text, count=1)
