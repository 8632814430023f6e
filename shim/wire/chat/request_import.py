"""An existing Chat Completions body as a `ModelRequest`, losslessly: `serialize` gives the same JSON back.

Not a validator: what has no exact place in the model is kept verbatim, in an `OpaquePart`, a message's `extra` or `extra_body`.
Source: OpenAI API reference, Chat Completions, create.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeGuard

from msgspec import UNSET

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelRequest,
    OpaquePart,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolChoice,
    ToolDefinition,
)
from shim.model.checks import kind_of
from shim.wire.chat.vocabulary import REASONING_FIELDS
from shim.wire.json_text import decode_request

_TOOL_CHOICES: dict[str, ToolChoice] = {
    choice.mode: choice for choice in (ToolChoice.AUTO, ToolChoice.NONE, ToolChoice.REQUIRED)
}


def parse_request(body: bytes | str | Mapping[str, Any]) -> ModelRequest:
    """Read the body of an existing request: its JSON, or the object itself.

    A body without a model (the address has it: Azure's deployments) has none in the request either. `stream` itself is how the
    request is sent, not part of it: an explicit `false` is kept for an exact copy; a streamed body without `stream_options` is
    marked to stay without.

    Raises:
        InvalidRequestError: not a JSON object, or `model` or `messages` are not what Chat Completions takes; names the place.
    """
    fields = decode_request(body)
    extra: dict[str, Any] = {}
    # Null is kept below, as any field that has no place in the model is.
    model = UNSET if fields.get("model") is None else _take(fields, "model", kind=str)
    messages = _take(fields, "messages", kind=list)
    known: dict[str, Any] = {}
    for name, value in fields.items():
        field, read = _FIELDS.get(name, (None, None))
        imported = UNSET if read is None else None if value is None else read(value)
        if field is None or imported is UNSET or (value is None and name == "reasoning_effort"):
            extra[name] = value
        else:
            known[field] = imported
    _note_stream(extra)
    read_messages = tuple(_message(message, f"messages[{position}]") for position, message in enumerate(messages))
    return ModelRequest(model, read_messages, extra_body=extra, **known)


def _take(fields: dict[str, Any], name: str, *, kind: type) -> Any:
    value = fields.pop(name, UNSET)
    if not isinstance(value, kind):
        raise InvalidRequestError(f"{name} is {kind_of(value)}; Chat Completions takes a {kind.__name__}", field=name)
    return value


def _note_stream(extra: dict[str, Any]) -> None:
    if extra.get("stream") is True:
        del extra["stream"]
        extra.setdefault("stream_options", UNSET)


def _message(message: Any, place: str) -> Message:
    if not isinstance(message, dict):
        raise InvalidRequestError(f"{place} is {kind_of(message)}; give a message object", field=place)
    rest = dict(message)
    role = rest.pop("role", UNSET)
    reader = _ROLES.get(role) if isinstance(role, str) else None
    if reader is None:
        shown = repr(role) if isinstance(role, str) else kind_of(role)
        raise InvalidRequestError(f"{place}.role is {shown}; give one of {', '.join(_ROLES)}", field=f"{place}.role")
    name = rest.pop("name", UNSET) if isinstance(rest.get("name", ""), str) else UNSET
    readers = _TEXT_BLOCKS if role in ("system", "developer") else _BLOCKS
    parts, form = _content(rest.pop("content", UNSET), f"{place}.content", readers=readers)
    return reader(role, parts, rest=rest, name=name, content_form=form)


def _plain(role: Any, parts: tuple[Part, ...], *, rest: dict[str, Any], **fields: Any) -> Message:
    return Message(role, parts, extra=rest, **fields)


def _assistant(role: Any, parts: tuple[Part, ...], *, rest: dict[str, Any], **fields: Any) -> Message:
    read: list[Part] = []
    reasoned = [field for field in REASONING_FIELDS if isinstance(rest.get(field), str)]
    read.extend(ReasoningPart(rest.pop(field), wire_field=field) for field in reasoned)
    read.extend(parts)
    if isinstance(rest.get("refusal"), str):
        read.append(RefusalPart(rest.pop("refusal")))
    calls = _tool_calls(rest.get("tool_calls"))
    if calls:
        read.extend(calls)
        del rest["tool_calls"]
    legacy = rest.get("function_call")
    if isinstance(legacy, dict) and _exactly(legacy, name=str, arguments=str):
        read.append(ToolCallPart("", legacy["name"], legacy["arguments"], kind="function_call"))
        del rest["function_call"]
    return Message(role, tuple(read), extra=rest, **fields)


def _tool(role: Any, parts: tuple[Part, ...], *, rest: dict[str, Any], **fields: Any) -> Message:
    extra = rest
    call_id = rest.pop("tool_call_id", UNSET)
    if not isinstance(call_id, str):
        extra = {"tool_call_id": call_id} | rest
        call_id = ""
    if role == "function":  # the role that preceded `tool`; its result names the function, not a call
        extra = {"role": "function"} | extra
    result = ToolCallResponsePart(call_id, parts)  # type: ignore[arg-type]  # content blocks are all a result can hold
    return Message("tool", (result,), extra=extra, **fields)


_ROLES: dict[str, Callable[..., Message]] = {
    "system": _plain,
    "developer": _plain,
    "user": _plain,
    "assistant": _assistant,
    "tool": _tool,
    "function": _tool,
}


def _content(content: Any, place: str, *, readers: _Readers) -> tuple[tuple[Part, ...], str]:
    if content is UNSET:
        return (), "absent"
    if content is None:
        return (), "null"
    if isinstance(content, str):
        return (TextPart(content),), "auto"
    if not isinstance(content, list):
        raise InvalidRequestError(f"{place} is {kind_of(content)}; give a string or a list of parts", field=place)
    parts = tuple(_block(block, f"{place}[{position}]", readers=readers) for position, block in enumerate(content))
    alone = len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].extra
    return parts, "list" if alone or not parts else "auto"


def _block(block: Any, place: str, *, readers: _Readers) -> Part:
    if not isinstance(block, dict):
        raise InvalidRequestError(f"{place} is {kind_of(block)}; give a content part with a type", field=place)
    kind = block.get("type", UNSET)
    if kind is UNSET and isinstance(block.get("text"), str):  # servers take it for a text
        return TextPart(block["text"], {key: value for key, value in block.items() if key != "text"} | {"type": UNSET})
    reader = readers.get(kind) if isinstance(kind, str) else None
    return (reader and reader(block)) or OpaquePart(kind if isinstance(kind, str) else "", block)


def _text(block: dict[str, Any]) -> Part | None:
    extra = {key: value for key, value in block.items() if key not in ("type", "text")}
    return TextPart(block["text"], extra) if isinstance(block.get("text"), str) else None


def _nested(key: str, part: Callable[..., Part], *required: str, optional: tuple[str, ...] = ()) -> Any:
    """Make the reader of a block whose one field `key` holds an object that `part` models exactly; a name alone is no file."""

    def read(block: dict[str, Any]) -> Part | None:
        inner = block.get(key)
        if len(block) != 2 or not isinstance(inner, dict):
            return None
        names = set(inner)
        modelled = names.issuperset(required) and names.issubset({*required, *optional}) and bool(names - {"filename"})
        return part(**inner) if modelled and all(isinstance(value, str) for value in inner.values()) else None

    return read


_Readers: TypeAlias = "dict[str, Callable[[dict[str, Any]], Part | None]]"
_BLOCKS: _Readers = {
    "text": _text,
    "image_url": _nested("image_url", ImagePart, "url", optional=("detail",)),
    "input_audio": _nested("input_audio", AudioPart, "data", "format"),
    "file": _nested("file", FilePart, optional=("file_id", "filename", "file_data")),
}
_TEXT_BLOCKS: _Readers = {"text": _text}  # a system message is text; other blocks in one are kept whole


def _tool_calls(calls: Any) -> list[ToolCallPart]:
    """Read the calls of a message, or none at all where one of them has no exact place in the model."""
    if not isinstance(calls, list):
        return []
    read = [_tool_call(call) for call in calls]
    return [call for call in read if call is not None] if all(read) else []


def _tool_call(call: Any) -> ToolCallPart | None:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        return None
    kind: Literal["function", "custom"] = "custom" if call.get("type") == "custom" else "function"
    if call.get("type", kind) != kind or call.get("custom" if kind == "function" else "function") is not None:
        return None
    said, words = call.get(kind), "input" if kind == "custom" else "arguments"
    if not isinstance(said, dict) or not isinstance(said.get("name"), str) or not isinstance(said.get(words), str):
        return None
    extra = {key: value for key, value in call.items() if key not in ("id", "type", kind)}
    if "type" not in call:
        extra["type"] = UNSET
    further = {key: value for key, value in said.items() if key not in ("name", words)}
    if further:
        extra[kind] = further
    return ToolCallPart(call["id"], said["name"], said[words], kind=kind, extra=extra)


def _exactly(value: Any, **fields: type) -> TypeGuard[dict[str, Any]]:
    """Whether `value` is a dict with just these fields, of these kinds."""
    return (
        isinstance(value, dict)
        and value.keys() == fields.keys()
        and all(isinstance(value[name], kind) for name, kind in fields.items())
    )


def _tools(tools: Any) -> Any:
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        return UNSET
    return tuple(_tool_definition(tool) for tool in tools)


def _tool_definition(tool: dict[str, Any]) -> ToolDefinition | OpaquePart:
    function = tool.get("function")
    exact = tool.keys() == {"type", "function"} and tool["type"] == "function" and isinstance(function, dict)
    if not exact or not isinstance(function, dict) or not _modelled(function):
        return OpaquePart(str(tool.get("type")), tool)
    named = {key: function[key] for key in ("name", "description", "parameters", "strict") if key in function}
    return ToolDefinition(**named, extra={key: value for key, value in function.items() if key not in named})


def _modelled(function: dict[str, Any]) -> bool:
    name = function.get("name")
    return (
        isinstance(name, str)
        and bool(name)
        and isinstance(function.get("parameters"), (dict, type(None)))
        and isinstance(function.get("description"), (str, type(None)))
        and isinstance(function.get("strict"), (bool, type(None)))
    )


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, str):
        return _TOOL_CHOICES.get(choice) or UNSET
    if not isinstance(choice, dict):
        return UNSET
    if (
        choice.keys() == {"type", "function"}
        and choice["type"] == "function"
        and _exactly(choice["function"], name=str)
    ):
        return ToolChoice.tool(choice["function"]["name"])
    return OpaquePart(str(choice.get("type")), choice)


# Field of the form of an answer by a schema -> its kinds; null is one of each.
_SCHEMA_FIELDS: dict[str, type] = {"name": str, "schema": dict, "strict": bool, "description": str}


def is_schema(fields: Mapping[str, Any]) -> bool:
    """Whether these fields of a form by a schema are what `ResponseFormat` models."""
    return all(
        name in _SCHEMA_FIELDS and (value is None or isinstance(value, _SCHEMA_FIELDS[name]))
        for name, value in fields.items()
    )


def _response_format(form: Any) -> Any:
    if not isinstance(form, dict):
        return UNSET
    if form in ({"type": "text"}, {"type": "json_object"}):
        return ResponseFormat(form["type"])
    schema = form.get("json_schema")
    exact = form.keys() == {"type", "json_schema"} and form["type"] == "json_schema" and isinstance(schema, dict)
    if exact and isinstance(schema, dict) and is_schema(schema):
        return ResponseFormat("json_schema", **schema)
    return OpaquePart(str(form.get("type")), form)


def _of(*kinds: type) -> Callable[[Any], Any]:
    """Make the reader of a plain value of these kinds; any other value stays in `extra_body`."""

    def read(value: Any) -> Any:
        return value if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)) else UNSET

    return read


def _reasoning_effort(effort: Any) -> Any:
    return Reasoning(effort) if isinstance(effort, str) else UNSET


def _stop(stop: Any) -> Any:
    if isinstance(stop, list):
        return tuple(stop) if all(isinstance(word, str) for word in stop) else UNSET
    return stop if isinstance(stop, str) else UNSET


# Field of the body -> (field of ModelRequest, how its value is read; UNSET keeps it in extra_body).
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _tool_choice),
    "parallel_tool_calls": ("parallel_tool_calls", _of(bool)),
    "max_completion_tokens": ("max_output_tokens", _of(int)),
    "temperature": ("temperature", _of(int, float)),
    "top_p": ("top_p", _of(int, float)),
    "stop": ("stop", _stop),
    "seed": ("seed", _of(int)),
    "presence_penalty": ("presence_penalty", _of(int, float)),
    "frequency_penalty": ("frequency_penalty", _of(int, float)),
    "logit_bias": ("logit_bias", _of(dict)),
    "logprobs": ("logprobs", _of(bool)),
    "top_logprobs": ("top_logprobs", _of(int)),
    "n": ("n", _of(int)),
    "response_format": ("response_format", _response_format),
    "reasoning_effort": ("reasoning", _reasoning_effort),
    "verbosity": ("verbosity", _of(str)),
    "metadata": ("metadata", _of(dict)),
    "user": ("user", _of(str)),
    "service_tier": ("service_tier", _of(str)),
    "store": ("store", _of(bool)),
}
