"""Properties of streams on a real socket: whatever is streamed, however it is split, both providers tell the same."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shim.model import StreamDone
from shim.testing.fake_openai import FakeOpenAI, RawResponse, Respond
from shim.testing.fake_openai.answers import Answer
from tests.equivalence.both import Both
from tests.equivalence.questions import TEXT
from tests.properties.plans import Plan, plans
from tests.properties.strategies import garbage, wild_answers
from tests.wire.chat.chunks import DONE, decode, raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shim.testing.fake_openai import Behaviour

HEADERS = (("content-type", "text/event-stream"), ("x-request-id", "req_1"))
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_1\r\ntransfer-encoding: chunked\r\n\r\n"
)
modest = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
ends = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"])
cuts = st.lists(st.integers(0, 4000), max_size=8)


@pytest.fixture(scope="module")
def kept(listener: FakeOpenAI) -> Iterator[Both]:
    """Both providers, kept for all examples: connections are used again."""
    with Both(listener.base_url) as made:
        yield made


def body_of(payloads: Iterable[bytes], end: bytes) -> bytes:
    """The payloads as an event stream with these line ends."""
    return b"".join(b"data: " + payload + end for payload in payloads)


def pieces_of(body: bytes, places: list[int]) -> tuple[bytes, ...]:
    """The body split at these places, counted round its end."""
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return tuple(body[start:end] for start, end in pairwise(edges))


def answering(pieces: tuple[bytes, ...]) -> Behaviour:
    """A whole response whose body comes in these pieces, an HTTP chunk each."""
    return Respond(lambda _request: Answer(200, HEADERS, pieces))


@pytest.mark.slow
@modest
@given(plan=plans(), end=ends, places=cuts)
def test_any_stream_is_told_the_same(
    listener: FakeOpenAI, kept: Both, plan: Plan, end: bytes, places: list[int]
) -> None:
    """Any answer, split anywhere, gives both providers the events and the response the codec reads from it whole."""
    behaviour = answering(pieces_of(body_of(map(raw, plan.stream()), end), places))
    listener.plan(behaviour, behaviour)
    pair = kept.ask(TEXT, stream=True)
    *events, last = decode(*plan.stream())
    assert isinstance(last, StreamDone)
    assert pair.differences == {}
    assert pair.native.events[:-1] == events
    assert pair.native.response == replace(last.response, request_id="req_1")


@pytest.mark.slow
@modest
@given(plan=plans(), places=cuts, cut=st.integers(0, 4000))
def test_any_stream_that_breaks_off_is_told_the_same(
    listener: FakeOpenAI, kept: Both, plan: Plan, places: list[int], cut: int
) -> None:
    """A stream that ends anywhere before the end of its message is the same error with the same partial response."""
    body = body_of(map(raw, plan.stream()), b"\n\n")
    sent = body[: cut % len(body)]
    assume(not sent.endswith(b"}\n"))  # the table has it: the legacy client does not wait for the blank line
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces_of(sent, places)]
    behaviour = RawResponse((HEAD, *chunks))
    listener.plan(behaviour, behaviour)
    pair = kept.ask(TEXT, stream=True)
    listener.wait_for_open_connections(0)
    assert pair.differences.keys() <= {"error.message"}


@pytest.mark.slow
@modest
@given(payloads=st.lists(garbage(wild_answers), max_size=5), places=cuts)
def test_any_payloads_are_told_the_same(
    listener: FakeOpenAI, kept: Both, payloads: list[bytes], places: list[int]
) -> None:
    """Payloads of any kind of wrongness, as long as they are lines of UTF-8, are the same events and the same outcome."""
    lines = [b" ".join(payload.decode("utf-8", "replace").encode().splitlines()) for payload in payloads]
    behaviour = answering(pieces_of(body_of([*lines, DONE], b"\n\n"), places))
    listener.plan(behaviour, behaviour)
    assert kept.ask(TEXT, stream=True).differences == {}
