"""Tests that the legacy client used directly and through the adapter sends the same JSON for the same conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from legacy_openai import Config, Conversation, HttpCompletion, MultiClient
from legacy_openai import Message as LegacyMessage
from shim.legacy_adapter import LegacyProvider
from shim.model import (
    ImagePart,
    ModelRequest,
    Reasoning,
    ResponseFormat,
    ToolCallPart,
    ToolChoice,
    ToolDefinition,
    tool_result,
    user,
)
from shim.model import assistant as says
from shim.model import system as told
from shim.testing.fake_openai import FakeOpenAI, Respond
from tests.helpers.driving import ask, drive
from tests.helpers.field_values import PNG, SCHEMA
from tests.helpers.providers import KEY
from tests.legacy_adapter.test_request_transform import answer_anything

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT = msgspec.json.Encoder(order="sorted").encode
MODEL = "gpt-4o-mini"
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": SCHEMA}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}


@dataclass(frozen=True)
class Pair:
    """One conversation as an old codebase writes it, and as a caller of the provider does."""

    messages: list[LegacyMessage]
    request: ModelRequest
    config: dict[str, Any] = field(default_factory=dict)


PAIRS = {
    "simple": Pair([LegacyMessage("user", "Hello")], ModelRequest(MODEL, (user("Hello"),))),
    "multi-turn": Pair(
        [LegacyMessage("user", "Hi"), LegacyMessage("assistant", "Hello!"), LegacyMessage("user", "Naïve 🌍?")],
        ModelRequest(MODEL, (user("Hi"), says("Hello!"), user("Naïve 🌍?"))),
    ),
    "tool call": Pair(
        [LegacyMessage("user", "Rain?"), LegacyMessage.tool_call("call_1", "get_weather", arguments='{"city":"Rome"}')],
        ModelRequest(
            MODEL,
            (user("Rain?"), says(ToolCallPart("call_1", "get_weather", '{"city":"Rome"}'))),
            tools=(ToolDefinition("get_weather", "Weather.", SCHEMA),),
        ),
        {"params": {"tools": TOOLS}},
    ),
    "tool result": Pair(
        [
            LegacyMessage("user", "Rain?"),
            LegacyMessage.tool_call("a", "f", arguments="{}", content="Let me see.", more=[("b", "g", '{"x":1}')]),
            LegacyMessage.tool_result("a", "no"),
            LegacyMessage.tool_result("b", "yes"),
        ],
        ModelRequest(
            MODEL,
            (
                user("Rain?"),
                says("Let me see.", ToolCallPart("a", "f", "{}"), ToolCallPart("b", "g", '{"x":1}')),
                tool_result("a", "no"),
                tool_result("b", "yes"),
            ),
        ),
    ),
    "system prompt": Pair(
        [LegacyMessage("user", "Hi")],
        ModelRequest(MODEL, (user("Hi"),), system_prompt="Be brief."),
        {"openai_system_message": "Be brief."},
    ),
    "system message": Pair(
        [LegacyMessage("system", "Be brief."), LegacyMessage("user", "Hi")],
        ModelRequest(MODEL, (told("Be brief."), user("Hi"))),
    ),
    "images": Pair(
        [
            LegacyMessage(
                "user",
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                ],
            )
        ],
        ModelRequest(
            MODEL, (user("What is this?", ImagePart(PNG, detail="low"), ImagePart("https://example.org/a.png")),)
        ),
    ),
    "every field": Pair(
        [LegacyMessage("user", "Hi", name="ann")],
        ModelRequest(
            MODEL,
            (user("Hi", name="ann"),),
            tools=(ToolDefinition("get_weather", "Weather.", SCHEMA),),
            tool_choice=ToolChoice.tool("get_weather"),
            parallel_tool_calls=False,
            max_output_tokens=50,
            temperature=0.2,
            top_p=0.9,
            stop=("a", "b"),
            seed=7,
            presence_penalty=0.1,
            frequency_penalty=-0.1,
            logit_bias={"1": 2},
            logprobs=True,
            top_logprobs=2,
            n=2,
            response_format=ResponseFormat("json_schema", name="city", schema=SCHEMA, strict=True),
            reasoning=Reasoning("low"),
            verbosity="low",
            metadata={"team": "a"},
            user="u",
            service_tier=None,
            store=False,
            extra_body={"vendor": {"x": None}},
        ),
        {
            "openai_temperature": 0.2,
            "openai_max_completion_tokens": 50,
            "params": {
                "tools": TOOLS,
                "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
                "parallel_tool_calls": False,
                "top_p": 0.9,
                "stop": ["a", "b"],
                "seed": 7,
                "presence_penalty": 0.1,
                "frequency_penalty": -0.1,
                "logit_bias": {"1": 2},
                "logprobs": True,
                "top_logprobs": 2,
                "n": 2,
                "response_format": FORMAT,
                "reasoning_effort": "low",
                "verbosity": "low",
                "metadata": {"team": "a"},
                "user": "u",
                "service_tier": None,
                "store": False,
                "vendor": {"x": None},
            },
        },
    ),
}


@pytest.fixture(scope="module")
def listener() -> Iterator[FakeOpenAI]:
    """A server that keeps what it is sent."""
    with FakeOpenAI() as server:
        yield server


class Direct:
    """The legacy client in the loop's terms: enough of a provider to be driven by the same loop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = MultiClient()
        self.completions: list[HttpCompletion] = []

    def ask(self, pair: Pair, *, stream: bool) -> None:
        """Send the conversation as an old codebase would."""
        config = Config(openai_api_key=KEY, openai_model=MODEL, openai_base_url=self.url, **pair.config)
        payloads: list[bytes] = []
        callback = payloads.append if stream else None
        self.client.add_request(config, Conversation(pair.messages), callback, self.completions.append)
        drive(self.client, lambda: self.completions)  # type: ignore[arg-type]  # the loop uses what the two have alike


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", PAIRS)
def test_directly_and_through_the_adapter_the_same_json_is_sent(
    *, listener: FakeOpenAI, name: str, stream: bool
) -> None:
    """For the same conversation the legacy client sends the same JSON and headers, whoever calls it."""
    pair = PAIRS[name]
    listener.plan(Respond(answer_anything), Respond(answer_anything))
    direct = Direct(listener.base_url)
    with direct.client:
        direct.ask(pair, stream=stream)
    with LegacyProvider(api_key=KEY, base_url=listener.base_url) as provider:
        ask(provider, pair.request, stream=stream)
    by_hand, through = listener.requests[-2:]
    assert EXACT(through.json) == EXACT(by_hand.json)
    assert {**through.headers, "content-length": ""} == {**by_hand.headers, "content-length": ""}
