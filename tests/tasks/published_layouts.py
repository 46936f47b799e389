"""Writes small made-up data sets in exactly the layouts of published benchmarks, every odd case of them included."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.tasks.tables import drawn, parquet


def _pictures(*numbers: int) -> list[dict[str, object]]:
    return [{"bytes": drawn(number), "path": None} for number in numbers]


def muirbench(root: Path) -> Path:
    """Answerable items and their twins; marks in options; all marks at the end; fewer marks than pictures."""
    none = "None of the choices provided"
    rows = [
        ("0", "1", "Which one is like <image>?", ["<image>", "<image>", none], "B", (1, 2, 3)),
        ("1", "0", "Which one is like <image>?", ["<image>", "<image>", none], "C", (1, 4, 5)),
        ("2", "3", "How many cups are there?<image><image>", ["one", "two", none, "three", "four"], "D", (6, 7)),
        ("3", "2", "How many cups are there?<image>", ["one", "two"], "A", (6, 8)),
    ]
    parquet(
        root / "data" / "test-00000-of-00001.parquet",
        [
            {
                "idx": idx,
                "task": "Counting",
                "image_relation": "Partial Similarity",
                "image_type": "Photography",
                "question": question,
                "options": options,
                "answer": answer,
                "image_list": _pictures(*pictures),
                "counterpart_idx": twin,
            }
            for idx, twin, question, options, answer, pictures in rows
        ],
    )
    return root


def blink(root: Path) -> Path:
    """All fourteen configurations, one to four pictures, empty slots, choices in the prompt, answers in brackets."""
    from sparkles_eval.tasks.folders import find_task

    source = find_task("blink").spec.source
    assert source is not None
    for number, config in enumerate(source.config):
        count = number % 4 + 1
        slots = {f"image_{n + 1}": _pictures(n + 1)[0] if n < count else None for n in range(4)}
        empty = {f"image_{n + 1}": _pictures(0)[0] for n in range(4)} | {"idx": f"val_{config}_2"}
        row = {
            "idx": f"val_{config}_1",
            "sub_task": config,
            "question": "Which?",
            "prompt": "Which?\nSelect from the following choices.\n(A) the second image\n(B) the third image",
            **slots,
            "choices": ["the second image", "the third image"],
            "answer": "(B)",
            "explanation": "",
        }
        parquet(root / config / "val-00000-of-00001.parquet", [row, row | empty | {"answer": "(A)"}])
        parquet(root / config / "test-00000-of-00001.parquet", [row | {"answer": "hidden"}])
    return root


def mmiu(root: Path) -> Path:
    """A table of paths, pictures in zip archives named like the folders, options in one text, a row without a label."""
    rows = [
        ("person_reid", "A: first\nB: second\nC: third", "Which picture shows the same person?", "C"),
        ("ordering", "A: 1, 2\nB: 2, 1", "Which order is right?", "A"),
        ("ordering", "A: 1, 2\nB: 2, 1", "Which order is right?", None),
    ]
    context = "Select from the following choices.\n"
    parquet(
        root / "all.parquet",
        [
            {
                "task": task,
                "visual_input_component": "natural image",
                "source": "BLINK",
                "options": options,
                "question": question,
                "context": context + (options if task == "person_reid" else ""),
                "input_image_path": [f"./High-level-obj-semantic/{task}/{task}_0_{n}.jpg" for n in range(2)],
                "output": output,
            }
            for task, options, question, output in rows
        ],
    )
    with zipfile.ZipFile(root / "High-level-obj-semantic.zip", "w") as archive:
        for task in ("person_reid", "ordering"):
            for number in range(2):
                archive.writestr(f"{task}/{task}_0_{number}.jpg", drawn(number, "JPEG"))
    return root


def mantis_eval(root: Path) -> Path:
    """Choices with and without letters, short answers without options, answers in both spellings."""
    rows: Sequence[tuple[str, str, list[str], str]] = [
        ("multi-choice", "<image> <image> Which holds more?", ["(A) the first", "(B) the second"], "B"),
        ("multi-choice", "Which is heavier?", ["a cup", "an anvil"], "(B)"),
        ("short-answer", "Is <image> larger?", [], "Yes"),
    ]
    parquet(
        root / "mantis_eval" / "test-00000-of-00001.parquet",
        [
            {
                "id": f"mantis_eval_{number}",
                "question_type": kind,
                "question": question,
                "images": _pictures(number, number + 1),
                "options": options,
                "answer": answer,
                "category": "size",
                "data_source": "web",
            }
            for number, (kind, question, options, answer) in enumerate(rows)
        ],
    )
    return root


def mirb(root: Path) -> Path:
    """Answers that are words, numbers, symbols and titles; one set with a single picture."""
    rows = [
        ("count", "How many?", "3"),
        ("analogy", "Yes or no?", "no"),
        ("codeu", "Which?", "A"),
        ("count", "?", "11"),
    ]
    parquet(
        root / "data" / "test-00000-of-00001.parquet",
        [
            {
                "question_id": number,
                "subset": subset,
                "questions": question,
                "answers": answer,
                "image_list": _pictures(*range(number + 1)),
            }
            for number, (subset, question, answer) in enumerate(rows)
        ],
    )
    return root


def mmdu(root: Path) -> Path:
    """Paths with a leading slash, marks over the whole dialogue, turns without any, numbers as ids."""
    rows = [
        {
            "id": 7,
            "image": ["/mmdu_pics/a.jpg", "/mmdu_pics/b.jpg", "/mmdu_pics/c.jpg"],
            "conversations": [
                {"from": "user", "value": "Describe <ImageHere> and <ImageHere>."},
                {"from": "assistant", "value": "A red one and a blue one."},
                {"from": "user", "value": "Which is older?"},
                {"from": "assistant", "value": "The red one."},
                {"from": "user", "value": "Compare them with <ImageHere>."},
                {"from": "assistant", "value": "It is greener."},
            ],
        }
    ]
    (root / "benchmark.json").write_text(json.dumps(rows), encoding="utf-8")
    (root / "mmdu-45k.json").write_text("[]", encoding="utf-8")
    with zipfile.ZipFile(root / "mmdu_pics.zip", "w") as archive:
        for number, name in enumerate("abc"):
            archive.writestr(f"mmdu_pics/{name}.jpg", drawn(number, "JPEG"))
    return root


def vischainbench(root: Path) -> Path:
    """task.json files inside archives, pictures beside them; every turn's options are pictures, one of them right."""

    def task(right: Sequence[int]) -> Mapping[str, object]:
        return {
            "initial_scene_description": "A table is laid.",
            "questions": [
                {
                    "original_id": f"q{turn}",
                    "question": f"What comes next ({turn})?",
                    "task_description": "",
                    "choices": [{"image": f"{name}.png", "correct": n == place} for n, name in enumerate("abc")],
                    "metadata": "{}",
                }
                for turn, place in enumerate(right)
            ],
        }

    for name, rights in (("CSTask", ([0, 2],)), ("DailyTask", ([1],)), ("EngTask", ([2, 2, 1],))):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for number, right in enumerate(rights):
                archive.writestr(f"{name}/{number}/task.json", json.dumps(task(right)))
                for picture, letter in enumerate("abc"):
                    archive.writestr(f"{name}/{number}/{letter}.png", drawn(picture))
        (root / "itmr").mkdir(exist_ok=True)
        (root / "itmr" / f"{name}.zip").write_bytes(out.getvalue())
    return root


