"""`name=value` pairs from the command line: for everyone, or for one of several."""

from __future__ import annotations

import pytest

from sparkles_eval.core import Generation
from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.arguments import read_generation, scoped

MODELS = ("openai/llava", "openai/llava:7b", "gpt-4o")


def test_a_pair_without_an_owner_is_for_everyone() -> None:
    for who in MODELS:
        assert scoped("--model-arg", ["timeout=5"], who, MODELS) == {"timeout": "5"}


def test_a_pair_with_an_owner_is_for_that_one_and_goes_over_the_general_one() -> None:
    pairs = ["gpt-4o:timeout=9", "timeout=5"]
    assert scoped("--model-arg", pairs, "gpt-4o", MODELS) == {"timeout": "9"}
    assert scoped("--model-arg", pairs, "openai/llava", MODELS) == {"timeout": "5"}


def test_a_name_that_holds_a_colon_is_not_its_shorter_namesake() -> None:
    pairs = ["openai/llava:7b:name=small", "openai/llava:name=large"]
    assert scoped("--model-arg", pairs, "openai/llava:7b", MODELS) == {"name": "small"}
    assert scoped("--model-arg", pairs, "openai/llava", MODELS) == {"name": "large"}


def test_one_who_has_two_names_hears_both() -> None:
    pairs = ["sparkles:repeats=3", "sparkles@gpt-4o:timeout=9", "facts:x=1"]
    found = scoped("--judge-arg", pairs, ("sparkles@gpt-4o", "sparkles"), ("sparkles@gpt-4o", "facts"))
    assert found == {"repeats": "3", "timeout": "9"}


def test_values_are_kept_as_they_are() -> None:
    pair = "base_url=http://localhost:8000/v1?a=b"
    assert scoped("--model-arg", [pair], "gpt-4o", MODELS) == {"base_url": "http://localhost:8000/v1?a=b"}
    assert scoped("--model-arg", ["text="], "gpt-4o", MODELS) == {"text": ""}


@pytest.mark.parametrize("pair", ["timeout", "=5", "gpt-4o:timeout", "gpt-4o:=5", ""])
def test_what_is_no_pair_is_told_with_the_form(pair: str) -> None:
    with pytest.raises(UserError, match=r"NAME=VALUE.*WHO:NAME=VALUE"):
        scoped("--model-arg", [pair], "gpt-4o", MODELS)


def test_open_settings_are_read_with_their_types_and_lie_flat_in_keys() -> None:
    pairs = {
        "presence_penalty": "1.5",
        "min_p": "0.05",
        "reasoning": "off",
        "chat_template_kwargs.enable_thinking": "False",
        "extra_body.provider.order": '["a", "b"]',
        "extra_body.provider.note": "plain words",
    }
    found = read_generation("--generation", pairs)
    assert found.json() == {
        "presence_penalty": 1.5,
        "min_p": 0.05,
        "reasoning": False,
        "chat_template_kwargs.enable_thinking": False,
        "extra_body.provider.note": "plain words",
        "extra_body.provider.order": ["a", "b"],
    }
    assert Generation(temperature=0.0).json() == {"temperature": 0.0}, "what is not set changes no key"


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ({"thinking": "on"}, "it is called reasoning"),
        ({"max_new_tokens": "5"}, "it is called max_tokens"),
        ({"extra_body": "{}"}, "name one field of it, such as extra_body.NAME"),
        ({"extra_body.model": "other"}, "model is part of every request"),
        ({"extra_body.temperature": "1"}, "temperature is written temperature, without extra_body"),
        ({"extra_body.chat_template_kwargs.x": "1"}, "without extra_body"),
        ({"extra_body.api_key": "sk-123"}, "looks like a key"),
        ({"extra_body.x": "NaN"}, "a finite number is needed"),
        ({"extra_body.a": "1", "extra_body.a.b": "2"}, "a is given a value of its own"),
        ({"extra_body.a.b": "2", "extra_body.a": "1"}, "fields within a are given"),
        ({"extra_body.a b": "1"}, "'a b' is no name of a field"),
        ({"reasoning": "maybe"}, "reasoning=maybe: "),
        ({"reasoning_budget": "0"}, "reasoning_budget=0: "),
        ({"presence_penalty": "3"}, "presence_penalty=3: input should be less than or equal to 2"),
        ({"repetition_penalty": "0"}, "repetition_penalty=0: "),
    ],
)
def test_a_wrong_open_setting_is_told_with_what_it_must_be(pairs: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_generation("--generation", pairs)


def test_generation_settings_are_read_from_text() -> None:
    pairs = {"temperature": "0.7", "top_p": "0.9", "top_k": "5", "max_tokens": "10", "seed": "7", "stop": "END"}
    assert read_generation("--generation", pairs) == Generation(0.7, 0.9, 5, 10, 7, ("END",))
    assert read_generation("--generation", {}) == Generation()


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ({"temprature": "1"}, "no such setting; there are temperature, top_p"),
        ({"temperature": "warm"}, "temperature=warm: input should be a valid number"),
        ({"temperature": "-1"}, "temperature=-1: input should be greater than or equal to 0"),
        ({"temperature": "nan"}, "temperature=nan: "),
        ({"top_p": "1.5"}, "top_p=1.5: input should be less than or equal to 1"),
        ({"max_tokens": "0"}, "max_tokens=0: "),
        ({"max_tokens": "many"}, "max_tokens=many: input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_told_with_what_it_must_be(pairs: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_generation("--generation", pairs)


@pytest.mark.parametrize(
    ("text", "stops"),
    [('["ZZ", "b"]', ("ZZ", "b")), ("###", ("###",)), ("[1, 2]", ("[1, 2]",)), ("5", ("5",)), ("", ())],
)
def test_stop_is_a_list_in_json_or_one_text(text: str, stops: tuple[str, ...]) -> None:
    assert read_generation("--generation", {"stop": text}).stop == stops
