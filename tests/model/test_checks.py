"""Tests of `shim.model.checks`: each mistake is named with its field, the kind of value found, and the remedy."""

from __future__ import annotations

import math
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import UNSET

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
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
    check_request,
    system,
    tool_result,
    user,
)
from shim.model.checks import kind_of

OPAQUE = OpaquePart("video", {"type": "video"})


def request(**fields: Any) -> ModelRequest:
    """A good request but for these fields."""
    return ModelRequest(**({"model": "gpt-4o-mini", "messages": (user("hi"),)} | fields))


def wrongly(kind: Any, *values: Any, **fields: Any) -> Any:
    """Make a struct with values its types forbid."""
    return kind(*values, **fields)


def complaint(given: Any) -> InvalidRequestError:
    """What the checks say of a request."""
    with pytest.raises(InvalidRequestError) as caught:
        check_request(given)
    return caught.value


# Field -> (a value of the wrong kind, words of the message).
WRONG: dict[str, list[tuple[Any, str]]] = {
    "model": [(None, "None; give the model's name"), (7, "of type int"), ("", "an empty string")],
    "messages": [
        ("hi", r"of type str; give a list of shim.Message"),
        (None, "None; give a list"),
        ((), "empty; give at least one"),
        ({"role": "user"}, "of type dict"),
    ],
    "system_prompt": [(None, "None; give a string"), (["be kind"], "of type list; give a string")],
    "tools": [("look", "of type str; give a list of ToolDefinition"), ({}, "of type dict")],
    "tool_choice": [("look", "of type str; give 'auto', 'none', 'required'"), ({"type": "function"}, "of type dict")],
    "parallel_tool_calls": [(1, "of type int; give True or False"), ("no", "of type str")],
    "max_output_tokens": [("100", "of type str; give an integer"), (True, "of type bool"), (1.5, "of type float")],
    "temperature": [
        ("0.7", "of type str; give a finite number"),
        (True, "of type bool"),
        (math.nan, "nan, which JSON cannot carry; give a finite number"),
        (math.inf, "inf"),
        (Decimal("0.7"), "of type Decimal"),
    ],
    "top_p": [([1], "of type list; give a finite number"), (-math.inf, "-inf")],
    "stop": [({"END"}, "of type set; give a string or a list of strings"), (b"END", "of type bytes")],
    "seed": [(1.0, "of type float; give an integer"), (False, "of type bool")],
    "presence_penalty": [("0", "of type str; give a finite number"), (math.nan, "nan")],
    "frequency_penalty": [("0", "of type str; give a finite number"), (math.nan, "nan")],
    "logit_bias": [([50256], "of type list; give a mapping")],
    "logprobs": [(5, "of type int; give True or False")],
    "top_logprobs": [(True, "of type bool; give an integer"), ("5", "of type str")],
    "n": [(True, "of type bool; give an integer"), (2.0, "of type float")],
    "response_format": [("json_object", "of type str; give a ResponseFormat"), ({"type": "text"}, "of type dict")],
    "reasoning": [("low", r"of type str; give Reasoning\(effort"), (None, "None; give Reasoning")],
    "verbosity": [(1, "of type int; give a string")],
    "metadata": [("team", "of type str; give a mapping"), ([("a", "b")], "of type list")],
    "user": [(7, "of type int; give a string")],
    "service_tier": [(True, "of type bool; give a string")],
    "store": [("yes", "of type str; give True or False"), (0, "of type int")],
    "previous_response_id": [(7, "of type int; give a string")],
    "include": [("logprobs", "of type str; give a list of strings")],
    "extra_body": [(None, "None; give a dict"), ([("a", 1)], "of type list")],
    "extra_headers": [(None, "None; give a dict"), ("x-team: blue", "of type str")],
    "conversation_id": [(7, "of type int; give a string")],
}


def test_every_field_has_a_wrong_value() -> None:
    """No field of a request is without a wrong value in this table."""
    assert set(WRONG) == set(ModelRequest.__struct_fields__)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        pytest.param(field, value, words, id=f"{field}={value!r}")
        for field, bad in WRONG.items()
        for value, words in bad
    ],
)
def test_a_wrong_value_is_named(field: str, value: Any, words: str) -> None:
    """A value of the wrong kind raises an error with the field, the kind found and what to give instead."""
    with pytest.raises(InvalidRequestError, match=rf"^{field} is {words}") as caught:
        check_request(request(**{field: value}))
    assert caught.value.field == field


