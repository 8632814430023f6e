"""A plain loop: waits for providers, and for a program's own descriptors beside them, and drives those that are ready.

Not the asyncio driver (`shim.loops.asyncio_loop`) nor a scheduler: it waits for exactly what a provider names, `fileno()` and
`timeout()`, and never looks in between. A provider alone that can wait by itself (`shim.provider.Polling`) does so, and saves a
system call a turn; several, and descriptors beside them, are waited for together. That is built on `selectors` and not on
`select.select`, which fails for descriptors from 1024 (FD_SETSIZE) on, a number that a server with many connections passes. Of
the selectors it takes `poll`: it needs no descriptor of its own, and unlike epoll it takes a regular file, which standard input
is after `program < file`.
"""

from __future__ import annotations

import math
import selectors
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from shim.loops.gathering import gather_seconds, may_gather
from shim.poller import make_selector
from shim.provider import Provider, ProviderClosedError

# poll counts milliseconds in a C int; a longer wait is taken in pieces, each ending in a turn that does nothing.
_LONGEST_WAIT_MS = 24 * 60 * 60 * 1000


class HasFileno(Protocol):
    """A socket, a file, anything with a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""
        ...


Readable: TypeAlias = int | HasFileno


class Turn(Struct, frozen=True, kw_only=True):
    """What one turn brought.

    Attributes:
        running: requests still running, of all providers together.
        completed: completions delivered.
        readable: those of the program's own descriptors that can be read now.
    """

    running: int
    completed: int
    readable: tuple[Readable, ...] = ()


def run(*providers: Provider, until: Callable[[], bool] | None = None, gather_ms: float = 0) -> None:
    """Drive `providers` until `until()` is true; without it, until nothing is running and a turn delivered nothing.

    `until` is asked after every turn. The loop also ends when every provider was closed, as a callback may do.
    Whatever a callback raises, and KeyboardInterrupt, leaves the loop; it can be run again.

    Args:
        providers: what to drive.
        until: None is until all is done.
        gather_ms: as `Watch` takes it.

    Raises:
        InvalidRequestError: `gather_ms` cannot be used.
        RuntimeError: `until()` is not true, and nothing is running that could make it so.
    """
    watch = Watch(*providers, gather_ms=gather_ms)
    turn = watch.drive()
    while not _is_over(watch, turn, until=until):
        # With nothing running there may be nothing to wake up for, but the last callbacks may have started something.
        turn = watch.turn() if turn.running or not turn.completed else watch.drive()


def _is_over(watch: Watch, turn: Turn, *, until: Callable[[], bool] | None) -> bool:
    if until is not None and until():
        return True
    if turn.running or turn.completed:
        return False
    if until is None or not watch.providers:
        return True
    if watch.timeout() < 0:
        raise RuntimeError("until() is still false and nothing is running: the loop would wait for ever")
    return False


def turn(providers: Iterable[Provider], *, also: Iterable[Readable] = (), max_wait_ms: int | None = None) -> Turn:
    """Wait until something can be done, do it, and say what it was: one step of a program's own loop.

    It waits for the providers, for any descriptor in `also` to be readable, and at most `max_wait_ms` milliseconds; None sets no
    limit, 0 does not wait. A program that reads commands while answers stream in::

        while True:
            if sys.stdin in select_loop.turn([provider], also=[sys.stdin]).readable:
                provider.start_stream(ask(sys.stdin.readline()), show, done)

    A program that calls it very often makes a `Watch` once and calls its `turn`.
    """
    return Watch(*providers, also=also).turn(max_wait_ms=max_wait_ms)


class Watch:
    """Providers and other descriptors, watched together turn after turn. It owns none of them and has nothing to close.

    A provider that is closed, in a callback or between turns, is watched no more.

    Args:
        providers: what to drive.
        also: what else ends a wait by being readable.
        gather_ms: how long, from the first, events of streams may wait for more, so that one turn brings many: 2 cost a
            reader nothing and save most of what turns cost where hundreds of streams are open. It holds for a turn that finds
            something to read while streams are all that is under way and their requests have left: a whole answer, a request
            on its way out, a time limit and a descriptor in `also` never wait. 0 lets nothing wait.

    Attributes:
        providers: those still open.

    Raises:
        InvalidRequestError: `gather_ms` is no number from 0 to 1000.
    """

    def __init__(self, *providers: Provider, also: Iterable[Readable] = (), gather_ms: float = 0) -> None:
        self._gather = gather_seconds(gather_ms)
        self._selector = make_selector()
        self._beside = make_selector()  # the others alone, for while events gather
        self._providers = {provider.fileno(): provider for provider in providers}
        for descriptor in self._providers:
            self._selector.register(descriptor, selectors.EVENT_READ)
        self._others = {self._selector.register(other, selectors.EVENT_READ).fd: other for other in also}
        for other in self._others.values():
            self._beside.register(other, selectors.EVENT_READ)
        alone = providers[0] if len(self._providers) == 1 and not self._others else None
        self._alone = alone
        poll: Callable[[int], int] | None = getattr(alone, "poll", None)
        self._poll = None if self._gather else poll
        self._wait_inside: Callable[[int], Any] | None = None if poll is None else getattr(alone, "wait", None)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers still open."""
        self._forget_closed()
        return tuple(self._providers.values())

    def timeout(self) -> int:
        """Milliseconds until the first provider wants its turn; -1 for none, 0 for now."""
        timeouts = [provider.timeout() for provider in self._providers.values()]
        return min((each for each in timeouts if each >= 0), default=-1)

    def turn(self, *, max_wait_ms: int | None = None) -> Turn:
        """Wait, then drive."""
        if self._poll is not None and self._alone is not None:
            running = self._poll(-1 if max_wait_ms is None else max_wait_ms)
            return Turn(running=running, completed=self._alone.info_read())
        readable = self.wait(max_wait_ms=max_wait_ms)
        turn = self.drive()
        return Turn(running=turn.running, completed=turn.completed, readable=readable)

    def wait(self, *, max_wait_ms: int | None = None) -> tuple[Readable, ...]:
        """Wait for a provider or another descriptor, and let events gather; return those others that can be read."""
        if not self._gather:
            return self._wait(max_wait_ms)[1]
        limits = [each for each in (self.timeout(), max_wait_ms) if each is not None and each >= 0]
        until = time.monotonic() + min(limits, default=math.inf) / 1000
        came, readable = self._wait(max_wait_ms)
        if came and not readable:
            left = min(self._gather, until - time.monotonic())
            if left > 0 and may_gather(self._providers.values()):
                return self._let_gather(left)
        return readable

    def _wait(self, max_wait_ms: int | None) -> tuple[bool, tuple[Readable, ...]]:
        """Wait; return whether a provider has something to do that had not before, and which others can be read."""
        if self._wait_inside is not None:
            return bool(self._wait_inside(-1 if max_wait_ms is None else max_wait_ms)), ()
        self._forget_closed()  # poll would report a closed descriptor as ready, again and again
        limits = [each for each in (self.timeout(), max_wait_ms) if each is not None and each >= 0]
        seconds = min(*limits, _LONGEST_WAIT_MS) / 1000 if limits else None
        ready = self._selector.select(seconds)
        readable = tuple(self._others[key.fd] for key, _ in ready if key.fd in self._others)
        return len(ready) > len(readable), readable

    def _let_gather(self, seconds: float) -> tuple[Readable, ...]:
        """Wait for more; what the program's own descriptors bring ends that."""
        if self._others:
            return tuple(self._others[key.fd] for key, _ in self._beside.select(seconds))
        time.sleep(seconds)
        if self._wait_inside is not None:
            self._wait_inside(0)  # it looks again: what it found before is not all there is now
        return ()

    def drive(self) -> Turn:
        """Let every provider do what it can now, without waiting.

        All of them, not only the ready: a `perform()` with nothing to do costs little, and a timeout shows on no descriptor.
        One that was closed, by a callback just now or before, does nothing.
        """
        running = completed = 0
        for provider in tuple(self._providers.values()):
            running += provider.perform()
            completed += provider.info_read()
        return Turn(running=running, completed=completed)

    def _forget_closed(self) -> None:
        for descriptor, provider in tuple(self._providers.items()):
            if is_closed(provider):
                del self._providers[descriptor]
                self._selector.unregister(descriptor)


def is_closed(provider: Provider) -> bool:
    """Whether a provider was closed; its descriptor then says so."""
    try:
        provider.fileno()
    except ProviderClosedError:
        return True
    return False
