"""Tests of shim.poller and sockets: readiness by every poller the platform has, numbers used again, the bell."""

from __future__ import annotations

import math
import os
import select
import selectors
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from shim import poller as pollers
from shim.native.sockets import Sockets
from shim.poller import LONGEST_WAIT, READ, WRITE, PlainPoller, Poller

KINDS = [
    pytest.param(
        kind, id=needs, marks=pytest.mark.skipif(not hasattr(select, needs), reason=f"this platform has no {needs}")
    )
    for kind, needs in (
        (pollers.EpollPoller, "epoll"),
        (pollers.KqueuePoller, "kqueue"),
        (lambda: PlainPoller(selectors.PollSelector), "poll"),
        (lambda: PlainPoller(selectors.SelectSelector), "select"),
    )
]
if hasattr(select, "epoll"):
    from tests.helpers import kqueue_stand_in

    KINDS.append(pytest.param(lambda: pollers.KqueuePoller(kqueue_stand_in), id="kqueue's rules"))


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


def tells(poller: Poller) -> bool:
    """Whether it says that something is ready: by its descriptor, where it has one."""
    descriptor = poller.fileno()
    return bool(poller.ready()) if descriptor is None else readable(descriptor)


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
    assert (merged(poller), tells(poller)) == ({}, False)
    there.send(b"x")
    assert (merged(poller), tells(poller)) == ({fd: READ}, True)
    poller.watch(fd, READ | WRITE)
    assert merged(poller) == {fd: READ | WRITE}
    poller.watch(fd, WRITE)
    assert merged(poller) == {fd: WRITE}
    poller.watch(fd, 0)
    assert (merged(poller), tells(poller)) == ({}, False)


