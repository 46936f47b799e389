"""Which bundles may stand on one leaderboard: the same task with the same data, prompt and judge. Knows no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from sparkles_eval.analysis.comparability import Comparability, differences
from sparkles_eval.publishing.manifest import RunIdentity

Runs: TypeAlias = Mapping[str, Sequence[RunIdentity]]
"""By bundle, what it asked whom."""


def mixed(bundles: Runs, like: str | None = None) -> dict[str, list[str]]:
    """By bundle, why it cannot stand beside the others; bundles that can are not in it.

    `like` names the bundle whose data, prompts and judges are the leaderboard's. Without it nobody's are, and where
    bundles differ all of those are named.
    """
    tables: dict[str, list[tuple[str, RunIdentity]]] = {}
    for name, runs in bundles.items():
        for run in runs:
            tables.setdefault(_record(run).table, []).append((name, run))
    reasons: dict[str, list[str]] = {}
    for table, members in tables.items():
        for name, why in (*_differing(members, like), *_judges(members, like)):
            said = f"{table}: {why}"
            if said not in reasons.setdefault(name, []):
                reasons[name].append(said)
    return reasons


def _record(run: RunIdentity) -> Comparability:
    return Comparability.asked(run, run.task, run.task_version, run.samples)


def _differing(members: Sequence[tuple[str, RunIdentity]], like: str | None) -> Iterator[tuple[str, str]]:
    for difference in differences([(name, _record(run)) for name, run in members]):
        right = difference.value_of(like) if like else None
        for value, names in difference.values.items():
            if value != right:
                yield from ((name, str(difference)) for name in names)


def _judges(members: Sequence[tuple[str, RunIdentity]], like: str | None) -> Iterator[tuple[str, str]]:
    """Every run must have been scored by one judge that all share."""
    scored = [(name, run, {judge.fingerprint for judge in run.judges}) for name, run in members]
    own = [judges for name, _, judges in scored if name == like] or [judges for _, _, judges in scored]
    shared = set.intersection(*own)
    for name, run, judges in scored:
        if not judges & shared:
            named = ", ".join(f"{judge.name} {judge.fingerprint[:8]}" for judge in run.judges) or "nobody"
            others = sorted({other for other, _, theirs in scored if theirs != judges})
            yield name, f"scored by {named}, not by a judge that {', '.join(others[:5])} has"
