"""Keeps small pictures of all images in the store, and the images themselves where that is wished.

Works beside the asking, a handful at a time in a thread: the decoder leaves the event loop alone, and one commit serves
many. Knows nothing of what the images are for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from sparkles_eval.engine.progress import Progress
from sparkles_eval.records import Image
from sparkles_eval.store.rows import PixelsRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.images import thumbnail

_AT_ONCE = 16
"""Images of one thread call and commit: few enough that nothing big is held."""


async def keep_pixels(
    store: Store, images: Mapping[str, Image], progress: Progress, *, embed: bool, stopped: Callable[[], bool]
) -> None:
    """Store the thumbnails (and with `embed` the bytes) that are missing, until `stopped` says so."""
    small = store.lacking("thumbnail", images)
    whole = store.lacking("bytes", images) if embed else set()
    waiting = [images[sha256] for sha256 in sorted(small | whole) if images[sha256].path is not None]
    for start in range(0, len(waiting), _AT_ONCE):
        if stopped():
            return
        some = waiting[start : start + _AT_ONCE]
        rows, failures = await asyncio.to_thread(_read, some, small, whole)
        store.add_pixels(rows)
        for relpath, why in failures:
            progress.event("image", relpath, f"no thumbnail: {why}")


def _read(some: Sequence[Image], small: set[str], whole: set[str]) -> tuple[list[PixelsRow], list[tuple[str, str]]]:
    rows: list[PixelsRow] = []
    failures: list[tuple[str, str]] = []
    for image in some:
        assert image.path is not None  # those without one were left out
        try:
            data = image.path.read_bytes()
        except OSError as error:
            failures.append((image.relpath, str(error)))
            continue
        drawn = thumbnail(data) if image.sha256 in small else None
        rows.append(PixelsRow(image.sha256, drawn, data if image.sha256 in whole else None))
    return rows, failures
