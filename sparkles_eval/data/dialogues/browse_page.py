"""Writes an HTML page of the dialogues in a folder or store, with their images; rejected ones with the reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from sparkles_eval import __version__
from sparkles_eval.core.errors import DataError, Problem, UserError
from sparkles_eval.core.files import write_output
from sparkles_eval.core.text import one_line, visible
from sparkles_eval.data.dialogues.image_mentions import MARK, after_first, name_images
from sparkles_eval.data.dialogues.outputs import DIALOGUES, IMAGES, REJECTED
from sparkles_eval.data.dialogues.records import FAULTS, Fault, Rejection
from sparkles_eval.data.dialogues.stored_dialogues import StoredDialogue, WrittenMessage, collect_dialogues
from sparkles_eval.reports.samples.sample_views import ImageView
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.reports.toolkit.page_images import EmbeddedImages, embed_previews
from sparkles_eval.store import dialogues as stored
from sparkles_eval.store import read_samples as stored_images
from sparkles_eval.store.reading import open_to_read
from sparkles_eval.tasks.images import ImageFolder, image_bytes, thumbnail
from sparkles_eval.tasks.loaders.common import read_rows
from sparkles_eval.tasks.validation import Foreign, Name

TEMPLATE = "dialogues.html.j2"
_EDGE = 320
"""Pixels of the longer side of a preview that is made from the image itself."""
_BREAK = "\0"
"""Marks the place of an image in a text; no text contains it, since `visible` writes it out."""


@dataclass(frozen=True, slots=True)
class DialogueCount:
    """How many dialogues there are."""

    kept: int
    rejected: int


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message; `pieces` are texts and pictures in order."""

    role: str
    pieces: tuple[str | ImageView, ...]


@dataclass(frozen=True, slots=True)
class DialogueView:
    """A dialogue as the page shows it. `fault` is "" for a kept one."""

    id: str
    gist: str
    messages: tuple[MessageView, ...]
    pictures: tuple[ImageView, ...]
    fault: str
    reason: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """The dialogues to show, and their images by name with previews."""

    title: str
    facts: tuple[str, ...]
    items: tuple[StoredDialogue, ...]
    pictures: Mapping[str, ImageView]
    gallery: EmbeddedImages


def write_browser(
    place: Path, out: Path, *, set_id: str | None = None, most: int = 500, content: Sequence[Path] = ()
) -> DialogueCount:
    """Write the page of a folder of `data generate`, or of a set in a store (by default the latest).

    The page shows at most `most` kept and `most` rejected dialogues and says how many it leaves out. Raises
    errors.UserError where there is nothing to show or the file cannot be written.
    """
    source = _folder(place) if place.is_dir() else _store(place, set_id)
    kept = [item for item in source.items if item.rejection is None]
    rejected = [item for item in source.items if item.rejection is not None]
    faults = Counter(item.rejection.fault for item in rejected if item.rejection)
    style = Markup(pages.asset("style.css", content) + pages.asset("dialogues.css", content))  # noqa: S704 - our own
    script = Markup(pages.asset("dialogues.js", content))  # noqa: S704 - our own file
    gallery = source.gallery
    html = (
        pages.environment(content)
        .get_template(TEMPLATE)
        .render(
            title=source.title,
            facts=source.facts,
            version=__version__,
            kept=[_view(item, source.pictures) for item in kept[:most]],
            rejected=[_view(item, source.pictures) for item in rejected[:most]],
            all_kept=len(kept),
            all_rejected=len(rejected),
            faults=[(fault, FAULTS[fault], faults[fault]) for fault in FAULTS if faults[fault]],
            look=gallery.look,
            styles=[style, gallery.style],
            script=script,
            policy=pages.policy([style, gallery.style], [script]),
        )
    )
    write_output(out, html)
    return DialogueCount(len(kept), len(rejected))


def _view(item: StoredDialogue, pictures: Mapping[str, ImageView]) -> DialogueView:
    seen: list[str] = []
    messages = tuple(_message(message, pictures, seen) for message in item.messages)
    first = next((name_images(message.content, pictures).text for message in item.messages), "")
    return DialogueView(
        id=one_line(item.id),
        gist=one_line(first or "(nothing could be read)"),
        messages=messages,
        pictures=tuple(pictures[name] for name in seen),
        fault=item.rejection.fault if item.rejection else "",
        reason=one_line(item.rejection.reason, 400) if item.rejection else "",
        repaired=item.repaired,
    )


def _message(message: WrittenMessage, pictures: Mapping[str, ImageView], seen: list[str]) -> MessageView:
    """The message with each image after its first mention in the dialogue."""
    named = name_images(message.content, pictures)
    fresh = [name for name in dict.fromkeys(named.known) if name not in seen]
    if message.role in ("assistant", "gpt"):
        fresh = []  # pictures stand where the user brings them
    seen += fresh
    text = after_first(visible(named.text), fresh, pictures, lambda name: f"{_BREAK}{name}{_BREAK}")
    pieces = [pictures[piece] if place % 2 else piece for place, piece in enumerate(text.split(_BREAK))]
    role = {"human": "user", "gpt": "assistant"}.get(message.role, message.role)
    return MessageView(one_line(role, 40) or "nobody", tuple(piece for piece in pieces if piece != ""))


