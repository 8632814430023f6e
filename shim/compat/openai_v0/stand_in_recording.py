"""Records what is sent in the place of openai 0.28: by sessions of `requests`, and by native providers that carry chat.

Not what the real library sends (`beside.recording`), nor a recording's form or file (`shim.recording`). A session may be the
program's own, with other purposes: of each, only what leaves inside a call of the library is recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shim.recording.exchange import OPENAI_V0_STAND_IN
from shim.recording.recorder import Recorder
from shim.recording.sinks import CallableSink, FileSink, SinkTarget, sink_of
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


class CallsRecording:
    """A recording of what leaves inside the calls of openai 0.28, or of what takes its place; a subclass says where those are.

    Args:
        sink: a path, or a function that takes an `Exchange`, as `shim.comparison.tap` has it.
        redaction: what is taken out; None is `Redaction()`.
        client: who sends through sessions, as exchanges name it.
        candidate: who sends in its place where a rollout says so, likewise.

    Raises:
        TypeError: the sink is neither.
        OSError: the file cannot be opened for writing.
    """

    def __init__(self, sink: SinkTarget, *, redaction: Redaction | None, client: str, candidate: str) -> None:
        self._sink: CallableSink | FileSink = sink_of(sink, on_error=self._note_failure)
        self._in_calls = InsideCalls(self._sink, redaction=redaction, client=client)
        self._candidate = Recorder(self._sink, redaction=redaction, client=candidate, role="candidate")
        self._recorders: list[Recorder] = [self._in_calls, self._candidate]
        self._sessions = SessionsTap(self._in_calls)

    @property
    def counts(self) -> dict[str, int]:
        """Exchanges recorded, dropped, failed. Of this process."""
        self._in_calls.collect()
        tallies = [each.tally for each in self._recorders]
        return {name: sum(getattr(each, name) for each in tallies) for name in ("recorded", "dropped", "failed")}

    def flush(self) -> None:
        """Write what has ended."""
        self._in_calls.collect()
        self._sink.flush()

    def close(self) -> None:
        """Restore the sessions, write what has ended, close the file."""
        try:
            self._sessions.remove()
        finally:
            self._in_calls.collect()
            self._sink.close()

    def _note_failure(self, error: Exception) -> None:
        self._in_calls.failed(error)


class StandInRecording(CallsRecording):
    """A recording of everything that is sent in the place of openai 0.28, from now to `close`."""

    def __init__(self, sink: SinkTarget, *, redaction: Redaction | None) -> None:
        super().__init__(sink, redaction=redaction, client=OPENAI_V0_STAND_IN, candidate=OPENAI_V0_STAND_IN)
        self._native = Recorder(self._sink, redaction=redaction, client=OPENAI_V0_STAND_IN)
        self._recorders.append(self._native)
        self._is_open = True

    @contextmanager
    def a_call(self, session: requests.Session) -> Iterator[None]:
        """Record what this thread sends through a session meanwhile."""
        self._sessions.add(session)
        with self._in_calls.inside():
            yield

    def watch(self, provider: NativeProvider, *, is_candidate: bool) -> None:
        """Record what a provider sends, until `close`."""
        recorder = self._candidate if is_candidate else self._native

        def observe(sent: SentRequest) -> TransferObserver | None:
            return recorder.observe(sent) if self._is_open else None

        provider.watch(observe)

    def close(self) -> None:
        """Record no provider any more, and end; see `CallsRecording.close`."""
        self._is_open = False
        super().close()
