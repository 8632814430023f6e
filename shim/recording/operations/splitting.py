"""Splitting: the exchanges of recordings into several files, by count or size in order, or by pair, which stays together.

Not the rotation of a recording while it is written (`shim.recording.rotation`). All parts come into their places at the end, or
none does.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from shim.recording.operations.entries import RecordingEntry
from shim.recording.operations.new_recording import NewRecording

PART: Final = "{part}"
"""Stands in a file's name for the number of the part, from 1, with zeros before it."""
MOST_SHARDS: Final = 256
"""Shards are all open at once, and a process may have some thousand files open; split a shard again for more."""
MOST_PARTS: Final = 99_999
_WIDTH = len(str(MOST_PARTS))


class SplittingError(ValueError):
    """Nothing can be split so; the message says why, and what to give."""


class Part(Struct, frozen=True):
    """A file that was made."""

    path: Path
    exchanges: int
    bytes: int


@final
class PartNames:
    """The names of parts.

    Args:
        pattern: a path whose last part holds `{part}`.
        replaces: whether files that are there may be replaced.

    Raises:
        SplittingError: the pattern has no `{part}`, or there are files by it already.
    """

    def __init__(self, pattern: str | Path, *, replaces: bool = False) -> None:
        self._pattern = Path(pattern)
        self._replaces = replaces
        before, found, after = self._pattern.name.partition(PART)
        if not found:
            raise SplittingError(
                f"{pattern} is one name for several files; put {PART} into it, such as day-{PART}.jsonl"
            )
        self._check_free(before, after)

    def _check_free(self, before: str, after: str) -> None:
        """Parts of an earlier run would be taken for parts of this one, so all names of the pattern must be free."""
        if self._replaces or not self._pattern.parent.is_dir():
            return
        taken = [name for name in map(_name, self._pattern.parent.iterdir()) if _is_part(name, before, after=after)]
        if taken:
            first = self._pattern.with_name(min(taken))
            raise SplittingError(f"{first} is there already; give another name, or --force to replace what is there")

    def new(self, number: int, *, width: int = _WIDTH) -> NewRecording:
        """A part in the making.

        Raises:
            OSError: it cannot be made.
        """
        name = self._pattern.name.replace(PART, f"{number:0{width}}")
        return NewRecording(self._pattern.with_name(name), replaces=self._replaces)


def split_in_order(
    entries: Iterable[RecordingEntry],
    names: PartNames,
    *,
    most_exchanges: int | None = None,
    most_bytes: int | None = None,
) -> list[Part]:
    """Fill one part after the other.

    Args:
        entries: what is split.
        names: of the parts.
        most_exchanges: how many a part holds at most.
        most_bytes: how large a part is at most on the disk; an exchange that is larger has a part of its own.

    Raises:
        SplittingError: there would be more than `MOST_PARTS`.
        OSError: a part cannot be written.
    """
    made: list[NewRecording] = []
    with _all_or_none(made):
        for entry in entries:
            if not made or _is_full(made[-1], entry.data, most_exchanges=most_exchanges, most_bytes=most_bytes):
                if made:
                    made[-1].finish()
                if len(made) == MOST_PARTS:
                    raise SplittingError(
                        f"there would be more than {MOST_PARTS:,} parts; give a larger --count or --size"
                    )
                made.append(names.new(len(made) + 1))
            made[-1].write(entry.data)
    return _told(made)


def split_by_pair(entries: Iterable[RecordingEntry], names: PartNames, *, shards: int) -> list[Part]:
    """Put each exchange into the shard of its pair; every shard is made, an empty one too.

    Raises:
        SplittingError: `shards` is not between 1 and `MOST_SHARDS`.
        OSError: a part cannot be written.
    """
    if not 1 <= shards <= MOST_SHARDS:
        raise SplittingError(
            f"{shards} shards cannot be made; give 1 to {MOST_SHARDS}, and split a shard again for more"
        )
    made: list[NewRecording] = []
    with _all_or_none(made):
        made.extend(names.new(number, width=len(str(shards))) for number in range(1, shards + 1))
        for entry in entries:
            made[shard_of(entry.exchange.pair_id, shards)].write(entry.data)
    return _told(made)


def shard_of(pair_id: str, shards: int) -> int:
    """The shard of a pair, from 0: the first 8 bytes of its BLAKE2b hash, big-endian, modulo the number of shards."""
    digest = hashlib.blake2b(pair_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards


def _name(path: Path) -> str:
    return path.name


def _is_part(name: str, before: str, *, after: str) -> bool:
    number = name.removeprefix(before).removesuffix(after)
    return number.isdecimal() and name == f"{before}{number}{after}"


def _is_full(part: NewRecording, line: bytes, *, most_exchanges: int | None, most_bytes: int | None) -> bool:
    if most_exchanges is not None and part.lines >= most_exchanges:
        return True
    return most_bytes is not None and not part.has_room(line, most=most_bytes)


@contextlib.contextmanager
def _all_or_none(made: list[NewRecording]) -> Iterator[None]:
    """Put all files into their places once all are whole; after an exception none was there."""
    try:
        yield
        for each in made:
            each.finish()
        for each in made:
            each.commit()
    finally:
        for each in made:
            each.discard()


def _told(made: Sequence[NewRecording]) -> list[Part]:
    return [Part(each.path, each.lines, each.size) for each in made]
