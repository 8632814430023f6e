"""Sizes and lengths of time as people write them, `100MB` and `1h`, read and written.

Not the options that take them (`arguments`). A unit that means two things, such as M, is refused.
"""

from __future__ import annotations

import argparse
import re
from typing import Final

_SIZES: Final = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}  # fmt: skip
_TIMES: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_QUANTITY: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_DAY: Final = 24 * 60  # minutes
_STEPS: Final = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def size(text: str) -> int:
    """A size in bytes: `1000000`, `100MB`, `64MiB`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    read = _read(text, _SIZES)
    if read is None or int(read) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; give one such as 100MB (millions of bytes) or 64MiB (1024 * 1024)"
        )
    return int(read)


def age(text: str) -> float:
    """A length of time in seconds: `90`, `30s`, `10m`, `1h`, `7d`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    read = _read(text, _TIMES)
    if read is None or read <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time; give one such as 30s, 10m, 1h or 7d")
    return read


def _read(text: str, units: dict[str, int]) -> float | None:
    match = _QUANTITY.fullmatch(text)
    unit = None if match is None else units.get(match[2].lower())
    return None if match is None or unit is None else float(match[1]) * unit


def size_told(count: float) -> str:
    """A size for people: `512 B`, `1.2 MB`."""
    for unit, bytes_of in _STEPS:
        if count >= bytes_of:
            return f"{count / bytes_of:.1f} {unit}"
    return f"{count:.0f} B"


def seconds_told(seconds: float) -> str:
    """A length of time for people: `320 ms`, `4.2 s`, `3 h 20 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    if minutes < _DAY:
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h"
