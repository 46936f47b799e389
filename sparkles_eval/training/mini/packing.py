"""Makes a trained tiny model ready to ship: half precision, its marks on the embedded tasks, the commit.

    python -m sparkles_eval.training.mini.packing runs/mini/sparkleschat-tiny/model adapters/weights/sparkleschat-tiny

What is shipped is what is examined: the marks are those of the rounded weights. Knows nothing of training.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from sparkles_eval.records import JSON
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.training.mini.exam import examine
from sparkles_eval.training.mini.school import RECORD

ITEMS = 504
"""A multiple of 36: every type of NLVR2 statement equally often."""
TASKS = ("bison-mini", "nlvr2-mini")


def pack(trained: Path, to: Path, commit: str, seed: int = 0) -> dict[str, JSON]:
    """Write the folder that ships and return its training.json.

    commit: of the checkout that trained it. seed: of the examined items, from 0; lessons lie below 0.
    """
    model = SparklesChatForConditionalGeneration.from_pretrained(trained, dtype=torch.float32)
    model.half()  # type: ignore[no-untyped-call]
    model.save_pretrained(to)
    (to / "model.safetensors").chmod(0o644)  # written for its owner alone; a wheel keeps the mode
    SparklesChatProcessor.from_pretrained(trained).save_pretrained(to)
    record: dict[str, JSON] = json.loads((trained / RECORD).read_text(encoding="utf-8"))
    marks: dict[str, JSON] = {}
    for task in TASKS:
        marks[task] = examine(to, task, ITEMS, seed=seed).json
        marks[f"{task}, pictures of other items"] = examine(to, task, ITEMS, seed=seed, blind=True).json
    record |= {"commit": commit, "dtype": "float16", "evaluation_seed": seed, "evaluation": marks}
    (to / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


if __name__ == "__main__":
    made = pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
    print(json.dumps(made["evaluation"], indent=2))
