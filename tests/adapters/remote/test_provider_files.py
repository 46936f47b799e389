"""Each shipped provider file, run through the real SDK against a server on loopback that speaks its dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from sparkles_eval.adapters.base import Adapter, ModelOptions
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.adapters.listing import list_models
from sparkles_eval.adapters.providers import provider_files, read_provider
from sparkles_eval.core import JSON, Generation, Reply, Status
from sparkles_eval.core.errors import AdapterError, Denied, RateLimited, Transient, UserError
from sparkles_eval.engine.arguments import read_generation
from tests.adapters.making import KEY, Scripted, image, image_bytes, request

SHIPPED = provider_files()
USAGE: dict[str, JSON] = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}


@dataclass(frozen=True)
class Dialect:
    """What one provider's server wants and says."""

    key: str = "authorization"
    path: str = "/v1/chat/completions"
    settings: Mapping[str, str] = field(default_factory=dict)
    """What is asked with --generation, and `fields`, what of it must stand in the body."""
    fields: Mapping[str, JSON] = field(default_factory=dict)
    message: Mapping[str, JSON] = field(default_factory=dict)
    usage: Mapping[str, JSON] = field(default_factory=lambda: USAGE)
    reasoning: str | None = None
    counted: tuple[int | None, int | None, int | None] = (10, None, None)
    """Output, reasoning and cached tokens that must be read from `usage`."""
    status: int = 429
    error: JSON = None
    means: type[AdapterError] | Status = RateLimited
    words: str = ""


