"""Chunks: the pieces of streams and answers that scenarios are told with, in the API's own form.

Not a whole server's answers (`shim.testing.fake_openai` makes those): a scenario writes down exactly what it needs.
"""

from __future__ import annotations

from typing import Any

from shim.testing.fake_openai import RawResponse, Respond, json_answer, stream_answer


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk with one delta of choice 0."""
    return envelope([{"index": 0, "delta": fields, "finish_reason": finish}])


def envelope(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A chunk with these choices."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **more,
    }


ROLE = delta(role="assistant", content="")
FINISH = delta("stop")


def opening(index: int, call_id: str, name: str, arguments: str = "") -> dict[str, Any]:
    """The first delta of a tool call."""
    call = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return delta(tool_calls=[call])


def arguments(index: int, text: str) -> dict[str, Any]:
    """A further delta of a tool call."""
    return delta(tool_calls=[{"index": index, "function": {"arguments": text}}])


def streaming(*payloads: object, done: bool = True) -> Respond:
    """Answer with a stream of these payloads."""
    answer = stream_answer(payloads, done=done)
    return Respond(lambda _request: answer)


def answering(message: dict[str, Any], finish: str = "stop") -> Respond:
    """Answer with this message, not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    answer = json_answer({"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]})
    return Respond(lambda _request: answer)


def in_segments(*segments: bytes, gap: float = 0.001) -> RawResponse:
    """Send these bytes of an event stream, each in a write of its own, then close."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return RawResponse((head, *segments), gap=gap)
