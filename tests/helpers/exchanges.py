"""Exchanges made by hand, for the tests of the comparison.

Not recordings: `shim.comparison.tap` makes those.
"""

from __future__ import annotations

import json
from typing import Any

from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment

URL = "https://api.openai.com/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.7}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop", "logprobs": None}
    ],
    "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
}
CHUNKS: tuple[dict[str, Any], ...] = (
    {"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "lo 🌍"}}]},
    {"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {
        "id": "c",
        "model": "gpt-4o",
        "choices": [],
        "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
    },
)


def sse(*payloads: dict[str, Any], done: bool = True) -> bytes:
    """An event stream of these payloads."""
    lines = [f"data: {json.dumps(payload, ensure_ascii=False)}\n\n" for payload in payloads]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def segments_of(*pieces: bytes) -> tuple[Segment, ...]:
    """Segments a tenth of a second apart."""
    return tuple(Segment.of(piece, 0.2 + index / 10) for index, piece in enumerate(pieces))


def exchange(
    asked: dict[str, Any] | bytes = ASKED,
    *pieces: bytes,
    status: int = 200,
    content_type: str = "application/json",
    url: str = URL,
    **fields: Any,
) -> Exchange:
    """An exchange with a JSON answer, or the pieces given as its body."""
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    answer = pieces or (json.dumps(ANSWER).encode(),)
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"), ("User-Agent", "old/1"))
    response = RecordedResponse(
        status=status,
        reason="OK" if status == 200 else "",
        headers=(("Content-Type", content_type), ("X-Request-Id", "req_1")),
        segments=segments_of(*answer),
        headers_at=0.1,
    )
    request = RecordedRequest(method="POST", url=url, headers=headers, body=body, length=len(body))
    defaults: dict[str, Any] = {"pair_id": "p1", "request": request, "response": response, "finished": 1.0}
    return Exchange(**(defaults | fields))


def streamed(*pieces: bytes, asked: dict[str, Any] | None = None, **fields: Any) -> Exchange:
    """An exchange whose answer is an event stream; by default `CHUNKS`, one event a piece."""
    body = {**ASKED, "stream": True, "stream_options": {"include_usage": True}} | (asked or {})
    pieces = pieces or (*(sse(chunk, done=False) for chunk in CHUNKS), b"data: [DONE]\n\n")
    return exchange(body, *pieces, content_type="text/event-stream", **fields)
