"""Fetches the files that a task needs of a Hub data set into the Hub's cache, by huggingface_hub.

Of a large data set of which few samples are asked only the first rows are read, out of the remote files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.core.files import replacing
from sparkles_eval.tasks.columns.column_spec import COMMIT, RowSource
from sparkles_eval.tasks.columns.hub_download import download, endpoint
from sparkles_eval.tasks.columns.hub_files import (
    CARD,
    HubListing,
    chosen_files,
    keep_listing,
    known_commit,
    likely_split,
    partial_folder,
    read_listing,
    repo_folder,
    splits_of,
    wanted,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LARGE = 500_000_000
"""Bytes above which only the first rows are fetched where only few samples are asked."""


def fetch_hub(
    rows_of: RowSource,
    say: Callable[[str], None],
    *,
    first: int | None = None,
    large: int | None = None,
    agree: Callable[[str], None] | None = None,
) -> str:
    """Fetch what a task needs of its data set; returns the commit. `first`: so many samples are asked.

    `say` gets a line for licence, access and size, and `agree` the licence before anything large is fetched. Raises
    errors.UserError with the fix (offline, no such data set or revision, access not given, connection lost).
    """
    assert rows_of.hub is not None
    before = known_commit(rows_of.hub, rows_of.revision)
    with _plain_errors(rows_of):
        api = _api(rows_of)
        listing = _listing(api, rows_of, before)
        card = _card(rows_of.hub, listing)
        _, needed = chosen_files(listing.files, card, rows_of)
        if not needed:
            raise UserError(
                f"data set {rows_of.hub} at {listing.commit[:12]}: no file of {wanted(rows_of)}; "
                f"it holds {', '.join(listing.files[:12])}{' ...' if len(listing.files) > 12 else ''}"
            )
        size = sum(listing.sizes.get(name, 0) for name in needed)
        say(f"data set {rows_of.hub} at commit {listing.commit}")
        say(f"licence  {listing.licence or 'none is stated in its card'} (of the annotations; pictures keep their own)")
        if listing.gated:
            say(f"access   gated: its conditions must be agreed to at {_page(rows_of.hub)}, and HF_TOKEN be set")
        if before is not None and before != listing.commit:
            say(f"moved    {rows_of.revision} was {before[:12]} when it was fetched last; their results stay apart")
        if not COMMIT.fullmatch(rows_of.revision):
            say(f"pin it   revision: {listing.commit}   under `source` in task.yaml")
        if agree is not None:
            agree(listing.licence)
        keep_listing(rows_of.hub, listing)
        if (
            first is not None
            and size > (LARGE if large is None else large)
            and all(name.endswith(".parquet") for name in needed)
        ):
            _fetch_first(api, rows_of, listing, needed, first)
            say(f"fetched  the first {first} rows of {len(needed)} files, {size / 1e9:.1f} GB in all")
            return listing.commit
        say(f"fetching {len(needed)} files, {size / 1e6:,.1f} MB")
        for name in needed:
            download(rows_of.hub, name, listing.commit)
        _keep_ref(rows_of, listing.commit)
    return listing.commit


def fetch_first_rows(rows_of: RowSource, say: Callable[[str], None], rows: int = 8) -> RowSource:
    """Fetch the first rows of a data set, for a guess of its columns; returns it pinned to its commit, with a split.

    Raises errors.UserError as `fetch_hub`, and where the data set is large and not in parquet.
    """
    assert rows_of.hub is not None
    if not rows_of.split:
        with _plain_errors(rows_of):
            api = _api(rows_of)
            listing = _listing(api, rows_of, known_commit(rows_of.hub, rows_of.revision))
            splits = splits_of(_card(rows_of.hub, listing), rows_of.config)
        rows_of = rows_of.model_copy(update={"split": likely_split(splits)})
    commit = fetch_hub(rows_of, say, first=rows, large=0)
    return rows_of.model_copy(update={"revision": commit})


def _listing(api: HfApi, rows_of: RowSource, commit: str | None) -> HubListing:
    """What the data set holds; a pinned commit that was listed before needs no request."""
    assert rows_of.hub is not None
    if commit == rows_of.revision and (known := read_listing(rows_of.hub, commit)) is not None:
        return known
    info = api.dataset_info(rows_of.hub, revision=rows_of.revision, files_metadata=True)
    siblings = [one for one in info.siblings or () if _plain(one.rfilename)]
    data = info.card_data
    licence = getattr(data, "license", None) if data is not None else None
    names = licence if isinstance(licence, list) else [licence] if licence else []
    return HubListing(
        str(info.sha),
        tuple(sorted(one.rfilename for one in siblings)),
        {one.rfilename: one.size for one in siblings if one.size is not None},
        ", ".join(str(name) for name in names),
        str(info.gated) if info.gated else "",
    )


def _plain(name: str) -> bool:
    """True for a path inside the data set; a Hub that is not to be trusted could list others."""
    return not name.startswith("/") and ".." not in name.split("/") and "\\" not in name


def _card(name: str, listing: HubListing) -> str:
    if CARD not in listing.files:
        return ""
    path = download(name, CARD, listing.commit)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _keep_ref(rows_of: RowSource, commit: str) -> None:
    """Remember which commit a branch or tag named, as huggingface_hub does where it resolves it itself."""
    assert rows_of.hub is not None
    if not COMMIT.fullmatch(rows_of.revision):
        with replacing(repo_folder(rows_of.hub) / "refs" / rows_of.revision) as part:
            part.write_text(commit, encoding="utf-8")


def _fetch_first(api: HfApi, rows_of: RowSource, listing: HubListing, needed: list[str], first: int) -> None:
    """Keep the first rows of remote parquet files, read by ranges, as files of the same names in the cache."""
    from huggingface_hub import HfFileSystem
    from pyarrow import concat_tables, parquet

    assert rows_of.hub is not None
    files = HfFileSystem(endpoint=endpoint(), token=api.token)
    place = partial_folder(rows_of.hub, listing.commit, first)
    left = first
    for name in needed:
        if left <= 0:
            break
        with files.open(f"datasets/{rows_of.hub}@{listing.commit}/{name}", "rb", block_size=2**20) as remote:
            source = parquet.ParquetFile(remote)
            groups, here = [], 0
            for number in range(source.num_row_groups):  # one at a time: a reader of all reads ahead
                groups.append(source.read_row_group(number).slice(0, left - here))
                here += groups[-1].num_rows
                if here >= left:
                    break
            with replacing(place / name) as part:
                parquet.write_table(concat_tables(groups) if groups else source.schema_arrow.empty_table(), part)
            left -= here
    _keep_ref(rows_of, listing.commit)


def _api(rows_of: RowSource) -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise MissingExtra("fetching a data set of the Hub", "hub") from None
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        raise UserError(f"data set {rows_of.hub}: HF_HUB_OFFLINE is set, so that nothing is fetched; unset it first")
    return HfApi(endpoint=endpoint())


def _page(name: str) -> str:
    return f"{endpoint()}/datasets/{name}"


@contextmanager
def _plain_errors(rows_of: RowSource) -> Iterator[None]:
    """Turn the errors of huggingface_hub into ours: who, what and the fix."""
    try:
        from huggingface_hub import errors
    except ImportError:
        raise MissingExtra("fetching a data set of the Hub", "hub") from None

    import httpx

    who = f"data set {rows_of.hub}"
    # Which client for HTTP the library has differs by its version; its own error names it.
    network: tuple[type[Exception], ...] = (httpx.HTTPError, *errors.HfHubHTTPError.__bases__, OSError)
    try:
        yield
    except errors.GatedRepoError:
        raise UserError(
            f"{who} is gated: agree to its conditions at {_page(str(rows_of.hub))}, then set HF_TOKEN"
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"{who}: there is none at {endpoint()}, or it is private and HF_TOKEN is not set") from None
    except errors.RevisionNotFoundError:
        raise UserError(
            f"{who}: no revision {rows_of.revision} (any more); see {_page(str(rows_of.hub))}/commits/main"
        ) from None
    except network as error:
        # Addresses of files carry a signature, which is nobody's to read.
        what = re.sub(r"https?://\S+", "the Hub", str(error).partition("\n")[0])[:200] or type(error).__name__
        raise UserError(f"{who}: the download stopped ({what}); the same command again goes on there") from None
