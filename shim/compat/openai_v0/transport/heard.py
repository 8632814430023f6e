"""What has been heard of the answer to one chat call so far: its head, its bytes, its end.

Not the waiting for more (`blocking`, `asynchronous`). Two sources fill it. Where the transport can be listened to (the legacy
client's session, the native provider's `watch`), it holds the server's own bytes, so that no field is lost; of any other
provider it holds what the events and the response say, written as Chat Completions would have it (`rendering`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from requests.structures import CaseInsensitiveDict

from shim.compat.openai_v0.transport.rendering import ChunkWriter, answer_of
from shim.model import ErrorCategory, ProviderError
from shim.wire.json_events import DONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.model import StreamEvent
    from shim.provider import Completion
    from shim.transfer_observer import SentRequest, TransferObserver

MAX_WAITING = 1024 * 1024
"""Bytes that may wait for their reader; a thread that brings more waits. A stream nobody reads so holds its server back."""
MAX_HELD = 64 * 1024 * 1024
"""Bytes that may wait where the bringer cannot: past that the stream is given up. No answer of a model is that long."""

_starting = threading.local()


class LeftError(Exception):
    """The reader has left; ends the work of the thread that still brings bytes."""


class Heard:
    """One answer, as far as it has come. The bringer may be another thread; the reader takes what is there with `take`.

    Attributes:
        status, headers: of the answer, 0 and empty before it has begun.
        ended: nothing more comes.
        is_whole: the transport has told the end of the body.
        fault: why it ended too early.
    """

    def __init__(self, *, stream: bool, wake: Callable[[], None] | None = None) -> None:
        self.stream = stream
        self.status = 0
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self.ended = False
        self.is_whole = False
        self.fault: BaseException | None = None
        self._wake = wake or _nothing
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._last = b""
        self._room = threading.Condition()
        self._left = False
        self._listened = False
        self._writer = ChunkWriter()

    @property
    def begun(self) -> bool:
        """Whether the head is there, or the end has come without one."""
        return bool(self.status) or self.ended

    @property
    def is_event_stream(self) -> bool:
        """Whether a stream was asked for and is what comes."""
        return self.stream and "text/event-stream" in self.headers.get("Content-Type", "")

    def take(self) -> list[bytes]:
        """The bytes that came since the last time."""
        with self._room:
            taken = list(self._pieces)
            self._pieces.clear()
            self._waiting = 0
            self._room.notify_all()
        return taken

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Call this whenever something came, from whatever thread brought it; the first one given counts."""
        if self._wake is _nothing:
            self._wake = wake

    def leave(self) -> None:
        """Want nothing more; a thread that waits to bring something is let go."""
        with self._room:
            self._left = True
            self._room.notify_all()

    # --- from whoever listens to the transport -------------------------------------------------------------------

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the status and the headers."""
        self._listened = True
        self.headers = headers if isinstance(headers, CaseInsensitiveDict) else CaseInsensitiveDict(headers)
        self.status = status
        self._wake()

    def bring(self, piece: bytes) -> None:
        """Take bytes, from a thread that may be made to wait for room.

        Raises:
            LeftError: the reader has left.
        """
        with self._room:
            if self.stream and self._waiting and self._waiting + len(piece) > MAX_WAITING:
                self._room.wait_for(lambda: self._left or not self._waiting)
            if self._left:
                raise LeftError
            self._keep(piece)
        self._wake()

    def on_segments(self, segments: Sequence[bytes]) -> None:
        """Take bytes, from an event loop that cannot wait."""
        with self._room:
            for segment in () if self._left else segments:
                self._keep(segment)
            too_many = self._waiting > MAX_HELD
        if too_many:
            self.end(fault=ProviderError(ErrorCategory.ABORTED, f"more than {MAX_HELD} bytes waited to be read"))
            self.leave()
        self._wake()

    def end(self, *, fault: BaseException | None = None) -> None:
        """Take the end; the first fault is the one that counts."""
        if self.fault is None:
            self.fault = fault
        self.ended = True
        self._wake()

    # --- from the provider ---------------------------------------------------------------------------------------

    def on_event(self, event: StreamEvent) -> None:
        """Take an event; it counts where the transport is not listened to."""
        if not self._listened:
            lines = self._writer.lines_of(event)
            if lines:
                if not self.status:
                    self.status, self.headers = 200, CaseInsensitiveDict({"Content-Type": "text/event-stream"})
                self.on_segments(lines)

    def on_completion(self, completion: Completion) -> None:
        """Take the completion: the end, and all there is where neither bytes nor events told it."""
        if not self.status:
            self._tell(completion)
        elif completion.error is not None and self.status < 400 and not self._speaks_for_itself(completion.error):
            self.fault = self.fault or completion.error
        self.end()

    def _tell(self, completion: Completion) -> None:
        told = answer_of(completion)
        if told is None:
            self.fault = self.fault or completion.error
            return
        self.headers = CaseInsensitiveDict(told.headers)
        self.status = told.status
        self.on_segments([told.body])

    def _speaks_for_itself(self, error: ProviderError) -> bool:
        """Whether the bytes that were heard tell what there is to tell; that the call was ended from here they do not.

        On a payload that is no chunk a provider ends the call, and its transfer, whose rest 0.28 would have read.
        """
        if not self._listened or error.category in _ENDED_FROM_HERE:
            return False
        is_cut = self.stream and error.category is ErrorCategory.PROTOCOL and not self.is_whole
        return not is_cut or self._last.rstrip().endswith(DONE)

    def _keep(self, piece: bytes) -> None:
        self._last = piece
        self._pieces.append(piece)
        self._waiting += len(piece)


_ENDED_FROM_HERE = frozenset({ErrorCategory.CANCELLED, ErrorCategory.ABORTED, ErrorCategory.TIMEOUT})


def listen(sent: SentRequest) -> TransferObserver | None:
    """Be the observer of a native transfer: of a streamed chat call that is just being started, and of no other."""
    heard = current()
    if heard is None or not heard.stream or not sent.url.partition("?")[0].endswith("/chat/completions"):
        return None
    return _Listener(heard)


class _Listener:
    """Hands on what a transfer brings, unless the server refuses: a layer may yet ask again, or another, for the answer."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._refused = False

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head."""
        self._refused = status >= 400
        if not self._refused:
            self._heard.on_head(status, headers)

    def on_segments(self, segments: Sequence[bytes]) -> None:
        """Take bytes."""
        if not self._refused:
            self._heard.on_segments(segments)

    def on_end(self, kind: str, message: str = "") -> None:
        """Take the end; a fault before the head, and why a call was ended from here, is told by the completion."""
        self._heard.is_whole = kind == "complete"
        if kind not in ("complete", "cancelled") and self._heard.status and not self._refused:
            self._heard.end(fault=ProviderError(_CATEGORIES.get(kind, ErrorCategory.NETWORK), message or kind))


def current() -> Heard | None:
    """The call that this thread is just starting on a provider."""
    return getattr(_starting, "heard", None)


@contextmanager
def starting(heard: Heard) -> Iterator[None]:
    """Make it the call that is being started: providers start calls on the thread that asks, and at once."""
    before = current()
    _starting.heard = heard
    try:
        yield
    finally:
        _starting.heard = before


_CATEGORIES: dict[str, ErrorCategory] = {
    "timeout": ErrorCategory.TIMEOUT,
    "truncated": ErrorCategory.TRUNCATED,
    "protocol": ErrorCategory.PROTOCOL,
}


def _nothing(*_arguments: Any) -> None:
    """Wake nobody."""
