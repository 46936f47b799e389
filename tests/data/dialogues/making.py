"""What several tests of dialogues make: sound dialogues, candidates, drawn scenes with captions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sparkles_eval.core import Image
from sparkles_eval.data.dialogues.records import CandidateImage, DialogueMessage, GeneratedDialogue
from sparkles_eval.synthetic.drawing import draw, png
from sparkles_eval.synthetic.scene import any_scene, dice
from sparkles_eval.synthetic.truth import caption

LONG = " ".join(f"word{number}" for number in range(30))


def talk(
    first: Sequence[str] = ("12", "14"),
    second: Sequence[str] = ("31",),
    *,
    questions: Sequence[str] = ("Compare {}, please, for a calendar.", "And how does {} change that?"),
    answers: Sequence[str] = (LONG, LONG),
) -> GeneratedDialogue:
    """A sound dialogue of two turns; `{}` in a question is where its images are named."""
    asked = [
        question.format(" and ".join(f"IMAGE#{image}" for image in images))
        for question, images in zip(questions, (first, second), strict=True)
    ]
    return GeneratedDialogue(
        (
            DialogueMessage("user", asked[0], tuple(first)),
            DialogueMessage("assistant", answers[0]),
            DialogueMessage("user", asked[1], tuple(second)),
            DialogueMessage("assistant", answers[1]),
        )
    )


def candidate(name: str, text: str = "", path: Path | None = None) -> CandidateImage:
    """A candidate whose image is only named (or lies at `path`)."""
    return CandidateImage(name, Image(f"{name:0>64}", "image/png", 8, 8, 10, f"{name}.png", id=name, path=path), text)


def scenes(folder: Path, count: int, seed: int = 0) -> Path:
    """`count` drawn scenes in folder/photos, their exact captions in folder/captions.jsonl; gives the latter."""
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        scene = any_scene(dice("test-dialogues", seed, number))
        (photos / f"scene-{number:03d}.png").write_bytes(png(draw(scene)))
        lines.append(json.dumps({"image": f"scene-{number:03d}.png", "caption": caption(scene)}))
    captions = folder / "captions.jsonl"
    captions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return captions
