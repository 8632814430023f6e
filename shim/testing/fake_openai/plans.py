"""The queue of planned behaviours: what the next requests and the next connections are to meet.

Filled by the test's thread, emptied by the server's; first in, first out, each plan met once.
"""

from collections import deque
from collections.abc import Iterable

from shim.testing.fake_openai.behaviours import Behaviour, Fault, Garbage, Plan, RawResponse, Where, plan_of


class Plans:
    """Two queues: faults at accept wait for a connection, everything else for a request.

    `http2` says that requests come in HTTP/2, where some behaviours mean nothing.
    """

    def __init__(self, *, http2: bool = False) -> None:
        self._http2 = http2
        self._connections: deque[Plan] = deque()
        self._requests: deque[Plan] = deque()

    def add(self, behaviours: Iterable[Behaviour | Iterable[Behaviour]]) -> None:
        """Queue each behaviour, or group of them, for one request; all of them or, if one is wrong, none."""
        plans = [plan_of(one) for one in behaviours]
        for plan in plans if self._http2 else ():
            _check_http2(plan)
        for plan in plans:
            (self._connections if plan.at_accept else self._requests).append(plan)

    def for_connection(self) -> Plan | None:
        """Take what a new connection meets."""
        return self._connections.popleft() if self._connections else None

    def for_request(self) -> Plan | None:
        """Take what a request meets."""
        return self._requests.popleft() if self._requests else None

    def __len__(self) -> int:
        return len(self._connections) + len(self._requests)


def _check_http2(plan: Plan) -> None:
    """Raise ValueError for what only HTTP/1.1 has: bytes outside of any frame would end every other stream too."""
    raw = isinstance(plan.answering, RawResponse)
    if raw or (any(map(_is_loose, plan.faults)) and not plan.at_accept):
        what = "RawResponse, which is HTTP/1.1 byte for byte" if raw else "loose bytes"
        message = f"a stream of HTTP/2 has no place for {what}"
        raise ValueError(f"{message}: use a server without http2, Garbage(framed=True) or Garbage(Where.ACCEPT)")


def _is_loose(fault: Fault) -> bool:
    return isinstance(fault, Garbage) and not (fault.framed and fault.where is Where.AFTER_HEADERS)
