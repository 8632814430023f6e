"""A loopback API that remembers by whom each request came, in a process of its own so that its CPU is not the client's.

Not the test server (`shim.testing.fake_openai`), which keeps whole requests and only the last ones: here a hundred thousand are
told apart by a number in their text, each with the arm that sent it. It streams a fixed number of events.
"""

from __future__ import annotations

import json
import multiprocessing
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

EVENTS = 10
_NUMBER = re.compile(rb"request (\d+)")


class CountingServer(ThreadingHTTPServer):
    """Serves, and counts.

    Attributes:
        seen: (number of the request, arm) -> how often it came.
        failing: the candidate's requests are answered with 500.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: Counter[tuple[int, str]] = Counter()
        self.failing = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: CountingServer

    def do_POST(self) -> None:
        """Count a request and stream its number back, with the arm in every event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arm = "control" if self.headers["User-Agent"].startswith("legacy-openai/") else "candidate"
        match = _NUMBER.search(body)
        number = int(match[1]) if match else -1
        self.server.seen[number, arm] += 1
        if self.server.failing and arm == "candidate":
            self._send(500, "application/json", b'{"error": {"message": "made to fail", "type": "server_error"}}')
        else:
            self._send(200, "text/event-stream", _answer(number, arm))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _answer(number: int, arm: str) -> bytes:
    texts = [f"{number} {arm} "] * (EVENTS - 1)
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": text}, None) for text in texts]
    chunks = [_chunk(delta, finish) for delta, finish in (*deltas, ({}, "stop"))]
    return b"".join(chunks) + b"data: [DONE]\n\n"


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c', 'model': 'm', 'choices': [choice]})}\n\n".encode()


class ServerHandle:
    """The server, from the process that uses it."""

    def __init__(self, pipe: Connection, *, port: int) -> None:
        self._pipe = pipe
        self.base_url = f"http://127.0.0.1:{port}/v1"

    def fail_candidate(self, *, failing: bool) -> None:
        """Have the candidate's requests fail, or not any more."""
        self._ask(("fail", failing))

    def seen(self) -> Counter[tuple[int, str]]:
        """What it counted: (number, arm) -> how often."""
        found: Counter[tuple[int, str]] = self._ask(("seen", None))
        return found

    def _ask(self, what: tuple[str, Any]) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


@contextmanager
def counting_server() -> Iterator[ServerHandle]:
    """A server in a process of its own, ended at the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ServerHandle(ours, port=ours.recv())
    finally:
        ours.close()  # the process ends with the pipe
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(pipe: Connection) -> None:
    import threading

    server = CountingServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_address[1])
    answers: dict[str, Callable[[Any], Any]] = {
        "fail": lambda failing: setattr(server, "failing", failing),
        "seen": lambda _nothing: Counter(server.seen),
    }
    try:
        while True:
            what, argument = pipe.recv()
            pipe.send(answers[what](argument))
    except (EOFError, OSError):  # who used it has ended
        server.socket.close()
