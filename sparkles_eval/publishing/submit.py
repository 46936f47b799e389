"""Makes a bundle: some runs of a store as one file that a stranger can check. Knows nothing of leaderboards."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.errors import StoreError, UserError
from sparkles_eval.publishing.archive import pack
from sparkles_eval.publishing.card import card
from sparkles_eval.publishing.extract import extract
from sparkles_eval.publishing.findings import Finding
from sparkles_eval.publishing.manifest import (
    CARD,
    FORMAT,
    MANIFEST,
    STORE,
    About,
    Manifest,
    Member,
    RunIdentity,
    identities,
)
from sparkles_eval.publishing.opening import reading
from sparkles_eval.publishing.verify import verify
from sparkles_eval.store import database
from sparkles_eval.store.store import Store

_TOLD = 10


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was written, and what a reader of the bundle cannot work out again."""

    path: Path
    size: int
    manifest: Manifest
    unchecked: tuple[str, ...]


def submit(
    store: Path, run_ids: Sequence[str] | None, out: Path, about: About | None = None, *, thumbnails: bool = True
) -> Submitted:
    """Write the bundle of those runs of a store (of all, where None is given) to `out`; the store is only read.

    The same runs give the same bytes. Raises errors.UserError where a number does not follow from the rows that it
    rests on (nobody would take such a bundle), where a text looks like a key, or where a file cannot be written.
    """
    about = about or About()
    if out.suffix.lower() != ".zip":
        raise UserError(f"--out {out}: a bundle is a zip archive; name it so, such as {out.with_suffix('.zip')}")
    with tempfile.TemporaryDirectory(prefix="sparkles-bundle-") as folder:
        file = Path(folder) / STORE
        try:
            with reading(store) as opened:
                extract(opened, run_ids, file, thumbnails=thumbnails)
        except StoreError as error:  # the place where the bundle is made is nobody's business
            raise StoreError(str(error).replace(f"{file}.draft", str(store))) from error
        with reading(file) as made:
            checked = verify(made)
        if not checked.sound:
            raise UserError(_told(store, checked.findings))
        runs, text = card_of(file, about)
        (Path(folder) / CARD).write_text(text, encoding="utf-8")
        manifest = Manifest(
            format=FORMAT,
            version=__version__,
            store_version=database.version(),
            files={"store.db": _member(file), "card.md": _member(Path(folder) / CARD)},
            runs=runs,
            about=about,
        )
        (Path(folder) / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        pack(out, {name: Path(folder) / name for name in (MANIFEST, STORE, CARD)})
    return Submitted(out, out.stat().st_size, manifest, checked.unchecked)


def card_of(file: Path, about: About) -> tuple[tuple[RunIdentity, ...], str]:
    """The runs of a bundle's store and its card; the file stays as it is. It must have been checked before."""
    # A summary writes its metrics down, so it is made of a copy.
    with (
        tempfile.TemporaryDirectory(prefix="sparkles-card-") as folder,
        Store(Path(shutil.copy(file, Path(folder) / STORE)), create=False) as copy,
    ):
        runs = identities(copy)
        return runs, card(summarise(copy), runs, about)


def _member(path: Path) -> Member:
    """A file as a manifest names it."""
    data = path.read_bytes()
    return Member(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _told(store: Path, findings: Sequence[Finding]) -> str:
    more = [f"  ... and {len(findings) - _TOLD} more"] if len(findings) > _TOLD else []
    return "\n".join(
        [
            f"{store}: not everything in these runs follows from the rows that it rests on; no bundle was written:",
            *(f"  {finding}" for finding in findings[:_TOLD]),
            *more,
            f"see `sparkles-eval verify {store}`",
        ]
    )
