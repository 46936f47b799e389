"""Writes a set as a folder for Hugging Face `datasets`: Parquet with the images inside, and a dataset card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval import __version__
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import replacing, write_output
from sparkles_eval.core.text import one_line
from sparkles_eval.data.dialogues.outputs import placed_text
from sparkles_eval.data.dialogues.records import CandidateImage, GeneratedDialogue
from sparkles_eval.data.dialogues.spec import StyleSpec, shared_file
from sparkles_eval.data.dialogues.statistics import SetStatistics, outcome_table, overview
from sparkles_eval.data.dialogues.stored_dialogues import StoredDialogue
from sparkles_eval.reports.toolkit.table_files import markdown_text
from sparkles_eval.tasks.images import image_bytes
from sparkles_eval.tasks.prompts import compile_template, render
from sparkles_eval.tasks.validation import read_text

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "huggingface"
_AT_ONCE = 50
"""Dialogues of one row group."""
_A_FILE = 2_000
"""Dialogues of one Parquet file, which has some hundred megabytes with their images."""
_TEXT = {"dtype": "string", "_type": "Value"}


@dataclass(frozen=True, slots=True)
class SetOrigin:
    """The facts about how a set was made, for its card."""

    name: str
    spec: StyleSpec
    model: str
    seen: bool
    seed: int
    demonstrations: str
    against: tuple[str, ...] = ()
    captions_by: str = ""


def missing_library() -> str:
    """Why this folder cannot be written, in one line with the fix; "" where it can."""
    if find_spec("pyarrow") is None:
        return "The Hugging Face folder was left out: it needs an optional part, pip install 'sparkles-eval[parquet]'."
    return ""


def write_hf_folder(
    out: Path,
    origin: SetOrigin,
    items: Sequence[StoredDialogue],
    known: Mapping[str, CandidateImage],
    found: SetStatistics,
    content: Sequence[Path] = (),
) -> None:
    """Write OUT/README.md and OUT/data/train-*.parquet. Raises errors.UserError where that cannot be done."""
    write_output(out / "README.md", dataset_card(origin, items, found, content).encode())
    kept = [(item.id, item.dialogue) for item in items if item.dialogue]
    data = out / "data"
    files = [kept[at : at + _A_FILE] for at in range(0, len(kept), _A_FILE)]
    names = [f"train-{number:05d}-of-{len(files):05d}.parquet" for number in range(len(files))]
    try:
        data.mkdir(parents=True, exist_ok=True)
        for name, rows in zip(names, files, strict=True):
            _write_file(data / name, rows, known)
        for old in data.glob("train-*-of-*.parquet"):
            if old.name not in names:
                old.unlink()
    except OSError as error:
        raise UserError(f"{data}: cannot be written ({error.strerror or error})") from error


def _write_file(path: Path, rows: Sequence[tuple[str, GeneratedDialogue]], known: Mapping[str, CandidateImage]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with replacing(path) as part, pq.ParquetWriter(part, schema) as writer:
        for at in range(0, len(rows), _AT_ONCE):
            batch = list(_rows(rows[at : at + _AT_ONCE], known))
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _rows(
    rows: Sequence[tuple[str, GeneratedDialogue]], known: Mapping[str, CandidateImage]
) -> Iterator[dict[str, object]]:
    for name, dialogue in rows:
        yield {
            "id": name,
            "messages": [
                {
                    "role": message.role,
                    "content": placed_text(message, dialogue.images),
                    "image_ids": list(message.images),
                }
                for message in dialogue.messages
            ],
            "images": [
                {"bytes": image_bytes(known[i].image), "path": Path(known[i].image.relpath).name}
                for i in dialogue.images
            ],
            "image_ids": list(dialogue.images),
            "captions": [known[image].caption for image in dialogue.images],
        }


def _schema() -> pa.Schema:
    """The Arrow schema, with the types of `datasets` (so that images are read as images)."""
    import pyarrow as pa

    texts = pa.list_(pa.string())
    message = pa.struct([("role", pa.string()), ("content", pa.string()), ("image_ids", texts)])
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    listed = {"feature": _TEXT, "_type": "List"}
    features = {
        "id": _TEXT,
        "messages": {"feature": {"role": _TEXT, "content": _TEXT, "image_ids": listed}, "_type": "List"},
        "images": {"feature": {"_type": "Image"}, "_type": "List"},
        "image_ids": listed,
        "captions": listed,
    }
    return pa.schema(
        [
            ("id", pa.string()),
            ("messages", pa.list_(message)),
            ("images", pa.list_(picture)),
            ("image_ids", texts),
            ("captions", texts),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


def dataset_card(
    origin: SetOrigin, items: Sequence[StoredDialogue], found: SetStatistics, content: Sequence[Path] = ()
) -> str:
    """The dataset card, from dialogues/_shared/card.md.j2."""
    path = shared_file("card.md.j2", content)
    spec = origin.spec
    names: dict[str, object] = {
        "name": origin.name,
        "size_category": _category(found.dialogues),
        "dialogues": f"{found.dialogues:,}",
        "turns": str(len(spec.turns)),
        "unique_images": f"{found.unique_images:,}",
        "total_images": f"{found.total_images:,}",
        "version": __version__,
        "style": spec.name,
        "title": _line(spec.title),
        "description": spec.description.strip(),
        "overview": markdown_text(overview(origin.name, found)),
        "outcome": markdown_text(outcome_table(items)),
        "model": _line(origin.model),
        "seen": origin.seen,
        "demonstrations": _line(origin.demonstrations),
        "seed": origin.seed,
        "captions_by": _line(origin.captions_by),
        "against": _line(", ".join(origin.against)),
        "gates": _line(", ".join(f"{gate} {value}" for gate, value in spec.gates.model_dump().items())),
        "licence": spec.licence.strip() or "The style names no licence.",
        "citation": spec.citation.strip(),
    }
    return render(compile_template(read_text(path), str(path)), str(path), names).strip() + "\n"


def _line(text: str) -> str:
    """A text from anybody as one line without invisible characters and mark-up."""
    return one_line(text).replace("<", "\\<").replace("`", "'")


def _category(count: int) -> str:
    """The hub's word for a set's size."""
    for limit, word in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if count < limit:
            return word
    return "100K<n<1M"
