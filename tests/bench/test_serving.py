"""Tests of the bench's servers: each answers what its scenario counts on, and ends with who began it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.clients.measure import Job
from bench.clients.native import make
from bench.serving import TOOL_DELTAS, ServerError, ServerKind, serving, tool_payloads


def job(base_url: str, ca_file: str | None, *, model: str) -> Job:
    """Two streams."""
    return Job(base_url, "sk-bench", "stream", model, 2, 1, ca_file=ca_file)


def test_the_pieces_of_a_call_are_json() -> None:
    """The arguments that a stream of pieces makes are JSON, and there are as many pieces with text as are counted."""
    deltas = [payload["choices"][0]["delta"] for payload in tool_payloads(deltas=50)]
    pieces = [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", ())]
    assert len([piece for piece in pieces if piece]) == 50
    assert json.loads("".join(pieces)) == {"city": "0123456789" * 48}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "model", "events"),
    [
        ("plain", "fake-burst-50", 50),
        ("http2", "fake-burst-50", 50),
        ("tools", "any", TOOL_DELTAS),
        ("lean", "fake-burst-50", 50),
        ("lean", "fake-paced-500x50", 50),
    ],
)
def test_a_server_answers_the_native_provider(kind: ServerKind, model: str, events: int) -> None:
    """Each kind of server streams as many events as its scenario expects, and its certificates go with it."""
    with serving(kind) as served:
        asked = job(served.base_url, served.ca_file, model=model)
        client = make(asked)
        client.stream(asked)
        client.close()
        assert (served.ca_file is not None) is (kind == "http2")
    assert asked.events == 2 * events
    assert served.ca_file is None or not Path(served.ca_file).exists()


@pytest.mark.slow
def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server's process ends at once, an error says so instead of a wait."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ServerError, match="did not start"), serving():
        pass
