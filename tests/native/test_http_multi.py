"""Tests of shim.native.http_multi: transfers in every phase, limits of time and number, interrupts, and what is left."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shim.native.handles import NAMES_KEPT
from shim.native.http_multi import HttpMulti
from shim.native.settings import HttpSettings
from shim.native.transfer import Transfer, TransferFault
from shim.testing.fake_openai import Cut, FakeOpenAI, RawResponse, Reset, Slow, Stall, Where
from tests.helpers.places import never_accepting, refusing
from tests.helpers.raw_server import RawServer, json_answer, read
from tests.native.recording import Recorder, drive, post, turn

TICK = 0.2


@pytest.fixture
def multi() -> Iterator[HttpMulti]:
    """A client with the usual settings."""
    made = HttpMulti(HttpSettings())
    yield made
    made.close()


def limited(**settings: Any) -> HttpMulti:
    """A client with other settings."""
    return HttpMulti(HttpSettings(**settings))


def test_no_phase_of_a_transfer_blocks(multi: HttpMulti, server: FakeOpenAI) -> None:
    """Through connecting, sending, waiting, reading and ending no call takes a tenth of a second of CPU or of time."""
    server.plan((Slow(TICK), Stall(after_bytes=10)), RawResponse((b"HTTP/1.1 200 OK\r\n\r\n", b"x", b"y"), gap=0.1))
    first = multi.submit(post(server.base_url, b" " * 5_000_000), Recorder())
    drive(multi, lambda: server.request_count == 1)
    second = Recorder()
    multi.submit(post(server.base_url), second)
    longest = 0.0
    while not second.done:
        began = time.monotonic()
        multi.perform()
        longest = max(longest, time.monotonic() - began)
        select.select([multi], [], [], 0.01)
    multi.cancel(first)
    assert longest < 0.1


def test_a_connection_is_used_again(multi: HttpMulti, server: FakeOpenAI) -> None:
    """Transfers one after another share one connection, and side by side as many as there are."""
    for count in (1, 1, 5, 5):
        recorders = [Recorder() for _ in range(count)]
        for each in recorders:
            multi.submit(post(server.base_url), each)
        drive(multi, lambda recorders=recorders: all(each.done for each in recorders))  # type: ignore[misc]  # bound now
        assert [each.ends for each in recorders] == [[None]] * count
    assert server.connections_opened == 5


@pytest.mark.parametrize("limit", [1, 2])
def test_transfers_over_the_limit_wait_their_turn(server: FakeOpenAI, limit: int) -> None:
    """Six transfers use as many connections as are allowed, and all end well."""
    multi = limited(max_connections=limit)
    recorders = [Recorder() for _ in range(6)]
    for each in recorders:
        multi.submit(post(server.base_url), each)
    drive(multi, lambda: multi.running == 0)
    multi.close()
    assert server.connections_opened == limit
    assert [each.ends for each in recorders] == [[None]] * 6


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["connection kept", "connection new"])
def test_waiting_for_a_turn_counts_for_no_limit(server: FakeOpenAI, *, kept: bool) -> None:
    """A transfer that waits longer than `connect_timeout` for its turn has its own time to connect afterwards."""
    ahead = Slow(3 * TICK) if kept else RawResponse((b"HTTP/1.1 200 OK\r\n\r\n", b"x"), gap=3 * TICK)
    multi = limited(max_connections=1, connect_timeout=TICK)
    server.plan(ahead)
    first, second = Recorder(), Recorder()
    multi.submit(post(server.base_url), first)
    multi.submit(post(server.base_url), second)
    drive(multi, lambda: second.done)
    assert (first.ends, second.ends) == ([None], [None])
    assert server.connections_opened == (1 if kept else 2)
    multi.close()


@pytest.mark.parametrize("limit", [0, 3], ids=["unlimited", "limited"])
def test_the_limit_of_connecting_is_kept(limit: int) -> None:
    """A connection nobody accepts is a timeout after `connect_timeout`, neither sooner nor much later, with a limit or not."""
    with never_accepting() as url:
        multi = limited(connect_timeout=TICK, max_connections=limit)
        recorder, began = Recorder(), time.monotonic()
        multi.submit(post(url), recorder)
        drive(multi, lambda: recorder.done)
        assert TICK <= time.monotonic() - began < TICK + 5
        assert [fault.kind for fault in recorder.ends if fault] == ["timeout"]
        multi.close()


@pytest.mark.slow
def test_silence_is_counted_from_when_the_request_has_left(server: FakeOpenAI) -> None:
    """Neither time before the first `perform()` nor a turn that comes late is taken for the server's silence."""
    multi = limited(read_timeout=TICK)
    server.plan(Slow(TICK / 2))
    recorder = Recorder()
    multi.submit(post(server.base_url), recorder)
    time.sleep(2 * TICK)
    multi.perform()
    multi.perform()
    drive(multi, lambda: recorder.done)
    assert recorder.ends == [None]
    multi.submit(post(server.base_url), late := Recorder())
    while server.request_count < 2:
        multi.perform()
    time.sleep(2 * TICK)  # the answer has come meanwhile, and nobody looked
    drive(multi, lambda: late.done)
    assert late.ends == [None]
    multi.close()


