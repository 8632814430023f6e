"""Properties of answers: any bytes under any status are an answer or an error of ours, and nothing else."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shim.model import ModelRequest, ModelResponse, ProviderError, user
from shim.wire import chat
from shim.wire.failure import parse_error
from tests.helpers.events import assert_well_formed
from tests.properties.strategies import garbage, texts, wild_answers, wild_errors

dates = st.datetimes().map(lambda when: when.strftime("%a, %d %b %Y %H:%M:%S GMT"))
headers = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "date", "x-ratelimit-reset-tokens", "x-request-id", "x-other"]),
    texts | st.integers().map(str) | st.floats().map(str) | dates,
)


@given(garbage(wild_answers))
def test_no_bytes_break_an_answer(body: bytes) -> None:
    """Any bytes are an answer whose events are in good order, or a ProviderError."""
    try:
        response = chat.parse_response(body)
    except ProviderError:
        return
    assert isinstance(response, ModelResponse)
    assert response.raw == body
    assert_well_formed(chat.events_of(response))


@given(wild_answers)
def test_an_answer_can_be_sent_again(answer: dict[str, Any]) -> None:
    """The message of any answer that was read can be sent in the next request."""
    try:
        response = chat.parse_response(json.dumps(answer).encode())
    except ProviderError:
        return
    request = ModelRequest("gpt-4o-mini", (user("hi"), response.message))
    assert json.loads(chat.serialize(request, stream=False))["messages"][1]["role"]


@given(st.integers(100, 599), headers, garbage(wild_errors))
def test_no_bytes_break_an_error(status: int, given_headers: dict[str, str], body: bytes) -> None:
    """Any bytes under any status and headers are an error that can be shown and pickled; nothing is raised."""
    error = parse_error(status, given_headers, body)
    assert str(error)
    assert error.http_status == status
    assert error.retry_after_ms is None or error.retry_after_ms > 0
    restored = pickle.loads(pickle.dumps(error))  # noqa: S301 - the bytes were made in the same line
    assert vars(restored) == vars(error)
