"""Tests of shim.native.poller and sockets: readiness by every poller the platform has, numbers used again, the bell."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator

import pytest

from shim.native import poller as pollers
from shim.native.poller import READ, WRITE, Bell, Poller
from shim.native.sockets import Sockets

KINDS = [
    pytest.param(kind, marks=pytest.mark.skipif(not hasattr(select, needs), reason=f"this platform has no {needs}"))
    for kind, needs in ((pollers.EpollPoller, "epoll"), (pollers.KqueuePoller, "kqueue"))
]


@pytest.fixture(params=KINDS)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    """A poller of each kind there is."""
    made: Poller = request.param()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def readable(descriptor: int) -> bool:
    """Whether select() finds it readable now."""
    return bool(select.select([descriptor], [], [], 0)[0])


def merged(poller: Poller) -> dict[int, int]:
    """What is ready, one entry for each socket: kqueue tells reading and writing apart."""
    found: dict[int, int] = {}
    for fd, interest in poller.ready():
        found[fd] = found.get(fd, 0) | interest
    return found


def test_a_socket_is_ready_for_what_it_is_watched_for(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Watched for reading, writing or both, a socket is told as ready for just that, and the descriptor is readable then."""
    here, there = pair
    fd = here.fileno()
    poller.watch(fd, READ)
    assert (merged(poller), readable(poller.fileno())) == ({}, False)
    there.send(b"x")
    assert (merged(poller), readable(poller.fileno())) == ({fd: READ}, True)
    poller.watch(fd, READ | WRITE)
    assert merged(poller) == {fd: READ | WRITE}
    poller.watch(fd, WRITE)
    assert merged(poller) == {fd: WRITE}
    poller.watch(fd, 0)
    assert (merged(poller), readable(poller.fileno())) == ({}, False)


def test_a_hang_up_counts_as_readable(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """A socket whose other end has gone is readable, so that the end is found."""
    here, there = pair
    poller.watch(here.fileno(), READ)
    there.close()
    assert merged(poller) == {here.fileno(): READ}


def test_a_descriptor_number_may_be_used_again(poller: Poller) -> None:
    """A socket closed without a word leaves nothing behind: the next of its number is watched for what it is told."""
    first, other = socket.socketpair()
    number = first.fileno()
    poller.watch(number, READ)
    other.send(b"x")
    first.close()
    second, another = socket.socketpair()
    try:
        assert number in (second.fileno(), another.fileno())
        again = second if second.fileno() == number else another
        assert merged(poller) == {}
        poller.watch(number, WRITE)
        assert merged(poller) == {number: WRITE}
        again.close()
        poller.watch(number, 0)
    finally:
        for end in (other, second, another):
            end.close()


def test_the_bell_rings_until_it_is_heard(poller: Poller) -> None:
    """However often it was rung, the descriptor is readable until the bell is heard once."""
    bell = Bell(poller)
    for _ in range(2):
        for _ in range(10_000):
            bell.ring()
        assert readable(poller.fileno())
        bell.hear()
        bell.hear()
        assert not readable(poller.fileno())
    bell.close()


def test_a_platform_without_a_poller_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is neither epoll nor kqueue the error names the other provider."""
    monkeypatch.setattr(pollers, "_select", object())
    with pytest.raises(NotImplementedError, match="kind='legacy'"):
        pollers.make_poller()


def test_the_end_of_an_idle_connection_is_remembered_by_its_port() -> None:
    """A kept connection that ends wakes the loop once, is told by its local port, and is watched no longer."""
    sockets = Sockets()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as kept:
        port = kept.getsockname()[1]
        sockets.watch(kept.fileno(), READ)
        sockets.watch(kept.fileno(), 0)
        assert not readable(sockets.fileno())
        listener.accept()[0].close()
        assert select.select([sockets.fileno()], [], [], 5)[0]
        assert not sockets.had_ended(port)
        assert sockets.ready() == []
        assert sockets.had_ended(port)
        assert not readable(sockets.fileno())
    sockets.close()


def test_what_is_not_a_connection_is_no_connection_that_ended() -> None:
    """A pipe, or a number closed already, may be kept and may end, and neither is an error."""
    sockets = Sockets()
    reading, writing = os.pipe()
    sockets.watch(reading, 0)
    os.close(writing)
    assert sockets.ready() == []
    os.close(reading)
    sockets.watch(reading, 0)
    sockets.close()
