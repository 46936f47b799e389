"""Turns NLVR (Suhr et al. 2017), statements about drawn boxes, into a task of one's own. Knows nothing of models.

Its JSON lines name a picture by `identifier` and `directory`: `images/DIRECTORY/SPLIT-IDENTIFIER-0.png` is the first of
six arrangements of the same boxes, and the one that is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from sparkles_eval.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.reports.pages import write_bytes
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.reading import read_rows
from sparkles_eval.tasks.spec import FILE, valid_name
from sparkles_eval.tasks.strict import Foreign, Name

_PROMPT = """{{ content }}

Is this statement about the picture true? "{{ sentence }}"
Answer with one word, True or False.
"""


class _Row(Foreign):
    identifier: str
    sentence: str
    label: Literal["true", "false"]
    directory: Name = ""


@dataclass(frozen=True, slots=True)
class Made:
    """The task's folder, how many samples it has, and every problem of the others."""

    folder: Path
    samples: int
    problems: tuple[Problem, ...]


def make_task(annotations: Path, images: Path, out: Path, split: str = "dev", *, skip_bad: bool = False) -> Made:
    """Write the task's folder: task.yaml, prompt, samples. The pictures stay where they are: --data-root names them.

    Raises errors.DataError with every problem (with `skip_bad` the sound statements are written all the same),
    errors.ContentError where nothing is left, and errors.UserError where `out` exists or cannot be one.
    """
    if out.exists():
        raise UserError(f"{out} is there already; name a new folder with --out")
    if not valid_name(out.name):
        raise UserError(f"--out {out}: a task is called by its folder; use lower case letters, digits, '.', '_', '-'")
    found = read_rows(annotations, _Row)
    folder = ImageFolder(images)
    problems = list(found.problems)
    lines: list[str] = []
    for place, row in found.rows:
        name = f"{split}-{row.identifier}-0.png"
        homes = [name, f"{row.directory}/{name}"]
        file = next((home for home in homes if folder.has(home)), homes[-1])
        picture = folder.read(file)
        if isinstance(picture, str):
            problems.append(Problem(f"{row.identifier} ({place})", picture))
            continue
        sample = {
            "id": f"{split}-{row.identifier}",
            "images": [file],
            "fields": {"sentence": row.sentence},
            "options": ["True", "False"],
            "target": row.label.capitalize(),
            "group": row.identifier.split("-")[0],
            "cluster": row.identifier.split("-")[0],
        }
        lines.append(json.dumps(sample, ensure_ascii=False))
    if problems and not skip_bad:
        raise DataError(str(annotations), problems, "mend them, or leave these statements out with --skip-bad")
    if not lines:
        raise ContentError(f"{annotations}: none of its {len(found.rows)} statements has its picture in {images}")
    write_bytes(out / "samples.jsonl", ("\n".join(lines) + "\n").encode())
    write_bytes(out / "prompt.md.j2", _PROMPT.encode())
    write_bytes(out / FILE, yaml.safe_dump(_spec(out.name, split), sort_keys=False).encode())
    return Made(out, len(lines), tuple(problems))


def _spec(name: str, split: str) -> dict[str, object]:
    return {
        "name": name,
        "version": 1,
        "title": f"NLVR (2017), {split}",
        "description": "Statements that people wrote about pictures of three boxes with coloured shapes.",
        "loader": "jsonl",
        "needs_data_root": True,
        "args": {"samples": "samples.jsonl", "images": "."},
        "protocols": {"strict": {"prompt": "prompt.md.j2", "answer": "strict", "generation": {"temperature": 0}}},
        "metrics": ["accuracy", "validity"],
        "homepage": "https://lil.nlp.cornell.edu/nlvr/",
        "licence": "CC BY 4.0 (Suhr et al. 2017)",
    }
