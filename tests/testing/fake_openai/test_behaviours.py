"""Tests of `shim.testing.fake_openai.behaviours` and `plans`: what may be planned."""

import pytest

from shim.testing.fake_openai import Burst, Cut, Drip, FakeOpenAI, Slow, Stall, Status, Where
from tests.testing.fake_openai.asking import ask, chat, exchange


def test_what_is_no_behaviour_is_refused(server: FakeOpenAI) -> None:
    """Planning anything else raises at once and names its type; nothing of the call is queued."""
    with pytest.raises(TypeError, match="not int"):
        server.plan(Status(500), 429)  # type: ignore[arg-type]  # the mistake under test
    assert server.planned == 0


def test_two_answers_do_not_combine(server: FakeOpenAI) -> None:
    """One request cannot get two answers."""
    with pytest.raises(ValueError, match="Status, Burst were given together"):
        server.plan((Status(500), Burst(3)))


def test_a_fault_at_accept_stands_alone(server: FakeOpenAI) -> None:
    """A fault at accept cannot be combined: there is no request yet."""
    with pytest.raises(ValueError, match="plan it alone"):
        server.plan((Cut(Where.ACCEPT), Slow(1)))


def test_counts_belong_to_the_body() -> None:
    """A count with an earlier phase, two counts, or a negative one are refused."""
    with pytest.raises(ValueError, match="count the body"):
        Cut(Where.BEFORE_HEADERS, after_events=1)
    with pytest.raises(ValueError, match="not both"):
        Stall(after_events=1, after_bytes=1)
    with pytest.raises(ValueError, match="negative"):
        Cut(after_events=-1)


def test_a_drip_has_a_size() -> None:
    """A drip of nothing is refused."""
    with pytest.raises(ValueError, match="at least 1 byte"):
        Drip(size=0)


def test_plans_are_met_in_order(server: FakeOpenAI) -> None:
    """Requests meet the queued behaviours first in, first out, then the default again."""
    server.plan(Status(500), Status(503))
    server.plan(Status(429))
    assert [ask(server, chat()).status for _ in range(4)] == [500, 503, 429, 200]
    assert server.planned == 0


def test_connections_and_requests_have_queues_of_their_own(server: FakeOpenAI) -> None:
    """A fault at accept waits for a connection even when a request's behaviour was planned before it."""
    server.plan(Status(500), Cut(Where.ACCEPT))
    assert exchange(server, chat()).data == b""
    assert ask(server, chat()).status == 500
