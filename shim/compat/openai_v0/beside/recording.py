"""Records what the real library sends and gets: taps on its sessions, and beside its sessions of aiohttp.

Not a recording's form or file (`shim.recording`). What leaves is left alone: the sessions stay the library's own, with its proxy,
its retries and its adapters. Only what leaves inside a call of the library is recorded, so that a session of the program's own
(`requestssession`) may serve other purposes unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from shim.compat.openai_v0.beside.aiohttp_content import unread_in, watch_content
from shim.compat.openai_v0.beside.real_library import RealLibrary
from shim.compat.openai_v0.stand_in_recording import CallsRecording, InsideCalls
from shim.recording.exchange import OPENAI_V0, Headers, TransportFault, error_type
from shim.recording.exchange_builder import Recording
from shim.recording.redaction.redaction import Redaction
from shim.recording.sinks import SinkTarget
from shim.recording.tap.transport_fault import reading_fault


class LibraryRecording(CallsRecording):
    """A recording of everything the real library sends, control's, and of what the candidate sends in its place.

    Attributes:
        unseen: calls that could not be seen: those through a stand-in for a session, as tests have them.
    """

    def __init__(self, sink: SinkTarget, *, redaction: Redaction | None) -> None:
        super().__init__(sink, redaction=redaction, client=OPENAI_V0, candidate="candidate")
        self.observe = self._candidate.observe
        self.unseen = 0

    @property
    def counts(self) -> dict[str, int]:
        """Exchanges recorded, dropped, failed; calls that could not be seen. Of this process."""
        return {**super().counts, "unseen": self.unseen}

    @contextmanager
    def a_blocking_call(self, real: RealLibrary) -> Iterator[None]:
        """A call on this thread: its session, where it has one already, is tapped; a new one is by `tapped`."""
        context = real.api_requestor._thread_context  # noqa: SLF001 - where the real library keeps them
        session = getattr(context, "session", None)
        if session is not None:
            self.tapped(session)
        with self._in_calls.inside():
            yield

    def tapped(self, session: Any) -> Any:
        """The very session, tapped."""
        if isinstance(session, requests.Session):
            self._sessions.add(session)
        else:
            self.unseen += 1  # a stand-in for a session, as tests have them
        return session

    def watched(self, session: Any) -> Any:
        """What stands for a session of aiohttp in one async call, and records it."""
        return _WatchedSession(session, self._in_calls)


class _WatchedSession:
    """Passes the requests of one async call on to its session; in every other way that session."""

    def __init__(self, session: Any, recorder: InsideCalls) -> None:
        self._session = session
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def request(self, method: str, url: str, **how: Any) -> Any:
        """Send it as the session does, and record it; raises what the session raises, the very object."""
        with self._recorder.inside():
            headers: Headers = tuple((str(name), str(value)) for name, value in (how.get("headers") or {}).items())
            recording = self._recorder.begin(method=method.upper(), url=url, headers=headers, body=how.get("data"))
        if recording is None:
            return await self._session.request(method=method, url=url, **how)
        try:
            response = await self._session.request(method=method, url=url, **how)
        except Exception as error:
            recording.end("failed", fault=_sending_fault(error, at=recording.elapsed()))
            raise
        except BaseException:
            recording.end("aborted")
            raise
        try:
            recording.head(response.status, reason=response.reason or "", headers=_pairs(response.raw_headers))
            watch_content(response, _RecordedContent(recording, response.content))
        except Exception as error:  # noqa: BLE001 - whatever a session gave back, the caller gets it
            self._recorder.failed(error)
        return response


class _RecordedContent:
    """Notes a body as it is read, line by line; where its caller leaves it, also what had come, as a tap of `requests` does.

    Without that an event is there without the blank line that ends it, and a reader by the standard leaves it out.
    """

    def __init__(self, recording: Recording, content: Any) -> None:
        self._recording = recording
        self._content = content
        self._is_over = False

    def __del__(self) -> None:
        if not self._is_over:
            self._recording.note(unread_in(self._content))

    def piece(self, data: bytes) -> None:
        self._recording.note(data)

    def ended(self) -> None:
        self._is_over = True
        self._recording.end("complete")

    def raised(self, fault: BaseException) -> None:
        self._is_over = True
        if isinstance(fault, Exception):
            self._recording.end("failed", fault=reading_fault(fault, at=self._recording.elapsed()))
        else:
            self._recording.note(unread_in(self._content))
            self._recording.end("aborted")


def _sending_fault(error: Exception, *, at: float) -> TransportFault:
    """The fault of an async request that got no response; aiohttp's names say whether a connection stood."""
    names = {each.__name__ for each in type(error).__mro__}
    is_unconnected = names & {"ClientConnectorError", "ConnectionTimeoutError", "ClientProxyConnectionError"}
    return TransportFault(
        stage="connect" if is_unconnected else "headers", kind=error_type(error), message=str(error), at=at
    )


def _pairs(raw_headers: Any) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw_headers)
