"""Tests that what the tap records of real connections is read the same by both sides, however those connections end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from shim.comparison import Exchange, Outcome, tap
from shim.comparison.tee_rung.compare_tee import compare_tee
from shim.comparison.tee_rung.known_quirks import hints
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.legacy_adapter import LegacyProvider
from shim.testing.fake_openai import FakeOpenAI
from tests.equivalence.answers import FAULTS, RESETS, STREAMS
from tests.helpers.driving import ask
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.testing.fake_openai import Behaviour

CASES: dict[str, tuple[Behaviour, bool]] = {
    **{f"whole/{name}": (behaviour, False) for name, behaviour in FAULTS.items()},
    **{f"stream/{name}": (behaviour, True) for name, behaviour in (FAULTS | STREAMS | RESETS).items()},
}

# What `tests/equivalence/table.py` lists as read otherwise by the legacy client, in its documented quirks.
READ_OTHERWISE = (
    "stream/data in two lines",
    "stream/invalid UTF-8 in a text",
    "stream/a field called error",
    "stream/cut before a blank line",
)

# requests raises before there is a response a tap could keep: the exchange has a fault and no answer.
NOT_KEPT = ("two lengths", "two lengths in one")


@pytest.fixture(scope="module")
def legacy() -> Iterator[SessionReader]:
    """The legacy client and adapter on a replaying session."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


def recorded(behaviour: Behaviour, *, stream: bool) -> Exchange:
    """What the tap hands over of one request of the legacy client."""
    taken: list[Exchange] = []
    with FakeOpenAI() as server, requests.Session() as session:
        server.plan(behaviour)
        with (
            tap(session, taken.append),
            LegacyProvider(api_key=KEY, base_url=server.base_url, session=session) as provider,
        ):
            ask(provider, stream=stream)
    (exchange,) = taken
    return exchange


def expected(name: str) -> Outcome:
    """What the comparison says of one case."""
    fault = name.partition("/")[2]
    if fault in NOT_KEPT:
        return Outcome.IGNORED
    return Outcome.MISMATCH if name in READ_OTHERWISE else Outcome.MATCH


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_connection_is_read_the_same_by_both_sides(name: str, legacy: SessionReader) -> None:
    """Whatever went wrong or was unusual, client and codecs agree on the recording, save for the documented quirks."""
    behaviour, stream = CASES[name]
    exchange = recorded(behaviour, stream=stream)
    verdict = compare_tee(exchange, legacy)
    assert verdict.outcome is expected(name), verdict.message
    if name in READ_OTHERWISE:
        assert all(words in verdict.message for words in hints(exchange))
        assert hints(exchange)
