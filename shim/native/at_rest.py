"""The end of a client: callbacks that stand in for its own, so that libcurl keeps none alive, and a lookup left alone.

Not the client (`http_multi`), which hands in pycurl, nor its handles (`handles`).
"""

from __future__ import annotations

import threading
from typing import Any, Final

_LOOKUP_SECONDS: Final = 0.2  # how long closing waits for a name lookup that hangs


def close_beside_lookup(multi: Any, *, curl: Any) -> None:
    """Close a multi handle of libcurl's, which waits for a name lookup to end; that is left to a thread that ends with it."""
    multi.setopt(curl.M_SOCKETFUNCTION, ignore_socket)
    closing = threading.Thread(target=multi.close, name="shim-native-lookup", daemon=True)
    closing.start()
    closing.join(_LOOKUP_SECONDS)


def ignore_socket(*_libcurl: object) -> None:
    """Stand in for the socket callback of a client that is over."""


def ignore_timer(_milliseconds: int) -> None:
    """Stand in for its timer's."""
