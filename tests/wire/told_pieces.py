"""A listener for tests of pieces: it keeps what it is told.

Not a test, nor the listener of a call (`shim.calls.call`).
"""

from __future__ import annotations

from collections.abc import Callable

from shim.model import StreamEvent


class ToldPieces:
    """A `shim.wire.bodies.Listener`: `events` is what it was told; a test may end it by `over`, or have `on_event` do more."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self.on_event: Callable[[StreamEvent], object] = self.events.append
        self.on_events: Callable[[list[StreamEvent]], object] | None = None
        self.over = False
