"""One request on its worker thread: send, read, hand on, within bounds.

Not the callbacks: a transfer knows none of them, so that a thread that is just ending keeps nothing of the caller's
alive. Not the threads (workers.py), not the bytes below (body_reader.py, data_lines.py).
"""

from __future__ import annotations

import contextlib
import threading
import time
from http.client import responses as standard_reasons
from typing import TYPE_CHECKING

import requests
from requests.structures import CaseInsensitiveDict

from legacy_openai.body_reader import open_body
from legacy_openai.completion import CompletionType, type_of_status
from legacy_openai.connections import Cutoff, own_authorization
from legacy_openai.data_lines import DataLines
from legacy_openai.errors import ResponseTooLargeError
from legacy_openai.mailbox import Letter
from legacy_openai.transport_errors import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from legacy_openai.body_reader import BodyReader
    from legacy_openai.http_request import HttpRequest
    from legacy_openai.mailbox import Mailbox

BUFFER_LIMIT = 1024 * 1024
"""Bytes of payload that may wait for `perform()`, per request; more is let in once half of it is gone."""
PAYLOAD_OVERHEAD = 48
"""Bytes counted for each payload besides its own, so that millions of empty ones are bounded too."""
BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a body that is collected whole."""
DRAIN_SECONDS = 2.0
"""How long a server may take between `[DONE]` and the end of the body; after that its connection is given up."""

_DONE = b"[DONE]"
_NOTES_KEPT = 8
_LONGEST_NOTE = 1024 * 1024


class RemovedError(Exception):
    """The transfer was cancelled; ends its thread's work on it, never shown to a caller."""


