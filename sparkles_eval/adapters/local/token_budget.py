"""How many positions a model reads in one go: tried on the first prompts, since no rule of thumb fits all machines."""

from __future__ import annotations

_FIRST = {"cpu": 1024, "cuda": 8192}
_LEAST = 512
_TRIALS = 2
"""Groups that are timed with each budget."""
_BETTER = 1.03
"""A budget is kept where it is so much faster than the best before."""


class TokenBudget:
    """Positions (rows x longest prompt) that are read together. `most` is what memory allows."""

    def __init__(self, device: str, most: int) -> None:
        self._most = max(_LEAST, most)
        self.positions = min(_FIRST.get(device, _LEAST), self._most)
        """The budget in use."""
        self._speeds: dict[int, list[float]] = {}
        self._settled = False

    def seen(self, positions: int, seconds: float) -> None:
        """A group of so many positions took so long. Groups that are far below the budget tell nothing of it."""
        if self._settled or seconds <= 0 or positions < self.positions // 2:
            return
        speeds = self._speeds.setdefault(self.positions, [])
        speeds.append(positions / seconds)
        if len(speeds) >= _TRIALS:
            self._step()

    def _step(self) -> None:
        """Go on doubling while that is faster; then halve from the first while that is; then stay with the best."""
        best = max(self._speeds, key=self._best)
        largest, smallest = max(self._speeds), min(self._speeds)
        if best == largest and best * 2 <= self._most and self._gains(best, best // 2):
            self.positions = best * 2
        elif best == smallest and best // 2 >= _LEAST and best // 2 not in self._speeds:
            self.positions = best // 2
        else:
            self.positions, self._settled = best, True

    def _gains(self, budget: int, before: int) -> bool:
        return before not in self._speeds or self._best(budget) > self._best(before) * _BETTER

    def _best(self, budget: int) -> float:
        return max(self._speeds[budget])
