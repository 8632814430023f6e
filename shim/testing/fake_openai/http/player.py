"""Plays a timeline of bytes on a connection: each piece at its time, one at a time, as fast as the peer reads.

Not what the bytes are: `framing` and `faults` write the timeline. Callback-driven rather than a task per response,
so that thousands of slow streams cost one timer each. The schedule is absolute: a late piece does not delay the rest.
"""

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

GATHER_LIMIT = 64 * 1024


class ConnectionEnding(enum.Enum):
    """What happens to the connection after the last byte."""

    KEEP = "keep"  # the response was complete: HTTP decides whether the connection goes on
    CLOSE = "close"  # FIN
    RESET = "reset"  # RST
    STALL = "stall"  # nothing more, until the peer goes away


@dataclass(frozen=True)
class TimelinePiece:
    """Bytes of one write, due `at` seconds after the response began.

    For a piece of the body, `lead` and `trail` say how many of the bytes are framing around the payload.
    """

    data: bytes
    at: float = 0.0
    lead: int = 0
    trail: int = 0

    @property
    def payload_size(self) -> int:
        """The body bytes in it."""
        return len(self.data) - self.lead - self.trail


@dataclass(frozen=True)
class Timeline:
    """A whole response as it will be written. `gather` joins pieces that are due together into few writes."""

    pieces: tuple[TimelinePiece, ...]
    ending: ConnectionEnding
    gather: bool = False


class TimelineSink(Protocol):
    """Where a timeline is written to: a transport, or one stream of an HTTP/2 connection."""

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        ...

    def is_closing(self) -> bool:
        """Whether writing has become senseless."""
        ...


class Player:
    """Writes one timeline; tells `on_end` how it ended once the last byte was handed to the kernel.

    The sink's high-water mark must be 0: then `pause` means "something is still unsent", no more than one write
    is ever buffered, and an ending never overtakes the bytes before it.
    """

    def __init__(self, sink: TimelineSink, timeline: Timeline, *, on_end: Callable[[ConnectionEnding], None]) -> None:
        self._sink = sink
        self._timeline = timeline
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._next = 0
        self._paused = False
        self._finished = False
        self._timer: asyncio.Handle | None = None

    def pause(self) -> None:
        """Stop writing: the sink holds unsent bytes."""
        self._paused = True

    def resume(self) -> None:
        """Go on writing: the sink is empty again."""
        self._paused = False
        if not self._finished:
            # Not from in here: a selector transport that is closed while it says "resume" loses its connection twice.
            self._timer = self._loop.call_soon(self.advance)

    def cancel(self) -> None:
        """Never write or call back again."""
        self._finished = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def advance(self) -> None:
        """Write what is due, then arm the timer for the rest or end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pieces = self._timeline.pieces
        while self._next < len(pieces):
            if self._paused or self._finished:
                return
            if self._sink.is_closing():  # the client has left: writing on would only be logged, again and again
                self.cancel()
                return
            due = self._began + pieces[self._next].at
            if due > self._loop.time():
                self._timer = self._loop.call_at(due, self.advance)
                return
            self._sink.write(self._take())
        self._end()

    def _take(self) -> bytes:
        pieces = self._timeline.pieces
        first = pieces[self._next]
        self._next += 1
        if not self._timeline.gather:
            return first.data
        gathered, size = [first.data], len(first.data)
        while self._next < len(pieces) and size < GATHER_LIMIT and pieces[self._next].at <= first.at:
            gathered.append(pieces[self._next].data)
            size += len(gathered[-1])
            self._next += 1
        return b"".join(gathered)

    def _end(self) -> None:
        if not (self._paused or self._finished):
            self._finished = True
            self._on_end(self._timeline.ending)
