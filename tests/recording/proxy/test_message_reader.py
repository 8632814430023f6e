"""Tests that a message is read along wherever its bytes are split, and that none of them is lost or told twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.proxy.message_reader import MAX_HEAD, Fed, MessageReader

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"


def of_response(method: str = "GET") -> MessageReader:
    """A reader of the answer to a request."""
    return MessageReader.of_response(h11.Request(method=method, target="/", headers=[("Host", "h")]))[0]


def feed(reader: MessageReader, data: bytes) -> Fed:
    """What a reader makes of some bytes."""
    fed = reader.feed(data)
    reader.read_on(fed)
    return fed


def told(reader: MessageReader, pieces: Iterable[bytes]) -> dict[str, Any]:
    """What a reader tells of some pieces, put together."""
    fed = [feed(reader, piece) for piece in pieces if piece]
    whole = Fed(heads=[], body=b"", pieces=[])
    for each in fed:
        whole.heads += each.heads
        whole.body += each.body
        whole.pieces += each.pieces
    return {
        "heads": [type(head) for head in whole.heads],
        "body": whole.body,
        "plain": b"".join(whole.pieces),
        "complete": [each.complete for each in fed].count(True),
        "beyond": b"".join(each.beyond for each in fed),
        "broken": [each.broken for each in fed if each.broken],
    }


MESSAGE = {
    "heads": [h11.InformationalResponse, h11.Response],
    "body": BODY,
    "plain": b"abcde",
    "complete": 1,
    "beyond": b"",
    "broken": [],
}


@given(st.lists(st.integers(0, len(HINTS + HEAD + BODY)), max_size=8))
def test_any_split_tells_the_same(cuts: list[int]) -> None:
    """However the bytes of an answer are split, its heads, its framed and its plain body are the same."""
    data = HINTS + HEAD + BODY
    places = [0, *sorted(cuts), len(data)]
    assert told(of_response(), (data[start:end] for start, end in itertools.pairwise(places))) == MESSAGE


def test_byte_by_byte_tells_the_same() -> None:
    """An answer that comes byte by byte is read as one that comes whole."""
    data = HINTS + HEAD + BODY
    assert told(of_response(), (data[at : at + 1] for at in range(len(data)))) == MESSAGE


def test_what_follows_is_told_apart() -> None:
    """Bytes behind the end of a message are no part of its body."""
    assert told(of_response(), [HINTS + HEAD + BODY + b"more"]) == {**MESSAGE, "beyond": b"more"}


@given(st.binary(min_size=1, max_size=200), st.booleans())
def test_garbage_is_only_called_broken(data: bytes, in_body: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    """Whatever comes, a reader raises nothing, and what is broken is told whole, to be passed on."""
    reader = of_response()
    if in_body:
        feed(reader, HEAD)
    fed = feed(reader, data)
    if fed.broken:
        assert fed.body == data


def test_the_end_of_a_connection_ends_a_body_without_a_length() -> None:
    """Where an answer has no length the end of the connection is the end of its body, and elsewhere it is a break."""
    reader = of_response()
    feed(reader, b"HTTP/1.1 200 OK\r\n\r\nhello")
    assert feed(reader, b"").complete
    cut = of_response()
    feed(cut, HEAD + b"3\r\nab")
    fed = feed(cut, b"")
    assert (fed.complete, fed.body) == (False, b"")
    assert "without sending complete" in fed.broken


def test_a_broken_head_is_told_whole() -> None:
    """Bytes that were held back for a head are told when it turns out to be none, none twice."""
    reader = of_response()
    assert reader.feed(HINTS + b"HTT").body == b""
    assert reader.untold == b"HTT"
    assert reader.feed(b"??\r\n\r\nrest").body == b"HTT??\r\n\r\nrest"


def test_a_head_has_a_bound() -> None:
    """A head that grows beyond its bound is broken, and said to be too long."""
    reader = MessageReader.of_request()
    fed = reader.feed(b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD)
    assert (fed.too_long, len(fed.body) > MAX_HEAD) == (True, True)


@pytest.mark.parametrize("data", [b"sk-secret-key-0123\r\n\r\n", b"GET / HTTP/1.1\r\nsk-secret-key-0123\r\n\r\n"])
def test_a_reason_quotes_nothing(data: bytes) -> None:
    """The reason why bytes are no message does not repeat them, as they may hold a key."""
    fed = MessageReader.of_request().feed(data)
    assert fed.broken
    assert "sk-secret" not in fed.broken
