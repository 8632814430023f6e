"""Checks: what is given to a store, named with its remedy before anything is sent, and the JSON it is kept as.

Not what a policy means (`shim.migration.policy`). A mistake here is the caller's, so it is a ValueError or TypeError, never
a StoreError: a store that is down is lived with, a mistake is mended.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec

from shim.migration.store.protocol import (
    CROSSED,
    EXPOSED,
    LONGEST_PIN,
    MOST_FIRSTS,
    MOST_NAME,
    MOST_PINS,
    MOST_TEXT,
    Batch,
    Exposure,
    First,
    StoredPin,
    StoreError,
)
from shim.model.checks import kind_of

T = TypeVar("T")

LONGEST_TIME_LIMIT = 60.0
"""Seconds: a store that may block a refresher for longer is a mistake in units."""

ARMS = ("control", "candidate")


def name(field: str, value: object) -> str:
    """A name: of a flag, an epoch, a step, a person.

    Raises:
        TypeError, ValueError: it is no string, empty, too long, or not text.
    """
    if not isinstance(value, str):
        raise TypeError(f"{field} is {kind_of(value)}; give a string of 1 to {MOST_NAME} characters")
    if not 1 <= len(value) <= MOST_NAME:
        raise ValueError(f"{field} has {len(value)} characters; give 1 to {MOST_NAME}")
    _encoded(field, value)
    if "\0" in value:
        raise ValueError(f"{field} has a NUL character in it; leave it out")
    return value


def words(field: str, value: object) -> str:
    """Words for people: may be empty, at most `MOST_TEXT` bytes."""
    if not isinstance(value, str):
        raise TypeError(f"{field} is {kind_of(value)}; give a string")
    if len(_encoded(field, value)) > MOST_TEXT:
        raise ValueError(f"{field} has more than {MOST_TEXT} bytes; shorten it")
    return value


def reason(value: object) -> None:
    """Refuse an empty reason: whoever comes after has to know it."""
    if not words("reason", value).strip():
        raise ValueError("reason is empty; say why, for whoever reads the history")


def _encoded(field: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{field} has half of a surrogate pair in it, which is no text; leave it out") from None


def plain(field: str, value: object) -> dict[str, Any]:
    """A mapping as it comes back from JSON.

    Raises:
        TypeError, ValueError: it is no mapping, not JSON (NaN included), or longer than `MOST_TEXT`.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{field} is {kind_of(value)}; give a mapping of plain JSON")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{field} has a key that is {kind_of(key)}; give strings")
    try:
        text = json.dumps(dict(value), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{field} is not plain JSON ({error}); give strings, finite numbers, lists, mappings"
        ) from None
    if len(text) > MOST_TEXT:
        raise ValueError(f"{field} has {len(text)} bytes as JSON; give at most {MOST_TEXT}")
    found: dict[str, Any] = json.loads(text)
    return found


def figures(field: str, value: object) -> dict[str, Any]:
    """The same, for figures: those that are not finite, which JSON has not, become strings."""
    return plain(field, _spelled(value))


def _spelled(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _spelled(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(each) for each in value]
    return value


def whole(field: str, value: object, *, least: int) -> int:
    """A whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{field} is {kind_of(value)}; give a whole number of at least {least}")
    if value < least:
        raise ValueError(f"{field} is {value}; give at least {least}")
    return value


def seconds(field: str, value: object, *, most: float) -> float:
    """Seconds above 0, at most `most`."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{field} is {kind_of(value)}; give seconds above 0, at most {most:g}")
    if not 0 < value <= most:
        raise ValueError(f"{field} is {value}; give seconds above 0, at most {most:g}")
    return float(value)


def batch(value: Batch) -> Batch:
    """A batch that can be added.

    Raises:
        TypeError, ValueError: names what in it cannot.
    """
    name("batch_id", value.batch_id)
    name("epoch", value.epoch)
    count = len(value.firsts) + len(value.exposures)
    if count > MOST_FIRSTS:
        raise ValueError(f"the batch has {count} firsts and exposures; give at most {MOST_FIRSTS}, or several batches")
    _sums(value.sums)
    for each in value.firsts:
        _first(each)
    for exposure in value.exposures:
        _exposure(exposure)
    return value


def _first(value: First) -> None:
    kind = name("kind", value.kind)
    if kind == CROSSED or kind.startswith(EXPOSED):
        raise ValueError(f"kind is {kind!r}, which exposures are counted under; give an Exposure, or another kind")
    _unit(value.unit)
    _sums(value.sums)


def _exposure(value: Exposure) -> None:
    _arm(value.arm)
    _unit(value.unit)
    _sums(value.sums)


def _sums(sums: Mapping[str, float]) -> None:
    for key, value in sums.items():
        name("the name of a sum", key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError(f"the sum {key!r} is {kind_of(value)}; give a finite number")
        if not _finite(value):
            raise ValueError(f"the sum {key!r} is not finite, or too large for a float; give a finite number")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _unit(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"unit is {kind_of(value)}; give a string")


def _arm(value: object) -> None:
    if value not in ARMS:
        raise ValueError(f"arm is {value!r}; give 'control' or 'candidate'")


def units(values: Collection[object]) -> None:
    """Refuse units that are no strings, and more than go at a time."""
    if len(values) > MOST_PINS:
        raise ValueError(f"{len(values)} units are given; give at most {MOST_PINS} at a time")
    for value in values:
        _unit(value)


def pins(values: Mapping[str, StoredPin], max_age: float) -> float:
    """Refuse pins that cannot be kept; `max_age` in seconds."""
    units(values)
    for pin in values.values():
        _arm(pin.arm)
        if not 0 <= pin.share <= 1:
            raise ValueError(f"share is {pin.share}; give 0 to 1")
    return seconds("max_age", max_age, most=LONGEST_PIN)


def written(document: msgspec.Struct) -> str:
    """A document as it is kept: JSON."""
    return msgspec.json.encode(document).decode()


def read(text: str | bytes, kind: type[T], *, where: str) -> T:
    """A document that was kept.

    Raises:
        StoreError: it is not what was written; `where` names it.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        remedy = "something else writes there: remove what it wrote, or give a store of the rollout's own"
        raise StoreError(f"{where} does not hold what was written ({error}); {remedy}") from None
