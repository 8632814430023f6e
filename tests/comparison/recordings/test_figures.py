"""Tests of the figures of recorded traffic: categories by the real reader, quantiles, sizes, rates."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from shim.comparison.recordings.figures import Figures, all_bytes_of, bytes_of, category_of, largest_bytes_of
from shim.recording.exchange import Exchange, TransportFault
from shim.recording.redaction.redaction import Redaction
from tests.helpers.exchanges import CHUNKS, exchange, sse, streamed

ERROR = b'{"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}'
MODELS = "https://h/v1/models"
LEFT_OUT = Redaction(bodies="drop")
TIMED_OUT = TransportFault(stage="headers", kind="requests.exceptions.ReadTimeout")


@pytest.mark.parametrize(
    ("given", "category"),
    [
        (exchange(), "ok"),
        (streamed(), "ok"),
        (exchange({"model": "m"}, ERROR, status=429), "rate_limit"),
        (streamed(b"data: " + ERROR + b"\n\n"), "rate_limit"),
        (streamed(sse(CHUNKS[0], done=False)), "truncated"),
        (streamed(sse(CHUNKS[0], done=False), ended="aborted"), "aborted"),
        (exchange(response=None, ended="failed", fault=TIMED_OUT), "timeout"),
        (exchange(url=MODELS), "ok"),
        (exchange({}, b"{}", url=MODELS, status=401), "auth"),
        (exchange(url=MODELS, response=None, ended="failed", fault=TIMED_OUT), "timeout"),
        (exchange(response=None, ended="failed"), "unknown"),
        (LEFT_OUT.apply(exchange()), "ok"),
        (LEFT_OUT.apply(exchange({}, ERROR, status=503)), "server"),
    ],
)
def test_the_category_is_what_a_reader_is_told(given: Exchange, category: str) -> None:
    """An answer is ok, ended by its caller, or of the category that the native provider tells; without a body, by its status."""
    assert category_of(given) == category


def test_times_and_sizes() -> None:
    """Times are of complete exchanges by kind, sizes of every body, with quantiles within the histogram's 2 %."""
    figures = Figures()
    for number in range(1, 101):
        given = exchange(b"x" * number * 1000, b"y" * 500, started_at=100.0 + number, finished=number / 10)
        figures.add(given)
    figures.add(streamed(ended="aborted", finished=1000.0, started_at=201.0))
    latency = figures.latencies["chat_completions"]
    assert (latency.count, latency.largest) == (100, 10.0)
    assert latency.quantile(0.5) == pytest.approx(5.0, rel=0.03)
    assert figures.first_bytes["chat_completions"].quantile(0.99) == pytest.approx(0.2, rel=0.02)
    assert figures.first_bytes["chat_completions stream"].count == 1
    assert bytes_of(figures.request_sizes, 0.9) == pytest.approx(90_000, rel=0.03)
    assert largest_bytes_of(figures.request_sizes) == 100_000
    assert all_bytes_of(figures.request_sizes) == sum(range(1, 101)) * 1000 + given_length(streamed())
    assert (figures.first_at, figures.last_at, figures.seconds) == (101.0, 1201.0, 1100.0)
    assert figures.rate == pytest.approx(101 / 1100)


def given_length(given: Exchange) -> int:
    """Bytes of a request's body."""
    return given.request.length


def test_sizes_that_are_not_known_are_not_counted() -> None:
    """A request whose length nobody knows, and an answer that never came, have no size."""
    figures = Figures()
    given = exchange(response=None, ended="failed", fault=TIMED_OUT)
    figures.add(replace(given, request=replace(given.request, body=None, length=-1)))
    assert (figures.request_sizes.count, figures.response_sizes.count, figures.latencies) == (0, 0, {})
    assert figures.statuses == {"none": 1}
    assert figures.rate is None


def test_what_a_caller_ended_is_no_failure() -> None:
    """The share of failures counts neither what went well nor what its caller ended."""
    figures = Figures()
    for given in (exchange(), streamed(ended="aborted"), exchange({}, ERROR, status=429), exchange()):
        figures.add(given)
    assert figures.failure_share == 0.25
    assert Figures().failure_share == 0.0
