"""JSON events: an event stream whose data are JSON objects, read also where its server leaves out the blank lines.

Not the standard (`sse`), which this follows in all else, nor the objects themselves (`shim.wire.chat`, `shim.wire.responses`).
Source: what servers send (ChatGLM2's and others behind one-api end an event with one line end; an error or the last chunk often
lacks its blank line). The standard joins two `data` lines, and drops an event that the end of the stream leaves open; but nothing
that is JSON has a line break between `}` and `{`, and what came whole is told. Clients that read line by line never noticed.
"""

from __future__ import annotations

from collections.abc import Callable

from shim.wire.json_text import UnreadableJsonError, read_json
from shim.wire.sse import DEFAULT_MAX_EVENT_BYTES, SSEDecoder

DONE = b"[DONE]"
"""The payload that ends a stream of Chat Completions."""

_DATA, _EVENT = b"data:", b"event:"
_ALIVE = frozenset({b"ping", b"keepalive", b"keep-alive", b"heartbeat"})


class JsonEventDecoder(SSEDecoder):
    """Decodes one event stream of JSON objects."""

    __slots__ = ()

    def __init__(
        self,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        on_unknown_field: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        """Start at the beginning of a stream; arguments as of `SSEDecoder`."""
        super().__init__(max_event_bytes=max_event_bytes, on_unknown_field=on_unknown_field)

    def last_payloads(self) -> list[bytes]:
        """Take the data of the event that the end of the stream leaves open, where it came whole; call it before `finish`."""
        if self._line.startswith(_DATA):
            self._read_line(bytes(self._line))
            self._line.clear()
        if self._data is None:
            return []
        data, self._data = bytes(self._data), None
        try:
            return [data] if data.strip() == DONE or isinstance(read_json(data), dict) else []
        except UnreadableJsonError:
            return []

    def _begins_another(self, line: bytes) -> bool:
        """Whether a line after data that is a JSON object begins the next event."""
        if self._data is None or self._data[:1] != b"{" or self._data[-1:] != b"}":
            return False
        return line.startswith(_EVENT) or (line.startswith(_DATA) and line[len(_DATA) :].lstrip()[:1] in (b"{", b"["))


def repaired(payload: bytes) -> bytes | None:
    """Read a payload that is not JSON for what a person would take it: b"" where it says nothing, what it frames once more.

    Returns:
        None where it is neither. Some gateways put their comments into data (Vertex before xAI), or a frame around a frame.
    """
    if payload.startswith(b":") or payload.lower() in _ALIVE:
        return b""
    inner = payload
    while inner.startswith(_DATA):
        inner = inner.removeprefix(_DATA).lstrip()
    return None if inner == payload else inner
