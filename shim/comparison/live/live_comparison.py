"""Live comparison: both rungs over production's exchanges as they come, off the hot path.

Not the recording (`session_tap`), not the link between an exchange and its `ModelRequest` (`experiment`), no second call to
the API. It can never hurt the control: handing an exchange over never waits and never raises, what does not fit is dropped and
counted, the comparing has a thread and a share of the time of its own, and whatever is raised there is caught and counted.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, get_args

from shim.comparison.live.notifier import LOGGER, OnError, OnVerdict, Record, RecordTo, TellingSettings
from shim.comparison.live.worker import ComparesExchanges, Counts, Item, Worker, WorkerSettings

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison.verdict import Rung
    from shim.model import ModelRequest
    from shim.recording.exchange import Exchange

__all__ = ["ComparesExchanges", "Counts", "LiveComparison"]

_MIB = 1024 * 1024

# What an exchange takes besides its bodies: headers, structs, a Segment for each piece that was read.
_OVERHEAD_BYTES = 2048
_SEGMENT_BYTES = 120


class LiveComparison:
    """Compares the exchanges handed to it, on a thread of its own. A sink: `tap(session, live)`. Use it from any thread.

    After a fork the child compares what it is handed itself, with counters of its own, and leaves its parent's to the parent.

    Args:
        make_comparer: makes what compares, called on the thread that compares: `shim.factory.create_comparer`, say.
        on_verdict: gets each `Verdict`, on that thread, in a copy of the context (`contextvars`) the request was started in.
        record_to: where the exchanges go that did not match, each with its verdicts in `context["verdicts"]`: a path of a JSON
            Lines file (`.gz` too) that `shim compare` reads again, a `RotatingFile` for several, or a callable that takes the
            `Exchange`. The `ModelRequest` is not kept: read again, the wire rung takes what was asked from the recorded body.
        record: "mismatches", with those that could not be compared, or "all".
        max_recorded: at most so many exchanges are kept, in each process, so that no disk fills up.
        sample: the share of exchanges compared, 0 to 1.
        max_queue, max_bytes: how many exchanges, and how many bytes of them, wait at a time; more are dropped.
        max_exchange_bytes: exchanges larger than this are skipped.
        max_seconds: a comparison that takes longer is counted as an overrun. Nothing can end it from outside; what keeps it
            from hurting is the rest after it, which `max_share` asks for.
        max_share: of the time at which the thread is at work at most, as the interpreter's lock is shared with production;
            1 for no limit. What comes faster waits, and is then dropped.
        max_warnings: logged a minute of each kind (mismatches, errors, ...); more are counted in `counts.unlogged`. The message
            of a mismatch quotes the bodies around it: 0 where no conversation may stand in a log.
        logger: gets one warning a mismatch, with its message; nothing for a match. None is "shim.comparison.live".
        on_error: gets what the comparing, a callback or the recording raised, on the thread where it was raised.

    Raises:
        ValueError: a setting is out of its range; the message names it.
        TypeError: `make_comparer` or a callback cannot be called.
    """

    def __init__(
        self,
        make_comparer: Callable[[], ComparesExchanges],
        *,
        on_verdict: OnVerdict | None = None,
        record_to: RecordTo | None = None,
        record: Record = "mismatches",
        max_recorded: int = 1000,
        sample: float = 1.0,
        max_queue: int = 1000,
        max_bytes: int = 32 * _MIB,
        max_exchange_bytes: int = 4 * _MIB,
        max_seconds: float = 5.0,
        max_share: float = 0.1,
        max_warnings: int = 10,
        logger: logging.Logger | None = None,
        on_error: OnError | None = None,
    ) -> None:
        _check_callables(make_comparer=make_comparer, on_verdict=on_verdict, on_error=on_error)
        _check_least(1, max_queue=max_queue, max_bytes=max_bytes, max_exchange_bytes=max_exchange_bytes)
        _check_least(0, max_recorded=max_recorded, max_warnings=max_warnings, max_seconds=max_seconds, sample=sample)
        _check_share(sample=sample, max_share=max_share)
        if max_share == 0:
            raise ValueError("max_share is 0, so nothing would be compared; give a share over 0, or leave the tap out")
        if record not in get_args(Record):
            raise ValueError(f"record is {record!r}; give one of {', '.join(get_args(Record))}")
        telling = TellingSettings(
            on_verdict=on_verdict,
            on_error=on_error,
            record_to=record_to,
            record=record,
            max_recorded=max_recorded,
            max_warnings=max_warnings,
            logger=logger or LOGGER,
        )
        self._settings = WorkerSettings(
            make_comparer=make_comparer,
            max_queue=max_queue,
            max_bytes=max_bytes,
            max_seconds=max_seconds,
            max_share=max_share,
            telling=telling,
        )
        self._sample = sample
        self.max_exchange_bytes = max_exchange_bytes
        self._workers: dict[int, Worker] = {}  # by process: its own, and those of the processes it was forked from

    @property
    def counts(self) -> Counts:
        """What became of the exchanges of this process so far."""
        return self._worker().counts

    def __call__(self, exchange: Exchange) -> None:
        """Take an exchange, as a sink does; `submit` says how."""
        self.submit(exchange)

    def submit(
        self,
        exchange: Exchange,
        *,
        request: ModelRequest | None = None,
        context: Context | None = None,
        rungs: tuple[Rung, ...] | None = None,
    ) -> None:
        """Take an exchange to compare it later, or drop and count it; never waits for the comparing, never raises.

        Args:
            exchange: the control's.
            request: what the application asked for, where it is known: the wire rung is then a proof.
            context: what `on_verdict` runs in a copy of; None is the caller's.
            rungs: whose verdicts count, of those that what compares has; None is all.
        """
        try:
            worker = self._worker()
            size = size_of(exchange)
            if size > self.max_exchange_bytes or exchange.ended == "overflow" or not self._is_sampled():
                worker.skip()
            else:
                worker.put(Item(exchange, request, copy_context() if context is None else context, size, rungs))
        except Exception as error:  # noqa: BLE001 - the caller is production
            self.note_error(error, what="submit")

    def note_error(self, error: Exception, *, what: str) -> None:
        """Count, tell and log what went wrong beside the comparing; never raises."""
        worker = self._worker()
        worker.count("callback_errors")
        worker.telling.error(error, what=what)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was taken is compared; False where it was not within `timeout` seconds."""
        return self._worker().flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Take no more, compare what waits for at most `timeout` seconds, without rests, and count the rest as dropped.

        Returns:
            False where the thread is still busy with one comparison; it ends when that does, or with the program. True otherwise.
            Call it again at any time; called on the comparing thread itself it does not wait for it.
        """
        return self._worker().close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        counts = self.counts
        return f"<LiveComparison: {counts.compared} compared, {counts.mismatch} mismatches, {counts.waiting} waiting>"

    def _worker(self) -> Worker:
        process = os.getpid()
        worker = self._workers.get(process)
        if worker is None:
            for inherited in list(self._workers.values()):
                inherited.abandon()
            worker = self._workers.setdefault(
                process, Worker(self._settings)
            )  # one step: another thread may be here too
        return worker

    def _is_sampled(self) -> bool:
        return self._sample >= 1 or random.random() < self._sample  # noqa: S311 - chooses what to compare, guards nothing


def size_of(exchange: Exchange) -> int:
    """Bytes that an exchange holds, about."""
    response = exchange.response
    size = _OVERHEAD_BYTES + max(0, exchange.request.length)
    return size if response is None else size + response.length + _SEGMENT_BYTES * len(response.segments)


def _check_callables(**callbacks: Any) -> None:
    for name, callback in callbacks.items():
        if not (callable(callback) or (callback is None and name != "make_comparer")):
            raise TypeError(f"{name} is of type {type(callback).__name__}; give a function")


def _check_least(least: int, **numbers: float) -> None:
    for name, number in numbers.items():
        if not number >= least:
            raise ValueError(f"{name} is {number!r}; give {least} or more")


def _check_share(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share!r}; give a share from 0 to 1")
