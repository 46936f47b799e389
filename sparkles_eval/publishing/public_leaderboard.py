"""Builds a public leaderboard from a folder of bundles: checks each, merges the comparable, writes the site."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

from sparkles_eval import __version__
from sparkles_eval.analysis.comparability import Comparability, differences
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import StoreError, UserError
from sparkles_eval.core.files import replacing_folder
from sparkles_eval.publishing.bundle import RunIdentity
from sparkles_eval.publishing.check_bundle import BundleRejected, CheckedBundle, check_bundle
from sparkles_eval.publishing.config import LeaderboardOptions
from sparkles_eval.publishing.merge_rows import Conflict, merge_rows
from sparkles_eval.publishing.open_store import open_untrusted
from sparkles_eval.publishing.stored_panels import PanelRun, recompute_panels
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.site import render_site
from sparkles_eval.reports.toolkit.links import PageName
from sparkles_eval.reports.toolkit.site_writer import SiteWriter
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.store import Store

Runs: TypeAlias = Mapping[str, Sequence[RunIdentity]]
"""By bundle, what it asked whom."""


def incomparable(bundles: Runs, like: str | None = None) -> dict[str, list[str]]:
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


LIST, PAGE, STORE = "bundles.json", "bundles.html", "sparkles.db"
_TITLE = "Leaderboard"


@dataclass(frozen=True, slots=True)
class AcceptedBundle:
    """A bundle that is on the leaderboard."""

    bundle: str
    sha256: str
    size: int
    runs: tuple[str, ...]
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    contact: str
    licence: str


@dataclass(frozen=True, slots=True)
class LeftOutBundle:
    """A bundle that is not, and every reason."""

    bundle: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeaderboardResult:
    """What became of every bundle, by name; `index` is the page to open, None where nothing could be shown."""

    taken: tuple[AcceptedBundle, ...]
    left_out: tuple[LeftOutBundle, ...]
    index: Path | None
    notes: tuple[str, ...] = ()


def build_leaderboard(folder: Path, out: Path, terms: LeaderboardOptions | None = None) -> LeaderboardResult:
    """Check every bundle (*.zip) in a folder and write the site of those that are sound into `out`.

    `out` is new, empty, or an earlier build, which is replaced as a whole once the new one is done. Where no bundle is
    sound nothing is written. Raises errors.UserError where there is no bundle, `like` is none, or `out` is not ours.
    """
    terms = terms or LeaderboardOptions()
    bundles = sorted(path for path in _listed(folder) if path.suffix.lower() == ".zip")
    if not bundles:
        raise UserError(f"{folder}: holds no bundles (*.zip); `sparkles-eval submit` makes them")
    if terms.like is not None and terms.like not in {path.name for path in bundles}:
        raise UserError(f"--like {terms.like}: {folder} holds no such bundle")
    _ours(out)
    with tempfile.TemporaryDirectory(prefix="sparkles-board-") as room:
        sound, reasons = _inspected(bundles, Path(room), terms)
        sound = list(_without_repeats(sound, reasons))
        if not terms.apart:
            for name, why in incomparable({one.name: one.manifest.runs for one in sound}, terms.like).items():
                reasons[name] = why
        sound = [one for one in sound if one.name not in reasons]
        store = Path(room) / STORE
        notes = _merged(sound, store, reasons)
        taken = tuple(_taken(one) for one in sound if one.name not in reasons)
        left_out = tuple(LeftOutBundle(name, tuple(why)) for name, why in sorted(reasons.items()))
        if not taken:
            return LeaderboardResult((), left_out, None)
        board = LeaderboardResult(taken, left_out, out / "index.html", tuple(notes))
        site = Path(room) / "site"
        board = _write(board, store, site, terms)
        _replace(site, out)
    return board


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); name a folder of bundles") from error


def _ours(out: Path) -> None:
    """Raises errors.UserError where a folder holds something that is not an earlier leaderboard."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError(f"--out {out}: is no folder; name one")
    if out.is_dir() and any(out.iterdir()) and not (out / LIST).is_file():
        raise UserError(f"--out {out}: holds files that are no leaderboard; name an empty or a new folder")


