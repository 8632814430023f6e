"""A request in Responses form: `ModelRequest` to JSON body.

Not the conversation in it (`input_items`) nor the way back (`request_import`). Source: OpenAI API reference, Responses, create;
which parameters of Chat Completions have no equivalent: the migration guide to Responses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from shim.model import (
    InvalidRequestError,
    ModelRequest,
    OpaquePart,
    ResponseFormat,
    TextPart,
    ToolChoice,
    ToolDefinition,
    check_request,
)
from shim.model.plain import Look, said
from shim.wire.json_text import Listed, encode_body, merged
from shim.wire.responses.input_items import items_with_odd
from shim.wire.responses.vocabulary import unsupported

LOGPROBS = "message.output_text.logprobs"
"""What `include` names to get logprobs."""


def serialize(request: ModelRequest, *, stream: bool, look: Look | None = None) -> bytes:
    """Write the JSON body of a request, UTF-8.

    Args:
        request: the request.
        stream: whether it asks for a stream.
        look: what `check_request` has said of it, which is not asked again then.

    Raises:
        InvalidRequestError: a field is not of its kind, or holds what JSON cannot carry.
        UnsupportedFeatureError: the Responses API has no place for a field; nothing is dropped silently.
    """
    body, listed = _made(request, stream=stream, look=look)
    return encode_body(body, listed=listed)


def to_body(request: ModelRequest, *, stream: bool, look: Look | None = None) -> dict[str, Any]:
    """Make the body of a request as a dict; what `serialize` writes. Takes and raises what it does.

    `extra_body` is laid over the rest and wins, in `text` and `reasoning` field by field; a value of `msgspec.UNSET` in it
    takes a field away. A limit in it by its Chat Completions name is translated; what only Chat Completions has is refused,
    unless it is null, which asks for nothing.
    """
    return _made(request, stream=stream, look=look)[0]


def _made(request: ModelRequest, *, stream: bool, look: Look | None) -> tuple[dict[str, Any], Listed | None]:
    """Make the body, and tell which of its items may hold more than strings; None where all may."""
    if look is None:
        look = check_request(request)
    if not look.says_no_more:
        _refuse_chat_only(request)
    conversation, odd = _input(request)
    body: dict[str, Any] = {"input": conversation}
    if request.model is not UNSET:
        body = {"model": request.model} | body
    if not look.says_no_more:
        _add_fields(request, body)
    if request.extra_body:
        body = merged(body, _extra(request.extra_body, body, stream=stream))
        _check_overlaid(body)
    if stream:
        body["stream"] = True
    return body, Listed("input", odd) if body.get("input") is conversation else None


def _add_fields(request: ModelRequest, body: dict[str, Any]) -> None:
    """Write what is said beside the model and the messages, but for `extra_body`."""
    for (name, write), value in said(_FIELDS.values(), _values(request)):
        body[name] = None if value is None else write(value)
    body |= {name: fields for name, fields in (("text", _text(request)), ("reasoning", _reasoning(request))) if fields}
    if request.logprobs is True:
        included = body.get("include") or []
        body["include"] = included if LOGPROBS in included else [*included, LOGPROBS]


_OR_CHAT = "leave it out, or use Chat Completions"
# Field of ModelRequest, and name in a Chat Completions body -> where to go instead.
_CHAT_ONLY: dict[str, str] = {
    "stop": _OR_CHAT,
    "seed": _OR_CHAT,
    "n": "send the request several times, or use Chat Completions",
    "presence_penalty": _OR_CHAT,
    "frequency_penalty": _OR_CHAT,
    "logit_bias": _OR_CHAT,
}
# Name in a Chat Completions body, which may stand in `extra_body` -> where to go instead.
_CHAT_ONLY_IN_BODY: dict[str, str] = _CHAT_ONLY | {
    "messages": "give the request's messages",
    "functions": "give the request's tools, or use Chat Completions",
    "function_call": "give the request's tool_choice, or use Chat Completions",
    "response_format": "give the request's response_format",
    "reasoning_effort": "give the request's reasoning",
    "verbosity": "give the request's verbosity",
    "logprobs": "give the request's logprobs",
    "modalities": _OR_CHAT,
    "audio": _OR_CHAT,
    "prediction": _OR_CHAT,
    "web_search_options": "give the tool {'type': 'web_search'}, or use Chat Completions",
}
CHAT_ONLY_FIELDS = tuple(_CHAT_ONLY)
"""Fields of `ModelRequest` that only Chat Completions has."""
CHAT_ONLY_NAMES = tuple(_CHAT_ONLY_IN_BODY)
"""Names in a body that only Chat Completions has."""

# The newer first: where a body has both, Chat Completions reads `max_completion_tokens`.
_LIMITS = ("max_completion_tokens", "max_tokens")


def _refuse_chat_only(request: ModelRequest) -> None:
    for field, remedy in _CHAT_ONLY.items():
        if getattr(request, field) not in (UNSET, None):
            raise unsupported(field, remedy)
    for name, remedy in _CHAT_ONLY_IN_BODY.items() if request.extra_body else ():
        if request.extra_body.get(name, UNSET) not in (UNSET, None):
            raise unsupported(f"extra_body.{name}", remedy)


def _extra(extra_body: dict[str, Any], body: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    """Say in this API's words what `extra_body` says, `body` being the rest."""
    if extra_body.get("stream") and not stream:
        raise InvalidRequestError("extra_body sets stream; start a stream instead", field="extra_body.stream")
    extra = {
        name: value for name, value in extra_body.items() if name not in _CHAT_ONLY_IN_BODY and name not in _LIMITS
    }
    _add_limit(extra, extra_body, own=body.get("max_output_tokens"))
    for name in ("text", "reasoning"):
        if isinstance(extra.get(name), dict):
            extra[name] = merged(body.get(name, {}), extra[name])
    if "stream_options" in extra:
        extra["stream_options"] = _stream_options(extra["stream_options"], stream=stream)
    return extra


