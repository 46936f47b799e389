"""Results for the Hub: huggingface_hub reads them back, and what may be wrong is not written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.config import HubOptions
from sparkles_eval.publishing.exports import ExportFormat
from sparkles_eval.publishing.exports.write import export
from sparkles_eval.store.store import Store
from tests.analysis.making import RUN, fill

HERE = HubOptions(datasets=("bison=owner/bison:test_split@0123abc",), source="https://example.org/report")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "s.db")
    half: list[float | None] = [1.0] * 20 + [None] * 20
    fill(store, {"o/a": [1.0] * 30 + [0.0] * 10, "gaps": half}, run=replace(RUN, task="bison"))
    return store


def test_huggingface_hub_reads_the_entries_back(store: Store, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (extra 'hub')")
    (path,) = export(store, None, ExportFormat.EVAL_RESULTS, tmp_path / "r.txt", HERE)
    (entry,) = hub.parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert (entry.dataset_id, entry.task_id, entry.dataset_revision) == ("owner/bison", "test_split", "0123abc")
    assert entry.value == 75.0 and entry.source_url == HERE.source
    assert "95% CI [59.8, 85.8]; 40 of 40 graded; strict protocol v1; scored by strict" in entry.notes
    assert "gaps" not in path.read_text(encoding="utf-8"), "too little of it is graded"


def test_a_data_set_is_named_for_each_task(store: Store) -> None:
    for datasets, said in (
        ((), "name it with --dataset"),
        (("bison",), "TASK=OWNER/SET"),
        (("bison=owner/../x",), "TASK=OWNER/SET"),
        (("nlvr2=owner/x",), "no run is of this task; there are bison"),
    ):
        with pytest.raises(UserError, match=said):
            export(store, None, ExportFormat.EVAL_RESULTS, None, HubOptions(datasets=datasets))


def test_a_benchmark_has_its_eval_yaml(store: Store, tmp_path: Path) -> None:
    (path,) = export(store, None, ExportFormat.EVAL_YAML, tmp_path / "eval.yaml", HubOptions(framework="inspect-ai"))
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (found["name"], found["evaluation_framework"]) == ("Bison", "inspect-ai")
    assert found["tasks"] == [{"id": "bison", "split": "test"}]
