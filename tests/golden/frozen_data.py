"""Small data sets, answers and judges' replies for the frozen numbers: a fixed function of names, nothing is drawn.

Pictures are PNG files of constant bytes, so that every hash that covers them is the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PAIRS, DIALOGUES = 36, 36
"""Items of the made-up BISON and NLVR2 sets (30 independent units and more are ranked), and dialogues."""

_HOLDER = "<Img><ImageHere></Img>"


def share(*names: object) -> float:
    """A number in [0, 1) that the names alone decide."""
    told = hashlib.sha256("|".join(map(str, names)).encode()).digest()
    return int.from_bytes(told[:6], "big") / 2**48


def png(name: str) -> bytes:
    """An 8x8 picture of one colour that the name decides; stored without compression, so its bytes never change."""
    colour = bytes(int(256 * share(name, channel)) for channel in "rgb")
    pixels = (b"\0" + colour * 8) * 8
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(pixels), 0xFFFF ^ len(pixels)) + pixels
    stored += struct.pack(">I", zlib.adler32(pixels))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", stored), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _pictures(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(png(name))


# --- the three published sets -----------------------------------------------------------------------------------------


def published(root: Path, dialogues: int = DIALOGUES) -> Path:
    """A data root in the published layout: BISON, NLVR2 and SparklesEval."""
    home = root / "evaluation"
    rows = [bison(number) for number in range(PAIRS)]
    _write(home / "BISON" / "annotations" / "sparkles_evaluation_bison_annotations.json", rows)
    _pictures(home / "BISON" / "images", [f"{number}.png" for number in range(2 * PAIRS)])
    rows = [nlvr2(number) for number in range(PAIRS)]
    _write(home / "NLVR2" / "annotations" / "sparkles_evaluation_nlvr2_annotations.json", rows)
    _pictures(home / "NLVR2" / "images", [f"{_pair(n)}-img{at}.png" for n in range(PAIRS) for at in (0, 1)])
    talks = [dialogue(number, "One is brighter.", "It is darker.") for number in range(dialogues)]
    _write(home / "SparklesEval" / "annotations" / "sparkles_evaluation_sparkleseval_annotations.json", talks)
    _pictures(home / "SparklesEval" / "images", [f"{number}.jpg" for number in range(1, 3 * dialogues + 1)])
    return root


def bison(number: int) -> dict[str, object]:
    """A caption that fits one of two pictures."""
    candidates = [{"image_id": 2 * number + at, "image_filename": f"{2 * number + at}.png"} for at in (0, 1)]
    true = 2 * number + (share("bison", number) < 0.5)
    return {
        "evaluation_id": number,
        "bison_id": 900 + number,
        "caption": f"Caption {number}.",
        "true_image_id": true,
        "image_candidates": candidates,
    }


def _pair(number: int) -> str:
    return f"dev-{number // 3}-{number % 3}"


def nlvr2(number: int) -> dict[str, object]:
    """A statement about a pair; three pairs share a statement and a set."""
    label = "True" if share("nlvr2", number) < 0.5 else "False"
    sentence = f"Statement {number // 3}."
    return {"evaluation_id": number, "identifier": f"{_pair(number)}-0", "sentence": sentence, "label": label}


def dialogue(number: int, *answers: str, **more: object) -> dict[str, object]:
    """Two turns on three captioned pictures; `answers` are the assistant's."""
    first, second, third = (3 * number + at for at in (1, 2, 3))
    users = [
        f"What do IMAGE#{first}{_HOLDER} and IMAGE#{second}{_HOLDER} share?",
        f"And is IMAGE#{third}{_HOLDER} like them?",
    ]
    images = [
        [{"image_id": first, "caption": "red"}, {"image_id": second, "caption": "blue"}],
        [{"image_id": third, "caption": "green"}],
    ]
    messages: list[dict[str, object]] = []
    for user, shown, answer in zip(users, images, answers, strict=True):
        messages += [{"role": "user", "content": user, "images": shown}, {"role": "assistant", "content": answer}]
    return {"evaluation_id": number, "dialogue": messages, **more}


# --- DEMON ------------------------------------------------------------------------------------------------------------