def test_a_hang_up_counts_as_readable(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """A socket whose other end has gone is readable, so that the end is found."""
    here, there = pair
    poller.watch(here.fileno(), READ)
    there.close()
    assert merged(poller) == {here.fileno(): READ}


def test_it_waits_until_something_is_ready(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    """Told to wait it returns what has become ready, as soon as it is, and nothing when its time is over."""
    here, there = pair
    poller.watch(here.fileno(), READ)
    began = time.monotonic()
    assert poller.ready(0.05) == []
    assert time.monotonic() - began > 0.04
    sending = threading.Timer(0.05, there.send, (b"x",))
    sending.start()
    assert poller.ready(pollers.as_wait(-1)) == [(here.fileno(), READ)]
    sending.join()


@pytest.mark.parametrize("milliseconds", [0, 10, -1, 10**12])
def test_a_timeout_is_a_wait_the_system_takes(milliseconds: int) -> None:
    """Whatever a timeout in milliseconds is, the wait it becomes is bounded; -1 and a century are a day."""
    assert pollers.as_wait(milliseconds) == {0: 0, 10: 0.01}.get(milliseconds, pollers.LONGEST_WAIT)


def test_a_signal_handler_may_close_it_while_it_waits(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Closed by a signal's handler on the thread that waits, a wait ends as one that found nothing."""
    here, there = pair
    poller.watch(here.fileno(), READ)

    def close(*_signal: object) -> None:
        poller.close()
        there.close()  # what a last resort waits for ends too: it has no descriptor of its own to close

    previous = signal.signal(signal.SIGUSR1, close)
    alarm = threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
    alarm.start()
    try:
        assert poller.ready(5) == []
    finally:
        alarm.join()
        signal.signal(signal.SIGUSR1, previous)


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


def test_a_socket_closed_without_a_word_harms_no_other(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A registered socket that was closed is no error, and what is ready beside it is told."""
    here, there = pair
    first, second = socket.socketpair()
    poller.watch(first.fileno(), READ)
    poller.watch(here.fileno(), READ)
    there.send(b"x")
    first.close()
    assert merged(poller)[here.fileno()] == READ
    second.close()


def test_a_platform_without_a_descriptor_for_many_has_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is neither epoll nor kqueue, and where it is asked for, sockets are looked at by poll or select."""
    assert isinstance(pollers.make_poller(plain=True), PlainPoller)
    monkeypatch.setattr(pollers, "_select", object())
    assert isinstance(pollers.make_poller(), PlainPoller)


def test_what_takes_poll_away_leaves_select(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for several descriptors is made of what there is when it is made, as eventlet takes poll away at any time."""
    assert type(pollers.make_selector()) is getattr(selectors, "PollSelector", selectors.SelectSelector)
    monkeypatch.delattr(selectors, "PollSelector", raising=False)
    with pollers.make_selector() as left:
        assert type(left) is selectors.SelectSelector


def test_the_end_of_an_idle_connection_is_remembered_by_its_port() -> None:
    """A kept connection that ends wakes the loop once, is told by its local port, and is watched no longer."""
    sockets = Sockets()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as kept:
        port = kept.getsockname()[1]
        sockets.watch(READ, kept.fileno())
        sockets.keep(kept.fileno())
        assert not readable(sockets.fileno())
        listener.accept()[0].close()
        assert select.select([sockets.fileno()], [], [], 5)[0]
        assert not sockets.had_ended(port)
        assert not sockets.wait(0)
        assert sockets.had_ended(port)
        assert not readable(sockets.fileno())
    sockets.close()


@pytest.mark.parametrize("plain", [False, True], ids=["best", "plain"])
def test_waiting_inside_ends_with_what_comes_and_with_the_bell(*, plain: bool) -> None:
    """A wait ends when a socket is ready, which is then found once, or when it was rung, before or by another thread."""
    sockets = Sockets(plain=plain)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        sockets.watch(READ, one.fileno())
        assert not sockets.wait(0.01)
        peer = listener.accept()[0]
        sending = threading.Timer(0.05, peer.send, (b"x",))
        sending.start()
        assert sockets.wait(LONGEST_WAIT)
        assert sockets.wait(0)  # it looks again
        assert sockets.found.popleft() == (one.fileno(), READ)
        assert not sockets.found
        assert one.recv(10) == b"x"
        assert not sockets.wait(0)
        sending.join()
        peer.close()
        sockets.watch(READ, one.fileno())
        one.recv(10)
        sockets.ring()
        sockets.keep(one.fileno())
        assert not sockets.wait(LONGEST_WAIT)
        ringing = threading.Timer(0.05, sockets.ring_from_anywhere)
        ringing.start()
        assert not sockets.wait(5 if plain else LONGEST_WAIT)
        ringing.join()
        began = time.monotonic()
        sockets.wait(0.05)
        assert time.monotonic() - began > 0.04
    sockets.close()


@pytest.mark.parametrize("plain", [False, True], ids=["best", "plain"])
def test_what_is_not_a_connection_is_no_connection_that_ended(*, plain: bool) -> None:
    """A pipe, or a number closed already, may be kept and may end, and neither is an error."""
    sockets = Sockets(plain=plain)
    reading, writing = os.pipe()
    sockets.keep(reading)
    os.close(writing)
    assert not sockets.wait(0)
    os.close(reading)
    sockets.keep(reading)
    sockets.close()


@pytest.mark.parametrize("has_poll", [True, False], ids=["poll", "select"])
def test_one_descriptor_is_waited_for_as_long_as_the_shortest_limit_says(
    monkeypatch: pytest.MonkeyPatch, pair: tuple[socket.socket, socket.socket], *, has_poll: bool
) -> None:
    """`wait_for` tells whether it became readable; -1 sets no limit, and none at all waits for it."""
    if not has_poll:
        monkeypatch.setattr(pollers, "_select", object())
    ours, theirs = pair
    began = time.monotonic()
    assert not pollers.wait_for(ours.fileno(), 10_000, 30, -1)
    assert 0.03 <= time.monotonic() - began < 5
    assert not pollers.wait_for(ours.fileno(), 0)
    later = threading.Timer(0.05, theirs.send, (b"!",))
    later.start()
    assert pollers.wait_for(ours.fileno(), -1, -1)
    later.join()
    assert pollers.wait_for(ours.fileno(), 10**12)


def test_without_a_descriptor_for_many_the_sockets_waited_for_are_named() -> None:
    """As a last resort `fdset()` names the bell and what is waited for; what is kept is not named, but looked at all the same."""
    sockets = Sockets(plain=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        bell, fd = sockets.fileno(), one.fileno()
        assert sockets.fdset() == ([bell], [], [])
        sockets.watch(READ, fd)
        assert sockets.fdset() == ([bell, fd], [], [])
        sockets.watch(READ | WRITE, fd)
        assert sockets.fdset() == ([bell, fd], [fd], [fd])
        sockets.keep(fd)
        assert sockets.fdset() == ([bell], [], [])
        port = one.getsockname()[1]
        listener.accept()[0].close()
        assert select.select([one], [], [], 5)[0]
        assert not sockets.wait(0)
        assert sockets.had_ended(port)
    sockets.close()


def test_looks_without_a_descriptor_become_rarer_in_silence() -> None:
    """The pause between two looks doubles to 50 ms while nothing comes, and is a millisecond again after something came."""
    sockets = Sockets(plain=True)
    pauses = []
    for _ in range(8):
        sockets.wait(0)
        pauses.append(sockets.look_at - time.monotonic())
    assert pauses[0] < 0.0021
    assert 0.04 < pauses[-1] <= 0.05
    sockets.ring()
    sockets.wait(0)
    assert sockets.look_at - time.monotonic() <= 0.001
    sockets.close()
    told = Sockets()
    told.wait(0)
    assert told.look_at == math.inf
    told.close()