def _picture(name: str, sha256: str, size: tuple[int, int], caption: str) -> ImageView:
    alt = f"{MARK}{name}{': ' if caption else ''}{caption}"
    return ImageView(sha256, size[0], size[1], one_line(name), one_line(alt), one_line(caption, 2_000))


# --- from a store ------------------------------------------------------------------------------------


def _store(place: Path, set_id: str | None) -> _Source:
    with open_to_read(place) as store:
        sets = stored.sets(store)
        chosen = next((one for one in sets if one.id == set_id), None) if set_id else next(reversed(sets), None)
        if chosen is None:
            known = ", ".join(one.id for one in sets) or "none; `sparkles-eval data generate` makes them"
            raise UserError(f"{place}: no set of dialogues {set_id or ''}; it has {known}")
        items = collect_dialogues(store, chosen.id, None, chosen.style, None, None)
        offered = stored.images(store, chosen.id)
        pictures = {
            one.id: _picture(one.id, one.image.sha256, (one.image.width, one.image.height), one.caption)
            for one in offered
        }
        previews = stored_images.thumbnails(store, [one.image.sha256 for one in offered])
    facts = (f"style {chosen.style}", f"by {chosen.model}", f"set {chosen.id}", f"from {place.name}")
    gallery = embed_previews({picture.sha256: picture for picture in pictures.values()}, previews)
    return _Source("Generated dialogues", tuple(one_line(fact) for fact in facts), tuple(items), pictures, gallery)


# --- from a folder -----------------------------------------------------------------------------------


class _Pictured(Foreign):
    image_id: Name
    caption: str = ""


class _Spoken(Foreign):
    role: str
    content: str
    images: tuple[_Pictured | Name, ...] = ()


class _Line(Foreign):
    """A line of dialogues.jsonl (`dialogue`) or of rejected.jsonl (`messages`, `fault`, `reason`)."""

    id: Name = ""
    dialogue: tuple[_Spoken, ...] = ()
    messages: tuple[_Spoken, ...] = ()
    fault: str = ""
    reason: str = ""
    repaired: bool = False


def _folder(place: Path) -> _Source:
    files = [place / name for name in (DIALOGUES, REJECTED) if (place / name).is_file()]
    if not files:
        raise DataError(str(place), [Problem("", f"holds neither {DIALOGUES} nor {REJECTED}")], "name another folder")
    items: list[StoredDialogue] = []
    captions: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files:
        found = read_rows(file, _Line)
        problems += [Problem(f"{file.name} {problem.item}", problem.what) for problem in found.problems]
        for where, row in found.rows:
            items.append(_item(row, where))
            captions |= dict(_named(row))
    if problems:
        raise DataError(str(place), problems, "write the folder again with `sparkles-eval data generate`")
    pictures, previews = _image_source(place / IMAGES, captions)
    gallery = embed_previews({picture.sha256: picture for picture in pictures.values()}, previews)
    return _Source("Generated dialogues", (one_line(f"from {place.absolute().name}"),), tuple(items), pictures, gallery)


def _item(row: _Line, where: str) -> StoredDialogue:
    messages = tuple(
        WrittenMessage(said.role, said.content, tuple(_name(image) for image in said.images))
        for said in (row.dialogue or row.messages)
    )
    known: dict[str, Fault] = {fault: fault for fault in FAULTS}
    rejection = Rejection(known.get(row.fault, "format"), row.reason) if row.fault else None
    return StoredDialogue(row.id or where, None, rejection, messages, row.repaired)


def _name(image: _Pictured | str) -> str:
    return image if isinstance(image, str) else image.image_id


def _named(row: _Line) -> Iterator[tuple[str, str]]:
    for said in (*row.dialogue, *row.messages):
        for image in said.images:
            if isinstance(image, _Pictured):
                yield image.image_id, image.caption


def _image_source(folder: Path, captions: Mapping[str, str]) -> tuple[dict[str, ImageView], dict[str, bytes]]:
    """Pictures by name, and previews by SHA-256, of the images that lie in the folder."""
    images = ImageFolder(folder)
    pictures: dict[str, ImageView] = {}
    previews: dict[str, bytes] = {}
    for name, caption in captions.items():
        file = next((f"{name}{end}" for end in (".jpg", ".png", ".jpeg") if images.has(f"{name}{end}")), f"{name}.jpg")
        found = images.read(file)
        if isinstance(found, str):
            gone = hashlib.sha256(name.encode()).hexdigest()
            pictures[name] = _picture(name, gone, (4, 3), caption)
            continue
        preview = thumbnail(image_bytes(found), _EDGE)
        if preview:
            previews[found.sha256] = preview
        pictures[name] = _picture(name, found.sha256, (found.width, found.height), caption)
    return pictures, previews
