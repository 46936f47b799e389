"""Recipes: the published one to the letter, and every mistake named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.core.errors import ContentError
from sparkles_eval.training.recipes import MiniRecipe, ProjectionRecipe, names, read_recipe
from tests.training.making import write_recipe


def test_every_shipped_recipe_can_be_read() -> None:
    assert {"sparkleschat-7b", "minigpt4-tiny", "sparkleschat-tiny"} <= set(names())
    recipes = [read_recipe(name) for name in names()]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes), "two recipes train the same"


def test_the_published_recipe(root: Path) -> None:
    recipe = read_recipe("sparkleschat-7b")
    assert isinstance(recipe, ProjectionRecipe)
    weights = {subset.name.removeprefix("SparklesDialogue"): subset.weight for subset in recipe.subsets}
    assert weights == {
        **{f"CC_turn1_{n}img": 2 for n in (1, 2, 3)},
        **{f"CC_turn2_{n}img": 1 for n in (2, 3, 4)},
        **{f"VG_turn1_{n}img": 2 for n in (2, 3)},
        **{f"VG_turn2_{n}img": 1 for n in (3, 4)},
    }
    assert (recipe.steps, recipe.batch, recipe.seed) == (2000, 8, 42)
    assert (recipe.betas, recipe.eps, recipe.weight_decay) == ((0.9, 0.999), 1e-8, 0.05)
    assert recipe.views.scale == (0.5, 1.0) and recipe.views.ratio == pytest.approx((3 / 4, 4 / 3))
    schedule = recipe.schedule.over(recipe.steps)
    expected = np.load(root / "tests" / "golden" / "model" / "lr_schedule_2000.npy")
    assert np.allclose([schedule.rate(step) for step in range(2000)], expected, rtol=1e-6)


def test_tiny_recipes_go_on_from_each_other() -> None:
    first, second = read_recipe("minigpt4-tiny"), read_recipe("sparkleschat-tiny")
    assert isinstance(first, MiniRecipe) and isinstance(second, MiniRecipe)
    assert second.starts_from == "minigpt4-tiny" and not first.starts_from
    assert set(first.language.lessons) == {"single"}, "the single-image system sees nothing but single images"
    assert "single" not in second.language.lessons


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stepps": 3}, "did you mean 'steps'"),
        ({"steps": 0}, "steps"),
        ({"kind": "magic"}, "kind"),
        ({"views": "{crops: 0, online: true}"}, "nothing to cut anew"),
        ({"views": "{scale: [0.9, 0.5]}"}, "least, most"),
        (
            {"evaluate": "{every: 1, tasks: [bison-mini], judge_args: [trust_remote_code=true]}"},
            "a file may not ask for it, only a command line",
        ),
        ({"subsets": "[{name: a, weight: 1, annotations: ../a.json, images: i}]"}, "inside the data folder"),
        ({"subsets": "[{name: a, weight: 0, annotations: a.json, images: i}]"}, "weight"),
        (
            {
                "subsets": f"[{', '.join(2 * ['{name: a, weight: 1, annotations: a, images: i}'])}]",
            },
            "a stands twice",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ContentError, match=said):
        read_recipe(str(write_recipe(tmp_path / "wrong.yaml", **changes)))


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ContentError, match=r"no recipe 'sparkles-8b'.*sparkleschat-7b"):
        read_recipe("sparkles-8b")


def test_the_users_own_folder_goes_first(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    write_recipe(tmp_path / "recipes" / "sparkleschat-7b.yaml")
    assert read_recipe("sparkleschat-7b", [tmp_path]).title == "micro"
