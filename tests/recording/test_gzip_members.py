"""Tests of gzip in members: read on behind what is damaged, and from any place."""

from __future__ import annotations

import gzip
import io
import random
import zlib

import pytest

from shim.recording.gzip_members import DAMAGED_LINE, GzipMembers

ONE, TWO, THREE = (b'{"n": %d, "words": "%s"}\n' % (n, bytes(range(65, 91)) * 8) for n in (1, 2, 3))


def unpacked(packed: bytes, *, size: int = 1 << 16) -> bytes:
    """What is read of packed bytes."""
    return io.BufferedReader(GzipMembers(io.BufferedReader(io.BytesIO(packed), size)), size).read()


def noise(length: int) -> bytes:
    """A line that hardly gets smaller when it is packed."""
    return b'{"n": "%s"}\n' % random.Random(length).randbytes(length).hex().encode()  # noqa: S311 - no secret


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_members_follow_each_other(size: int) -> None:
    """Members are read as one, whatever the pieces they come in, with zeros between and behind them."""
    assert unpacked(
        gzip.compress(ONE) + gzip.compress(TWO) + bytes(600) + gzip.compress(THREE) + bytes(9), size=size
    ) == (ONE + TWO + THREE)


@pytest.mark.parametrize("left", range(1, len(gzip.compress(TWO))))
def test_what_follows_a_cut_member_is_read(left: int) -> None:
    """Wherever a member was cut off, the members behind it are read, and a line of our own stands for what is lost."""
    read = unpacked(gzip.compress(ONE) + gzip.compress(TWO)[:left] + gzip.compress(THREE) + gzip.compress(ONE))
    assert read.startswith(ONE)
    assert read.endswith(DAMAGED_LINE + THREE + ONE)


def test_the_line_for_what_is_lost_comes_whole() -> None:
    """However little is read at a time, the line of our own and what stands behind it are complete."""
    packed = gzip.compress(ONE) + gzip.compress(TWO)[:20] + gzip.compress(THREE)
    file = GzipMembers(io.BufferedReader(io.BytesIO(packed)))
    read = b"".join(iter(lambda: file.read(1), b""))
    assert read.startswith(ONE)
    assert read.endswith(DAMAGED_LINE + THREE)


@pytest.mark.parametrize("length", [100, 3_000, 70_000, 200_000])
@pytest.mark.parametrize("hole", [False, True])
def test_larger_members_too(length: int, hole: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Members larger than what is read at once are found too, behind a member that was cut or has a hole of zeros."""
    packed = gzip.compress(noise(length))
    cut = packed[: length // 2] + (bytes(length // 2) if hole else b"")
    read = unpacked(cut + gzip.compress(noise(length + 1)) + gzip.compress(TWO))
    assert read.endswith(DAMAGED_LINE + noise(length + 1) + TWO)


def test_a_beginning_that_is_none_is_passed_over() -> None:
    """Bytes that look like a member's beginning, and unpack into nothing that is recorded, are not taken for one."""
    cut = gzip.compress(TWO)[:40]
    for stranger in (b"\x1f\x8b\x08", b"\x1f\x8b\x08" * 2000, gzip.compress(b"\x00other data" * 20)):
        assert unpacked(gzip.compress(ONE) + cut + stranger + gzip.compress(THREE)).endswith(DAMAGED_LINE + THREE)


def test_damage_at_the_end_is_an_error() -> None:
    """Where nothing follows, an end within a member and damage are errors, after what stands before them."""
    for packed, error in ((gzip.compress(TWO)[:-3], EOFError), (gzip.compress(TWO)[:-3] + b"abc", zlib.error)):
        reader = GzipMembers(io.BufferedReader(io.BytesIO(gzip.compress(ONE) + packed)))
        assert reader.read(len(ONE)) == ONE
        with pytest.raises(error):
            reader.readall()


def test_any_place_can_be_read() -> None:
    """A place counted in unpacked bytes is found again, backwards and forwards, behind damage too."""
    file = io.BufferedReader(
        GzipMembers(io.BufferedReader(io.BytesIO(gzip.compress(ONE)[:-9] + gzip.compress(TWO + THREE))))
    )
    whole = file.read()
    for place in (whole.index(THREE), 0, whole.index(TWO), 5):
        assert file.seek(place) == place
        assert file.read(20) == whole[place : place + 20]
    assert file.tell() == 25
    with pytest.raises(io.UnsupportedOperation):
        file.raw.seek(0, io.SEEK_END)
    file.close()
    assert file.raw.closed
