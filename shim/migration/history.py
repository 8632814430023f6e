"""History: what happened to a rollout, who did it and on what evidence; append-only JSON Lines.

Not the state that holds now (`rollout.status()`, the store). A rollout with a store keeps its history there (`StoreHistory`).
Without a store the guard's latch is read from here again, so that it outlives a restart.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

if sys.platform != "win32":
    import fcntl

from shim.migration.policy import PolicyError
from shim.migration.watched_file import settled_path

if TYPE_CHECKING:
    from shim.migration.store import Store

__all__ = ["Entry", "Event", "HistoryFile", "KeepsHistory", "StoreHistory", "latch_told"]

# What happened:
#   began        a process that uses the rollout saw its first policy
#   changed      the policy is another one; `shim rollout set` writes it with who and why
#   killed       the kill switch was thrown, or a store, file or flag said so
#   released     it was taken back
#   roll_back    the guard took the rollout back a stage; holds until a reset
#   would_roll_back  the guard only observes, and would have
#   reset        somebody lifted the guard's latch
#   approved     somebody approved a step of the plan
Event: TypeAlias = Literal[
    "began", "changed", "killed", "released", "roll_back", "would_roll_back", "reset", "approved"
]

# An entry has some hundred bytes; evidence is a few numbers for each kind of event.
_MAX_ENTRY_BYTES = 64 * 1024

# Several processes see one change of a file within a second. Entries that say the same within this many seconds are one.
_SAME_WITHIN = 10.0
_TAIL_BYTES = 64 * 1024


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened.

    Attributes:
        at: seconds since the epoch.
        event: what; see `Event`.
        flag: the rollout's name.
        by: who: a person, or the guard, a file, a flag.
        came_from, to: the steps before and after, as `Policy.step` names them; in the file `from` and `to`.
        reason: why, in words.
        evidence: figures behind it; plain data.
    """

    at: float = msgspec.field(default_factory=time.time)
    event: Event
    flag: str
    by: str = ""
    came_from: str = msgspec.field(default="", name="from")
    to: str = ""
    reason: str = ""
    evidence: dict[str, Any] = {}

    @property
    def what(self) -> tuple[str, str, str, str]:
        """What makes two entries tell the same."""
        return self.event, self.flag, self.came_from, self.to


class KeepsHistory(Protocol):
    """Where entries go and come from. May block: a rollout uses it off the request path."""

    def append(self, entry: Entry) -> bool:
        """Append an entry; False where another process has just told the same.

        Raises:
            OSError, StoreError: it could not be kept.
        """
        ...

    def read(self) -> Iterator[Entry]:
        """The entries, oldest first."""
        ...


class HistoryFile:
    """A history in a JSON Lines file, which several processes of one host may append to (`flock`).

    Raises:
        PolicyError: the place cannot hold a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = settled_path(path, field="history")
        if self.path.exists() and not self.path.is_file():
            raise PolicyError(f"history {self.path} is no regular file; give a path of one", field="history")
        if not self.path.parent.is_dir():
            raise PolicyError(f"history {self.path}: its folder is missing; make it", field="history")

    def append(self, entry: Entry, *, always: bool = False) -> bool:
        """Append an entry, flushed to the disk; False where the same was told within the last ten seconds.

        Args:
            entry: to be kept.
            always: keep it though the same was told: a person's word, with who and why, where a process was faster.
        """
        line = msgspec.json.encode(entry)
        if len(line) > _MAX_ENTRY_BYTES:
            line = msgspec.json.encode(msgspec.structs.replace(entry, evidence={"left_out": f"{len(line)} bytes"}))
        with self.path.open("ab") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
            tail = self._tail()
            if not always and entry.event != "reset" and _was_just_told(entry, _entries(tail.splitlines())):
                return False
            if tail and not tail.endswith(b"\n"):  # a writer was killed midway: its half line stays one line
                line = b"\n" + line
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return True

    def read(self) -> Iterator[Entry]:
        """The entries, oldest first; none where there is no file yet. Lines that are no entry are passed over."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            yield from _entries(file)

    def signature(self) -> tuple[int, int, int] | None:
        """Changes when the file does; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _tail(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
            return file.read()


class StoreHistory:
    """A history in a store, shared by all that use it."""

    def __init__(self, store: Store, *, flag: str) -> None:
        self._store = store
        self._flag = flag

    def append(self, entry: Entry, *, always: bool = False) -> bool:
        """Append an entry, once for all processes that tell the same within about ten seconds; `always` as in a file."""
        event, flag, came_from, to = entry.what
        if event == "reset":
            moment = f"{entry.at:.6f}"
        elif event == "roll_back" and "epoch" in entry.evidence:
            moment = str(entry.evidence["epoch"])
        else:
            moment = f"{entry.at // _SAME_WITHIN:.0f}"
        told = f"{event} {flag} {came_from} {to} {moment}"
        entry_id = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        before, plain = self._position(), msgspec.to_builtins(entry)
        is_new = self._store.append_history(self._flag, plain, entry_id=entry_id) > before
        if always and not is_new:
            self._store.append_history(self._flag, plain)
        return is_new or always

    def read(self, *, after: int = 0) -> Iterator[Entry]:
        """The entries after a position, oldest first."""
        while page := self._store.read_history(self._flag, after=after):
            for stored in page:
                with contextlib.suppress(ValueError):  # an event of a newer version's is passed over, as in a file
                    yield msgspec.convert(stored.entry, Entry, strict=False)
            after = page[-1].position

    def _position(self) -> int:
        return self._store.snapshot(self._flag).position


def latch_told(entries: Iterable[Entry], *, flag: str) -> Entry | None:
    """The roll-back that still holds: the first one since the last reset; else that reset; None where neither is told."""
    told: Entry | None = None
    for entry in entries:
        if entry.flag != flag:
            continue
        if entry.event == "reset" or (entry.event == "roll_back" and (told is None or told.event == "reset")):
            told = entry
    return told


def _was_just_told(entry: Entry, tail: Iterable[Entry]) -> bool:
    """Whether one of the last entries tells the same; what was told before a reset is over."""
    told = False
    for old in tail:
        same = old.what == entry.what and abs(entry.at - old.at) < _SAME_WITHIN
        told = old.event != "reset" and (told or same)
    return told


def _entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    for line in lines:
        entry = _entry(line)
        if entry is not None:
            yield entry


def _entry(line: bytes) -> Entry | None:
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None  # half a line of a writer that was killed, or of a tail, or an event of a newer version's


_DECODER = msgspec.json.Decoder(Entry)
