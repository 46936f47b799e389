"""Which bundles may stand on one leaderboard: the same task with the same data, prompt and judge. Knows no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from sparkles_eval.publishing.manifest import RunIdentity

Runs: TypeAlias = Mapping[str, Sequence[RunIdentity]]
"""By bundle, what it asked whom."""
_Group: TypeAlias = tuple[str, str, str]
"""Task, protocol, variant: numbers of different ones stand in tables of their own."""


def mixed(bundles: Runs, like: str | None = None) -> dict[str, list[str]]:
    """By bundle, why it cannot stand beside the others; bundles that can are not in it.

    `like` names the bundle whose data, prompts and judges are the leaderboard's. Without it nobody's are, and where
    bundles differ all of those are named.
    """
    groups: dict[_Group, list[tuple[str, RunIdentity]]] = {}
    for name, runs in bundles.items():
        for run in runs:
            groups.setdefault((run.task, run.protocol, run.variant), []).append((name, run))
    reasons: dict[str, list[str]] = {}
    for group, members in groups.items():
        for name, why in _differing(group, members, like):
            if why not in reasons.setdefault(name, []):
                reasons[name].append(why)
    return reasons


def _differing(
    group: _Group, members: Sequence[tuple[str, RunIdentity]], like: str | None
) -> Iterator[tuple[str, str]]:
    task = f"{group[0]} ({', '.join(part for part in (f'{group[1]} protocol', group[2]) if part)})"
    for what, say in (("data", _data), ("prompt", _prompt)):
        held: dict[str, list[str]] = {}
        for name, run in members:
            held.setdefault(say(run), []).append(name)
        right = next((said for said, names in held.items() if like in names), None)
        for said, names in held.items():
            if len(held) > 1 and said != right:
                others = "; ".join(_who(other, held[other]) for other in held if other != said)
                yield from ((name, f"{task}: other {what} ({said}) than {others}") for name in dict.fromkeys(names))
    yield from _judges(task, members, like)


def _judges(task: str, members: Sequence[tuple[str, RunIdentity]], like: str | None) -> Iterator[tuple[str, str]]:
    """Every run must have been scored by one judge that all share."""
    scored = [(name, run, {judge.fingerprint for judge in run.judges}) for name, run in members]
    own = [judges for name, _, judges in scored if name == like] or [judges for _, _, judges in scored]
    shared = set.intersection(*own)
    for name, run, judges in scored:
        if not judges & shared:
            named = ", ".join(f"{judge.name} {judge.fingerprint[:8]}" for judge in run.judges) or "nobody"
            others = sorted({other for other, _, theirs in scored if theirs != judges})
            yield name, f"{task}: scored by {named}, not by a judge that {', '.join(others[:5])} has"


def _data(run: RunIdentity) -> str:
    return f"version {run.task_version}, {run.samples} samples, {run.data_hash[:12]}"


def _prompt(run: RunIdentity) -> str:
    rule = f", answers read by {run.answer_rule}" if run.answer_rule else ""
    asked = f"{run.draws} draws, {run.epochs} epochs"
    return f"{run.prompt_hash[:12]}, protocol version {run.protocol_version}{rule}, {asked}"


def _who(said: str, names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return f"{', '.join(shown[:5])}{more} ({said})"
