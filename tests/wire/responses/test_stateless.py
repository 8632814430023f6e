"""Tests of `shim.wire.responses.stateless`: a request moved to Responses keeps nothing on the server unless it asks to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from shim.model import ModelRequest, Reasoning, ReasoningPart, assistant, user
from shim.wire.responses.stateless import ENCRYPTED, without_state

LOST, KEPT = ReasoningPart("hm", id="rs_1"), ReasoningPart("hm", id="rs_2", encrypted_content="gAAA")


def request(model: Any = "o3", **fields: Any) -> ModelRequest:
    """A small request."""
    return ModelRequest(**({"model": model, "messages": [user("hi")]} | fields))


@pytest.mark.parametrize(
    ("given", "include"),
    [
        (request("o3"), (ENCRYPTED,)),
        (request("gpt-5.1", include=["message.output_text.logprobs"]), ("message.output_text.logprobs", ENCRYPTED)),
        (request("o3", include=[ENCRYPTED]), (ENCRYPTED,)),
        (request("gpt-4o"), UNSET),
        (request(UNSET), UNSET),
        (request("deployment", reasoning=Reasoning("low")), (ENCRYPTED,)),
        (request("deployment", messages=[user("hi"), assistant(KEPT), user("go on")]), (ENCRYPTED,)),
    ],
)
def test_nothing_is_kept(given: ModelRequest, include: Any) -> None:
    """A request that says nothing of `store` is not stored, and asks for reasoning to take along where the model reasons."""
    changed = without_state(given)
    assert (changed.store, changed.include) == (False, include)


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True},
        {"store": False},
        {"store": None},
        {"extra_body": {"store": True}},
        {"previous_response_id": "resp_1"},
        {"extra_body": {"background": True}},
        {"extra_body": {"conversation": "conv_1"}},
    ],
)
def test_what_is_said_is_sent_as_said(fields: dict[str, Any]) -> None:
    """A request that says what to store, or builds on what was stored, is left as it is."""
    given = request(**fields)
    assert without_state(given) is given


def test_reasoning_that_only_the_server_had_does_not_go_back() -> None:
    """Reasoning without its encrypted content is left out, and a message of nothing else with it."""
    given = request(messages=[user("hi"), assistant(LOST), assistant(LOST, KEPT, "a"), user("go on")])
    assert without_state(given).messages == (user("hi"), assistant(KEPT, "a"), user("go on"))