def _check_overlaid(body: dict[str, Any]) -> None:
    """Refuse what `extra_body` cannot make of a body; both may go: Azure's URL has the model, a stored prompt the input."""
    if body.get("model") is not None and not (isinstance(body["model"], str) and body["model"]):
        raise InvalidRequestError("model is no name after extra_body was laid over; leave it out there", field="model")
    if "input" in body and not isinstance(body["input"], (str, list)):
        raise InvalidRequestError(
            "input is no text or list of items after extra_body was laid over; leave it out there", field="input"
        )


def _add_limit(extra: dict[str, Any], extra_body: dict[str, Any], *, own: int | None) -> None:
    for name in _LIMITS:
        value = extra_body.get(name, UNSET)
        if value is UNSET or value is None or "max_output_tokens" in extra:
            continue
        if own is not None and value != own:
            raise InvalidRequestError(
                f"extra_body.{name} and max_output_tokens differ; give max_output_tokens alone",
                field=f"extra_body.{name}",
            )
        extra["max_output_tokens"] = value


def _stream_options(options: Any, *, stream: bool) -> Any:
    """Write the options of a stream: it always tells its usage, and what is no stream takes no options."""
    if options is not None and not stream:
        return UNSET
    if not isinstance(options, dict) or "include_usage" not in options:
        return options
    return {name: value for name, value in options.items() if name != "include_usage"} or UNSET


def _input(request: ModelRequest) -> tuple[str | list[dict[str, Any]], list[int]]:
    """Write the conversation: one plain text of the user as a string, anything else as items; with it, which are odd."""
    items, odd = items_with_odd(request.messages)
    if len(items) != 1:
        return items, odd
    first = request.messages[0]
    plain = first.role == "user" and [type(part) for part in first.parts] == [TextPart]
    content = items[0].get("content") if plain and not first.extra else None
    return (content, []) if isinstance(content, str) else (items, odd)


def flat(form: dict[str, Any]) -> dict[str, Any]:
    """Lift what Chat Completions nests under the name of the type: tools, tool choices and formats are flat here."""
    kind = form.get("type")
    nested = form.get(kind) if isinstance(kind, str) else None
    if not isinstance(nested, dict):
        return form
    lifted = {name: value for name, value in form.items() if name != kind} | nested
    if isinstance(lifted.get("format"), dict):  # of a custom tool
        lifted["format"] = flat(lifted["format"])
    if isinstance(lifted.get("tools"), list):  # of the choice of allowed tools
        lifted["tools"] = [flat(tool) if isinstance(tool, dict) else tool for tool in lifted["tools"]]
    return lifted


