"""Worker processes that judge lines side by side, and hand back what they found in the order of the lines.

Not the judging (`judge`, whose verbs these are), nor a process (`worker_process`). The processes are spawned, not forked: a fork
would copy the threads' locks of readers and of whoever calls. Theory of operation: a worker has some lines at a time, and is sent
the next once it has answered. So a worker is always reading when it is written to, no pipe can fill on both sides, and what is in
flight is bounded: a batch per worker, and the answers that wait for an earlier one (`_WINDOW`).

A worker that ends early is replaced. The lines it was at are then tried one by one, while nothing else is compared; one that ends
its process again is judged to have failed its comparator, with what ended the process. Its other lines are handed out again.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from shim.comparison.runs.judge import ComparerMaker, Judged, ReadsLines, batches
from shim.comparison.runs.lines import Line
from shim.comparison.runs.worker_process import (
    JudgeSettings,
    Pipe,
    WorkerEndedError,
    WorkerError,
    WorkerProcess,
    interrupts_held_back,
)

if TYPE_CHECKING:
    from typing_extensions import Self

# A batch grows until handing it over costs little beside comparing it, and no further: what is found comes by batches, and an
# interrupted run loses those under way. Comparing takes from a tenth of a millisecond to seconds, for every split of a body.
_LARGEST_BATCH = 64
_QUICK, _SLOW = 0.1, 0.5  # seconds for a batch
_WINDOW = 4  # batches per worker that may be ahead of the oldest that is not answered

# Workers that may end early: as many as ten bad lines cost, and then one bad line in a hundred, each of which ends two. Where
# more do, it is not the lines: a machine without memory ends workers over any of them.
SPARE_WORKERS = 20
_LINES_PER_SPARE = 50


class Workers:
    """Some processes that judge. Close them; a context manager does. Belongs to one thread.

    Args:
        make_comparer: pickled into each worker, and called there.
        count: how many processes.
        reads: likewise pickled; of each worker's `Judge`.
        details: of each worker's `Judge`.
        on_replaced: told of each worker that ended early: which, how, and what it had.
    """

    def __init__(
        self,
        make_comparer: ComparerMaker,
        *,
        count: int,
        reads: ReadsLines[Any] | None = None,
        details: int = 0,
        on_replaced: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._settings = JudgeSettings(make_comparer, reads=reads, details=details)
        self._on_replaced = on_replaced
        self._workers: dict[int, WorkerProcess] = {}
        self._held: dict[int, _Piece] = {}  # a worker's name -> what it has
        self._under_way: deque[_Batch] = deque()  # in the order in which they are told
        self._again: deque[_Piece] = deque()
        self._suspects: deque[_Piece] = deque()
        self._batch_lines = 1
        self._answered = self._ended = 0  # lines, workers
        try:
            with interrupts_held_back():
                for name in range(1, count + 1):
                    self._start(name)
        except BaseException:  # a Ctrl-C that was held back, too
            self.close()
            raise

    def judge(self, lines: Iterable[Line]) -> Iterator[tuple[Line, Judged]]:
        """Judge lines; what comes out is in their order.

        Raises:
            WorkerError: no worker could begin, or make its comparer; or too many ended early.
        """
        waiting = batches(lines, lambda: self._batch_lines)
        while True:
            more = self._hand_out(waiting)
            while self._under_way and not self._under_way[0].missing:
                yield from self._under_way.popleft().results
            busy = {self._workers[name].pipe: name for name in self._held}
            if not busy and not more:
                return
            for pipe in wait(list(busy)) if busy else ():
                self._take(busy[cast("Pipe", pipe)])

    def _hand_out(self, waiting: Iterator[Batch]) -> bool:
        """Give idle workers something to do, as far as the window lets; False once there is none left."""
        if self._suspects or any(piece.is_alone for piece in self._held.values()):
            if not self._held:  # the memory is its alone
                self._hand(next(iter(self._workers)), self._suspects.popleft())
            return True
        for name in self._workers.keys() - self._held.keys():
            piece = self._again.popleft() if self._again else self._next_of(waiting)
            if piece is None:
                return len(self._under_way) >= _WINDOW * len(self._workers)
            self._hand(name, piece)
        return True

    def _next_of(self, waiting: Iterator[Batch]) -> _Piece | None:
        if len(self._under_way) >= _WINDOW * len(self._workers):
            return None
        lines = next(waiting, None)
        if lines is None:
            return None
        self._under_way.append(_Batch(lines))
        return _Piece(self._under_way[-1], 0, len(lines))

    def _hand(self, name: int, piece: _Piece) -> None:
        self._held[name] = piece
        self._workers[name].hand(piece.lines, alone=piece.is_alone)

    def _take(self, name: int) -> None:
        """Take what a worker has to say, or see to its end."""
        worker = self._workers[name]
        try:
            found = worker.answer()
        except WorkerEndedError:
            self._replace(worker, self._held.pop(name))
            return
        if found is None:
            return
        self._held.pop(name).answer(found)
        self._answered += len(found)
        self._fit_batches(worker.took)

    def _replace(self, worker: WorkerProcess, piece: _Piece) -> None:
        """Put another in the place of a worker that ended early, and see to what it had.

        Raises:
            WorkerError: none ever began, or too many ended early.
        """
        words = worker.obituary
        if not worker.has_begun and not self._answered:
            raise WorkerError(words)
        self._ended += 1
        if self._ended > SPARE_WORKERS + self._answered // _LINES_PER_SPARE:
            raise WorkerError(
                f"{self._ended} workers ended early over {self._answered} lines that were compared, which is the machine more "
                f"than the lines; the last: {words}. Give it more memory, or fewer --workers"
            )
        self._on_replaced(words)
        first, end = worker.suspects
        if first == end:  # it was at none of them
            (self._suspects if piece.is_alone else self._again).appendleft(piece)
        elif piece.is_alone:
            piece.answer([worker.given_up()])
        else:
            self._suspects.extend(piece.part(place, place + 1, alone=True) for place in range(first, end))
            around = (piece.part(0, first), piece.part(end, len(piece.lines)))
            self._again.extend(part for part in around if part.lines)
        del self._workers[worker.name]
        worker.end()
        worker.join()
        with interrupts_held_back():
            self._start(worker.name)

    def _start(self, name: int) -> None:
        try:
            worker = WorkerProcess(self._context, self._settings, name=name)
        except OSError as error:
            words = f"worker {name} cannot be started: {error.strerror or error}; give fewer --workers"
            raise WorkerError(words) from error
        self._workers[name] = worker

    def _fit_batches(self, took: float) -> None:
        if took < _QUICK:
            self._batch_lines = min(2 * self._batch_lines, _LARGEST_BATCH)
        elif took > _SLOW:
            self._batch_lines = max(self._batch_lines // 2, 1)

    def close(self) -> None:
        """End the processes and wait for them; one that is comparing is not waited for."""
        for worker in self._workers.values():
            worker.end()
        for worker in self._workers.values():
            worker.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


Batch = list[Line]


class _Batch:
    """Lines that were taken together, and what was found in them so far; `missing` are not answered yet."""

    def __init__(self, lines: Batch) -> None:
        self.lines = lines
        self.missing = len(lines)
        self._found: dict[int, Judged] = {}

    def answer(self, first: int, found: list[Judged]) -> None:
        self._found.update(enumerate(found, start=first))
        self.missing -= len(found)

    @property
    def results(self) -> Iterator[tuple[Line, Judged]]:
        return ((line, self._found[place]) for place, line in enumerate(self.lines))


class _Piece(NamedTuple):
    """What a worker is handed of a batch: all of it, or what is left; `is_alone`: a line that may have ended a process."""

    batch: _Batch
    first: int
    end: int
    is_alone: bool = False

    @property
    def lines(self) -> Batch:
        return self.batch.lines[self.first : self.end]

    def part(self, first: int, end: int, *, alone: bool = False) -> _Piece:
        return _Piece(self.batch, self.first + first, self.first + end, is_alone=alone)

    def answer(self, found: list[Judged]) -> None:
        self.batch.answer(self.first, found)


def usable_cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__all__ = ["SPARE_WORKERS", "WorkerError", "Workers", "usable_cores"]
