"""Finds scorers by name (built in, from `--plugin` files, from installed packages) and by the id of a stored score."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.core.suggestions import did_you_mean
from sparkles_eval.tasks.scorers import choice, lettered, matching, numeric, published_readers
from sparkles_eval.tasks.scorers.base import KIND, BoundScorer, Scorer
from sparkles_eval.tasks.scorers.rules import KEPT, RULES

GROUP = f"sparkles_eval.{KIND}"
"""Entry-point group of scorers in other installed packages; an entry has its scorer's name."""

BUILT_IN: Mapping[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        choice.choice,
        lettered.lettered,
        matching.exact_match,
        numeric.numeric,
        matching.anls,
        matching.f1,
        matching.contains,
        published_readers.published_choice,
        published_readers.mirb,
    )
}
_ID = re.compile(r"(?P<name>[a-z_][a-z0-9_]*)@(?P<version>\d{1,6})(?:\((?P<options>.*)\))?", re.DOTALL)
_LONGEST_ID = 1000


def list_scorers(plugins: Sequence[Path] = ()) -> list[Scorer]:
    """Every scorer that a task.yaml may name: the built-in ones, then those of plugins and packages by name.

    Raises errors.ContentError for a plugin's or package's scorer with the name of a built-in one, or that fails to
    import.
    """
    return [*BUILT_IN.values(), *(scorer for _, scorer in sorted(_outside(plugins).items()))]


def find_scorer(name: str, plugins: Sequence[Path] = ()) -> Scorer:
    """The scorer of that name. Raises errors.ContentError, with the known names, for an unknown one."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name in RULES:
        return choice.reader_scorer(name)
    outside = _outside(plugins)
    if name in outside:
        return outside[name]
    known = [*BUILT_IN, *sorted(outside)]
    hint = did_you_mean(name, known)
    raise ContentError(f"unknown scorer {name!r}{hint}; known: {', '.join(known)}, and those of --plugin files")


def make_scorer(name: str, options: Mapping[str, object], plugins: Sequence[Path] = ()) -> BoundScorer:
    """The scorer of that name with a task's options.

    `choice` is returned as its reader, because its scores are stored under the reader's name (`strict`, `paper`).
    Raises errors.ContentError for an unknown name or option.
    """
    made = find_scorer(name, plugins).bind(options)
    if made.scorer is choice.choice:
        return choice.reader_scorer(str(made.options["reader"])).bind({})
    return made


def stored_scorer(scorer_id: str, plugins: Sequence[Path] = ()) -> BoundScorer | None:
    """The scorer that gave the scores stored under an id such as `numeric@1(tolerance=0.05)`.

    None where this program has no scorer of that name, version and options.
    """
    if scorer_id in KEPT:
        return choice.reader_scorer(scorer_id).bind({})
    found = _ID.fullmatch(scorer_id) if len(scorer_id) <= _LONGEST_ID else None
    if found is None:
        return None
    try:
        made = make_scorer(found["name"], _options(found["options"] or ""), plugins)
    except (ContentError, ValueError):
        return None
    return made if made.id == scorer_id else None


def _options(text: str) -> dict[str, object]:
    """The options in an id: `name=JSON` separated by commas. Raises ValueError for anything else."""
    read = json.JSONDecoder()
    options: dict[str, object] = {}
    while text:
        name, equals, text = text.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"no option: {name!r}")
        options[name], end = read.raw_decode(text)
        text = text[end:].removeprefix(", ")
    return options


def _outside(plugins: Sequence[Path]) -> dict[str, Scorer]:
    """The scorers of plugin files and installed packages by name; a plugin's takes precedence."""
    found: dict[str, Scorer] = {}
    for point in entry_points(group=GROUP):
        found[point.name] = _of_package(point)
    for path in plugins:
        for name, value in load_plugin(path).decorated.get(KIND, {}).items():
            assert isinstance(value, Scorer)  # the decorator made it
            found[name] = value
    taken = next((name for name in found if name in BUILT_IN or name in RULES), None)
    if taken:
        raise ContentError(f"a scorer outside is called {taken!r}, as a built-in one is; give it another name")
    return found


def _of_package(point: EntryPoint) -> Scorer:
    try:
        value: object = point.load()
    except (ImportError, AttributeError) as error:
        raise ContentError(f"scorer {point.name!r} of {point.value}: {error}; reinstall its package") from error
    if not isinstance(value, Scorer) or value.name != point.name:
        raise ContentError(
            f"scorer {point.name!r} of {point.value}: is no @scorer({point.name!r}); its package's entry point is wrong"
        )
    return value
