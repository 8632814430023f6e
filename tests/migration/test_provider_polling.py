"""Tests of what the migrating provider offers besides: to be woken from another thread, and to hold one stream back."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

import pytest

from shim.migration import MigratingProvider
from shim.provider import RequestHandle
from shim.testing.scripted import ScriptedProvider, failure, hang, text_stream
from tests.helpers.driving import PATIENCE_SECONDS, Heard, drive
from tests.migration.test_provider import COMPLETE, RAMP, Arms, arms

__all__ = ["arms"]  # the fixture


class Pausable(ScriptedProvider):
    """A script that notes who is held back; it goes on playing."""

    def __init__(self, script: object, *, able: bool = True) -> None:
        super().__init__(script)  # type: ignore[arg-type]  # a play for all
        self.held = list[RequestHandle]()
        self._able = able

    def pause(self, handle: RequestHandle) -> bool:
        """Note it."""
        if self._able:
            self.held.append(handle)
        return self._able

    def resume(self, handle: RequestHandle) -> None:
        """Note it."""
        self.held.remove(handle)


def handle_of(heard: Heard) -> RequestHandle:
    """The handle of what was started."""
    assert heard.handle is not None
    return heard.handle


def is_readable(provider: MigratingProvider) -> bool:
    """Whether a loop of its own would be woken."""
    return bool(select.select([provider], [], [], 0)[0])


def test_a_wake_up_reaches_a_loop_that_waits_for_the_descriptor(arms: Callable[..., Arms]) -> None:
    """It makes the one descriptor readable until the next `perform()`, however often it is woken."""
    provider = arms(RAMP, lambda _: hang(), lambda _: hang()).provider
    for _ in range(2):
        assert not is_readable(provider)
        for _ in range(3):
            other = threading.Thread(target=provider.wakeup)
            other.start()
            other.join()
        assert is_readable(provider)
        provider.perform()
    assert not is_readable(provider)
    assert not provider.wait(0)


def test_many_wake_ups_beside_a_loop_leave_it_quiet(arms: Callable[..., Arms]) -> None:
    """Threads that wake it while it turns lose no wake-up that is the last, and have it spin no more afterwards."""
    provider = arms(RAMP).provider
    asked = threading.Event()

    def wake() -> None:
        for _ in range(300):
            provider.wakeup()
        asked.set()
        provider.wakeup()

    other = threading.Thread(target=wake)
    other.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not asked.is_set():  # each wait may be ended by an earlier wake-up; the last ends the last
        assert time.monotonic() < deadline
        provider.poll(int(PATIENCE_SECONDS * 1000))
    other.join()
    provider.perform()
    assert not is_readable(provider)


@pytest.mark.parametrize("unit", ["c1", None], ids=["candidate", "control"])
def test_a_stream_is_held_back_in_its_arm(arms: Callable[..., Arms], unit: str | None) -> None:
    """Pausing reaches the arm that serves the stream, by the arm's own handle; what has ended counts as held back."""
    control, candidate = (Pausable(lambda _: text_stream("ab", every_ms=1)) for _ in range(2))
    both = arms(COMPLETE, control, candidate)
    serving, other = (control, candidate) if unit is None else (candidate, control)
    heard = both.start(unit, stream=True)
    assert both.provider.pause(handle_of(heard))
    assert (len(serving.held), other.held) == (1, [])
    both.provider.resume(handle_of(heard))
    both.provider.resume(handle_of(heard))  # not paused: left alone
    assert serving.held == []
    drive(both.provider, lambda: heard.done)
    assert both.provider.pause(handle_of(heard))
    assert serving.held == []


def test_an_arm_that_cannot_hold_back_is_told_of(arms: Callable[..., Arms]) -> None:
    """Where the arm offers no pausing, or declines, the provider says that the stream goes on; resuming it does nothing."""
    for arm in (lambda _: hang(), Pausable(lambda _: hang(), able=False)):
        both = arms(COMPLETE, None, arm)
        heard = both.start(stream=True)
        assert not both.provider.pause(handle_of(heard))
        both.provider.resume(handle_of(heard))


def test_who_takes_a_held_stream_over_holds_it_back(arms: Callable[..., Arms]) -> None:
    """A stream paused before its first event, which control serves after all, is paused there."""
    control = Pausable(lambda _: text_stream("ab", every_ms=1))
    both = arms(COMPLETE, control, Pausable(lambda _: failure("server", "broken")), fallback=True)
    heard = both.start(stream=True)
    assert both.provider.pause(handle_of(heard))
    drive(both.provider, lambda: bool(control.held))
    both.provider.resume(handle_of(heard))
    assert control.held == []
    drive(both.provider, lambda: heard.done)
    assert heard.text == "ab"
