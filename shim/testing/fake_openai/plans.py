"""The queue of planned behaviours: what the next requests and the next connections are to meet.

Filled by the test's thread, emptied by the server's; first in, first out, each plan met once.
"""

from collections import deque
from collections.abc import Iterable

from shim.testing.fake_openai.behaviours import Behaviour, Plan, plan_of


class Plans:
    """Two queues: faults at accept wait for a connection, everything else for a request."""

    def __init__(self) -> None:
        self._connections: deque[Plan] = deque()
        self._requests: deque[Plan] = deque()

    def add(self, behaviours: Iterable[Behaviour | Iterable[Behaviour]]) -> None:
        """Queue each behaviour, or group of them, for one request; all of them or, if one is wrong, none."""
        for plan in [plan_of(one) for one in behaviours]:
            (self._connections if plan.at_accept else self._requests).append(plan)

    def for_connection(self) -> Plan | None:
        """Take what a new connection meets."""
        return self._connections.popleft() if self._connections else None

    def for_request(self) -> Plan | None:
        """Take what a request meets."""
        return self._requests.popleft() if self._requests else None

    def __len__(self) -> int:
        return len(self._connections) + len(self._requests)