def nested(form: dict[str, Any]) -> dict[str, Any]:
    """Nest what is flat here under the name of its type, where Chat Completions has that type; `flat` is the way back."""
    kind = form.get("type")
    inner = {name: value for name, value in form.items() if name != "type"}
    if kind == "custom" and isinstance(inner.get("format"), dict) and inner["format"].get("type") == "grammar":
        grammar = {name: value for name, value in inner["format"].items() if name != "type"}
        inner["format"] = {"type": "grammar", "grammar": grammar}
    if kind == "allowed_tools" and isinstance(inner.get("tools"), list):
        inner["tools"] = [nested(tool) if isinstance(tool, dict) else tool for tool in inner["tools"]]
        if any(nested_tool is tool for nested_tool, tool in zip(inner["tools"], form["tools"], strict=True)):
            return form
    if not isinstance(kind, str) or kind not in _NESTED:
        return form
    deeper = {"type": kind, kind: inner}
    return deeper if flat(deeper) == form else form


# What Chat Completions has, too, nested under the name of its type.
_NESTED = frozenset({"function", "custom", "allowed_tools", "json_schema"})


# What this API requires of a function and Chat Completions does not: no parameters, and not strict, where nothing is said.
# Unsaid, `strict` would be on, and refuse schemas that Chat Completions takes.
_REQUIRED: dict[str, Any] = {"parameters": {"type": "object", "properties": {}}, "strict": False}


def _tools(tools: Sequence[ToolDefinition | OpaquePart]) -> list[dict[str, Any]]:
    return [_other_tool(tool.data) if isinstance(tool, OpaquePart) else function_tool(tool) for tool in tools]


def function_tool(tool: ToolDefinition) -> dict[str, Any]:
    """Write a function the model may call, its name at the top."""
    fields = {"description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    given = {name: value for name, value in fields.items() if value is not UNSET}
    return merged({"type": "function", "name": tool.name} | _REQUIRED | given, tool.extra)


def _other_tool(tool: dict[str, Any]) -> dict[str, Any]:
    lifted = flat(tool)
    return _REQUIRED | lifted if lifted is not tool and lifted["type"] == "function" else lifted


def _tool_choice(choice: ToolChoice | OpaquePart) -> Any:
    if isinstance(choice, OpaquePart):
        return flat(choice.data)
    if choice.mode == "tool":
        return {"type": "function", "name": choice.name}
    return choice.mode


def _text(request: ModelRequest) -> dict[str, Any]:
    text: dict[str, Any] = {}
    if request.response_format is not UNSET:
        form = request.response_format
        text["format"] = None if form is None else text_format(form)
    if request.verbosity is not UNSET:
        text["verbosity"] = request.verbosity
    return text


def text_format(form: ResponseFormat | OpaquePart) -> dict[str, Any]:
    """Write the form of the answer, its schema's name at the top."""
    if isinstance(form, OpaquePart):
        return flat(form.data)
    fields = {"name": form.name, "description": form.description, "schema": form.schema, "strict": form.strict}
    return {"type": form.type} | {name: value for name, value in fields.items() if value is not UNSET}


def _reasoning(request: ModelRequest) -> dict[str, Any]:
    if request.reasoning is UNSET:
        return {}
    fields = {"effort": request.reasoning.effort, "summary": request.reasoning.summary}
    return {name: value for name, value in fields.items() if value is not UNSET}


def _as_is(value: Any) -> Any:
    return value


# Field of ModelRequest -> (field of the body, how its value is written).
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "system_prompt": ("instructions", _as_is),
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _tool_choice),
    "parallel_tool_calls": ("parallel_tool_calls", _as_is),
    "max_output_tokens": ("max_output_tokens", _as_is),
    "temperature": ("temperature", _as_is),
    "top_p": ("top_p", _as_is),
    "top_logprobs": ("top_logprobs", _as_is),
    "metadata": ("metadata", dict),
    "user": ("user", _as_is),
    "service_tier": ("service_tier", _as_is),
    "store": ("store", _as_is),
    "previous_response_id": ("previous_response_id", _as_is),
    "include": ("include", list),
}
_values = attrgetter(*_FIELDS)
