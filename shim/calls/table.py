"""The calls a provider has open, and the completions that wait for `info_read()`.

Not one call (`call`), not what drives them (`shim.native`, `shim.legacy_adapter`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from shim.calls.call import Call
from shim.provider import Completion, OnCompletion, RequestHandle


class CallTable:
    """The calls a provider has open, and the completions that wait for `info_read()`.

    Attributes:
        open: number -> call.
        completed: what waits, in order: to be asked whether it is empty on the hot path; the rest is done here.
    """

    def __init__(self) -> None:
        self.open: dict[int, Call] = {}
        self.completed: deque[tuple[OnCompletion, Completion]] = deque()
        self._whole = 0  # of those open, how many want their answer whole
        self._hurry: Callable[[], object] | None = None

    def __len__(self) -> int:
        return len(self.open)

    @property
    def waiting(self) -> int:
        """How many completions wait to be delivered."""
        return len(self.completed)

    def add(self, call: Call) -> None:
        """Hold an accepted call."""
        self.open[call.handle.id] = call
        self._whole += call.wants_whole
        if self._hurry is not None:
            hurry, self._hurry = self._hurry, None
            hurry()

    def may_gather(self, hurry: Callable[[], object] | None) -> bool:
        """Whether events may gather, since no open call waits for a whole answer; `hurry` is called when the next call comes."""
        self._hurry = hurry
        return not (self._whole or self.completed)

    def holds(self, call: Call) -> bool:
        """Whether a call is open."""
        return self.open.get(call.handle.id) is call

    def end(self, call: Call, completion: Completion) -> None:
        """Queue the completion of an open call; of one that a callback has ended meanwhile it is dropped."""
        if self.open.pop(call.handle.id, None) is not None:
            self._whole -= call.wants_whole
            self.completed.append((call.on_completion, completion))

    def chosen(self, handle: RequestHandle | None) -> Iterator[Call]:
        """The open call of a handle, or all of them."""
        calls = list(self.open.values()) if handle is None else [self.open.get(handle.id)]
        return (call for call in calls if call is not None and handle in (None, call.handle))

    def deliver(self) -> int:
        """Deliver what waits; what a callback raises leaves, and the others stay queued."""
        count = 0
        while self.completed:
            on_completion, completion = self.completed.popleft()
            count += 1
            on_completion(completion)
        return count

    def close(self) -> None:
        """End every open call as cancelled, and deliver all; where callbacks raise, the others are called all the same."""
        for call in list(self.open.values()):
            self.end(call, call.cancelled("the provider was closed"))
        with ExitStack() as deliveries:
            while self.completed:
                on_completion, completion = self.completed.pop()
                deliveries.callback(on_completion, completion)
