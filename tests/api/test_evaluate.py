"""`se.run`: models, tasks and judges made in Python, with and without a running event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import sparkles_eval as se
from sparkles_eval.core import Sample
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store

PICTURE = Image.new("RGB", (16, 16), "red")
SAMPLES = [
    {"id": str(n), "text": f"Is <image> red? ({n})", "images": [PICTURE], "options": ["Yes", "No"], "target": "Yes"}
    for n in range(4)
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")  # pictures are drawn once


@pytest.fixture(autouse=True)
def place(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)


BISON, DIALOGUES = se.task("bison-mini", n=40), se.task("sparkleseval-mini", n=3)


def yes(images: list[Any], text: str) -> str:
    assert len(images) == text.count("<image>") == 1
    return "Therefore, the answer is Yes."


def no(images: list[Any], text: str) -> str:
    return "Therefore, the answer is No."


def test_a_function_on_a_task_of_python_values(tmp_path: Path) -> None:
    task = se.task("is-it-red", SAMPLES, title="Is it red?")
    results = se.run(task, [se.model(yes), se.model(no)], store="s.db")
    assert results.complete and repr(results) == "<Results of s.db: 2 runs, complete>"
    accuracy = results.leaderboard().query("headline").set_index("model")["value"]
    assert accuracy.to_dict() == {"yes": 1.0, "no": 0.0}
    assert "is-it-red" in results._repr_html_()
    assert (tmp_path / "s.db").is_file()


def test_the_same_again_asks_nothing_and_changed_code_is_another_model() -> None:
    asked: list[str] = []
    word = "Yes"

    def answer(images: list[Any], text: str) -> str:
        asked.append(text)
        return f"Therefore, the answer is {word}."

    task = se.task("is-it-red", SAMPLES)
    se.run(task, se.model(answer, version="1"), store="s.db", progress=False)
    se.run(task, se.model(answer, version="1"), store="s.db", progress=False)
    assert len(asked) == 4
    word = "No"  # what a function closes over is part of what it is
    se.run(task, se.model(answer, version="1"), store="s.db", progress=False)
    assert len(asked) == 8
    # `asked` is a list whose state no code shows: without a version the answers are of this call alone.
    se.run(task, se.model(answer), store="s.db", progress=False)
    se.run(task, se.model(answer), store="s.db", progress=False)
    assert len(asked) == 16


def test_a_function_that_rates() -> None:
    def rate(sample: Sample, answers: tuple[str, ...]) -> list[float | None]:
        return [None if sample.id.endswith("-0") else len(answer) / 1000 for answer in answers]

    results = se.run(DIALOGUES, se.model(yes_all), se.judge(rate), store="s.db", progress=False)
    rated = results.scores.groupby("sample")["value"]
    assert rated.count().min() == 0 and rated.count().max() > 0
    assert results.scores.query("value.isna()")["reason"].str.contains("no number from 0 to 1").all()
    assert not results.complete


def yes_all(images: list[Any], text: str) -> str:
    return "Yes."


def test_in_a_running_loop_and_beside_it() -> None:
    async def notebook() -> list[int]:
        ticks: list[int] = []

        async def tick() -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        first = se.run(BISON, "baseline/chance", store="s.db", limit=4, progress=False)
        during = len(ticks)
        second = await se.run_async(BISON, "baseline/oracle", store="s.db", limit=4, progress=False)
        ticking.cancel()
        assert first.complete and second.complete
        return [during, len(ticks)]

    during, after = asyncio.run(notebook())
    assert after > during, "the loop goes on beside run_async"


def test_a_cancelled_run_keeps_what_it_has_and_the_same_call_goes_on() -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(images: list[Any], text: str) -> str:
        began.set()
        go_on.wait(10)
        return "Therefore, the answer is Yes."

    task = se.task("is-it-red", SAMPLES)
    model = se.model(slow, version="1")

    async def cancelled() -> None:
        working = asyncio.create_task(se.run_async(task, model, store="s.db", progress=False))
        await asyncio.to_thread(began.wait, 10)
        working.cancel()
        await asyncio.sleep(0.05)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(cancelled())
    with Store(Path("s.db")) as store:
        (run,) = read_runs.runs(store)
        assert 1 <= len(read_runs.answered(store, run.id)) < 4
    assert se.run(task, model, store="s.db", progress=False).complete


def test_options_files_and_arguments_are_those_of_the_command(tmp_path: Path) -> None:
    Path("eval.yaml").write_text(
        "tasks: [{task: bison-mini, args: {n: 40}}]\nmodels: [{model: baseline/chance, args: {seed: 3}}]\nlimit: 9\n"
    )
    results = se.run(config="eval.yaml", limit=3, store="s.db", progress=False)
    assert results.runs["samples"].tolist() == [3]
    assert results.runs.loc[0, "settings"] == {"seed": "3"}
    with Store(Path("s.db")) as store:
        (environment,) = read_runs.environments(store, results.run_ids)
    assert environment.command.startswith("sparkles-eval run --task bison-mini --model baseline/chance --task-arg")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: se.run("bison-mini", "baseline/chnce"), r"did you mean 'chance'"),
        (lambda: se.run("bison-mini", "baseline/chance", limt=3), r"unknown key 'limt' \(did you mean 'limit'\?\)"),
        (lambda: se.run("bison-mini"), "name a model"),
        (lambda: se.run(se.model("a/b"), "a/b"), "stands among the tasks"),
        (lambda: se.run("bison-mini", 3), "names or what `model"),  # type: ignore[arg-type]
        (lambda: se.model(lambda x: x), r"its parameters are \(x\)"),
        (lambda: se.model(3), "int is no function"),  # type: ignore[arg-type]
        (lambda: se.judge(yes, low=1, high=1), "no extent"),
        (lambda: se.task("Not A Name", SAMPLES), "lower case"),
        (lambda: se.task("empty", []), "no samples"),
        (lambda: se.task("x", [{"id": "1", "text": "<image>", "images": ["missing.png"]}]), "missing.png: cannot be"),
        (lambda: se.load("nothing.db"), "nothing.db"),
    ],
)
def test_mistakes_are_named_before_anything_is_asked(call: Any, said: str) -> None:
    with pytest.raises(se.UserError, match=said):
        call()


def test_public_names_are_stable_and_cost_nothing_before_they_are_named() -> None:
    assert sorted(se.__all__) == se.__all__ and set(se.__all__) <= set(dir(se))
    for name in se.__all__:
        assert getattr(se, name) is not None
    heavy = ("numpy", "pandas", "rich", "pydantic", "asyncio")
    code = f"import sys, sparkles_eval; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert (Path(str(se.__file__)).parent / "py.typed").is_file()


def test_comparisons_show_themselves_in_a_line_and_as_tables() -> None:
    se.run(BISON, ["baseline/chance", "baseline/oracle"], store="s.db", progress=False)
    found = se.load("s.db").compare()
    assert repr(found) == "<Comparisons: 1 task, 1 pairs>"
    assert "<table>" in found._repr_html_() and "baseline/oracle" in found._repr_html_()
