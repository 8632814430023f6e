"""One value for each process, made when it is first asked for: after a fork the child begins with its own.

Not what is kept so: the queues of a recording (`shim.recording.sinks`), the pools of a client (`shim.client.pool`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """One `T` for each process. After a fork the child makes its own and never touches its parent's."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    def get(self) -> T:
        """This process's one. Takes no lock, which a fork might have left locked for ever: `setdefault` lets one thread win."""
        process = os.getpid()
        made = self._made.get(process)
        return self._made.setdefault(process, self._make()) if made is None else made
