"""Tests of `shim.native.receiver`: an answer is read as what its bytes are, whatever it is called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shim.model import ErrorCategory, StreamDone, TextDelta
from shim.testing.fake_openai import FakeOpenAI, RawResponse
from tests.helpers.driving import ask

if TYPE_CHECKING:
    from shim.native import NativeProvider

CHUNKS = [
    {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
    for text, reason in (("He", None), ("llo", "stop"))
]
STREAM = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in CHUNKS) + b"data: [DONE]\n\n"
MESSAGE = {"role": "assistant", "content": "Hello"}
WHOLE = json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]})
REFUSED = json.dumps({"error": {"message": "model is loading", "type": "server_error", "code": 503}})
LINES = b"".join(json.dumps(chunk).encode() + b"\n" for chunk in CHUNKS)


def answered(kind: str, body: bytes, *, bytewise: bool = False) -> RawResponse:
    """A good answer of this content type, none where it is empty, whole or each byte by itself."""
    named = f"\r\ncontent-type: {kind}" if kind else ""
    head = f"HTTP/1.1 200 OK{named}\r\nconnection: close\r\n\r\n".encode()
    return RawResponse((head, *((body[at : at + 1] for at in range(len(body))) if bytewise else (body,))))


@pytest.mark.parametrize("kind", ["", "application/json", "application/octet-stream", "text/event-stream"])
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytes"])
def test_an_event_stream_is_one_whatever_it_is_called(
    provider: NativeProvider,
    server: FakeOpenAI,
    kind: str,
    bytewise: bool,  # noqa: FBT001 - of the table
) -> None:
    """An event stream is told as it comes, whatever its content type says."""
    server.plan(answered(kind, STREAM, bytewise=bytewise))
    heard = ask(provider, stream=True)
    assert [event.text for event in heard.events if isinstance(event, TextDelta)] == ["He", "llo"]
    assert heard.response.text == "Hello"


@pytest.mark.parametrize("padding", [b"", b"\n \n" * 500, b"\xef\xbb\xbf"], ids=["plain", "padded", "marked"])
def test_json_that_is_called_a_stream_is_read(provider: NativeProvider, server: FakeOpenAI, padding: bytes) -> None:
    """One JSON answer that is called an event stream is told as the events it would have been."""
    server.plan(answered("text/event-stream", padding + WHOLE.encode()))
    heard = ask(provider, stream=True)
    assert isinstance(heard.events[-1], StreamDone)
    assert heard.response.text == "Hello"


def test_an_error_that_is_called_a_stream_is_told(provider: NativeProvider, server: FakeOpenAI) -> None:
    """An error object that is called an event stream is that error, in the server's words."""
    server.plan(answered("text/event-stream", REFUSED.encode()))
    error = ask(provider, stream=True).error
    assert (error.category, error.message) == (ErrorCategory.SERVER, "model is loading")


@pytest.mark.parametrize("body", [STREAM, LINES], ids=["event stream", "a line each"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_stream_nobody_asked_for_is_read(
    provider: NativeProvider,
    server: FakeOpenAI,
    body: bytes,
    stream: bool,  # noqa: FBT001 - of the table
) -> None:
    """A stream that answers a plain request, and one of JSON a line, are the answer they add up to."""
    server.plan(answered("application/x-ndjson", body))
    assert ask(provider, stream=stream).response.text == "Hello"


def test_an_answer_without_content_is_told_as_such(provider: NativeProvider, server: FakeOpenAI) -> None:
    """A 204 to a stream or a plain request is an error of its own status, not worth asking again."""
    for stream in (True, False):
        server.plan(RawResponse((b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",)))
        error = ask(provider, stream=stream).error
        assert (error.category, error.http_status, error.retryable) == (ErrorCategory.PROTOCOL, 204, False)
