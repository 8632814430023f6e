"""Tests of `shim.native.deliveries`: turns of bounded work, shares, and ends that no other transfer keeps back."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest

from shim.calls.turn import SHARE, TURN
from shim.native.deliveries import Deliveries
from shim.native.transfer import Transfer
from tests.native.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

SEGMENT = b"x" * 16 * 1024


def transfer(receiver: Recorder) -> Transfer:
    """A transfer that libcurl has handed nothing yet."""
    now = time.monotonic()
    return Transfer(body=io.BytesIO(), receiver=receiver, size=0, patience=None, started=now, since=now, status=200)


def receive(into: Transfer, size: int, *, of: Deliveries) -> None:
    """Hand a transfer bytes as its handle does."""
    if not into.is_waiting:
        of.touched.append(into)
    into.segments += [SEGMENT] * (size // len(SEGMENT))


def test_a_turn_is_bounded_and_shared() -> None:
    """Of several that have received much each gets a share in the first turn, and all of it comes in the turns after."""
    deliveries, receivers = Deliveries(), [Recorder() for _ in range(4)]
    for receiver in receivers:
        receive(transfer(receiver), TURN, of=deliveries)
    deliveries.deliver(time.monotonic())
    assert all(SHARE <= len(receiver.body) <= SHARE + len(SEGMENT) * 2 for receiver in receivers)
    for _ in range(8):
        deliveries.deliver(time.monotonic())
    assert [len(receiver.body) for receiver in receivers] == [TURN] * 4
    assert not deliveries


def test_an_end_comes_after_its_own_bytes_and_waits_for_no_others() -> None:
    """What has ended is told it once its bytes are, although another has more than a turn takes in every turn."""
    deliveries, flooded, ended = Deliveries(), Recorder(), Recorder()
    endless, short = transfer(flooded), transfer(ended)
    receive(short, 2 * SHARE, of=deliveries)
    deliveries.ended.append((short, None))
    turns = 0
    while not ended.done:
        receive(endless, 2 * TURN, of=deliveries)
        deliveries.deliver(time.monotonic())
        turns += 1
    assert turns <= 4
    assert len(ended.body) == 2 * SHARE


def test_what_a_receiver_has_not_delivered_it_is_asked_for_again() -> None:
    """A receiver that is behind is called with nothing more until it is not, and its end waits for that."""
    calls: list[str] = []

    class Behind(Recorder):
        def on_segments(self, transfer: Transfer, segments: list[bytes]) -> int:
            calls.append(f"{len(segments)} segments")
            transfer.is_behind = len(calls) < 4
            return SHARE

    deliveries = Deliveries()
    receiver = Behind(_noted(calls))
    one = transfer(receiver)
    receive(one, len(SEGMENT), of=deliveries)
    deliveries.ended.append((one, None))
    for _ in range(4):
        deliveries.deliver(time.monotonic())
    assert calls == ["1 segments", "0 segments", "0 segments", "0 segments", "end"]


@pytest.mark.parametrize("segments", [1, 3])
def test_an_interrupt_leaves_the_rest_for_the_next_turn(segments: int) -> None:
    """What leaves a receiver leaves the turn, and the next one begins with what it had not delivered."""
    struck: list[str] = []

    def strike(what: str) -> None:
        struck.append(what)
        if len(struck) == 1:
            raise KeyboardInterrupt

    deliveries, receiver = Deliveries(), Recorder(strike)
    receive(transfer(receiver), segments * len(SEGMENT), of=deliveries)
    with pytest.raises(KeyboardInterrupt):
        deliveries.deliver(time.monotonic())
    assert deliveries
    deliveries.deliver(time.monotonic())
    assert len(struck) > 1
    assert len(receiver.body) == segments * len(SEGMENT)


def _noted(calls: list[str]) -> Callable[[str], object]:
    return calls.append