def _inspected(
    bundles: Sequence[Path], room: Path, terms: LeaderboardOptions
) -> tuple[list[CheckedBundle], dict[str, list[str]]]:
    sound: list[CheckedBundle] = []
    reasons: dict[str, list[str]] = {}
    for number, path in enumerate(bundles):
        own = room / str(number)
        own.mkdir()
        try:
            sound.append(check_bundle(path, own, largest=terms.largest))
        except BundleRejected as error:
            reasons[path.name] = list(error.reasons)
            shutil.rmtree(own)
    return sound, reasons


def _without_repeats(bundles: Sequence[CheckedBundle], reasons: dict[str, list[str]]) -> Iterator[CheckedBundle]:
    """The bundles without those that are an earlier one again, whose reason is noted."""
    known: dict[str, str] = {}
    for one in bundles:
        first = known.setdefault(one.sha256, one.name)
        if first == one.name:
            yield one
        else:
            reasons[one.name] = [f"is {first} again, byte for byte"]


def _merged(sound: Sequence[CheckedBundle], path: Path, reasons: dict[str, list[str]]) -> list[str]:
    """Merge the bundles, each as a whole or not at all; gives notes on panels that could not be computed."""
    panel_runs: set[PanelRun] = set()
    with Store(path) as target:
        for one in sound:
            try:
                with target.transaction(), open_untrusted(one.store) as source:
                    merged = merge_rows(source, target)
                    _agreeing(merged.conflicts, one)
                    panel_runs |= merged.panel_runs
            except BundleRejected as error:
                reasons[one.name] = list(error.reasons)
            except StoreError as error:
                reasons[one.name] = [str(error)]
        with target.transaction():
            return recompute_panels(target, panel_runs)


def _agreeing(conflicts: Sequence[Conflict], one: CheckedBundle) -> None:
    """Raises Refused where a bundle contradicts those before it."""
    if conflicts:
        reasons = [str(conflict).removeprefix(f"{one.store}: ") for conflict in conflicts[:20]]
        raise BundleRejected([f"contradicts a bundle before it: {text}" for text in reasons])


def _taken(one: CheckedBundle) -> AcceptedBundle:
    runs, about = one.manifest.runs, one.manifest.about
    return AcceptedBundle(
        one.name,
        one.sha256,
        one.size,
        tuple(run.id for run in runs),
        tuple(sorted({run.model for run in runs})),
        tuple(sorted({run.task for run in runs})),
        about.contact,
        about.licence,
    )


def _write(board: LeaderboardResult, merged: Path, site: Path, terms: LeaderboardOptions) -> LeaderboardResult:
    """Write the site; gives the result with a note for each model that stands on it unranked."""
    with Store(merged, create=False) as store:
        summary = summarise(store, min_coverage=terms.min_coverage)
        render_site(store, summary, site, SiteOptions(title=_TITLE, figures=terms.figures, bundles=True))
    board = replace(board, notes=(*board.notes, *(f"unranked: {line}" for line in summary.unranked)))
    drawn: frozenset[PageName] = frozenset({"figures"} if (site / "figures.html").exists() else ())
    shell = SiteWriter(site, summary, _TITLE, parts=drawn | {"samples", "judges", "methods", "bundles"})
    shell.write(PAGE, "bundles.html.j2", title="Bundles", here="bundles", board=board, version=__version__)
    listed: Mapping[str, object] = {
        "version": __version__,
        "accepted": [asdict(one) for one in board.taken],
        "refused": [asdict(one) for one in board.left_out],
        "notes": list(board.notes),
    }
    shell.file(LIST, f"{dump(listed)}\n".encode())
    return board


def _replace(site: Path, out: Path) -> None:
    """Put the finished site in place of an earlier one."""
    try:
        with replacing_folder(out) as fresh:
            shutil.copytree(site, fresh, dirs_exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror}); name another folder") from error
