"""Tests of what is read of the body of an `aiohttp.ClientResponse`, with stand-ins for its reader."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

from shim.compat.openai_v0.beside.aiohttp_content import unread_in


def test_what_came_and_was_not_read_is_told() -> None:
    """What a reader holds is told without what was read of its first piece; of a reader that keeps it elsewhere, nothing."""
    held = SimpleNamespace(_buffer=deque([b"data: 1\n", b"\n"]), _buffer_offset=8)
    assert (unread_in(held), unread_in(object())) == (b"\n", b"")
    assert list(held._buffer) == [b"data: 1\n", b"\n"]
