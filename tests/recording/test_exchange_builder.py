"""Tests of one exchange under way: cheap while it passes, and how its end is told from its framing and its reader."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import pytest

from shim.recording.exchange import Ended, Exchange, RecordedRequest, TransportFault
from shim.recording.exchange_builder import Recording, SentBody
from shim.recording.finished_exchange import Left
from shim.recording.recorder import Recorder
from shim.recording.sinks import CallableSink
from shim.recording.transfer_encoding import Framing
from tests.helpers.raw_server import chunk
from tests.recording.tap.tapping import body_of, pieces_of

CHUNKED = Framing(chunked=True)
SIZED = Framing(chunked=False, length=3)
UNTIL_CLOSE = Framing(chunked=False)
END = b"0\r\n\r\n"
FAULT = TransportFault(stage="body", kind="builtins.ConnectionResetError", message="reset", at=1.0)


def heard(
    *pieces: bytes, framing: Framing = CHUNKED, encoding: str = "", **settings: Any
) -> tuple[list[Exchange], Recording]:
    """A recording that hears these pieces, and where its exchange will be."""
    taken: list[Exchange] = []
    recorder = Recorder(CallableSink(taken.append), **settings)
    made = recorder.begin(method="POST", url="http://h/v1?key=sk-test-key", headers=(), body=b"{}")
    assert made is not None
    made.head(200, reason="OK", headers=())
    made.hear(framing, encoding=encoding)
    for piece in pieces:
        made.note(piece)
    return taken, made


@pytest.mark.parametrize(
    ("framing", "data", "left", "unread", "ended", "kind"),
    [
        (CHUNKED, chunk(b"one") + END, "closed", 0, "complete", None),
        (CHUNKED, chunk(b"one") + END + b"more", "closed", 4, "complete", None),
        (CHUNKED, chunk(b"one") + END, "closed", 5, "aborted", None),
        (CHUNKED, chunk(b"one"), "closed", 0, "aborted", None),
        (CHUNKED, chunk(b"one") + b"zz\r\n", "closed", 0, "failed", "protocol"),
        (CHUNKED, chunk(b"one") + b"zz", "eof", 0, "failed", "protocol"),
        (CHUNKED, chunk(b"one"), "eof", 0, "failed", "truncated"),
        (CHUNKED, chunk(b"one") + b"0\r\n", "eof", 0, "complete", None),
        (CHUNKED, chunk(b"one"), "failed", 0, "failed", "builtins.ConnectionResetError"),
        (CHUNKED, chunk(b"one"), "cancelled", 0, "aborted", None),
        (CHUNKED, chunk(b"one") + END, "dropped", 0, "aborted", None),
        (SIZED, b"one", "closed", 0, "complete", None),
        (SIZED, b"on", "closed", 0, "aborted", None),
        (SIZED, b"on", "eof", 0, "failed", "truncated"),
        (UNTIL_CLOSE, b"one", "closed", 0, "aborted", None),
        (UNTIL_CLOSE, b"one", "eof", 0, "complete", None),
    ],
)
def test_how_a_body_ended(
    framing: Framing, data: bytes, *, left: Left, unread: int, ended: Ended, kind: str | None
) -> None:
    """The framing tells whether a body is whole, and the way it was left whether its reader or the server ended it."""
    taken, made = heard(data, framing=framing)
    made.leave(left, unread=unread, fault=FAULT if left == "failed" else None)
    made.leave("eof")
    (exchange,) = taken
    assert exchange.ended == ended
    assert (exchange.fault and exchange.fault.kind) == kind
    assert b"one".startswith(body_of(exchange))


def test_a_cancelled_one_has_no_fault() -> None:
    """What ends a body that its reader has cut off is the reader's own doing."""
    for left in ("eof", "failed", "closed"):
        taken, made = heard(chunk(b"one"))
        made.is_cancelled = True
        made.leave(left, fault=FAULT)
        assert (taken[0].ended, taken[0].fault) == ("aborted", None)


@pytest.mark.parametrize("length", [9, 10, 11, 500])
def test_only_the_body_counts_to_its_limit(length: int) -> None:
    """A body in chunks of a byte, or in one, is kept up to its limit, and beyond it says so."""
    for pieces in ([chunk(b"x")] * length, [chunk(b"x" * length)]):
        taken, made = heard(*pieces, END, max_body=10)
        made.leave("closed")
        assert body_of(taken[0]) == b"x" * min(length, 10)
        assert taken[0].ended == ("overflow" if length > 10 else "complete")


