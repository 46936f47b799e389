"""Finds the mentions of images in a text, as whole names, so that #14 is not found in #1417."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

MARK = "IMAGE#"
"""The text before an image's id in a mention."""

_ID = re.compile(r"[A-Za-z0-9](?:[\w.\-]{0,62}[A-Za-z0-9])?")
_MENTION = re.compile(
    r"(?<![A-Za-z0-9#])(?:(?P<word>(?:image|img)s?)(?P<gap>[\s_]{0,4}#\s{0,4}|[ _]?)|#)(?P<name>\w[\w.\-]{0,80})",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\s?<Img>[^<>]{0,200}+(?:<ImageHere>[^<>]{0,200}+)?</Img>|<ImageHere>|<image>", re.IGNORECASE)


def valid_id(name: str) -> bool:
    """True for an allowed image id: letters, digits and "_", "-", "." between them, 64 characters at most."""
    return bool(_ID.fullmatch(name)) and name.isascii()


@dataclass(frozen=True, slots=True)
class Named:
    """A text with every known image written as `IMAGE#id`, and the names in order: known ids and unknown names."""

    text: str
    known: tuple[str, ...]
    """In order, with repetitions."""
    unknown: tuple[str, ...]


def name_images(text: str, ids: Iterable[str]) -> Named:
    """The text with its mentions of these ids in one form; image places (`<Img>...`) are removed."""
    by_name = {known.lower(): known for known in ids}
    known: list[str] = []
    unknown: list[str] = []

    def written(found: re.Match[str]) -> str:
        name = _known(found, by_name)
        marked = found["word"] is None or "#" in found["gap"]
        if name is not None:
            known.append(by_name[name.lower()])
            return f"{MARK}{by_name[name.lower()]}{found['name'][len(name) :]}"
        if marked and found["word"] is not None:
            unknown.append(found["name"].rstrip(".-_"))
        return found[0]

    return Named(_MENTION.sub(written, _PLACE.sub("", text)), tuple(known), tuple(unknown))


def _known(found: re.Match[str], by_name: Mapping[str, str]) -> str | None:
    """The known id that a match names; None where it names none or is only a word after "image"."""
    name = _longest(found["name"], by_name)
    return name if name and ("#" in found[0] or any(map(str.isdigit, name))) else None


def _longest(name: str, by_name: Mapping[str, str]) -> str | None:
    """The longest known id with which `name` begins and which ends there as a word."""
    for end in range(len(name), 0, -1):
        rest = name[end:]
        if name[:end].lower() in by_name and not rest.lstrip("_")[:1].isalnum() and not _goes_on(rest):
            return name[:end]
    return None


def _goes_on(rest: str) -> bool:
    """True for "-2" and ".5", which make the text before them another name or number."""
    return rest[:1] in ("-", ".") and rest[1:2].isdigit()


def after_first(text: str, new: Iterable[str], ids: Iterable[str], add: Callable[[str], str]) -> str:
    """The text of `Named` with `add(id)` after the first mention of each `new` id; `ids` are all ids it may name."""
    waiting = set(new)
    by_name = {known.lower(): known for known in ids}

    def put(found: re.Match[str]) -> str:
        name = _known(found, by_name) if found["word"] else None
        if name is None or by_name[name.lower()] not in waiting:
            return found[0]
        waiting.discard(by_name[name.lower()])
        return f"{MARK}{by_name[name.lower()]}{add(by_name[name.lower()])}{found['name'][len(name) :]}"

    return _MENTION.sub(put, text)
