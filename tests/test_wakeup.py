"""Tests of the wake-up."""

from __future__ import annotations

import select
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from shim.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["eventfd", "sockets"])
def wakeup(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wakeup]:
    """A wake-up of each make."""
    if request.param == "sockets":
        monkeypatch.setattr(sys, "platform", "darwin")
    elif sys.platform != "linux":
        pytest.skip("only Linux has eventfd")
    made = Wakeup()
    yield made
    made.close()


def is_readable(wakeup: Wakeup) -> bool:
    """Whether a loop that waits would be woken."""
    return bool(select.select([wakeup], [], [], 0)[0])


def test_it_rings_until_it_is_heard(wakeup: Wakeup) -> None:
    """However often it was rung, it is readable until it is heard once."""
    for _ in range(2):
        assert not is_readable(wakeup)
        for _ in range(10_000):
            wakeup.ring()
        assert is_readable(wakeup)
        for _ in range(2):
            wakeup.hear()
            assert not is_readable(wakeup)
    assert not wakeup.is_ringing


def test_another_thread_rings_it_until_it_is_quiet(wakeup: Wakeup) -> None:
    """Rung from anywhere, however often and beside its own thread's ringing, it is readable until it is made quiet."""
    for _ in range(3):
        other = threading.Thread(target=wakeup.ring_from_anywhere)
        other.start()
        other.join()
    wakeup.hear()
    assert is_readable(wakeup)
    wakeup.ring()
    wakeup.quiet()
    assert not is_readable(wakeup)
    assert not wakeup.is_ringing
    wakeup.quiet()
    wakeup.ring()
    assert is_readable(wakeup)


def test_what_others_rang_is_heard_alone(wakeup: Wakeup) -> None:
    """`hear_others()` makes quiet what was rung from anywhere, and leaves alone what its own thread rang."""
    wakeup.ring()
    wakeup.hear_others()
    assert is_readable(wakeup)
    assert wakeup.is_ringing
    wakeup.hear()
    for _ in range(2):
        wakeup.ring_from_anywhere()
        wakeup.hear_others()
        assert not is_readable(wakeup)
    wakeup.ring()  # nothing of the others is left that would keep it from being rung
    assert is_readable(wakeup)


def test_a_closed_one_is_rung_in_vain(wakeup: Wakeup) -> None:
    """Ringing from another thread after the closing touches no descriptor, whoever has its number by then."""
    number = wakeup.fileno()
    wakeup.ring_from_anywhere()
    wakeup.close()
    ours, theirs = socket.socketpair()  # the system gives the lowest numbers there are
    with ours, theirs:
        assert number in (ours.fileno(), theirs.fileno())
        wakeup.ring_from_anywhere()
        wakeup.hear_others()
        assert not select.select([ours, theirs], [], [], 0)[0]


def test_closing_releases_the_descriptor(wakeup: Wakeup) -> None:
    """After closing, which may be repeated, the descriptor is the system's again."""
    number = wakeup.fileno()
    wakeup.close()
    wakeup.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        socket.socket(fileno=number)
