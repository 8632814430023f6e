"""Tests that the legacy client behind a tap is the legacy client: told the same of every answer, by the same code."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from legacy_openai import body_reader
from shim.legacy_adapter import LegacyProvider
from shim.model import ModelRequest, user
from shim.recording.exchange import Exchange
from shim.recording.tap.session_tap import tap
from shim.testing.fake_openai import Burst, FakeOpenAI
from tests.equivalence.answers import FAULTS, LATE_STALLS, RESETS, STALLS, STATUSES, STREAMS
from tests.equivalence.both import plan_for_both, told
from tests.helpers.driving import ask
from tests.helpers.providers import KEY
from tests.helpers.raw_server import RawServer, read
from tests.recording.tap.tapping import body_of, chunked, sized

HELLO = ModelRequest("gpt-4o", (user("Hello"),))
SILENCES = (*STALLS.values(), *LATE_STALLS.values())
CASES: list[tuple[str, Any, bool]] = [
    *((f"whole/{name}", answer, False) for name, answer in {**STATUSES, **FAULTS, **STALLS}.items()),
    *(
        (f"stream/{name}", answer, True)
        for name, answer in {**STATUSES, **FAULTS, **STALLS, **STREAMS, **RESETS, **LATE_STALLS}.items()
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    """A server for all cases."""
    with FakeOpenAI() as running:
        yield running


@pytest.mark.parametrize(("name", "answer", "stream"), CASES, ids=[case[0] for case in CASES])
def test_it_is_told_the_same(server: FakeOpenAI, name: str, answer: Any, *, stream: bool) -> None:
    """Of every answer, however broken, completion, events, message, body and headers are those of the client without a tap."""
    plan_for_both(server, answer)
    patience = 0.1 if answer in SILENCES else 5.0
    exchanges: list[Exchange] = []
    make = functools.partial(
        LegacyProvider, api_key=KEY, base_url=server.base_url, connect_timeout=patience, read_timeout=patience
    )
    with make() as plain, make() as watched, tap(watched, exchanges.append) as taken:
        one, other = ask(plain, HELLO, stream=stream), ask(watched, HELLO, stream=stream)
        expected, seen = told(one), told(other)
        if name.endswith("at accept"):  # whether sending or receiving meets it first is the system's to say
            del expected["error.message"], seen["error.message"]
        assert seen == expected
        assert taken.failed == 0
    assert exchanges
    failed = one.completion.error is not None and one.completion.http_status == 200
    assert failed or exchanges[0].ended in ("complete", "failed")


@pytest.mark.parametrize(
    ("answer", "reader"),
    [
        (chunked(b"data: 1\n\n"), body_reader._ChunkedBody),
        (sized(b"{}"), body_reader._PlainBody),
        (sized(b"{}", more=b"Content-Encoding: gzip\r\n"), body_reader._PlainBody),
    ],
)
def test_it_reads_by_the_same_road(answer: bytes, reader: type) -> None:
    """The legacy client chooses the reader it chooses without a tap: for chunks the fast one."""
    with RawServer([[read, answer]]) as raw, requests.Session() as session, tap(session, lambda _exchange: None):
        response = session.post(raw.url, data=b"{}", stream=True)
        assert type(body_reader.open_body(response)) is reader
        response.close()


@pytest.mark.parametrize("count", [1, 300])
def test_its_streams_are_recorded_whole(server: FakeOpenAI, count: int) -> None:
    """A stream read by the fast road is recorded to its end, on one connection after the other."""
    exchanges: list[Exchange] = []
    opened = server.connections_opened
    server.plan(Burst(count), Burst(count))
    with LegacyProvider(api_key=KEY, base_url=server.base_url) as provider, tap(provider, exchanges.append):
        for _ in range(2):
            ask(provider, HELLO, stream=True)
    assert server.connections_opened == opened + 1
    assert [each.ended for each in exchanges] == ["complete"] * 2
    for each in exchanges:
        assert body_of(each).endswith(b"data: [DONE]\n\n")
        assert body_of(each).count(b"data: ") > count