def demon(root: Path, items: int = 12) -> Path:
    """The category `knowledge`: two sets with open answers, one with choices."""
    for name in ("WebQA", "TQA", "MultiModalQA"):
        rows: list[dict[str, object]] = []
        for number in range(items):
            choices = ["stone", "water", "a warm wind"] if name == "TQA" else []
            reference = choices[number % 3] if choices else f"{name} saw {number} grey ships in the old harbour"
            context = {"context": f"{{image#1}} and {{image#2}}: question {number}?", "images_path": ["0.png", "1.png"]}
            instance = context | ({"choice_list": choices} if choices else {})
            row = {"sample_id": number, "task_instruction_id": "0", "task_instance": instance, "response": reference}
            rows.append(row)
        core = {"metadata": {"dataset": name, "task_instruction": ["Answer: "]}, "data": rows}
        _write(root / name / "core" / "core.json", core)
        _pictures(root / name / "core" / "images", ["0.png", "1.png"])
    return root


# --- what models answer -----------------------------------------------------------------------------------------------


def replay(path: Path, answers: Mapping[tuple[str, int, int, int], str | None]) -> Path:
    """A file of answers by (sample, turn, epoch, draw); None leaves a gap."""
    lines = [
        json.dumps({"sample_id": sample, "turn": turn, "epoch": epoch, "draw": draw, "text": text})
        for (sample, turn, epoch, draw), text in answers.items()
        if text is not None
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def chosen(model: str, skill: float, targets: Mapping[str, str], options: Sequence[str]) -> Callable[..., str | None]:
    """How a model of that skill answers a question with two options: right, wrong, invalid, or not at all."""

    def say(sample: str, *again: object) -> str | None:
        luck = share(model, sample, *again)
        if luck > 0.96:
            return None
        if luck > 0.9:
            return "It could be either of them."
        right = luck < 0.9 * skill
        picked = targets[sample] if right else next(option for option in options if option != targets[sample])
        return f"I look at both. Therefore, the answer is {picked}."

    return say


def exchanged(text: str, one: str, other: str) -> str:
    """The text with one word in place of the other."""
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


def quality(model: str, skill: float, number: int, turn: int) -> int:
    """How good, from 1 to 10, a model's answer to a dialogue is; the answer says it, people and judges read it."""
    hard = share("dialogue", number)
    return max(1, min(10, round(10 * skill - 5 * hard + 4 * share(model, number, turn))))


def result_file(folder: Path, model: str, skill: float, judges: Sequence[str], *, lacks: int = -1) -> Path:
    """Published answers of a model to the dialogues, with what judges replied; the dialogue `lacks` is not there."""
    items = []
    for number in range(DIALOGUES):
        marks = [quality(model, skill, number, turn) for turn in (1, 2)]
        said = [f"Of ten things they share {mark}." for mark in marks]
        replies = {judge: {"response": judged(judge, model, number, marks)} for judge in judges}
        if number != lacks:
            items.append(dialogue(number, *said, **replies))
    return _write(folder / f"SparklesEval_{model}.json", items)


def judged(judge: str, model: str, number: int, marks: Sequence[int]) -> str:
    """A judge's reply in the published layout; one in twenty cannot be read."""
    if share(judge, model, number) < 0.05:
        return "Both answers are fine."
    parts = []
    for turn, mark in enumerate(marks, 1):
        lines = []
        for criterion in (1, 2, 3):
            slack = 4 * share(judge, model, number, turn, criterion) - (1 if judge == "gpt-4" else 3)
            rating = max(1, min(10, round(mark + slack)))
            lines.append(f'- (C{criterion}) Explanation: "because" Rating: [[{rating}]]')
        overall = f"Therefore, the overall rating of A{turn} is [[{mark}]]"
        parts.append(f"* Evaluating A{turn}\n" + "\n".join(lines) + f"\n{overall}\n")
    return "\n".join(parts)


def choices_file(folder: Path, kind: str, model: str, options: Sequence[str], skill: float) -> Path:
    """Published answers of a model to BISON or NLVR2."""
    rows = [bison(number) if kind == "BISON" else nlvr2(number) for number in range(PAIRS)]
    targets = {str(number): options[0] if _first(row) else options[1] for number, row in enumerate(rows)}
    say = chosen(f"{kind} {model}", skill, targets, options)
    items = [
        {"evaluation_id": number, "response": text} for number in range(PAIRS) if (text := say(str(number))) is not None
    ]
    return _write(folder / f"{kind}_{model}.json", items)


def _first(row: Mapping[str, object]) -> bool:
    """Is the first option the right one?"""
    if "label" in row:
        return row["label"] == "True"
    candidates = row["image_candidates"]
    assert isinstance(candidates, list)
    return bool(candidates[0]["image_id"] == row["true_image_id"])
