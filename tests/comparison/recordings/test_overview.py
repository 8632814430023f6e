"""Tests of what a recording is about: its counts, its time, its pairs; bounded however much comes."""

from __future__ import annotations

import random

from shim.comparison.recordings.overview import Overview, PairCounter
from shim.comparison.runs.tally import MOST_NAMES, OTHERS
from tests.helpers.exchanges import exchange


def pairs_of(*records: tuple[str, str], window: int = 10) -> tuple[int, bool]:
    """The pairs among records of (id, role), and whether that is exact."""
    counter = PairCounter(window)
    for pair_id, role in records:
        counter.add(pair_id, role)
    return counter.pairs, counter.is_exact


def test_what_is_counted() -> None:
    """Exchanges, APIs, models, endings and roles are counted, and the time goes from the first begin to the last end."""
    overview = Overview()
    for given in (
        exchange(started_at=50.0, finished=2.0),
        exchange(started_at=40.0, finished=30.0, ended="aborted", role="candidate"),
        exchange({"model": "o1"}, url="https://h/v1/responses", started_at=0.0),
        exchange({}, url="https://h/v1/models", pair_id="p9", started_at=45.0),
    ):
        overview.add(given)
    assert overview.exchanges == 4
    assert (overview.first_at, overview.last_at) == (40.0, 70.0)
    assert overview.apis == {"chat_completions": 2, "responses": 1, "other": 1}
    assert overview.models == {"gpt-4o": 2, "o1": 1, "": 1}
    assert overview.endings == {"complete": 3, "aborted": 1}
    assert overview.roles == {"control": 3, "candidate": 1}
    assert overview.pairs.pairs == 1


def test_names_are_bounded() -> None:
    """Models beyond the bound are counted together."""
    overview = Overview()
    for number in range(MOST_NAMES + 5):
        overview.add(exchange({"model": f"m{number}"}))
    assert len(overview.models) == MOST_NAMES + 1
    assert overview.models[OTHERS] == 5


def test_a_pair_has_both_roles() -> None:
    """A pair is an id with a record of each role, once however often it comes."""
    assert pairs_of(("a", "control"), ("b", "control"), ("a", "control")) == (0, True)
    many = [("a", "control"), ("a", "candidate"), ("a", "control"), ("b", "candidate"), ("a", "candidate")]
    assert pairs_of(*many) == (1, True)


def test_pairs_are_found_within_the_window() -> None:
    """A partner is found with as many other ids in between as the window holds."""
    between = [(str(number), "control") for number in range(9)]
    assert pairs_of(("a", "control"), *between, ("a", "candidate"))[0] == 1


def test_what_may_be_missed_is_told() -> None:
    """Where ids were forgotten and both roles came the count is not called exact; of one role alone it is."""
    ids = [(str(number), "control") for number in range(50)]
    assert pairs_of(*ids) == (0, True)
    assert pairs_of(*ids, ("0", "candidate")) == (0, False)


def test_memory_of_pairs_is_bounded() -> None:
    """No more than two windows of ids are held, however many come."""
    counter = PairCounter(100)
    for number in range(5000):
        counter.add(str(number), random.choice(("control", "candidate")))  # noqa: S311 - no secret
        assert len(counter._recent) + len(counter._older) <= 200
