"""Decodes the images of the next items ahead of their requests, so that a damaged one costs only its item."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from sparkles_eval.core import Image, Model, pictures
from sparkles_eval.core.pictures import Examined
from sparkles_eval.engine.progress import Progress
from sparkles_eval.tasks import picture_checks

WINDOW = 64
"""Items ahead of the one that is asked."""

_READERS = 2


class PictureWindow:
    """The pictures of one session. `begin` starts decoding in threads; `damage` waits for the outcome."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="pictures")
        self._waiting: dict[str, Future[Examined]] = {}
        self._told: set[str] = set()

    def begin(self, images: Iterable[Image]) -> None:
        """Queue these images for decoding, each once."""
        for image in images:
            if image.sha256 not in self._waiting and image.path and pictures.known(image.sha256) is None:
                self._waiting[image.sha256] = self._pool.submit(pictures.examined, image)

    async def damage(self, images: Iterable[Image]) -> str | None:
        """Why one of these images cannot be used, or None."""
        self.begin(images := tuple(images))
        for image in images:
            future = self._waiting.get(image.sha256)
            found = pictures.known(image.sha256)
            if found is None:
                found = await asyncio.wrap_future(future) if future else Examined()
            if found.wrong:
                if image.sha256 not in self._told:
                    self._told.add(image.sha256)
                    self._progress.event("image", image.relpath, f"is damaged, its items are unscored: {found.wrong}")
                return f"image {image.relpath} is damaged: {found.wrong}"
        return None

    def report_normalised(self, model: Model, images: Iterable[Image]) -> None:
        """Report how many images a model was sent in another form than their files, and why."""
        listed = {image.sha256: image for image in images}
        counts: Counter[str] = Counter()
        changed = 0
        for sha256, image in listed.items():
            found = pictures.known(sha256) if model.sees_upright else None
            causes = list(found.odd) if found else []
            if model.sees_upright and image.media_type not in model.limits.media_types:
                causes.append(f"{image.media_type}, which it does not take")
            counts.update(causes)
            changed += bool(causes)
        if changed:
            why = "; ".join(f"{count:,} {cause}" for cause, count in counts.most_common())
            self._progress.event(
                "pictures",
                model.name,
                f"{changed:,} of {len(listed):,} pictures shown as a person sees them, not as the file is: {why}",
            )

    def close(self) -> None:
        """End the threads; results are kept for later sessions."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        picture_checks.keep(self._waiting)
