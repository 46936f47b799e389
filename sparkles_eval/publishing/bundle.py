"""The bundle format: a zip file of exactly three members, and the manifest that names them with their hashes.

A bundle may be hostile: the names, sizes and ratios of what is unpacked are bounded.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import replacing
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store

_WHEN = (1980, 1, 1, 0, 0, 0)
"""Every member's time: the same content gives the same archive."""
_CHUNK = 1 << 20


class BadBundle(UserError):
    """A bundle that is not taken; the message is the reason."""


@dataclass(frozen=True, slots=True)
class UnpackedMember:
    """A member as it was written."""

    path: Path
    size: int
    sha256: str


def pack(out: Path, members: Mapping[str, Path]) -> None:
    """Write the files into one zip archive, the same bytes for the same content. Replaces `out` in one step.

    Raises errors.UserError where it cannot be written.
    """
    try:
        with replacing(out, durable=True) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(members):
                info = zipfile.ZipInfo(name, _WHEN)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3  # Unix, whatever machine this is
                info.external_attr = (stat.S_IFREG | 0o644) << 16
                with members[name].open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target, _CHUNK)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); name another place") from error


def unpack(bundle: Path, folder: Path, bounds: Mapping[str, int]) -> dict[str, UnpackedMember]:
    """Write the members named in `bounds` (and no others may be there) into `folder`, each within its bytes.

    Raises BadBundle with the reason for whatever is not such an archive.
    """
    try:
        if bundle.is_symlink() or not bundle.is_file():
            raise BadBundle("is no plain file")
        if bundle.stat().st_size > sum(bounds.values()):
            raise BadBundle(f"is larger than {sum(bounds.values()):,} bytes")
        with zipfile.ZipFile(bundle) as archive:
            members = _members(archive, bounds)
            return {name: _write(archive, info, folder / name, bounds[name]) for name, info in members.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BadBundle(f"is no zip archive that can be read ({error})") from error
    except OSError as error:
        raise BadBundle(f"cannot be read ({error.strerror or error})") from error


def _members(archive: zipfile.ZipFile, bounds: Mapping[str, int]) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > 100:
        raise BadBundle(f"holds {len(archive.infolist())} members, a bundle has {len(bounds)}")
    for info in archive.infolist():
        # The name as it is written there: ZipInfo cuts `filename` at a NUL.
        name = info.orig_filename
        if name not in bounds or info.filename != name:
            raise BadBundle(f"holds {name[:200]!r}; a bundle holds {', '.join(sorted(bounds))} and nothing else")
        if name in found:
            raise BadBundle(f"holds {name} twice")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise BadBundle(f"{name} is a link or a device, not a file")
        if info.flag_bits & 1:
            raise BadBundle(f"{name} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadBundle(f"{name} is packed in a way that bundles are not")
        if info.file_size > bounds[name]:
            raise BadBundle(f"{name} unpacks to {info.file_size:,} bytes, at most {bounds[name]:,} are taken")
        found[name] = info
    if missing := sorted(set(bounds) - set(found)):
        raise BadBundle(f"holds no {', '.join(missing)}")
    return found


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, most: int) -> UnpackedMember:
    size, digest = 0, hashlib.sha256()
    with archive.open(info) as source, path.open("wb") as target:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most:  # the directory of an archive may say less than what comes
                raise BadBundle(f"{info.orig_filename} unpacks to more than {most:,} bytes")
            digest.update(chunk)
            target.write(chunk)
    return UnpackedMember(path, size, digest.hexdigest())


FORMAT: Literal[1] = 1
MANIFEST, STORE, CARD = "manifest.json", "store.db", "card.md"
"""The members of a bundle, all of them, each once."""

_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LONGEST_LINE, LONGEST_NOTE = 500, 5000
_Line = Annotated[str, StringConstraints(max_length=LONGEST_LINE)]


class ManifestMember(Strict):
    """One file of the bundle."""

    sha256: _Hash
    size: int = Field(ge=0)
    """Bytes, unpacked."""


class JudgeIdentity(Strict):
    """Who scored a run; `fingerprint` covers rubric, scale, settings and the model that was asked."""

    name: _Line
    fingerprint: _Line
    model: _Line | None


class RunIdentity(Strict):
    """What a run asked whom: all that two runs must share to be compared, and the model."""

    id: _Line
    model: _Line
    model_identity: _Line
    task: _Line
    task_version: int
    protocol: _Line
    protocol_version: int
    variant: _Line
    prompt_hash: _Line
    data_hash: _Line
    answer_rule: _Line | None
    draws: int
    epochs: int
    samples: int
    judges: tuple[JudgeIdentity, ...] = Field(max_length=200)


class BundleNotes(Strict):
    """What only its author can say of a bundle."""

    contact: _Line = ""
    licence: _Line = ""
    note: Annotated[str, StringConstraints(max_length=LONGEST_NOTE)] = ""


class Manifest(Strict):
    """manifest.json."""

    format: Literal[1]
    version: _Line
    """Of the sparkles-eval that made it."""
    store_version: int
    files: dict[Literal["store.db", "card.md"], ManifestMember]
    runs: tuple[RunIdentity, ...] = Field(min_length=1, max_length=1000)
    about: BundleNotes = BundleNotes()


def identities(store: Store) -> tuple[RunIdentity, ...]:
    """Every run of a store with the judges that scored it, in the order of their ids."""
    return tuple(
        RunIdentity(
            id=run.id,
            model=run.model.name,
            model_identity=run.model.identity,
            task=run.task.name,
            task_version=run.task.version,
            protocol=run.protocol,
            protocol_version=run.protocol_version,
            variant=run.variant,
            prompt_hash=run.prompt_hash,
            data_hash=run.data_hash,
            answer_rule=run.answer_rule,
            draws=run.draws,
            epochs=run.epochs,
            samples=run.total,
            judges=tuple(
                JudgeIdentity(name=judge.name, fingerprint=judge.id, model=judge.model)
                for judge in sorted(read_runs.judges(store, run.id, every=True), key=lambda judge: judge.id)
            ),
        )
        for run in sorted(read_runs.runs(store), key=lambda run: run.id)
    )
