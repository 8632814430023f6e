"""A clock that is moved by hand, and turns of a provider that plays by it.

Not a loop (`tests.helpers.driving`): loops wait in real time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.provider import Provider


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def turn(self, provider: Provider, *, after: float = 0.0) -> None:
        """Let so many seconds pass, then give the provider one turn."""
        self.now += after
        provider.perform()
        provider.info_read()

    def sleep(self, provider: Provider) -> float:
        """Wait as a loop does, for as long as the provider says; return the seconds, and give it its turn."""
        milliseconds = provider.timeout()
        assert milliseconds >= 0, "it would wait for ever"
        self.turn(provider, after=milliseconds / 1000)
        return milliseconds / 1000

    def sleep_until(self, condition: Callable[[], bool], *, provider: Provider) -> float:
        """Sleep and turn until a condition holds; return the seconds that took."""
        began = self.now
        while not condition():
            self.sleep(provider)
        return round(self.now - began, 6)
