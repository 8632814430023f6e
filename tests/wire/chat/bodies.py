"""Bodies: Chat Completions requests as existing code writes them, ordinary and odd; each must survive an import.

Not the tests of the import (`test_request_import`).
"""

from __future__ import annotations

from typing import Any

HI = {"role": "user", "content": "hi"}
URL = {"url": "u"}
EPHEMERAL = {"type": "ephemeral"}
FUNCTION: dict[str, Any] = {"name": "f", "arguments": "{}"}
CALL: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CUSTOM: dict[str, Any] = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "print(1)"}}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "looks", "parameters": {"type": "object"}, "strict": True},
}
SCHEMA: dict[str, Any] = {"name": "depth", "schema": {"type": "object"}, "strict": True, "description": "how deep"}


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    """A body with these messages and fields."""
    return {"model": "gpt-4o-mini", "messages": list(messages) or [HI]} | fields


def said(*blocks: Any, role: str = "user") -> dict[str, Any]:
    """A body with one message of these blocks."""
    return body({"role": role, "content": list(blocks)})


def called(*calls: Any) -> dict[str, Any]:
    """A body with one message that makes these calls."""
    return body({"role": "assistant", "content": None, "tool_calls": list(calls)})


EVERY_PARAMETER = body(
    tools=[TOOL],
    tool_choice={"type": "function", "function": {"name": "look"}},
    parallel_tool_calls=False,
    max_completion_tokens=100,
    max_tokens=50,
    temperature=0,
    top_p=0.5,
    stop=["a", "b"],
    seed=7,
    presence_penalty=1,
    frequency_penalty=-0.5,
    logit_bias={"50256": -100},
    logprobs=True,
    top_logprobs=3,
    n=2,
    response_format={"type": "json_schema", "json_schema": SCHEMA},
    reasoning_effort="low",
    verbosity="high",
    metadata={"team": "blue"},
    user="ann",
    service_tier="flex",
    store=False,
    functions=[{"name": "f"}],
    function_call="auto",
    stream=True,
)

