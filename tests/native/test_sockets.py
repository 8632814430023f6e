"""Tests of shim.native.sockets: connections kept for later, whose end or noise in between reaches no later request."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from shim.native.http_multi import HttpMulti
from shim.native.settings import HttpSettings
from shim.native.sockets import Sockets
from shim.native.transfer import TransferFault
from shim.poller import READ
from tests.helpers.driving import eventually
from tests.helpers.raw_server import Connection, RawServer, json_answer
from tests.native.recording import Recorder, drive, post


@pytest.fixture
def multi() -> Iterator[HttpMulti]:
    """A client with the usual settings."""
    made = HttpMulti(HttpSettings())
    yield made
    made.close()


def half_close(connection: Connection) -> None:
    """Send nothing more, and go on reading."""
    connection.sock.shutdown(socket.SHUT_WR)


def answer_late(connection: Connection) -> None:
    """Send what nobody asked for, as some gateways do of an idle connection."""
    connection.sock.sendall(json_answer(b'{"late": 1}', "408 Request Timeout"))


def serving(after: Callable[[Connection], None], *, idle: threading.Event) -> Callable[[Connection], None]:
    """Answer every request with its own body, and do something after the first, once its connection is idle."""

    def serve(connection: Connection) -> None:
        while connection.read_request():
            body = connection.server.requests[-1].partition(b"\r\n\r\n")[2]
            connection.sock.sendall(json_answer(body))
            if len(connection.server.requests) == 1:
                assert idle.wait(5)
                after(connection)

    return serve


@pytest.mark.parametrize("after", [half_close, answer_late])
def test_a_kept_connection_that_has_ended_carries_nothing_more(
    multi: HttpMulti, after: Callable[[Connection], None]
) -> None:
    """Half closed by its server, or with noise on it: the next request goes out once, on another, and gets its own answer."""
    idle = threading.Event()
    with RawServer([[serving(after, idle=idle)]]) as server:
        for number, body in enumerate((b"{}", b'{"costly": 1}', b'{"later": 1}')):
            recorder = Recorder()
            multi.submit(post(server.url, body), recorder)
            drive(multi, lambda recorder=recorder: recorder.done)  # type: ignore[misc]  # bound now
            assert recorder.ends == [None]
            assert recorder.body == body
            if not number:
                idle.set()
                drive(multi, lambda: multi._sockets._ended)
        assert sum(b"costly" in request for request in server.requests) == 1


@pytest.mark.parametrize("_time", range(8))  # in some of these libcurl comes to the new one second
@pytest.mark.parametrize("most", [0, 1], ids=["begun when it was asked for", "begun when the other has ended"])
@pytest.mark.parametrize("answer", [json_answer(b"{}"), b"HTTP/1.1 200 OK\r\nx: cut"], ids=["whole", "cut in its head"])
def test_a_connection_that_ends_with_its_answer_is_not_given_to_the_next(answer: bytes, most: int, _time: int) -> None:
    """An answer and the end of its connection that are read together: the request begun beside it goes out once, on another."""
    closed = threading.Event()

    def answer_and_close(connection: Connection) -> None:
        connection.read_request()
        connection.sock.sendall(answer)
        connection.sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    def serve(connection: Connection) -> None:
        if connection.read_request():
            connection.sock.sendall(json_answer(b"{}"))

    multi = HttpMulti(HttpSettings(max_connections=most))
    with contextlib.closing(multi), RawServer([[answer_and_close], [serve]]) as server:
        first, beside = Recorder(), Recorder()
        multi.submit(post(server.url), first)
        drive(multi, lambda: server.requests)
        if most:
            multi.submit(post(server.url), beside)
        assert closed.wait(5)
        if not most:
            multi.submit(post(server.url), beside)
        drive(multi, lambda: first.done and beside.done)
        assert (beside.ends, beside.body, len(server.requests)) == ([None], b"{}", 2)


def test_a_request_is_begun_again_once_at_most(multi: HttpMulti, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every port is remembered as one whose connection had ended, a request that is not answered is not sent on and on."""
    monkeypatch.setattr(multi._sockets, "had_ended", lambda _port: True)

    def serve(connection: Connection) -> None:
        if connection.read_request() and len(connection.server.requests) == 1:
            connection.sock.sendall(json_answer(b"{}"))
            connection.read_request()

    with RawServer([[serve]]) as server:
        outcomes: list[list[TransferFault | None]] = []
        for _ in range(3):
            recorder = Recorder()
            multi.submit(post(server.url), recorder)
            drive(multi, lambda recorder=recorder: recorder.done)  # type: ignore[misc]  # bound now
            outcomes.append(recorder.ends)
        assert outcomes[0] == [None]
        assert [end.kind for each in outcomes[1:] for end in each if end] == ["network", "network"]
        assert len(server.requests) == 4  # of the second, the one on the kept connection and one more


