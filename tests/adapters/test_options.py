"""The `--model-arg` pairs are read strictly."""

from __future__ import annotations

import pytest

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.core.errors import UserError

KNOWN = {"n": "a number", "s": "a text"}


def read(*pairs: tuple[str, str]) -> ModelArguments:
    return ModelArguments("m", ModelOptions(pairs), KNOWN)


def test_values() -> None:
    assert read(("n", "3")).integer("n") == 3
    assert read(("n", "0.5")).number("n") == 0.5
    assert read(("n", "0")).number("n") == 0
    assert read(("s", "")).text("s") == ""
    assert read(("s", "Yes")).flag("s") is True
    assert read().text("s") is None and read().integer("n") is None and read().flag("s") is None


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UserError, match=r"unknown --model-arg 'x'; this model knows n, s"):
        read(("x", "1"))


def test_twice_is_an_error() -> None:
    with pytest.raises(UserError, match="given twice"):
        read(("n", "1"), ("n", "2"))


@pytest.mark.parametrize("name", ["api_key", "token", "key"])
def test_keys_are_not_accepted_and_not_repeated(name: str) -> None:
    with pytest.raises(UserError, match="api_key_env=NAME") as caught:
        read((name, "sk-secret"))
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["x", "0", "-1", "1.5", ""])
def test_wrong_whole_numbers(value: str) -> None:
    with pytest.raises(UserError, match="whole number"):
        read(("n", value)).integer("n")


@pytest.mark.parametrize("value", ["x", "-1", "nan", "inf", ""])
def test_wrong_numbers(value: str) -> None:
    with pytest.raises(UserError, match="a number"):
        read(("n", value)).number("n")


def test_zero_where_above_zero_is_needed() -> None:
    with pytest.raises(UserError, match="above 0"):
        read(("n", "0")).number("n", positive=True)


def test_wrong_words() -> None:
    with pytest.raises(UserError, match="true or false"):
        read(("s", "maybe")).flag("s")
    with pytest.raises(UserError, match="one of a, b"):
        read(("s", "c")).choice("s", ("a", "b"))