INSIDE: dict[str, tuple[dict[str, Any], str]] = {
    "stop[1]": ({"stop": ["END", 7]}, "of type int; give a string"),
    "include[0]": ({"include": [None]}, "None; give a string"),
    "reasoning.effort": ({"reasoning": wrongly(Reasoning, effort=3)}, "of type int; give none, minimal, low"),
    "extra_headers": ({"extra_headers": {"x-team": 7}}, "strings, or None to remove a header"),
    "tools[1]": ({"tools": [ToolDefinition("look"), {"name": "look"}]}, "of type dict; give a ToolDefinition"),
    "tools[0].name": ({"tools": [ToolDefinition("")]}, "an empty string; give the function's name"),
    "tools[0].parameters": (
        {"tools": [wrongly(ToolDefinition, "look", parameters="{}")]},
        "of type str; give a JSON schema as a dict",
    ),
    "tools[0].description": ({"tools": [wrongly(ToolDefinition, "look", description=["a"])]}, "of type list"),
    "tools[0].strict": ({"tools": [wrongly(ToolDefinition, "look", strict="yes")]}, "of type str"),
    "tools[0].extra": ({"tools": [wrongly(ToolDefinition, "look", extra=[1])]}, "of type list"),
    "tools[0].data": ({"tools": [wrongly(OpaquePart, "web_search", "web_search")]}, "of type str"),
    "tool_choice.data": ({"tool_choice": wrongly(OpaquePart, "allowed_tools", [1])}, "of type list; give the whole"),
    "response_format.data": ({"response_format": wrongly(OpaquePart, "grammar", None)}, "None; give the whole object"),
    "response_format.schema": (
        {"response_format": wrongly(ResponseFormat, "json_schema", "n", "{}")},
        "of type str; give a JSON schema as a dict",
    ),
    "response_format.name": (
        {"response_format": wrongly(ResponseFormat, "json_schema", 5, {})},
        "of type int; give a string",
    ),
    "response_format.description": (
        {"response_format": wrongly(ResponseFormat, "json_schema", "n", {}, description=["a"])},
        "of type list; give a string",
    ),
    "response_format.strict": (
        {"response_format": wrongly(ResponseFormat, "json_schema", "n", {}, "yes")},
        "of type str; give True or False",
    ),
    "reasoning.summary": ({"reasoning": wrongly(Reasoning, summary=3)}, "of type int; give auto, concise or detailed"),
    "tool_choice.mode": (
        {"tool_choice": wrongly(ToolChoice, "maybe")},
        "'maybe'; give one of auto, none, required, tool",
    ),
    "tool_choice.name": ({"tool_choice": ToolChoice("tool")}, "None"),
}


@pytest.mark.parametrize("place", INSIDE)
def test_a_wrong_value_inside_is_named(place: str) -> None:
    """A value of the wrong kind inside a list or setting raises an error with its place."""
    fields, words = INSIDE[place]
    error = complaint(request(**fields))
    assert error.field == place
    assert words in str(error)
    assert place in str(error)


def message(role: Any, parts: Any, **fields: Any) -> Message:
    """A message of whatever kind."""
    return Message(role, parts, **fields)


def calling(**fields: Any) -> Message:
    """An assistant message with a tool call that has these fields."""
    call: dict[str, Any] = {"id": "call_1", "name": "look", "arguments": "{}"} | fields
    return assistant(ToolCallPart(**call))


