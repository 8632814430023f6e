"""The load of the soak: requests whose callers misbehave too, each counted until its one completion.

Not the processes (`bench.soak`) nor the server's faults (`bench.soak_server`). A caller may cancel from its own callback, raise
from either, ask again from inside one, or be closed under its requests; a completion must come all the same, once.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from shim.factory import create_provider
from shim.loops.select_loop import turn
from shim.model import ModelRequest, StreamEvent, user
from shim.model.caps import Caps
from shim.provider import Completion, Provider, ProviderClosedError

AT_ONCE: Final = 12
_LIFE: Final = (100, 400)  # requests after which a provider is closed under the others, and another made
_PATIENCE_MS: Final = 200
_DRAIN_SECONDS: Final = 20.0
_SAMPLE_SECONDS: Final = 0.5
READ_TIMEOUT: Final = 2.0
_TALK: Final = ModelRequest("gpt-4o-mini", (user("Count to 20"),))


class MisbehavedError(Exception):
    """What a caller's callback raises on purpose."""


class Sample(Struct, frozen=True):
    """What the process held at a moment: seconds since its start, threads, descriptors, bytes of memory."""

    at: float
    threads: int
    descriptors: int
    memory: int


class Ledger:
    """Which requests are open, and how those that are not have ended."""

    def __init__(self) -> None:
        self.started = 0
        self.completed = 0
        self.unknown = 0  # completions of no open request: told twice, or of nobody
        self.outcomes: Counter[str] = Counter()
        self._open: set[int] = set()

    @property
    def lost(self) -> int:
        """Requests that have had no completion."""
        return len(self._open)

    def start(self, number: int) -> None:
        """Note an accepted request."""
        self.started += 1
        self._open.add(number)

    def complete(self, number: int, completion: Completion) -> None:
        """Note a completion."""
        if number not in self._open:
            self.unknown += 1
            return
        self._open.discard(number)
        self.completed += 1
        self.outcomes["ok" if completion.error is None else completion.error.category.value] += 1


class SoakLoad:
    """Requests on one provider after another of a kind; `pause`: seconds between two turns of the loop."""

    def __init__(self, kind: str, base_url: str, *, seed: int, pause: float = 0.0) -> None:
        self._pause = pause
        self.ledger = Ledger()
        self.samples: list[Sample] = []
        self.providers = 0
        self._kind = kind
        self._base_url = base_url
        self._chance = random.Random(seed)  # noqa: S311 - a load, no secret
        self._numbers = itertools.count(1)
        self._handles: dict[int, Any] = {}
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """Keep requests open for so long, then wait for those that are left."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._one_life(end)
        self.sample()

    def _one_life(self, end: float) -> None:
        provider = create_provider(
            self._kind, api_key="sk-soak", base_url=self._base_url, read_timeout=READ_TIMEOUT, caps=Caps(text=10_000)
        )
        self.providers += 1
        last = self.ledger.started + self._chance.randint(*_LIFE)
        try:
            while self.ledger.started < last and time.monotonic() < end:
                while len(self._handles) < AT_ONCE and self.ledger.started < last:
                    self._start(provider)
                self._turn(provider)
                if self._chance.random() < 0.002:
                    provider.cancel()
            if self._chance.random() < 0.5 or time.monotonic() >= end:
                self._drain(provider)
        finally:
            self._quietly(provider.close)  # what is open ends here as cancelled
        self._handles.clear()

    def _drain(self, provider: Provider) -> None:
        limit = time.monotonic() + _DRAIN_SECONDS
        while self._handles and time.monotonic() < limit:
            self._turn(provider)

    def _turn(self, provider: Provider) -> None:
        if self._pause:
            time.sleep(self._pause)
        self._quietly(lambda: turn([provider], max_wait_ms=_PATIENCE_MS))
        if not self.samples or time.monotonic() - self._began - self.samples[-1].at > _SAMPLE_SECONDS:
            self.sample()

    def sample(self) -> None:
        """Look at what the process holds."""
        self.samples.append(
            Sample(time.monotonic() - self._began, threading.active_count(), descriptors(), resident_bytes())
        )

    def _quietly(self, act: Callable[[], object]) -> None:
        try:
            act()
        except MisbehavedError:
            self.ledger.outcomes["raised out of the loop"] += 1

    def _start(self, provider: Provider) -> None:
        number = next(self._numbers)
        caller = _Caller(self, provider, number, chance=self._chance)
        if self._chance.random() < 0.75:
            self._handles[number] = provider.start_stream(_TALK, caller.on_event, caller.on_completion)
        else:
            self._handles[number] = provider.start_request(_TALK, caller.on_completion)
        self.ledger.start(number)

    def start_from_inside(self, provider: Provider) -> None:
        """Ask again, from a callback."""
        if len(self._handles) < 2 * AT_ONCE:
            try:
                self._start(provider)
            except ProviderClosedError:  # what had ended is told while it closes
                self.ledger.outcomes["asked while it closes"] += 1

    def ended(self, number: int, completion: Completion) -> None:
        """Take a completion."""
        self._handles.pop(number, None)
        self.ledger.complete(number, completion)

    def cancel(self, provider: Provider, number: int) -> None:
        """Cancel a request, from its own callback or another's."""
        handle = self._handles.get(number)
        if handle is not None:
            provider.cancel(handle)


