"""Finds the `data:` payloads in the bytes of an event stream, however they were split. Sans-I/O.

Not a full event-stream parser: every `data:` line is one payload (multi-line data is not joined), and `event:`, `id:`
and `retry:` are ignored. That is the known behaviour of this client; sockets and framing are body_reader.py.
Lines, the byte order mark and the space after the colon follow WHATWG HTML 9.2.5; one deliberate difference: a last
line without a line end is still read, because some servers end with a bare `data: [DONE]`.
"""

from __future__ import annotations

from legacy_openai.errors import ResponseTooLargeError

MAX_LINE = 32 * 1024 * 1024
"""Bytes of one line. A whole base64 image in one chunk fits; a server that never ends a line is stopped."""

_BOM = b"\xef\xbb\xbf"


class DataLines:
    """`feed(data)` returns the payloads completed by `data`; `finish()` the one an unterminated last line holds.

    Work is linear in the bytes fed: an unfinished line is kept in pieces and joined once, when it ends.
    """

    def __init__(self, *, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._partial: list[bytes] = []
        self._partial_size = 0
        self._skip_lf = False
        self._at_start = True
        self._overflowed = False

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads of every `data:` line that ended, in order, exactly as received.

        Raises:
            ResponseTooLargeError: one line is over the limit. Payloads before it are returned first; the next
                call raises.
        """
        self._check_length()
        if self._at_start:
            data = self._without_bom(data)
        if self._skip_lf or b"\r" in data:
            data = self._with_plain_line_ends(data)
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            payloads: list[bytes] = []
        else:
            self._partial.append(data[:end])
            block = b"".join(self._partial)
            self._partial.clear()
            self._partial_size = 0
            self._keep(data[end:])
            payloads = self._split(block)
        if not payloads:
            self._check_length()
        return payloads

    def finish(self) -> list[bytes]:
        """The payload of a last line that the end of the stream cut off, if it is a `data:` line."""
        payloads = self.feed(b"\n") if self._partial or self._overflowed else []
        self._at_start = False
        return payloads

    def _check_length(self) -> None:
        if self._overflowed:
            raise ResponseTooLargeError(f"one line of the event stream is longer than {self._max_line} bytes")

    def _without_bom(self, data: bytes) -> bytes:
        """Drop a leading byte order mark; hold back what may still become one."""
        data = b"".join([*self._partial, data])
        self._partial.clear()
        self._partial_size = 0
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._keep(data)
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        """CRLF and CR become LF; a CR at the end ends its line now, and swallows an LF that comes next."""
        if self._skip_lf and data:
            data = data.removeprefix(b"\n")
            self._skip_lf = False
        if data.endswith(b"\r"):
            self._skip_lf = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._partial.append(piece)
            self._partial_size += len(piece)
            if self._partial_size > self._max_line:
                self._partial.clear()
                self._overflowed = True

    def _split(self, block: bytes) -> list[bytes]:
        """Payloads of a block of whole LF-ended lines."""
        if block.startswith(b"data: ") and block.endswith(b"\n\n"):
            # The ordinary shape, one line per event: one split does it all. The count proves that it was that shape.
            payloads = block[6:-2].split(b"\n\ndata: ")
            if block.count(b"\n") == 2 * len(payloads) and len(block) <= self._max_line:
                return payloads
        lines = block.split(b"\n")
        if len(block) > self._max_line:
            lines = self._up_to_overflow(lines)
        return [line[6:] if line.startswith(b"data: ") else line[5:] for line in lines if line.startswith(b"data:")]

    def _up_to_overflow(self, lines: list[bytes]) -> list[bytes]:
        for index, line in enumerate(lines):
            if len(line) > self._max_line:
                self._overflowed = True
                self._partial.clear()
                return lines[:index]
        return lines
