"""Data sets of a Hub on the loopback: fetched, interrupted, pinned, moved, gated, and read from the cache."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparkles_eval.core.errors import DataError, UserError
from sparkles_eval.tasks.columns import hub_download, hub_fetch
from sparkles_eval.tasks.columns.column_spec import RowSource
from sparkles_eval.tasks.columns.hub_fetch import fetch_hub
from sparkles_eval.tasks.load import load_task
from tests.loopback.hub import HubDataSet, LoopbackHub, loopback_hub
from tests.tasks.tables import drawn

pytest.importorskip("huggingface_hub")
pq = pytest.importorskip("pyarrow.parquet")

Write = Callable[..., Path]
FIRST, SECOND = "a" * 40, "b" * 40
CARD = b"""---
license: cc-by-4.0
configs:
- config_name: default
  data_files:
  - {split: test, path: data/test-*}
---
# Quiz
"""
COLUMNS = {"id": "idx", "question": "q", "images": "pics", "options": "opts", "answer": "answer"}


def shard(*names: str, answer: str = "B", size: int = 0) -> bytes:
    import pyarrow as pa

    rows = [
        {
            "idx": name,
            "q": f"What is {name}?",
            "opts": ["up", "down"],
            "answer": answer,
            "pics": [{"bytes": drawn(n), "path": None}],
            "more": bytes(range(256)) * (size // 256),
        }
        for n, name in enumerate(names)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, compression="none", row_group_size=2)
    return out.getvalue()


def files(*shards: bytes) -> dict[str, bytes]:
    named = {f"data/test-{n:05}-of-{len(shards):05}.parquet": data for n, data in enumerate(shards)}
    return {"README.md": CARD, **named}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    quiz = HubDataSet({FIRST: files(shard("1", "2"), shard("3"))}, {"main": FIRST})
    with loopback_hub(org__quiz=quiz) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running


def source(**more: object) -> RowSource:
    return RowSource.model_validate({"hub": "org/quiz", "split": "test", **more})


def test_a_data_set_is_fetched_once_and_then_read_without_a_network(
    hub: LoopbackHub, table_task: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = table_task({"hub": "org/quiz", "split": "test"}, COLUMNS)
    with pytest.raises(DataError, match=r"sparkles-eval data fetch .*quiz"):
        load_task(str(folder))
    said: list[str] = []
    assert fetch_hub(source(), said.append) == FIRST
    assert any("cc-by-4.0" in line for line in said) and any(f"revision: {FIRST}" in line for line in said)
    before = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    task = load_task(str(folder))
    assert [sample.id for sample in task.samples] == ["1", "2", "3"] and task.args["revision"] == FIRST
    assert len(hub.asked) == before
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        fetch_hub(source(), said.append)


def test_an_interrupted_download_is_no_data_set_and_goes_on_where_it_stopped(
    hub: LoopbackHub, table_task: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = shard("1", size=3_000_000)
    hub.sets["org/quiz"] = HubDataSet({FIRST: files(shard("0"), large)}, {"main": FIRST}, cut_after=1_000_000)
    folder = table_task({"hub": "org/quiz", "split": "test", "revision": FIRST}, COLUMNS)
    monkeypatch.setattr(hub_download, "LARGE_FILE", 100_000)
    with pytest.raises(UserError, match="the same command again goes on"):
        fetch_hub(source(revision=FIRST), print)
    with pytest.raises(DataError, match="1 of its 2 files are in the cache"):
        load_task(str(folder))
    fetch_hub(source(revision=FIRST), print)
    assert [sample.id for sample in load_task(str(folder)).samples] == ["0", "1"]
    assert any(line.startswith("GET") and "bytes=1000000-" in line for line in hub.asked)
    assert hub.sent < 1.1 * len(large)


def test_a_branch_that_moved_is_told_and_a_pin_keeps_the_old_data(hub: LoopbackHub, table_task: Write) -> None:
    fetch_hub(source(), print)
    quiz = hub.sets["org/quiz"]
    quiz.commits[SECOND] = files(shard("1", "2", answer="A"))
    quiz.refs["main"] = SECOND
    said: list[str] = []
    assert fetch_hub(source(), said.append) == SECOND
    assert any(line.startswith("moved") and FIRST[:12] in line for line in said)
    folder = table_task({"hub": "org/quiz", "split": "test"}, COLUMNS)
    assert [sample.target for sample in load_task(str(folder)).samples] == ["up", "up"]
    table_task({"hub": "org/quiz", "split": "test", "revision": FIRST}, COLUMNS)
    assert [sample.target for sample in load_task(str(folder)).samples] == ["down"] * 3
    del quiz.commits[FIRST]
    with pytest.raises(UserError, match="no revision"):
        fetch_hub(source(revision="c" * 40), print)


def test_gates_and_names_that_are_not_there_are_told_with_the_fix(hub: LoopbackHub) -> None:
    hub.sets["org/quiz"].gated = "manual"
    said: list[str] = []
    with pytest.raises(UserError, match=r"gated: agree to its conditions at .*/datasets/org/quiz, then set HF_TOKEN"):
        fetch_hub(source(), said.append)
    with pytest.raises(UserError, match="there is none at"):
        fetch_hub(source(hub="org/nothing"), print)
    hub.sets["org/quiz"].gated = ""
    with pytest.raises(UserError, match="no split 'val'; it has test"):
        fetch_hub(source(split="val"), print)
    with pytest.raises(UserError, match="no config 'other'; it has default"):
        fetch_hub(source(config="other"), print)


def test_of_a_large_set_only_the_first_rows_are_fetched(
    hub: LoopbackHub, table_task: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_fetch, "LARGE", 1_000_000)
    large = shard(*map(str, range(12)), size=2_000_000)
    hub.sets["org/quiz"] = HubDataSet({FIRST: files(large, large)}, {"main": FIRST})
    fetch_hub(source(), print, first=2)
    assert hub.sent < len(large) / 2
    folder = table_task({"hub": "org/quiz", "split": "test"}, COLUMNS)
    assert [sample.id for sample in load_task(str(folder), first=2).samples] == ["0", "1"]
    with pytest.raises(DataError, match="data fetch"):
        load_task(str(folder), first=3)


def test_a_cache_that_hf_download_filled_is_read_through_its_links(
    hub: LoopbackHub, table_task: Write, tmp_path: Path
) -> None:
    import huggingface_hub

    for name in hub.sets["org/quiz"].commits[FIRST]:
        huggingface_hub.hf_hub_download(
            "org/quiz", name, repo_type="dataset", cache_dir=tmp_path / "hf" / "hub", endpoint=hub.url
        )
    snapshot = tmp_path / "hf" / "hub" / "datasets--org--quiz" / "snapshots" / FIRST / "README.md"
    assert snapshot.is_symlink()
    folder = table_task({"hub": "org/quiz", "split": "test"}, COLUMNS)
    assert len(load_task(str(folder)).samples) == 3
    (snapshot.parent / "data" / "test-00001-of-00002.parquet").unlink()
    with pytest.raises(DataError, match=r"data/test-00001-of-00002.parquet is not"):
        load_task(str(folder))
