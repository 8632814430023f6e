"""An existing Responses body as a `ModelRequest`, losslessly: `serialize` gives the same JSON back.

Not a validator: what has no exact place in the model is kept verbatim, in an `OpaquePart`, an `extra` or `extra_body`.
Not the conversation in it (`input_import`). Source: OpenAI API reference, Responses, create.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType, structs

from shim.model import (
    InvalidRequestError,
    Message,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ResponseFormat,
    ToolChoice,
    ToolDefinition,
)
from shim.model.checks import kind_of
from shim.wire.chat.request_import import is_schema
from shim.wire.json_text import decode_request
from shim.wire.lenient import differing
from shim.wire.responses.input_import import import_input
from shim.wire.responses.request import LOGPROBS, flat, function_tool, nested

_TOOL_CHOICES: dict[str, ToolChoice] = {
    choice.mode: choice for choice in (ToolChoice.AUTO, ToolChoice.NONE, ToolChoice.REQUIRED)
}
# What a body without `input` may go on from instead.
_INSTEAD_OF_INPUT = ("prompt", "previous_response_id", "conversation")


def parse_request(body: bytes | str | Mapping[str, Any]) -> ModelRequest:
    """Read the body of an existing request: its JSON, or the object itself.

    `stream` itself is how the request is sent, not part of it: an explicit `false` is kept for an exact copy. A body without
    input (a stored prompt, say) has one empty message in the model, and `extra_body` keeps it out of the body again.

    Raises:
        InvalidRequestError: not a JSON object, or `model` or `input` are not what the Responses API takes; names the place.
    """
    fields = decode_request(body)
    extra: dict[str, Any] = {"model": None} if fields.get("model", UNSET) is None else {}
    model = fields.pop("model", None)
    if model is None:  # the address has it, or a stored prompt
        model = UNSET
    if not isinstance(model, (str, UnsetType)):
        raise InvalidRequestError(f"model is {kind_of(model)}; the Responses API takes a str", field="model")
    known: dict[str, Any] = {"messages": _messages(fields, extra)}
    for name, value in fields.items():
        imported = _FIELDS[name](value) if name in _FIELDS else Imported()
        known |= imported.known
        if imported.rest is not UNSET or not imported.known:
            extra[name] = value if imported.rest is UNSET else imported.rest
    if extra.get("stream") is True:
        del extra["stream"]
    return ModelRequest(model, known.pop("messages"), extra_body=extra, **known)


class Imported(Struct):
    """What a field of the body is in the model: fields of `ModelRequest`, and what is left over for `extra_body`."""

    known: dict[str, Any] = {}
    rest: Any = UNSET


def _messages(fields: dict[str, Any], extra: dict[str, Any]) -> tuple[Message, ...]:
    """Take the conversation out of the body; one the model cannot hold, being empty, stays in `extra_body` too."""
    given = fields.pop("input", UNSET)
    if given is UNSET and "messages" in fields:
        raise InvalidRequestError(
            "input is unset but messages is given: a Chat Completions body; read it with wire.chat.parse_request",
            field="input",
        )
    if given is UNSET and not any(name in fields for name in _INSTEAD_OF_INPUT):
        raise InvalidRequestError(f"input is unset; give it, or one of {', '.join(_INSTEAD_OF_INPUT)}", field="input")
    if given is UNSET or given == []:
        extra["input"] = given
        return (Message("user", ()),)
    return import_input(given)


def _field(name: str, *kinds: type) -> Callable[[Any], Imported]:
    """Make the reader of a plain value: null and these kinds are the request's own, any other stays in `extra_body`."""

    def read(value: Any) -> Imported:
        plain = value is None or (isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)))
        return Imported({name: value} if plain else {})

    return read


def _instructions(value: Any) -> Imported:
    return Imported({"system_prompt": value} if isinstance(value, str) else {})


def _include(value: Any) -> Imported:
    """Read what to include; logprobs, where they stand last, are the request's `logprobs`."""
    if value is None:
        return Imported({"include": None})
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return Imported()
    if value.count(LOGPROBS) != 1 or value[-1] != LOGPROBS:
        return Imported({"include": tuple(value)})
    others = {"include": tuple(value[:-1])} if len(value) > 1 else {}
    return Imported({"logprobs": True} | others)


