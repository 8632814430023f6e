"""Handles of libcurl at rest: callbacks that stand in for those of transfers and clients, so that it keeps none alive.

Not the handles' use (`http_multi`), which hands in pycurl: that has one door.
"""

from __future__ import annotations

from typing import Any


def at_rest(easy: Any, *, curl: Any) -> None:
    """Leave a handle nothing of its transfer's."""
    easy.unsetopt(curl.HTTPHEADER)
    easy.setopt(curl.READFUNCTION, _nothing)
    easy.setopt(curl.WRITEFUNCTION, _ignore)
    easy.setopt(curl.HEADERFUNCTION, _ignore)
    easy.unsetopt(curl.RESOLVER_START_FUNCTION)


def ignore_socket(*_libcurl: object) -> None:
    """Stand in for the socket callback of a client that is over."""


def ignore_timer(_milliseconds: int) -> None:
    """Stand in for its timer's."""


def _ignore(_data: bytes) -> None:
    """Stand in for who receives."""


def _nothing(_size: int) -> bytes:
    """Stand in for the body."""
    return b""
