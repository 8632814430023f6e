"""Tests of the shadow over real providers and servers: what goes over the wire, and what is recorded of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shim.comparison import Exchange, read_exchanges
from shim.factory import create_provider
from shim.provider import Provider
from shim.recording.exchange import PAIR_HEADER
from shim.testing.fake_openai import FakeOpenAI, Status
from tests.comparison.shadow_rung.asking import hand_over, scripted, shadow_of
from tests.comparison.shadow_rung.parts import REQUEST, completed


def asked_of(server: FakeOpenAI) -> list[tuple[str, dict[str, Any]]]:
    """Key and body of each request a server got."""
    return [(request.headers["authorization"], json.loads(request.body)) for request in server.requests]


@pytest.mark.parametrize(("api", "stored"), [("chat_completions", "absent"), ("responses", False)])
@pytest.mark.parametrize("streamed", [True, False])
def test_over_real_providers(api: str, stored: object, *, streamed: bool, tmp_path: Path) -> None:
    """The native provider asks with the shadow's key, says `store` false where Responses would keep it, and is recorded."""
    path = tmp_path / "candidate.jsonl"
    with FakeOpenAI() as server:

        def make() -> Provider:
            return create_provider("native", base_url=server.base_url, api=api)

        def again() -> Provider:
            return create_provider("legacy", base_url=server.base_url)

        with shadow_of(make, baseline=again, own_key="sk-shadow", record_to=path) as shadow:
            for number in range(3):
                shadow.submit(REQUEST, streamed=streamed, control=completed(), pair_id=f"p{number}")
            assert shadow.flush(15), shadow.counts
            pairs = shadow.pairs
        asked = asked_of(server)
    assert {key for key, _ in asked} == {"Bearer sk-shadow"}
    candidates = [body for _, body in asked if "temperature" not in body]
    assert [body.get("store", "absent") for body in candidates] == [stored] * 3
    assert all(body.get("store", "absent") == "absent" for _, body in asked if "temperature" in body)
    assert [(pair.candidate.ending, pair.candidate.streamed) for pair in pairs] == [("answered", streamed)] * 3
    assert all(
        pair.baseline is not None and pair.baseline.input_tokens == pair.candidate.input_tokens for pair in pairs
    )
    exchanges: list[Exchange] = list(read_exchanges(path))
    assert sorted(each.pair_id for each in exchanges) == ["p0", "p1", "p2"]
    assert {each.role for each in exchanges} == {"candidate"}
    assert "sk-shadow" not in path.read_text()
    assert PAIR_HEADER.lower() not in {name.lower() for request in server.requests for name in request.headers}


def test_a_legacy_candidate_is_recorded_too(tmp_path: Path) -> None:
    """A candidate with a session is tapped there, and its pair id does not reach the wire."""
    path = tmp_path / "candidate.jsonl"
    with FakeOpenAI() as server:
        make = lambda: create_provider("legacy", base_url=server.base_url)  # noqa: E731 - as a user writes it
        with shadow_of(make, own_key="sk-shadow", record_to=path) as shadow:
            shadow.submit(REQUEST, streamed=True, control=completed(), pair_id="p7")
            assert shadow.flush(15), shadow.counts
        assert PAIR_HEADER.lower() not in {name.lower() for request in server.requests for name in request.headers}
    assert [(each.pair_id, each.role) for each in read_exchanges(path)] == [("p7", "candidate")]


def test_what_cannot_be_tapped_is_asked_all_the_same(tmp_path: Path) -> None:
    """A candidate with neither a session nor a way to watch it is not recorded, and that is a fault that is counted."""
    make, made = scripted()
    with shadow_of(make, record_to=tmp_path / "candidate.jsonl") as shadow:
        hand_over(shadow)
        assert (shadow.counts.compared, shadow.counts.faults) == (1, {"candidate.record": 1})
    assert PAIR_HEADER not in made[0].requests[0].extra_headers


def test_a_file_that_cannot_be_written_is_known_at_once(tmp_path: Path) -> None:
    """A path for records that cannot be opened is refused at set-up."""
    with pytest.raises(OSError, match="nowhere"):
        shadow_of(scripted()[0], record_to=tmp_path / "nowhere" / "candidate.jsonl")


def test_a_real_429_stops_it() -> None:
    """A server's own 429 stops the shadow after one request."""
    with FakeOpenAI() as server:
        server.plan(Status(429))
        with shadow_of(lambda: create_provider("native", base_url=server.base_url), own_key="sk-shadow") as shadow:
            hand_over(shadow)
            hand_over(shadow, 3)
            assert shadow.stopped is not None
        assert len(server.requests) == 1
