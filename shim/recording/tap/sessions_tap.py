"""Taps on any number of sessions that come and go, into one recorder.

Not the tap on one session (`session_tap`), whose adapters these are, nor the finding of the sessions, which is the caller's:
`module_tap` for `requests` at module level, `shim.compat.openai_v0.beside` for those that openai 0.28 makes.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from shim.recording.tap.tap_adapter import Tapping, begin_tapping, end_tapping, is_tapped

if TYPE_CHECKING:
    import requests

    from shim.recording.recorder import Recorder


class SessionsTap:
    """Taps each session once, however often it is added; one whose adapters were replaced is tapped when it is added again."""

    def __init__(self, recorder: Recorder) -> None:
        self._tapping = Tapping(recorder)
        self._lock = threading.Lock()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def add(self, session: requests.Session) -> None:
        """Tap a session. After `remove` nothing is done."""
        if is_tapped(session, self._tapping):
            return
        with self._lock:
            if self._tapping.recorder is not None:
                self._sessions.add(session)
                begin_tapping(session, self._tapping)

    def remove(self) -> None:
        """Restore every session that is still there."""
        with self._lock:
            self._tapping.recorder = None
            for session in list(self._sessions):
                end_tapping(session, self._tapping)
