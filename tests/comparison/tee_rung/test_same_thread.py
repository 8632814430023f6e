"""Tests that a client tells the same in the calling thread as on threads of its own, however the bytes are cut."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from legacy_openai.transfer import BUFFER_LIMIT
from shim.comparison.tee_rung.compare_tee import compare_tee_all
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.comparison.tee_rung.variants import variants_of
from shim.legacy_adapter import LegacyProvider
from shim.recording.exchange import TransportFault
from tests.comparison.recorded_cases import CHAT, chat_case
from tests.comparison.tee_rung.test_properties import ends, events, stream_of
from tests.helpers.exchanges import ASKED, CHUNKS, exchange, segments_of, sse, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shim.comparison.verdict import Verdict
    from shim.recording.exchange import Exchange

_FAULTS = (
    None,
    *(
        TransportFault(stage="body", kind=kind, message="as it was")
        for kind in (
            "builtins.ConnectionResetError",
            "timeout",
            "truncated",
            "protocol",
            "urllib3.exceptions.DecodeError",
        )
    ),
)


@pytest.fixture(scope="module")
def same() -> Iterator[SessionReader]:
    """The legacy client in the calling thread."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def threaded() -> Iterator[SessionReader]:
    """The legacy client on threads, as whoever gives `max_concurrency` wants it."""
    reader = SessionReader(LegacyProvider, max_concurrency=1)
    yield reader
    reader.close()


def judged(cases: Sequence[Exchange], reader: SessionReader) -> list[Verdict]:
    """The verdicts without their times."""
    return [replace(each, seconds=0.0) for each in compare_tee_all(cases, control=reader)]


def broken(recorded: Exchange, fault: TransportFault | None) -> Exchange:
    """The same, whose body broke off."""
    return recorded if fault is None else replace(recorded, ended="failed", fault=fault)


def test_every_case_is_told_the_same(same: SessionReader, threaded: SessionReader) -> None:
    """Readings and verdicts of every case, as recorded, are equal."""
    cases = list(map(chat_case, CHAT))
    assert same.read_all(cases) == threaded.read_all(cases)
    assert judged(cases, same) == judged(cases, threaded)


@pytest.mark.slow
def test_every_case_cut_otherwise_is_told_the_same(same: SessionReader, threaded: SessionReader) -> None:
    """Readings and verdicts of every case are equal, joined, line by line, cut half way, and broken off in every way."""
    cases: list[Exchange] = []
    for recorded in map(chat_case, CHAT):
        body = CHAT[recorded.pair_id].body
        assert recorded.response is not None
        for pieces in ([body], body.splitlines(keepends=True), [body[: len(body) // 2]]):
            response = replace(recorded.response, segments=segments_of(*filter(None, pieces)))
            cases.append(replace(recorded, response=response))
        cases += [broken(cases[-1], fault) for fault in _FAULTS]
    assert same.read_all(cases) == threaded.read_all(cases)
    assert judged(cases, same) == judged(cases, threaded)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recorded",
    [exchange(), streamed(), streamed(sse(*CHUNKS).replace(b"\n", b"\r\n")), exchange(ASKED, b"\xff[", status=503)],
    ids=["whole", "stream", "stream with CRLF", "error"],
)
def test_every_split_and_cut_is_told_the_same(recorded: Exchange, same: SessionReader, threaded: SessionReader) -> None:
    """Split byte by byte and at every offset, cut at every offset with an end and with a reset, an answer is told the same."""
    cases = [variant.exchange for variant in variants_of(recorded, resplit=True, truncate=True)]
    assert same.read_all(cases) == threaded.read_all(cases)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(events, max_size=6),
    end=ends,
    cuts=st.lists(st.integers(0, 400), max_size=6),
    at_lines=st.booleans(),
    fault=st.sampled_from(_FAULTS),
    status=st.sampled_from([200, 200, 200, 404, 500]),
)
def test_generated_streams_are_told_the_same(
    same: SessionReader,
    threaded: SessionReader,
    *,
    told: list[tuple[str, str]],
    end: str,
    cuts: list[int],
    at_lines: bool,
    fault: TransportFault | None,
    status: int,
) -> None:
    """Any events with any line ends, split anywhere and at line ends, whole or broken off, are told the same."""
    body = stream_of(told, end)
    cuts += [at + 1 for at, byte in enumerate(body) if byte in b"\r\n"] if at_lines else []
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:stop] for start, stop in itertools.pairwise(places)] or [b""]
    recorded = broken(streamed(*pieces, status=status), fault)
    assert same.read(recorded) == threaded.read(recorded)


@pytest.mark.slow
def test_more_than_a_client_buffers_is_told_the_same(same: SessionReader, threaded: SessionReader) -> None:
    """A stream of more than the megabyte at which a client's thread stops reading, in one piece or in three, is told alike."""
    large = sse(*(CHUNKS[1] for _ in range(12_000)), CHUNKS[3])
    assert len(large) > BUFFER_LIMIT
    cases = [streamed(large), streamed(large[:300_000], large[300_000:700_001], large[700_001:])]
    assert [hear.reading().events for hear in same.hear_all(cases)] == [
        hear.reading().events for hear in threaded.hear_all(cases)
    ]
