"""What several tests of training make: a recipe in small, and words to train on."""

from __future__ import annotations

from pathlib import Path

INSTRUCTIONS = (
    ("What do you see in", "There is a round red shape above a dark bar."),
    ("Please describe", "A shape."),
    ("Which is brighter, looking at", "The first image is brighter, because its ground is light."),
    ("Compare IMAGE#1 and IMAGE#2", "Both images show a round shape ### Human Assistant <Img> </Img> <unk> : 3 4 5 6."),
)


def write_recipe(file: Path, **changes: object) -> Path:
    """A projection recipe of 12 steps over the two subsets of the fixture `data_folder`."""
    values: dict[str, object] = {
        "kind": "projection",
        "title": "micro",
        "subsets": "[{name: one, weight: 2, annotations: turn1_1img.json, images: images}, "
        "{name: two, weight: 1, annotations: turn1_2img.json, images: images}]",
        "steps": 12,
        "batch": 4,
        "schedule": "{start: 1.0e-3, peak: 3.0e-2, end: 1.0e-2, warmup: 3}",
        "precision": "fp32",
        "views": "{crops: 2}",
        "save_every": 3,
        **changes,
    }
    file.write_text("".join(f"{name}: {value}\n" for name, value in values.items()), encoding="utf-8")
    return file