class Transfer:
    """One request. The worker calls `run`; the client's thread calls `cancel` and `make_room`.

    The results (`http_code` to `remark`) are written by the worker before the letter that makes them matter.
    """

    def __init__(self, request_id: int, request: HttpRequest) -> None:
        self.request_id = request_id
        self.request = request
        self.cutoff = Cutoff()
        self.http_code = 0
        self.reason = ""
        self.headers: Mapping[str, str] = CaseInsensitiveDict()
        self.body = b""
        self.exception: BaseException | None = None
        self.remark = ""
        self.is_discarded = False
        """Written and read under the mailbox's lock alone."""
        self._room = threading.Condition(threading.Lock())
        self._buffered = 0
        self._cancelled = False
        self._first_payload = b""
        self._last_payloads: list[bytes] = []
        self._response: requests.Response | None = None

    @property
    def type(self) -> CompletionType:
        """How the transfer ended."""
        return CompletionType.NETWORK_ERROR if self.exception else type_of_status(self.http_code)

    def cancel(self) -> None:
        """Make the worker stop, wherever it is; it hands nothing on after this."""
        with self._room:
            self._cancelled = True
            response = self._response
            self._room.notify()
        if not self.cutoff.cut() and response is not None:
            # A connection of the caller's own session: urllib3 can end the reading of a response. It refuses when the
            # response is already over, and other people's objects may not have the method.
            with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
                response.raw.shutdown()

    def make_room(self, size: int) -> None:
        """Payloads of that weight have been delivered; lets the worker go on once half the buffer is free."""
        with self._room:
            self._buffered -= size
            if self._buffered <= BUFFER_LIMIT // 2:
                self._room.notify()

    def run(self, session: requests.Session, mailbox: Mailbox) -> None:
        """Do the whole exchange and post its end; never raises."""
        try:
            self._exchange(session, mailbox)
        except BaseException as error:  # noqa: BLE001 - whatever a worker, a hook or an adapter raises must reach the completion
            self.exception = without_secrets(error, self.request.api_key)
        with self._room:
            if self._cancelled:
                return
        mailbox.post(Letter(self, None, 0))

    def _exchange(self, session: requests.Session, mailbox: Mailbox) -> None:
        response = self._send(session)
        try:
            with self._room:
                if self._cancelled:
                    raise RemovedError
                self._response = response
            self.http_code = response.status_code
            self.reason = response.reason or standard_reasons.get(self.http_code, "")
            self.headers = response.headers
            reader = open_body(response)
            if self.request.streaming and self._is_event_stream():
                self._stream(reader, mailbox)
            else:
                self.body = _collect(reader)
        finally:
            with self._room:
                self._response = None
            self.cutoff.release()
            response.close()

    def _send(self, session: requests.Session) -> requests.Response:
        with self._room:
            if self._cancelled:
                raise RemovedError
        request = self.request
        return session.request(
            "POST",
            request.url,
            data=request.body,
            headers=request.headers,
            auth=own_authorization,
            timeout=(request.connect_timeout, request.read_timeout),
            allow_redirects=False,
            proxies=request.proxies,
            verify=request.verify,
            stream=True,
        )

    def _is_event_stream(self) -> bool:
        kind = self.headers.get("content-type", "").split(";")[0].strip().lower()
        return kind == "text/event-stream" and type_of_status(self.http_code) is CompletionType.SUCCESS

    def _stream(self, reader: BodyReader, mailbox: Mailbox) -> None:
        lines = DataLines()
        while data := reader.read():
            payloads = lines.feed(data)
            if payloads:
                self._hand_on(payloads, mailbox)
                if _DONE in payloads:
                    self._drain(reader, lines, mailbox=mailbox)
                    return
        self._hand_on(lines.finish(), mailbox)

    def _drain(self, reader: BodyReader, lines: DataLines, *, mailbox: Mailbox) -> None:
        """Read to the end of the body, so that the connection can be used again; what still comes is handed on.

        The answer is complete at `[DONE]`. So a server that dawdles or breaks off after it costs its connection and
        nothing else; the remark says so in the log.
        """
        deadline = time.monotonic() + DRAIN_SECONDS
        reader.limit_wait(DRAIN_SECONDS)
        try:
            while data := reader.read():
                self._hand_on(lines.feed(data), mailbox)
                if time.monotonic() > deadline:
                    self.remark = f"the body did not end within {DRAIN_SECONDS} s of [DONE]"
                    return
        except requests.RequestException as error:
            self.remark = f"the body did not end well after [DONE]: {type(error).__name__}"
        self._hand_on(lines.finish(), mailbox)

    def _hand_on(self, payloads: list[bytes], mailbox: Mailbox) -> None:
        """Post payloads; waits, and so stops the reading, while the buffer is full."""
        if not payloads:
            return
        self._take_notes(payloads)
        size = sum(map(len, payloads)) + PAYLOAD_OVERHEAD * len(payloads)
        with self._room:
            if self._buffered and self._buffered + size > BUFFER_LIMIT:
                self._room.wait_for(lambda: self._cancelled or self._has_room_for(size))
            if self._cancelled:
                raise RemovedError
            self._buffered += size
        mailbox.post(Letter(self, payloads, size))

    def _has_room_for(self, size: int) -> bool:
        return not self._buffered or self._buffered <= min(BUFFER_LIMIT // 2, BUFFER_LIMIT - size)

    def _take_notes(self, payloads: list[bytes]) -> None:
        """Keep what the completion may be asked about, without looking into any payload.

        The first names the model, the last few hold finish reason and usage: at most four chunks have been seen
        after a finish reason.
        """
        if not self._first_payload:
            self._first_payload = payloads[0] if len(payloads[0]) <= _LONGEST_NOTE else b"null"
        if len(payloads) < _NOTES_KEPT:
            payloads = self._last_payloads + payloads
        self._last_payloads = [payload for payload in payloads[-_NOTES_KEPT:] if len(payload) <= _LONGEST_NOTE]

    @property
    def noted_payloads(self) -> tuple[bytes, ...]:
        """First payload first; a later one knows better."""
        return (self._first_payload, *self._last_payloads) if self._first_payload else ()


def _collect(reader: BodyReader) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data := reader.read():
        size += len(data)
        if size > BODY_LIMIT:
            raise ResponseTooLargeError(f"the body is longer than {BODY_LIMIT} bytes")
        parts.append(data)
    return b"".join(parts)
