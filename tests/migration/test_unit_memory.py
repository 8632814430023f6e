"""Tests of the unit memory: a mark is given once, and memory is bounded by forgetting the longest idle."""

from __future__ import annotations

from shim.migration.unit_memory import UnitMemory


def test_a_mark_is_news_once() -> None:
    """A unit gets each mark once, and what it had before is told."""
    memory = UnitMemory()
    assert memory.mark("a", 1) == 0
    assert memory.mark("a", 1) is None
    assert memory.mark("a", 2) == 1
    assert memory.mark("b", 1) == 0


def test_memory_is_bounded() -> None:
    """However many units come, no more than two generations are kept."""
    memory = UnitMemory(most=100)
    for number in range(10_000):
        memory.mark(f"unit-{number}", 1)
        assert len(memory) <= 200


def test_a_busy_unit_is_not_forgotten() -> None:
    """A unit that goes on is known again, however many others come and go meanwhile."""
    memory = UnitMemory(most=100)
    memory.mark("busy", 1)
    for number in range(5000):
        memory.mark(f"unit-{number}", 1)
        if number % 50 == 0:
            assert memory.mark("busy", 1) is None


def test_an_idle_unit_is_forgotten() -> None:
    """A unit that rests while two generations of others come counts as new."""
    memory = UnitMemory(most=100)
    memory.mark("idle", 1)
    for number in range(300):
        memory.mark(f"unit-{number}", 1)
    assert memory.mark("idle", 1) == 0


def test_ids_are_not_kept() -> None:
    """No conversation's id can be read from the memory."""
    memory = UnitMemory()
    memory.mark("customer-4711", 1)
    assert "4711" not in repr(vars(memory))
