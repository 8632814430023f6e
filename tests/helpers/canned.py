"""A server that answers every request with the same few bytes, in a process of its own: as little work as can be.

Not an API (`shim.testing.fake_openai` is one): for tests that make thousands of requests and weigh only their own process.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}'
_CHUNK = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
_LAST = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
_ERROR = b'{"error":{"message":"Slow down.","type":"requests","code":"rate_limit_exceeded"}}'
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def _answer(status: bytes, kind: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (status, kind, len(body))
    return head + body


_WHOLE = _answer(b"200 OK", b"application/json", _JSON)
_STREAM = _answer(b"200 OK", b"text/event-stream", _CHUNK + _LAST)
_REFUSED = _answer(b"429 Too Many Requests", b"application/json", _ERROR)


class _Connection(asyncio.Protocol):
    """One connection: a body that names the model `fail` is refused, one that asks for a stream gets one."""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end or len(body) < self._length(head):
            return
        self._data = b""
        wanted = _STREAM if b'"stream":true' in body else _WHOLE
        self._transport.write(_REFUSED if b'"fail"' in body else wanted)

    @staticmethod
    def _length(head: bytes) -> int:
        found = _LENGTH.search(head)
        return int(found[1]) if found else 0


@contextmanager
def canned_server() -> Iterator[str]:
    """Run the server in another process; gives its base URL."""
    command = [sys.executable, "-m", __name__]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this module
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    sys.stdout.write(f"http://{host}:{port}/v1\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
