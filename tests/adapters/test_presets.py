"""The model files that ship, and what is said about wrong ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import get_args

import pytest

from sparkles_eval.adapters.build import KINDS
from sparkles_eval.adapters.presets import preset_files, read_preset
from sparkles_eval.core import Limits
from sparkles_eval.core.errors import ContentError

SHIPPED = preset_files()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_preset_is_sound(name: str) -> None:
    preset = read_preset(SHIPPED[name])
    model = preset.record(name)
    prices = preset.prices
    assert preset.free == KINDS[preset.kind].weights
    assert (prices.input is None) == (prices.output is None) and (prices.input is not None) != preset.free
    if prices.date is not None:
        assert dt.date(2026, 1, 1) < prices.date and (prices.source or "").startswith("https://")
        assert prices.input is not None and prices.output is not None and 0 < prices.input < prices.output
    assert model.settings.get("not_sent", "") == ",".join(sorted(preset.generation.not_sent))


def test_the_presets_that_people_expect_are_there() -> None:
    assert {"gpt-4o", "gpt-6.2-sol", "claude-sonnet-5-5", "claude-haiku-5-5", "sparkleschat-7b", "minigpt4-7b"} <= set(
        SHIPPED
    )


def test_a_preset_becomes_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    file = tmp_path / "adapters" / "mine.yaml"
    file.write_text(
        "kind: openai\nmodel: qwen\ntitle: Mine\nsettings: {base_url: 'http://localhost:8000/v1', structured: true}\n"
        "limits: {max_images: 4, timeout_s: 9}\ngeneration: {not_sent: [seed], max_tokens: 64}\n"
        "prices: {input: 1, output: 2, date: 2026-11-01, source: 'https://example.org'}\n"
    )
    assert preset_files([tmp_path])["mine"] == file
    model = read_preset(file).record("openai/mine")
    assert model.settings == {
        "base_url": "http://localhost:8000/v1",
        "structured": "true",
        "not_sent": "seed",
        "max_tokens": "64",
    }
    assert (model.limits.max_images, model.limits.timeout_s) == (4, 9)
    assert model.limits.max_connections == Limits().max_connections
    assert (model.prices.input, model.prices.date) == (1, "2026-11-01")


def test_a_users_preset_of_the_same_name_goes_first(tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    file = tmp_path / "adapters" / "gpt-4o.yaml"
    file.write_text("kind: openai\nmodel: gpt-4o\ntitle: Mine\n")
    assert preset_files([tmp_path])["gpt-4o"] == file


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind: openai\nmodel: m\ntitle: T\ncolour: red\n", "colour: Extra inputs"),
        ("kind: openai\nmodel: m\n", "title: Field required"),
        ("kind: openai\nmodel: m\ntitle: T\nprices: {input: 1}\n", "prices: Value error, a price needs the date"),
        ("kind: openai\nmodel: m\ntitle: T\nprices: {input: -1}\n", "prices.input"),
        ("kind: openai\nmodel: m\ntitle: T\ngeneration: {not_sent: [heat]}\n", "generation.not_sent.0"),
        ("kind: openai\nmodel: m\ntitle: T\nsettings: {a: [1]}\n", "settings.a"),
        ("kind: openai\nmodel: m\ntitle: T\nsettings: 3\n", "settings"),
        ("kind: [", "not YAML"),
        ("", "the file: Input should be"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_a_wrong_preset_says_where(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ContentError) as caught:
        read_preset(file)
    assert complaint in str(caught.value) and "wrong.yaml" in str(caught.value)


def test_presets_of_the_providers_own_models_are_named_as_their_sdks_do() -> None:
    from anthropic.types.model_param import ModelParam
    from openai.types import ChatModel

    def names(kind: object) -> set[str]:
        return {name for part in get_args(kind) for name in ([part] if isinstance(part, str) else names(part))}

    known = {"openai": names(ChatModel), "anthropic": names(ModelParam)}
    for name, file in SHIPPED.items():
        preset = read_preset(file)
        if preset.kind in known and "base_url" not in preset.settings:
            assert preset.model in known[preset.kind], name
