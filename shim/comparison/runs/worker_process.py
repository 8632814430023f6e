"""One worker process that judges: the parent's side of it, and what it does until its pipe ends.

Not who gives it what, nor what becomes of the lines it had when it ended early (`workers`), nor the judging (`judge`). A line
that is tried alone is answered twice: first what is known of it before it is compared, for when comparing it ends the process.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.runs.judge import ComparerMaker, Judge, Judged, ReadsLines
from shim.comparison.runs.lines import Line

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext

Pipe: TypeAlias = "Connection[Any, Any]"

_PATIENCE = 2.0  # seconds for a worker to end by itself, before it is killed
_NOTHING = -1


class WorkerError(RuntimeError):
    """Workers that cannot do their work; the message names one, what ended it and the exchange it had, and what to do."""


class WorkerEndedError(Exception):
    """A worker ended before its answer."""


class JudgeSettings(Struct, frozen=True):
    """What a worker makes its `Judge` with; pickled into it."""

    make_comparer: ComparerMaker
    reads: ReadsLines[Any] | None = None
    details: int = 0


class WorkerProcess:
    """The parent's side of one process; `lines` is what it has not answered yet. End it and join it.

    Args:
        context: that starts it.
        settings: of its `Judge`.
        name: its number, for people.
    """

    def __init__(self, context: SpawnContext, settings: JudgeSettings, *, name: int) -> None:
        self.lines: list[Line] = []
        self.name = name
        self.took = 0.0  # seconds for its last lines
        self._handed_at = 0.0
        self._known: Judged | None = None
        self.pipe, theirs = context.Pipe()
        # First and last line it is at, for when it cannot tell any more.
        self._at = context.RawArray("q", [_NOTHING, _NOTHING])
        self._process = context.Process(
            target=_work,
            args=(theirs, self._at),
            kwargs={"settings": settings},
            daemon=True,
        )
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def hand(self, lines: list[Line], *, alone: bool = False) -> None:
        """Give it lines; `alone`: one that may end it."""
        self.lines, self._known, self._handed_at = lines, None, time.monotonic()
        with contextlib.suppress(OSError):  # it has ended: `answer` says so
            self.pipe.send((lines, alone))

    def answer(self) -> list[Judged] | None:
        """What it found in its lines; waits for it. None where it only told what is known of a line before it is compared.

        Raises:
            WorkerEndedError: it has ended.
            WorkerError: it could not make its comparer.
        """
        try:
            found = self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerEndedError from None
        if isinstance(found, str):
            raise WorkerError(f"worker {self.name} could not make its comparer: {found}")
        if isinstance(found, Judged):
            self._known = found
            return None
        self.lines, self.took = [], time.monotonic() - self._handed_at
        return cast("list[Judged]", found)

    @property
    def has_begun(self) -> bool:
        """Whether it ever began to compare."""
        return bool(self._at[0] != _NOTHING)

    @property
    def suspects(self) -> tuple[int, int]:
        """Of one that has ended: from which of its lines to before which it was at; twice the same where it was at none."""
        first, last = self._at
        at = [place for place, line in enumerate(self.lines) if first <= line.number <= last]
        return (at[0], at[-1] + 1) if at else (0, 0)

    @property
    def obituary(self) -> str:
        """Of one that has ended: which it was, how it ended, and what it had."""
        first, end = self.suspects
        if not self.has_begun:
            had = "before it was ready"
        elif first == end:
            had = f"before it compared {_named(self.lines)}"
        else:
            had = f"while it compared {_named(self.lines[first:end])}"
        return f"worker {self.name} (process {self._process.pid}) {self._how_ended} {had}"

    def given_up(self) -> Judged:
        """Of one that has ended over a line alone: what is to be said of that line."""
        line, known = self.lines[0], self._known
        if known is None:
            words = f"the process that read it alone {self._how_ended}; take this line out"
            return Judged(number=line.number, fault=words)
        reason = f"the process that compared it alone {self._how_ended}"
        verdicts = tuple(replace(each, reason=reason, message=each.message + reason) for each in known.verdicts)
        return replace(known, verdicts=verdicts)

    def end(self) -> None:
        """Let it end; one that is comparing is not waited for."""
        self.pipe.close()
        if self.lines:
            self._process.terminate()

    def join(self) -> None:
        """Wait for its end, and see to it where it does not come."""
        for last_resort in (self._process.terminate, self._process.kill, lambda: None):
            self._process.join(_PATIENCE)
            if self._process.exitcode is not None:
                break
            last_resort()
        self._process.close()

    @property
    def _how_ended(self) -> str:
        self._process.join(_PATIENCE)
        status = self._process.exitcode
        if status is None or status >= 0:
            return f"ended with status {status}"
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        hint = " (so the system ends processes when memory runs out)" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"


def _named(lines: Sequence[Line]) -> str:
    """The lines a worker had before it: one, or those it compared together."""
    first, last = lines[0], lines[-1]
    if len(lines) == 1:
        return f"{first.place} (exchange {first.number})"
    return f"{first.place} to {last.place} (exchanges {first.number} to {last.number})"


def _work(pipe: Pipe, at: Any, *, settings: JudgeSettings) -> None:
    """What a worker does until its pipe ends. Ctrl-C reaches the whole process group; the parent sees to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def note(lines: Sequence[Line]) -> None:
        at[:] = (lines[0].number, lines[-1].number)

    try:
        judge = Judge(settings.make_comparer(), reads=settings.reads, details=settings.details, on_batch=note)
    except Exception as error:  # noqa: BLE001 - told to the parent, which ends the run with it
        pipe.send(f"{type(error).__name__}: {error}")
        return
    gc.freeze()  # what is there by now stays until this process ends: to look through it again and again finds nothing
    with contextlib.closing(judge), contextlib.suppress(EOFError, OSError):  # the parent has closed, or is gone
        while True:
            lines, alone = pipe.recv()
            if alone:
                note(lines)
                pipe.send(judge.before_comparing(lines[0]))
            pipe.send([judged for _, judged in judge.judge(lines)])


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back while processes are started: they inherit that, and are not interrupted before they can see to it.

    The mask is what they inherit. It is this thread's alone, and a signal then goes to another thread and is handled here all the
    same: so it is noted meanwhile, and handled afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    # The first process that is spawned begins it, and in Python 3.10 and 3.11 interrupts are let through again once it has begun.
    resource_tracker.ensure_running()
    noted: list[tuple[int, FrameType | None]] = []
    is_ours = threading.current_thread() is threading.main_thread()  # no other thread may set handlers, nor runs them
    handler = signal.signal(signal.SIGINT, lambda *received: noted.append(received)) if is_ours else None
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        if noted and callable(handler):
            handler(*noted[0])
