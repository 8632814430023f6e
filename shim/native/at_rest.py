"""A client that is over: libcurl keeps nothing of it alive, and what cannot end at once ends by itself.

Not the client (`http_multi`, which hands in pycurl) nor its handles (`handles`).
"""

from __future__ import annotations

import threading
from typing import Any, Final

_LOOKUP_SECONDS: Final = 0.2  # how long closing waits for a name lookup that hangs


def call_back_no_more(multi: Any, *, curl: Any) -> None:
    """Have libcurl call nobody for what it still does."""
    multi.setopt(curl.M_SOCKETFUNCTION, _ignore_socket)
    multi.setopt(curl.M_TIMERFUNCTION, _ignore_timer)


def close_beside(multi: Any, *, curl: Any) -> None:
    """Close what waits for a name lookup, however long that hangs: such a wait is left to a thread that ends with it."""
    multi.setopt(curl.M_SOCKETFUNCTION, _ignore_socket)
    closing = threading.Thread(target=multi.close, name="shim-native-lookup", daemon=True)
    closing.start()
    closing.join(_LOOKUP_SECONDS)


def _ignore_socket(*_libcurl: object) -> None:
    """Stand in for the socket callback of a client that is over."""


def _ignore_timer(_milliseconds: int) -> None:
    """Stand in for its timer's."""