def multiverse(root: Path) -> Path:
    """Sequences of records as records of lists, speakers in capitals, a checklist at the assistant's turns."""
    empty: dict[str, list[str]] = {"question": [], "main_criteria": [], "sub_criteria": []}
    listed = {
        "question": ["Is the cup named?", "Is it short?"],
        "main_criteria": ["p", "l"],
        "sub_criteria": ["a", "b"],
    }
    row = {
        "index": "1",
        "image": _pictures(1)[0],
        "character": "a child",
        "scenario": "at a table",
        "goal": "to learn",
        "conversation": {
            "speaker": ["USER", "ASSISTANT", "USER", "ASSISTANT"],
            "utterance": ["What is it?", "A cup.", "Why?", "To drink."],
            "checklist": [empty, listed, empty, {**listed, "question": ["Is a use named?", "Is it polite?"]}],
        },
        **dict.fromkeys(
            ["main_goal_category", "sub_goal_category", "main_task_category", "sub_task_category"], "knowledge"
        ),
        "image_main_category": "objects",
        "image_sub_category": "cups",
    }
    parquet(root / "data" / "train-00000-of-00001.parquet", [row])
    return root


LAYOUTS = {
    "muirbench": muirbench,
    "blink": blink,
    "mmiu": mmiu,
    "mantis-eval": mantis_eval,
    "mirb": mirb,
    "mmdu": mmdu,
    "vischainbench": vischainbench,
    "multiverse": multiverse,
}
