"""Tests that the bytes of a recording are split and cut where they should be, and nothing else of it changes."""

from __future__ import annotations

import gzip

import pytest
from msgspec.structs import replace

from shim.comparison.tee_rung.variants import ALL_OFFSETS, Variant, body_of, offsets, variants_of
from shim.recording.exchange import Exchange, RecordedResponse
from shim.recording.recorded_answer import presented
from tests.helpers.exchanges import CHUNKS, exchange, segments_of, sse, streamed

BODY = sse(*CHUNKS)


def made(recorded: Exchange, *, resplit: bool = False, truncate: bool = False) -> list[Variant]:
    """All variants."""
    return list(variants_of(recorded, resplit=resplit, truncate=truncate))


def test_a_body_is_split_byte_by_byte_and_in_two_at_every_offset() -> None:
    """Each split holds the same bytes in the order they had, and every offset between two bytes has one."""
    variants = made(streamed(), resplit=True)
    assert [variant.name for variant in variants] == ["byte by byte", *(f"split at {at}" for at in range(1, len(BODY)))]
    pieces = [presented(variant.exchange).pieces for variant in variants]
    assert all(b"".join(each) == BODY for each in pieces)
    assert {len(piece) for piece in pieces[0]} == {1}
    assert [len(each[0]) for each in pieces[1:]] == list(range(1, len(BODY)))


def test_a_body_is_cut_at_every_offset_in_both_ways() -> None:
    """Every shorter body is presented once with a proper end and once with a reset."""
    variants = made(streamed(), truncate=True)
    assert len(variants) == 2 * len(BODY)
    for at, (ended, reset) in enumerate(zip(variants[::2], variants[1::2], strict=True)):
        assert (body_of(ended.exchange), body_of(reset.exchange)) == (BODY[:at], BODY[:at])
        assert (ended.name, reset.name) == (f"cut at {at}", f"cut at {at} by a reset")
        assert presented(ended.exchange).broken is None
        broken = presented(reset.exchange).broken
        assert broken is not None
        assert broken.family == "network"


def test_nothing_but_the_body_is_changed() -> None:
    """Request, status, headers and identity stay as they were recorded."""
    recorded = exchange()
    for variant in made(recorded, resplit=True, truncate=True):
        response = variant.exchange.response
        assert response is not None
        same = replace(response, segments=recorded.response.segments if recorded.response else ())
        assert same == recorded.response
        assert variant.exchange.request == recorded.request


def test_an_answer_without_bytes_has_no_variants() -> None:
    """Nothing can be split or cut where nothing came."""
    assert made(exchange({}, b""), resplit=True, truncate=True) == []


def test_a_compressed_body_is_cut_as_it_is_read() -> None:
    """Offsets are of the decompressed bytes, so every cut is one that a reader may meet."""
    headers = (("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip"))
    packed = segments_of(gzip.compress(BODY))
    response = RecordedResponse(status=200, headers=headers, segments=packed, decoded=False)
    variants = made(streamed(response=response), truncate=True)
    assert len(variants) == 2 * len(BODY)
    assert presented(variants[20].exchange).pieces == (BODY[:10],)


def test_every_offset_of_a_body_within_the_limit_is_tried() -> None:
    """Up to the limit nothing is left out."""
    assert offsets(bytes(ALL_OFFSETS), first=0) == list(range(ALL_OFFSETS))


def test_of_a_longer_body_the_offsets_are_chosen_where_readers_fail() -> None:
    """Line ends, field names and characters of several bytes are tried at each byte, within a bound."""
    event = 'data: {"choices":[{"delta":{"content":"' + "word " * 40 + '🌍"}}]}\r\n\r\n'
    body = (event * 50).encode()
    chosen = offsets(body, first=1)
    assert len(body) > ALL_OFFSETS
    assert len(chosen) <= ALL_OFFSETS
    assert chosen == sorted(set(chosen))
    start = body.index(b"data", 5000)
    assert {*range(start - 4, start + 6)} <= {*chosen}
    character = body.index("🌍".encode(), 5000)
    assert {*range(character, character + 5)} <= {*chosen}
    assert {1, 2, len(body) - 1} <= {*chosen}
    assert {*range(len(body) - 8, len(body))} <= {*offsets(b"x" * len(body), first=1)}


@pytest.mark.slow
def test_the_work_is_bounded_however_long_the_body_is() -> None:
    """The bytes read again for a body of megabytes are not more than for one at the limit, about."""
    body = b"data: {}\n\n" * 100_000
    chosen = offsets(body, first=0)
    assert 2 <= len(chosen) <= ALL_OFFSETS * ALL_OFFSETS // len(body)
    assert (chosen[0], chosen[-1]) == (0, len(body) - 1)
