"""Tests of `shim.wire.bodies`: what a body is, told by its bytes."""

from __future__ import annotations

import pytest

from shim.wire.bodies import MAX_UNDECIDED, body_kind, payloads_in

KINDS = {
    b'{"id":"a"}': "json",
    b"\n \n [1]": "json",
    b"\xef\xbb\xbf{}": "json",
    b"data: {}\n\n": "event_stream",
    b"data:{}": "event_stream",
    b"\r\n\r\ndata: x": "event_stream",
    b"event: x\ndata: y": "event_stream",
    b": ping\n\n": "event_stream",
    b"id: 1\n": "event_stream",
    b"retry: 5\n": "event_stream",
    b"error: {}\n": "event_stream",
    b"\xef\xbb\xbfdata: x": "event_stream",
    b"<html>": "other",
    b"database is down": "other",
}


@pytest.mark.parametrize("named", ["", "application/octet-stream", "text/plain"])
@pytest.mark.parametrize("body", KINDS)
def test_the_bytes_tell(body: bytes, named: str) -> None:
    """A body is known by its first bytes, also where its content type says nothing of use."""
    assert body_kind(body, content_type=named, ended=True) == KINDS[body]


@pytest.mark.parametrize("body", [one for one, kind in KINDS.items() if kind != "other"])
def test_the_bytes_tell_against_the_header(body: bytes) -> None:
    """JSON called an event stream is JSON, and an event stream called JSON is one."""
    for named in ("application/json", "text/event-stream; charset=utf-8"):
        assert body_kind(body, content_type=named, ended=True) == KINDS[body]


@pytest.mark.parametrize("body", KINDS)
def test_it_is_not_told_too_early(body: bytes) -> None:
    """Fed byte by byte, the first answer given is the one of the whole."""
    answers = (body_kind(body[:end], content_type="text/event-stream") for end in range(len(body) + 1))
    first = next(answer for answer in answers if answer is not None)
    assert first == (KINDS[body] if KINDS[body] != "other" else "event_stream")


def test_the_header_decides_where_the_bytes_do_not() -> None:
    """Nothing but white space, at the end or without end, is what the content type says."""
    assert body_kind(b" \n") is None
    assert body_kind(b" \n", content_type="text/event-stream", ended=True) == "event_stream"
    assert body_kind(b" " * MAX_UNDECIDED, content_type="application/problem+json") == "json"
    assert body_kind(b"", ended=True) == "other"


@pytest.mark.parametrize(
    ("body", "payloads"),
    [
        (b'data: {"a":1}\n\ndata: [DONE]\n\n', [b'{"a":1}', b"[DONE]"]),
        (b'data: {"a":1}\n\nerror: {"error":"x"}\n', [b'{"a":1}', b'{"error":"x"}']),
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}', None),
        (b'{"a":1,\n"b":2}', None),
        (b"{a}\n{b}\n", None),
        (b"<html>", None),
        (b"event: x\n\n", None),
    ],
)
def test_the_payloads_of_a_whole_body(body: bytes, payloads: list[bytes] | None) -> None:
    """The payloads of an event stream, or of JSON a line, are cut out of a body that was collected; any other has none."""
    assert payloads_in(body) == payloads
