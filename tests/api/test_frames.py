"""Frames have the columns and types that the reference names, whatever the store holds."""

from __future__ import annotations

from pathlib import Path

import pytest

import sparkles_eval as se
from sparkles_eval.api.frames import COLUMNS, FrameName, read_frame
from sparkles_eval.store.reading import open_to_read
from sparkles_eval.store.store import Store

NAMES: list[FrameName] = list(COLUMNS)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        models = ["baseline/chance", "baseline/oracle"]
        se.run(se.task("bison-mini", n=6), models, store=folder / "s.db", epochs=2, progress=False)
        se.run(se.task("sparkleseval-mini", n=3), models, store=folder / "s.db", progress=False)
    return folder / "s.db"


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_has_its_columns_and_types(name: FrameName, file: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "empty.db"):
        pass
    for path in (file, tmp_path / "empty.db"):
        with open_to_read(path) as store:
            frame = read_frame(store, name)
        assert {column: str(kind) for column, kind in frame.dtypes.items()} == {
            column: about.dtype for column, about in COLUMNS[name].items()
        }
        assert (len(frame) > 0) == (path == file)


def test_numbers_are_those_of_the_store(file: Path) -> None:
    results = se.load(file)
    assert len(results.runs) == 4 and results.runs["samples"].tolist() == [6, 6, 3, 3]
    assert results.runs.loc[results.runs["task"] == "bison-mini", "answered"].tolist() == [12, 12]
    oracle = results.scores.query("model == 'baseline/oracle' and task == 'bison-mini'")
    assert len(oracle) == 12 and (oracle["value"] == 1).all() and not oracle["invalid"].any()
    board = results.leaderboard("bison-mini").query("headline")
    assert board["model"].tolist()[0] == "baseline/oracle" and board["value"].tolist()[0] == 1.0
    assert board["graded"].tolist() == [12, 12] and board["reference"].all()
    assert results.samples["options"].map(len).tolist()[:6] == [2] * 6
    first = results.samples.to_dict("records")[0]
    assert str(first["text"]).count("<image>") == len(first["images"]) == 2
    assert len(results.responses) == 12 * 2 + len(results.responses.query("task == 'sparkleseval-mini'"))


def test_some_runs_alone(file: Path) -> None:
    everything = se.load(file)
    one = se.load(file, runs=[everything.run_ids[2]])
    assert one.run_ids == (everything.run_ids[2],)
    for name in ("runs", "scores", "responses"):
        assert set(getattr(one, name)["run"]) == {everything.run_ids[2]}
    assert set(one.samples["task"]) == {"sparkleseval-mini"}
    with pytest.raises(se.UserError, match="no run nothere"):
        se.load(file, runs=["nothere"])
