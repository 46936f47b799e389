"""One function in a file as a model, in each form that it may be written in, and the errors of a user's file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from sparkles_eval.adapters.function import FunctionAdapter
from sparkles_eval.core import Generation, Image, Reply
from sparkles_eval.core.errors import Rejected, UserError
from tests.adapters.feeding import pictures, run
from tests.adapters.making import build, request
from tests.end_to_end.running import here, rows


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 3)


def written(folder: Path, code: str, name: str = "answer", /, **args: object) -> FunctionAdapter:
    file = folder / "my_model.py"
    file.write_text(code)
    return cast("FunctionAdapter", build(f"{file}:{name}", None, **args))


def test_images_and_text(tmp_path: Path, images: list[Image]) -> None:
    model = written(tmp_path, "def answer(images, text): return f'{[i.size for i in images]} {text}'")
    asked = request("left ", images[0], " right ", images[1], "?")
    (reply,) = run(model, [asked], 1).replies()
    assert reply.text == "[(40, 30), (40, 30)] left <image> right <image>?"
    assert (model.model.name, model.model.free, reply.usage.cost_usd) == ("my_model.answer", True, 0.0)


def test_earlier_turns_are_lines_of_the_text_and_messages_of_the_conversation(
    tmp_path: Path, images: list[Image]
) -> None:
    asked = request("and ", images[1], "?", history=[(["this ", images[0]], "red")])
    (reply,) = run(written(tmp_path, "def answer(images, text): return text"), [asked], 1).replies()
    assert reply.text == "User: this <image>\nAssistant: red\nUser: and <image>?"
    kinds = "[(m['role'], [c['type'] for c in m['content']]) for m in conversation]"
    code = f"def answer(conversation): return str({kinds})"
    (reply,) = run(written(tmp_path, code), [asked], 1).replies()
    assert "('user', ['text', 'image', 'text'])" in reply.text and "('assistant', ['text'])" in reply.text


@pytest.mark.parametrize(
    "code",
    [
        "def answer(images, texts): return [f'{len(t)} {len(i)} of {len(texts)}' for i, t in zip(images, texts)]",
        "def answer(conversations):\n    return [f'{len(c)} {len(conversations)}' for c in conversations]",
    ],
)
def test_several_at_once(tmp_path: Path, images: list[Image], code: str) -> None:
    model = written(tmp_path, code, batch_size=4)
    assert model.model.limits.batch_size == 4
    feed = run(model, [request("x" * n, images[0]) for n in (1, 2, 3)], 4)
    assert all(reply.text.endswith("3") for reply in feed.replies())


def test_one_that_fails_in_a_batch_costs_its_own_item_and_names_file_and_line(
    tmp_path: Path, images: list[Image]
) -> None:
    code = (
        "def answer(images, texts):\n    return [look(t) for t in texts]\n\ndef look(t):\n    return str(1 / len(t))\n"
    )
    feed = run(written(tmp_path, code), [request("ab", images[0]), request(images[0])], 8)
    assert isinstance(feed.outcomes[0], Reply)
    code = code.replace("len(t)", "(len(t) - 7)")
    feed = run(written(tmp_path, code), [request("ab", images[0]), request(images[0])], 8)
    assert isinstance(feed.outcomes[0], Reply) and isinstance(feed.outcomes[1], Rejected)
    assert str(feed.outcomes[1]) == f"{tmp_path}/my_model.py, line 5: ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def answer(images, text): return 7", "gave int as an answer, not text"),
        ("def answer(images, text): pass", "gave NoneType as an answer, not text"),
        ("def answer(images, texts): return 'one text'", "gave str for 1 conversation, not a list of texts"),
        ("def answer(images, texts): return []", "gave 0 answers for 1 conversation"),
    ],
)
def test_what_is_no_text_is_no_answer(tmp_path: Path, images: list[Image], code: str, says: str) -> None:
    feed = run(written(tmp_path, code), [request("a", images[0])], 1)
    assert isinstance(feed.outcomes[0], Rejected) and says in str(feed.outcomes[0])


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("\n\ndef answer(images, text) return ''", r"my_model\.py, line 3: SyntaxError while it was loaded"),
        ("x = 1\nimport nowhere_at_all", r"my_model\.py, line 2: ModuleNotFoundError while it was loaded"),
        ("def other(): pass", "the file has no function answer; it has other"),
        ("def answer(picture, question): pass", r"its parameters are \(picture, question\); write it as one of answer"),
        ("async def answer(images, text): pass", "a coroutine; write it with def"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        written(tmp_path, code)


def test_settings_reach_a_function_that_takes_them_and_are_refused_where_it_does_not(
    tmp_path: Path, images: list[Image]
) -> None:
    model = written(tmp_path, "def answer(images, text, generation): return str(generation)")
    asked = Generation(temperature=0, max_tokens=9)
    (reply,) = run(model, [request("a", images[0], generation=model.effective(asked))], 1).replies()
    assert reply.text == "{'temperature': 0, 'max_tokens': 9}"
    plain = written(tmp_path, "def answer(images, text): return text")
    assert plain.effective(asked) == Generation()
    with pytest.raises(UserError, match="takes no sampling settings"):
        build(f"{tmp_path}/my_model.py:answer", Generation(temperature=1))


def test_a_changed_file_is_another_model(tmp_path: Path) -> None:
    one = written(tmp_path, "def answer(images, text): return 'a'").model.identity
    assert one == written(tmp_path, "def answer(images, text): return 'a'").model.identity
    assert one != written(tmp_path, "def answer(images, text): return 'b'").model.identity
    assert one != written(tmp_path, "def answer(images, text): return 'a'", version="2").model.identity


def test_a_run_with_one_function_and_a_file_alone(tmp_path: Path) -> None:
    file, store = tmp_path / "mine.py", tmp_path / "s.db"
    file.write_text("def answer(images, text):\n    return 'Therefore, the answer is IMAGE#1.'\n")
    common = ["run", "-t", "bison-mini", "--limit", "4", "--no-report", "--store", str(store), "--plain"]
    done = here(*common, "-m", str(file), "--model-arg", "name=mine")
    assert done.code == 0, done.shown
    assert rows(store, "SELECT DISTINCT text FROM responses") == [("Therefore, the answer is IMAGE#1.",)]
    file.write_text("def answer(images, text):\n    return images[9]\n")
    done = here(*common, "-m", f"{file}:answer")
    assert "Traceback" not in done.shown
    (reason,) = rows(store, "SELECT DISTINCT error FROM responses WHERE text IS NULL")
    assert f"{file}, line 2: IndexError" in str(reason[0])