@pytest.mark.slow
def test_a_loop_that_waits_as_told_takes_few_turns(server: FakeOpenAI) -> None:
    """Through a second of silence and a timeout at their end a loop takes a handful of turns, and is not late."""
    multi = limited(read_timeout=1.0)
    server.plan(Stall(Where.BEFORE_HEADERS))
    recorder, turns, began = Recorder(), 0, time.monotonic()
    multi.submit(post(server.base_url), recorder)
    while not recorder.done:
        turn(multi, at_most=10)
        turns += 1
    assert turns < 20
    assert 1.0 <= time.monotonic() - began < 5  # a turn would wait for 10
    multi.close()


def test_names_are_doubted_where_a_connection_hung(server: FakeOpenAI) -> None:
    """Behind a transfer cancelled while it connects, as by a limit of its caller's; not behind an answer, or one under way."""
    multi, answered = limited(), Recorder()
    names = multi._handles.names
    multi.submit(post(server.base_url), answered)
    drive(multi, lambda: answered.done)
    server.plan(Stall())
    under_way = multi.submit(post(server.base_url), Recorder())
    drive(multi, lambda: under_way.head)
    multi.cancel(under_way)
    assert names.kept(time.monotonic()) == NAMES_KEPT
    with never_accepting() as url:
        connecting = multi.submit(post(url), Recorder())
        turn(multi)
        multi.cancel(connecting)
    assert names.kept(time.monotonic()) == 0
    multi.close()


@pytest.mark.slow
def test_a_wait_ends_with_what_comes_and_with_its_limits(server: FakeOpenAI) -> None:
    """Waiting inside takes few turns through silence, wakes for each limit, and is not late; a wait may be cut short."""
    multi = limited(read_timeout=1.0)
    server.plan(Stall(Where.BEFORE_HEADERS))
    recorder, turns, began = Recorder(), 0, time.monotonic()
    transfer = multi.submit(post(server.base_url), recorder)
    assert not multi.is_sent(transfer)
    while not multi.is_sent(transfer):
        multi.wait(-1)
        multi.perform()
    while time.monotonic() - began < 0.5:
        multi.wait(100)
        turns += 1
    assert turns <= 20
    while not recorder.done:
        multi.wait(-1)
        multi.perform()
        turns += 1
    assert turns <= 40
    assert 1.0 <= time.monotonic() - began < 2.5
    assert multi.is_sent(transfer)
    multi.close()


def test_what_a_wait_has_found_is_done_by_the_next_turn(multi: HttpMulti, server: FakeOpenAI) -> None:
    """However often it was waited, nothing that was found is lost, and what is left of a turn is not waited for."""
    recorders = [Recorder() for _ in range(5)]
    for recorder in recorders:
        multi.submit(post(server.base_url), recorder)
    while not all(each.done for each in recorders):
        multi.wait(1000)
        multi.wait(0)
        multi.perform()
    assert [each.ends for each in recorders] == [[None]] * 5


def test_waiting_in_a_receiver_is_refused(multi: HttpMulti, server: FakeOpenAI) -> None:
    """A receiver that would wait gets a `RuntimeError`."""
    refused: list[str] = []

    def wait(_what: str) -> None:
        with pytest.raises(RuntimeError, match="must not call it"):
            multi.wait(0)
        refused.append("")

    recorder = Recorder(wait)
    multi.submit(post(server.base_url), recorder)
    drive(multi, lambda: recorder.done)
    assert refused