# Body -> what is special about it; each must come back as it is.
LOSSLESS: dict[str, dict[str, Any]] = {
    "small": body(),
    "every parameter": EVERY_PARAMETER,
    "every parameter null": {name: None for name in EVERY_PARAMETER if name != "stream"} | body(),
    "unknown parameters": body(top_k=5, provider={"order": ["a"]}, modalities=["text"], prediction=None, cache={}),
    "audio out": body(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "web search": body(web_search_options={"search_context_size": "low"}),
    "schema with a name of a wrong kind": body(response_format={"type": "json_schema", "json_schema": {"name": 5}}),
    "schema with strictness in words": body(response_format={"type": "json_schema", "json_schema": {"strict": "yes"}}),
    "schema of null": body(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": None}}),
    "file of nothing": body(messages=[{"role": "user", "content": [{"type": "file", "file": {"filename": "a"}}]}]),
    "stream false": body(stream=False),
    "stream null": body(stream=None),
    "stream true": body(stream=True),
    "stream with usage": body(stream=True, stream_options={"include_usage": True}),
    "stream without usage": body(stream=True, stream_options={"include_usage": False, "include_obfuscation": False}),
    "stream with null options": body(stream=True, stream_options=None),
    "stop as a string": body(stop="END"),
    "empty lists": body(stop=[], tools=[], logit_bias={}, metadata={}),
    "tool choice auto": body(tool_choice="auto"),
    "tool choice unknown": body(tool_choice="any"),
    "tool choice allowed": body(
        tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}}
    ),
    "tool choice with more": body(tool_choice={"type": "function", "function": {"name": "look", "x": 1}}),
    "format text": body(response_format={"type": "text"}),
    "format json": body(response_format={"type": "json_object"}),
    "format json with more": body(response_format={"type": "json_object", "schema": {"type": "object"}}),
    "format schema with more": body(response_format={"type": "json_schema", "json_schema": SCHEMA | {"x": 1}}),
    "format without a schema": body(response_format={"type": "json_schema"}),
    "format unknown": body(response_format={"type": "grammar", "grammar": "root ::= x"}),
    "tool bare": body(tools=[{"type": "function", "function": {"name": "look"}}]),
    "tool with nulls": body(
        tools=[{"type": "function", "function": {"name": "look", "parameters": None, "strict": None}}]
    ),
    "tool with more inside": body(tools=[{"type": "function", "function": {"name": "look", "defer_loading": True}}]),
    "tool with more outside": body(tools=[TOOL | {"cache_control": EPHEMERAL}]),
    "tools of other types": body(
        tools=[{"type": "custom", "custom": {"name": "run"}}, {"type": "web_search"}, {"name": "f"}]
    ),
    "content null": body({"role": "assistant", "content": None}),
    "content absent": body({"role": "assistant"}, {"role": "user"}),
    "content empty": body({"role": "user", "content": ""}),
    "content empty list": body({"role": "user", "content": []}),
    "content of one block": said({"type": "text", "text": "hi"}),
    "content of two blocks": said({"type": "text", "text": "a"}, {"type": "text", "text": "b"}),
    "block with more": said({"type": "text", "text": "hi", "cache_control": EPHEMERAL}),
    "text block without text": said({"type": "text"}, {"type": "text", "text": None}),
    "image": said({"type": "image_url", "image_url": {"url": "u", "detail": "low"}}),
    "image with more": said({"type": "image_url", "image_url": {"url": "u", "x": 1}, "y": 2}),
    "image as a string": said({"type": "image_url", "image_url": "u"}),
    "image with a null": said({"type": "image_url", "image_url": {"url": "u", "detail": None}}),
    "audio in": said({"type": "input_audio", "input_audio": {"data": "d", "format": "wav"}}),
    "file": said({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file": {}}),
    "video": said({"type": "video_url", "video_url": URL}),
    "image by the system": said({"type": "image_url", "image_url": URL}, role="system"),
    "blocks of the assistant": said(
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "refusal", "refusal": "no"},
        role="assistant",
    ),
    "system and developer": body(
        {"role": "system", "content": "a"}, {"role": "developer", "content": "b", "name": "n"}
    ),
    "message with more": body({"role": "user", "content": "hi", "cache": True, "prefix": None}),
    "name null": body({"role": "user", "content": "hi", "name": None}),
    "name of a wrong kind": body({"role": "user", "content": "hi", "name": 7}),
    "calls": called(CALL, CUSTOM),
    "calls with text": body({"role": "assistant", "content": "hi", "tool_calls": [CALL]}),
    "calls without content": body({"role": "assistant", "tool_calls": [CALL]}),
    "calls null": body({"role": "assistant", "content": "hi", "tool_calls": None}),
    "calls empty": body({"role": "assistant", "content": "hi", "tool_calls": []}),
    "call with more": called(CALL | {"index": 0, "extra_content": {"s": 1}}),
    "call without type": called({"id": "c", "function": FUNCTION}),
    "call without id": called({"type": "function", "function": CALL["function"]}),
    "call with both": called(CALL | {"custom": CUSTOM["custom"]}),
    "call with arguments as an object": called(
        CALL, {"id": "c", "type": "function", "function": FUNCTION | {"arguments": {}}}
    ),
    "call with more inside": called({"id": "c", "type": "function", "function": FUNCTION | {"x": 1}}),
    "calls of a wrong kind": called("look"),
    "function call": body({"role": "assistant", "content": None, "function_call": FUNCTION}),
    "function call null": body({"role": "assistant", "content": "hi", "function_call": None}),
    "function call with more": body({"role": "assistant", "content": None, "function_call": FUNCTION | {"x": 1}}),
    "role function": body({"role": "function", "name": "f", "content": "42"}),
    "role function with null": body({"role": "function", "name": "f", "content": None}),
    "refusal": body({"role": "assistant", "content": None, "refusal": "no"}),
    "refusal null": body({"role": "assistant", "content": "hi", "refusal": None}),
    "refusal empty": body({"role": "assistant", "content": "hi", "refusal": ""}),
    "reasoning": body({"role": "assistant", "content": "hi", "reasoning_content": "hm", "reasoning": "hm?"}),
    "reasoning null": body(
        {"role": "assistant", "content": "hi", "reasoning_content": None, "reasoning_details": [{"text": "hm"}]}
    ),
    "audio of the assistant": body({"role": "assistant", "audio": {"id": "audio_1"}}),
    "result": body({"role": "tool", "tool_call_id": "c", "content": "42"}),
    "result as blocks": body({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "42"}]}),
    "result with an image": body(
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url", "image_url": URL}]}
    ),
    "result without id": body({"role": "tool", "content": "42"}),
    "result with a null id": body({"role": "tool", "tool_call_id": None, "content": "42"}),
    "result without content": body({"role": "tool", "tool_call_id": "c"}),
    "result with null content": body({"role": "tool", "tool_call_id": "c", "content": None, "name": "f"}),
    "result of an error": body({"role": "tool", "tool_call_id": "c", "content": "no", "is_error": True}),
    "stop of a wrong kind": body(stop=5),
    "numbers as they are": body(temperature=1, top_p=1.0, seed=10**18, n=1),
    "tools with a word among them": body(tools=[{"type": "function", "function": {"name": "f"}}, "look"]),
    "tool without a name": body(tools=[{"type": "function", "function": {"name": ""}}]),
    "tool with a wrong description": body(
        tools=[{"type": "function", "function": {"name": "f", "description": 7, "strict": "no"}}]
    ),
}
# Parameter -> a value that has not its kind.
MALFORMED: dict[str, Any] = {
    "tools": "look",
    "tool_choice": 7,
    "parallel_tool_calls": "no",
    "max_completion_tokens": "100",
    "temperature": "hot",
    "top_p": True,
    "stop": ["a", 7],
    "seed": 1.5,
    "presence_penalty": [],
    "frequency_penalty": {},
    "logit_bias": [[50256, 1]],
    "logprobs": 5,
    "top_logprobs": "5",
    "n": True,
    "response_format": "json",
    "reasoning_effort": 3,
    "verbosity": 1,
    "metadata": "team",
    "user": 7,
    "service_tier": False,
    "store": "yes",
}
