"""The journal of a run: what was found in each line, kept in a file, so that an interrupted run goes on where it was.

Not the run (`run`). JSON Lines: a heading with the options that the verdicts depend on, then an entry per line of the files, in
their order. So a journal is always the beginning of its run, and is read side by side with the files: each line is known
again by its hash. What a crash left of the last entry is cut off.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec import Struct, json

from shim.comparison.runs.json_report import encode_plain
from shim.comparison.runs.judge import Judged
from shim.comparison.runs.tally import Facts
from shim.comparison.shadow_rung.observation import ShadowPair
from shim.comparison.verdict import Verdict
from shim.recording.private_file import open_private

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison.runs.lines import Line

SCHEMA = "shim.journal/1"

_START_ANEW = "give another --resume, or remove it to start anew"


class JournalError(ValueError):
    """A journal that is not of this run; the message says in what, and what to do."""


class _Heading(Struct, frozen=True, kw_only=True):
    schema: str
    options: dict[str, Any]


class _Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    line: str
    pair_id: str = ""
    facts: Facts | None = None
    verdicts: tuple[Verdict, ...] = ()
    fault: str = ""
    partner: str | None = None
    observed: ShadowPair | None = None
    unobserved: tuple[str, ...] = ()


_KEPT = [name for name in _Entry.__struct_fields__ if name != "line"]

_read_heading: Callable[[bytes], _Heading] = json.Decoder(_Heading).decode
_read_entry: Callable[[bytes], _Entry] = json.Decoder(_Entry).decode


class Journal:
    """The journal of one run; `recall` each line first, and `keep` what was found where it recalls nothing. Close it.

    Args:
        path: of the journal; made where it is missing; readable by its owner alone.
        options: what the verdicts depend on: plain JSON.

    Raises:
        JournalError: it was made with other options, is no journal, or is in use by another run.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | Path, *, options: dict[str, Any]) -> None:
        self._path = Path(path)
        heading = _Heading(schema=SCHEMA, options=json.decode(json.encode(options)))
        self._file: BinaryIO = os.fdopen(open_private(self._path, os.O_RDWR), "r+b")
        try:
            self._lock()
            self._recalling = self._cut_torn_end() > 0
            if self._recalling:
                self._check(heading, self._file.readline())
            else:
                self._file.write(json.encode(heading) + b"\n")
        except BaseException:
            self._file.close()
            raise

    def recall(self, line: Line) -> Judged | None:
        """What was found in a line before; None once the journal is at its end.

        Raises:
            JournalError: it continues with another line.
        """
        if not self._recalling:
            return None
        data = self._file.readline()
        if not data:
            self._recalling = False
            return None
        entry = self._entry(data)
        if entry.line != _hash_of(line):
            raise JournalError(
                f"{self._path} was made from other files: exchange {line.number} is not {line.place}. Give the same "
                f"files in the same order, or {_START_ANEW}"
            )
        return Judged(number=line.number, **{name: getattr(entry, name) for name in _KEPT})

    def keep(self, line: Line, judged: Judged) -> None:
        """Write down what was found in a line, so that the end of this process loses none of it."""
        entry = _Entry(line=_hash_of(line), **{name: getattr(judged, name) for name in _KEPT})
        self._file.write(encode_plain(entry) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Write what is buffered, and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _lock(self) -> None:
        """Keep other runs from writing here as well; the lock ends with the file."""
        if sys.platform == "win32":
            return  # which has no such lock for a whole file
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(
                f"{self._path} is in use by another run; wait for it, or give another --resume"
            ) from None

    def _entry(self, data: bytes) -> _Entry:
        try:
            return _read_entry(data)
        except ValueError as error:
            raise JournalError(f"{self._path} holds an entry that cannot be read ({error}); {_START_ANEW}") from None

    def _check(self, ours: _Heading, data: bytes) -> None:
        try:
            theirs = _read_heading(data)
        except ValueError:
            raise JournalError(f"{self._path} is no journal of shim compare; {_START_ANEW}") from None
        if theirs.schema != SCHEMA:
            raise JournalError(f"{self._path} is of {theirs.schema}, and this version writes {SCHEMA}; {_START_ANEW}")
        differing = [name for name in ours.options if ours.options[name] != theirs.options.get(name)]
        if differing:
            names = ", ".join(differing)
            raise JournalError(f"{self._path} was made with other options ({names}); give the same, or {_START_ANEW}")

    def _cut_torn_end(self) -> int:
        """Cut what stands behind the last line feed, and return where that is; the file is left at its beginning."""
        begins = self._file.read(len(_BEGINNING))
        if not _BEGINNING.startswith(begins):  # before anything of somebody's file is cut
            raise JournalError(f"{self._path} is no journal of shim compare; {_START_ANEW}")
        end = self._file.seek(0, os.SEEK_END)
        kept = end
        while kept:
            start = max(0, kept - _BLOCK)
            self._file.seek(start)
            found = self._file.read(kept - start).rfind(b"\n")
            if found >= 0:
                kept = start + found + 1
                break
            kept = start
        if kept < end:
            self._file.truncate(kept)
        self._file.seek(0)
        return kept


_BLOCK = 1 << 16
_BEGINNING = b'{"schema":"shim.journal/'


def _hash_of(line: Line) -> str:
    hashed = hashlib.blake2b(line.data.rstrip(b"\r\n"), digest_size=12)
    hashed.update(line.beside)
    return hashed.hexdigest()
