"""What is guessed of tables in the shapes of published data sets."""

from __future__ import annotations

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.columns.column_guess import guess_columns
from tests.tasks.tables import drawn

PICTURE = {"bytes": drawn(1), "path": None}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (
            {"idx": "1", "question": "?", "options": ["a", "b"], "answer": "B", "image_list": [PICTURE], "task": "t"},
            {"id": "idx", "question": "question", "images": "image_list", "options": "options", "answer": "answer",
             "tags": ["task"]},
        ),
        (
            {"index": 3, "image": "A" * 600, "question": "?", "A": "x", "B": "y", "answer": "A", "category": "c"},
            {"id": "index", "question": "question", "images": "image", "options": ["A", "B"], "answer": "answer",
             "tags": ["category"]},
        ),
        (
            {"id": 1, "image": ["/p/a.jpg"], "conversations": [{"from": "user", "value": "?"}]},
            {"id": "id", "images": "image", "turns": {"column": "conversations", "role": "from", "text": "value"}},
        ),
        (
            {"messages": [{"role": "user", "content": "?"}], "answer": "x"},
            {"turns": {"column": "messages"}, "answer": "answer"},
        ),
        (
            {"question": "Which? (A) a (B) b", "answer": ["A"]},
            {"question": "question", "options": {"within": True, "shown": None}, "answer": "answer"},
        ),
        (
            {"question": "How many?", "answers": ["3", "three"]},
            {"question": "question", "answer": {"column": "answers", "kind": "list"}},
        ),
    ],
)  # fmt: skip
def test_usual_shapes(row: dict[str, object], found: dict[str, object]) -> None:
    assert guess_columns([row]) == found


def test_what_is_said_is_not_guessed_and_wrong_names_are_refused() -> None:
    row = {"Q": "?", "Gold": 1, "opts": ["a", "b"]}
    found = guess_columns([row], {"question": "Q", "answer": "Gold", "options": "opts"})
    assert found == {"question": "Q", "options": "opts", "answer": {"column": "Gold", "kind": "index"}}
    with pytest.raises(UserError, match="no column of questions among Q, Gold, opts"):
        guess_columns([row])
    with pytest.raises(UserError, match="a column can be id, question, images"):
        guess_columns([row], {"colour": "Q"})
