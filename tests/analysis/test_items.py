"""Items over many models: difficulty, discrimination, and an item with a wrong label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparkles_eval as se
from sparkles_eval.analysis.items import items
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.store import Store
from tests.analysis.making import fill


def test_a_wrong_label_is_found_and_an_easy_item_tells_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    skills = np.linspace(-2, 2, 16)
    hard = rng.normal(0, 1, 50)
    right = (skills[:, None] - hard + rng.logistic(0, 0.5, (16, 50)) > 0).astype(float)
    right[:, 7] = 1 - (skills > 0)  # who is good elsewhere is "wrong" here
    right[:, 8] = 1
    with Store(tmp_path / "s.db") as store:
        fill(store, {f"m{n:02}": own.tolist() for n, own in enumerate(right)})
        (found,) = items(store)
    each = {one.name: one for one in found.items}
    assert [one.name for one in found.items if one.suspicious] == ["item-7"]
    assert each["item-8"].discrimination is None and each["item-8"].difficulty == 0
    assert found.items[0].difficulty == max(1 - right.mean(axis=0)) == pytest.approx(found.items[0].difficulty)
    good = np.median([one.discrimination for one in found.items if one.discrimination is not None])
    assert good > 0.3
    rest = (right.sum(axis=1) - right[:, 3]) / 49
    assert each["item-3"].discrimination == pytest.approx(np.corrcoef(right[:, 3], rest)[0, 1])
    (table,) = found.tables
    assert "2 of 50 items tell no two models apart" in table.notes[-1] and se.items is items


def test_few_models_describe_no_item(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, {f"m{n}": [1.0, 0.0, 1.0] for n in range(4)})
        with pytest.raises(UserError, match="5 comparable models"):
            items(store)
