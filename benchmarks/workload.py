"""Makes the benchmark's task folder from a seed: items of two JPEGs of about 80 kB. Asks and measures nothing."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 640, 480
_PICTURES = 48
"""Pictures that are drawn. Every file is unique all the same: each carries a JPEG comment of its own."""

_TASK = """\
name: throughput
version: 1
title: Two pictures and a statement about them
description: Drawn by the benchmark; the labels mean nothing.
loader: jsonl
protocols:
  strict:
    prompt: prompt.md.j2
    answer: strict
    generation: {temperature: 0, max_tokens: 256}
metrics: [accuracy]
"""
_PROMPT = """\
{{ content }}

Statement: {{ statement }}
Is the statement TRUE or FALSE? Reason step by step, then end with "Therefore, the answer is TRUE." or
"Therefore, the answer is FALSE."
"""


def make(folder: Path, items: int, seed: int = 2023) -> Path:
    """Write task.yaml, prompt.md.j2, samples.jsonl and `2 * items` images into `folder`; returns it."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    pictures = [_picture(random) for _ in range(min(_PICTURES, 2 * items))]
    lines = []
    for item in range(items):
        names = []
        for side in (0, 1):
            number = 2 * item + side
            name = f"images/{number:05d}.jpg"
            (folder / name).write_bytes(_unique(pictures[number % len(pictures)], f"picture {number}"))
            names.append(name)
        sample = {
            "id": f"item-{item:05d}",
            "text": "<image> <image>",
            "images": names,
            "fields": {"statement": f"Picture one is brighter than picture two by {item} steps."},
            "options": ["TRUE", "FALSE"],
            "target": "TRUE" if item % 2 else "FALSE",
        }
        lines.append(json.dumps(sample))
    (folder / "task.yaml").write_text(_TASK)
    (folder / "prompt.md.j2").write_text(_PROMPT)
    (folder / "samples.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def _picture(random: np.random.Generator) -> bytes:
    """A JPEG of 640 x 480 pixels and about 80 kB: a coloured gradient under fine noise, as a photograph compresses."""
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    slope = random.uniform(-0.2, 0.2, (2, 3)).astype(np.float32)
    base = random.uniform(70, 180, 3).astype(np.float32)
    noise = random.normal(0.0, 12.0, (HEIGHT, WIDTH, 1)).astype(np.float32)
    pixels = base + xs[..., None] * slope[0] + ys[..., None] * slope[1] + noise
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _unique(jpeg: bytes, comment: str) -> bytes:
    """The same picture with a comment segment (marker FF FE) behind the start-of-image marker."""
    text = comment.encode()
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:]
