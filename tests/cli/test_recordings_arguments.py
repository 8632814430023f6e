"""Tests of the options of `shim recordings`: what is read of them, and what is refused."""

from __future__ import annotations

import pytest

from shim.cli.arguments import parse
from shim.cli.recordings_arguments import beside


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01", 1767225600),
        ("2026-01-01T00:00:01Z", 1767225601),
        ("2026-01-01T01:00:00+01:00", 1767225600),
        ("20260101T000000.250000Z", 1767225600.25),
        ("1767225600.5", 1767225600.5),
        ("20260101", 1767225600),
    ],
)
def test_times_are_utc_unless_they_say(text: str, seconds: float) -> None:
    """A time is ISO 8601, the one in a rotated file's name, or seconds since 1970."""
    assert parse(["recordings", "cat", "--since", text, "a"]).since == seconds


@pytest.mark.parametrize(("text", "read"), [("0:10", (0, 10)), ("5:", (5, None)), (":5", (0, 5)), (":", (0, None))])
def test_ranges_are_read(text: str, read: tuple[int, int | None]) -> None:
    """A range has a first place and an end, either of which may be left out."""
    assert parse(["recordings", "cat", "--index", text, "a"]).index == read


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cat", "--since", "yesterday", "a"], "--since: 'yesterday' is no time; give one such as 2026-01-02"),
        (["cat", "--until", "20269999T000000.0Z", "a"], "is no time"),
        (["cat", "--index", "5", "a"], "--index: '5' is no range; give one such as 0:100"),
        (["cat", "--index=-1:", "a"], "is no range"),
        (["cat", "--status", "4x", "a"], "--status: '4x' is no status; give one such as 429"),
        (["cat", "--ended", "well", "a"], "--ended"),
        (["split", "a"], "one of the arguments --count --size --shards is required"),
        (["split", "--count", "0", "a"], "--count: '0' is less than 1"),
        (["split", "--count", "1", "--shards", "2", "a"], "not allowed with"),
        (["redact", "a"], "one of the arguments -o/--output --in-place --check is required"),
        (["merge", "a"], "-o/--output"),
        (["merge", "a", "-o", "s3://b/c?sig=x"], "-o/--output: s3://b/c is a URL; give a file on this machine"),
        (["redact", "a", "-o", "s3://b/c"], "-o/--output: s3://b/c is a URL; give a file on this machine"),
        (["ls"], "FILE"),
        ([], "ACTION"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that cannot be read ends with status 2, its name, and what to give."""
    with pytest.raises(SystemExit) as ended:
        parse(["recordings", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_parts_stand_beside_their_file() -> None:
    """The number of a part comes before the suffixes of the file that is split."""
    assert str(beside("x/day.jsonl.gz")) == "x/day-{part}.jsonl.gz"
    assert str(beside("day")) == "day-{part}"