def _tools(tools: Any) -> Imported:
    if tools is None:
        return Imported({"tools": None})
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and flat(tool) is tool for tool in tools):
        return Imported()
    return Imported({"tools": tuple(_tool(tool) for tool in tools)})


# Field of a function -> the kind of it that `ToolDefinition` models; null is one of each.
_FUNCTION_FIELDS: dict[str, type] = {"parameters": dict, "description": str, "strict": bool}


def _tool(tool: dict[str, Any]) -> ToolDefinition | OpaquePart:
    name = tool.get("name")
    if tool.get("type") != "function":
        return OpaquePart(str(tool.get("type")), nested(tool))
    named = {key: tool[key] for key in ("description", "parameters", "strict") if key in tool}
    modelled = all(value is None or isinstance(value, _FUNCTION_FIELDS[key]) for key, value in named.items())
    if not isinstance(name, str) or not name or not modelled:
        return OpaquePart("function", tool)
    definition = ToolDefinition(name, **named)
    return structs.replace(definition, extra=differing(tool, function_tool(definition)))


def _tool_choice(choice: Any) -> Imported:
    if choice is None:
        return Imported({"tool_choice": None})
    if isinstance(choice, str):
        return Imported({"tool_choice": _TOOL_CHOICES[choice]} if choice in _TOOL_CHOICES else {})
    if not isinstance(choice, dict) or flat(choice) is not choice:
        return Imported()
    exact = choice.keys() == {"type", "name"} and choice["type"] == "function" and isinstance(choice["name"], str)
    read = ToolChoice.tool(choice["name"]) if exact else OpaquePart(str(choice.get("type")), nested(choice))
    return Imported({"tool_choice": read})


def _text(text: Any) -> Imported:
    if not isinstance(text, dict):
        return Imported()
    known: dict[str, Any] = {}
    form, verbosity = text.get("format", UNSET), text.get("verbosity", UNSET)
    if form is None or (isinstance(form, dict) and flat(form) is form):
        known["response_format"] = None if form is None else _format(form)
    if verbosity is None or isinstance(verbosity, str):
        known["verbosity"] = verbosity
    read = {"format"} if "response_format" in known else set()
    return _partly(text, known, read=read | (known.keys() & {"verbosity"}))


def _format(form: dict[str, Any]) -> ResponseFormat | OpaquePart:
    kind = form.get("type")
    if kind == "json_schema" and is_schema({name: value for name, value in form.items() if name != "type"}):
        return ResponseFormat(**form)
    if form in ({"type": "text"}, {"type": "json_object"}):
        return ResponseFormat(form["type"])
    return OpaquePart(str(kind), nested(form))


def _reasoning(reasoning: Any) -> Imported:
    if not isinstance(reasoning, dict):
        return Imported()
    told = {
        name: reasoning[name]
        for name in ("effort", "summary")
        if name in reasoning and isinstance(reasoning[name], (str, type(None)))
    }
    return _partly(reasoning, {"reasoning": Reasoning(**told)} if told else {}, read=told.keys())


def _partly(fields: dict[str, Any], known: dict[str, Any], *, read: Collection[str]) -> Imported:
    """Leave what of an object the model has no place for in `extra_body`, which is laid over it field by field."""
    rest = {name: value for name, value in fields.items() if name not in read}
    return Imported(known, rest if rest or not known else UNSET)


# Field of the body -> how its value is read.
_FIELDS: dict[str, Callable[[Any], Imported]] = {
    "instructions": _instructions,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "text": _text,
    "reasoning": _reasoning,
    "include": _include,
    "parallel_tool_calls": _field("parallel_tool_calls", bool),
    "max_output_tokens": _field("max_output_tokens", int),
    "temperature": _field("temperature", int, float),
    "top_p": _field("top_p", int, float),
    "top_logprobs": _field("top_logprobs", int),
    "metadata": _field("metadata", dict),
    "user": _field("user", str),
    "service_tier": _field("service_tier", str),
    "store": _field("store", bool),
    "previous_response_id": _field("previous_response_id", str),
}
