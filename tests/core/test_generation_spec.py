"""Generation settings in a file: nested objects become names, and come back the same."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sparkles_eval.core import Generation
from sparkles_eval.core.generation_spec import GenerationSpec


def test_nested_fields_lie_flat_and_sorted() -> None:
    spec = GenerationSpec.model_validate(
        {
            "min_p": 0.1,
            "chat_template_kwargs": {"enable_thinking": False, "bos_token": "<s>"},
            "extra_body": {"provider": {"order": ["a"], "quantizations": {}}, "note": None},
        }
    )
    assert spec.record() == Generation(
        min_p=0.1,
        extra=(
            ("chat_template_kwargs.bos_token", '"<s>"'),
            ("chat_template_kwargs.enable_thinking", "false"),
            ("extra_body.note", "null"),
            ("extra_body.provider.order", '["a"]'),
            ("extra_body.provider.quantizations", "{}"),
        ),
    )
    again = GenerationSpec.model_validate(spec.model_dump(exclude_unset=True))
    assert again == spec and hash(again.record()), "settings of a judge are changed by way of a dump"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"extra_body": {"messages": []}}, "messages is part of every request"),
        ({"extra_body": {"top_p": 1}}, "top_p is written top_p, without extra_body"),
        ({"extra_body": {"a": {"auth_token": "x"}}}, "looks like a key"),
        ({"extra_body": {"a.b": 1}}, "'a.b' is no name of a field"),
        ({"chat_template_kwargs": {"x": float("inf")}}, "no finite number"),
        ({"heat": 1}, "Extra inputs"),
    ],
)
def test_what_is_no_setting_is_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        GenerationSpec.model_validate(settings)
