"""The parts of a run that many processes share: a plan of all its files, and what was found in each file, one part a file.

Not who takes which file (`shard`), nor the adding up (`merging`), nor where parts are kept (`parts_folder`). A part is gzip of
JSON Lines: a heading with the options that the verdicts depend on and with what the file was known by, an entry per line of the
file, and an ending that counts them. Its name is made of the heading, so a part of anything else has another name.
"""

from __future__ import annotations

import gzip
import hashlib
import json as standard_json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, BinaryIO, TypeVar

from msgspec import Struct, convert, json, to_builtins

from shim.comparison.runs.inputs import FileIdentity
from shim.comparison.runs.journal import JournalError
from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line
from shim.comparison.runs.parts_folder import PartsFolder
from shim.comparison.runs.tally import Facts
from shim.comparison.verdict import Verdict
from shim.recording.reading import Reading
from shim.wire.content_encoding import WINDOW_GZIP

SCHEMA = "shim.part/1"
PLAN = "plan.json"
SUFFIX = ".part.gz"

_Kind = TypeVar("_Kind", bound=Struct)
_LONGEST = 1 << 29  # bytes of an entry: a line of a recording in base64, and what both sides made of it


class PartsError(JournalError):
    """Parts that are not of this run, or not whole; the message names what, and says what to do."""


class PartsPlan(Struct, frozen=True, kw_only=True):
    """What a run is over: the options that its verdicts depend on, and all its files in their order."""

    schema: str = SCHEMA
    options: dict[str, Any]
    files: tuple[FileIdentity, ...]

    def part_of(self, file: FileIdentity) -> str:
        """The name of a file's part."""
        held = encode(_Heading(schema=self.schema, options=self.options, file=file))
        base = re.sub(r"[^A-Za-z0-9._-]+", "_", file.path.rpartition("/")[2])[-60:].lstrip(".")
        return f"{base}-{hashlib.blake2b(held, digest_size=10).hexdigest()}{SUFFIX}"


def plan_of(files: Sequence[FileIdentity], options: dict[str, Any]) -> PartsPlan:
    """The plan of a run over these files.

    Raises:
        PartsError: a file is named twice.
    """
    names = [file.path for file in files]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise PartsError(f"{', '.join(twice)}: named more than once; name each file once, so that it is compared once")
    return PartsPlan(options=json.decode(encode(options)), files=tuple(files))


class _Heading(Struct, frozen=True, kw_only=True):
    schema: str
    options: dict[str, Any]
    file: FileIdentity


class PartEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found in a line, or (`damage`) where the file's reading ended; `data` and `readings` are for a closer look."""

    line: int
    pair_id: str = ""
    facts: Facts | None = None
    verdicts: tuple[Verdict, ...] = ()
    fault: str = ""
    damage: str = ""
    data: bytes = b""
    readings: tuple[Reading | None, Reading | None] | None = None


class _Ending(Struct, frozen=True, kw_only=True):
    entries: int
    seconds: float


class PartWriter:
    """Writes the part of a file to a binary stream, which stays open. Finish it: a part without its ending is none."""

    def __init__(self, stream: BinaryIO, *, plan: PartsPlan, file: FileIdentity) -> None:
        # Not GzipFile, which writes once more when it goes away, though the part was given up. No time in it, by zlib's own
        # heading: the same part twice is the same bytes.
        self._compressor = zlib.compressobj(6, zlib.DEFLATED, WINDOW_GZIP)
        self._stream = stream
        self._entries = 0
        self._write(_Heading(schema=plan.schema, options=plan.options, file=file))

    def add(self, line: Line, judged: Judged, *, closely: bool) -> None:
        """Write what was found in a line; `closely`: with the line itself and both readings."""
        self._entries += 1
        self._write(
            PartEntry(
                line=line.line,
                pair_id=judged.pair_id,
                facts=judged.facts,
                verdicts=judged.verdicts,
                fault=judged.fault,
                data=line.data if closely else b"",
                readings=judged.readings if closely else None,
            )
        )

    def damaged(self, line: int, message: str) -> None:
        """Write where reading the file ended, and why."""
        self._entries += 1
        self._write(PartEntry(line=line, damage=message))

    def finish(self, *, seconds: float) -> None:
        """Write the ending."""
        self._write(_Ending(entries=self._entries, seconds=round(seconds, 3)))
        self._stream.write(self._compressor.flush())

    def _write(self, value: Struct) -> None:
        self._stream.write(self._compressor.compress(encode(value) + b"\n"))


