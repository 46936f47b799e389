"""The openai adapter through the real SDK, against real HTTP servers on loopback."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sparkles_eval.core import JSON, Generation, Part, Status
from sparkles_eval.core.errors import (
    AdapterError,
    Denied,
    RateLimited,
    Rejected,
    TimedOut,
    Transient,
    Unreadable,
    UserError,
)
from tests.adapters.making import KEY, Scripted, build, image, image_bytes, request
from tests.server import LoopbackServer

OK = json.dumps(
    {
        "model": "m-1",
        "choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10},
    }
)


def reply(**choice: object) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": None}, **choice}]})


async def asked(scripted: Scripted, **args: object) -> AdapterError:
    """The error that a scripted reply becomes."""
    adapter = build("openai/m", base_url=f"{scripted.url}/v1", **args)
    try:
        with pytest.raises(AdapterError) as caught:
            await adapter.answer(request("hello"))
    finally:
        await adapter.aclose()
    return caught.value


async def test_two_turns_send_the_files_own_bytes_in_order(server: LoopbackServer, tmp_path: Path) -> None:
    first = image(tmp_path, image_bytes(), "first.jpg")
    second = image(tmp_path, image_bytes(kind="PNG"), "second.png")
    third = image(tmp_path, image_bytes(60, 20, "WEBP"), "third.webp")
    adapter = build("openai/good", base_url=server.openai_url)
    answer = await adapter.answer(request("Look at ", first, " and ", second, ": which is brighter?"))
    history: list[tuple[list[Part | str], str]] = [
        (["Look at ", first, " and ", second, ": which is brighter?"], answer.text)
    ]
    again = await adapter.answer(request("And ", third, "?", history=history))
    await adapter.aclose()
    assert answer.status is Status.OK and answer.text.startswith("Answer 1") and again.text.startswith("Answer 2")
    records = server.records()
    assert [record.images for record in records] == [
        (first.sha256, second.sha256),
        (first.sha256, second.sha256, third.sha256),
    ]
    assert answer.model_version == "good-2026-01-01"
    assert answer.usage.input_tokens and answer.usage.output_tokens
    assert "AsyncOpenAI" in records[0].user_agent


async def test_the_body_on_the_wire(tmp_path: Path) -> None:
    picture = image(tmp_path, image_bytes())
    generation = Generation(temperature=0.0, top_p=0.9, top_k=5, max_tokens=50, seed=7, stop=("END", "\n\n"))
    schema: JSON = {"type": "object", "properties": {"a": {"type": "integer"}}}
    async with Scripted(body=OK) as scripted:
        adapter = build("openai/org/m", base_url=f"{scripted.url}/v1", detail="low", structured="true")
        ask = request('Quote " and ünïcode ', picture, generation=generation, system="Be brief.", schema=schema)
        await adapter.answer(ask)
        await adapter.aclose()
    url = f"data:image/jpeg;base64,{base64.b64encode(picture.path.read_bytes()).decode() if picture.path else ''}"
    assert json.loads(scripted.bodies[0]) == {
        "model": "org/m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": 'Quote " and ünïcode '},
                    {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                ],
            },
        ],
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 5,
        "max_tokens": 50,
        "stop": ["END", "\n\n"],
        "seed": 7,
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}},
    }
    assert scripted.paths == ["/v1/chat/completions"]
    assert scripted.seen[0]["content-type"] == "application/json"


async def test_large_bodies_arrive_whole_and_unchunked(server: LoopbackServer, tmp_path: Path) -> None:
    large = image(tmp_path, image_bytes(1500, 1000, "PNG"), "large.png")
    assert large.size > 1_000_000
    adapter = build("openai/good", base_url=server.openai_url)
    await adapter.answer(request(large, "What is this?"))
    await adapter.aclose()
    assert server.records()[0].images == (large.sha256,)


async def test_words_alone_are_sent_as_plain_text() -> None:
    async with Scripted(body=OK) as scripted:
        adapter = build("openai/m", base_url=f"{scripted.url}/v1")
        await adapter.answer(request("Hello ", "there"))
        await adapter.aclose()
    assert json.loads(scripted.bodies[0])["messages"] == [{"role": "user", "content": "Hello there"}]


async def test_structured_output(server: LoopbackServer) -> None:
    schema: JSON = {"type": "object", "properties": {"rating": {"type": "integer"}}, "required": ["rating"]}
    adapter = build("openai/good", base_url=server.openai_url, structured="true")
    answer = await adapter.answer(request("Rate it.", schema=schema))
    await adapter.aclose()
    assert adapter.structured and isinstance(json.loads(answer.text)["rating"], int)


async def test_a_server_not_known_to_take_schemas_refuses_them() -> None:
    adapter = build("openai/m", base_url="http://localhost:1/v1")
    assert not adapter.structured
    assert "structured=true" in (adapter.check(request("x", schema={"type": "object"})) or "")
    await adapter.aclose()


@pytest.mark.parametrize(
    ("persona", "status", "detail"),
    [
        ("refuser", Status.REFUSED, "I cannot help with these pictures."),
        ("filtered", Status.REFUSED, "content_filter"),
        ("truncated", Status.TRUNCATED, "length"),
        ("empty", Status.OK, None),
    ],
)
async def test_how_replies_end(server: LoopbackServer, persona: str, status: Status, detail: str | None) -> None:
    adapter = build(f"openai/{persona}", base_url=server.openai_url)
    answer = await adapter.answer(request("Is it TRUE or FALSE?"))
    await adapter.aclose()
    assert (answer.status, answer.detail) == (status, detail)


async def test_a_filter_that_answers_400_is_a_refusal() -> None:
    body = json.dumps({"error": {"message": "held back by the content policy", "code": "content_filter"}})
    async with Scripted(status=400, body=body) as scripted:
        adapter = build("openai/m", base_url=f"{scripted.url}/v1")
        answer = await adapter.answer(request("x"))
        await adapter.aclose()
    assert (answer.status, answer.detail) == (Status.REFUSED, "held back by the content policy")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Denied),
        (402, Denied),
        (403, Denied),
        (404, Denied),
        (405, Rejected),
        (408, Transient),
        (409, Transient),
        (413, Rejected),
        (422, Rejected),
        (429, RateLimited),
        (500, Transient),
        (503, Transient),
        (529, Transient),
    ],
)
async def test_every_status_has_its_error(status: int, kind: type[AdapterError]) -> None:
    async with Scripted(status=status, body=json.dumps({"error": {"message": "as the provider says"}})) as scripted:
        error = await asked(scripted)
    assert type(error) is kind and error.status_code == status
    assert "as the provider says" in str(error) and "openai/m" in str(error)
    assert len(scripted.bodies) == 1, "the SDK must not try again by itself"


async def test_retry_after_reaches_the_engine() -> None:
    async with Scripted(status=429, body="{}", headers={"Retry-After": "12"}) as scripted:
        error = await asked(scripted)
    assert isinstance(error, RateLimited) and error.retry_after == 12


async def test_a_used_up_quota_stops_the_model() -> None:
    body = json.dumps({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
    async with Scripted(status=429, body=body) as scripted:
        error = await asked(scripted)
    assert isinstance(error, Denied) and "credit" in str(error)


async def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    long = f"bad key {KEY}, again {KEY} " + "x" * 5000
    async with Scripted(status=401, body=json.dumps({"error": {"message": long}})) as scripted:
        error = await asked(scripted, api_key_env="MY_KEY")
    assert scripted.seen[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(error) and "[key]" in str(error) and "set MY_KEY" in str(error)
    assert len(str(error)) < 600
    assert error.__suppress_context__, "a traceback must not show the SDK's own error either"


async def test_the_providers_key_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with Scripted(status=401, body="{}") as scripted:
        error = await asked(scripted)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{scripted.url}/v1")
        await asked(scripted)
    assert "api_key_env=NAME" in str(error)
    assert [KEY in str(headers) for headers in scripted.seen] == [False, True]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("{broken", "application/json"), ("<html>busy</html>", "text/html"), ('{"choices": []}', "application/json")],
)
async def test_malformed_replies_are_worth_another_attempt(body: str, content_type: str) -> None:
    async with Scripted(body=body, content_type=content_type) as scripted:
        error = await asked(scripted)
    assert type(error) is Unreadable and "malformed" in str(error)


@pytest.mark.parametrize("fault", [{"delay_s": 3.0}, {"trickle_s": 0.1, "body": OK}])
async def test_the_timeout_is_for_the_whole_reply(fault: dict[str, float]) -> None:
    async with Scripted(**fault) as scripted:  # type: ignore[arg-type]
        error = await asked(scripted, timeout=0.3)
    assert isinstance(error, TimedOut) and "0.3 s" in str(error)


async def test_a_dropped_connection_is_no_timeout() -> None:
    async with Scripted(hang_up=True) as scripted:
        error = await asked(scripted)
    assert type(error) is Transient and "lost" in str(error)


async def test_nobody_listening_is_no_timeout() -> None:
    async with Scripted() as scripted:
        pass
    error = await asked(scripted)
    assert type(error) is Transient and "127.0.0.1" in str(error)


async def test_cost_is_known_only_with_prices() -> None:
    async with Scripted(body=OK) as scripted:
        unknown = build("openai/gpt-4o", base_url=f"{scripted.url}/v1")
        priced = build("openai/gpt-4o", base_url=f"{scripted.url}/v1", price_in=2, price_out=10)
        costs = [(await adapter.answer(request("x"))).usage.cost_usd for adapter in (unknown, priced)]
        for adapter in (unknown, priced):
            await adapter.aclose()
    assert costs[0] is None, "somebody else's server has somebody else's prices"
    assert costs[1] == pytest.approx(0.0021)


async def test_token_limits_have_the_servers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = request("x", generation=Generation(max_tokens=5))
    async with Scripted(body=OK) as scripted:
        for extra in ({}, {"token_field": "max_completion_tokens"}):
            adapter = build("openai/m", base_url=f"{scripted.url}/v1", **extra)
            await adapter.answer(ask)
            await adapter.aclose()
    assert ["max_tokens" in json.loads(b) for b in scripted.bodies] == [True, False]
    assert json.loads(scripted.bodies[1])["max_completion_tokens"] == 5


async def test_a_reasoning_preset_sends_what_the_model_takes(server: LoopbackServer) -> None:
    adapter = build("openai/reasoning", base_url=server.openai_url, drop="temperature,top_p,max_tokens")
    effective = adapter.effective(Generation(temperature=0.0, top_p=0.9, max_tokens=100))
    answer = await adapter.answer(request("TRUE or FALSE?", generation=effective))
    await adapter.aclose()
    assert effective == Generation() and answer.status is Status.OK
    assert adapter.model.settings["not_sent"] == "max_tokens,temperature,top_p"


async def test_what_cannot_be_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    picture = image(tmp_path, image_bytes())
    adapter = build("openai/m", max_images=1)
    assert adapter.check(request(picture, picture)) == "2 images, the model takes 1"
    assert "drop=top_k" in (adapter.check(request("x", generation=Generation(top_k=3))) or "")
    assert "empty" in (adapter.check(request("x", history=[(["y"], "")])) or "")
    with pytest.raises(Rejected, match="2 images"):
        await adapter.answer(request(picture, picture))
    await adapter.aclose()


def test_a_missing_key_is_named_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="set OPENAI_API_KEY"):
        build("openai/gpt-4o")


@pytest.mark.parametrize(
    "args",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "http://me:secret@localhost/v1"},
        {"base_url": "http://localhost/v1?key=1"},
        {"base_url": "http://localhost/v1", "token_field": "tokens"},
        {"base_url": "http://localhost/v1", "detail": "sharp"},
        {"base_url": "http://localhost/v1", "drop": "heat"},
        {"base_url": "http://localhost/v1", "api_key_env": "NOT_SET_ANYWHERE"},
    ],
)
def test_wrong_arguments_are_the_users_to_mend(args: dict[str, str]) -> None:
    with pytest.raises(UserError, match="openai/m") as caught:
        build("openai/m", **args)
    assert "secret" not in str(caught.value)


async def test_identity_covers_what_may_change_answers_and_nothing_else() -> None:
    def identity(**args: object) -> str:
        return build("openai/m", **{"base_url": "http://localhost/v1", **args}).model.identity

    base = identity()
    same = [identity(timeout=5), identity(price_in=1, price_out=1), identity(max_images=3), identity(name="mine")]
    same += [identity(base_url="http://localhost/v2"), identity(base_url="http://a/v1,http://b/v1")]
    other = [
        identity(label="fp8"),
        identity(detail="low"),
        identity(reasoning_effort="low"),
        identity(max_image_edge=512),
        identity(drop="seed"),
    ]
    assert set(same) == {base} and len({base, *other}) == len(other) + 1
