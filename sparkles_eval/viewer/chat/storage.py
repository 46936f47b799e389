"""Stores the images of a chat session, each once in a folder, and saves conversations as dialogues.

The saved form is the published one that `train` and the loader `jsonl` read.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.core import JSON, Image, Message
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import write_output
from sparkles_eval.core.text import visible_json
from sparkles_eval.sparkleschat.prompts import message_text
from sparkles_eval.tasks.image_headers import read_header
from sparkles_eval.tasks.images import thumbnail
from sparkles_eval.viewer.chat.conversation import Chat, as_messages

LARGEST_IMAGE = 32 * 2**20
"""Bytes of one picture."""
MOST_IMAGES = 2000
"""Pictures of one session: a page that adds them in a loop does not fill the disk."""
PREVIEW_EDGE = 360
"""Pixels."""
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp"}


class SessionImages:
    """Takes pictures and gives them back by the SHA-256 of their bytes. `folder` is there, and the album's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images: dict[str, Image] = {}
        self._previews: dict[str, bytes] = {}

    def add(self, data: bytes, name: str = "the picture") -> Image:
        """Keep a picture. Raises errors.UserError, with `name` and the reason, for what cannot be one."""
        if len(data) > LARGEST_IMAGE:
            raise UserError(f"{name}: more than {LARGEST_IMAGE // 2**20} MiB; make it smaller")
        header = read_header(data)
        if isinstance(header, str):
            raise UserError(f"{name} is {header}")
        sha = hashlib.sha256(data).hexdigest()
        if sha in self._images:
            return self._images[sha]
        if len(self._images) >= MOST_IMAGES:
            raise UserError(f"{name}: there are {MOST_IMAGES} pictures already; start the program again")
        preview = thumbnail(data, PREVIEW_EDGE)
        if not preview:
            raise UserError(f"{name} is damaged: it cannot be decoded; save it again")
        kind, width, height = header
        file = self._folder / f"{sha}{_SUFFIXES[kind]}"
        file.write_bytes(data)
        self._previews[sha] = preview
        self._images[sha] = Image(sha, kind, width, height, len(data), file.name, id=sha, path=file)
        return self._images[sha]

    def read(self, path: Path) -> Image:
        """Keep the picture in a file of the user's. Raises errors.UserError where there is none."""
        path = path.expanduser()
        try:
            if path.stat().st_size > LARGEST_IMAGE:
                raise UserError(f"{path}: more than {LARGEST_IMAGE // 2**20} MiB; make it smaller")
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); name a picture's file") from None
        return self.add(data, str(path))

    def get(self, sha: str) -> Image:
        """A picture that was added. Raises errors.UserError where there is none of that hash."""
        if sha not in self._images:
            raise UserError("this picture is not here any more; choose it again")
        return self._images[sha]

    def preview(self, sha: str) -> bytes:
        """A small JPEG of it. Raises as `get`."""
        self.get(sha)
        return self._previews[sha]


_NAME = "dialogues"


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: how many dialogues and images, and how many questions were left out for want of an answer."""

    dialogues: int
    images: int
    left_out: int


def dialogues(chat: Chat) -> list[dict[str, JSON]]:
    """A conversation's lines: one for each model that has answered something. Only whole answers are in them."""
    lines: list[dict[str, JSON]] = []
    for number, model in enumerate(chat.models):
        messages = [m for e in chat.exchanges if e.answers[number].counts for m in as_messages(e, number)]
        if messages:
            lines.append(
                {
                    "id": chat.id if len(chat.models) == 1 else f"{chat.id}-{number + 1}",
                    "cluster": chat.id,
                    "tags": ["chat", model.name],
                    "dialogue": [_message(message) for message in messages],
                }
            )
    return lines


def images_folder(file: Path) -> Path:
    """Where the images of a file of dialogues lie: beside it."""
    return file.with_name(f"{file.stem}_images")


def save(chat: Chat, file: Path) -> Saved:
    """Add a conversation to a file, or write it anew where the file has it already, and its images beside it.

    Raises errors.UserError where nothing is answered yet, or the file cannot be written or holds something else.
    """
    lines, saved = _saved(chat)
    try:
        folder = images_folder(file)
        for image in _shown(chat):
            _write(folder / _file(image), _bytes(image))
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        _write(file, "".join(f"{line}\n" for line in _merged(file, before, lines)).encode())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{file}: cannot be written ({why}); name another file with --save") from None
    return saved


def archive(chat: Chat) -> bytes:
    """The same as a ZIP file: dialogues.jsonl and dialogues_images/. Raises errors.UserError as `save`."""
    lines, _ = _saved(chat)
    out = io.BytesIO()
    # Images are compressed already.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(f"{_NAME}.jsonl", "".join(f"{_text(line)}\n" for line in lines))
        for image in _shown(chat):
            packed.writestr(f"{_NAME}_images/{_file(image)}", _bytes(image))
    return out.getvalue()


def _saved(chat: Chat) -> tuple[list[dict[str, JSON]], Saved]:
    lines = dialogues(chat)
    if not lines:
        raise UserError("nothing is answered yet, so there is no dialogue to save")
    left_out = sum(not answer.counts for exchange in chat.exchanges for answer in exchange.answers)
    return lines, Saved(len(lines), len(_shown(chat)), left_out)


def _shown(chat: Chat) -> Sequence[Image]:
    """The images of what is saved: those of questions that some model answered."""
    asked = [exchange for exchange in chat.exchanges if any(answer.counts for answer in exchange.answers)]
    return list({p.sha256: p for exchange in asked for p in exchange.question if isinstance(p, Image)}.values())


def _message(message: Message) -> dict[str, JSON]:
    images: list[JSON] = [{"image_id": part.sha256} for part in message.parts if isinstance(part, Image)]
    return {"role": message.role, "content": message_text(message), **({"images": images} if images else {})}


def _text(line: dict[str, JSON]) -> str:
    # Half a character, which a vocabulary can produce, has no UTF-8, and some readers end lines at U+2028: \uxxxx.
    return visible_json(json.dumps(line, ensure_ascii=False))


def _merged(file: Path, before: str, lines: Sequence[dict[str, JSON]]) -> list[str]:
    """The file's lines with these ones: in place of an earlier state of the same conversation, else at the end."""
    kept: list[str] = []
    new = {str(line["id"]): _text(line) for line in lines}
    for number, text in enumerate(before.split("\n"), 1):
        if not text.strip():
            continue
        try:
            known = json.loads(text)
        except ValueError:
            known = None
        if not isinstance(known, dict) or "dialogue" not in known:
            raise UserError(f"{file}: line {number} is no saved dialogue; name another file with --save")
        kept.append(new.pop(str(known.get("id")), text))
    return [*kept, *new.values()]


def _file(image: Image) -> str:
    return image.relpath


def _bytes(image: Image) -> bytes:
    assert image.path is not None  # an album's images have their files
    return image.path.read_bytes()


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all; a file that has these very bytes is left alone."""
    if not (file.exists() and file.stat().st_size == len(data) and file.read_bytes() == data):
        write_output(file, data)
