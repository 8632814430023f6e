"""The kinds of values that options take: text in, value out, or an error that argparse tells with the option's name.

Not sizes and ages (`quantities`).
"""

from __future__ import annotations

import argparse
import math
from datetime import date
from pathlib import Path


def local_file(text: str) -> str:
    """The name of a file on this machine, `-` and `{time}` in it included; what is written, and rules, are at no URL."""
    from shim.recording.remote import is_url, shown

    if is_url(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} is a URL; give a file on this machine")
    return text


def local_path(text: str) -> Path:
    """The path of a file on this machine."""
    return Path(local_file(text))


def iso_date(text: str) -> date:
    """A date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; give one such as 2026-10-23") from None


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def seconds(text: str) -> float:
    """Seconds, from 0."""
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative; give seconds, such as 0.05")
    return value


def positive_seconds(text: str) -> float:
    """Seconds, more than 0."""
    value = seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 leaves no time at all; give seconds, such as 60")
    return value


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def shard(text: str) -> tuple[int, int]:
    """Which shard of how many: `0/4`."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; give index and count, such as 0/4")
    if int(index) >= int(count):
        shards = (
            f"the {int(count)} shards are 0/{int(count)} to {int(count) - 1}/{int(count)}"
            if int(count)
            else "no shards"
        )
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: {shards}")
    return int(index), int(count)


def positive(text: str) -> int:
    """A whole number from 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1")
    return value


def not_negative(text: str) -> int:
    """A whole number from 0."""
    value = whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative")
    return value


def port(text: str) -> int:
    """A port of TCP."""
    value = whole(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535")
    return value