WRONG_MESSAGES: dict[str, tuple[Any, str, str]] = {
    "a string": ("hi", "", "of type str; give a shim.Message"),
    "a wire message": ({"role": "user"}, "", "of type dict; give a shim.Message, or import a wire body"),
    "an unknown role": (message("robot", "hi"), ".role", "'robot'; give one of system, developer, user"),
    "no role": (message(None, "hi"), ".role", "None; give one of"),
    "parts of bytes": (message("user", b"hi"), ".parts", "of type bytes; give a string or a list of parts"),
    "parts of null": (message("user", None), ".parts", "None"),
    "a string among parts": (
        message("user", ["hi"]),
        ".parts[0]",
        "of type str; a message of this role takes TextPart",
    ),
    "a call by the user": (
        message("user", [ToolCallPart("c", "look", "{}")]),
        ".parts[0]",
        "of type ToolCallPart; a message",
    ),
    "a text in a tool message": (message("tool", "42"), ".parts[0]", "takes ToolCallResponsePart"),
    "no result in a tool message": (message("tool", ()), ".parts", "empty"),
    "a name of a wrong kind": (message("user", "hi", name=7), ".name", "of type int; give a string"),
    "extra of a wrong kind": (message("user", "hi", extra=[1]), ".extra", "of type list; give a dict"),
    "text of null": (message("user", [wrongly(TextPart, None)]), ".parts[0].text", "None; give a string"),
    "extra of a text": (message("user", [wrongly(TextPart, "a", [1])]), ".parts[0].extra", "of type list"),
    "an image of bytes": (
        message("user", [wrongly(ImagePart, b"GIF")]),
        ".parts[0].url",
        "of type bytes; give a string",
    ),
    "audio of bytes": (message("user", [wrongly(AudioPart, b"RIFF", "wav")]), ".parts[0].data", "of type bytes"),
    "audio without format": (message("user", [wrongly(AudioPart, "UklG", None)]), ".parts[0].format", "None"),
    "a file of bytes": (
        message("user", [wrongly(FilePart, file_data=b"%PDF")]),
        ".parts[0].file_data",
        "of type bytes",
    ),
    "extra of a refusal": (assistant(wrongly(RefusalPart, "no", [1])), ".parts[0].extra", "of type list"),
    "no extra of a refusal": (assistant(wrongly(RefusalPart, "no", None)), ".parts[0].extra", "None; give a dict"),
    "a refusal of null": (assistant(wrongly(RefusalPart, None)), ".parts[0].text", "None"),
    "an image of nothing": (message("user", [ImagePart(detail="low")]), ".parts[0]", "give its url or file_id"),
    "a file of nothing": (
        message("user", [FilePart(filename="a")]),
        ".parts[0]",
        "give its file_id, file_data or file_url",
    ),
    "a summary of numbers": (
        assistant(wrongly(ReasoningPart, "hm", summary=("a", 5))),
        ".parts[0].summary[1]",
        "of type int; give a string",
    ),
    "a summary that is a text": (
        assistant(wrongly(ReasoningPart, "hm", summary="hm")),
        ".parts[0].summary",
        "of type str; give a tuple of strings",
    ),
    "encrypted reasoning of bytes": (
        assistant(wrongly(ReasoningPart, "hm", encrypted_content=b"e")),
        ".parts[0].encrypted_content",
        "of type bytes",
    ),
    "reasoning with a number for its id": (
        assistant(wrongly(ReasoningPart, "hm", id=5)),
        ".parts[0].id",
        "of type int",
    ),
    "reasoning of a field nobody knows": (
        assistant(wrongly(ReasoningPart, "hm", wire_field="thoughts")),
        ".parts[0].wire_field",
        "'thoughts'; give one of None, content, reasoning, reasoning_content, reasoning_text, thinking",
    ),
    "reasoning of a list": (assistant(wrongly(ReasoningPart, ["hm"])), ".parts[0].text", "of type list"),
    "arguments as a dict": (
        calling(arguments={}),
        ".parts[0].arguments",
        "of type dict; give the JSON text, as json.dumps",
    ),
    "a call without id": (calling(id=None), ".parts[0].id", "None; give a string"),
    "a call without name": (calling(name=None), ".parts[0].name", "None; give a string"),
    "a call of no kind": (
        calling(kind="telepathy"),
        ".parts[0].kind",
        "give one of apply_patch_call",
    ),
    "extra of a call": (calling(extra=[1]), ".parts[0].extra", "of type list"),
    "a result without id": (message("tool", [wrongly(ToolCallResponsePart, None, "42")]), ".parts[0].id", "None"),
    "a result of null": (
        message("tool", [wrongly(ToolCallResponsePart, "c", None)]),
        ".parts[0].parts",
        "None; give the result as",
    ),
    "a result of numbers": (
        message("tool", [wrongly(ToolCallResponsePart, "c", [42])]),
        ".parts[0].parts[0]",
        "of type int",
    ),
    "an opaque string": (
        message("user", [wrongly(OpaquePart, "video", "v")]),
        ".parts[0].data",
        "of type str; give the whole block",
    ),
}


