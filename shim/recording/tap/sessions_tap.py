"""Taps on any number of sessions that come and go, into one recorder.

Not the tap on one session (`session_tap`), whose adapters these are, nor the finding of the sessions, which is the caller's:
`module_tap` for `requests` at module level, `shim.compat.openai_v0.beside` for those that openai 0.28 makes.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from shim.recording.tap.session_tap import TapAdapter, below

if TYPE_CHECKING:
    import requests
    from requests.adapters import BaseAdapter

    from shim.recording.recorder import Recorder


class SessionsTap:
    """Taps each session once, however often it is added; adapters mounted since are tapped when it is added again."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._lock = threading.Lock()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._adapters: weakref.WeakSet[TapAdapter] = weakref.WeakSet()
        self._removed = False

    def add(self, session: requests.Session) -> None:
        """Tap a session. After `remove` nothing is done."""
        if all(self._is_tapped(adapter) for adapter in session.adapters.values()):
            return
        with self._lock:
            if self._removed:
                return
            self._sessions.add(session)
            ours: dict[int, TapAdapter] = {}
            for prefix, adapter in list(session.adapters.items()):
                if not self._is_tapped(adapter):
                    session.adapters[prefix] = ours.setdefault(id(adapter), TapAdapter(adapter, self._recorder))
            for each in ours.values():
                self._adapters.add(each)

    def remove(self) -> None:
        """Restore every session that is still there."""
        with self._lock:
            self._removed = True
            for each in list(self._adapters):
                each.tap_removed()
            for session in list(self._sessions):
                for prefix, adapter in list(session.adapters.items()):
                    session.adapters[prefix] = below(adapter)

    def _is_tapped(self, adapter: BaseAdapter) -> bool:
        """Whether a tap of ours is among those in front of an adapter."""
        while type(adapter) is TapAdapter:
            if adapter.tapped_by is self._recorder:
                return True
            adapter = adapter.tapped_adapter
        return False
