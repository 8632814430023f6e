"""Checks: a request's own mistakes, named before anything is sent.

Only kinds are checked here: whether a number is in range or a model exists is the server's to say, and what one API
cannot express is its codec's (`shim.wire`). Every message names the field, the kind of value found, and the remedy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, get_args

from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from shim.model.depth import MAX_DEPTH, is_too_deep
from shim.model.errors import InvalidRequestError
from shim.model.parts import (
    AudioPart,
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallKind,
    ToolCallPart,
    ToolCallResponsePart,
)
from shim.model.plain import Look, all_unset, is_plain, said
from shim.model.request import Message, ModelRequest, Reasoning, ResponseFormat, ToolChoice, ToolDefinition

Kinds = tuple[type, ...]

_TEXT: tuple[Kinds, str] = ((str,), "give a string")
_INTEGER: tuple[Kinds, str] = ((int,), "give an integer")
_NUMBER: tuple[Kinds, str] = ((int, float), "give a finite number")
_FLAG: tuple[Kinds, str] = ((bool,), "give True or False")
_MAPPING: tuple[Kinds, str] = ((Mapping,), "give a mapping")

# Field of ModelRequest -> the kinds it takes beside UNSET and None, and the remedy.
_FIELDS: dict[str, tuple[Kinds, str]] = {
    "system_prompt": _TEXT,
    "tools": ((tuple,), "give a list of ToolDefinition"),
    "tool_choice": ((ToolChoice, OpaquePart), "give 'auto', 'none', 'required' or ToolChoice.tool(name)"),
    "parallel_tool_calls": _FLAG,
    "max_output_tokens": _INTEGER,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "stop": ((str, tuple), "give a string or a list of strings"),
    "seed": _INTEGER,
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "logit_bias": _MAPPING,
    "logprobs": _FLAG,
    "top_logprobs": _INTEGER,
    "n": _INTEGER,
    "response_format": ((ResponseFormat, OpaquePart), "give a ResponseFormat"),
    "reasoning": ((Reasoning,), "give Reasoning(effort=…)"),
    "verbosity": _TEXT,
    "metadata": _MAPPING,
    "user": _TEXT,
    "service_tier": _TEXT,
    "store": _FLAG,
    "previous_response_id": _TEXT,
    "include": ((tuple,), "give a list of strings"),
    "extra_body": ((dict,), "give a dict of body fields"),
    "extra_headers": ((dict,), "give a dict of header names and values"),
    "conversation_id": _TEXT,
}
_SCALARS = frozenset({str, int, float, bool})
_look = attrgetter(*_FIELDS)
_KINDS_OF_CALL: frozenset[str] = frozenset(get_args(ToolCallKind))
_REASONING_FIELDS = frozenset({None, "reasoning_content", "reasoning", "reasoning_text", "thinking", "content"})
_TOOL_CHOICE_MODES = frozenset({"auto", "none", "required", "tool"})
_RESPONSE_FORMATS = frozenset({"text", "json_object", "json_schema"})
# Further fields of a ResponseFormat, which may be None as well.
_FORMAT_FIELDS: dict[str, tuple[Kinds, str]] = {"name": _TEXT, "description": _TEXT, "strict": _FLAG}
_NEVER_NONE = frozenset({"system_prompt", "reasoning", "extra_body", "extra_headers"})

_CONTENT: Kinds = (TextPart, ImagePart, AudioPart, FilePart, OpaquePart)
# Role -> the parts its messages are made of.
_PARTS_OF_ROLE: dict[str, Kinds] = {
    "system": (TextPart, OpaquePart),
    "developer": (TextPart, OpaquePart),
    "user": _CONTENT,
    "assistant": (*_CONTENT, RefusalPart, ReasoningPart, ToolCallPart),
    "tool": (ToolCallResponsePart,),
}

# Part -> its fields that must be strings; those marked may also be None.
_STRINGS_OF_PART: dict[type, tuple[str, ...]] = {
    TextPart: ("text",),
    ImagePart: ("url?", "detail?", "file_id?"),
    AudioPart: ("data", "format"),
    FilePart: ("file_id?", "filename?", "file_data?", "file_url?"),
    RefusalPart: ("text",),
    ReasoningPart: ("text", "id?", "encrypted_content?"),
    ToolCallPart: ("id", "name", "arguments"),
    ToolCallResponsePart: ("id",),
    OpaquePart: ("kind",),
}


def check_request(request: ModelRequest) -> Look:
    """Raise `InvalidRequestError` for the first field whose value is not of its kind, or for a request without messages."""
    if not isinstance(request, ModelRequest):
        raise InvalidRequestError(f"the request is {kind_of(request)}; give a shim.ModelRequest", field="request")
    if request.model is not UNSET and (not isinstance(request.model, str) or not request.model):
        raise _wrong(
            "model",
            request.model,
            remedy="give the model's name, such as 'gpt-4o-mini', or UNSET where the address has it",
        )
    all_plain = _check_messages(request.messages)
    says_no_more = _says_no_more(request)
    if not says_no_more:
        _check_fields(request)
    return Look(all_plain=all_plain, says_no_more=says_no_more)


def _says_no_more(request: ModelRequest) -> bool:
    """Whether a request says nothing beside its model and messages, by one look."""
    if type(request) is not ModelRequest:
        return False
    values = astuple(request)
    body, headers, conversation = values[-3:]
    return (
        all_unset(values[2:-3])
        and (conversation is None or type(conversation) is str)
        and type(body) is type(headers) is dict
        and not (body or headers)
    )


def _check_fields(request: ModelRequest) -> None:
    given = [each for each in said(_FIELDS, _look(request)) if each[1] is not None or each[0] in _NEVER_NONE]
    for field, value in given:
        kinds, remedy = _FIELDS[field]
        _check_kind(field, value, kinds=kinds, remedy=remedy)
    for field, value in given:
        check_inside = _INSIDE.get(field)
        if check_inside is not None:
            check_inside(value)


def _check_reasoning(reasoning: Any) -> None:
    if not isinstance(reasoning, Reasoning):
        return
    if not isinstance(reasoning.effort, (str, UnsetType, type(None))):
        raise _wrong("reasoning.effort", reasoning.effort, remedy="give none, minimal, low, medium, high or xhigh")
    if not isinstance(reasoning.summary, (str, UnsetType, type(None))):
        raise _wrong("reasoning.summary", reasoning.summary, remedy="give auto, concise or detailed")


def _check_tool_choice(choice: Any) -> None:
    if isinstance(choice, OpaquePart):
        _check_opaque("tool_choice", choice)
    elif isinstance(choice, ToolChoice):
        _check_word("tool_choice.mode", choice.mode, words=_TOOL_CHOICE_MODES)
        if choice.mode == "tool":
            _check_kind("tool_choice.name", choice.name, kinds=(str,), remedy="give the tool's name")


def _check_response_format(form: Any) -> None:
    if isinstance(form, OpaquePart):
        _check_opaque("response_format", form)
    elif isinstance(form, ResponseFormat):
        _check_word("response_format.type", form.type, words=_RESPONSE_FORMATS)
        if not (form.schema is UNSET or form.schema is None):
            _check_kind("response_format.schema", form.schema, kinds=(Mapping,), remedy="give a JSON schema as a dict")
        for name, (kinds, remedy) in _FORMAT_FIELDS.items():
            value = getattr(form, name)
            if not (value is UNSET or value is None):
                _check_kind(f"response_format.{name}", value, kinds=kinds, remedy=remedy)


def _check_opaque(field: str, value: OpaquePart) -> None:
    _check_kind(f"{field}.data", value.data, kinds=(dict,), remedy="give the whole object as a dict")


def _check_messages(messages: object) -> bool:
    """Check each; return whether all are plain."""
    if not isinstance(messages, tuple):
        raise _wrong("messages", messages, remedy="give a list of shim.Message, such as [shim.user('Hello')]")
    if not messages:
        raise InvalidRequestError(
            "messages is empty; give at least one, such as [shim.user('Hello')]", field="messages"
        )
    all_plain = True
    for position, message in enumerate(messages):
        if not is_plain(message):
            all_plain = False
            _check_message(f"messages[{position}]", message)
    return all_plain


def _check_message(place: str, message: object) -> None:
    if not isinstance(message, Message):
        raise _wrong(place, message, remedy="give a shim.Message, or import a wire body with wire.chat.parse_request")
    allowed = _PARTS_OF_ROLE.get(message.role) if isinstance(message.role, str) else None
    if allowed is None:
        roles = ", ".join(_PARTS_OF_ROLE)
        raise InvalidRequestError(f"{place}.role is {_shown(message.role)}; give one of {roles}", field=f"{place}.role")
    if not isinstance(message.parts, tuple):
        raise _wrong(f"{place}.parts", message.parts, remedy="give a string or a list of parts")
    if message.role == "tool" and not message.parts:
        raise InvalidRequestError(
            f"{place}.parts is empty; give the ToolCallResponsePart of each call", field=f"{place}.parts"
        )
    if not (message.name is UNSET or message.name is None):
        _check_kind(f"{place}.name", message.name, kinds=(str,), remedy="give a string")
    _check_kind(f"{place}.extra", message.extra, kinds=(dict,), remedy="give a dict of message fields")
    for position, part in enumerate(message.parts):
        _check_part(f"{place}.parts[{position}]", part, allowed=allowed)


def _check_part(place: str, part: object, *, allowed: Kinds) -> None:
    if not isinstance(part, allowed):
        names = ", ".join(kind.__name__ for kind in allowed)
        raise _wrong(place, part, remedy=f"a message of this role takes {names}")
    _check_strings_of(place, part)
    if isinstance(part, (ImagePart, FilePart)):
        _check_source(place, part)
    if isinstance(part, (TextPart, RefusalPart, ToolCallPart, ReasoningPart)):
        _check_kind(f"{place}.extra", part.extra, kinds=(dict,), remedy="give a dict of further fields")
    if isinstance(part, ToolCallPart):
        _check_word(f"{place}.kind", part.kind, words=_KINDS_OF_CALL)
        if part.data is not None:
            _check_kind(f"{place}.data", part.data, kinds=(dict,), remedy="give the whole item as a dict")
    if isinstance(part, ReasoningPart):
        _check_word(f"{place}.wire_field", part.wire_field, words=_REASONING_FIELDS)
        _check_kind(f"{place}.summary", part.summary, kinds=(tuple,), remedy="give a tuple of strings")
        _check_strings(f"{place}.summary", part.summary)
    elif isinstance(part, OpaquePart):
        _check_kind(f"{place}.data", part.data, kinds=(dict,), remedy="give the whole block as a dict")
    elif isinstance(part, ToolCallResponsePart):
        _check_result(f"{place}.parts", part.parts)


def _check_strings_of(place: str, part: object) -> None:
    for name in next(names for kind, names in _STRINGS_OF_PART.items() if isinstance(part, kind)):
        value = getattr(part, name.rstrip("?"))
        if not isinstance(value, str) and not (value is None and name.endswith("?")):
            remedy = "give the JSON text, as json.dumps makes it" if name == "arguments" else "give a string"
            raise _wrong(f"{place}.{name.rstrip('?')}", value, remedy=remedy)


def _check_source(place: str, part: ImagePart | FilePart) -> None:
    if part.file_id is not None:
        return
    if isinstance(part, ImagePart):
        if part.url is None:
            raise InvalidRequestError(f"{place} is an empty ImagePart; give its url or file_id", field=place)
    elif part.file_data is None and part.file_url is None:
        raise InvalidRequestError(f"{place} is an empty FilePart; give its file_id, file_data or file_url", field=place)


def _check_result(place: str, parts: object) -> None:
    if not isinstance(parts, tuple):
        raise _wrong(place, parts, remedy="give the result as a string or a list of parts")
    for position, part in enumerate(parts):
        _check_part(f"{place}[{position}]", part, allowed=_CONTENT)


def _check_tools(tools: Any) -> None:
    for position, tool in enumerate(tools):
        _check_tool(f"tools[{position}]", tool)


def _check_tool(place: str, tool: object) -> None:
    if isinstance(tool, OpaquePart):
        _check_kind(f"{place}.data", tool.data, kinds=(dict,), remedy="give the whole tool as a dict")
        return
    if not isinstance(tool, ToolDefinition):
        raise _wrong(place, tool, remedy="give a ToolDefinition")
    if not isinstance(tool.name, str) or not tool.name:
        raise _wrong(f"{place}.name", tool.name, remedy="give the function's name")
    if not (tool.parameters is UNSET or tool.parameters is None):
        _check_kind(f"{place}.parameters", tool.parameters, kinds=(Mapping,), remedy="give a JSON schema as a dict")
    if not (tool.description is UNSET or tool.description is None):
        _check_kind(f"{place}.description", tool.description, kinds=(str,), remedy="give a string")
    if not (tool.strict is UNSET or tool.strict is None):
        _check_kind(f"{place}.strict", tool.strict, kinds=(bool,), remedy="give True or False")
    _check_kind(f"{place}.extra", tool.extra, kinds=(dict,), remedy="give a dict of further fields")


def _check_headers(headers: Any) -> None:
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, (str, type(None))):
            raise InvalidRequestError(
                f"extra_headers maps {kind_of(name)} to {kind_of(value)}; give strings, or None to remove a header",
                field="extra_headers",
            )


def _check_strings(field: str, values: Any) -> None:
    if isinstance(values, tuple):
        for position, value in enumerate(values):
            _check_kind(f"{field}[{position}]", value, kinds=(str,), remedy="give a string")


# Field of ModelRequest -> what checks a value of the right kind further.
_INSIDE: dict[str, Callable[[Any], None]] = {
    "tools": _check_tools,
    "tool_choice": _check_tool_choice,
    "stop": partial(_check_strings, "stop"),
    "response_format": _check_response_format,
    "reasoning": _check_reasoning,
    "include": partial(_check_strings, "include"),
    "extra_headers": _check_headers,
}


def _check_kind(field: str, value: object, *, kinds: Kinds, remedy: str) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise _wrong(field, value, remedy=remedy)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequestError(f"{field} is {value}, which JSON cannot carry; {remedy}", field=field)
    if (type(value) is dict or (type(value) not in _SCALARS and isinstance(value, Mapping))) and value:
        _check_depth(field, value)


def _check_depth(field: str, value: Mapping[Any, Any]) -> None:
    if is_too_deep(value):
        name = next((str(name) for name, inner in value.items() if is_too_deep(inner, MAX_DEPTH - 1)), field)
        field = name if field == "extra_body" else field
        raise InvalidRequestError(
            f"{field} holds a value JSON cannot carry (nested deeper than {MAX_DEPTH} levels); give something flatter",
            field=field,
        )


def _check_word(field: str, value: object, *, words: frozenset[str | None] | frozenset[str]) -> None:
    if not isinstance(value, (str, type(None))) or value not in words:
        known = ", ".join(sorted(str(word) for word in words))
        raise InvalidRequestError(f"{field} is {_shown(value)}; give one of {known}", field=field)


def is_positive(value: object) -> bool:
    """Whether a value is a number above 0 that a float can hold; infinity is one, NaN and True are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return float(value) > 0
    except OverflowError:
        return False


def kind_of(value: object) -> str:
    """Name a value's kind for an error message, never the value itself."""
    return "None" if value is None else "unset" if value is UNSET else f"of type {type(value).__name__}"


def _shown(role: object) -> str:
    return repr(role) if isinstance(role, str) else kind_of(role)


def _wrong(field: str, value: object, *, remedy: str) -> InvalidRequestError:
    found = "an empty string" if value == "" else kind_of(value)
    return InvalidRequestError(f"{field} is {found}; {remedy}", field=field)
