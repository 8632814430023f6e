"""Tests of whose organization and project the candidate sends: the call's, where its client has them with each call."""

from __future__ import annotations

import pytest

from shim.comparison import Exchange
from shim.factory import create_comparer
from shim.recording.exchange import RecordedRequest

ACCOUNT = (("OpenAI-Organization", "org-1"), ("OpenAI-Project", "proj-1"))


def exchange_of(client: str) -> Exchange:
    """What a client is recorded to have sent for an organization and a project."""
    request = RecordedRequest(
        method="POST",
        url="https://host.example/v1/chat/completions",
        headers=(("Authorization", "Bearer [removed]"), ("Content-Type", "application/json"), *ACCOUNT),
        body=b'{"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}',
        length=67,
    )
    return Exchange(pair_id="p", request=request, client=client)


@pytest.mark.parametrize(
    ("client", "outcome"),
    [("openai 0.28", "match"), ("shim.compat.openai_v0", "match"), ("tap", "mismatch"), ("proxy", "mismatch")],
)
def test_calls_of_openai_0_28_have_their_account_with_them(client: str, outcome: str) -> None:
    """What was recorded of openai 0.28 needs no account to be told; of another client the candidate is given one, or lacks it."""
    with create_comparer(rungs=("wire",)) as comparer:
        (verdict,) = comparer.compare(exchange_of(client))
    assert verdict.outcome == outcome, verdict.message


def test_an_account_that_is_given_counts() -> None:
    """An organization that is told is the candidate's, whatever the call had with it."""
    with create_comparer(rungs=("wire",), candidate_settings={"organization": "org-2"}) as comparer:
        (verdict,) = comparer.compare(exchange_of("openai 0.28"))
    assert [(each.path, each.candidate) for each in verdict.mismatches] == [("header.openai-organization", "org-2")]
