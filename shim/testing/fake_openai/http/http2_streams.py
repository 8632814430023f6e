"""One stream of an HTTP/2 connection: an answer unframed for the faults, and sent as fast as the client's windows allow.

Not the connection (`http2`). RFC 9113: flow control per stream and per connection, so a reader that is slow on one stream
holds back that one alone.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import h2.connection

from shim.testing.fake_openai.answers import Answer, Header
from shim.testing.fake_openai.behaviours import Fault
from shim.testing.fake_openai.http.faults import struck, timed
from shim.testing.fake_openai.http.framing import Script
from shim.testing.fake_openai.http.player import ConnectionEnding, Player, TimelinePiece

# Stand in a script where HTTP/1.1 has the head and the end of the message: here these are frames, made when they are due.
_HEAD = _TAIL = b"#"
# Fields that belong to an HTTP/1.1 connection (RFC 9113 section 8.2.2).
_OF_A_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


def unframed(answer: Answer) -> Script:
    """The answer as the faults take it, with bare payloads for pieces."""
    if answer.shared:
        return Script(_HEAD, _pieces_once(answer.pieces, answer.interval), _TAIL)
    pieces = (TimelinePiece(payload, answer.due(number)) for number, payload in enumerate(filter(None, answer.pieces)))
    return Script(_HEAD, tuple(pieces), _TAIL)


@functools.lru_cache(maxsize=4)
def _pieces_once(pieces: tuple[bytes, ...], interval: float) -> tuple[TimelinePiece, ...]:
    return tuple(TimelinePiece(payload, number * interval) for number, payload in enumerate(pieces))


def field_block(answer: Answer) -> list[Header]:
    """The response's header fields as HTTP/2 has them."""
    kept = [(name.lower(), value.strip()) for name, value in answer.headers if name.lower() not in _OF_A_CONNECTION]
    return [(":status", str(answer.status)), *kept]


@dataclass(frozen=True)
class Wire:
    """What a stream needs of its connection: the state machine, a word that so many bytes are ready, and whether to wait."""

    http: h2.connection.H2Connection
    frames_ready: Callable[[int], None]
    is_held_back: Callable[[], bool]


class Stream:
    """The sending side of one stream, to which a player writes."""

    def __init__(self, number: int, answer: Answer, *, wire: Wire) -> None:
        self._number = number
        self._answer = answer
        self._wire = wire
        self._unsent = bytearray()
        self._writes = 0
        self._head_at: int | None = None
        self._tail_at: int | None = None
        self._closed = False
        self._complete = False
        self.ended = False
        self.player: Player | None = None

    def play(self, faults: tuple[Fault, ...], *, on_end: Callable[[ConnectionEnding], None]) -> None:
        """Begin to send the answer with its faults."""
        script = struck(unframed(self._answer), faults, wrap=TimelinePiece)
        timeline = timed(script, faults)
        self._head_at = 1 if script.head else None
        self._tail_at = len(timeline.pieces) if script.tail else None
        self.player = Player(self, timeline, on_end=on_end)
        self.player.advance()

    def write(self, data: bytes) -> None:
        """Take the head, some of the body or the end; the player pauses until the windows have let it through."""
        self._writes += 1
        if self._writes == self._head_at:
            self._wire.http.send_headers(self._number, field_block(self._answer))
            self._wire.frames_ready(0)
            return
        if self._writes == self._tail_at:
            self._complete = True
        else:
            self._unsent += data
        self._pump()
        if self._is_waiting() and self.player is not None:
            self.player.pause()

    def is_closing(self) -> bool:
        """Whether the stream is over for the client."""
        return self._closed

    def resume(self) -> None:
        """Send more, now that a window or the connection has opened."""
        if not self._is_waiting():
            return
        self._pump()
        if not self._is_waiting() and self.player is not None:
            self.player.resume()

    def cancel(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._unsent.clear()
        if self.player is not None:
            self.player.cancel()

    def _is_waiting(self) -> bool:
        return bool(self._unsent) or (self._complete and not self.ended)

    def _pump(self) -> None:
        http = self._wire.http
        while self._unsent and not self._wire.is_held_back():
            room = min(http.local_flow_control_window(self._number), http.max_outbound_frame_size)
            if room <= 0:
                break
            data = bytes(self._unsent[:room])
            del self._unsent[:room]
            http.send_data(self._number, data)
            self._wire.frames_ready(len(data))
        if self._complete and not self._unsent and not self.ended:
            http.end_stream(self._number)
            self.ended = True
            self._wire.frames_ready(0)