def test_a_descriptor_that_is_anothers_by_now_is_left_alone() -> None:
    """A kept socket that was closed, and whose number a file of the program's has got, is neither read nor shut down."""
    sockets = Sockets()
    ours, peer = socket.socketpair()
    theirs, their_peer = socket.socketpair()
    sockets.keep(ours.fileno())
    copy = ours.dup()  # as a forked child would hold one: the registration stays
    number = ours.detach()
    socket.close(number)
    assert theirs.fileno() != number
    taken = socket.socket(fileno=os.dup2(theirs.fileno(), number))
    peer.close()
    eventually(lambda: (sockets.wait(0), number not in sockets._kept)[-1])
    their_peer.sendall(b"x")
    assert taken.recv(1) == b"x"
    taken.sendall(b"y")
    assert their_peer.recv(1) == b"y"
    for each in (copy, theirs, their_peer, taken):
        each.close()
    sockets.close()


def test_keeping_a_connection_asks_the_system_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that libcurl has told of when it made it is known from then on, and one it has not told of is looked at."""
    sockets = Sockets()
    told, untold = socket.socketpair()
    with told, untold:
        assert sockets.made(told.fileno(), 0) == 0
        looked: list[int] = []
        look = os.fstat

        def noted(fd: int) -> os.stat_result:
            looked.append(fd)
            return look(fd)

        monkeypatch.setattr("shim.native.sockets.os.fstat", noted)
        for each in (told, untold):
            sockets.keep(each.fileno())
        assert looked == [untold.fileno()]
        assert [sockets._kept[each.fileno()] for each in (told, untold)] == [
            look(each.fileno()).st_ino for each in (told, untold)
        ]
    sockets.close()


def test_a_connection_that_is_closed_already_is_not_kept() -> None:
    """Where libcurl has closed what it lets go of, whether it told of it or not, nothing is watched."""
    sockets = Sockets()
    told, untold = socket.socketpair()
    sockets.made(told.fileno(), 0)
    numbers = [told.fileno(), untold.fileno()]
    told.close()
    untold.close()
    for fd in numbers:
        sockets.keep(fd)
        assert fd not in sockets._kept
    sockets.close()


def test_what_is_left_of_a_turn_comes_before_what_is_found_next() -> None:
    """A socket found ready and not told to libcurl yet keeps its place when another look finds more, and stands there once."""
    sockets = Sockets()
    pairs = [socket.socketpair() for _ in range(3)]
    numbers = [ours.fileno() for ours, _ in pairs]
    for (ours, peer), fd in zip(reversed(pairs), reversed(numbers), strict=True):
        sockets.watch(READ, fd)
        peer.sendall(b"x")
        assert sockets.wait(60)
        assert ours.fileno() == sockets.found[-1][0]
    assert [fd for fd, _ in sockets.found] == numbers[::-1]
    assert sockets.has_looked
    sockets.close()
    assert not sockets.found
    for pair in pairs:
        for each in pair:
            each.close()
