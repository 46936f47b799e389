"""Writes a task that Python values make up as a folder of the cache, named by its content."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir, replacing_folder
from sparkles_eval.tasks.spec import FILE, valid_name

if TYPE_CHECKING:
    import PIL.Image

_PROMPT = """{{ content }}
{% if turn == turns and options %}
End with "Therefore, the answer is" and one of: {{ options | join(", ") }}.
{% endif %}
"""


def write_task(
    name: str,
    samples: Sequence[Mapping[str, Any]],
    *,
    title: str | None = None,
    prompt: str | None = None,
    metrics: Sequence[str] | None = None,
) -> Path:
    """The folder of the task; one of the same content is used again. Raises errors.UserError."""
    if not valid_name(name):
        raise UserError(f"task {name!r}: use lower case letters, digits, '.', '_' and '-' in its name")
    if not samples:
        raise UserError(f"task {name}: it has no samples")
    pictures: dict[str, bytes] = {}
    rows = [_row(dict(sample), pictures) for sample in samples]
    files = {
        FILE: yaml.safe_dump(_spec(name, rows, title, metrics), sort_keys=False).encode(),
        "prompt.md.j2": (prompt if prompt is not None else _PROMPT).encode(),
        "samples.jsonl": "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode(),
        **{f"images/{file}": data for file, data in pictures.items()},
    }
    whole = hashlib.sha256()
    for file, data in sorted(files.items()):
        whole.update(f"{file} {len(data)}\n".encode() + data)
    folder = cache_dir("python-tasks", whole.hexdigest()[:16], name)
    if not folder.is_dir():
        with replacing_folder(folder) as part:
            for file, data in files.items():
                (part / file).parent.mkdir(parents=True, exist_ok=True)
                (part / file).write_bytes(data)
    return folder


def _spec(
    name: str, rows: Sequence[Mapping[str, Any]], title: str | None, metrics: Sequence[str] | None
) -> dict[str, Any]:
    turns = [turn for row in rows for turn in (row, *row.get("turns", ()))]
    has_options = any(turn.get("options") for turn in turns)
    has_target = any(turn.get("target") is not None for turn in turns)
    scorer = "choice" if has_options else "exact_match" if has_target else None
    protocol: dict[str, Any] = {"prompt": "prompt.md.j2", "generation": {"temperature": 0, "max_tokens": 1000}}
    return {
        "name": name,
        "version": 1,
        "title": title or name,
        "description": "Made in Python.",
        "loader": "jsonl",
        "args": {"samples": "samples.jsonl", "images": "images"},
        "protocols": {"strict": protocol | ({"scorer": scorer} if scorer else {})},
        "metrics": list(metrics) if metrics is not None else ["accuracy", "validity"] if scorer else ["judge_score"],
    }


def _row(sample: dict[str, Any], pictures: dict[str, bytes]) -> dict[str, Any]:
    """A line of samples.jsonl; its pictures go into `pictures` by their file's name."""
    for turn in (sample, *(sample["turns"] if isinstance(sample.get("turns"), list) else ())):
        if "images" in turn:
            turn["images"] = [_picture(image, pictures) for image in turn["images"]]
    return sample


def _picture(image: object, pictures: dict[str, bytes]) -> object:
    """An image's entry; a path or a PIL image becomes a file named by its content."""
    if isinstance(image, Mapping):
        return {**image, "path": _stored(image.get("path"), pictures)}
    return _stored(image, pictures)


def _stored(image: Any, pictures: dict[str, bytes]) -> str:
    if isinstance(image, str | Path):
        path = Path(image).expanduser()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"image {path}: cannot be read ({error.strerror})") from None
        suffix = path.suffix.lower() or ".png"
    else:
        data, suffix = _png(image), ".png"
    file = f"{hashlib.sha256(data).hexdigest()[:24]}{suffix}"
    pictures[file] = data
    return file


def _png(image: PIL.Image.Image) -> bytes:
    if not hasattr(image, "save"):
        raise UserError(f"an image is a path or a PIL image, not {type(image).__name__}")
    held = io.BytesIO()
    image.save(held, format="PNG")
    return held.getvalue()
