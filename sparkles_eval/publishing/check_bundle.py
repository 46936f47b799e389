"""Checks an untrusted bundle: every member, row and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sparkles_eval import __version__
from sparkles_eval.core.errors import StoreError, UserError
from sparkles_eval.core.files import sha256_file
from sparkles_eval.publishing.bundle import (
    CARD,
    MANIFEST,
    STORE,
    BadBundle,
    Manifest,
    UnpackedMember,
    identities,
    unpack,
)
from sparkles_eval.publishing.config import LARGEST
from sparkles_eval.publishing.discrepancies import Verification
from sparkles_eval.publishing.make_bundle import PUBLISHED, card_of
from sparkles_eval.publishing.open_store import open_untrusted
from sparkles_eval.publishing.table_keys import TABLES
from sparkles_eval.publishing.verify import verify
from sparkles_eval.tasks.validation import validation_messages

_TEXT = 2_000_000
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class CheckedBundle:
    """A bundle whose every number follows from its rows. `store` is its unpacked store."""

    name: str
    sha256: str
    size: int
    manifest: Manifest
    store: Path


class BundleRejected(UserError):
    """A bundle that is not taken, with every reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)


def check_bundle(bundle: Path, folder: Path, *, largest: int = LARGEST) -> CheckedBundle:
    """The bundle, unpacked into `folder` (empty, ours) and checked. Raises Refused with the reasons."""
    try:
        members = unpack(bundle, folder, {MANIFEST: _TEXT, CARD: _TEXT, STORE: largest})
        manifest = _manifest(members)
        _rows(members[STORE].path, manifest)
        _card(members, manifest)
    except (BadBundle, StoreError) as error:
        raise BundleRejected([str(error).replace(str(folder / STORE), STORE)]) from error
    return CheckedBundle(bundle.name, sha256_file(bundle), bundle.stat().st_size, manifest, members[STORE].path)


def _manifest(members: dict[str, UnpackedMember]) -> Manifest:
    """The manifest, when it is one and the other members are what it names."""
    try:
        manifest = Manifest.model_validate_json(members[MANIFEST].path.read_bytes())
    except ValidationError as error:
        raise BundleRejected(
            [f"{MANIFEST}: {line[:300]}" for line in validation_messages(error, Manifest)[:_MOST_NAMED]]
        ) from None
    if missing := sorted({STORE, CARD} - set(manifest.files)):
        raise BadBundle(f"{MANIFEST} does not name {', '.join(missing)}")
    for name, said in manifest.files.items():
        found = members[name]
        if (found.sha256, found.size) != (said.sha256, said.size):
            raise BadBundle(f"{name} is not the file that {MANIFEST} names (SHA-256 {found.sha256[:16]}…)")
    return manifest


def _rows(path: Path, manifest: Manifest) -> None:
    """Raises Refused where a number does not follow from its rows or the manifest lists other runs."""
    with open_untrusted(path) as store:
        for table in TABLES:
            if table.name not in PUBLISHED and store.connection.execute(f"SELECT 1 FROM {table.name}").fetchone():  # noqa: S608 - our own names
                raise BadBundle(f"holds rows of {table.name}, which are no part of a bundle")
        checked = verify(store)
        if not checked.sound or checked.unchecked:
            raise BundleRejected(_reasons(checked))
        if identities(store) != manifest.runs:
            raise BadBundle(f"{MANIFEST} tells of other runs than {STORE} holds")


def _reasons(checked: Verification) -> list[str]:
    reasons = [f"does not follow from its rows: {finding}" for finding in checked.findings[:_MOST_NAMED]]
    if (more := len(checked.findings) - len(reasons)) > 0:
        reasons.append(f"and {more}{' or more' if checked.cut else ''} other rows that do not follow")
    return reasons + [f"cannot be worked out again: {why}" for why in checked.unchecked[:_MOST_NAMED]]


def _card(members: dict[str, UnpackedMember], manifest: Manifest) -> None:
    """A card is read by people, so its numbers must be those of the rows. Other versions word theirs differently.

    Its lines may stand in another order, as judges of one name did in earlier bundles: each says what it is of.
    """
    if manifest.version != __version__:
        return
    _, text = card_of(members[STORE].path, manifest.about)
    given = members[CARD].path.read_text(encoding="utf-8", errors="replace")
    if sorted(given.split("\n")) != sorted(text.split("\n")):
        raise BadBundle(f"{CARD} is not the card of the runs in {STORE}")
