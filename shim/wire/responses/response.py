"""A Responses answer as a `ModelResponse`, and the same answer as the events a stream of it would be.

Not the reading of its items (`output_items`), of streams (`stream`) nor of error statuses (`shim.wire.failure`).
Source: API reference, Responses, the response object; compatible servers' differences as noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ModelResponse,
    Part,
    ProviderError,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamDone,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from shim.wire.failure import error_in, parse_error
from shim.wire.json_text import decode_object
from shim.wire.lenient import Kinds, TooManyCallsError, dicts_in, text_of, unmodelled
from shim.wire.masking import masked_body
from shim.wire.responses.awaited import is_call_complete
from shim.wire.responses.failures import failure_of, has_failed
from shim.wire.responses.output_items import read_output
from shim.wire.responses.vocabulary import finish_reason, raw_finish_reason, read_usage

_ANSWER_FIELDS: dict[str, Kinds] = {
    "id": (str,),
    "model": (str,),
    "output": (list,),
    "usage": (dict,),
    "service_tier": (str,),
    "error": (),
}


def parse_response(body: bytes) -> ModelResponse:
    """Read the JSON body of an answer.

    A response that is still being made in the background (`queued`, `in_progress`) is no error: its finish reason is None, the
    status is its `raw_finish_reason`, and its id is what to ask the server for later.

    Raises:
        ProviderError: the body is not JSON or not an answer (category protocol), or holds an error under a status of
            success, or a response that failed or was cancelled (its own category, what it holds as `partial`).
    """
    answer = decode_object(body)
    if answer.get("output") is None and answer.get("object") == "response" and not error_in(answer):
        answer["output"] = []  # nothing yet, or nothing at all
    if isinstance(answer.get("output"), list):
        try:
            response = read_answer(answer, raw=body)
        except TooManyCallsError as error:
            raise ProviderError(ErrorCategory.PROTOCOL, f"the answer has {error}", body=masked_body(body)) from None
        if has_failed(answer):
            raise failure_of(answer, partial=response, body=body)
        return response
    if error_in(answer):
        raise parse_error(200, {}, body)
    raise ProviderError(
        ErrorCategory.PROTOCOL,
        "the answer has no list of output items; is the base URL that of the API?",
        body=masked_body(body),
    )


def read_answer(answer: dict[str, Any], *, raw: bytes | None = None) -> ModelResponse:
    """Read a response object, finished or not, failed or not; any JSON object.

    Raises:
        TooManyCallsError: it has more calls than an answer has.
    """
    usage = answer.get("usage")
    return ModelResponse(
        id=text_of(answer.get("id")),
        model=text_of(answer.get("model")),
        choices=(_choice(answer),),
        usage=read_usage(usage) if isinstance(usage, dict) else None,
        api="responses",
        service_tier=text_of(answer.get("service_tier")) or None,
        raw=raw,
        extra=unmodelled(answer, _ANSWER_FIELDS),
    )


def _choice(answer: dict[str, Any]) -> Choice:
    output = read_output(dicts_in(answer.get("output")))
    reason = finish_reason(answer, calls=any(isinstance(part, ToolCallPart) for part in output.parts))
    return Choice(
        0,
        tuple(_with_completeness(output.parts, reason)),
        finish_reason=reason,
        raw_finish_reason=raw_finish_reason(answer),
        logprobs=_logprobs(output.parts),
        message_extra=output.message_extra,
    )


def _with_completeness(parts: list[Part], reason: FinishReason | None) -> Iterator[Part]:
    """Mark the calls that the end of the response broke off."""
    for position, part in enumerate(parts):
        cut = isinstance(part, ToolCallPart) and not is_call_complete(part, reason, last=position == len(parts) - 1)
        yield structs.replace(part, complete=False) if cut else part


def _logprobs(parts: list[Part]) -> dict[str, Any] | None:
    """Join the logprobs of the texts into the form Chat Completions has them in; each text's own stay in its `extra`."""
    tokens: list[Any] = []
    for part in parts:
        own = part.extra.get("logprobs") if isinstance(part, TextPart) else None
        tokens.extend(own if isinstance(own, list) else ())
    return {"content": tokens} if tokens else None


def events_of(response: ModelResponse) -> list[StreamEvent]:
    """Tell a whole answer as a stream would have: for a server that answers JSON although a stream was asked for."""
    events: list[StreamEvent] = [StreamStart(response.id, response.model)]
    counts: dict[type[Part], int] = {}
    for part in response.parts:
        index = counts.get(type(part), 0)
        counts[type(part)] = index + 1
        events.extend(_events_of_part(part, index))
    events.append(StreamDone(response))
    return events


def _events_of_part(part: Part, index: int) -> Iterator[StreamEvent]:
    """Tell one part, the `index`-th of its kind; an empty one has nothing to tell, but a call begins and ends."""
    if isinstance(part, TextPart) and part.text:
        yield TextDelta(part.text, index)
    elif isinstance(part, ReasoningPart) and part.text:
        yield ReasoningDelta(part.text, index)
    elif isinstance(part, RefusalPart) and part.text:
        yield RefusalDelta(part.text, index)
    elif isinstance(part, ToolCallPart):
        yield ToolCallStart(index, part.id, part.name)
        if part.arguments:
            yield ToolCallDelta(index, part.arguments)
        if part.complete:
            yield ToolCallDone(index, part.id, part.name, part.arguments)
