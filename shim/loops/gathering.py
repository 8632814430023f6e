"""Gathering: how long a loop may let what comes wait, so that one turn brings the events of many.

Not the waiting (`select_loop`, `asyncio_loop`), nor what may gather: a provider tells that (`shim.provider.Gathering`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from shim.model import InvalidRequestError
from shim.model.checks import kind_of
from shim.provider import Provider

_MOST_MS: Final = 1000  # a reader sees that text comes in jumps long before


def gather_seconds(gather_ms: object) -> float:
    """The setting `gather_ms` in seconds, once it is clear that it is one.

    Raises:
        InvalidRequestError: it is no number of milliseconds from 0 to 1000.
    """
    if isinstance(gather_ms, (int, float)) and not isinstance(gather_ms, bool) and 0 <= gather_ms <= _MOST_MS:
        return gather_ms / 1000
    remedy = f"give milliseconds from 0, for none, to {_MOST_MS}; 2 is usual"
    raise InvalidRequestError(f"gather_ms is {_found(gather_ms)}; {remedy}", field="gather_ms")


def _found(gather_ms: object) -> str:
    return (
        kind_of(gather_ms) if isinstance(gather_ms, bool) or not isinstance(gather_ms, (int, float)) else "out of range"
    )


def may_gather(providers: Iterable[Provider], hurry: Callable[[], object] | None = None) -> bool:
    """Whether what comes next are events of streams alone; of a provider that does not tell it is not known, and so not so."""
    told = [getattr(provider, "may_gather", None) for provider in providers]
    return all(tell is not None and tell(hurry) for tell in told)
