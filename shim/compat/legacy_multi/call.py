"""One request of the legacy face: what its provider calls back with, told to the caller's legacy callbacks.

Not the driving (`client`), not the bytes (`payloads`) nor the completion (`outcome`). A call knows the desk, and the desk its
calls until they end; neither knows the client, so that a forgotten one can go.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from legacy_openai import HttpCompletion
from legacy_openai.delivery import Entry
from shim.compat.legacy_multi.outcome import aborted, completed, error_payload
from shim.compat.legacy_multi.payloads import PayloadWriter
from shim.model import StreamEvent, TextDelta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shim.compat.legacy_multi.request import Asked
    from shim.provider import Completion, RequestHandle

_NOTES_KEPT = 5  # as many of the last payloads as the legacy client keeps, and one to spare


class CallbackRaisedSignal(Exception):  # noqa: N818 - a signal to the provider, nobody's error
    """Raised in `on_event` after the caller's `stream_cb` raised: nothing more of this stream is wanted."""


class Desk:
    """What a client has open and what waits to be read.

    Attributes:
        open: request id -> call, until it has ended.
        completions: what waits for `info_read()`, in the order in which the requests ended.
        owing: calls with payloads that came outside `perform()`, or that an interrupt left there.
        escaped: what callbacks raised that had removed their own request: `perform()` raises it.
        delivering: whether `perform()` is running, inside which alone a `stream_cb` is called.
    """

    def __init__(self) -> None:
        self.open: dict[int, LegacyCall] = {}
        self.completions: deque[tuple[Entry, HttpCompletion]] = deque()
        self.owing: deque[LegacyCall] = deque()
        self.escaped: deque[Exception] = deque()
        self.delivering = False

    def end(self, entry: Entry, http: HttpCompletion) -> None:
        """Note that a request has ended by itself."""
        self.open.pop(http.request_id, None)
        entry.ended = True
        entry.log_end(f"{http.type.name} (HTTP {http.http_code})")
        self.completions.append((entry, http))

    def forget_completion(self, request_id: int) -> bool:
        """Drop a completion that waits to be read; False when there is none of that request."""
        for waiting in self.completions:
            if waiting[1].request_id == request_id:
                self.completions.remove(waiting)
                return True
        return False

    def clear(self) -> list[LegacyCall]:
        """Drop everything; what was open is returned."""
        calls = list(self.open.values())
        for waiting in (self.open, self.completions, self.owing, self.escaped):
            waiting.clear()
        return calls


class LegacyCall:
    """One request under way; its `on_event` and `on_completion` are what the provider is given."""

    __slots__ = (
        "_completion",
        "_desk",
        "_first",
        "_last",
        "_owed",
        "_raised",
        "_stream_cb",
        "_writer",
        "asked",
        "entry",
        "handle",
    )

    def __init__(self, asked: Asked, entry: Entry, *, desk: Desk) -> None:
        self.asked = asked
        self.entry = entry
        self.handle: RequestHandle | None = None
        self._desk = desk
        self._stream_cb = entry.stream_cb
        self._writer = PayloadWriter(names=asked.names, wants_usage=asked.wants_usage)
        self._owed: deque[bytes] = deque()
        self._first: bytes | None = None
        self._last: deque[bytes] = deque(maxlen=_NOTES_KEPT)
        self._raised: Exception | None = None
        self._completion: Completion | None = None

    def on_event(self, event: StreamEvent) -> None:
        """Take an event: its payloads go to `stream_cb`.

        Raises:
            CallbackRaisedSignal: `stream_cb` raised.
        """
        entry = self.entry
        if entry.ended:
            return
        if (
            type(event) is TextDelta and self._desk.delivering and not self._owed
        ):  # the hot path: as below, with less to note
            is_wanted = self._hand_on_text(self._writer.text(event))
        else:
            is_wanted = self._hand_on(self._writer.write(event))
        if not is_wanted:
            raise CallbackRaisedSignal

    def on_completion(self, completion: Completion) -> None:
        """Take how it ended; the completion waits for `info_read()`."""
        if self.entry.ended:  # removed
            return
        self._completion = completion  # comes after the payloads, and after an interrupt in one of them
        told = self._raised is None and self.asked.streams and self._is_streamed(completion)
        payload = error_payload(completion) if told else None
        if payload is not None:
            self._hand_on((payload,))
        elif not self._owed:
            self.flush()

    def flush(self) -> bool:
        """Hand on what is owed; False when `stream_cb` raised, and the request is to be stopped."""
        stream_cb, owed, entry = self._stream_cb, self._owed, self.entry
        while owed and not entry.ended and stream_cb is not None:
            payload = owed.popleft()
            try:
                stream_cb(payload)
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends its own request and no other
                return self._take_raised(error)
        if self._completion is not None and not owed and not entry.ended:
            completion, self._completion = self._completion, None
            self._conclude(completion)
        return True

    def drop(self) -> None:
        """Call nothing back any more."""
        self.entry.ended = True
        self._owed.clear()
        self._completion = None

    def _hand_on_text(self, payload: bytes) -> bool:
        """Hand on one payload at once; an interrupt loses nothing, since nothing is owed."""
        if self._stream_cb is not None:
            try:
                self._stream_cb(payload)
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends its own request and no other
                return self._take_raised(error)
        return True

    def _hand_on(self, payloads: Sequence[bytes]) -> bool:
        if not payloads:
            return True
        if self._first is None:
            self._first = payloads[0]
        self._last.extend(payloads)
        self._owed.extend(payloads)
        if not self._desk.delivering:
            self._desk.owing.append(self)
            return True
        try:
            return self.flush()
        except BaseException:  # an interrupt: the rest comes with the next perform()
            self._desk.owing.append(self)
            raise

    def _take_raised(self, error: Exception) -> bool:
        if error.__traceback__ is not None:
            # Without our own frame, which would keep the request alive for as long as the exception is kept.
            error.__traceback__ = error.__traceback__.tb_next
        if self.entry.ended:  # the callback removed its request, or closed the client: no completion can carry this
            self._desk.escaped.append(error)
            return True
        self._owed.clear()
        self._raised = error
        completion, self._completion = self._completion, None
        if completion is not None:
            self._conclude(completion)
        return False

    def _conclude(self, completion: Completion) -> None:
        transfer = self.entry.transfer
        if self._raised is not None:
            raised, self._raised = self._raised, None
            http = aborted(transfer, raised, completion=completion)
        else:
            if self._first is not None:
                transfer._take_notes([self._first, *self._last])  # noqa: SLF001 - the legacy client's own way of keeping them
            http = completed(transfer, completion, streamed=self._is_streamed(completion))
        self._desk.end(self.entry, http)

    def _is_streamed(self, completion: Completion) -> bool:
        """Whether the answer was an event stream: its payloads went to `stream_cb`, and no body is told."""
        if not self.asked.streams:
            return False
        kind = completion.headers.get("content-type", "").partition(";")[0].strip().lower()
        return self._writer.started or kind == "text/event-stream"
