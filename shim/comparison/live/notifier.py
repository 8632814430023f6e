"""What becomes of live verdicts: the callback, the warnings, the exchanges that are kept.

Not the comparing (`worker`). Whatever goes wrong here is counted, given to `on_error` and logged, and nothing is raised. Of
an exception its type and place are logged, and no more: its message may hold what somebody said to a model.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.live.throttle import Ration
from shim.comparison.verdict import Outcome, Verdict
from shim.recording.exchange import error_type

if TYPE_CHECKING:
    from shim.recording.exchange import Exchange
    from shim.recording.files import ExchangeWriter
    from shim.recording.rotation import RecordingPath, RotatingWriter

LOGGER = logging.getLogger("shim.comparison.live")

OnVerdict: TypeAlias = Callable[[Verdict], object]
OnError: TypeAlias = Callable[[BaseException], object]
RecordTo: TypeAlias = "RecordingPath | Callable[[Exchange], object]"
Record: TypeAlias = Literal["mismatches", "all"]


class TellingSettings(Struct, frozen=True, kw_only=True):
    """Who is told what; see `LiveComparison`."""

    on_verdict: OnVerdict | None
    on_error: OnError | None
    record_to: RecordTo | None
    record: Record
    max_recorded: int
    max_warnings: int
    logger: logging.Logger


class Telling:
    """Tells of verdicts and errors. Belongs to the worker's thread, but for `error`.

    Args:
        settings: who is told what.
        count: adds one to the counter of a name.
    """

    def __init__(self, settings: TellingSettings, *, count: Callable[[str], None]) -> None:
        self._settings = settings
        self._count = count
        self._kept = _Kept(settings)
        self._rations: dict[str, Ration] = {}

    def verdicts(self, verdicts: Sequence[Verdict], *, exchange: Exchange, context: Context) -> None:
        """Tell the verdicts on one exchange; `on_verdict` runs in `context`."""
        self._guarded("record_to", self._keep, exchange, verdicts)
        on_verdict = self._settings.on_verdict
        for verdict in verdicts:
            self._guarded("logger", self._warn_of, verdict)
            if on_verdict is not None:
                self._guarded("on_verdict", context.run, on_verdict, verdict)

    def error(self, error: BaseException, *, what: str) -> None:
        """Tell that something of the comparison itself went wrong."""
        self.warn("error", "the live comparison failed in %s: %s", what, _shown(error))
        if self._settings.on_error is not None:
            try:
                self._settings.on_error(error)
            except BaseException as worse:
                if is_interrupt(worse):
                    raise
                self._count("callback_errors")
                self.warn("error", "the live comparison failed in %s: %s", "on_error", _shown(worse))

    def warn(self, kind: str, text: str, *arguments: object) -> None:
        """Log a warning, at most so many of a kind a minute; those held back are told of with the next."""
        ration = self._rations.setdefault(kind, Ration(self._settings.max_warnings))
        held_back = ration.pass_one(time.monotonic())
        if held_back is None:
            self._count("unlogged")
            return
        before = f" ({held_back} more of this kind were not logged before)" if held_back else ""
        try:
            self._settings.logger.warning(text + "%s", *arguments, before)
        except BaseException as broken:
            if is_interrupt(broken):
                raise
            self._count("callback_errors")  # a broken log handler cannot be told of in the log

    def close(self) -> None:
        """End the file of kept exchanges."""
        self._guarded("record_to", self._kept.close)

    def _keep(self, exchange: Exchange, verdicts: Sequence[Verdict]) -> None:
        if self._kept.wants(verdicts):
            self._kept.keep(exchange, verdicts)
            if self._kept.is_full:
                self.warn(
                    "full", "%d exchanges are kept, and no more will be: max_recorded", self._settings.max_recorded
                )

    def _warn_of(self, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.MISMATCH:
            self.warn("mismatch", "mismatch on the %s rung: %s", verdict.rung, verdict.message)
        elif verdict.outcome is Outcome.FAILED:
            self.warn("failed", "could not compare on the %s rung: %s", verdict.rung, verdict.reason)

    def _guarded(self, what: str, act: Callable[..., object], *arguments: Any) -> None:
        try:
            act(*arguments)
        except BaseException as error:  # noqa: BLE001 - even what would end this thread must not end the comparing
            self._count("callback_errors")
            self.error(error, what=what)


class _Kept:
    """The exchanges that are kept, each with its verdicts in its context: `shim compare` reads the file again."""

    def __init__(self, settings: TellingSettings) -> None:
        self._to = settings.record_to
        self._all = settings.record == "all"
        self._left = settings.max_recorded
        self._writer: ExchangeWriter | RotatingWriter | None = None

    def wants(self, verdicts: Sequence[Verdict]) -> bool:
        """Whether to keep the exchange these verdicts are on."""
        return self._to is not None and self._left > 0 and (self._all or not all(verdict.ok for verdict in verdicts))

    def keep(self, exchange: Exchange, verdicts: Sequence[Verdict]) -> None:
        """Write one, or hand it over; one that could not be written is none of those kept."""
        told: list[Any] = msgspec.to_builtins(list(verdicts))
        exchange = replace(exchange, context={**exchange.context, "verdicts": told})
        if callable(self._to):
            self._to(exchange)
        elif self._to is not None:
            self._file(self._to).write(exchange)
        self._left -= 1

    @property
    def is_full(self) -> bool:
        """Whether as many are kept as may be."""
        return self._left <= 0

    def close(self) -> None:
        """End the file, where one was begun."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _file(self, path: RecordingPath) -> ExchangeWriter | RotatingWriter:
        if self._writer is None:
            from shim.recording.rotation import writer_to

            self._writer = writer_to(path)
        return self._writer


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception is the main thread's own: Ctrl-C, say. On the worker's thread nothing ends the process."""
    return not isinstance(error, Exception) and threading.current_thread() is threading.main_thread()


def _shown(error: BaseException) -> str:
    """The type of an exception and where it arose."""
    kind = error_type(error)
    last = error.__traceback__
    if last is None:
        return kind
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    return f"{kind} in {code.co_name} ({Path(code.co_filename).name}:{last.tb_lineno})"
