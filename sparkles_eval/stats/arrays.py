"""Turns lists with None, tuples and arrays into float arrays and cluster codes.

Checks shapes only, and its errors say what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.core.errors import UserError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = Sequence[float | None] | NDArray[np.generic]
"""One number per item; None or NaN where there is none."""
ValueTable: TypeAlias = Sequence[Sequence[float | None]] | NDArray[np.generic]
"""Rows of equal length; None or NaN where a cell is empty."""
Labels: TypeAlias = Sequence[Hashable] | NDArray[np.generic]
"""One name per item: which cluster, group, model or judge it belongs to. A frozenset names several clusters, each of
which the item shares with others."""


def floats(values: Values, who: str) -> FloatArray:
    """1-D float array of `values`, NaN for missing. Raises UserError for other shapes, text or infinities."""
    return _checked([np.nan if v is None else v for v in values], who, dimensions=1)


def table(rows: ValueTable, who: str) -> FloatArray:
    """2-D float array of `rows`, NaN for missing. Raises UserError for ragged rows, text or infinities."""
    if isinstance(rows, np.ndarray):
        return _checked(rows, who, dimensions=2)
    return _checked([[np.nan if v is None else v for v in row] for row in rows], who, dimensions=2)


def _checked(values: object, who: str, dimensions: int) -> FloatArray:
    shape = "one number per item" if dimensions == 1 else "rows of equal length, one number per cell"
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{who}: {error}; give {shape}") from error
    if array.size == 0:
        return np.zeros((0,) * dimensions)
    if array.ndim != dimensions:
        raise UserError(f"{who}: has {array.ndim} dimensions; give {shape}")
    if np.isinf(array).any():
        raise UserError(f"{who}: holds an infinite number; leave that item out or mark it as missing (None)")
    return array


def complete(values: Values, who: str) -> FloatArray:
    """Like `floats`, but refuses missing values."""
    array = floats(values, who)
    gaps = np.flatnonzero(np.isnan(array))
    if gaps.size:
        raise UserError(f"{who}: {gaps.size} items have no value (first: item {gaps[0]}); leave them out before")
    return array


def complete_table(rows: ValueTable, who: str) -> FloatArray:
    """Like `table`, but refuses empty cells and empty tables."""
    array = table(rows, who)
    if not array.size:
        raise UserError(f"{who}: is empty; give at least one row and one column")
    gaps = np.argwhere(np.isnan(array))
    if gaps.size:
        row, column = gaps[0]
        raise UserError(f"{who}: {len(gaps)} cells are empty (first: row {row}, column {column}); leave those rows out")
    return array


def common(*columns: Values) -> BoolArray:
    """True for the items that every column has a value for. What it leaves out is lost: say how many.

    Raises UserError unless the columns are aligned, one entry per item in each.
    """
    arrays = [floats(column, "common items") for column in columns]
    same_length("common items", *arrays)
    return np.asarray(~np.isnan(np.stack(arrays)).any(axis=0), dtype=np.bool_)


def same_length(who: str, *arrays: Labels | FloatArray) -> None:
    """Raises UserError unless all arrays have the same length."""
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise UserError(f"{who}: lengths differ ({', '.join(map(str, lengths))}); give one entry per item in each")


def codes(labels: Labels) -> tuple[IntArray, int]:
    """Labels as 0..G-1 in order of first appearance (of value, for integer arrays), and G.

    Items with sets of clusters are together where their sets are connected: what is left is independent.
    """
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iub":
        unique, inverse = np.unique(labels, return_inverse=True)
        return inverse.astype(np.int64), int(unique.size)
    if any(isinstance(label, frozenset) for label in labels):
        return _connected(labels)
    seen: dict[Hashable, int] = {}
    found = np.fromiter((seen.setdefault(label, len(seen)) for label in labels), dtype=np.int64, count=len(labels))
    return found, len(seen)


def object_labels(labels: Labels) -> NDArray[np.generic]:
    """Labels as an array that can be indexed: arrays as they are, anything else as an array of objects."""
    if isinstance(labels, np.ndarray):
        return labels
    found = np.empty(len(labels), dtype=np.object_)
    found[:] = list(labels)
    return found


def _connected(labels: Labels) -> tuple[IntArray, int]:
    """Items joined through any cluster that they share, by union-find."""
    parent: dict[Hashable, Hashable] = {}

    def top(unit: Hashable) -> Hashable:
        parent.setdefault(unit, unit)
        while parent[unit] != unit:
            parent[unit] = unit = parent[parent[unit]]
        return unit

    first: list[Hashable] = []
    for label in labels:
        units = list(label) if isinstance(label, frozenset) else [label]
        for unit in units[1:]:
            parent[top(unit)] = top(units[0])
        first.append(units[0])
    seen: dict[Hashable, int] = {}
    found = [seen.setdefault(top(unit), len(seen)) for unit in first]
    return np.array(found, dtype=np.int64), len(seen)


def is_constant(array: FloatArray) -> bool:
    """True when all values are equal up to rounding (differences of scores carry noise of 1e-16)."""
    if array.size == 0:
        return True
    scale = max(1.0, float(np.max(np.abs(array))))
    return float(np.ptp(array)) <= 1e-12 * scale


def midranks(array: FloatArray) -> FloatArray:
    """Ranks 1..n, ties share the mean of their ranks."""
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], dtype=np.float64)


def number_at(values: FloatArray, index: int) -> float | None:
    """The number at that place, None for NaN."""
    value = float(values[index])
    return None if np.isnan(value) else value
