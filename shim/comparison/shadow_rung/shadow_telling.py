"""Who is told of the shadow: the callback of each pair, the log, the callback of errors.

Not the counting (`shadow_state`). Whatever goes wrong here is counted and logged, and nothing is raised. Of an exception its type
is logged and no more: its message may hold what somebody said to a model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import Context
from typing import TypeAlias

from msgspec import Struct

from shim.comparison.live.notifier import is_interrupt
from shim.comparison.live.throttle import Ration
from shim.comparison.shadow_rung.observation import ShadowPair
from shim.recording.exchange import error_type

LOGGER = logging.getLogger("shim.comparison.shadow")

OnPair: TypeAlias = Callable[[ShadowPair], object]
OnShadowError: TypeAlias = Callable[[BaseException], object]

_WARNINGS_A_MINUTE = 10  # of each place of faults: a candidate that always fails would fill a log


class ShadowTellingSettings(Struct, frozen=True, kw_only=True):
    """Who is told what; see `ShadowComparison`."""

    on_pair: OnPair | None
    on_error: OnShadowError | None
    logger: logging.Logger


class ShadowTelling:
    """Tells of pairs, faults and stops.

    Args:
        settings: who is told.
        count_fault: adds one to the faults of a place.
    """

    def __init__(self, settings: ShadowTellingSettings, *, count_fault: Callable[[str], object]) -> None:
        self._settings = settings
        self._count_fault = count_fault
        self._rations: dict[str, Ration] = {}

    def pair(self, pair: ShadowPair, context: Context) -> None:
        """Give a pair to `on_pair`, in a copy of the context its request was handed over in."""
        on_pair = self._settings.on_pair
        if on_pair is not None:
            try:
                context.copy().run(on_pair, pair)
            except BaseException as error:  # noqa: BLE001 - even what would end this thread must not end the shadow
                self.fault("on_pair", error)

    def fault(self, place: str, error: BaseException) -> None:
        """Count, log and tell what was raised; on the thread where it was."""
        self._count_fault(place)
        ration = self._rations.setdefault(place, Ration(_WARNINGS_A_MINUTE))
        if ration.pass_one(time.monotonic()) is not None:
            self._log(logging.WARNING, "the shadow met %s in %s; the control is not touched", error_type(error), place)
        on_error = self._settings.on_error
        if on_error is not None:
            try:
                on_error(error)
            except BaseException as worse:
                if is_interrupt(worse):
                    raise
                self._count_fault("on_error")

    def stopped(self, reason: str) -> None:
        """Say that no more calls are made."""
        self._log(logging.WARNING, "the shadow makes no more calls: %s; resume(reason) lets it go on", reason)

    def resumed(self, reason: str) -> None:
        """Say that calls are made again."""
        self._log(logging.INFO, "the shadow makes calls again: %s", reason)

    def _log(self, level: int, text: str, *arguments: object) -> None:
        try:
            self._settings.logger.log(level, text, *arguments)
        except BaseException as broken:
            if is_interrupt(broken):
                raise
            self._count_fault("logger")  # a broken log handler cannot be told of in the log
