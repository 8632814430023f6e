"""Merging: the exchanges of recordings by the time they began, however large the files are; what is there twice is told.

Not the splitting (`splitting`). An external merge sort (Knuth, The Art of Computer Programming 3, 5.4.1): recordings are written
in the order in which exchanges end, so a heap of bounded size puts nearly all of a file in order as it is read (replacement
selection); what comes too late for that begins another run in a temporary file without a name, and the runs are merged k-way.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from shim.recording.operations.entries import RecordingEntry
from shim.recording.operations.new_recording import TakesLines

BUDGET: Final = 64 * 1024 * 1024
"""Bytes of lines that are held to put them in order."""
FAN_IN: Final = 64
"""Runs that are merged at once: each is an open file."""
_MOST_TOGETHER: Final = 10_000  # exchanges of one point in time that are looked through for one that is there twice

Duplicates: TypeAlias = Literal["drop", "keep"]


class Merged(Struct):
    """What came of a merge.

    Attributes:
        written: exchanges.
        duplicates: lines that were there already, byte for byte.
        conflicts: exchanges of the same pair, role and time as one that is there, in other bytes (redacted, say); both are
            written.
        runs: temporary files that were needed; 0 where all was put in order in memory.
    """

    written: int = 0
    duplicates: int = 0
    conflicts: int = 0
    runs: int = 0


class _Item(NamedTuple):
    """A line on its way: when its exchange began, what tells which exchange it is, and the line."""

    at: float
    name: bytes
    data: bytes


def merge(
    entries: Iterable[RecordingEntry],
    output: TakesLines,
    *,
    folder: str | Path | None = None,
    duplicates: Duplicates = "drop",
    budget: int = BUDGET,
) -> Merged:
    """Write all exchanges in the order in which they began; of one time, in the order in which they came.

    Args:
        entries: of all recordings, one after the other.
        output: where the lines go, unchanged.
        folder: where temporary files are put; None is the system's place for them.
        duplicates: whether a line that is there already is left out or written again; it is counted either way.
        budget: bytes of lines held in memory.

    Raises:
        OSError: something cannot be written.
    """
    told = Merged()
    same_time = _SameTime()
    with contextlib.ExitStack() as files:
        for item in _in_order(entries, _Runs(files, folder=folder, told=told), budget=budget):
            found = same_time.look(item)
            told.duplicates += found == "duplicate"
            told.conflicts += found == "conflict"
            if found != "duplicate" or duplicates == "keep":
                output.write(item.data)
                told.written += 1
    return told


def _in_order(entries: Iterable[RecordingEntry], runs: _Runs, *, budget: int) -> Iterator[_Item]:
    heap: list[tuple[int, float, int, _Item]] = []  # the run it goes into, its time, its place in the input
    held = run = 0
    last = float("-inf")
    for place, entry in enumerate(entries):
        item = _Item(entry.exchange.started_at, _name_of(entry), entry.data)
        heapq.heappush(heap, (run if item.at >= last else run + 1, item.at, place, item))
        held += len(item.data)
        while held > budget and len(heap) > 1:
            of_run, last, _, first = heapq.heappop(heap)
            runs.add(first, run=of_run)
            run = of_run
            held -= len(first.data)
    left = (heapq.heappop(heap) for _ in range(len(heap)))
    if runs.is_empty:
        yield from (item for *_, item in left)
        return
    for of_run, _, _, item in left:
        runs.add(item, run=of_run)
    yield from runs.merged()


def _name_of(entry: RecordingEntry) -> bytes:
    exchange = entry.exchange
    name = f"{exchange.role} {exchange.pair_id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(name, digest_size=8).hexdigest().encode()


class _Runs:
    """Temporary files, each in order; they have no names, so nothing stays of them whatever happens."""

    def __init__(self, files: contextlib.ExitStack, *, folder: str | Path | None, told: Merged) -> None:
        self._files = files
        self._folder = folder
        self._told = told
        self._runs: list[IO[bytes]] = []
        self._current: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether none was begun."""
        return not self._runs

    def add(self, item: _Item, *, run: int) -> None:
        """Write to the end of a run; `run` is the last one's number, or a new one."""
        if run != self._current:
            if len(self._runs) == FAN_IN:
                self._make_one()
            self._runs.append(self._new())
            self._current = run
        _put(self._runs[-1], item)

    def merged(self) -> Iterator[_Item]:
        """Give all of them in order."""
        yield from heapq.merge(*map(_items_of, self._runs), key=_time_of)

    def _make_one(self) -> None:
        whole = self._new()
        for item in self.merged():
            _put(whole, item)
        for each in self._runs:
            each.close()
        self._runs = [whole]

    def _new(self) -> IO[bytes]:
        self._told.runs += 1
        file: Any = tempfile.TemporaryFile(dir=self._folder, prefix="shim-merge-")  # noqa: SIM115 - the stack closes it
        opened: IO[bytes] = self._files.enter_context(file)
        return opened


def _put(file: IO[bytes], item: _Item) -> None:
    file.write(b"%s %s %s" % (repr(item.at).encode(), item.name, item.data))


def _items_of(file: IO[bytes]) -> Iterator[_Item]:
    file.seek(0)
    for line in file:
        at, name, data = line.split(b" ", 2)
        yield _Item(float(at), name, data)


def _time_of(item: _Item) -> float:
    return item.at


class _SameTime:
    """The exchanges of one point in time, among which one may be there twice; bounded, since hand-made ones have no time."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._lines: set[bytes] = set()
        self._names: set[bytes] = set()

    def look(self, item: _Item) -> Literal["new", "duplicate", "conflict"]:
        """What an item is beside those that came before it."""
        if item.at != self._at or len(self._lines) >= _MOST_TOGETHER:
            self._at = item.at
            self._lines.clear()
            self._names.clear()
        line = hashlib.blake2b(item.data, digest_size=16).digest()
        if line in self._lines:
            return "duplicate"
        is_known = item.name in self._names
        self._lines.add(line)
        self._names.add(item.name)
        return "conflict" if is_known else "new"
