"""Field values: for every field of `ModelRequest`, requests that set it in each way Chat Completions can express.

Not the codec's own tests (`tests/wire`): here the values only have to move the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolChoice,
    ToolDefinition,
    assistant,
    system,
    tool_result,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolDefinition("get_weather", "Current weather of a city.", SCHEMA, strict=True)
BARE = ToolDefinition("now", extra={"vendor": 1})
CUSTOM = OpaquePart("custom", {"type": "custom", "custom": {"name": "calc"}})
PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = ToolCallPart("call_1", "get_weather", '{"city":"Zürich 🌧"}')

BASE = ModelRequest("gpt-4o-mini", (user("Hello"),))

_OPTIONAL_ONLY_RESPONSES = frozenset({"previous_response_id", "include"})
NOT_ON_CHAT = _OPTIONAL_ONLY_RESPONSES
"""Fields that Chat Completions has no place for: setting one is refused."""

# Field -> its values; a null is added for each field that may be one.
VALUES: dict[str, tuple[Any, ...]] = {
    "model": ("gpt-4.1", "o3-mini", "ft:gpt-4o:org::x", "modèle"),
    "messages": (
        (user("Hi"), assistant("Hello"), user("Again")),
        (system("Be brief"), Message("developer", (TextPart("Really"),)), user("Hi", name="ann")),
        (user("Look", ImagePart(PNG, detail="low"), ImagePart("https://example.org/a.png")),),
        (user(AudioPart("UklGRg==", "wav"), FilePart(filename="a.pdf", file_data="data:application/pdf;base64,JQ==")),),
        (user(TextPart("cached", {"cache_control": {"type": "ephemeral"}}), OpaquePart("x", {"type": "x", "y": [1]})),),
        (user("Weather?"), assistant(CALL), tool_result("call_1", "rain")),
        (user("Weather?"), assistant("Let me see", CALL, CALL), tool_result("call_1", "")),
        (user("x"), Message("tool", (ToolCallResponsePart("a", "1"), ToolCallResponsePart("b", "2")))),
        (user("x"), assistant(RefusalPart("No.")), assistant(ReasoningPart("hm", wire_field="reasoning_content"), "y")),
        (user("x"), assistant(ToolCallPart("", "old", "{}", kind="function_call"))),
        (user("x"), assistant(ToolCallPart("c", "calc", "1+1", kind="custom", extra={"thought": "s"}))),
        (Message("user", (TextPart("one"),), content_form="list"), Message("assistant", (), content_form="absent")),
        (Message("assistant", (), content_form="null", extra={"audio": {"id": "a"}}), Message("user", (), name=None)),
        (user("\x00\u2028\U0001f600 é"), user("")),
    ),
    "system_prompt": ("Be kind.", ""),
    "tools": ((WEATHER,), (BARE, CUSTOM), ()),
    "tool_choice": (*("auto", "none", "required"), ToolChoice.tool("now"), OpaquePart("x", {"type": "allowed_tools"})),
    "parallel_tool_calls": (True, False),
    "max_output_tokens": (1, 4096),
    "temperature": (0, 0.0, 1.3, 2),
    "top_p": (0.5, 1),
    "stop": ("\n", ("a", "b"), ()),
    "seed": (0, -1, 2**53),
    "presence_penalty": (-2.0, 0.5),
    "frequency_penalty": (1, 0.25),
    "logit_bias": ({"50256": -100}, {}),
    "logprobs": (True, False),
    "top_logprobs": (0, 5),
    "n": (1, 3),
    "response_format": (
        ResponseFormat("text"),
        ResponseFormat("json_object"),
        ResponseFormat("json_schema", name="city", schema=SCHEMA, strict=True, description="A city."),
        OpaquePart("grammar", {"type": "grammar", "grammar": "root ::= x"}),
    ),
    "reasoning": (Reasoning("low"), Reasoning("none"), Reasoning()),
    "verbosity": ("low",),
    "metadata": ({"team": "a"}, {}),
    "user": ("u-1",),
    "service_tier": ("flex",),
    "store": (True, False),
    "extra_body": (
        {"vendor": {"deep": [1, None, 2.5, "x"]}},
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"stream_options": UNSET},
        {"stream_options": None},
        {"temperature": 0.1, "max_completion_tokens": 5},
        {"temperature": UNSET},
        {"temperature": None, "max_completion_tokens": None},
        {"max_tokens": 7, "top_p": 0.1},
        {"model": "another", "messages": [{"role": "user", "content": "another", "extra": None}]},
        {"messages": [{"role": "assistant", "tool_calls": [], "name": None}, {"role": "user", "content": None}]},
        {"temperature": "hot", "max_completion_tokens": "many"},
    ),
    "extra_headers": ({"X-Team": "a"}, {"User-Agent": None}),
    "conversation_id": ("c-1",),
}
_NULLABLE = frozenset(VALUES) - {
    *("model", "messages", "system_prompt", "reasoning", "extra_body", "extra_headers", "conversation_id")
}


def every_field() -> Iterator[tuple[str, ModelRequest]]:
    """Every field that Chat can express with each of its values, as (name for the test, request)."""
    for field in ModelRequest.__struct_fields__:
        values = (*VALUES.get(field, ()), *((None,) if field in _NULLABLE else ()))
        for number, value in enumerate(values):
            yield f"{field}-{number}", replace(BASE, **{field: value})
    yield "everything", everything()


def everything() -> ModelRequest:
    """A request with the last value of every field at once."""
    last = {field: values[-1] for field, values in VALUES.items() if field != "extra_body"}
    return replace(BASE, **last)
