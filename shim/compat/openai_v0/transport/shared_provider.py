"""One provider of the caller's own, used by any thread: one at a time touches it, and none of them closes it.

Not a layer: it changes nothing of a call. A provider belongs to one thread at a time (`shim.provider`, invariant 10); a lock sees
to that. What one thread's turn delivers for another's call does not wake the other, so each looks again after `LOOK_AGAIN_MS`.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, cast

from shim.provider import Provider

LOOK_AGAIN_MS = 20
"""Milliseconds; 50 turns a second while a thread waits are not felt, and nor is so small a delay of an answer."""

_GUARDED = frozenset({"start_request", "start_stream", "perform", "info_read", "cancel"})
_WITHHELD = frozenset(
    {"poll", "wait", "wakeup", "may_gather"}
)  # a thread that waited under the lock would keep the others out


class _Shared:
    """A provider behind a lock."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.RLock()
        self.name = provider.name

    def timeout(self) -> int:
        with self._lock:
            milliseconds = self._provider.timeout()
        return LOOK_AGAIN_MS if milliseconds < 0 else min(milliseconds, LOOK_AGAIN_MS)

    def close(self) -> None:
        """Leave it open: it is its maker's to close."""

    def __getattr__(self, name: str) -> Any:
        if name in _WITHHELD:
            raise AttributeError(
                f"a shared provider has no {name}(): its threads wait for its descriptor", name=name, obj=self
            )
        act = getattr(self._provider, name)
        return self._under_lock(act) if name in _GUARDED else act

    def _under_lock(self, act: Any) -> Any:
        def locked(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return act(*arguments, **named)

        return locked


_made: weakref.WeakKeyDictionary[Provider, _Shared] = weakref.WeakKeyDictionary()


def shared(provider: Provider) -> Provider:
    """The provider as every thread may hold it; all get the same lock."""
    found = _made.get(provider)
    if found is None:
        found = _made.setdefault(provider, _Shared(provider))
    return cast("Provider", found)
