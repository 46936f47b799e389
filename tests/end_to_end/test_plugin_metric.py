"""A metric of a `--plugin` file appears everywhere a built-in one does, through the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.tasks.metrics import METRICS
from tests.end_to_end.running import cli, here

OWN = Path(__file__).resolve().parents[2] / "examples" / "own_metric"
PLUGIN = ("--plugin", str(OWN / "worst_turn.py"))
MODELS = ("baseline/oracle", "baseline/constant")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two models on a task that is led by the plugin's metric."""
    folder = tmp_path_factory.mktemp("metric")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        asked = [part for model in MODELS for part in ("--model", model)]
        file = folder / "s.db"
        done = here(
            "run", "--task", str(OWN / "both-answers"), *PLUGIN, *asked, "--store", str(file), "--task-arg", "n=32"
        )
        assert done.code == 0 and "Worse answer" in done.shown
        yield file


def _compared(store: Path, *more: str) -> dict[str, float]:
    out = store.with_name("compared.json")
    assert here("compare", *MODELS, "--store", str(store), "--json", str(out), *PLUGIN, *more).code == 0
    (models,) = (table for table in json.loads(out.read_text()) if table["table"] == "models")
    return {row["model"]: row["value"] for row in models["rows"]}


def test_it_leads_the_table_and_compare_verify_and_exports_agree(store: Path, tmp_path: Path) -> None:
    compared = _compared(store)
    assert compared == _compared(store, "--metric", "worst_turn") and compared["baseline/oracle"] > 9
    page = tmp_path / "report.html"
    assert here("report", "--store", str(store), "--out", str(page), "--no-figures", *PLUGIN).code == 0
    text = page.read_text()
    assert "Worse answer" in text and "Good throughout" in text
    out = tmp_path / "results"
    assert here("export", "--as", "results-json", "--store", str(store), "--out", str(out), *PLUGIN).code == 0
    texts = [path.read_text() for path in ([out] if out.is_file() else sorted(out.rglob("*.json")))]
    exported = next(found for text in texts if (found := json.loads(text))["model_name"] == MODELS[1])
    (said,) = exported["results"].values()
    assert next(v for k, v in said.items() if k.startswith("worst_turn,")) == compared[MODELS[1]]
    verified = here("verify", str(store), *PLUGIN)
    assert verified.code == 0 and "everything follows" in verified.shown


def test_it_is_in_a_bundle_and_on_its_leaderboard(store: Path, tmp_path: Path) -> None:
    bundles, site = tmp_path / "bundles", tmp_path / "site"
    bundles.mkdir()
    bundle = bundles / "own.zip"
    assert here("submit", "--store", str(store), "--out", str(bundle), *PLUGIN).code == 0
    assert here("leaderboard", "build", str(bundles), "--out", str(site), "--no-figures", *PLUGIN).code == 0
    assert "Worse answer" in (site / "index.html").read_text()


def test_without_the_plugin_nothing_else_takes_its_place(store: Path) -> None:
    done = cli("compare", *MODELS, "--store", str(store))
    assert done.code == 2 and "worst_turn" in done.shown and "--plugin" in done.shown
    done = cli("verify", str(store))
    assert done.code == 0 and "the metric worst_turn is unknown here" in done.shown


def test_a_task_that_lists_an_unknown_metric_is_told_what_there_is(tmp_path: Path) -> None:
    done = cli(
        "run", "--task", str(OWN / "both-answers"), "--model", "baseline/oracle", "--store", str(tmp_path / "s.db")
    )
    assert done.code == 2
    for words in ("unknown metric 'worst_turn', 'good_throughout'", "accuracy", "judge_score", "--plugin"):
        assert words in done.shown


def test_list_metrics_shows_them_beside_the_built_in_ones() -> None:
    done = here("list", "metrics", *PLUGIN)
    assert done.code == 0 and "good_throughout" in done.out and "group_score" in done.out


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("@metric(title='T')\ndef accuracy(s):\n    'D'\n    return 1", "metric 'accuracy' is defined in"),
        ("@metric(title='T')\ndef Bad(s):\n    'D'\n    return 1", "metric 'Bad': use lower case letters"),
        ("@metric(title='T')\ndef mute(s):\n    return 1", "metric 'mute': write a docstring"),
        ("@metric(title='T', scale=(1, 1))\ndef flat(s):\n    'D'\n    return 1", "has no width"),
        ("@metric(title='T', needs='judges')\ndef odd(s):\n    'D'\n    return 1", "needs 'judges'; known are options"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "declares none of ADAPTERS"),
    ],
)
def test_a_plugin_that_cannot_be_is_one_clear_error(source: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(f"from sparkles_eval import metric\n{source}\n")
    before = list(METRICS)
    with pytest.raises(UserError, match=re.escape(why)):
        load_plugin(file)
    assert list(METRICS) == before


def test_a_function_that_fails_or_leaves_its_scale_stops_with_metric_and_sample(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "faulty.py"
    file.write_text(
        "from sparkles_eval import metric\n\n"
        "@metric(title='F', needs='judge')\ndef faulty_key(s):\n    'D'\n    return s.values[9, 'C9']\n\n"
        "@metric(title='G', needs='judge')\ndef faulty_scale(s):\n    'D'\n    return 11\n\n"
        "@metric(title='H', needs='judge')\ndef faulty_nan(s):\n    'D'\n    return float('nan')\n"
    )
    load_plugin(file)
    for name, why in (
        ("faulty_key", r"failed in faulty\.py, line 6: KeyError"),
        ("faulty_scale", "between 1 and 10"),
        ("faulty_nan", "gave nan"),
    ):
        with pytest.raises(UserError, match=f"metric '{name}', sample sparkleseval-mini-0-[0-9]+: .*{why}"):
            here("compare", *MODELS, "--store", str(store), "--metric", name, "--plugin", str(file))
    METRICS.forget(METRICS.modules()["faulty_key"])
