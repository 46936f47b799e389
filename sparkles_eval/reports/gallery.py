"""The pictures of a page: each once, as a class of the style sheet, from the store's thumbnails.

Knows nothing of samples' words or of templates.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from sparkles_eval.reports.samples import Picture
from sparkles_eval.store import browse
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Gallery:
    """Each picture once, as a class of the style sheet: a sample that shows it again costs nothing."""

    names: Mapping[str, str] = field(default_factory=dict)
    style: Markup = field(default_factory=Markup)

    def name(self, picture: Picture) -> str:
        """The class of a picture, "" where the store has no preview of it."""
        return self.names.get(picture.sha256, "")


def gallery(store: Store, shown: Iterable[Picture]) -> Gallery:
    """The thumbnails of these pictures, as far as the store has them."""
    pictures = {picture.sha256: picture for picture in shown}
    names: dict[str, str] = {}
    rules: list[str] = []
    for place, (sha256, data) in enumerate(sorted(browse.thumbnails(store, pictures).items())):
        kind = media_type(data)
        if kind:
            names[sha256] = f"p{place}"
            shape = f"{int(pictures[sha256].width)}/{int(pictures[sha256].height)}"
            address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
            rules.append(f'.p{place}{{aspect-ratio:{shape};background-image:url("{address}")}}\n')
    return Gallery(names, Markup("".join(rules)))  # noqa: S704 - digits and base64 alone


def media_type(data: bytes) -> str | None:
    """Read from the bytes: a store may come from anywhere."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/png" if data.startswith(b"\x89PNG\r\n\x1a\n") else None