def test_what_is_kept_is_bounded() -> None:
    """However much framing passes, and after the end, no more is held than the limit has room for."""
    taken, made = heard(framing=CHUNKED, max_body=10)
    for _ in range(30):
        made.note(b"0" * 65536)
    assert sum(len(data) for data, _ in made._pieces) == CHUNKED.most(10)
    made.leave("eof")
    made.note(b"late")
    assert (taken[0].ended, made._pieces) == ("overflow", [])


@pytest.mark.parametrize("limit", [1000, 10])
def test_an_encoding_is_undone_within_bounds(limit: int) -> None:
    """A compressed body is recorded in plain, unless that is more than is kept."""
    squeezed = gzip.compress(b"x" * 500)
    taken, made = heard(squeezed[:20], squeezed[20:], framing=Framing(chunked=False), encoding="gzip", max_body=limit)
    made.leave("eof")
    assert taken[0].response is not None
    assert taken[0].response.decoded is (limit == 1000)
    assert body_of(taken[0]) == (b"x" * 500 if limit == 1000 else squeezed[:10])


def test_times_are_those_of_the_pieces() -> None:
    """Each segment has the time its piece was read at, in rising order, rounded to microseconds."""
    taken, made = heard(chunk(b"a"), b"1\r\n", b"b\r\n", END)
    made.leave("closed")
    response = taken[0].response
    assert response is not None
    assert pieces_of(taken[0]) == [b"a", b"b"]
    times = [response.headers_at, *(segment.at for segment in response.segments), taken[0].finished]
    assert times == sorted(times)


def test_nothing_of_it_shows() -> None:
    """Neither a recording nor what is left of one shows a header, a body or a URL."""
    _, made = heard(b"sk-test-key")
    finished = made._finished("complete", None)
    assert "sk-test" not in repr(made) + repr(finished)
    assert finished.weight > 2000
    made.leave("closed")
    assert "over" in repr(made)


def test_a_request_comes_in_pieces() -> None:
    """A request's body is kept up to a bound; of a longer one length and hash stay, of one that never ended nothing."""
    head = RecordedRequest(method="POST", url="http://h/")
    for pieces, is_whole, kept in (
        ((b"12345678", b"90"), True, (b"1234567890", 10, None)),
        ((b"12345678", b"90abc", b"d"), True, (None, 14, hashlib.sha256(b"1234567890abcd").hexdigest())),
        ((b"12345678", b"90abc", b"d"), False, (None, -1, None)),
        ((), True, (b"", 0, None)),
    ):
        body = SentBody(most=10)
        for piece in pieces:
            body.add((piece,))
        body.is_whole = is_whole
        request = body.of(head)
        assert (request.body, request.length, request.sha256) == kept


def test_pieces_that_were_read_together_have_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces given together have the time they are given with, and are bounded in number and bytes as others are."""
    monkeypatch.setattr("shim.recording.exchange_builder.MOST_SEGMENTS", 2)
    taken: list[Exchange] = []
    made = Recorder(CallableSink(taken.append), max_body=3).begin(method="GET", url="u", headers=(), body=None)
    assert made is not None
    made.head(200, reason="", headers=())
    made.note_all([b"1", b"", b"2", b"3"], at=made.started + 1)
    made.note_all([b"456"], at=made.started + 2)
    made.end("complete")
    (exchange,) = taken
    assert exchange.response is not None
    assert [(each.data, each.at) for each in exchange.response.segments] == [(b"1", 1.0), (b"2", 1.0)]
    assert exchange.ended == "overflow"


def test_the_first_end_counts() -> None:
    """How a record ended, once settled, is not changed by what happens to its connection until it is handed over."""
    taken: list[Exchange] = []
    made = Recorder(CallableSink(taken.append)).begin(method="GET", url="u", headers=(), body=None)
    assert made is not None
    made.settle("failed", fault=FAULT)
    made.settle("aborted")
    made.end("complete")
    made.end("aborted")
    assert [(each.fault and each.fault.kind) for each in taken] == [FAULT.kind]


def test_a_body_that_is_not_encoded_as_it_says() -> None:
    """A body called gzip that is none is kept as it came; what read it below urllib3 met an error, the proxy did not."""
    taken, made = heard(b"plain", framing=Framing(chunked=False), encoding="gzip")
    made.leave("eof")
    assert (body_of(taken[0]), taken[0].ended) == (b"plain", "failed")
    passing = Recorder(CallableSink(taken.append)).begin(method="GET", url="u", headers=(), body=None)
    assert passing is not None
    passing.head(200, reason="", headers=(), encoding="gzip")
    passing.note_all([b"plain"], at=passing.started)
    passing.end("complete")
    assert (body_of(taken[1]), taken[1].ended) == (b"plain", "complete")
