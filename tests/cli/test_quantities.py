"""Tests of sizes and lengths of time on the command line."""

from __future__ import annotations

import argparse

import pytest

from shim.cli.quantities import age, seconds_told, size, size_told


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("100MB", 100_000_000), ("1.5kB", 1500), ("64MiB", 64 << 20), ("2 gib", 2 << 30), ("10b", 10)],
)
def test_sizes_are_read(text: str, count: int) -> None:
    """A size is bytes, or has a unit: MB in thousands, MiB in 1024s, whatever the case."""
    assert size(text) == count


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("30s", 30), ("1.5m", 90), ("1h", 3600), ("7d", 604800)])
def test_ages_are_read(text: str, seconds: float) -> None:
    """A length of time is seconds, or has a unit."""
    assert age(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "100M", "1e3", "nan", "MB", "0.2b", "1MBs"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """What is no size, or means two, is refused with examples."""
    with pytest.raises(argparse.ArgumentTypeError, match="100MB"):
        size(text)


@pytest.mark.parametrize("text", ["", "0s", "-1h", "1y", "1h30m", "inf"])
def test_what_is_no_age_is_refused(text: str) -> None:
    """What is no length of time is refused with examples."""
    with pytest.raises(argparse.ArgumentTypeError, match="30s"):
        age(text)


def test_both_are_told_for_people() -> None:
    """Sizes and times are told in the unit that suits them."""
    assert [size_told(each) for each in (0, 999, 1000, 2_340_000, 7e9)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.3 MB",
        "7.0 GB",
    ]
    told = [seconds_told(each) for each in (0.0123, 4.25, 119, 120, 12_000, 200_000)]
    assert told == ["12.3 ms", "4.25 s", "119 s", "2 min", "3 h 20 min", "2 d 8 h"]
