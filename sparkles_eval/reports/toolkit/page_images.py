"""Images of a page, each stored once: in a style sheet (single file) or as files beside the pages (site)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from sparkles_eval.reports.samples.sample_views import ImageView
from sparkles_eval.store import read_samples
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.image_headers import ImageHeader, read_header

IMAGES = "images"
"""The folder of a site that holds its pictures."""
MOST_EMBEDDED = 4_000_000
"""Bytes of an original that a site copies; of a larger one it shows the preview."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """How a page shows a picture: by a class of its style sheet (`name`) or from an address (`url`).

    `full` is the address of the largest copy, where that is another one; `note` says how large what is seen is.
    Addresses lead from the site's root.
    """

    name: str = ""
    url: str = ""
    full: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddedImages:
    """Each picture once, as a class of the style sheet: a sample that shows it again costs nothing."""

    looks: Mapping[str, ImageSource] = field(default_factory=dict)
    style: Markup = field(default_factory=Markup)

    def look(self, picture: ImageView) -> ImageSource | None:
        """How the picture is shown; None where the store has no preview of it."""
        return self.looks.get(picture.sha256)


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of a site: `path` from the site's root, with forward slashes."""

    path: str
    data: bytes


def embed_images(store: Store, shown: Iterable[ImageView]) -> EmbeddedImages:
    """The previews of these pictures as a style sheet, as far as the store has them."""
    pictures = {picture.sha256: picture for picture in shown}
    return embed_previews(pictures, read_samples.thumbnails(store, pictures))


def embed_previews(pictures: Mapping[str, ImageView], previews: Mapping[str, bytes]) -> EmbeddedImages:
    """Previews by their pictures' SHA-256 as a style sheet; what is no image is left out."""
    looks: dict[str, ImageSource] = {}
    rules: list[str] = []
    for place, (sha256, data) in enumerate(sorted(previews.items())):
        kind = media_type(data)
        if kind:
            picture = pictures[sha256]
            looks[sha256] = ImageSource(name=f"p{place}", note=size_note(picture, data))
            width, height = _as_shown(picture, data)
            shape = f"{int(width)}/{int(height)}"
            address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
            rules.append(f'.p{place}{{aspect-ratio:{shape};background-image:url("{address}")}}\n')
    return EmbeddedImages(looks, Markup("".join(rules)))  # noqa: S704 - digits and base64 alone


def image_files(store: Store, shown: Iterable[ImageView]) -> Iterator[tuple[str, ImageSource, list[SiteFile]]]:
    """(SHA-256, look, files) of each of these pictures that the store can show, one at a time."""
    pictures = {picture.sha256: picture for picture in shown}
    for sha256, data in sorted(read_samples.thumbnails(store, pictures).items()):
        kind = media_type(data)
        if kind is None:
            continue
        name = f"{IMAGES}/{sha256[:24]}"
        preview = SiteFile(f"{name}.{_ENDINGS[kind]}", data)
        whole = read_samples.embedded(store, sha256, most=MOST_EMBEDDED)
        whole_kind = media_type(whole) if whole else None
        if whole is None or whole_kind is None:
            yield sha256, ImageSource(url=preview.path, note=size_note(pictures[sha256], data)), [preview]
            continue
        full = SiteFile(f"{name}-full.{_ENDINGS[whole_kind]}", whole)
        note = size_note(pictures[sha256], whole)
        yield sha256, ImageSource(url=preview.path, full=full.path, note=note), [preview, full]


_BY = "\N{MULTIPLICATION SIGN}"
_ENDINGS = {"image/jpeg": "jpg", "image/webp": "webp", "image/png": "png", "image/gif": "gif"}


def media_type(data: bytes) -> str | None:
    """JPEG, PNG, GIF or WebP, read from the bytes (a store may come from anywhere); None for anything else."""
    header = read_header(data)
    return header.media_type if isinstance(header, ImageHeader) else None


def size_note(picture: ImageView, data: bytes) -> str:
    """How large the original is and, where another copy is shown, how large that is."""
    width, height = _as_shown(picture, data)
    whole = f"{width:,} {_BY} {height:,} pixels"
    header = read_header(data)
    if not isinstance(header, ImageHeader) or (header.width, header.height) == (width, height):
        return whole
    return f"{whole}; this preview has {header.width:,} {_BY} {header.height:,}"


def _as_shown(picture: ImageView, data: bytes) -> tuple[int, int]:
    """Width and height as displayed: a photograph may be stored rotated."""
    header = read_header(data)
    lies = picture.width > picture.height
    turned = (
        isinstance(header, ImageHeader) and header.width != header.height and lies != (header.width > header.height)
    )
    return (picture.height, picture.width) if turned else (picture.width, picture.height)
