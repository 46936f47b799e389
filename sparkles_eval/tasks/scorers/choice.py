"""The scorer `choice`: the option that an answer chooses, read by one of the answer rules in `tasks.answers`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from sparkles_eval.tasks.answers import RULES, extract
from sparkles_eval.tasks.scorers.base import NoOptions, Outcome, Question, Scorer, invalid, scorer

NAME = "choice"


def _choosable(question: Question, options: Mapping[str, Any]) -> str | None:
    """At least two options that read differently, the targets among them."""
    given, reader = question.options, options.get("reader", "")
    if not given:
        without = f"no options, which the answer rule {reader!r} needs"
        return f"target {question.targets[0]!r} but no options" if question.targets else without
    wrong: list[str] = []
    if reader == "paper" and len(given) != 2:
        wrong.append(f"the paper answer rule reads two options, there are {len(given)}")
    wrong += [
        f"label not an option: {target!r} is none of {', '.join(given)}"
        for target in question.targets
        if target not in given
    ]
    return "; ".join(wrong) or None


@scorer(NAME, needs=("target", "options"), check=_choosable, raw=True)
def choice(answer: str, question: Question, *, reader: Literal["strict", "paper"] = "strict") -> Outcome:
    """Right where the answer chooses the right option; one that names none, or several, is invalid.

    `strict` understands negation, hedges and contradictions; `paper` is the published rule of SparklesEval.
    """
    found = extract(reader, answer, question.options)
    if found.option is None:
        return invalid(found.reason or "no option could be read")
    return Outcome(float(found.option in question.targets), found.option)


def reader_scorer(name: str) -> Scorer:
    """`choice` with one reader as it is stored: under the reader's own name, version and words, without options."""
    rule = RULES[name]
    return Scorer(
        name=rule.name,
        version=rule.version,
        description=rule.description,
        function=partial(choice.function, reader=name),
        model=NoOptions,
        needs=choice.needs,
        check_question=lambda question, _: _choosable(question, {"reader": name}),
        raw=True,
    )
