"""Readers with a fault each, as a candidate might have it, and the rule that must catch it.

Not the comparing: the tests of the tee rung, of the command and of the report all take their seeded faults from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from msgspec.structs import replace

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.readings import reading_of
from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ModelResponse,
    ProviderError,
    ReasoningPart,
    RefusalPart,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolCallStart,
)
from tests.helpers.exchanges import segments_of

if TYPE_CHECKING:
    from shim.provider import Completion
    from shim.recording.exchange import Exchange
    from shim.recording.reading import Reading

Events: TypeAlias = "list[StreamEvent] | None"
Heard: TypeAlias = "tuple[Completion, Events]"
Change: TypeAlias = Callable[["Completion", Events], Heard]


class Retelling:
    """Reads as it should, and tells it changed."""

    name = "faulty"

    def __init__(self, change: Change) -> None:
        self._change = change

    def read(self, exchange: Exchange) -> Reading:
        """Read, change, tell."""
        heard = CodecReader().hear(exchange)
        return reading_of(*self._change(heard.completion, None if heard.events is None else list(heard.events)))

    def close(self) -> None:
        """Hold nothing."""


class Misreading:
    """Takes other bytes than came, and reads those as it should."""

    name = "faulty"

    def __init__(self, misread: Callable[[list[bytes]], list[bytes]]) -> None:
        self._misread = misread

    def read(self, exchange: Exchange) -> Reading:
        """Change the pieces, read."""
        assert exchange.response is not None
        pieces = [segment.data for segment in exchange.response.segments if segment.data is not None]
        response = replace(exchange.response, segments=segments_of(*self._misread(pieces)))
        return CodecReader().read(replace(exchange, response=response))

    def close(self) -> None:
        """Hold nothing."""


@dataclass(frozen=True)
class SeededFault:
    """A fault: on which case it shows, under which rule, and how the bytes must be presented for that."""

    case: str
    rule: str
    reader: Retelling | Misreading
    shows: Literal["as recorded", "resplit", "truncate"] = "as recorded"


def _response(change: Callable[[ModelResponse], ModelResponse]) -> Retelling:
    def retell(completion: Completion, events: Events) -> Heard:
        assert completion.response is not None
        return replace(completion, response=change(completion.response)), events

    return Retelling(retell)


def _choice(change: Callable[[Choice], Choice]) -> Retelling:
    return _response(lambda response: replace(response, choices=tuple(map(change, response.choices))))


def _parts(change: Callable[[list[Any]], list[Any]]) -> Retelling:
    return _choice(lambda choice: replace(choice, parts=tuple(change(list(choice.parts)))))


def _events(change: Callable[[list[StreamEvent]], list[StreamEvent]]) -> Retelling:
    return Retelling(lambda completion, events: (completion, None if events is None else change(list(events))))


def _error(**fields: Any) -> Retelling:
    def retell(completion: Completion, events: Events) -> Heard:
        error = completion.error
        assert error is not None
        told = {name: value for name, value in vars(error).items() if name not in ("category", "message")} | fields
        category, message = told.pop("category", error.category), told.pop("message", error.message)
        return replace(completion, error=ProviderError(category, message, **told)), events

    return Retelling(retell)


def _without(kind: type) -> Callable[[list[Any]], list[Any]]:
    return lambda parts: [part for part in parts if not isinstance(part, kind)]


def _lose_a_token(parts: list[Any]) -> list[Any]:
    return [
        replace(part, text=part.text.replace(" the", "", 1)) if isinstance(part, TextPart) else part for part in parts
    ]


def _text_events(events: list[StreamEvent]) -> list[int]:
    return [place for place, event in enumerate(events) if isinstance(event, TextDelta)]


def _lose_a_delta(events: list[StreamEvent]) -> list[StreamEvent]:
    del events[_text_events(events)[1]]
    return events


def _swap_deltas(events: list[StreamEvent]) -> list[StreamEvent]:
    first, second = _text_events(events)[:2]
    events[first], events[second] = events[second], events[first]
    return events


def _repeat_a_delta(events: list[StreamEvent]) -> list[StreamEvent]:
    place = _text_events(events)[1]
    return [*events[:place], events[place], *events[place:]]


def _start_late(events: list[StreamEvent]) -> list[StreamEvent]:
    events[0], events[1] = events[1], events[0]
    return events


def _join_deltas(events: list[StreamEvent]) -> list[StreamEvent]:
    first, second = _text_events(events)[:2]
    one, two = cast("TextDelta", events[first]), cast("TextDelta", events[second])
    return [*events[:first], replace(one, text=one.text + two.text), *events[second + 1 :]]


def _mix_choices(events: list[StreamEvent]) -> list[StreamEvent]:
    return [replace(event, choice=0) if isinstance(event, TextDelta) else event for event in events]


def _lose_calls_start(events: list[StreamEvent]) -> list[StreamEvent]:
    return [event for event in events if not isinstance(event, ToolCallStart)]


def _swallow(completion: Completion, events: Events) -> Heard:
    """Take whatever had arrived for the answer."""
    if completion.error is None or completion.error.partial is None:
        return completion, events
    return replace(completion, response=completion.error.partial, error=None), events


def _change_calls(change: Callable[[list[ToolCallPart]], list[ToolCallPart]]) -> Retelling:
    def parts(all_parts: list[Any]) -> list[Any]:
        calls = change([part for part in all_parts if isinstance(part, ToolCallPart)])
        return [*_without(ToolCallPart)(all_parts), *calls]

    return _parts(parts)


def _swap_ids(calls: list[ToolCallPart]) -> list[ToolCallPart]:
    one, two = calls[:2]
    return [replace(one, id=two.id), replace(two, id=one.id), *calls[2:]]


def _change_arguments(calls: list[ToolCallPart]) -> list[ToolCallPart]:
    return [replace(call, arguments=re.sub(r"([A-Za-z])\"", r"\1x\"", call.arguments, count=1)) for call in calls]


def _one_more_token(response: ModelResponse) -> ModelResponse:
    assert response.usage is not None
    return replace(response, usage=replace(response.usage, output_tokens=response.usage.output_tokens + 1))


def _each_alone_as_text(pieces: list[bytes]) -> list[bytes]:
    return [piece.decode("utf-8", "replace").encode() for piece in pieces]


def _line_ends_lost_at_splits(pieces: list[bytes]) -> list[bytes]:
    return [piece.removeprefix(b"\n") if place else piece for place, piece in enumerate(pieces)]


FAULTS: dict[str, SeededFault] = {
    "loses a token": SeededFault("stream_basic", "tee.text", _parts(_lose_a_token)),
    "loses a delta": SeededFault("stream_basic", "tee.events", _events(_lose_a_delta)),
    "swaps two deltas": SeededFault("stream_basic", "tee.events", _events(_swap_deltas)),
    "tells a delta twice": SeededFault("stream_basic", "tee.events", _events(_repeat_a_delta)),
    "starts late": SeededFault("stream_basic", "tee.events", _events(_start_late)),
    "joins two deltas": SeededFault("stream_basic", "tee.granularity", _events(_join_deltas)),
    "mixes the choices of events": SeededFault("n_two_choices", "tee.events", _events(_mix_choices)),
    "mixes the choices": SeededFault(
        "n_two_choices", "tee.response", _choice(lambda choice: replace(choice, index=1 - choice.index))
    ),
    "loses a choice": SeededFault(
        "n_two_choices", "tee.response", _response(lambda response: replace(response, choices=response.choices[:1]))
    ),
    "swallows an error": SeededFault("stream_error_inside", "tee.outcome", Retelling(_swallow)),
    "takes a truncated stream for whole": SeededFault("stream_truncated", "tee.outcome", Retelling(_swallow)),
    "takes a cut stream for whole": SeededFault("stream_basic", "tee.outcome", Retelling(_swallow), "truncate"),
    "finishes for another reason": SeededFault(
        "length_cut", "tee.finish_reason", _choice(lambda choice: replace(choice, finish_reason=FinishReason.STOP))
    ),
    "loses the server's reason": SeededFault(
        "length_cut", "tee.finish_reason", _choice(lambda choice: replace(choice, raw_finish_reason=None))
    ),
    "counts one token more": SeededFault("json_basic", "tee.usage", _response(_one_more_token)),
    "loses the usage": SeededFault(
        "stream_basic", "tee.usage", _response(lambda response: replace(response, usage=None))
    ),
    "loses the reasoning": SeededFault("reasoning_content", "tee.text", _parts(_without(ReasoningPart))),
    "loses the refusal": SeededFault("stream_refusal", "tee.text", _parts(_without(RefusalPart))),
    "loses a call": SeededFault("stream_parallel_tool_calls", "tee.tool_calls", _change_calls(lambda calls: calls[1:])),
    "loses a call's start": SeededFault("stream_tool_call", "tee.events", _events(_lose_calls_start)),
    "swaps the ids of calls": SeededFault("stream_parallel_tool_calls", "tee.tool_calls", _change_calls(_swap_ids)),
    "turns the calls round": SeededFault(
        "stream_parallel_tool_calls", "tee.tool_calls", _change_calls(lambda calls: calls[::-1])
    ),
    "changes arguments": SeededFault("json_tool_calls", "tee.tool_calls", _change_calls(_change_arguments)),
    "names another category": SeededFault("json_error_401", "tee.category", _error(category=ErrorCategory.PERMISSION)),
    "loses the wait": SeededFault("json_error_429_retry_after", "tee.error", _error(retry_after_ms=None)),
    "rewords an error": SeededFault("json_error_401", "tee.error", _error(message="Something went wrong.")),
    "loses an error's code": SeededFault("json_error_401", "tee.error", _error(code=None)),
    "loses what had arrived": SeededFault("stream_error_inside", "tee.response", _error(partial=None)),
    "tells another status": SeededFault(
        "json_error_401",
        "tee.status",
        Retelling(lambda completion, events: (replace(completion, http_status=400), events)),
    ),
    "names another model": SeededFault(
        "json_basic", "tee.response", _response(lambda response: replace(response, model="m"))
    ),
    "loses further fields": SeededFault(
        "json_basic", "tee.response", _response(lambda response: replace(response, extra={}))
    ),
    "loses the request's id": SeededFault(
        "json_basic", "tee.response", _response(lambda response: replace(response, request_id=None))
    ),
    "changes the body": SeededFault(
        "json_basic", "tee.response", _response(lambda response: replace(response, raw=b"{}"))
    ),
    "loses the last segment": SeededFault(
        "stream_basic", "tee.outcome", Misreading(lambda pieces: pieces[: len(pieces) // 2])
    ),
    "decodes each piece alone": SeededFault("reasoning_field", "tee.text", Misreading(_each_alone_as_text), "resplit"),
    "loses line ends at splits": SeededFault(
        "stream_basic", "tee.outcome", Misreading(_line_ends_lost_at_splits), "resplit"
    ),
}
"""What the fault is -> the fault."""
