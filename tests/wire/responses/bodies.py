"""Bodies: Responses requests as existing code writes them, ordinary and odd; each must survive an import.

Not the tests of the import (`test_request_import`).
"""

from __future__ import annotations

from typing import Any

HI = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
REASONING: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
TOOL = {
    "type": "function",
    "name": "look",
    "description": "looks",
    "parameters": {"type": "object"},
    "strict": True,
}
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "name": "depth",
    "schema": {"type": "object"},
    "strict": True,
    "description": "how deep",
}


def body(given: Any = "hi", **fields: Any) -> dict[str, Any]:
    """A body with this input and these fields."""
    return {"model": "gpt-4o-mini", "input": given} | fields


def items(*given: Any, **fields: Any) -> dict[str, Any]:
    """A body whose input is these items."""
    return body(list(given), **fields)


def said(*blocks: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    """A body with one message of these blocks."""
    return items({"role": role, "content": list(blocks)} | fields)


def text(words: str, kind: str = "input_text", **fields: Any) -> dict[str, Any]:
    """A block of text."""
    return {"type": kind, "text": words} | fields


def made(*blocks: Any, **fields: Any) -> dict[str, Any]:
    """A message item as a response has it."""
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(blocks),
    } | fields


EVERY_PARAMETER = body(
    instructions="be kind",
    tools=[TOOL],
    tool_choice={"type": "function", "name": "look"},
    parallel_tool_calls=False,
    max_output_tokens=100,
    temperature=0,
    top_p=0.5,
    top_logprobs=3,
    text={"format": SCHEMA, "verbosity": "high"},
    reasoning={"effort": "low", "summary": "auto"},
    metadata={"team": "blue"},
    user="ann",
    service_tier="flex",
    store=False,
    previous_response_id="resp_1",
    include=["reasoning.encrypted_content", "message.output_text.logprobs"],
    truncation="auto",
    background=False,
    stream=True,
)

