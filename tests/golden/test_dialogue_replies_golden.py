"""Every reply of the corpus comes to what is written beside it: dialogues kept word for word, or set aside for that."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from sparkles_eval.data.dialogues.parse_dialogues import read_reply
from sparkles_eval.data.dialogues.records import DialogueMessage, GeneratedDialogue
from sparkles_eval.data.dialogues.spec import StyleSpec, find_style

FILE = Path(__file__).parent / "dialogues" / "replies.json"


class Said(BaseModel):
    role: Literal["user", "assistant"]
    content: str
    images: tuple[str, ...] = ()


class Reply(BaseModel):
    name: str
    reply: str
    expected: tuple[str, ...]


class Corpus(BaseModel):
    about: str
    offered: tuple[str, ...]
    dialogue: tuple[Said, ...]
    replies: tuple[Reply, ...]


CORPUS = Corpus.model_validate_json(FILE.read_text(encoding="utf-8"))
WHOLE = GeneratedDialogue(tuple(DialogueMessage(said.role, said.content, said.images) for said in CORPUS.dialogue))


@pytest.fixture(scope="module")
def spec() -> StyleSpec:
    return find_style("cc").spec


def test_the_corpus_is_large_and_names_its_replies() -> None:
    assert len(CORPUS.replies) >= 60
    assert len({reply.name for reply in CORPUS.replies}) == len(CORPUS.replies)


@pytest.mark.parametrize("reply", CORPUS.replies, ids=lambda reply: reply.name)
def test_reply(reply: Reply, spec: StyleSpec) -> None:
    found = read_reply(reply.reply, CORPUS.offered, spec)
    came: list[str] = []
    for one in found:
        if one.rejection is not None:
            came.append(one.rejection.fault)
            assert one.dialogue is None and one.rejection.reason
        else:
            came.append("kept" if one.dialogue == WHOLE else "changed")
            assert one.dialogue is not None and one.dialogue.images == WHOLE.images
    assert tuple(came) == reply.expected, [one.rejection or one.dialogue for one in found]
