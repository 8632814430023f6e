"""The tap on every `requests.Session` of a process: a session is tapped when it sends, whoever made it and whenever.

Not the tap on one session (`session_tap`), whose adapters these sessions get, nor on module level alone (`module_tap`). While a
tap is on, `requests.Session.send` looks whether the session is tapped; other libraries (aiohttp, httpx, urllib3 by itself) are
not seen. For processes of one purpose, such as a run of tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import requests

from shim.recording.tap.sessions_tap import SessionsTap

if TYPE_CHECKING:
    from shim.recording.recorder import Recorder

_lock = threading.Lock()  # taps may begin and end in any thread, in any order
_taps: list[SessionsTap] = []


class EverySession:
    """Stands for all sessions of the process, as what is tapped."""


def install_everywhere(recorder: Recorder) -> Callable[[], None]:
    """Tap every session from its next request on; what is returned ends that."""
    tapping = SessionsTap(recorder)
    with _lock:
        if not _taps:
            _begin()
        _taps.append(tapping)

    def undo() -> None:
        with _lock:
            if tapping in _taps:
                _taps.remove(tapping)
            if not _taps:
                _end()
        tapping.remove()

    return undo


_own: Final[list[Any]] = []  # the library's own function, while ours stands in its place


def _begin() -> None:
    if _own:  # ours is still there, below somebody else's
        return
    plain = requests.Session.send
    _own.append(plain)

    def send(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        for each in tuple(_taps):
            each.add(self)
        return plain(self, request, **options)

    send.__wrapped__ = plain  # type: ignore[attr-defined]  # as functools.wraps leaves it, for whoever looks
    requests.Session.send = send  # type: ignore[method-assign]  # it is what the tap is


def _end() -> None:
    """Put the library's own function back, unless somebody has put theirs on ours: then ours lets all through."""
    if _own and getattr(requests.Session.send, "__wrapped__", None) is _own[0]:
        requests.Session.send = _own.pop()  # type: ignore[method-assign]  # as it was
