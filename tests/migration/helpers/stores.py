"""A real store that can be switched off: each of its methods raises then, as one that is down does."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from shim.migration import SqliteStore, Store
from shim.migration.store import StoreError, StoreUnavailableError


class Switchable:
    """Passes each call to a store, or raises while it is `down`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.down = False
        self.refuses = False
        self._answers = threading.Event()
        self._answers.set()

    @contextmanager
    def hang(self) -> Iterator[Callable[[], None]]:
        """Let calls wait until what is given is called, or the block ends; ten seconds at most."""
        self._answers.clear()
        try:
            yield self._answers.set
        finally:
            self._answers.set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        @functools.wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            self._answers.wait(10.0)
            if self.refuses:
                raise StoreError("the store may only be read")
            if self.down and name != "unit_key":
                raise StoreUnavailableError("the store is switched off")
            return method(*args, **named)

        return call


def switchable(path: object) -> tuple[Store, Switchable]:
    """A store in a file, and the same as what switches it."""
    found = Switchable(cast("Store", SqliteStore(str(path))))
    return cast("Store", found), found
