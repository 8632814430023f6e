"""How a call that the real library made ended, as the completion that a rollout hears; the caller gets the same objects.

Not the candidate's, whose provider tells by itself. Both arms are judged by the same reading: a success that cannot be read, or
a stream without its end, counts against control as it would against the candidate.
"""

from __future__ import annotations

import asyncio
import re
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from shim.model import ErrorCategory, ProviderError
from shim.provider import Completion, RequestHandle, Timing
from shim.wire import chat
from shim.wire.failure import parse_error

_FAILED_IN_STREAM = re.compile(rb'data: ?\{\s*"error"\s*:')
_ENDED = re.compile(rb'\[DONE\]|"finish_reason"\s*:\s*"')
_KEPT = 200  # bytes of what came before that are looked at again: what is searched for may be split
_MOST_OF_AN_ERROR = 64 * 1024  # bytes kept of an error body or event; longer ones say no more

_HANDLE = RequestHandle("openai 0.28", 0)
_LATE = (asyncio.TimeoutError, TimeoutError, requests.exceptions.Timeout)
_LEFT = (GeneratorExit, asyncio.CancelledError, KeyboardInterrupt, SystemExit)


class ControlOutcome:
    """One call of control's, from now to its end; `told` gets its completion once.

    Args:
        told: gets it.
        reads_chat: whether a success is to be read as Chat Completions.
    """

    def __init__(self, told: Callable[[Completion], object], *, reads_chat: bool) -> None:
        self._told: Callable[[Completion], object] | None = told
        self._reads_chat = reads_chat
        self._started = time.monotonic()
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}
        self._first: float | None = None
        self._tail = b""
        self._failed = b""
        self._has_ended = False

    def raised(self, fault: BaseException) -> None:
        """Take what was raised in place of an answer, or inside of one."""
        if self._failed:  # the library has raised it, and so left the stream
            self.ended()
            return
        if isinstance(fault, _LEFT):
            category = ErrorCategory.CANCELLED
        elif isinstance(fault, _LATE) or type(fault).__name__ == "Timeout" or "timed out" in str(fault).lower():
            category = ErrorCategory.TIMEOUT
        else:
            category = ErrorCategory.NETWORK
        self._end(ProviderError(category, type(fault).__name__, http_status=self._status))

    def head(self, status: int, headers: Any) -> None:
        """Take the head."""
        self._status = status
        self._headers = {str(name).lower(): str(value) for name, value in headers.items()}

    def whole(self, body: bytes) -> None:
        """Take the whole body, and with it the end."""
        status = self._status or 0
        if status >= 400:
            self._end(parse_error(status, self._headers, body))
            return
        try:
            if self._reads_chat:
                chat.parse_response(body)
        except ProviderError as unreadable:
            self._end(unreadable)
        else:
            self._end(None)

    def piece(self, data: bytes) -> None:
        """Take bytes of a stream."""
        if self._first is None:
            self._first = time.monotonic()
        seen = self._tail + data
        if not self._failed and self._status == 200:
            self._has_ended = self._has_ended or _ENDED.search(seen) is not None
            found = _FAILED_IN_STREAM.search(seen)
            self._failed = seen[found.start() + len(b"data:") :][:_MOST_OF_AN_ERROR] if found else b""
        elif len(self._failed) < _MOST_OF_AN_ERROR:
            self._failed += data
        self._tail = seen[-_KEPT:]

    def ended(self) -> None:
        """Take the end of a stream."""
        status = self._status or 0
        if status >= 400 or self._failed:
            self._end(parse_error(status, self._headers, self._failed.partition(b"\n\n")[0]))
        elif self._has_ended:
            self._end(None)
        else:
            self._end(ProviderError(ErrorCategory.TRUNCATED, "the stream ended before its answer", http_status=status))

    def read_already(self, body: bytes, *, stream: bool) -> None:
        """Take a body that was read in one piece, a stream's too, as `openai.log = "debug"` does."""
        if stream and self._status == 200:
            self.piece(body)
            self.ended()
        else:
            self.whole(body)

    def watch(self, response: requests.Response, *, stream: bool) -> None:
        """Hear an answer of `requests`: it is read by now, but for a stream, whose reading is listened to."""
        self.head(response.status_code, response.headers)
        content: Any = response._content  # noqa: SLF001 - asked so that nothing is read here
        if content is not False:
            self.read_already(response.content, stream=stream)
            return
        read, held = type(response).iter_content, weakref.ref(response)  # weak: a stream dropped is freed at once

        def iter_content(*args: Any, **named: Any) -> Iterator[Any]:
            response: Any = held()  # whoever calls it holds it
            return self._heard(read(response, *args, **named))

        vars(response)["iter_content"] = iter_content  # for this one

    def _heard(self, pieces: Iterator[Any]) -> Iterator[Any]:
        try:
            for piece in pieces:
                self.piece(piece)
                yield piece
        except BaseException as fault:
            self.raised(fault)
            raise
        self.ended()

    def _end(self, error: ProviderError | None) -> None:
        told, self._told = self._told, None
        if told is not None:
            first, now = self._first, time.monotonic()
            timing = Timing(started=self._started, first_byte=first, first_event=first, finished=now)
            told(Completion(_HANDLE, None, error, http_status=self._status, headers=self._headers, timing=timing))