def test_a_timer_libcurl_takes_back_is_forgotten(multi: HttpMulti, server: FakeOpenAI) -> None:
    """When all is done, and on libcurl's word (-1), no turn is wanted."""
    recorder = Recorder()
    multi.submit(post(server.base_url), recorder)
    assert multi.timeout() == 0
    drive(multi, lambda: recorder.done)
    assert multi.timeout() == -1
    multi._on_timer(5)
    assert 0 <= multi.timeout() <= 5
    multi._on_timer(-1)
    assert multi.timeout() == -1


@pytest.mark.parametrize("what", ["segments", "end"])
def test_an_interrupt_in_a_receiver_loses_nothing(multi: HttpMulti, server: FakeOpenAI, what: str) -> None:
    """What leaves a receiver leaves `perform()`; its call is repeated, and every other receiver gets all of its own."""
    struck: list[str] = []

    def strike(now: str) -> None:
        if now == what and not struck:
            struck.append(now)
            raise KeyboardInterrupt

    first, second = Recorder(strike), Recorder()
    for each in (first, second):
        multi.submit(post(server.base_url), each)
    with pytest.raises(KeyboardInterrupt):
        drive(multi, lambda: False)
    drive(multi, lambda: multi.running == 0)
    assert len(first.body) == len(second.body) > 0
    assert first.ends == ([None, None] if what == "end" else [None])
    assert second.ends == [None]


@pytest.mark.parametrize("what", ["segments", "end"])
def test_a_receiver_may_submit_cancel_and_close(server: FakeOpenAI, what: str) -> None:
    """From inside either call new transfers begin, others are cancelled, all is closed; nothing is delivered afterwards."""
    multi = limited()
    server.plan(Stall(Where.BEFORE_HEADERS))
    stalled = Recorder()
    hanging = multi.submit(post(server.base_url), stalled)
    while server.request_count < 1:
        multi.perform()
    last = Recorder(lambda now: multi.close() if now == what else None)

    def act(now: str) -> None:
        if now == what and hanging.receiver is not None:
            multi.cancel(hanging)
            multi.submit(post(server.base_url), last)

    multi.submit(post(server.base_url), Recorder(act))
    drive(multi, lambda: multi._sockets._poller._epoll.closed)  # type: ignore[attr-defined]  # looks inside
    assert stalled.ends == []
    assert last.ends == ([None] if what == "end" else [])
    assert multi.running == 0


def test_a_loop_inside_a_receiver_is_refused(multi: HttpMulti, server: FakeOpenAI) -> None:
    """`perform()` inside a receiver says that it must not be, and the outer one may be repeated."""
    recorder = Recorder(lambda now: multi.perform() if len(recorder.ends) < 2 and now == "end" else None)
    multi.submit(post(server.base_url), recorder)
    with pytest.raises(RuntimeError, match="inside"):
        drive(multi, lambda: False)
    drive(multi, lambda: multi.running == 0)


@pytest.mark.parametrize("fault", [Cut(Where.BEFORE_HEADERS), Reset(Where.BEFORE_HEADERS)], ids=["cut", "reset"])
def test_a_request_is_never_sent_twice(multi: HttpMulti, server: FakeOpenAI, fault: Cut | Reset) -> None:
    """A kept connection that breaks after the request went out is a fault of the network, and the server has it once."""
    for ends in (None, "network"):
        if ends:
            server.plan(fault)
        recorder = Recorder()
        multi.submit(post(server.base_url), recorder)
        drive(multi, lambda recorder=recorder: recorder.done)  # type: ignore[misc]  # bound now
        assert [fault and fault.kind for fault in recorder.ends] == [ends]
    assert server.request_count == 2


def test_a_request_whose_connection_had_ended_before_goes_out_on_another(multi: HttpMulti) -> None:
    """A connection the server closed while it was idle costs no request, however soon the next one comes."""
    with RawServer([[read, json_answer(b"{}")]]) as server:
        for number in range(1, 6):
            recorder = Recorder()
            multi.submit(post(server.url), recorder)
            drive(multi, lambda recorder=recorder: recorder.done)  # type: ignore[misc]  # bound now
            assert recorder.ends == [None]
            assert select.select([multi], [], [], 5)[0]  # its end is here
            assert len(server.requests) == server.connections == number


