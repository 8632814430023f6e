"""Tests of `shim.wire.retry_after`: how long a server asks to wait, in whichever header, or in its error alone."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from shim.wire.failure import parse_error
from shim.wire.retry_after import retry_after_ms

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
LATER = "Sat, 21 Nov 2026 12:00:30 GMT"
RESETS = {"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "20ms"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "1500"}, 1500),
        ({"retry-after-ms": "0.4"}, 1),
        ({"retry-after": "2"}, 2000),
        ({"retry-after": "0.5"}, 500),
        ({"retry-after": "1, 5"}, 5000),
        ({"retry-after": "7, 7"} | RESETS, 7000),
        ({"retry-after-ms": "1500, 20"}, 1500),
        ({"retry-after": f"{LATER}, {LATER}", "date": DATE}, 30_000),
        ({"retry-after": LATER, "date": DATE}, 30_000),
        ({"retry-after": "Sat, 21 Nov 2026 13:00:30 +0100", "date": DATE}, 30_000),
        ({"retry-after-ms": "1500", "retry-after": "2"} | RESETS, 1500),
        ({"retry-after": "2"} | RESETS, 2000),
        ({"retry-after": LATER, "date": DATE} | RESETS, 30_000),
        (RESETS, 360_000),
        ({"x-ratelimit-reset-tokens": "20ms"}, 20),
        (RESETS | {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-remaining-requests": "99"}, 20),
        (RESETS | {"x-ratelimit-remaining-requests": "0"}, 360_000),
        ({}, None),
    ],
)
def test_the_order_of_the_headers(headers: dict[str, str], expected: int | None) -> None:
    """Milliseconds come before seconds, seconds before a date, a date before the reset of the limit used up."""
    assert retry_after_ms(headers, limited=True) == expected


def test_azure() -> None:
    """Azure's zero milliseconds beside one second are one second."""
    assert retry_after_ms({"retry-after-ms": "0", "retry-after": "1"}, limited=True) == 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20ms", 20),
        ("1s", 1000),
        ("6m0s", 360_000),
        ("1h2m3.5s", 3_723_500),
        ("1d", 86_400_000),
        ("88.5ms", 89),
        (" 2s ", 2000),
        ("0s", None),
        ("6", None),
        ("m", None),
        ("-1s", None),
        ("1s later", None),
        ("", None),
    ],
)
def test_durations(text: str, expected: int | None) -> None:
    """A reset is read as a duration in its units; anything else says nothing."""
    assert retry_after_ms({"x-ratelimit-reset-requests": text}, limited=True) == expected


@pytest.mark.parametrize("name", ["retry-after-ms", "retry-after"])
@pytest.mark.parametrize(
    "value", ["0", "0.0", "-1", "nan", "inf", "-inf", "soon", "", " ", "1,5", "1, soon", "1e999", "9" * 400]
)
def test_what_names_no_wait_says_nothing(name: str, value: str) -> None:
    """A wait of nothing, of less, of no number or without end says nothing, and the next header is asked."""
    assert retry_after_ms({name: value}, limited=True) is None
    assert retry_after_ms({name: value} | RESETS, limited=True) == 360_000


@pytest.mark.parametrize(
    "value",
    [
        "Sat, 21 Nov 2026 11:00:00 GMT",
        "Sat, 99 Nov 2026 12:00:00 GMT",
        "Sat, 21 Nov 2026 12:00:00 +9999",
        "21 Nov",
        "x" * 10_000,
    ],
    ids=range(5),
)
def test_dates_that_name_no_wait(value: str) -> None:
    """A date that has passed or cannot be read says nothing."""
    assert retry_after_ms({"retry-after": value, "date": DATE}, limited=True) is None


def test_a_date_is_read_by_our_clock_without_the_servers() -> None:
    """A date without the server's own is read against our clock."""
    wait = retry_after_ms({"retry-after": formatdate(time.time() + 60, usegmt=True)}, limited=True)
    assert wait is not None
    assert 50_000 < wait <= 60_000


def test_resets_matter_only_at_the_limit() -> None:
    """The resets OpenAI sends with every answer name no wait unless a limit was hit."""
    assert retry_after_ms(RESETS, limited=False) is None
    assert retry_after_ms({"retry-after": "2"} | RESETS, limited=False) == 2000


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ([{"@type": "google.rpc.QuotaFailure"}, {"@type": "google.rpc.RetryInfo", "retryDelay": "39s"}], 39_000),
        ([{"retryDelay": "45.837906927s"}], 45_838),
        ([{"retryDelay": "0s"}], None),
        ([{"retryDelay": "9" * 400 + "s"}], None),
        ([{"retryDelay": "soon"}, {"retryDelay": 5}, "x"], None),
        ({"retryDelay": "39s"}, None),
        (None, None),
    ],
)
def test_the_wait_that_an_error_names(details: object, expected: int | None) -> None:
    """Gemini names its wait in the body alone; headers go before it, and it counts in a stream too."""
    body = json.dumps([{"error": {"code": 429, "message": "no", "details": details}}]).encode()
    for status in (429, 200):
        assert parse_error(status, {}, body).retry_after_ms == expected
    assert parse_error(429, {"retry-after": "2"}, body).retry_after_ms == 2_000
