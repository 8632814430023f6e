"""Canonical JSON: bytes as plain values, and the places where two such values part.

Not which differences do not count (`equivalences`) nor where a place stands in the bytes (`json_offsets`). RFC 8259; of what it
leaves open, what a server would make of it is not guessed: a name given twice or a number out of range cannot be compared.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any

import msgspec
from msgspec import Struct

from shim.comparison.verdict import ABSENT
from shim.recording.exchange import UnreadableExchangeError

MOST_ELEMENTS = 16
"""Elements of one array that are told apart; from the next that differs, the rest of the array is one difference."""

_GZIP = b"\x1f\x8b"  # RFC 1952 2.3.1
_PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder(order="sorted").encode


class Difference(Struct, frozen=True):
    """A place where two values part, such as `messages[1].content`; `ABSENT` stands for what one side has not."""

    path: str
    control: Any
    candidate: Any


def canonical_json(body: bytes) -> Any:
    """Read a JSON body: integers of any size, other numbers as doubles (RFC 8259 6).

    Raises:
        UnreadableExchangeError: it is no JSON in UTF-8, or one whose meaning is open; the message says why.
    """
    try:
        return _as_compact(body)
    except _NOT_SURE:
        return _by_the_standard(body)


_NOT_SURE = (ValueError, RecursionError, OverflowError)  # msgspec's errors are ValueErrors too


def _as_compact(body: bytes) -> Any:
    """Read JSON that is written as msgspec writes it, as most clients do, at a fraction of the cost.

    That it is written back byte for byte proves what is asked for: no name stands twice (it would be written once), the text is
    UTF-8, and no number has lost anything.

    Raises:
        ValueError, RecursionError, OverflowError: it is not, or no JSON; then the slow way says what it is.
    """
    value = _decode(body)
    if _encode(value) != body:
        raise ValueError("another spelling")
    return value


def _by_the_standard(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant
        )
    except UnreadableExchangeError:
        raise
    except UnicodeDecodeError as error:
        if body.startswith(_GZIP):
            raise UnreadableExchangeError(
                "the body is compressed (gzip); have the client send it plain while it is recorded"
            ) from None
        raise UnreadableExchangeError(f"the body is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise UnreadableExchangeError("the body is nested too deeply to be read") from None
    except ValueError as error:
        raise UnreadableExchangeError(f"the body is not JSON ({error})" if body.strip() else "it has no body") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in fields if names.count(name) > 1)
        raise UnreadableExchangeError(f"the body gives {twice!r} twice in one object; which one counts is not known")
    return fields


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise UnreadableExchangeError(f"the body has the number {text[:40]}, which is out of a double's range")
    return value


def _refuse_constant(name: str) -> Any:
    raise UnreadableExchangeError(f"the body is not JSON ({name} is no JSON value)")


def differences(control: Any, candidate: Any, *, path: str = "", exact_numbers: bool = False) -> Iterator[Difference]:
    """Find where two plain JSON values part, in the order of the control.

    The order of names in an object does not matter, that of an array does; null is not absent and true is not 1. Arrays of
    unequal length part at `<array>.length`, and at the elements that are left where both begin and end alike.

    Args:
        control: the one value.
        candidate: the other.
        path: of the place they stand at.
        exact_numbers: whether 1 and 1.0 differ.
    """
    return (
        iter(())
        if _are_equal(control, candidate)
        else _Walk(exact_numbers=exact_numbers).parting(control, candidate, path=path)
    )


def inside(path: str, name: str) -> str:
    """The path of what an object has under a name."""
    if not _PLAIN_NAME.fullmatch(name):
        return f"{path}[{json.dumps(name)}]"
    return f"{path}.{name}" if path else name


def _are_equal(control: Any, candidate: Any) -> bool:
    """Whether two values are surely the same: as MessagePack, names sorted, where unlike with `==` 1, 1.0 and true differ."""
    try:
        return _pack(control) == _pack(candidate)
    except (ValueError, TypeError, OverflowError, RecursionError):  # a lone surrogate, an integer of more than 64 bits
        return False


class _Walk:
    """Walks through two values side by side."""

    def __init__(self, *, exact_numbers: bool) -> None:
        self._exact_numbers = exact_numbers

    def parting(self, control: Any, candidate: Any, *, path: str) -> Iterator[Difference]:
        if isinstance(control, dict) and isinstance(candidate, dict):
            yield from self._objects(control, candidate, path=path)
        elif isinstance(control, (list, tuple)) and isinstance(candidate, (list, tuple)):
            yield from self._arrays(control, candidate, path=path)
        elif not self._same_scalar(control, candidate):
            yield Difference(path, control, candidate)

    def _same_scalar(self, control: Any, candidate: Any) -> bool:
        if control is candidate:
            return True
        kinds = {type(control), type(candidate)}
        alike = len(kinds) == 1 or (kinds == {int, float} and not self._exact_numbers)
        return alike and bool(control == candidate)

    def _objects(self, control: dict[str, Any], candidate: dict[str, Any], *, path: str) -> Iterator[Difference]:
        for name, value in control.items():
            if name in candidate:
                yield from self.parting(value, candidate[name], path=inside(path, name))
            else:
                yield Difference(inside(path, name), value, ABSENT)
        for name, value in candidate.items():
            if name not in control:
                yield Difference(inside(path, name), ABSENT, value)

    def _arrays(self, control: Sequence[Any], candidate: Sequence[Any], *, path: str) -> Iterator[Difference]:
        if len(control) == len(candidate):
            yield from self._elements(control, candidate, path=path, first=0)
            return
        yield Difference(f"{path}.length", len(control), len(candidate))
        shorter = min(len(control), len(candidate))
        begun = self._alike(zip(control, candidate, strict=False), most=shorter)
        ended = self._alike(zip(reversed(control), reversed(candidate), strict=False), most=shorter - begun)
        left = (each[begun : len(each) - ended] for each in (control, candidate))
        yield from self._elements(*left, path=path, first=begun)

    def _alike(self, pairs: Iterable[tuple[Any, Any]], *, most: int) -> int:
        """Count the pairs that are the same before the first that is not."""
        parts = (next(self.parting(*pair, path=""), None) is not None for pair in islice(pairs, most))
        return next((position for position, differs in enumerate(parts) if differs), most)

    def _elements(
        self, control: Sequence[Any], candidate: Sequence[Any], *, path: str, first: int
    ) -> Iterator[Difference]:
        told = 0
        for position, pair in enumerate(zip_longest(control, candidate, fillvalue=ABSENT)):
            found = self._element(pair, path=f"{path}[{first + position}]")
            head = next(found, None)
            if head is None:
                continue
            if told == MOST_ELEMENTS:
                yield Difference(f"{path}[{first + position}:]", control[position:], candidate[position:])
                return
            told += 1
            yield head
            yield from found

    def _element(self, pair: tuple[Any, Any], *, path: str) -> Iterator[Difference]:
        lone = any(each is ABSENT for each in pair)
        return iter((Difference(path, *pair),)) if lone else self.parting(*pair, path=path)