def test_a_head_that_is_cut_is_truncated(multi: HttpMulti, server: FakeOpenAI) -> None:
    """An answer that ends inside its head is no answer, although libcurl calls it one."""
    server.plan(RawResponse((b"HTTP/1.1 200 OK\r\ncontent-type: te",)))
    recorder = Recorder()
    multi.submit(post(server.base_url), recorder)
    drive(multi, lambda: recorder.done)
    assert [fault and fault.kind for fault in recorder.ends] == ["truncated"]


def test_trailers_and_interim_heads_are_not_the_head(multi: HttpMulti) -> None:
    """Status and headers are those of the final head: neither a 103 before it nor a trailer after the body changes them."""
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    body = b"HTTP/1.1 200 OK\r\nX-One: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Two: 2\r\n\r\n"
    with RawServer([[read, early + body]]) as server:
        recorder = Recorder()
        transfer = multi.submit(post(server.url), recorder)
        drive(multi, lambda: recorder.done)
    assert (transfer.status, transfer.headers.get("x-one"), recorder.body) == (200, "1", b"x")
    assert not {"x-two", "link"} & set(transfer.headers)


def test_what_was_sent_is_let_go_with_the_transfer(server: FakeOpenAI) -> None:
    """Neither a body nor a receiver is kept for the limit on silence, which would have been minutes away."""
    multi = limited(read_timeout=600)
    kept: list[Transfer] = []
    for _ in range(20):
        kept.append(multi.submit(post(server.base_url, b"x" * 1000), Recorder()))
        multi.cancel(kept[-1])
    assert all(each.receiver is None and not each.body.getvalue() and not each.segments for each in kept)
    assert len(multi._appointments) <= 64 + 2
    assert multi.timeout() in (-1, 0)
    multi.close()


@pytest.mark.slow
def test_what_was_sent_is_let_go_when_the_answer_begins(multi: HttpMulti, server: FakeOpenAI) -> None:
    """The body of a request, however long, is not kept while its answer streams."""
    server.plan(RawResponse((b"HTTP/1.1 200 OK\r\n\r\n", b"x", b"y"), gap=0.5))
    recorder = Recorder()
    transfer = multi.submit(post(server.base_url, b" " * 100_000), recorder)
    assert len(transfer.body.getvalue()) == 100_000
    drive(multi, lambda: recorder.body)
    assert transfer.easy is not None
    assert not transfer.body.getvalue()
    drive(multi, lambda: recorder.done)
    assert recorder.ends == [None]


def test_a_place_nobody_listens_is_a_fault_of_the_network(multi: HttpMulti) -> None:
    """The fault says what libcurl says."""
    with refusing() as url:
        recorder = Recorder()
        multi.submit(post(url), recorder)
        drive(multi, lambda: recorder.done)
    (fault,) = recorder.ends
    assert isinstance(fault, TransferFault)
    assert fault.kind == "network"
    assert "curl error 7" in fault.message


def test_what_was_closed_before_a_fork_is_nothing_to_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client closed by the parent, and collected in a child that was forked since, touches neither libcurl nor a descriptor."""
    multi = HttpMulti(HttpSettings())
    multi.close()
    sockets: Any = multi._sockets
    monkeypatch.setattr(sockets, "forget", lambda: pytest.fail("it closed what may be another's by now"))
    multi._process = -1  # as a child sees it
    multi.__del__()


def test_what_a_childs_collector_takes_first_touches_no_connection(server: FakeOpenAI) -> None:
    """Handles of libcurl that are collected in a forked child before their client is are not freed there."""
    server.plan(Slow(TICK))
    multi = HttpMulti(HttpSettings())
    recorder = Recorder()
    multi.submit(post(server.base_url), recorder)
    drive(multi, lambda: server.request_count == 1)
    for each in (*multi._active, multi._multi):
        each._process = -1  # as a child sees it
        each.__del__()
    drive(multi, lambda: recorder.done)
    multi.close()
    assert recorder.ends == [None]
