"""Writes conversations as dialogues, in the published form that `train` and the loader `jsonl` read.

One line is one model's conversation: {"id", "cluster", "tags", "dialogue": [{"role", "content", "images"}]}. An image
stands at its word as <Img><ImageHere></Img> and is a file of the images' folder, named by the SHA-256 of its bytes.
Conversations of several models with the same questions share their `cluster`: they are not independent.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.errors import UserError
from sparkles_eval.records import JSON, Image, Message
from sparkles_eval.reports.pages import write_bytes
from sparkles_eval.sparkleschat.prompts import message_text
from sparkles_eval.viewer.chat.conversation import Chat, told

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
        messages = [m for e in chat.exchanges if e.answers[number].counts for m in told(e, number)]
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
    written = json.dumps(line, ensure_ascii=False)
    return written if written.isprintable() else json.dumps(line)


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
        write_bytes(file, data)
