"""Records what is sent in the place of openai 0.28: by sessions of `requests`, and by native providers that carry chat.

Not what the real library sends (`beside.recording`), nor a recording's form or file (`shim.recording`). A session may be the
program's own, with other purposes: of each, only what leaves inside a call of the library is recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shim.recording.recorder import Recorder
from shim.recording.sinks import SinkTarget, sink_of
from shim.recording.tap.sessions_tap import SessionsTap

if TYPE_CHECKING:
    from typing import Any

    import requests

    from shim.native import NativeProvider
    from shim.recording.exchange_builder import Recording
    from shim.recording.redaction.redaction import Redaction
    from shim.transfer_observer import SentRequest, TransferObserver


class InsideCalls(Recorder):
    """Records what is sent inside a call of the library, and nothing else of its sessions."""

    def __init__(self, sink: Any, **settings: Any) -> None:
        super().__init__(sink, **settings)
        self._calls = threading.local()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Record what this thread sends meanwhile."""
        before = getattr(self._calls, "open", False)
        self._calls.open = True
        try:
            yield
        finally:
            self._calls.open = before

    def begin(self, **sent: Any) -> Recording | None:
        """Begin to record a request; None outside of calls."""
        return super().begin(**sent) if getattr(self._calls, "open", False) else None


class StandInRecording:
    """A recording of everything that is sent in the place of openai 0.28, from now to `close`.

    Args:
        sink: a path, or a function that takes an `Exchange`, as `shim.comparison.tap` has it.
        redaction: what is taken out; None is `Redaction()`.

    Raises:
        TypeError: the sink is neither.
        OSError: the file cannot be opened for writing.
    """

    def __init__(self, sink: SinkTarget, *, redaction: Redaction | None) -> None:
        self._sink = sink_of(sink, on_error=self._note_failure)
        client = "shim.compat.openai_v0"
        self._by_session = InsideCalls(self._sink, redaction=redaction, client=client)
        self._native = Recorder(self._sink, redaction=redaction, client=client)
        self._candidate = Recorder(self._sink, redaction=redaction, client=client, role="candidate")
        self._sessions = SessionsTap(self._by_session)
        self._is_open = True

    @property
    def counts(self) -> dict[str, int]:
        """Exchanges recorded, dropped, failed. Of this process."""
        self._by_session.collect()
        tallies = [each.tally for each in (self._by_session, self._native, self._candidate)]
        return {name: sum(getattr(each, name) for each in tallies) for name in ("recorded", "dropped", "failed")}

    @contextmanager
    def a_call(self, session: requests.Session) -> Iterator[None]:
        """Record what this thread sends through a session meanwhile."""
        self._sessions.add(session)
        with self._by_session.inside():
            yield

    def watch(self, provider: NativeProvider, *, is_candidate: bool) -> None:
        """Record what a provider sends, until `close`."""
        recorder = self._candidate if is_candidate else self._native

        def observe(sent: SentRequest) -> TransferObserver | None:
            return recorder.observe(sent) if self._is_open else None

        provider.watch(observe)

    def flush(self) -> None:
        """Write what has ended."""
        self._by_session.collect()
        self._sink.flush()

    def close(self) -> None:
        """Take the taps off, write what has ended, close the file."""
        self._is_open = False
        try:
            self._sessions.remove()
        finally:
            self._by_session.collect()
            self._sink.close()

    def _note_failure(self, error: Exception) -> None:
        self._by_session.failed(error)
