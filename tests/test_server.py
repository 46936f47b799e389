"""The loopback server against the real SDKs: what every other test and benchmark stands on."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import anthropic
import openai
import pytest
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema
from PIL import Image
from pydantic import BaseModel

from tests.loopback.personas import options
from tests.server import Behaviour, LoopbackServer, Rule, Settings

ASK = "Is the statement true? Think step by step and end with: Therefore, the answer (TRUE or FALSE) is"
JUDGE = (
    "Rate A1 and A2 from 1 to 10 on C1 understanding, C2 coherence, C3 relevance, each as Rating: [[x]]. "
    "Say the overall rating of A1 is [[x]]."
)


class Ratings(BaseModel):
    """What a judge is asked for."""

    rating: int
    why: str


@pytest.fixture(scope="module")
def shared() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture(scope="module")
def chat(shared: LoopbackServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=shared.openai_url, max_retries=0, timeout=1.0) as client:
        yield client


@pytest.fixture(scope="module")
def claude(shared: LoopbackServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=shared.anthropic_url, max_retries=0, timeout=1.0) as client:
        yield client


@pytest.fixture
def server(shared: LoopbackServer) -> LoopbackServer:
    shared.configure(Settings())
    return shared


@pytest.fixture
def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG")
    return buffer.getvalue()


def ask_openai(client: openai.OpenAI, model: str, text: str = ASK, image: bytes | None = None) -> str:
    """The model's words over the real SDK, without its retries."""
    reply = client.chat.completions.create(model=model, messages=openai_messages(text, image))
    return reply.choices[0].message.content or ""


def openai_messages(text: str, image: bytes | None = None, kind: str = "jpeg") -> list[ChatCompletionMessageParam]:
    if image is None:
        return [{"role": "user", "content": text}]
    url = f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
    return [
        {
            "role": "user",
            "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}],
        }
    ]


def ask_anthropic(
    client: anthropic.Anthropic, model: str, messages: list[MessageParam] | None = None
) -> anthropic.types.Message:
    return client.messages.create(model=model, max_tokens=100, messages=messages or [{"role": "user", "content": ASK}])


def anthropic_messages(image: bytes) -> list[MessageParam]:
    data = base64.b64encode(image).decode()
    return [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": ASK},
                {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}},
            ],
        }
    ]


def test_both_sdks_get_an_answer_and_the_server_saw_the_file_s_own_bytes(
    server: LoopbackServer, chat: openai.OpenAI, claude: anthropic.Anthropic, jpeg: bytes
) -> None:
    words = ask_openai(chat, "good", image=jpeg)
    message = ask_anthropic(claude, "good", anthropic_messages(jpeg))

    assert words.endswith(("Therefore, the answer is TRUE.", "Therefore, the answer is FALSE."))
    block = message.content[0]
    assert block.type == "text" and block.text == words
    assert message.stop_reason == "end_turn" and message.usage.input_tokens > 85 and message.model == "good-20260101"
    seen = server.records()
    assert [record.images for record in seen] == [(hashlib.sha256(jpeg).hexdigest(),)] * 2
    assert [record.provider for record in seen] == ["openai", "anthropic"]
    assert server.stats().delivered == 2 and server.stats().repeated == 1


