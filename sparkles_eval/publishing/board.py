"""Builds a public leaderboard from a folder of bundles: checks each, merges what is sound, has the site written.

What is refused is told with its reasons, on a page and as JSON beside the site. Knows nothing of how a bundle is
checked or a page looks.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.errors import StoreError, UserError
from sparkles_eval.publishing.bringing import Conflict, bring
from sparkles_eval.publishing.inspecting import LARGEST, Opened, Refused, inspect
from sparkles_eval.publishing.mixing import mixed
from sparkles_eval.publishing.opening import strange
from sparkles_eval.publishing.panels import work_out
from sparkles_eval.reports.links import PageName
from sparkles_eval.reports.parts import SiteOptions
from sparkles_eval.reports.shell import Shell
from sparkles_eval.reports.site import render_site
from sparkles_eval.store.encode import dump
from sparkles_eval.store.store import Store

LIST, PAGE, STORE = "bundles.json", "bundles.html", "sparkles.db"
_TITLE = "Leaderboard"


@dataclass(frozen=True, slots=True)
class Taken:
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
class LeftOut:
    """A bundle that is not, and every reason."""

    bundle: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """What became of every bundle, by name; `index` is the page to open, None where nothing could be shown."""

    taken: tuple[Taken, ...]
    left_out: tuple[LeftOut, ...]
    index: Path | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """How a leaderboard is put together."""

    apart: bool = False
    """Show what may not be compared in tables of its own instead of refusing it."""
    like: str | None = None
    """File name of the bundle whose data, prompts and judges are the leaderboard's."""
    largest: int = LARGEST
    """Bytes of an unpacked store that is taken."""
    figures: bool = True
    """Draw the figures, where the libraries that draw are installed."""


def build(folder: Path, out: Path, terms: Terms = Terms()) -> Board:
    """Check every bundle (*.zip) in a folder and write the site of those that are sound into `out`.

    `out` is new, empty, or an earlier build, which is replaced as a whole once the new one is done. Where no bundle is
    sound nothing is written. Raises errors.UserError where there is no bundle, `like` is none, or `out` is not ours.
    """
    bundles = sorted(path for path in _listed(folder) if path.suffix.lower() == ".zip")
    if not bundles:
        raise UserError(f"{folder}: holds no bundles (*.zip); `sparkles-eval submit` makes them")
    if terms.like is not None and terms.like not in {path.name for path in bundles}:
        raise UserError(f"--like {terms.like}: {folder} holds no such bundle")
    _ours(out)
    with tempfile.TemporaryDirectory(prefix="sparkles-board-") as room:
        sound, reasons = _inspected(bundles, Path(room), terms)
        if not terms.apart:
            for name, why in mixed({one.name: one.manifest.runs for one in sound}, terms.like).items():
                reasons[name] = why
        sound = [one for one in sound if one.name not in reasons]
        store = Path(room) / STORE
        notes = _merged(sound, store, reasons)
        taken = tuple(_taken(one) for one in sound if one.name not in reasons)
        left_out = tuple(LeftOut(name, tuple(why)) for name, why in sorted(reasons.items()))
        if not taken:
            return Board((), left_out, None)
        board = Board(taken, left_out, out / "index.html", tuple(notes))
        site = Path(room) / "site"
        _write(board, store, site, figures=terms.figures)
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


def _inspected(bundles: Sequence[Path], room: Path, terms: Terms) -> tuple[list[Opened], dict[str, list[str]]]:
    sound: list[Opened] = []
    reasons: dict[str, list[str]] = {}
    for number, path in enumerate(bundles):
        own = room / str(number)
        own.mkdir()
        try:
            sound.append(inspect(path, own, largest=terms.largest))
        except Refused as error:
            reasons[path.name] = list(error.reasons)
            shutil.rmtree(own)
    return sound, reasons


def _merged(sound: Sequence[Opened], path: Path, reasons: dict[str, list[str]]) -> list[str]:
    """Merge one bundle after the other, each as a whole or not at all; gives what a panel could not be told of."""
    with Store(path) as target:
        for one in sound:
            try:
                with target.transaction(), strange(one.store) as source:
                    _agreeing(bring(source, target).conflicts, one)
            except Refused as error:
                reasons[one.name] = list(error.reasons)
            except StoreError as error:
                reasons[one.name] = [str(error)]
        with target.transaction():
            return work_out(target)


def _agreeing(conflicts: Sequence[Conflict], one: Opened) -> None:
    """Raises Refused where a bundle contradicts those before it."""
    if conflicts:
        told = [str(conflict).removeprefix(f"{one.store}: ") for conflict in conflicts[:20]]
        raise Refused([f"contradicts a bundle before it: {text}" for text in told])


def _taken(one: Opened) -> Taken:
    runs, about = one.manifest.runs, one.manifest.about
    return Taken(
        one.name,
        one.sha256,
        one.size,
        tuple(run.id for run in runs),
        tuple(sorted({run.model for run in runs})),
        tuple(sorted({run.task for run in runs})),
        about.contact,
        about.licence,
    )


def _write(board: Board, merged: Path, site: Path, *, figures: bool) -> None:
    with Store(merged, create=False) as store:
        summary = summarise(store)
        render_site(store, summary, site, SiteOptions(title=_TITLE, figures=figures, bundles=True))
    drawn: frozenset[PageName] = frozenset({"figures"} if (site / "figures.html").exists() else ())
    shell = Shell(site, summary, _TITLE, parts=drawn | {"samples", "judges", "methods", "bundles"})
    shell.write(PAGE, "bundles.html.j2", title="Bundles", here="bundles", board=board, version=__version__)
    listed: Mapping[str, object] = {
        "version": __version__,
        "accepted": [asdict(one) for one in board.taken],
        "refused": [asdict(one) for one in board.left_out],
        "notes": list(board.notes),
    }
    shell.file(LIST, f"{dump(listed)}\n".encode())


def _replace(site: Path, out: Path) -> None:
    """Put the finished site in place of an earlier one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = out.with_name(f".{out.name}.new"), out.with_name(f".{out.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        shutil.copytree(site, fresh)
        if out.exists():
            out.replace(old)
        fresh.replace(out)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror}); name another folder") from error
    shutil.rmtree(old, ignore_errors=True)
