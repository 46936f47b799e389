"""Loading a task: by name, path and overlay; arguments; choosing samples; what `list tasks` shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core import Text
from sparkles_eval.core.content import content_dir
from sparkles_eval.core.errors import ContentError, DataError, UserError
from sparkles_eval.core.files import cache_dir
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.folders import write_task_scaffold
from sparkles_eval.tasks.load import list_tasks, load_task, select


def question(number: int) -> dict[str, object]:
    return {"id": f"q{number}", "text": f"Question {number}?", "options": ["Yes", "No"], "target": "No"}


@pytest.fixture
def task(lines: Callable[..., Path]) -> Task:
    return load_task(str(lines(*map(question, range(30)))))


def test_a_users_own_folder_on_real_published_pictures(shared_data: Path, root: Path) -> None:
    task = load_task(str(root / "examples" / "nlvr1"), data_root=shared_data / "nlvr1_dev")
    assert len(task.samples) == 165
    assert len({sample.group for sample in task.samples}) == 43
    published = [json.loads(line) for line in (shared_data / "nlvr1_dev" / "dev.json").read_text("utf-8").splitlines()]
    assert [(sample.id, sample.target) for sample in task.samples] == [
        (row["identifier"], row["label"].capitalize()) for row in published
    ]
    texts = [sample.turns[0].content[1] for sample in task.samples]
    assert texts == [Text(f"\nStatement: {row['sentence']}") for row in published]
    assert all(len(sample.images) == 1 and sample.images[0].width == 400 for sample in task.samples)
    parts = task.prompt.conversation(task.samples[0], ()).messages[0].parts
    assert parts[1] == task.samples[0].images[0]
    assert "There is a black square" in task.prompt.conversation(task.samples[0], ()).messages[0].text
    with pytest.raises(DataError, match="How to get the data: Take the dev pictures"):
        load_task(str(root / "examples" / "nlvr1"))


def test_a_skeleton_loads_as_it_is_and_is_never_overwritten(tmp_path: Path) -> None:
    folder = write_task_scaffold("my-task", tmp_path / "new")
    task = load_task(str(folder))
    assert (task.name, len(task.samples), [len(sample.turns) for sample in task.samples]) == ("my-task", 3, [1, 1, 2])
    rendered = [task.prompt.conversation(sample, [""] * (len(sample.turns) - 1)) for sample in task.samples]
    assert "Hint: Count the corners." in rendered[1].messages[0].text
    assert "Therefore" in rendered[2].messages[2].text and "Therefore" not in rendered[2].messages[0].text
    assert "@NAME@" not in "".join(path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file())
    with pytest.raises(UserError, match="is there already"):
        write_task_scaffold("my-task", tmp_path / "new")
    with pytest.raises(UserError, match="cannot be a name"):
        write_task_scaffold("../my task", tmp_path)


def test_one_prompt_file_of_a_shipped_task_can_be_replaced(shared_data: Path, tmp_path: Path) -> None:
    data = shared_data / "sparkles_layout"
    shipped = load_task("nlvr2", data_root=data)
    (tmp_path / "tasks" / "nlvr2").mkdir(parents=True)
    (tmp_path / "tasks" / "nlvr2" / "prompt.md.j2").write_text("{{ content }} Really?", encoding="utf-8")
    changed = load_task("nlvr2", data_root=data, content=[tmp_path])
    assert changed.prompt.conversation(changed.samples[0], ()).messages[0].text.endswith("Really?")
    assert changed.protocol.prompt_hash != shipped.protocol.prompt_hash
    assert changed.data_hash == shipped.data_hash
    paper = [load_task("nlvr2", data_root=data, protocol="paper", content=c) for c in ([], [tmp_path])]
    assert paper[0].protocol == paper[1].protocol


def test_names_of_an_overlay_and_what_is_not_usable(tmp_path: Path) -> None:
    overlay = tmp_path / "tasks"
    for name in ("tea", "broken", "foreign", "bare", "other"):
        shutil.copytree(write_task_scaffold(name, tmp_path / "made"), overlay / name)
    (overlay / "broken" / "task.yaml").write_text("name: broken\n", encoding="utf-8")
    text = (overlay / "foreign" / "task.yaml").read_text(encoding="utf-8")
    (overlay / "foreign" / "task.yaml").write_text(text.replace("loader: jsonl", "loader: parquet"), encoding="utf-8")
    (overlay / "bare" / "prompt.md.j2").unlink()
    (overlay / "other" / "task.yaml").write_text(text.replace("name: foreign", "name: tea"), encoding="utf-8")
    (overlay / "notes").mkdir()
    found = {info.name: info for info in list_tasks([tmp_path])}
    assert found["tea"].usable and found["tea"].where == overlay / "tea"
    assert {"sparkleseval", "bison", "nlvr2"} <= {name for name, info in found.items() if info.needs_data_root}
    assert "version: missing" in found["broken"].why_not
    assert "loader: 'parquet' is not installed" in found["foreign"].why_not
    assert "prompt.md.j2 is missing" in found["bare"].why_not
    assert "is not the folder's name" in found["other"].why_not
    assert not {"notes", "_skeleton"} & set(found)
    assert len(load_task("tea", content=[tmp_path]).samples) == 3
    with pytest.raises(ContentError, match=r"unknown loader 'parquet'; known: .*jsonl"):
        load_task("foreign", content=[tmp_path])
    with pytest.raises(ContentError, match=r"prompt\.md\.j2 is missing"):
        load_task("bare", content=[tmp_path])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nlvr", "Did you mean 'nlvr2'"),
        ("./nowhere", "there is no such folder"),
        ("/", "no such file; a task folder holds a task.yaml"),
        ("_skeleton", "there is no such folder"),
    ],
)
def test_an_unknown_task_names_what_there_is(name: str, told: str) -> None:
    with pytest.raises(ContentError, match=told):
        load_task(name)


def test_an_unknown_protocol_or_argument_names_what_there_is(lines: Callable[..., Path]) -> None:
    folder = str(lines(question(1)))
    with pytest.raises(ContentError, match="no protocol 'loose'; it has strict"):
        load_task(folder, protocol="loose")
    with pytest.raises(ContentError, match=r"unknown --task-arg sample \(did you mean 'samples'\?\); it takes samples"):
        load_task(folder, args={"sample": "x"})


def test_a_prompt_that_fails_on_any_shape_of_sample_fails_before_a_run(lines: Callable[..., Path]) -> None:
    folder = lines(question(1), question(2) | {"fields": {"hint": "No."}})
    (folder / "prompt.md.j2").write_text("{{ content }} {{ hint }}", encoding="utf-8")
    with pytest.raises(ContentError, match=r"prompt\.md\.j2, sample q1: 'hint' is undefined"):
        load_task(str(folder))


def test_a_plugins_loader_is_found_and_its_samples_are_checked(lines: Callable[..., Path], tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from sparkles_eval.core import Sample, Text, Turn\n"
        "from sparkles_eval.tasks.base import Loaded\n"
        "def load(source):\n"
        "    turns = (Turn((Text('Is it?'),)),)\n"
        "    return Loaded(tuple(Sample('same', turns, {}, ('Yes', 'No'), 'Yes') for _ in range(2)))\n"
        "LOADERS = {'doubles': load}\n",
        encoding="utf-8",
    )
    folder = lines()
    text = (folder / "task.yaml").read_text(encoding="utf-8")
    (folder / "task.yaml").write_text(text.replace("loader: jsonl", "loader: doubles"), encoding="utf-8")
    with pytest.raises(DataError, match="same: duplicate id"):
        load_task(str(folder), plugins=[plugin])
    assert len(load_task(str(folder), plugins=[plugin], skip_bad=True).samples) == 1


def test_samples_are_chosen_by_id_in_the_datas_order(task: Task) -> None:
    chosen = select(task, ids=["q7", "q2", "q2"])
    assert [sample.id for sample in chosen.samples] == ["q2", "q7"]
    assert (chosen.total, len(select(task, limit=4).samples), len(select(task).samples)) == (30, 4, 30)
    assert chosen.data_hash != task.data_hash


def test_a_shuffle_is_the_same_everywhere_and_grows_with_the_limit(task: Task) -> None:
    few, more = (select(task, shuffle_seed=3, limit=limit).samples for limit in (5, 12))
    assert more[:5] == few
    assert [sample.id for sample in few] == ["q25", "q7", "q15", "q27", "q22"]
    assert {sample.id for sample in select(task, shuffle_seed=3).samples} == {f"q{n}" for n in range(30)}
    thinner = replace(task, samples=tuple(sample for sample in task.samples if sample.id != "q29"))
    without = [sample.id for sample in select(thinner, shuffle_seed=3).samples]
    assert without == [sample.id for sample in select(task, shuffle_seed=3).samples if sample.id != "q29"]


def test_an_unknown_sample_or_limit_says_what_there_is(task: Task) -> None:
    with pytest.raises(UserError, match="no sample q99, r1; its 30 samples are called like q9"):
        select(task, ids=["q1", "q99", "r1"])
    with pytest.raises(UserError, match="--limit 0"):
        select(task, limit=0)


def test_a_sample_that_was_left_out_says_so(lines: Callable[..., Path]) -> None:
    folder = lines(question(1), question(2) | {"target": "Maybe"})
    with pytest.raises(UserError, match="q2 was left out with --skip-bad"):
        select(load_task(str(folder), skip_bad=True), ids=["q2"])


def test_the_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("SPARKLES_CACHE")
    assert cache_dir().name == "sparkles-eval"


@pytest.mark.parametrize("name", ["bison", "nlvr2"])
def test_shipped_prompts_ask_for_what_the_answer_rules_read(name: str) -> None:
    for file in ("prompt.md.j2", "paper.md.j2"):
        assert "Therefore, the answer" in (content_dir("tasks") / name / file).read_text(encoding="utf-8")
