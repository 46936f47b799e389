"""The settings that makers recommend: which card is a model's, what goes over it, and how its rows are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.adapters.cards import card_files, read_card
from sparkles_eval.core import Generation
from sparkles_eval.core.errors import ContentError, UserError
from tests.adapters.making import Scripted, request

SERVER = (("base_url", "http://localhost:1/v1"),)
FAMILIES = {
    "Qwen/Qwen3-VL-8B-Instruct": "qwen3-vl-instruct",
    "qwen/qwen3-vl-235b-a22b-instruct:fast-host": "qwen3-vl-instruct",
    "Qwen/Qwen3-VL-8B-Instruct-FP8": "qwen3-vl-instruct",
    "Qwen/Qwen3-VL-30B-A3B-Thinking": "qwen3-vl-thinking",
    "Qwen/Qwen2.5-VL-7B-Instruct": "qwen2.5-vl",
    "OpenGVLab/InternVL3_5-8B": "internvl3.5",
    "zai-org/GLM-4.5V": "glm-4.5v",
    "zai-org/GLM-4.6V": "glm-4.6v",
    "google/gemma-3-12b-it": "gemma-3",
    "openbmb/MiniCPM-V-4_5": "minicpm-v-4.5",
    "openbmb/MiniCPM-o-4_5": "minicpm-o-4.5",
    "moonshotai/Kimi-VL-A3B-Instruct": "kimi-vl-instruct",
    "moonshotai/Kimi-VL-A3B-Thinking-2506": "kimi-vl-thinking-2506",
}


@pytest.mark.parametrize("name", card_files())
def test_every_shipped_card_is_sound_and_some_model_has_it(name: str) -> None:
    card = read_card(card_files()[name])
    assert card.generation.record().json() and name in FAMILIES.values()


@pytest.mark.parametrize("model_id", FAMILIES)
def test_a_family_has_its_card(model_id: str) -> None:
    model = build_adapter(f"openai/{model_id}", ModelOptions(SERVER, settings="card")).model
    assert model.settings["settings"] == FAMILIES[model_id]
    assert model.name == f"openai/{model_id}+card"
    plain = build_adapter(f"openai/{model_id}", ModelOptions(SERVER)).model
    assert "settings" not in plain.settings and plain.identity != model.identity


async def test_the_cards_settings_reach_the_server_and_the_users_own_go_over_them() -> None:
    choice = {"message": {"content": "yes"}, "finish_reason": "stop"}
    async with Scripted(body=json.dumps({"choices": [choice]})) as scripted:
        options = ModelOptions((("base_url", scripted.url),), Generation(max_tokens=500), settings="card")
        adapter = build_adapter("openai/Qwen/Qwen3-VL-8B-Instruct", options)
        await adapter.answer(request("Hi", generation=adapter.effective(Generation(temperature=0, max_tokens=16))))
        await adapter.aclose()
    body = json.loads(scripted.bodies[0])
    asked = {name: value for name, value in body.items() if name not in ("model", "messages")}
    assert asked == {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "presence_penalty": 1.5,
        "repetition_penalty": 1.0,
        "seed": 3407,
        "max_tokens": 500,
    }


def test_a_model_without_a_card_or_with_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is none for llava-7b; there are gemma-3, .*--generation"):
        build_adapter("openai/llava-7b", ModelOptions(SERVER, settings="card"))
    own = tmp_path / "adapters" / "cards" / "mine.yaml"
    own.parent.mkdir(parents=True)
    words = "models: [gemma-3-*]\ngeneration: {temperature: 0.1}\nsource: https://example.org\ndate: 2026-11-01\n"
    own.write_text(words)
    with pytest.raises(ContentError, match="gemma-3 and mine are both"):
        build_adapter("openai/gemma-3-4b-it", ModelOptions(SERVER, settings="card"), content=[tmp_path])
    own.write_text(words.replace("temperature", "heat"))
    with pytest.raises(ContentError, match=r"mine.yaml: generation.heat"):
        build_adapter("openai/gemma-3-4b-it", ModelOptions(SERVER, settings="card"), content=[tmp_path])