DIALECTS = {
    "azure": Dialect(
        key="api-key",
        path="/openai/v1/chat/completions",
        settings={"reasoning": "off"},
        fields={"reasoning_effort": "none"},
        status=400,
        error={"error": {"code": "content_filter", "message": "The response was filtered due to the content policy."}},
        means=Status.REFUSED,
        words="filtered",
    ),
    "deepseek": Dialect(
        settings={"reasoning": "off", "presence_penalty": "0.5"},
        fields={"thinking": {"type": "disabled"}, "presence_penalty": 0.5},
        message={"reasoning_content": "Let me look."},
        usage={**USAGE, "prompt_cache_hit_tokens": 600, "completion_tokens_details": {"reasoning_tokens": 4}},
        reasoning="Let me look.",
        counted=(10, 4, 600),
        status=402,
        error={"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}},
        means=Denied,
        words="add credit",
    ),
    "fireworks": Dialect(
        path="/inference/v1/chat/completions",
        settings={"top_k": "20", "min_p": "0.1", "repetition_penalty": "1.1"},
        fields={"top_k": 20, "min_p": 0.1, "repetition_penalty": 1.1},
        status=404,
        error={
            "error": {"object": "error", "type": "invalid_request_error", "message": "Model not found, inaccessible"}
        },
        means=Denied,
        words="check the model's name",
    ),
    "gemini": Dialect(
        path="/v1beta/openai/chat/completions",
        settings={"reasoning": "off"},
        fields={"reasoning_effort": "none"},
        status=400,
        error=[{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.', "status": "INVALID"}}],
        means=Denied,
        words="--model-arg drop=seed",
    ),
    "groq": Dialect(
        path="/openai/v1/chat/completions",
        settings={"reasoning_effort": "low"},
        fields={"reasoning_effort": "low"},
        message={"reasoning": "Hm."},
        reasoning="Hm.",
        status=429,
        error={"error": {"message": "Rate limit reached. Please try again in 2s.", "code": "rate_limit_exceeded"}},
        means=RateLimited,
        words="Rate limit reached",
    ),
    "huggingface": Dialect(
        settings={"extra_body.provider": "fireworks-ai"},
        fields={"provider": "fireworks-ai"},
        status=401,
        error={"error": "Invalid username or password."},
        means=Denied,
        words="set TEST_KEY",
    ),
    "mistral": Dialect(
        settings={"seed": "3"},
        fields={"random_seed": 3},
        message={
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "First,"}]},
                {"type": "text", "text": "yes"},
            ]
        },
        reasoning="First,",
        status=422,
        error={"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "min_p"]}]}},
        means=Denied,
        words="--model-arg drop=min_p",
    ),
    "openrouter": Dialect(
        path="/api/v1/chat/completions",
        settings={"reasoning_budget": "2000", "extra_body.provider.order": '["a"]'},
        fields={"reasoning": {"max_tokens": 2000}, "max_tokens": 2100, "provider": {"order": ["a"]}},
        message={"reasoning": "So."},
        reasoning="So.",
        status=200,
        error={"error": {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": "a"}}},
        means=Transient,
        words="Provider returned error",
    ),
    "together": Dialect(
        settings={"top_k": "5", "repetition_penalty": "1.2"},
        fields={"top_k": 5, "repetition_penalty": 1.2},
        message={"reasoning": "Look."},
        reasoning="Look.",
        status=503,
        error={"error": {"message": "The server is overloaded or not ready yet.", "type": "server_error"}},
        means=Transient,
        words="overloaded",
    ),
    "xai": Dialect(
        settings={"seed": "1"},
        fields={"seed": 1},
        usage={
            "prompt_tokens": 1000,
            "completion_tokens": 10,
            "total_tokens": 1050,
            "prompt_tokens_details": {"cached_tokens": 200},
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
        counted=(50, 40, 200),
        status=400,
        error={"code": "Client specified an invalid argument", "error": "Argument not supported on this model: stop"},
        means=Denied,
        words="--model-arg drop=stop",
    ),
}
"""By the provider file's name."""


def test_every_shipped_file_has_its_dialect_and_says_where_its_facts_are_from() -> None:
    assert set(DIALECTS) == set(SHIPPED)
    for file in SHIPPED.values():
        provider = read_provider(file)
        assert provider.base_url.startswith("https://") and provider.source.startswith("https://")


def moved(name: str, folder: Path, url: str, pairs: Mapping[str, str]) -> Adapter:
    """The shipped file's provider at a loopback address, its key under a variable of the test's own."""
    described = yaml.safe_load(SHIPPED[name].read_text())
    path = DIALECTS[name].path.removesuffix("/chat/completions")
    described |= {"base_url": url + path, "api_key_env": "TEST_KEY"}
    file = folder / "adapters" / "providers" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(described))
    options = ModelOptions(generation=read_generation("--generation", dict(pairs)))
    return build_adapter(f"{name}/some/model", options, content=[folder])


@pytest.mark.parametrize("name", DIALECTS)
async def test_two_pictures_go_to_the_provider_in_its_dialect(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    dialect = DIALECTS[name]
    choice = {"message": {"role": "assistant", "content": "yes", **dialect.message}, "finish_reason": "stop"}
    pictures = [image(tmp_path, image_bytes(), "a.jpg"), image(tmp_path, image_bytes(kind="PNG"), "b.png")]
    async with Scripted(body=json.dumps({"choices": [choice], "usage": dialect.usage})) as scripted:
        adapter = moved(name, tmp_path, scripted.url, dialect.settings)
        ask = request(
            "Which of", *pictures, system="Be brief.", generation=adapter.effective(Generation(max_tokens=100))
        )
        reply = await adapter.answer(ask)
        await adapter.aclose()
    assert scripted.paths == [dialect.path]
    headers = scripted.seen[0]
    assert headers[dialect.key] == (KEY if dialect.key == "api-key" else f"Bearer {KEY}")
    assert ("authorization" in headers) == (dialect.key == "authorization") and "openai-organization" not in headers
    body = json.loads(scripted.bodies[0])
    assert body["model"] == "some/model" and dialect.fields.items() <= body.items()
    assert sum(part["type"] == "image_url" for part in body["messages"][-1]["content"]) == 2
    assert (reply.text, reply.reasoning) == ("yes", dialect.reasoning)
    assert (reply.usage.output_tokens, reply.usage.reasoning_tokens, reply.usage.cached_tokens) == dialect.counted
    assert reply.usage.cost_usd is None, "no price is known, and none is made up"


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_providers_error_is_understood(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    dialect = DIALECTS[name]
    async with Scripted(status=dialect.status, body=json.dumps(dialect.error)) as scripted:
        adapter = moved(name, tmp_path, scripted.url, {})
        outcome: Reply | AdapterError
        try:
            outcome = await adapter.answer(request("hello"))
        except AdapterError as error:
            outcome = error
        await adapter.aclose()
    if isinstance(dialect.means, Status):
        assert (
            isinstance(outcome, Reply) and outcome.status is dialect.means and dialect.words in (outcome.detail or "")
        )
    else:
        assert type(outcome) is dialect.means and dialect.words in str(outcome) and KEY not in str(outcome)


async def test_a_server_without_a_system_role_or_with_other_pictures_needs_no_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    choice = {"message": {"content": "yes"}, "finish_reason": "stop"}
    picture = image(tmp_path, image_bytes(), "a.jpg")
    async with Scripted(body=json.dumps({"choices": [choice]})) as scripted:
        file = tmp_path / "mine.yaml"
        file.write_text(
            f"kind: openai\nmodel: m\ntitle: Mine\nsettings:\n  base_url: {scripted.url}/v1\n  api_key_env: TEST_KEY\n"
            "  system: first_user\n  image_url: text\n  key_header: X-Key\n  headers: {X-Team: vision}\n"
            "  structured: true\n"
        )
        adapter = build_adapter(str(file), ModelOptions())
        await adapter.answer(request(picture, "Which?", system="Be brief."))
        await adapter.aclose()
    said = json.loads(scripted.bodies[0])["messages"]
    assert len(said) == 1 and said[0]["content"][0] == {"type": "text", "text": "Be brief.\n\n"}
    assert said[0]["content"][1]["image_url"].startswith("data:image/jpeg;base64,")
    assert (scripted.seen[0]["x-key"], scripted.seen[0]["x-team"]) == (KEY, "vision")
    assert "authorization" not in scripted.seen[0]
    assert adapter.structured and not build_adapter(str(file), ModelOptions((("structured", "false"),))).structured


def test_a_provider_is_part_of_who_the_model_is_and_a_preset_may_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    file = tmp_path / "fast.yaml"
    prices = "{input: 1, output: 2, date: 2026-11-01, source: 'https://example.org'}"
    file.write_text(f"provider: groq\nmodel: llama\ntitle: Fast\ngeneration: {{not_sent: [seed]}}\nprices: {prices}\n")
    model = build_adapter(str(file), ModelOptions()).model
    assert model.name == "groq/fast" and model.kind == "openai" and model.prices.input == 1
    assert model.settings["endpoint"] == "https://api.groq.com/openai/v1"
    assert model.settings["not_sent"] == "seed,top_k"
    assert not {"provider", "api_key_env", "base_url"} & set(model.settings)
    elsewhere = build_adapter(str(file), ModelOptions((("base_url", "http://localhost:1/v1"),))).model
    assert "endpoint" not in elsewhere.settings and elsewhere.prices.input is None


def test_an_address_may_hold_the_name_of_a_resource_and_nothing_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    with pytest.raises(UserError, match="set AZURE_OPENAI_RESOURCE"):
        build_adapter("azure/mine", ModelOptions())
    monkeypatch.setenv("AZURE_OPENAI_RESOURCE", "our-lab.example.org/x?")
    with pytest.raises(UserError, match="letters, digits and hyphens"):
        build_adapter("azure/mine", ModelOptions())
    monkeypatch.setenv("AZURE_OPENAI_RESOURCE", "our-lab")
    model = build_adapter("azure/mine", ModelOptions()).model
    assert model.settings["endpoint"] == "https://our-lab.openai.azure.com/openai/v1"
    file = tmp_path / "leak.yaml"
    file.write_text(
        "kind: openai\nmodel: m\ntitle: T\nsettings: {base_url: 'https://{OPENAI_API_KEY}.example.org/v1'}\n"
    )
    with pytest.raises(UserError, match="no place for a secret"):
        build_adapter(str(file), ModelOptions())


@pytest.mark.parametrize(
    "env", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "HF_TOKEN", "AZURE_OPENAI_API_KEY"]
)
def test_a_file_sends_no_known_key_to_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    monkeypatch.setenv(env, KEY)
    file = tmp_path / "theirs.yaml"
    settings = f"{{base_url: 'https://example.org/v1', api_key_env: {env}}}"
    file.write_text(f"kind: openai\nmodel: m\ntitle: T\nsettings: {settings}\n")
    with pytest.raises(UserError, match=f"sends {env}, a key for .*, to another server"):
        build_adapter(str(file), ModelOptions())
    file.write_text(file.read_text().replace("https://example.org/v1", "http://api.groq.com/openai/v1"))
    with pytest.raises(UserError, match="to another server"):  # in the clear, also for Groq's own key
        build_adapter(str(file), ModelOptions())
    named = build_adapter(str(file), ModelOptions((("api_key_env", env),)))
    assert named.model.model_id == "m", "the command line may"
    own = tmp_path / "adapters" / "providers" / "groq.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(
        f"title: Not Groq\nbase_url: https://example.org/v1\napi_key_env: {env}\nsource: https://example.org\n"
        "date: 2026-11-01\n"
    )
    with pytest.raises(UserError, match="to another server"):
        build_adapter("groq/m", ModelOptions(), content=[tmp_path])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("headers: {Authorization: Bearer sk-1}", "carries a key"),
        ("headers: {X-Api-Key: sk-1}", "carries a key"),
        ("headers: [1]", "headers"),
        ("system: nowhere", "system=nowhere: one of message, first_user"),
        ("reasoning_off: none", "a JSON object of the body's fields is needed"),
    ],
)
def test_a_wrong_setting_of_a_server_is_told(tmp_path: Path, settings: str, told: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(f"kind: openai\nmodel: m\ntitle: T\nsettings:\n  base_url: http://localhost:1/v1\n  {settings}\n")
    with pytest.raises(UserError, match=told):
        build_adapter(str(file), ModelOptions())


def test_a_provider_that_has_no_known_field_for_reasoning_says_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    adapter = build_adapter("together/m", ModelOptions(generation=Generation(reasoning=False)))
    problem = adapter.check(request("x", generation=adapter.effective(Generation())))
    assert problem is not None and "reasoning_off=" in problem


def test_the_list_shows_one_providers_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    found = list_models(provider="groq")
    assert [one.name for one in found] == ["groq/MODEL"] and found[0].why_not == "no key; set GROQ_API_KEY"
    assert {one.name for one in list_models(provider="anthropic")} >= {"claude-haiku-5-5", "claude-opus-5-5"}
    assert all(not one.name.startswith("gpt") for one in list_models(provider="anthropic"))
    with pytest.raises(UserError, match=r"--provider nobody: .* there are anthropic, azure, deepseek"):
        list_models(provider="nobody")


def test_a_trailing_comma_in_an_address_is_told_as_one() -> None:
    with pytest.raises(UserError, match="an address is missing beside a comma"):
        build_adapter("openai/m", ModelOptions((("base_url", "http://localhost:1/v1,"),)))
    with pytest.raises(UserError, match="base_url=localhost:1: an http or https address"):
        build_adapter("openai/m", ModelOptions((("base_url", "localhost:1"),)))
