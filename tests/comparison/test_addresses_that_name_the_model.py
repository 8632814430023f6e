"""Tests that requests whose address names the model are compared: Azure's deployments, `engine=` of openai 0.28."""

from __future__ import annotations

import pytest

from shim.comparison import Exchange
from shim.factory import create_comparer
from shim.recording.exchange import RecordedRequest


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/openai/deployments/gpt-35-turbo/chat/completions?api-version=2024-02-01", ("api-key", "[removed]")),
        ("/v1/engines/gpt-3.5-turbo/chat/completions", ("Authorization", "Bearer [removed]")),
    ],
)
def test_an_address_that_names_the_model_is_kept(path: str, header: tuple[str, str]) -> None:
    """Azure's deployments and `engine=` match: the same address and kind of key, and no model in the body."""
    request = RecordedRequest(
        method="POST",
        url=f"https://host.example{path}",
        headers=(header, ("Content-Type", "application/json")),
        body=b'{"messages": [{"role": "user", "content": "Hi"}]}',
        length=49,
    )
    exchange = Exchange(pair_id="p", role="control", started_at=0.0, request=request, ended="complete", finished=0.1)
    with create_comparer(rungs=("wire",)) as comparer:
        (verdict,) = comparer.compare(exchange)
    assert verdict.outcome == "match", verdict.message
