"""Tests of splitting: nothing lost, nothing twice, pairs together, and all parts there or none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.recording.files import read_exchanges
from shim.recording.operations.entries import RecordingEntry
from shim.recording.operations.splitting import (
    MOST_SHARDS,
    PartNames,
    SplittingError,
    shard_of,
    split_by_pair,
    split_in_order,
)
from tests.helpers.exchanges import exchange
from tests.helpers.lines import entries_of

PAIRS = entries_of(
    exchange(pair_id=f"p{number}", role=role)
    for role in ("control", "candidate")  # not side by side: a shard is all that brings them together
    for number in range(40)
)


def ids_in(path: Path) -> list[str]:
    """The pair ids in a file."""
    return [each.pair_id for each in read_exchanges(path)]


def test_by_count(tmp_path: Path) -> None:
    """Each part holds so many exchanges, the last one the rest, in order and byte for byte."""
    parts = split_in_order(PAIRS, PartNames(tmp_path / "a-{part}.jsonl"), most_exchanges=30)
    assert [(each.path.name, each.exchanges) for each in parts] == [
        ("a-00001.jsonl", 30),
        ("a-00002.jsonl", 30),
        ("a-00003.jsonl", 20),
    ]
    assert b"".join(each.path.read_bytes() for each in parts) == b"".join(each.data for each in PAIRS)
    assert [each.bytes for each in parts] == [each.path.stat().st_size for each in parts]


@pytest.mark.parametrize("name", ["{part}.jsonl", "{part}.jsonl.gz"])
def test_by_size(tmp_path: Path, name: str) -> None:
    """No part is larger on the disk than asked for, and together they hold everything in order."""
    most = 3 * len(PAIRS[0].data)
    parts = split_in_order(PAIRS, PartNames(tmp_path / name), most_bytes=most)
    assert len(parts) > 1
    assert max(each.path.stat().st_size for each in parts) <= most
    assert [pair for each in parts for pair in ids_in(each.path)] == [each.exchange.pair_id for each in PAIRS]


def test_what_is_larger_has_a_part_of_its_own(tmp_path: Path) -> None:
    """An exchange larger than a part may be is alone in one."""
    parts = split_in_order(PAIRS[:3], PartNames(tmp_path / "{part}"), most_bytes=1)
    assert [each.exchanges for each in parts] == [1, 1, 1]


def test_shards_keep_pairs_together(tmp_path: Path) -> None:
    """Both records of a pair are in one shard, every exchange is in exactly one, in order."""
    parts = split_by_pair(PAIRS, PartNames(tmp_path / "s{part}.jsonl"), shards=5)
    assert [each.path.name for each in parts] == [f"s{number}.jsonl" for number in range(1, 6)]
    held = [ids_in(each.path) for each in parts]
    assert sorted(pair for ids in held for pair in ids) == sorted(each.exchange.pair_id for each in PAIRS)
    for ids in held:
        assert ids[: len(ids) // 2] == ids[len(ids) // 2 :]
        assert len(ids) > 4


def test_the_hash_is_stable() -> None:
    """A pair's shard is the same in every version: shards of two days can be held side by side."""
    assert [shard_of(each, 8) for each in ("p0", "p1", "4c1f0d", "é", "")] == [4, 1, 0, 7, 4]


def test_every_shard_is_made(tmp_path: Path) -> None:
    """Shards without an exchange are there too, as empty files."""
    parts = split_by_pair(PAIRS[:1], PartNames(tmp_path / "{part}"), shards=10)
    assert sorted(each.exchanges for each in parts) == [0] * 9 + [1]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{number:02}" for number in range(1, 11))


@pytest.mark.parametrize("shards", [0, MOST_SHARDS + 1])
def test_too_many_shards_are_refused(tmp_path: Path, shards: int) -> None:
    """No more shards are made than files can be open."""
    with pytest.raises(SplittingError, match="give 1 to 256"):
        split_by_pair(PAIRS, PartNames(tmp_path / "{part}"), shards=shards)


def test_a_split_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    """Where the input raises no part is there, neither finished ones nor half ones."""

    def breaking() -> Iterator[RecordingEntry]:
        yield from PAIRS[:5]
        raise EOFError

    with pytest.raises(EOFError):
        split_in_order(breaking(), PartNames(tmp_path / "{part}"), most_exchanges=2)
    with pytest.raises(EOFError):
        split_by_pair(breaking(), PartNames(tmp_path / "{part}"), shards=3)
    assert not list(tmp_path.iterdir())


def test_parts_of_an_earlier_run_are_not_mixed(tmp_path: Path) -> None:
    """A file by any name of the pattern stops a split before it begins, unless it may be replaced."""
    (tmp_path / "a-7.jsonl").touch()
    (tmp_path / "a-other.jsonl").touch()
    said = f"{tmp_path / 'a-7.jsonl'} is there already; give another name, or --force"
    with pytest.raises(SplittingError, match=re.escape(said)):
        PartNames(tmp_path / "a-{part}.jsonl")
    PartNames(tmp_path / "b-{part}.jsonl")
    PartNames(tmp_path / "a-{part}.jsonl", replaces=True)


def test_one_name_is_not_enough(tmp_path: Path) -> None:
    """A pattern without `{part}` is refused, with what to put into it."""
    with pytest.raises(SplittingError, match=re.escape("put {part} into it")):
        PartNames(tmp_path / "a.jsonl")
