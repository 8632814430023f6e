"""Tests of merging: in the order of time whatever the order and size of the input, with what is there twice told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.exchange import Exchange
from shim.recording.files import decode_exchange
from shim.recording.operations import merging
from shim.recording.operations.merging import BUDGET, Merged, merge
from tests.helpers.exchanges import exchange
from tests.helpers.lines import entries_of


class Lines(list[bytes]):
    """An output that keeps lines."""

    def write(self, line: bytes) -> None:
        self.append(line)

    @property
    def exchanges(self) -> list[Exchange]:
        """What they hold."""
        return [decode_exchange(each) for each in self]


def at(*times: float, prefix: str = "p") -> list[Exchange]:
    """Exchanges begun at these times."""
    return [exchange(pair_id=f"{prefix}{place}", started_at=time) for place, time in enumerate(times)]


def merged(exchanges: list[Exchange], folder: Path | None = None, *, budget: int = BUDGET) -> tuple[Lines, Merged]:
    """What a merge writes and tells."""
    lines = Lines()
    return lines, merge(entries_of(exchanges), lines, folder=folder, budget=budget)


def test_files_are_put_in_order() -> None:
    """Exchanges of several files are written in the order in which they began, byte for byte."""
    lines, told = merged([*at(1, 4, 9), *at(2, 4.5, 3, prefix="q")])
    assert [each.started_at for each in lines.exchanges] == [1, 2, 3, 4, 4.5, 9]
    assert told == Merged(written=6)
    assert sorted(lines) == sorted(each.data for each in entries_of([*at(1, 4, 9), *at(2, 4.5, 3, prefix="q")]))


def test_equal_times_keep_their_order() -> None:
    """Exchanges of one time stay in the order in which they came."""
    lines, _ = merged(at(5, 5, 1, 5, 5))
    assert [each.pair_id for each in lines.exchanges] == ["p2", "p0", "p1", "p3", "p4"]


@pytest.mark.parametrize("order", ["backwards", "shuffled", "nearly in order", "all at once"])
def test_what_does_not_fit_in_memory_is_put_in_order_too(
    tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for a few lines alone, and few files open at once, the order is exact and no file is left."""
    monkeypatch.setattr(merging, "FAN_IN", 3)
    times = [float(number) for number in range(120)]
    if order == "backwards":
        times.reverse()
    elif order == "shuffled":
        random.Random(7).shuffle(times)  # noqa: S311 - no secret
    elif order == "nearly in order":
        times = [time + 3 * (index % 2) for index, time in enumerate(times)]
    else:
        times = [0.0] * 120
    exchanges = at(*times)
    lines, told = merged(exchanges, tmp_path, budget=5 * len(entries_of(exchanges[:1])[0].data))
    assert [each.pair_id for each in lines.exchanges] == [
        each.pair_id for each in sorted(exchanges, key=lambda each: each.started_at)
    ]
    assert told.runs == 1 if order in ("nearly in order", "all at once") else told.runs > 3
    assert not list(tmp_path.iterdir())


@given(st.lists(st.floats(0, 4, width=16), max_size=30), st.integers(1, 8))
def test_any_order_and_any_room(times: list[float], room: int) -> None:
    """Whatever the times and the memory, the output is the stable sort of the input."""
    exchanges = at(*times)
    lines, _ = merged(exchanges, budget=room * 1000)
    assert [each.pair_id for each in lines.exchanges] == [
        each.pair_id for each in sorted(exchanges, key=lambda each: each.started_at)
    ]


def test_what_is_there_twice_is_written_once_and_told() -> None:
    """A line that came before byte for byte is left out and counted."""
    lines, told = merged([*at(1, 2), *at(1, 3)])
    assert [(each.started_at, each.pair_id) for each in lines.exchanges] == [(1, "p0"), (2, "p1"), (3, "p1")]
    assert (told.written, told.duplicates, told.conflicts) == (3, 1, 0)


def test_what_is_there_twice_may_be_kept() -> None:
    """Asked to keep them, a merge writes every line, and counts the same."""
    lines = Lines()
    told = merge(entries_of([*at(1), *at(1)]), lines, duplicates="keep")
    assert (len(lines), told.written, told.duplicates) == (2, 2, 1)


def test_one_exchange_told_in_two_ways_is_kept_and_told() -> None:
    """The same pair, role and time in other bytes is written too, and told apart from a duplicate."""
    lines, told = merged(
        [
            exchange(pair_id="p", started_at=1.0),
            exchange(pair_id="p", started_at=1.0, redacted=("request.body.user",)),
            exchange(pair_id="p", started_at=1.0, role="candidate"),
        ]
    )
    assert (len(lines), told.duplicates, told.conflicts) == (3, 0, 1)


def test_what_is_looked_through_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among exchanges without a time no more are remembered than the bound says."""
    monkeypatch.setattr(merging, "_MOST_TOGETHER", 5)
    lines, told = merged([*at(*[0] * 7), *at(*[0] * 7)])
    assert len(lines) == told.written == 14 - told.duplicates
