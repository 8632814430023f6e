"""Answers that go wrong or are unusual, as a server gives them to each of the two providers in turn.

Not the requests (`questions`); recorded cases are in `fixtures/`. Framing is byte for byte where it matters.
"""

from __future__ import annotations

import gzip
from typing import Any

from shim.testing.fake_openai import (
    Behaviour,
    Burst,
    Cut,
    Garbage,
    JsonToStream,
    RawResponse,
    Reset,
    Stall,
    Status,
    Where,
    quota_exceeded,
    rate_limited,
    stream_failed,
)
from tests.helpers.raw_server import END, SSE, chunk, events

TEXT = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
FINISH = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
BODY = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
STREAM = (TEXT, FINISH, b"[DONE]")


def error(message: str, kind: str, code: Any = None, param: str | None = None) -> dict[str, Any]:
    """An error body in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def head(status: str = "200 OK", *lines: str) -> bytes:
    """A response head; `lines` are its headers."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode("latin-1")


def json_of(body: bytes, *lines: str, status: str = "200 OK") -> RawResponse:
    """A whole JSON answer with its length."""
    return RawResponse((head(status, "content-type: application/json", f"content-length: {len(body)}", *lines) + body,))


STATUSES: dict[str, Behaviour] = {
    **{str(code): Status(code) for code in (400, 401, 403, 404, 405, 408, 409, 413, 418, 422, 500, 502, 503, 504, 529)},
    "402 no body": Status(402, body=b""),
    "400 with a parameter": Status(400, body=error("Too hot.", "invalid_request_error", "range", "temperature")),
    "400 filtered": Status(400, body=error("Filtered.", "invalid_request_error", "content_filter")),
    "401 text": Status(401, body=b"Who are you?", headers=(("content-type", "text/plain"),)),
    "422 list": Status(422, body={"detail": [{"loc": ["body", "n"], "msg": "field required"}]}),
    "429 in a second": rate_limited(retry_after=1),
    "429 in a while": Status(429, headers=(("retry-after-ms", "150"), ("retry-after", "9"))),
    "429 without saying": rate_limited(retry_after=None),
    "429 quota": quota_exceeded(),
    "429 int code": Status(429, body={"error": {"message": "Busy.", "code": 429}, "user_id": "u"}),
    "500 key echoed": Status(500, body=error("Bad key sk-test-key, or Bearer sk-abcdefghijk", "server_error")),
    "502 page": Status(502, body=b"<html><h1>Bad gateway</h1></html>", headers=(("content-type", "text/html"),)),
    "503 and a date": Status(503, headers=(("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),)),
    "500 as an event stream": Status(500, headers=(("content-type", "text/event-stream"),)),
    "204": RawResponse((head("204 No Content"),)),
    "302 elsewhere": RawResponse((head("302 Found", "location: /v1/other", "content-length: 0"),)),
    "307 elsewhere": RawResponse((head("307 Temporary Redirect", "location: /v1/other", "content-length: 0"),)),
    "103 before the answer": RawResponse(
        (head("103 Early Hints", "link: </x>") + head("200 OK", f"content-length: {len(BODY)}") + BODY,)
    ),
    "100 before the answer": RawResponse(
        (head("100 Continue") + head("200 OK", f"content-length: {len(BODY)}") + BODY,)
    ),
}
"""Statuses, with the bodies and headers that come with them; streamed or not makes no difference to the server."""

FAULTS: dict[str, Behaviour] = {
    "reset at accept": Reset(Where.ACCEPT),
    "cut at accept": Cut(Where.ACCEPT),
    "reset before the headers": Reset(Where.BEFORE_HEADERS),
    "cut before the headers": Cut(Where.BEFORE_HEADERS),
    "reset after the headers": Reset(),
    "cut after the headers": Cut(),
    "cut in the body": Cut(after_bytes=600),
    "garbage at accept": Garbage(Where.ACCEPT),
    "garbage before the headers": Garbage(Where.BEFORE_HEADERS),
    "garbage as a payload": Garbage(after_events=2, data=b"data: {nonsense\n\n", framed=True),
    "broken JSON": json_of(b'{"id":"c","choices":'),
    "JSON of another kind": json_of(b"[1,2]"),
    "an empty body": json_of(b""),
    "an error under success": json_of(b'{"error":{"message":"Sorry.","type":"server_error","code":null}}'),
    "invalid UTF-8": json_of(BODY.replace(b"Hi", b"H\xff")),
    "no length, closed at the end": RawResponse((head("200 OK", "content-type: application/json"), BODY)),
    "a body shorter than its length": RawResponse(
        (head("200 OK", "content-type: application/json", "content-length: 999"), BODY)
    ),
    "a body longer than its length": RawResponse((head("200 OK", f"content-length: {len(BODY)}"), BODY, b"more")),
    "a body that is not gzip": json_of(b"nope", "content-encoding: gzip"),
    "a body in gzip": json_of(gzip.compress(BODY, mtime=0), "content-encoding: gzip"),
    "a header twice": json_of(BODY, "x-served-by: a", "x-served-by: b"),
    "a header folded": json_of(BODY, "x-served-by: a\r\n  b"),
    "a header not in ASCII": json_of(BODY, "x-served-by: caf\xe9"),
    "HTTP/1.0": RawResponse((b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n", BODY)),
    "HTTP/0.9": RawResponse((b"hello",)),
    "SSH": RawResponse((b"SSH-2.0-OpenSSH_9.6\r\n",)),
    "a head that never ends": RawResponse((b"HTTP/1.1 200 OK\r\nx: " + b"y" * 120_000,)),
    "a head cut at the end of a line": RawResponse((b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n",)),
    "a head cut in a line": RawResponse((b"HTTP/1.1 200 OK\r\ncontent-ty",)),
    "a status line cut": RawResponse((b"HTTP/1.1 20",)),
    "a status line without its end": RawResponse((b"HTTP/1.1 200 OK",)),
    "two lengths": RawResponse((head("200 OK", "content-length: 5", "content-length: 90"), BODY)),
    "two lengths in one": RawResponse((head("200 OK", "content-length: 5, 90"), BODY)),
    "one length twice": RawResponse((head("200 OK", *[f"content-length: {len(BODY)}"] * 2), BODY)),
    "101 unasked": RawResponse((head("101 Switching Protocols", "upgrade: x"),)),
    "a status of four digits": RawResponse((b"HTTP/1.1 1000 Odd\r\n\r\n",)),
    "a status of two digits": RawResponse((b"HTTP/1.1 99 Odd\r\n\r\n",)),
    "gzip with a tail": json_of(gzip.compress(BODY, mtime=0) + b"tail", "content-encoding: gzip"),
    "frames of HTTP/2": RawResponse((bytes(range(9, 60)),)),
    "read by one: a length that is none": RawResponse((head("200 OK", "content-length: abc"), BODY)),
    "read by one: NUL in a header": RawResponse((head("200 OK", "x: a\0b", f"content-length: {len(BODY)}"), BODY)),
    "read by one: an unknown transfer coding": RawResponse((head("200 OK", "transfer-encoding: foo"), BODY)),
    "read by one: HTTP/1.2": RawResponse((head("200 OK").replace(b"HTTP/1.1", b"HTTP/1.2"), BODY)),
    "read by one: HTTP/2.0 in words": RawResponse((head("200 OK").replace(b"HTTP/1.1", b"HTTP/2.0"), BODY)),
    "too many headers": RawResponse((b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n",)),
}
"""What goes wrong whether a stream was asked for or not."""

STREAMS: dict[str, Behaviour] = {
    **{f"cut after {count} events": Cut(after_events=count) for count in (1, 2, 4)},
    "failed in the middle": stream_failed(),
    "failed at once": stream_failed(after_events=0),
    "JSON to a stream": JsonToStream(),
    "a burst": Burst(200),
    "no finish, a proper end": RawResponse((SSE, events(TEXT), END)),
    "only DONE": RawResponse((SSE, events(b"[DONE]"), END)),
    "finish without DONE": RawResponse((SSE, events(TEXT, FINISH), END)),
    "more after DONE": RawResponse((SSE, events(*STREAM, TEXT), END)),
    "a cut DONE after a finish": RawResponse((SSE, events(TEXT, FINISH), chunk(b"data: [DON"), END)),
    "a cut DONE without a finish": RawResponse((SSE, events(TEXT), chunk(b"data: [DON"), END)),
    "finish, then no last chunk": RawResponse((SSE, events(TEXT, FINISH))),
    "DONE, then no last chunk": RawResponse((SSE, events(*STREAM))),
    "no last chunk": RawResponse((SSE, events(TEXT))),
    "cut before a blank line": RawResponse((SSE, chunk(b"data: " + TEXT + b"\n"))),
    "a truncated chunk": RawResponse((SSE, events(TEXT), b"ff\r\ndata: {")),
    "a chunk without a length": RawResponse((SSE, events(TEXT), b"zz\r\ndata")),
    "a chunk longer than its length": RawResponse((SSE, events(TEXT), b"5\r\ndata: and more\r\n")),
    "an endless chunk length": RawResponse((SSE, events(TEXT), b"f" * 100_000)),
    "a body shorter than its length": RawResponse(
        (head("200 OK", "content-type: text/event-stream", "content-length: 9999"), b"data: " + TEXT + b"\n\n")
    ),
    "no body": RawResponse((SSE, END)),
    "half a payload, then a proper end": RawResponse((SSE, events(TEXT, b'{"id":"c","choi'), END)),
    "an unended last event": RawResponse((SSE, events(TEXT, FINISH), chunk(b"data: [DONE]"), END)),
    "an unended finish": RawResponse((SSE, events(TEXT), chunk(b"data: " + FINISH), END)),
    "a cut last event": RawResponse((SSE, events(TEXT), chunk(b'data: {"id":'), END)),
    "data in two lines": RawResponse(
        (SSE, events(TEXT), chunk(b"data: " + FINISH[:10] + b"\ndata: " + FINISH[10:] + b"\n\n"), END)
    ),
    "data in one line, split in a name": RawResponse((SSE, chunk(b"data:" + TEXT[:9]), chunk(TEXT[9:] + b"\n\n"), END)),
    "a field called error": RawResponse((SSE, events(TEXT), chunk(b'error: {"error":{"message":"No."}}\n\n'), END)),
    "an event called error": RawResponse(
        (SSE, events(TEXT), chunk(b'event: error\ndata: {"error":{"message":"No.","status_code":400}}\n\n'), END)
    ),
    "comments and names": RawResponse(
        (SSE, chunk(b": hi\n\n"), chunk(b"event: x\nid: 1\nretry: 5\n\n"), events(*STREAM), END)
    ),
    "a byte order mark": RawResponse((SSE, chunk(b"\xef\xbb\xbf" + b"data: " + TEXT + b"\n\n"), events(FINISH), END)),
    "carriage returns": RawResponse(
        (SSE, *(chunk(b"data:" + payload + b"\r") + chunk(b"\r") for payload in STREAM), END)
    ),
    "invalid UTF-8 in a text": RawResponse((SSE, events(TEXT.replace(b"Hi", b"H\xff"), FINISH, b"[DONE]"), END)),
    "a stream of another type": RawResponse(
        (head("200 OK", "content-type: text/plain", "transfer-encoding: chunked"), events(*STREAM), END)
    ),
    "a stream of no type": RawResponse((head("200 OK", "transfer-encoding: chunked"), events(*STREAM), END)),
    "a stream in gzip": RawResponse(
        (
            head("200 OK", "content-type: text/event-stream", "content-encoding: gzip"),
            gzip.compress(b"".join(b"data: " + payload + b"\n\n" for payload in STREAM), mtime=0),
        )
    ),
    "a trailer": RawResponse((SSE, events(*STREAM), b"0\r\nx-after: 1\r\n\r\n")),
    "an event stream in capitals": RawResponse(
        (SSE.replace(b"text/event-stream", b"Text/Event-Stream;x=y"), events(*STREAM), END)
    ),
}
"""What goes wrong, or is unusual, where a stream was asked for."""

RESETS: dict[str, Behaviour] = {f"reset after {count} events": Reset(after_events=count) for count in (1, 2, 4)}
"""Resets with part of a stream behind them."""

STALLS: dict[str, Behaviour] = {
    "before a byte is read": Stall(Where.ACCEPT),
    "before the headers": Stall(Where.BEFORE_HEADERS),
    "after the headers": Stall(),
    "in the body": Stall(after_bytes=30),
}
"""A server that falls silent."""

LATE_STALLS: dict[str, Behaviour] = {f"after {count} events": Stall(after_events=count) for count in (1, 3)}
"""A stream that falls silent."""
