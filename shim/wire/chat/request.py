"""A request in Chat Completions form: `ModelRequest` to JSON body.

Not the way back (`request_import`). Source: OpenAI API reference, Chat Completions, create.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from shim.model import (
    InvalidRequestError,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ResponseFormat,
    TextPart,
    ToolChoice,
    ToolDefinition,
    check_request,
)
from shim.model.plain import Look, holds_strings, is_plain, said
from shim.wire.chat.messages import message_to_wire, plain_to_wire
from shim.wire.chat.refused import unsupported
from shim.wire.json_text import Listed, encode_body, merged


def serialize(request: ModelRequest, *, stream: bool, look: Look | None = None) -> bytes:
    """Write the JSON body of a request, UTF-8.

    Args:
        request: the request.
        stream: whether it asks for a stream.
        look: what `check_request` has said of it, which is not asked again then.

    Raises:
        InvalidRequestError: a field is not of its kind, or holds what JSON cannot carry.
        UnsupportedFeatureError: Chat Completions has no place for a field; nothing is dropped silently.
    """
    body, listed = _made(request, stream=stream, look=look)
    return encode_body(body, listed=listed)


def to_body(request: ModelRequest, *, stream: bool, look: Look | None = None) -> dict[str, Any]:
    """Make the body of a request as a dict; what `serialize` writes. Takes and raises what it does.

    A stream asks for `stream_options.include_usage`, so that its usage is known. `extra_body` is laid over the rest and
    wins; a value of `msgspec.UNSET` in it takes a field away.
    """
    return _made(request, stream=stream, look=look)[0]


def _made(request: ModelRequest, *, stream: bool, look: Look | None) -> tuple[dict[str, Any], Listed | None]:
    """Make the body, and tell which of its messages may hold more than strings; None where all may."""
    if look is None:
        look = check_request(request)
    if look.says_no_more and look.all_plain and type(request.model) is str:  # nearly always
        return _of_strings(request, stream=stream), _STRINGS_ALONE
    if not look.says_no_more:
        _refuse_unsupported(request)
    messages, odd = _messages(request, all_plain=look.all_plain)
    body: dict[str, Any] = (
        {"messages": messages} if request.model is UNSET else {"model": request.model, "messages": messages}
    )
    if not look.says_no_more:
        _add_fields(request, body)
    if stream:
        body["stream_options"] = {"include_usage": True}
    if request.extra_body:
        _check_stream(request.extra_body, stream=stream)
        body = merged(body, request.extra_body)
    if odd or request.extra_body:
        _check_overlaid(body)
    if stream:
        body["stream"] = True
    return body, Listed("messages", odd) if body.get("messages") is messages else None


_STRINGS_ALONE = Listed("messages", alone=True)


def _of_strings(request: ModelRequest, *, stream: bool) -> dict[str, Any]:
    """Make the body of a request that says nothing beside its model and plain messages."""
    messages, _ = _messages(request, all_plain=True)
    if stream:
        return {
            "model": request.model,
            "messages": messages,
            "stream_options": {"include_usage": True},
            "stream": True,
        }
    return {"model": request.model, "messages": messages}


SAYS_NOTHING: tuple[Any, ...] = (UNSET, None, ())
"""Values of a field that only the Responses API has that ask for nothing there, and so need no place here."""
# Field -> where to go instead.
_RESPONSES_ONLY: dict[str, str] = {
    "previous_response_id": "send the earlier messages, or use the Responses API",
    "include": "leave it out, or use the Responses API",
}


def _refuse_unsupported(request: ModelRequest) -> None:
    for field, remedy in _RESPONSES_ONLY.items():
        if getattr(request, field) not in SAYS_NOTHING:
            raise unsupported(field, remedy)
    if isinstance(request.reasoning, Reasoning) and request.reasoning.summary not in SAYS_NOTHING:
        raise unsupported("reasoning.summary", "leave it out, or use the Responses API")


def _add_fields(request: ModelRequest, body: dict[str, Any]) -> None:
    """Write what is said beside the model and the messages, but for `extra_body`."""
    for (name, write), value in said(_FIELDS.values(), _values(request)):
        body[name] = None if value is None else write(value)
    if isinstance(request.reasoning, Reasoning) and request.reasoning.effort is not UNSET:
        body["reasoning_effort"] = request.reasoning.effort


def _check_stream(extra_body: dict[str, Any], *, stream: bool) -> None:
    if extra_body.get("stream") and not stream:
        raise InvalidRequestError("extra_body sets stream; start a stream instead", field="extra_body.stream")


def _check_overlaid(body: dict[str, Any]) -> None:
    """Refuse what `extra_body`, or a message's `extra`, cannot make of a body; the model may go: Azure's URL has it."""
    if body.get("model") is not None and not (isinstance(body["model"], str) and body["model"]):
        raise InvalidRequestError("model is no name after extra_body was laid over; leave it out there", field="model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequestError(
            "messages is no list of messages after extra_body was laid over; leave it out there", field="messages"
        )
    for position, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            place = f"messages[{position}]"
            raise InvalidRequestError(f"{place} has no role after extra was laid over; give it one", field=place)


def _messages(request: ModelRequest, *, all_plain: bool) -> tuple[list[dict[str, Any]], list[int]]:
    """Write the conversation; with it, the positions of what may hold more than strings."""
    wire: list[dict[str, Any]] = []
    odd: list[int] = []
    if request.system_prompt is not UNSET:
        wire.append({"role": "system", "content": request.system_prompt})
    for position, message in enumerate(request.messages):
        if all_plain or is_plain(message):
            parts = message.parts
            if len(parts) == 1 and type(parts[0]) is TextPart and message.content_form != "list":  # nearly always
                wire.append({"role": message.role, "content": parts[0].text})
            else:
                wire += plain_to_wire(message)
        else:
            begun = len(wire)
            wire += message_to_wire(message, f"messages[{position}]")
            if not holds_strings(message):
                odd += range(begun, len(wire))
    return wire, odd


def _tools(tools: Sequence[ToolDefinition | OpaquePart]) -> list[dict[str, Any]]:
    return [tool.data if isinstance(tool, OpaquePart) else _function_tool(tool) for tool in tools]


def _function_tool(tool: ToolDefinition) -> dict[str, Any]:
    fields = {"description": tool.description, "parameters": _plain_schema(tool.parameters), "strict": tool.strict}
    function = {"name": tool.name} | {name: value for name, value in fields.items() if value is not UNSET}
    return {"type": "function", "function": merged(function, tool.extra)}


def _plain_schema(schema: Any) -> Any:
    return dict(schema) if isinstance(schema, Mapping) else schema


def _tool_choice(choice: ToolChoice | OpaquePart) -> Any:
    if isinstance(choice, OpaquePart):
        return choice.data
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _response_format(form: ResponseFormat | OpaquePart) -> dict[str, Any]:
    if isinstance(form, OpaquePart):
        return form.data
    if form.type != "json_schema":
        return {"type": form.type}
    fields = {
        "name": form.name,
        "description": form.description,
        "schema": _plain_schema(form.schema),
        "strict": form.strict,
    }
    return {"type": "json_schema", "json_schema": {name: value for name, value in fields.items() if value is not UNSET}}


def _as_is(value: Any) -> Any:
    return value


# Field of ModelRequest -> (field of the body, how its value is written).
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _tool_choice),
    "parallel_tool_calls": ("parallel_tool_calls", _as_is),
    "max_output_tokens": ("max_completion_tokens", _as_is),
    "temperature": ("temperature", _as_is),
    "top_p": ("top_p", _as_is),
    "stop": ("stop", lambda stop: stop if isinstance(stop, str) else list(stop)),
    "seed": ("seed", _as_is),
    "presence_penalty": ("presence_penalty", _as_is),
    "frequency_penalty": ("frequency_penalty", _as_is),
    "logit_bias": ("logit_bias", dict),
    "logprobs": ("logprobs", _as_is),
    "top_logprobs": ("top_logprobs", _as_is),
    "n": ("n", _as_is),
    "response_format": ("response_format", _response_format),
    "verbosity": ("verbosity", _as_is),
    "metadata": ("metadata", dict),
    "user": ("user", _as_is),
    "service_tier": ("service_tier", _as_is),
    "store": ("store", _as_is),
}
_values = attrgetter(*_FIELDS)