def test_structured_outputs_of_both_sdks_are_honoured(
    server: LoopbackServer, chat: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    parsed = chat.chat.completions.parse(model="good", messages=openai_messages(JUDGE), response_format=Ratings)
    message = claude.messages.parse(
        model="good", max_tokens=100, messages=[{"role": "user", "content": JUDGE}], output_format=Ratings
    )
    first = parsed.choices[0].message.parsed
    assert first is not None and 1 <= first.rating <= 10 and first.why
    assert message.parsed_output == first


def test_a_schema_s_enumerated_lists_come_back_complete(server: LoopbackServer, chat: openai.OpenAI) -> None:
    item: dict[str, object] = {
        "type": "object",
        "properties": {
            "turn": {"enum": [1, 2]},
            "criterion": {"enum": ["C1", "C2", "C3"]},
            "value": {"type": "number", "minimum": 1, "maximum": 10},
        },
    }
    schema: dict[str, object] = {
        "$defs": {"one": item},
        "type": "object",
        "properties": {"r": {"type": "array", "items": {"$ref": "#/$defs/one"}}},
    }
    form: ResponseFormatJSONSchema = {"type": "json_schema", "json_schema": {"name": "r", "schema": schema}}
    reply = chat.chat.completions.create(
        model="good",
        messages=openai_messages(JUDGE),
        response_format=form,
    )
    rows = json.loads(reply.choices[0].message.content or "")["r"]
    assert {(row["turn"], row["criterion"]) for row in rows} == {(t, c) for t in (1, 2) for c in ("C1", "C2", "C3")}
    assert len(rows) == 6 and all(1 <= row["value"] <= 10 for row in rows)


def test_brackets_hold_every_criterion_of_every_answer(server: LoopbackServer, chat: openai.OpenAI) -> None:
    reply = ask_openai(chat, "good", JUDGE)
    assert reply.count("### Evaluating") == 2 and reply.count("Rating: [[") == 6 and "rating of A2 is [[" in reply


def test_only_the_answers_of_the_layout_are_rated(server: LoopbackServer, chat: openai.OpenAI) -> None:
    prompt = "Rate A2 from 1 to 5. A1 came before.\n\nEvaluating A2\n(C1) ... Rating: [[x]]"
    reply = ask_openai(chat, "good", prompt)
    assert reply.count("[[") == 1 and "Evaluating A2" in reply and "A1" not in reply


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ASK, ("TRUE", "FALSE")),
        ("Which fits, IMAGE#1 or IMAGE#2?", ("IMAGE#1", "IMAGE#2")),
        ("the answer (left or right) is", ("left", "right")),
        ("Is it true or false?", ("TRUE", "FALSE")),
        ("Describe IMAGE#10.", None),
    ],
)
def test_the_options_are_read_from_the_prompt(text: str, expected: tuple[str, str] | None) -> None:
    assert options(text) == expected


def test_personas_end_in_their_own_ways(
    server: LoopbackServer, chat: openai.OpenAI, claude: anthropic.Anthropic
) -> None:

    def choice(model: str) -> openai.types.chat.chat_completion.Choice:
        return chat.chat.completions.create(model=model, messages=openai_messages(ASK)).choices[0]

    assert choice("refuser").message.refusal and choice("refuser").message.content is None
    assert choice("filtered").finish_reason == "content_filter"
    assert choice("truncated").finish_reason == "length"
    assert choice("echo").message.content == ASK
    assert choice("empty").message.content == ""
    short = chat.chat.completions.create(model="good", messages=openai_messages(ASK), max_completion_tokens=3)
    assert short.choices[0].finish_reason == "length" and short.usage and short.usage.completion_tokens == 3
    with pytest.raises(openai.BadRequestError, match="temperature"):
        chat.chat.completions.create(model="reasoning", messages=openai_messages(ASK), temperature=0)
    assert ask_anthropic(claude, "refuser").stop_reason == "refusal"
    assert ask_anthropic(claude, "truncated").stop_reason == "max_tokens"


def test_a_garbled_judge_becomes_readable_when_asked_again(server: LoopbackServer, chat: openai.OpenAI) -> None:
    replies = [ask_openai(chat, "garbled-judge", JUDGE) for _ in range(12)]
    sound = ask_openai(chat, "garbled-judge-2", JUDGE)
    assert any(reply.count("Rating: [[") == 6 and "[[99]]" not in reply for reply in [*replies, sound])
    assert any(reply.count("Rating: [[") != 6 or "[[99]]" in reply for reply in replies)


def test_rules_decide_before_the_persona(server: LoopbackServer, chat: openai.OpenAI) -> None:
    rule = Rule(pattern=r"colour of the (\w+)", reply=r"The \1 is red.")
    server.configure(Settings(models={"gpt-4o": Behaviour(rules=(rule,))}))
    assert ask_openai(chat, "gpt-4o", "Name the colour of the ball.") == "The ball is red."


