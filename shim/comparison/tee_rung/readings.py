"""What readers make of recorded answers: what a caller was told becomes a `Reading`, which is plain JSON.

Not the readers (`session_reader`, `codec_reader`) nor where two readings part (`reading_differences`). Deterministic: times are
not part of a reading, nor are the response's headers, which no reader makes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from operator import is_
from typing import Any, NoReturn, TypeAlias

import msgspec
from msgspec import Struct

from shim.comparison.tee_rung.shared_codec import Noted
from shim.model import (
    Choice,
    ModelResponse,
    Part,
    ProviderError,
    ReasoningPart,
    RefusalPart,
    StreamDone,
    StreamError,
    StreamEvent,
    TextPart,
    ToolCallPart,
)
from shim.provider import Completion
from shim.recording.exchange import Exchange, UnreadableExchangeError
from shim.recording.reading import Reading
from shim.recording.recorded_answer import Presented

_ENDS = (StreamDone, StreamError)
_SHOWN = 60  # characters of a text in the line that says what a side made of the answer
_pack = msgspec.msgpack.Encoder().encode


def reading_of(completion: Completion, events: Sequence[StreamEvent] | None) -> Reading:
    """What a caller was told.

    Args:
        completion: how the request ended.
        events: of a streamed request, in order; None of one that was not.

    Raises:
        UnreadableExchangeError: the completion holds neither a response nor an error.
    """
    if completion.error is None and completion.response is None:
        raise UnreadableExchangeError("the completion has neither a response nor an error; its provider is at fault")
    return Reading(
        outcome="response" if completion.error is None else "error",
        http_status=completion.http_status,
        error=None if completion.error is None else error_told(completion.error),
        response=None if completion.response is None else response_told(completion.response),
        events=None if events is None else tuple(map(event_told, events)),
    )


class Heard(Struct, frozen=True):
    """What a provider told its caller, before it is put in plain words.

    Attributes:
        completion: how the request ended.
        events: of a stream, None where none was asked for.
        answer: the exchange it was told of and its answer as it was presented, where the reader kept them.
        noted: what its codec was given of it, where that is known.
    """

    completion: Completion
    events: Sequence[StreamEvent] | None
    answer: tuple[Exchange, Presented] | None = None
    noted: Noted | None = None

    def reading(self) -> Reading:
        """The same as a reading; raises as `reading_of` does."""
        return reading_of(self.completion, self.events)


def surely_alike(one: Heard, other: Heard) -> bool:
    """Whether two were told a response, and the same one to the last byte, so that their readings are equal.

    A reading is made of nothing but the status, the response and the events. These are alike where their parts are of the same
    types and are the same bytes as MessagePack, which keeps apart what Python's `==` does not: 1, 1.0 and true. Where one cannot
    be written so, or an error was told, or anything differs, it is not sure, and the readings decide.
    """
    first, second = one.completion, other.completion
    if first.response is None or second.response is None or first.error is not None or second.error is not None:
        return False
    if first.http_status != second.http_status or _types(first.response) != _types(second.response):
        return False
    try:
        return _pack(first.response) == _pack(second.response) and _same_events(one.events, other.events)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return False


def _types(response: ModelResponse) -> list[type]:
    """The types of all that is told by its type: two of them may have the same fields."""
    types: list[type] = [type(response)]
    for choice in response.choices:
        types += [type(choice), type(choice.finish_reason), *map(type, choice.parts)]
    return types


def _same_events(one: Sequence[StreamEvent] | None, other: Sequence[StreamEvent] | None) -> bool:
    """Whether events are of the same types and the same bytes; those that are the very same objects are."""
    if one is None or other is None or type(one) is not type(other) or len(one) != len(other):
        return one is other
    if all(map(is_, one, other)):
        return True
    return list(map(type, one)) == list(map(type, other)) and _pack(_telling(one)) == _pack(_telling(other))


def _telling(events: Sequence[StreamEvent] | None) -> Sequence[StreamEvent]:
    """The events without the last one where that is told by its name alone."""
    return events[:-1] if events and isinstance(events[-1], _ENDS) else events or ()


def in_a_line(reading: Reading) -> str:
    """What a side made of the answer, for a person."""
    status = "" if reading.http_status is None else f" (HTTP {reading.http_status})"
    if reading.error is not None:
        return f"error {reading.error.get('category')}{status}: {reading.error.get('message')}"
    choices = (reading.response or {}).get("choices") or [{}]
    text, calls = choices[0].get("text") or "", choices[0].get("tool_calls") or []
    quoted = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    called = f", {len(calls)} tool calls" if calls else ""
    return f"response{status}: {choices[0].get('finish_reason')}, {quoted}{called}"


def event_told(event: StreamEvent) -> dict[str, Any]:
    """An event by its name and fields; the last one by its name alone."""
    name = type(event).__name__
    return {"event": name} if isinstance(event, _ENDS) else {"event": name, **msgspec.to_builtins(event)}


def error_told(error: ProviderError) -> dict[str, Any]:
    """An error by its fields; `class` is that of the exception, `body` what the server said, as text."""
    return {
        "category": error.category.value,
        "class": type(error).__name__,
        "retryable": error.retryable,
        "message": error.message,
        "http_status": error.http_status,
        "code": error.code,
        "type": error.type,
        "param": error.param,
        "retry_after_ms": error.retry_after_ms,
        "request_id": error.request_id,
        "body": None if error.body is None else error.body.decode("utf-8", "backslashreplace"),
        "partial": None if error.partial is None else response_told(error.partial),
    }


def response_told(response: ModelResponse) -> dict[str, Any]:
    """A response by its fields; of the body as received, its length and hash."""
    raw = response.raw
    return {
        "id": response.id,
        "model": response.model,
        "api": response.api,
        "service_tier": response.service_tier,
        "request_id": response.request_id,
        "usage": None if response.usage is None else msgspec.to_builtins(response.usage),
        "extra": msgspec.to_builtins(response.extra),
        "raw": None if raw is None else {"length": len(raw), "sha256": hashlib.sha256(raw).hexdigest()},
        "choices": [_choice(choice) for choice in response.choices],
    }


def _choice(choice: Choice) -> dict[str, Any]:
    refusals = [part.text for part in choice.parts if isinstance(part, RefusalPart)]
    kinds = Counter(type(part) for part in choice.parts)
    return {
        "index": choice.index,
        "finish_reason": None if choice.finish_reason is None else choice.finish_reason.value,
        "raw_finish_reason": choice.raw_finish_reason,
        "text": "".join(part.text for part in choice.parts if isinstance(part, TextPart)),
        "reasoning": "".join(part.text for part in choice.parts if isinstance(part, ReasoningPart)),
        "refusal": "".join(refusals) if refusals else None,
        "tool_calls": [_tool_call(part) for part in choice.parts if isinstance(part, ToolCallPart)],
        "parts": [_part(part, alone=kinds[type(part)] == 1) for part in choice.parts],
        "logprobs": msgspec.to_builtins(choice.logprobs),
        "extra": msgspec.to_builtins(choice.extra),
        "message_extra": msgspec.to_builtins(choice.message_extra),
    }


def _tool_call(call: ToolCallPart) -> dict[str, Any]:
    fields = {
        "id": call.id,
        "name": call.name,
        "kind": call.kind,
        "complete": call.complete,
        "extra": msgspec.to_builtins(call.extra),
        "data": msgspec.to_builtins(call.data),
    }
    try:
        return fields | {"arguments": arguments_json(call.arguments, kind=call.kind)}
    except ValueError:
        return fields | {"arguments_text": call.arguments}


def _part(part: Part, *, alone: bool) -> dict[str, Any]:
    """What the choice does not already tell of a part; the text too where there are several of its kind."""
    if isinstance(part, ToolCallPart):
        return {"part": "ToolCallPart"}
    fields = {name: _plain(value) for name, value in msgspec.to_builtins(part).items()}
    if alone and isinstance(part, TextPart | ReasoningPart | RefusalPart):
        fields.pop("text")
    return {"part": type(part).__name__, **fields}


def _plain(value: Any) -> Any:
    """A tuple as the array it is in JSON."""
    return list(value) if isinstance(value, tuple) else value


def arguments_json(text: str, *, kind: str = "function") -> Any:
    """A call's arguments as the JSON they are.

    Raises:
        ValueError: they are no JSON, or the free text of a custom tool.
    """
    if kind == "custom":
        raise ValueError("a custom tool takes text")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


Told: TypeAlias = "Heard | Reading"
"""A reading, or what one can be made of: most pairs are the same, and then it is not needed."""


def alike(control: Told, candidate: Told) -> bool:
    """Whether two were surely told the same; where it is not sure, their readings decide."""
    return isinstance(control, Heard) and isinstance(candidate, Heard) and surely_alike(control, candidate)
