"""Results in the schema of Every Eval Ever: by its own schema file where the package is there, and by the numbers."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.config import HubOptions
from sparkles_eval.publishing.exports import ExportFormat
from sparkles_eval.publishing.exports.write import export
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RUN, fill


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    with Store(tmp_path / "s.db") as store:
        fill(store, {"o/a": [1.0] * 30 + [0.0] * 9 + [None]}, run=replace(RUN, task="bison"))
        fill(store, {"o/a": [5.0] * 39 + [4.0]}, run=replace(RUN, task="talk", answer_rule=None), judge=RATER)
        with pytest.raises(UserError, match="--organization"):
            export(store, None, ExportFormat.EVERY_EVAL_EVER, None)
        (path,) = export(
            store, None, ExportFormat.EVERY_EVAL_EVER, tmp_path / "e.txt", HubOptions(organization="A lab")
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_every_number_has_its_interval_and_its_counts(record: dict[str, Any]) -> None:
    found = {one["metric_config"]["metric_id"]: one for one in record["evaluation_results"]}
    accuracy = found["accuracy"]
    assert accuracy["score_details"]["score"] == 30 / 39
    interval = accuracy["score_details"]["uncertainty"]["confidence_interval"]
    assert interval["lower"] < 30 / 39 < interval["upper"] and interval["confidence_level"] == 0.95
    details = accuracy["score_details"]["details"]
    assert (details["graded"], details["asked"]) == ("39", "40")
    assert "llm_scoring" not in accuracy["metric_config"]
    judged = found["sparkles_score"]["metric_config"]
    assert judged["llm_scoring"]["judges"][0]["model_info"]["name"] == "rater" and judged["max_score"] == 10


def test_it_is_valid_by_the_schema_itself(record: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    folder = os.environ.get("SPARKLES_EVAL_SCHEMAS")
    spec = find_spec("every_eval_ever")
    if folder is None and (spec is None or spec.origin is None):
        pytest.skip(
            "needs the package every-eval-ever (Python 3.12), or its folder of schemas in SPARKLES_EVAL_SCHEMAS"
        )
    path = Path(folder) if folder else Path(str(spec.origin)).parent / "schemas"  # type: ignore[union-attr]
    jsonschema.validate(record, json.loads((path / "eval.schema.json").read_text(encoding="utf-8")))