def test_wrong_key_and_unknown_model_are_refused_in_each_provider_s_shape(
    server: LoopbackServer, chat: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    server.configure(Settings(keys=("right",)))
    with pytest.raises(openai.AuthenticationError) as lost:
        ask_openai(chat.with_options(api_key="other"), "good")
    assert lost.value.code == "invalid_api_key" and "other" not in str(lost.value)
    with pytest.raises(anthropic.AuthenticationError, match="authentication_error"):
        ask_anthropic(claude.with_options(api_key="other"), "good")
    with pytest.raises(openai.NotFoundError) as unknown:
        ask_openai(chat.with_options(api_key="right"), "gpt-9")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(anthropic.NotFoundError, match="not_found_error"):
        ask_anthropic(claude.with_options(api_key="right"), "gpt-9")


def test_bad_requests_name_the_part(
    server: LoopbackServer, chat: openai.OpenAI, claude: anthropic.Anthropic, jpeg: bytes
) -> None:
    server.configure(Settings(models={"good": Behaviour(max_images=0)}))
    with pytest.raises(openai.BadRequestError, match="declared as image/png and is image/jpeg") as wrong:
        chat.chat.completions.create(model="weak", messages=openai_messages(ASK, jpeg, "png"))
    assert wrong.value.param == "messages.0.content.1.image_url.url"
    with pytest.raises(openai.BadRequestError, match="none of JPEG"):
        ask_openai(chat, "weak", image=b"no picture")
    with pytest.raises(openai.BadRequestError, match="at most 0"):
        ask_openai(chat, "good", image=jpeg)
    twice: list[MessageParam] = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    with pytest.raises(anthropic.BadRequestError, match="alternate"):
        ask_anthropic(claude, "good", twice)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: Field required"):
        claude.post("/v1/messages", cast_to=object, body={"model": "good", "messages": []})
    with pytest.raises(anthropic.BadRequestError, match="seed: Extra inputs"):
        claude.messages.create(
            model="good", max_tokens=1, messages=[{"role": "user", "content": "a"}], extra_body={"seed": 1}
        )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("drop", openai.APIConnectionError),
        ("cut", openai.APIConnectionError),
        ("malformed", json.JSONDecodeError),
        ("stall", openai.APITimeoutError),
    ],
)
def test_each_fault_is_met_and_ends_after_its_limit(
    server: LoopbackServer, chat: openai.OpenAI, fault: str, error: type[Exception]
) -> None:
    behaviour = Behaviour.model_validate({"faults": {fault: 1.0}, "fault_limit": 1, "stall_s": 3})
    server.configure(Settings(models={"good": behaviour}))
    with pytest.raises(error):
        ask_openai(chat, "good")
    assert "Therefore" in ask_openai(chat, "good")
    assert server.stats().by_fault == {fault: 1}


def test_overload_and_endless_faults_in_anthropic_s_shape(server: LoopbackServer, claude: anthropic.Anthropic) -> None:
    server.configure(Settings(models={"good": Behaviour(faults={"529": 1.0}, fault_limit=None)}))
    for _ in range(5):
        with pytest.raises(anthropic.InternalServerError, match="overloaded_error") as overloaded:
            ask_anthropic(claude, "good")
        assert overloaded.value.status_code == 529


def test_faults_are_the_same_for_the_same_seed(server: LoopbackServer, chat: openai.OpenAI) -> None:
    def statuses(seed: int) -> list[int]:
        server.configure(Settings(seed=seed, models={"good": Behaviour(faults={"500": 0.5})}))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda i: _try(chat, f"{ASK} {i}"), range(24)))
        return [record.status for record in sorted(server.records(), key=lambda record: record.key)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert 4 <= statuses(3).count(500) <= 20


def _try(chat: openai.OpenAI, text: str) -> None:
    try:
        ask_openai(chat, "good", text)
    except openai.InternalServerError:
        return


def test_a_cap_on_requests_in_flight_and_retry_after(server: LoopbackServer, chat: openai.OpenAI) -> None:
    limited = Behaviour(latency_s=0.5, max_in_flight=2, retry_after="seconds", retry_after_s=7)
    dated = Behaviour(max_in_flight=0, retry_after="date", retry_after_s=60)
    server.configure(Settings(models={"good": limited, "weak": dated}))

    def ask(i: int) -> str:
        try:
            return ask_openai(chat, "good", f"{ASK} {i}")
        except openai.RateLimitError as error:
            return error.response.headers["Retry-After"]

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(ask, range(4)))
    assert ends.count("7") == 2 and server.stats().max_in_flight >= 3
    with pytest.raises(openai.RateLimitError) as later:
        ask_openai(chat, "weak")
    wait = parsedate_to_datetime(later.value.response.headers["Retry-After"]).timestamp() - time.time()
    assert 50 < wait <= 61


def test_the_same_question_is_known_again_but_another_fence_is_not_another_question(
    server: LoopbackServer, chat: openai.OpenAI
) -> None:
    ask_openai(chat, "good", "Rate what stands between <a91f3c77d2e0> and </a91f3c77d2e0>.")
    ask_openai(chat, "good", "Rate what stands between <0be5d1c2f9a7> and </0be5d1c2f9a7>.")
    ask_openai(chat, "good", "Rate something else.")
    assert sorted(server.stats().answered.values()) == [1, 2]
    server.reset()
    assert server.stats().requests == 0


def test_a_process_that_is_killed_takes_its_server_along(root: Path) -> None:
    script = textwrap.dedent("""
        import time
        from tests.server import LoopbackServer
        with LoopbackServer() as server:
            print(server.pid, flush=True)
            time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