class PartReader:
    """Reads one part; its heading is checked at once, its ending when the entries have been read. Close it.

    Raises:
        PartsError: it is no part, or another's.
        OSError: it cannot be read.
    """

    def __init__(self, folder: PartsFolder, *, plan: PartsPlan, file: FileIdentity) -> None:
        name = plan.part_of(file)
        self.seconds = 0.0
        self._place = f"{folder.name}/{name}"
        self._below = folder.open(name)
        self._gzip = gzip.GzipFile(fileobj=self._below, mode="rb")
        try:
            self._check(self._read(_Heading, self._line()), plan=plan, file=file)
        except BaseException:
            self.close()
            raise

    def entries(self) -> Iterator[PartEntry]:
        """The entries, in the order of the lines."""
        count = 0
        data = self._line()
        while following := self._line():
            yield self._read(PartEntry, data)
            count += 1
            data = following
        ending = self._read(_Ending, data)
        if ending.entries != count:
            raise PartsError(f"{self._place} holds {count} entries and should hold {ending.entries}; {_AGAIN}")
        self.seconds = ending.seconds

    def _check(self, heading: _Heading, *, plan: PartsPlan, file: FileIdentity) -> None:
        if (heading.schema, heading.options, heading.file) != (plan.schema, plan.options, file):
            raise PartsError(f"{self._place} is not what its name says; {_AGAIN}")

    def close(self) -> None:
        """Close the file."""
        self._gzip.close()
        self._below.close()

    def _line(self) -> bytes:
        try:
            return self._gzip.readline(_LONGEST)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise PartsError(f"{self._place} is not whole; {_AGAIN}") from None

    def _read(self, kind: type[_Kind], data: bytes) -> _Kind:
        try:
            return decode(kind, data)
        except ValueError:
            raise PartsError(f"{self._place} is not whole, or no part of shim compare; {_AGAIN}") from None


_AGAIN = "remove it, and run its shard again"
_ANEW = "give another folder for the parts of this run"


def settle(folder: PartsFolder, plan: PartsPlan) -> None:
    """Put a plan into a folder that has none, and hold it against the one that is there.

    Raises:
        PartsError: the folder is of another run, or a file has changed since the run began.
        OSError: it cannot be read or written.
    """
    folder.create(PLAN, encode(plan) + b"\n")
    theirs = read_plan(folder)
    differing = sorted(
        name
        for name in plan.options.keys() | theirs.options.keys()
        if plan.options.get(name) != theirs.options.get(name)
    )
    if differing:
        raise PartsError(f"{folder.name} is of a run with other options ({', '.join(differing)}); {_ANEW}")
    if plan.files != theirs.files:
        raise PartsError(
            f"{folder.name} is of a run over other files: {_what_differs(plan.files, theirs.files)}; {_ANEW}"
        )


def read_plan(folder: PartsFolder) -> PartsPlan:
    """The plan in a folder.

    Raises:
        PartsError: there is none, or one of another version.
        OSError: it cannot be read.
    """
    if PLAN not in folder.names():
        raise PartsError(
            f"{folder.name} holds no {PLAN}; give a folder that shim compare --shard I/N --parts has written"
        )
    with closing(folder.open(PLAN)) as file:
        data = file.read()
    try:
        schema = standard_json.loads(data)["schema"]
        if schema != SCHEMA:
            raise PartsError(f"{folder.name} is of {schema}, and this version writes {SCHEMA}; {_ANEW}")
        return decode(PartsPlan, data)
    except (ValueError, LookupError, TypeError) as error:
        if isinstance(error, PartsError):
            raise
        raise PartsError(f"{folder.name}/{PLAN} is no plan of shim compare; {_ANEW}") from None


def _what_differs(ours: Sequence[FileIdentity], theirs: Sequence[FileIdentity]) -> str:
    """The first file that differs, and how."""
    known = {each.path: each for each in theirs}
    for file in ours:
        there = known.pop(file.path, None)
        if there is None:
            return f"{file.path} is not among them"
        if there != file:
            return f"{file.path} has changed since it began ({_known_by(there)}, now {_known_by(file)})"
    if known:
        return f"{next(iter(known))} is among them, and was not given"
    return "the same, in another order"


def _known_by(file: FileIdentity) -> str:
    return f"{'?' if file.size is None else file.size} bytes, {file.version or 'no version'}"


def encode(value: Any) -> bytes:
    """JSON of a value, such that `decode` gives it back: lone surrogates, which UTF-8 has not, as escapes."""
    try:
        return json.encode(value)
    except UnicodeEncodeError:
        return standard_json.dumps(to_builtins(value)).encode()


def decode(kind: type[_Kind], data: bytes) -> _Kind:
    """A value of what `encode` gave.

    Raises:
        ValueError: it is of no such kind.
    """
    try:
        return json.decode(data, type=kind)
    except ValueError:
        if b"\\ud" not in data:
            raise
    return convert(standard_json.loads(data), kind)
