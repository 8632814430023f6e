"""Worker processes that judge lines side by side, and hand back what they found in the order of the lines.

Not the judging (`judge`). The processes are spawned, not forked: a fork would copy the threads' locks of readers and of whoever
calls. Theory of operation: a worker has one batch at a time, and is sent the next once it has answered. So a worker is always
reading when it is written to, no pipe can fill on both sides, and what is in flight is bounded: a batch per worker, and the
answers that wait for an earlier one (`_WINDOW`).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from shim.comparison.runs.judge import ComparerMaker, Judge, Judged, batches
from shim.comparison.runs.lines import Line

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext

    from typing_extensions import Self

Batch: TypeAlias = "list[Line]"
_Pipe: TypeAlias = "Connection[Any, Any]"

# A batch grows until handing it over costs little beside comparing it, and no further: what is found comes by batches, and an
# interrupted run loses those under way. Comparing takes from a tenth of a millisecond to seconds, for every split of a body.
_LARGEST_BATCH = 64
_QUICK, _SLOW = 0.1, 0.5  # seconds for a batch
_WINDOW = 4  # batches per worker that may be ahead of the oldest that is not answered
_PATIENCE = 2.0  # seconds for a worker to end by itself, before it is killed


class WorkerError(RuntimeError):
    """A worker ended before its answer; the message names it, what ended it and the exchange it had."""


class Workers:
    """Some processes that judge. Close them; a context manager does. Belongs to one thread.

    Args:
        make_comparer: pickled into each worker, and called there.
        count: how many processes.
        details: of each worker's `Judge`.
    """

    def __init__(self, make_comparer: ComparerMaker, *, count: int, details: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._answers: dict[int, tuple[Batch, list[Judged]]] = {}
        self._handed = self._told = 0  # batches
        self._batch_lines = 1
        try:
            with _interrupts_held_back():
                for name in range(1, count + 1):
                    self._workers.append(_Worker(context, make_comparer, name=name, details=details))
        except BaseException:  # a Ctrl-C that was held back, too
            self.close()
            raise

    def judge(self, lines: Iterable[Line]) -> Iterator[tuple[Line, Judged]]:
        """Judge lines; what comes out is in their order.

        Raises:
            WorkerError: a worker ended early, or could not make its comparer.
        """
        waiting = batches(lines, lambda: self._batch_lines)
        while True:
            more = self._hand_out(waiting)
            while self._told in self._answers:
                yield from zip(*self._answers.pop(self._told), strict=True)
                self._told += 1
            busy = {worker.pipe: worker for worker in self._workers if worker.batch}
            if not busy and not more:
                return
            for pipe in wait(list(busy)) if busy else ():
                worker = busy[cast("_Pipe", pipe)]
                self._answers[worker.place] = (worker.batch, worker.answer())
                self._fit_batches(worker.took)

    def _hand_out(self, waiting: Iterator[Batch]) -> bool:
        """Give idle workers a batch, as far as the window lets; False once there is none left."""
        for worker in self._workers:
            if worker.batch or self._handed - self._told >= _WINDOW * len(self._workers):
                continue
            batch = next(waiting, None)
            if batch is None:
                return False
            worker.hand(batch, place=self._handed)
            self._handed += 1
        return True

    def _fit_batches(self, took: float) -> None:
        if took < _QUICK:
            self._batch_lines = min(2 * self._batch_lines, _LARGEST_BATCH)
        elif took > _SLOW:
            self._batch_lines = max(self._batch_lines // 2, 1)

    def close(self) -> None:
        """End the processes and wait for them; one that is comparing is not waited for."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class _Worker:
    """The parent's side of one process; `batch` is what it has not answered yet."""

    def __init__(self, context: SpawnContext, make_comparer: ComparerMaker, *, name: int, details: int) -> None:
        self.batch: Batch = []
        self.place = 0
        self.took = 0.0  # seconds for its last batch
        self._handed_at = 0.0
        self.pipe, theirs = context.Pipe()
        self._name = name
        # First and last line it is at, for when it cannot tell any more.
        self._at = context.RawArray("q", [_NOTHING, _NOTHING])
        self._process = context.Process(
            target=_work,
            args=(theirs, self._at),
            kwargs={"make_comparer": make_comparer, "details": details},
            daemon=True,
        )
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def hand(self, batch: Batch, *, place: int) -> None:
        self.batch, self.place, self._handed_at = batch, place, time.monotonic()
        with contextlib.suppress(OSError):  # it has ended: `answer` says why
            self.pipe.send(batch)

    def answer(self) -> list[Judged]:
        """What it found in its batch; waits for it."""
        try:
            found = self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerError(self._obituary()) from None
        if isinstance(found, str):
            raise WorkerError(f"worker {self._name} could not make its comparer: {found}")
        self.batch, self.took = [], time.monotonic() - self._handed_at
        return cast("list[Judged]", found)

    def end(self) -> None:
        self.pipe.close()
        if self.batch:
            self._process.terminate()

    def join(self) -> None:
        for last_resort in (self._process.terminate, self._process.kill, lambda: None):
            self._process.join(_PATIENCE)
            if self._process.exitcode is not None:
                break
            last_resort()
        self._process.close()

    def _obituary(self) -> str:
        self._process.join(_PATIENCE)
        first, last = self._at
        lines = [line for line in self.batch if first <= line.number <= last]
        if first == _NOTHING:
            had = "before it was ready"
        else:
            had = f"while it compared {_named(lines)}" if lines else f"before it compared {_named(self.batch)}"
        return f"worker {self._name} (process {self._process.pid}) {_how_ended(self._process.exitcode)} {had}"


_NOTHING = -1


def _named(lines: Batch) -> str:
    """The lines a worker had before it: one, or those it compared together."""
    first, last = lines[0], lines[-1]
    if len(lines) == 1:
        return f"{first.place} (exchange {first.number})"
    return f"{first.place} to {last.place} (exchanges {first.number} to {last.number})"


def _how_ended(status: int | None) -> str:
    if status is None or status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    hint = " (so the system ends processes when memory runs out)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def _work(pipe: _Pipe, at: Any, *, make_comparer: ComparerMaker, details: int) -> None:
    """What a worker does until its pipe ends. Ctrl-C reaches the whole process group; the parent sees to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        judge = Judge(make_comparer(), details=details)
    except Exception as error:  # noqa: BLE001 - told to the parent, which ends the run with it
        pipe.send(f"{type(error).__name__}: {error}")
        return
    with contextlib.closing(judge), contextlib.suppress(EOFError, OSError):  # the parent has closed, or is gone
        while True:
            parts = batches(pipe.recv(), lambda: judge.at_once)
            pipe.send([judged for part in parts for judged in _judged(judge, part, at=at)])


def _judged(judge: Judge, lines: Batch, *, at: Any) -> list[Judged]:
    at[:] = (lines[0].number, lines[-1].number)
    return judge.judge_all(lines)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back while processes are started: they inherit that, and are not interrupted before they can see to it.

    The mask is what they inherit. It is this thread's alone, and a signal then goes to another thread and is handled here all the
    same: so it is noted meanwhile, and handled afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    noted: list[tuple[int, FrameType | None]] = []
    is_ours = threading.current_thread() is threading.main_thread()  # no other thread may set handlers, nor runs them
    handler = signal.signal(signal.SIGINT, lambda *received: noted.append(received)) if is_ours else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        if noted and callable(handler):
            handler(*noted[0])


def usable_cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
