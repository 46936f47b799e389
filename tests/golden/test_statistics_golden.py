"""Every golden statistics case against the library, one test per case.

Cases lie in `statistics_*.json` beside this file and, if set, in the folder named by SPARKLES_EXTRA_GOLDENS.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.golden.reading import HERE, golden_files


def _methods() -> dict[str, Any]:
    """Method name to adapter, gathered from the files in `methods/`."""
    found: dict[str, Any] = {}
    for file in sorted((HERE / "methods").glob("golden_*.py")):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.METHODS
    return found


METHODS = _methods()


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"golden-{file.stem}-{case['id']}")
        for file in golden_files("statistics_*.json")
        for case in json.loads(file.read_text(encoding="utf-8"))["cases"]
    ]


def _compare(found: object, expected: object, tolerance: float, where: str) -> None:
    if isinstance(expected, Mapping):
        assert isinstance(found, Mapping), where
        for key, value in expected.items():
            assert key in found, f"{where}: the library gives no {key!r}"
            _compare(found[key], value, tolerance, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, Sequence | np.ndarray), where
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            _compare(found[index], value, tolerance, f"{where}[{index}]")
    elif expected is None:
        assert found is None or (isinstance(found, float) and math.isnan(found)), f"{where}: {found} is not missing"
    elif isinstance(expected, bool | str):
        assert found == expected, where
    else:
        assert isinstance(expected, int | float)
        assert isinstance(found, int | float | np.number), f"{where}: {found!r} is not a number"
        # The files round to twelve digits, which matters where the tolerance is 0.
        assert abs(float(found) - expected) <= tolerance + 1e-12 * max(1.0, abs(expected)), where


@pytest.mark.parametrize("case", _cases())
def test_golden(case: dict[str, Any]) -> None:
    adapter = METHODS[case["method"]]
    _compare(adapter(case["inputs"], case["expected"]), case["expected"], case["tolerance"], case["id"])


def test_every_method_of_the_table_is_met_by_a_case() -> None:
    met = {case.values[0]["method"] for case in _cases()}
    assert set(METHODS) == met
