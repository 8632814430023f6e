"""Chunks: payloads of Chat Completions streams, and the reading of a whole stream of them.

Not the tests (`test_stream`, `test_accumulation`, `test_chunk`). Every stream read here is checked for its order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from shim.model import ModelResponse, ProviderError, StreamDone, StreamError, StreamEvent
from shim.wire.chat import StreamDecoder
from tests.helpers.events import assert_well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable

Payload: TypeAlias = "dict[str, Any] | bytes"

DONE = b"[DONE]"
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def envelope(*choices: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A chunk with these choices."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini",
        "choices": list(choices),
    } | fields


def choice(delta: Any, *, finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """A chunk's part of one choice."""
    return {"index": index, "delta": delta, "finish_reason": finish} | fields


def chunk(delta: Any, *, finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """A chunk that adds `delta` to one choice; `fields` are the chunk's own."""
    return envelope(choice(delta, finish=finish, index=index), **fields)


def call(index: int | None, arguments: Any = "", **fields: Any) -> dict[str, Any]:
    """A tool-call delta; `id` and `name` open one, without them it goes on."""
    function = {"arguments": arguments} | ({"name": fields.pop("name")} if "name" in fields else {})
    return ({} if index is None else {"index": index}) | fields | {"function": function}


OPENER = chunk({"role": "assistant", "content": "", "refusal": None})
STOP = chunk({}, finish="stop")
CALLED = chunk({}, finish="tool_calls")
USED = envelope(usage=USAGE)
HELLO: tuple[Payload, ...] = (OPENER, chunk({"content": "Hel"}), chunk({"content": "lo"}), STOP, USED, DONE)
LOOK: tuple[Payload, ...] = (
    OPENER,
    chunk({"tool_calls": [call(0, "", id="call_1", type="function", name="look")]}),
    chunk({"tool_calls": [call(0, '{"deep"')]}),
    chunk({"tool_calls": [call(0, ":true}")]}),
    CALLED,
    USED,
    DONE,
)


def raw(payload: Payload) -> bytes:
    """The payload as bytes."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def decode(*payloads: Payload) -> list[StreamEvent]:
    """The events of a whole stream, in good order."""
    decoder = StreamDecoder()
    events = [event for payload in payloads for event in decoder.feed(raw(payload))]
    events += decoder.finish()
    assert_well_formed(events)
    assert decoder.ended
    return events


def read(*payloads: Payload) -> ModelResponse:
    """The response of a stream that ends well."""
    return response_of(decode(*payloads))


def fail(*payloads: Payload) -> ProviderError:
    """The error of a stream that fails."""
    return error_of(decode(*payloads))


def response_of(events: Iterable[StreamEvent]) -> ModelResponse:
    """The response at the end of a stream."""
    last = list(events)[-1]
    assert isinstance(last, StreamDone), last
    return last.response


def error_of(events: Iterable[StreamEvent]) -> ProviderError:
    """The error at the end of a stream."""
    last = list(events)[-1]
    assert isinstance(last, StreamError), last
    return last.error