class _Caller:
    """The callbacks of one request; what they do beside listening was drawn when it started."""

    def __init__(self, load: SoakLoad, provider: Provider, number: int, *, chance: random.Random) -> None:
        self._load = load
        self._provider = provider
        self._number = number
        self._heard = 0
        self._act_at = chance.randint(1, 12)
        draw = chance.random()
        self._in_event = next((act for limit, act in _IN_EVENTS if draw < limit), None)
        self._in_completion = chance.choices((None, "raise", "ask"), (90, 4, 6))[0]

    def on_event(self, _event: StreamEvent) -> None:
        self._heard += 1
        if self._heard == self._act_at and self._in_event is not None:
            self._in_event(self)

    def on_completion(self, completion: Completion) -> None:
        self._load.ended(self._number, completion)
        if self._in_completion == "raise":
            raise MisbehavedError
        cancelled = completion.error is not None and completion.error.category.value == "cancelled"
        if self._in_completion == "ask" and not cancelled:
            self._load.start_from_inside(self._provider)

    def cancel(self) -> None:
        """Cancel the request itself."""
        self._load.cancel(self._provider, self._number)

    def cancel_before(self) -> None:
        """Cancel the request that was started before this one."""
        self._load.cancel(self._provider, self._number - 1)

    def raise_it(self) -> None:
        """Raise."""
        raise MisbehavedError

    def cancel_and_raise(self) -> None:
        """Cancel the request itself, and raise besides: that leaves `perform()`."""
        self.cancel()
        raise MisbehavedError

    def ask(self) -> None:
        """Ask again."""
        self._load.start_from_inside(self._provider)


# Below which draw, of 0 to 1, a caller does what in one of its events.
_IN_EVENTS: tuple[tuple[float, Callable[[_Caller], None]], ...] = (
    (0.06, _Caller.cancel),
    (0.09, _Caller.cancel_before),
    (0.13, _Caller.raise_it),
    (0.14, _Caller.cancel_and_raise),
    (0.18, _Caller.ask),
)


def descriptors() -> int:
    """How many descriptors this process has open; 0 where the system does not tell."""
    folder = next((each for each in (Path("/proc/self/fd"), Path("/dev/fd")) if each.is_dir()), None)
    return 0 if folder is None else sum(1 for _ in folder.iterdir())


def resident_bytes() -> int:
    """The memory this process holds now; where the system does not tell, the most it has held."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * 4096
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
