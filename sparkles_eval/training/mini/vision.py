"""The vision stage: tower and Q-Former learn to tell what stands in each cell. Knows nothing of text.

It stands in for the pre-trained tower of the published system. Query k is asked for cell k (kind, colour, size), the
fifth query for the background; the heads that ask are a training aid and no part of the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from sparkles_eval.sparkleschat.images import MEAN, STD
from sparkles_eval.tasks.mini.scene import (
    BACKGROUND_NAMES,
    CELL_NAMES,
    COLOUR_NAMES,
    KIND_NAMES,
    SIZE_NAMES,
    Scene,
)

QUERIES = len(CELL_NAMES) + 1
"""Query tokens of the tiny models: one for each cell and one for the background."""
_CLASSES = (len(KIND_NAMES) + 1, len(COLOUR_NAMES) + 1, len(SIZE_NAMES) + 1)
"""Kinds, colours and sizes, each with one more for an empty cell."""


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """(n, size, size, 3) uint8 -> (n, 3, size, size) fp32, with the processor's mean and deviation."""
    scaled = pictures.permute(0, 3, 1, 2).float() / 255.0
    return (scaled - torch.from_numpy(MEAN).view(1, 3, 1, 1)) / torch.from_numpy(STD).view(1, 3, 1, 1)


def truths(scenes: Sequence[Scene]) -> torch.Tensor:
    """(n, 13) class numbers: kind, colour and size of each of the four cells, then the background."""
    rows = []
    for scene in scenes:
        row = [len(KIND_NAMES), len(COLOUR_NAMES), len(SIZE_NAMES)] * len(CELL_NAMES)
        for thing in scene.things:
            at = 3 * CELL_NAMES.index(thing.cell)
            row[at : at + 3] = (
                KIND_NAMES.index(thing.kind),
                COLOUR_NAMES.index(thing.colour),
                SIZE_NAMES.index(thing.size),
            )
        rows.append([*row, BACKGROUND_NAMES.index(scene.background)])
    return torch.tensor(rows)


class Heads(nn.Module):
    """Reads Q-Former output (n, 5, width): one linear head for all cells, one for the background."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = nn.Linear(width, sum(_CLASSES))
        self.background = nn.Linear(width, len(BACKGROUND_NAMES))

    def forward(self, found: torch.Tensor) -> list[torch.Tensor]:
        """Logits (n, classes) in the order of `truths`."""
        cells = self.cell(found[:, : len(CELL_NAMES)])
        parts = [part for cell in cells.unbind(1) for part in cell.split(_CLASSES, dim=-1)]
        return [*parts, self.background(found[:, len(CELL_NAMES)])]


def loss_of(logits: Sequence[torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """Mean over the 13 questions of the cross-entropy."""
    return torch.stack([functional.cross_entropy(own, targets[:, k]) for k, own in enumerate(logits)]).mean()


@torch.no_grad()
def share_right(logits: Sequence[torch.Tensor], targets: torch.Tensor) -> tuple[float, float]:
    """Share of right class numbers, and of pictures with all 13 right."""
    hits = torch.stack([own.argmax(-1) == targets[:, k] for k, own in enumerate(logits)], dim=1)
    return hits.float().mean().item(), hits.all(1).float().mean().item()
