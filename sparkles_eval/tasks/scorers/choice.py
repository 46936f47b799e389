"""The scorer `choice`: reads the option that an answer chooses by one of the answer rules in `tasks.scorers.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Literal

from sparkles_eval.tasks.scorers.base import NoOptions, Outcome, Question, Scorer, invalid, scorer
from sparkles_eval.tasks.scorers.rules import extract, rule
from sparkles_eval.tasks.scorers.strict_reader import unreadable

NAME = "choice"


def _choosable(question: Question, options: Mapping[str, Any]) -> str | None:
    """Why a question cannot be scored by `choice`: it needs two or more distinct options, the targets among them."""
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
    if not wrong and reader == "strict" and (mixed := confused(given)):
        wrong.append(mixed)
    return "; ".join(wrong) or None


@lru_cache(maxsize=4096)
def confused(options: tuple[str, ...]) -> str:
    """Why the reader `strict` would misread a reply that is one of these options alone; "" where it would not."""
    wrong = unreadable(options)
    if not wrong:
        return ""
    option, other = wrong[0]
    what = f"cannot tell {option!r} from {other!r}" if other is not None else f"cannot read {option!r}"
    letters = ", ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: min(len(options), 4)])
    return (
        f"the answer rule {what} (options {', '.join(options)[:200]}); "
        f"let the options be letters ({letters}) and name what they stand for in the question"
    )


@scorer(NAME, needs=("target", "options"), check=_choosable, raw=True)
def choice(answer: str, question: Question, *, reader: Literal["strict", "paper"] = "strict") -> Outcome:
    """Right where the answer chooses the right option; one that names none, or several, is invalid.

    `strict` understands negation, hedges and contradictions; `paper` is the published rule of SparklesEval.
    """
    return _read(answer, question, reader)


def _read(answer: str, question: Question, reader: str, *, cut: bool = False) -> Outcome:
    found = extract(reader, answer, question.options, cut=cut)
    if found.option is None:
        return invalid(found.reason or "no option could be read")
    return Outcome(float(found.option in question.targets), found.option)


@lru_cache(maxsize=32)  # one object a reader: equal protocols compare equal
def reader_scorer(name: str) -> Scorer:
    """The scorer `choice` as it is stored: under the name and version of its reader, without options.

    `name` is that of a reader (its current version) or of an older version, such as "strict@1". Raises
    errors.ContentError for an unknown one.
    """
    reader = rule(name)
    return Scorer(
        name=reader.name,
        version=reader.version,
        description=reader.description,
        function=partial(_read, reader=reader.id),
        model=NoOptions,
        needs=choice.needs,
        check_question=lambda question, _: _choosable(question, {"reader": reader.name}),
        raw=True,
        read_cut=partial(_read, reader=reader.id, cut=True) if reader.read_cut is not None else None,
        identity=reader.name,
    )
