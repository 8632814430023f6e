"""What the server has seen: requests in arrival order and connection counts, with waits instead of sleeps.

Not the connections themselves, which live in `http`. Written by the server's thread, read by any other.
Both the number of requests kept and their bytes are bounded; the totals keep counting.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KEPT_REQUESTS = 10_000
KEPT_BYTES = 64 * 1024 * 1024
_SECRET_HEADERS = frozenset({"authorization", "api-key", "proxy-authorization", "cookie"})


class ReceivedHeaders(dict[str, str]):
    """Header fields by lower-case name, repeated ones joined by a comma; credentials never show in the repr or a pickle."""

    def __repr__(self) -> str:
        return repr(self._masked())

    def __reduce__(self) -> tuple[Any, ...]:
        return (ReceivedHeaders, (self._masked(),))

    def _masked(self) -> dict[str, str]:
        return {name: "***" if name in _SECRET_HEADERS else value for name, value in self.items()}


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it arrived.

    `path` is without the query. `json` is the decoded body, or None where the body is not JSON. `connection_id` counts
    connections from 1. `at` is when the last body byte arrived, in `time.monotonic()` seconds. `http_version` is "1.1"
    (also for older ones) or "2".
    """

    method: str
    path: str
    headers: ReceivedHeaders = field(repr=False)
    body: bytes = field(repr=False)
    json: Any = field(repr=False)
    connection_id: int
    at: float
    query: str = ""
    http_version: str = "1.1"


class Ledger:
    """A bounded, thread-safe record of requests and connections."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: deque[RecordedRequest] = deque()
        self._bytes = 0
        self.total_requests = 0
        self.connections_opened = 0
        self.open_connections = 0
        self.failures: list[BaseException] = []

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests still kept, oldest first."""
        with self._changed:
            return list(self._requests)

    def record(self, request: RecordedRequest) -> None:
        """Keep a request, dropping the oldest ones beyond the bounds."""
        with self._changed:
            self._requests.append(request)
            self._bytes += len(request.body)
            self.total_requests += 1
            while len(self._requests) > KEPT_REQUESTS or (self._bytes > KEPT_BYTES and len(self._requests) > 1):
                self._bytes -= len(self._requests.popleft().body)
            self._changed.notify_all()

    def connected(self) -> int:
        """Count a new connection and return its number."""
        with self._changed:
            self.connections_opened += 1
            self.open_connections += 1
            self._changed.notify_all()
            return self.connections_opened

    def disconnected(self) -> None:
        """Count a connection that is gone."""
        with self._changed:
            self.open_connections -= 1
            self._changed.notify_all()

    def fail(self, failure: BaseException) -> None:
        """Keep the first failures of the server's own thread, for whoever leaves the context manager."""
        with self._changed:
            if len(self.failures) < 10:
                self.failures.append(failure)

    def wait(self, condition: Callable[[], bool], *, what: str, timeout: float) -> None:
        """Block until `condition` holds; after `timeout` seconds a TimeoutError says `what` was awaited and what came."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(f"waited {timeout} s for {what}; {self._status()}")
                self._changed.wait(remaining)

    def _status(self) -> str:
        return (
            f"{self.total_requests} requests came over {self.connections_opened} connections, "
            f"{self.open_connections} of them open"
        )
