"""Answers: response objects and stream payloads, made small, for the tests of their readers.

Not the tests themselves (`test_response`, `test_stream`, `test_stream_oddities`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shim.wire.responses import StreamDecoder
from tests.helpers.events import assert_well_formed

if TYPE_CHECKING:
    from shim.model import StreamEvent

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 17,
}


def text(words: str, **fields: Any) -> dict[str, Any]:
    """A block of output text."""
    return {"type": "output_text", "text": words, "annotations": []} | fields


def refusal(words: str) -> dict[str, Any]:
    """A block of refusal."""
    return {"type": "refusal", "refusal": words}


def message(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A message item."""
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": list(blocks),
    } | fields


def call(arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    """A function call item."""
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "look",
        "arguments": arguments,
        "status": "completed",
    } | fields


def custom(words: str = "1+1", **fields: Any) -> dict[str, Any]:
    """A custom tool's call item."""
    return {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "run", "input": words} | fields


def reasoning(*summary: str, **fields: Any) -> dict[str, Any]:
    """A reasoning item."""
    blocks = [{"type": "summary_text", "text": words} for words in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": blocks} | fields


def answer(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A response object."""
    return {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-4o-mini",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": list(output),
        "usage": USAGE,
        "service_tier": "default",
    } | fields


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """An event of a stream."""
    return {"type": f"response.{kind}"} | fields


CREATED = event("created", response=answer(status="in_progress", usage=None))


def ended(*output: dict[str, Any], kind: str = "completed", **fields: Any) -> dict[str, Any]:
    """The event that ends a stream, with its response."""
    return event(kind, response=answer(*output, **({"status": kind} | fields)))


def added(item: dict[str, Any], at: int = 0) -> dict[str, Any]:
    """An item began."""
    return event("output_item.added", output_index=at, item=item)


def done(item: dict[str, Any], at: int = 0) -> dict[str, Any]:
    """An item ended."""
    return event("output_item.done", output_index=at, item=item)


def delta(words: str, kind: str = "output_text", *, at: int = 0, **fields: Any) -> dict[str, Any]:
    """A piece of a text or of arguments."""
    return event(f"{kind}.delta", output_index=at, delta=words, **fields)


def payload(given: Any) -> bytes:
    """An event as the data of a server-sent event."""
    return given if isinstance(given, bytes) else json.dumps(given).encode()


def stream(*given: Any) -> list[StreamEvent]:
    """The events of a whole stream, checked for their order."""
    decoder = StreamDecoder()
    events = [found for one in given for found in decoder.feed(payload(one))]
    events += decoder.finish()
    assert decoder.ended
    assert_well_formed(events)
    return events
