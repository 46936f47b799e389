"""A convolutional patch embedding for small vision towers that are trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import initialization as init


class ConvStem(nn.Sequential):
    """Strided convolutions instead of the single patch convolution: (n, 3, size, size) -> (n, width, grid, grid).

    With 16 px patches small models do not learn shapes in reasonable time; with a convolutional stem they do.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        layers: list[nn.Module] = []
        before = 3
        for index, after in enumerate(channels):
            kernel = 5 if index == 0 else 3
            layers += [nn.Conv2d(before, after, kernel, 2, kernel // 2), nn.GroupNorm(8, after), nn.GELU()]
            before = after
        super().__init__(*layers, nn.Conv2d(before, width, 3, 2, 1))

    @property
    def weight(self) -> torch.Tensor:
        """A weight whose dtype the tower's embedding code asks for."""
        weight = self[0].weight
        assert isinstance(weight, torch.Tensor)
        return weight

    def fresh(self) -> None:
        """Set torch's own initial values: the small ones of transformer layers would suppress three convolutions."""
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                init.kaiming_uniform_(layer.weight, a=5**0.5)
