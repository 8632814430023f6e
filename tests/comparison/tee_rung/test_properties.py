"""Properties of the tee rung: whatever is streamed, split or cut, it finds no difference but those there are."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shim.comparison import Outcome
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.compare_tee import compare_tee
from shim.comparison.tee_rung.known_quirks import UNENDED
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.comparison.tee_rung.variants import offsets
from shim.legacy_adapter import LegacyProvider
from tests.helpers.exchanges import streamed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def legacy() -> Iterator[SessionReader]:
    """The legacy client and adapter on a replaying session."""
    reader = SessionReader(LegacyProvider)
    yield reader
    reader.close()


def _chunk(delta: dict[str, object], finish: str | None = None) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, ensure_ascii=False)


payloads = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3).map(lambda text: _chunk({"content": text})),
    st.just(_chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]})),
    st.sampled_from(
        [_chunk({}, "stop"), _chunk({}, "length"), "[DONE]", '{"error":{"message":"No."}}', "{", "[]", "", "nonsense"]
    ),
)
events = st.tuples(st.sampled_from(["", ": hi\n", "event: x\n", "id: 1\n", "\n"]), payloads)
ends = st.sampled_from(["\n", "\r\n", "\r"])


def stream_of(told: list[tuple[str, str]], end: str) -> bytes:
    """An event stream of these, each ended."""
    return "".join(f"{before}data: {payload}\n\n" for before, payload in told).replace("\n", end).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(events, max_size=6), end=ends, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_a_stream_is_read_the_same_however_it_comes(
    legacy: SessionReader, told: list[tuple[str, str]], end: str, cuts: list[int]
) -> None:
    """Any events with any line ends, split anywhere, match: legacy client and codecs make the same of them."""
    body = stream_of(told, end)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:stop] for start, stop in itertools.pairwise(places)]
    verdict = compare_tee(streamed(*pieces) if pieces else streamed(b""), legacy)
    assert verdict.outcome is Outcome.MATCH, verdict.message


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(events, min_size=1, max_size=3), end=ends)
def test_a_cut_stream_parts_the_sides_only_in_the_known_way(
    legacy: SessionReader, told: list[tuple[str, str]], end: str
) -> None:
    """Cut anywhere, what differs is the event without its end, proven so, and nothing else."""
    body = stream_of(told, end)
    verdict = compare_tee(streamed(body), legacy, truncate=True)
    assert verdict.ok, verdict.message
    assert verdict.reason in ("", str(UNENDED))


@given(body=st.binary(max_size=200), status=st.sampled_from([200, 404, 500]))
def test_no_bytes_break_the_comparison(body: bytes, status: int) -> None:
    """Whatever stands in a recording, a reader compared with itself matches, split and cut everywhere."""
    verdict = compare_tee(streamed(body, status=status), CodecReader(), resplit=True, truncate=True)
    assert verdict.outcome is Outcome.MATCH, verdict.message
    many = len(offsets(body, first=0))
    assert verdict.variants == 1 + (many > 1) + max(many - 1, 0) + 2 * many
