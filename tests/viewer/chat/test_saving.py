"""A saved dialogue is training data and evaluation data, holds whole answers alone, and is written in one piece."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from sparkles_eval.core import Part, Text
from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.load import load_task
from sparkles_eval.training.recipes import ProjectionRecipe, SubsetSpec, read_recipe
from sparkles_eval.training.training_data import read_subsets
from sparkles_eval.viewer.chat.conversation import Chat
from sparkles_eval.viewer.chat.storage import archive, dialogues, save
from tests.docs.pages import blocks
from tests.viewer.chat.making import album, cast, drawn


def talked(*questions: Sequence[Part], models: Sequence[str] = ("baseline/echo",)) -> Chat:
    """A conversation in which everything is answered that these models answer."""

    async def talk() -> Chat:
        chat = Chat(cast(*models).adapters(models))
        for question in questions:
            for answer in chat.ask(question).answers:
                async for _ in answer.follow():
                    pass
        return chat

    return asyncio.run(talk())


@pytest.fixture
def two_turns(tmp_path: Path) -> Chat:
    pictures = album(tmp_path)
    red, blue = pictures.add(drawn("red")), pictures.add(drawn("blue", kind="WEBP"))
    return talked([Text("Is "), red, Text(" darker than "), blue, Text("?")], [Text("And "), red, Text("? Süß.")])


def test_a_saved_dialogue_is_evaluation_data(two_turns: Chat, tmp_path: Path, root: Path) -> None:
    saved = save(two_turns, tmp_path / "chat.jsonl")
    assert (saved.dialogues, saved.images, saved.left_out) == (1, 2, 0)
    (sample,) = load_task(str(root / "examples" / "saved_chats"), data_root=tmp_path).samples
    first, second = sample.turns
    assert sample.id == two_turns.id
    assert [part.text if isinstance(part, Text) else part.sha256 for part in first.content] == [
        "Is ",
        two_turns.images[0].sha256,
        " darker than ",
        two_turns.images[1].sha256,
        "?",
    ]
    assert first.reference == "Is  darker than ?" and second.reference == "And ? Süß."
    assert sample.tags == ("chat", "baseline/echo")


def test_a_saved_dialogue_is_training_data(two_turns: Chat, tmp_path: Path) -> None:
    save(two_turns, tmp_path / "data" / "chats.jsonl")
    spec = SubsetSpec(name="chats", weight=1, annotations="chats.jsonl", images="chats_images")
    (subset,) = read_subsets([spec], tmp_path / "data")
    first, second = subset.exchanges
    image = "<Img><ImageHere></Img>"
    assert first.instruction == f"###Human: Is {image} darker than {image}?###Assistant: "
    assert (first.answer, second.answer) == ("Is  darker than ?", "And ? Süß.")
    assert second.instruction.endswith(f"###Assistant: Is  darker than ?###Human: And {image}? Süß.###Assistant: ")
    red, blue = two_turns.images
    assert [picture.sha256 for picture in second.images] == [red.sha256, blue.sha256, red.sha256]


def test_the_guide_s_recipe_reads_it(tmp_path: Path, root: Path) -> None:
    (recipe,) = [block.body for block in blocks(root / "docs" / "guides" / "chat.md") if block.kind == "yaml"]
    (tmp_path / "chat.yaml").write_text(recipe, encoding="utf-8")
    read = read_recipe(str(tmp_path / "chat.yaml"))
    assert isinstance(read, ProjectionRecipe)
    save(talked([Text("one")]), tmp_path / "chat.jsonl")
    assert len(read_subsets(read.subsets, tmp_path)[0].exchanges) == 1


def test_side_by_side_is_a_line_a_model_and_their_questions_are_one_cluster(tmp_path: Path) -> None:
    chat = talked([Text("one")], [Text("two")], models=("baseline/echo", "baseline/constant", "baseline/oracle"))
    file = tmp_path / "chats.jsonl"
    assert save(chat, file).left_out == 2, "the oracle knows nothing of what is asked here"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["tags"][1] for line in lines] == ["baseline/echo", "baseline/constant"]
    assert {line["cluster"] for line in lines} == {chat.id} and len({line["id"] for line in lines}) == 2


def test_only_whole_answers_are_saved_and_nothing_is_not_saved(tmp_path: Path) -> None:
    chat = talked([Text("one")], models=("baseline/oracle",))
    for attempt in (lambda: save(chat, tmp_path / "a.jsonl"), lambda: archive(chat)):
        with pytest.raises(UserError, match="nothing is answered yet"):
            attempt()
    assert dialogues(chat) == [] and not (tmp_path / "a.jsonl").exists()


def test_saving_again_replaces_the_conversation_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "chats.jsonl"
    first, second = talked([Text("one")]), talked([Text("two")])
    save(first, file)
    save(second, file)
    before = file.read_text(encoding="utf-8").splitlines()
    asyncio.run(_more(first))
    save(first, file)
    after = file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in after] == [first.id, second.id]
    assert after[1] == before[1]
    assert [len(json.loads(line)["dialogue"]) for line in after] == [4, 2]


async def _more(chat: Chat) -> None:
    async for _ in chat.ask([Text("more")]).answers[0].follow():
        pass


def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    chat = talked([Text("one")])
    for content in (b"notes\n", b'{"id": 1}\n', b"\xff\xfe\n", b"[1]\n"):
        file = tmp_path / "mine.jsonl"
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"mine\.jsonl"):
            save(chat, file)
        assert file.read_bytes() == content
    with pytest.raises(UserError, match="cannot be written"):
        save(chat, tmp_path)


def test_odd_characters_come_back_as_they_were(tmp_path: Path) -> None:
    odd = "half \ud83d, a line end \u2028, turned \u202e, NUL \x00, new\nline"
    chat = talked([Text(odd)])
    file = tmp_path / "odd.jsonl"
    save(chat, file)
    save(talked([Text("next")]), file)
    line = json.loads(file.read_text(encoding="utf-8").split("\n")[0])
    assert [message["content"] for message in line["dialogue"]] == [odd, odd]


def test_the_download_is_the_same_in_a_zip_file(two_turns: Chat, tmp_path: Path) -> None:
    save(two_turns, tmp_path / "dialogues.jsonl")
    with zipfile.ZipFile(io.BytesIO(archive(two_turns))) as packed:
        packed.extractall(tmp_path / "unpacked")
    for file in (tmp_path / "unpacked").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / file.relative_to(tmp_path / "unpacked")).read_bytes()
    assert len(list((tmp_path / "unpacked" / "dialogues_images").iterdir())) == 2
