"""Tests of the records: bounded while they grow and while they wait, and never in the way of what passes."""

from __future__ import annotations

import gzip
import hashlib
import threading
from typing import Any

import h11
import pytest

from shim.recording.content_encoding import decoded
from shim.recording.exchange import Exchange, Segment
from shim.recording.proxy import keeper as keeper_module
from shim.recording.proxy.draft import Draft
from shim.recording.proxy.keeper import Keeper, Passed
from shim.recording.redaction.redaction import Redaction


def draft(*pieces: bytes, max_body: int = 10) -> Draft:
    """A record of an answer with these pieces, that has ended."""
    made = Draft(method="POST", url="http://h/v1/x?q=1", headers=(), pair_id="p", max_body=max_body)
    made.asked_all()
    made.answer(h11.Response(status_code=200, headers=[]))
    made.receive(list(pieces), at=1.0)
    made.complete()
    return made


def test_a_long_answer_is_cut_and_says_so() -> None:
    """Beyond the bound a record keeps the first bytes and says "overflow", however it ended; what passed is counted."""
    made = draft(b"12345678", b"90abc", b"d")
    exchange = made.exchange()
    assert exchange.response is not None
    assert [segment.data for segment in exchange.response.segments] == [b"12345678", b"90"]
    assert (exchange.ended, made.passed) == ("overflow", 14)
    assert draft(b"1234567890").exchange().ended == "complete"


def test_pieces_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body in very many pieces is cut as a long one is."""
    monkeypatch.setattr("shim.recording.proxy.draft.MOST_SEGMENTS", 2)
    exchange = draft(b"1", b"2", b"3").exchange()
    assert exchange.response is not None
    assert (exchange.ended, exchange.response.body) == ("overflow", b"12")


def test_a_long_request_leaves_its_length_and_hash() -> None:
    """Of a request beyond the bound length and hash are kept; of one that never became whole not even these."""
    made = Draft(method="POST", url="http://h/", headers=(), pair_id=None, max_body=10)
    made.ask([b"12345678"])
    made.ask([b"90abc", b"d"])
    made.abort()
    assert (made.exchange().request.length, made.exchange().request.sha256) == (-1, None)
    made.asked_all()
    request = made.exchange().request
    assert (request.body, request.length) == (None, 14)
    assert request.sha256 == hashlib.sha256(b"1234567890abcd").hexdigest()


def test_the_first_end_counts() -> None:
    """How a record ended is not changed by what happens to its connection later."""
    made = draft(b"1")
    made.fail("body", kind="late")
    made.abort()
    assert (made.exchange().ended, made.exchange().fault) == ("complete", None)
    assert "POST complete" in repr(made)


class Slow:
    """Writes nothing until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.begun = threading.Event()
        self.written: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> None:
        self.begun.set()
        assert self.may.wait(5)
        self.written.append(exchange)


@pytest.mark.parametrize(("name", "bound"), [("MAX_WAITING", 2), ("MAX_WAITING_BYTES", 20)])
def test_records_that_come_too_fast_are_dropped_and_counted(
    name: str, bound: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a disk stalls so many records wait, by number or by bytes; those beyond are counted, and nobody waits for them."""
    monkeypatch.setattr(keeper_module, name, bound)
    slow = Slow()
    keeper = Keeper(slow, redaction=Redaction())
    keeper.start()
    keeper.offer(draft())
    assert slow.begun.wait(5)
    for _ in range(10):
        keeper.offer(draft(b"1234567890"))
    assert keeper.dropped == 8
    slow.may.set()
    keeper.close()
    assert (keeper.recorded, len(slow.written), keeper.offered) == (3, 3, 11)


def test_a_failing_disk_is_told_and_the_rest_goes_on() -> None:
    """A record that cannot be written is counted, the first reason kept, and later ones are written again."""
    failures: list[Any] = [OSError(28, "No space left on device"), OSError(5, "other")]
    written: list[Exchange] = []
    shown: list[Passed] = []

    def write(exchange: Exchange) -> None:
        if failures:
            raise failures.pop(0)
        written.append(exchange)

    keeper = Keeper(write, redaction=Redaction(), on_passed=shown.append)
    keeper.start()
    for _ in range(3):
        keeper.offer(draft())
    keeper.close()
    assert (keeper.recorded, keeper.dropped, len(written)) == (1, 2, 1)
    assert str(keeper.failure) == "[Errno 28] No space left on device"
    assert [each.recorded for each in shown] == [False, False, True]


def test_who_listens_cannot_stop_the_records() -> None:
    """A listener that raises is asked no more, and every record is still written."""
    written: list[Exchange] = []
    asked: list[Passed] = []

    def listen(told: Passed) -> None:
        asked.append(told)
        raise ValueError("closed")

    keeper = Keeper(written.append, redaction=Redaction(), on_passed=listen)
    keeper.start()
    for _ in range(3):
        keeper.offer(draft())
    keeper.close()
    assert (len(written), len(asked), str(keeper.failure)) == (3, 1, "closed")


def test_what_is_shown_has_no_query_and_no_key() -> None:
    """What may be shown of an exchange holds neither its query nor what looks like a key in its path."""
    made = Draft(method="GET", url="http://h/v1/sk-0123456789abcdef?key=1", headers=(), pair_id=None, max_body=1)
    made.abort()
    shown = keeper_module.passed(made, recorded=True)
    assert shown.path == "/v1/[masked key]"


@pytest.mark.parametrize(
    ("data", "encoding", "limit"),
    [
        pytest.param(b"no gzip", "gzip", 100, id="broken"),
        pytest.param(b"x", "br", 100, id="unknown"),
        pytest.param(b"x", "gzip, gzip", 100, id="two"),
        pytest.param(gzip.compress(bytes(1000)), "gzip", 999, id="exploding"),
        pytest.param(gzip.compress(b"a") * 2, "gzip", 100, id="doubled"),
    ],
)
def test_what_cannot_be_decoded_stays_as_it_is(data: bytes, encoding: str, limit: int) -> None:
    """Broken, unknown, doubled and exploding encodings are not undone."""
    assert decoded([Segment.of(data, 0.0)], encoding, limit=limit) is None


def test_decoding_keeps_the_times() -> None:
    """Each decoded segment has the time of the bytes that completed it, and none is empty."""
    data = gzip.compress(b"hello")
    segments = [Segment.of(data[at : at + 1], float(at)) for at in range(len(data))]
    found = decoded(segments, "GZIP", limit=100)
    assert found is not None
    assert b"".join(each.data or b"" for each in found) == b"hello"
    assert all(each.length for each in found)
    assert found[0].at > 10