@pytest.mark.parametrize("case", WRONG_MESSAGES)
def test_a_wrong_message_is_named(case: str) -> None:
    """A mistake in a message raises an error with the place of the message and of the part."""
    wrong, where, words = WRONG_MESSAGES[case]
    error = complaint(request(messages=[user("hi"), wrong]))
    assert error.field == f"messages[1]{where}"
    assert words in str(error)
    assert str(error).startswith(f"messages[1]{where} ")


@pytest.mark.parametrize("given", [None, "hi", {"model": "m"}], ids=lambda given: type(given).__name__)
def test_what_is_no_request_is_named(given: Any) -> None:
    """What is not a ModelRequest at all raises an error that says what to give."""
    error = complaint(given)
    assert "give a shim.ModelRequest" in str(error)
    assert error.field == "request"


GOOD: list[dict[str, Any]] = [
    {},
    {"model": "o3", "messages": [system("be kind"), user("hi", name="ann"), assistant("hello"), user("bye")]},
    {"messages": [message("developer", "be kind"), message("user", [])]},
    {"messages": [user(TextPart("a"), ImagePart("u"), AudioPart("UklG", "wav"), FilePart("f"), OPAQUE)]},
    {"messages": [assistant(RefusalPart("no"), ReasoningPart("hm"), ToolCallPart("c", "look", "{}"), OPAQUE)]},
    {"messages": [tool_result("c", "42"), Message("tool", (ToolCallResponsePart("c", (TextPart("4"), OPAQUE)),))]},
    {"messages": [user("hi", name=None, extra={"cache": True})]},
    {"temperature": 1, "top_p": 0.5, "presence_penalty": -2, "frequency_penalty": 2.0, "seed": 10**30},
    {"stop": "END", "n": 1, "logprobs": True, "top_logprobs": 0, "max_output_tokens": 0},
    {"stop": ["a", "b"], "include": [], "tools": [], "logit_bias": {}, "metadata": {}},
    {"tools": [ToolDefinition("look", None, None, None), OPAQUE], "tool_choice": ToolChoice.tool("look")},
    {"tools": [ToolDefinition("look", "looks", MappingProxyType({"type": "object"}), strict=True)]},
    {"tool_choice": "required", "parallel_tool_calls": False, "response_format": OPAQUE},
    {"reasoning": Reasoning(), "verbosity": "low", "service_tier": "flex", "store": True, "user": "u"},
    {"reasoning": Reasoning("none"), "response_format": ResponseFormat("json_object")},
    {"extra_body": {"top_k": 5, "stream_options": UNSET}, "extra_headers": {"x-team": "blue", "x-none": None}},
    {"previous_response_id": "resp_1", "conversation_id": "c1", "system_prompt": ""},
]


@pytest.mark.parametrize("fields", GOOD, ids=range(len(GOOD)))
def test_good_requests_pass(fields: dict[str, Any]) -> None:
    """A request whose values are of their kinds passes."""
    check_request(request(**fields))


def test_null_is_accepted_where_the_api_takes_it() -> None:
    """Every field that may be null on the wire may be None."""
    refused = {field for field, bad in WRONG.items() if any(value is None for value, _ in bad)}
    for field in set(ModelRequest.__struct_fields__) - refused:
        check_request(request(**{field: None}))
    assert refused == {"model", "messages", "system_prompt", "reasoning", "extra_body", "extra_headers"}


def test_no_value_is_shown() -> None:
    """An error names the kind of a value and never the value, which may be a secret."""
    secret = ["sk-secret"]
    for field in set(ModelRequest.__struct_fields__) - {"messages", "tools", "include", "stop"}:
        assert "secret" not in str(complaint(request(**{field: secret})))


def test_a_part_of_ones_own_is_taken_for_what_it_extends() -> None:
    """A subclass of a part passes as the part it extends, or is named, but is no crash."""

    class Loud(TextPart, frozen=True):
        """A text of one's own kind."""

    check_request(request(messages=[user(Loud("HI"))]))


@pytest.mark.parametrize(
    ("value", "words"), [(None, "None"), (UNSET, "unset"), (1, "of type int"), ("a", "of type str")], ids=str
)
def test_kinds_are_named(value: object, words: str) -> None:
    """The kind of a value is told in words fit for a sentence."""
    assert kind_of(value) == words
