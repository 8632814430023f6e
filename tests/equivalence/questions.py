"""Questions: the requests that both providers are asked, each with what makes the fake API answer it so.

Not the answers that go wrong (`answers`). The persona of `shim.testing.fake_openai` answers these.
"""

from __future__ import annotations

from msgspec.structs import replace

from shim.model import (
    ImagePart,
    Message,
    ModelRequest,
    Reasoning,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolDefinition,
    assistant,
    system,
    tool_result,
    user,
)
from tests.helpers.field_values import PNG, SCHEMA

CLOSED = SCHEMA | {"additionalProperties": False}
MODEL = "gpt-4o-mini"
WEATHER = ToolDefinition("get_weather", "Current weather of a city.", SCHEMA)
CALL = ToolCallPart("call_1", "get_weather", '{"city":"Paris"}')
OTHER_CALL = ToolCallPart("call_2", "get_weather", '{"city":"London"}')
TEXT = ModelRequest(MODEL, (user("What is a tide?"),))
CALLED = ModelRequest(MODEL, (user("What is the weather in Paris?"),), tools=(WEATHER,))

QUESTIONS: dict[str, ModelRequest] = {
    "simple text": TEXT,
    "greeting": ModelRequest(MODEL, (user("Hello"),)),
    "more than ASCII": ModelRequest(MODEL, (user("Très naïve 🌍 \u2028 日本語?"),)),
    "multi-turn": ModelRequest(MODEL, (user("Hi"), assistant("Hello!"), user("And again?"))),
    "tool call": CALLED,
    "parallel calls": replace(CALLED, messages=(user("What is the weather in Paris and London?"),)),
    "one call at a time": replace(
        CALLED, messages=(user("What is the weather in Paris and London?"),), parallel_tool_calls=False
    ),
    "named tool": replace(CALLED, messages=(user("Hello"),), tool_choice=ToolChoice.tool("get_weather")),
    "no tool wanted": replace(CALLED, tool_choice=ToolChoice.NONE),
    "tool result": replace(CALLED, messages=(*CALLED.messages, assistant(CALL), tool_result("call_1", "rain"))),
    "two tool results": replace(
        CALLED,
        messages=(
            user("What is the weather in Paris and London?"),
            assistant("Let me see.", CALL, OTHER_CALL),
            tool_result("call_1", "rain"),
            tool_result("call_2", "fog"),
        ),
    ),
    "system prompt": replace(TEXT, system_prompt="Be brief."),
    "system message": replace(TEXT, messages=(system("Be brief."), *TEXT.messages)),
    "developer message": replace(TEXT, messages=(Message("developer", (TextPart("Be brief."),)), *TEXT.messages)),
    "images": ModelRequest(
        MODEL, (user("What is this?", ImagePart(PNG, detail="low"), ImagePart("https://example.org/a.png")),)
    ),
    "structured output": replace(
        TEXT, response_format=ResponseFormat("json_schema", name="city", schema=CLOSED, strict=True)
    ),
    "JSON object": ModelRequest(
        MODEL, (user("Answer in JSON: which city?"),), response_format=ResponseFormat("json_object")
    ),
    "refusal": ModelRequest(MODEL, (user("Please refuse this."),)),
    "length cut": ModelRequest(MODEL, (user("Count to 50"),), max_output_tokens=16),
    "reasoning": ModelRequest("o3", (user("What is a tide?"),), reasoning=Reasoning("low")),
    "reasoning to the limit": ModelRequest("o3", (user("What is a tide?"),), max_output_tokens=16),
    "sampling": replace(TEXT, temperature=0, top_p=0.5, metadata={"team": "a"}, user="u-1", store=False),
}
"""What both APIs can be asked."""

ONLY_ON_CHAT: dict[str, ModelRequest] = {
    "two choices": replace(TEXT, n=2),
    "three choices with calls": replace(CALLED, n=3),
    "log probabilities": replace(TEXT, logprobs=True, top_logprobs=2),
    "stop": replace(TEXT, stop=("tide",)),
    "seed and penalties": replace(TEXT, seed=7, presence_penalty=0.5, frequency_penalty=-0.5, logit_bias={"50256": 1}),
    "a model overlaid": replace(TEXT, extra_body={"model": "o3"}),
    "a temperature overlaid": replace(TEXT, extra_body={"temperature": 1}),
    "old function": replace(TEXT, extra_body={"functions": [{"name": "tide_table", "parameters": SCHEMA}]}),
}
"""What only Chat Completions has a place for."""

EXTRA_HEADERS: dict[str, dict[str, str | None]] = {
    "added": {"X-Team": "a", "x-spaced": "a  b"},
    "replaced": {"authorization": "Bearer other", "OpenAI-Organization": "org-9"},
    "a type of their own": {"content-type": "application/json; charset=utf-8", "ACCEPT": "*/*"},
    "removed": {"User-Agent": None, "Accept": None, "Content-Type": None},
    "no authorization": {"Authorization": None},
    "empty": {"X-Empty": ""},
    "another encoding": {"Accept-Encoding": "identity"},
    "no encoding": {"Accept-Encoding": None},
    "twice": {"X-Team": "a", "x-team": "b"},
}
"""Headers of a request's own."""