# Body -> what is special about it; each must come back as it is.
LOSSLESS: dict[str, dict[str, Any]] = {
    "small": body(),
    "every parameter": EVERY_PARAMETER,
    "every parameter null": {name: None for name in EVERY_PARAMETER if name != "stream"} | body(),
    "schema with a name of a wrong kind": body(text={"format": {"type": "json_schema", "name": 5}}),
    "schema with strictness in words": body(text={"format": {"type": "json_schema", "name": "n", "strict": "yes"}}),
    "functions with fields of a wrong kind": body(
        tools=[
            {"type": "function", "name": "f", name: value} for name, value in (("description", []), ("strict", "yes"))
        ]
    ),
    "one function as on Chat Completions": body(
        tools=[{"type": "function", "name": "f"}, {"type": "function", "function": {"name": "g"}}]
    ),
    "format without verbosity": body(text={"format": {"type": "text"}}),
    "verbosity of a wrong kind": body(text={"format": {"type": "text"}, "verbosity": 1}),
    "image of nothing": body([{"role": "user", "content": [{"type": "input_image", "detail": "low"}]}]),
    "file of nothing": body([{"role": "user", "content": [{"type": "input_file", "filename": "a"}]}]),
    "unknown parameters": body(top_k=5, prompt_cache_key="k", safety_identifier=None, max_tool_calls=2),
    "stream false": body(stream=False),
    "stream null": body(stream=None),
    "stream options": body(stream=True, stream_options={"include_obfuscation": False}),
    "input empty string": body(""),
    "input empty list": items(),
    "input absent": {"model": "m", "prompt": {"id": "pmpt_1"}},
    "input absent with state": {"model": "m", "previous_response_id": "resp_1"},
    "input one message": items(HI),
    "input two messages": items(HI, {"role": "assistant", "content": "yes?"}),
    "message with a type": items({"type": "message"} | HI),
    "message with an id": items({"type": "message", "id": "msg_0", "status": "completed"} | HI),
    "message with nulls": items(HI | {"id": None, "status": None}),
    "message with a name": items(HI | {"name": "ann"}),
    "message with a phase": items({"role": "assistant", "content": "hm", "phase": "commentary"}),
    "content of one block": said(text("hi")),
    "content of two blocks": said(text("a"), text("b")),
    "content empty list": said(),
    "content empty": items({"role": "user", "content": ""}),
    "block with more": said(text("hi", cache_control={"type": "ephemeral"})),
    "block without text": said({"type": "input_text"}, {"type": "input_text", "text": None}),
    "image": said({"type": "input_image", "image_url": "u", "detail": "low"}),
    "image by id": said({"type": "input_image", "file_id": "file_1", "detail": "auto"}),
    "image with a detail of a wrong kind": said({"type": "input_image", "image_url": "u", "detail": 1}),
    "image with a null": said({"type": "input_image", "image_url": "u", "file_id": None}),
    "image by the system": said({"type": "input_image", "image_url": "u"}, role="system"),
    "file": said({"type": "input_file", "file_url": "u"}, {"type": "input_file", "filename": "f", "file_data": "d"}),
    "file with more": said({"type": "input_file", "file_id": "f", "x": 1}),
    "video": said({"type": "input_video", "video_url": "u"}),
    "block of another kind": said(text("hi"), {"type": "hologram"}),
    "system and developer": items({"role": "system", "content": "a"}, {"role": "developer", "content": "b"}),
    "assistant blocks": said(text("a", "output_text"), role="assistant"),
    "assistant refusal": said({"type": "refusal", "refusal": "no"}, role="assistant"),
    "assistant input text": said(text("a"), role="assistant"),
    "output message": items(made(text("a", "output_text", annotations=[], logprobs=[]))),
    "output message bare": items(made(text("a", "output_text"))),
    "output message cited": items(made(text("a", "output_text", annotations=[{"type": "url_citation"}]))),
    "output message with a phase": items(made(text("a", "output_text", annotations=[]), phase="final_answer")),
    "output message with nulls": items(made(text("a", "output_text", annotations=None), phase=None)),
    "output message as a string": items(made() | {"content": "a"}),
    "output message empty": items(made()),
    "two output messages": items(
        made(text("a", "output_text"), phase="commentary"), CALL, made(text("b", "output_text"), id="msg_2")
    ),
    "call and result": items(HI, CALL, RESULT),
    "call with id and status": items(CALL | {"id": "fc_1", "status": "completed", "namespace": None}),
    "call with arguments as an object": items(CALL | {"arguments": {"a": 1}}),
    "call without id": items({"type": "function_call", "name": "look", "arguments": "{}"}),
    "calls in parallel": items(CALL, CALL | {"call_id": "call_2"}, RESULT, RESULT | {"call_id": "call_2"}),
    "custom call": items(
        {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "print(1)", "id": "ctc_1"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "1"},
    ),
    "custom result alone": items({"type": "custom_tool_call_output", "call_id": "c", "output": "1"}),
    "result of blocks": items(RESULT | {"output": [text("a"), {"type": "input_image", "image_url": "u"}]}),
    "result of one block": items(RESULT | {"output": [text("a")]}),
    "result empty": items(RESULT | {"output": []}, RESULT | {"output": ""}),
    "result with more": items(RESULT | {"id": "fco_1", "status": "completed"}),
    "result of a wrong kind": items(RESULT | {"output": None}, RESULT | {"output": {"a": 1}, "call_id": None}),
    "reasoning": items(REASONING, CALL, RESULT),
    "reasoning encrypted": items(REASONING | {"encrypted_content": "gAAA"}, made(text("a", "output_text"))),
    "reasoning with a summary": items(REASONING | {"summary": [{"type": "summary_text", "text": t} for t in "ab"]}),
    "reasoning with its text": items(REASONING | {"content": [{"type": "reasoning_text", "text": "hm"}]}),
    "reasoning with both": items(
        REASONING
        | {
            "summary": [{"type": "summary_text", "text": "a"}],
            "content": [{"type": "reasoning_text", "text": "b"}, {"type": "reasoning_text", "text": "c"}],
        }
    ),
    "reasoning with nulls": items(REASONING | {"encrypted_content": None, "status": None, "content": None}),
    "reasoning without summary": items({"type": "reasoning", "encrypted_content": "gAAA"}),
    "reasoning odd": items(REASONING | {"summary": "all", "id": 7, "content": [{"type": "x", "text": "a"}]}),
    "item reference": items({"type": "item_reference", "id": "rs_1"}, {"id": "msg_1"}, {"type": None, "id": "m"}),
    "built-in items": items(
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        {"type": "compaction", "encrypted_content": "gAAA"},
    ),
    "tool bare": body(tools=[{"type": "function", "name": "look"}]),
    "tool with nulls": body(tools=[{"type": "function", "name": "look", "parameters": None, "strict": None}]),
    "tool with more": body(tools=[TOOL | {"defer_loading": True}]),
    "tools of other types": body(tools=[{"type": "web_search"}, {"type": "custom", "name": "run"}, {"type": "mcp"}]),
    "tool of Chat Completions": body(tools=[{"type": "function", "function": {"name": "look"}}]),
    "tools of a wrong kind": body(tools=["look"]),
    "tool choice unknown": body(tool_choice="any"),
    "tool choice hosted": body(tool_choice={"type": "web_search"}),
    "tool choice allowed": body(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [TOOL]}),
    "format text": body(text={"format": {"type": "text"}}),
    "format json": body(text={"format": {"type": "json_object"}}),
    "format with more": body(text={"format": SCHEMA | {"x": 1}}),
    "format grammar": body(text={"format": {"type": "grammar", "definition": "d"}}),
    "text empty": body(text={}, reasoning={}),
    "text with more": body(text={"verbosity": "low", "x": 1}, reasoning={"effort": "low", "generate_summary": "auto"}),
    "text with nulls": body(text={"verbosity": None, "format": None}, reasoning={"effort": None, "summary": None}),
    "include logprobs": body(include=["message.output_text.logprobs"]),
    "include logprobs first": body(include=["message.output_text.logprobs", "a"]),
    "include empty": body(include=[]),
}

# Parameter -> a value that is not of its kind; it must come back as it is.
MALFORMED: dict[str, Any] = {
    "instructions": ["a"],
    "tools": {"a": 1},
    "tool_choice": 7,
    "parallel_tool_calls": "yes",
    "max_output_tokens": "many",
    "temperature": "hot",
    "top_p": True,
    "top_logprobs": 1.5,
    "text": "json",
    "reasoning": "low",
    "metadata": [1],
    "user": 7,
    "service_tier": 1,
    "store": "yes",
    "previous_response_id": 7,
    "include": "all",
}
