"""Properties of requests: any Chat Completions body survives an import, and garbage is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from shim.model import InvalidRequestError, ModelRequest
from shim.wire import chat, responses
from tests.properties.strategies import canonical, garbage, requests


@pytest.mark.slow
@given(requests)
def test_a_body_survives_an_import(body: dict[str, Any]) -> None:
    """Any body, imported and written again, is the same JSON."""
    written = chat.serialize(chat.parse_request(json.dumps(body).encode()), stream=body.get("stream") is True)
    assert canonical(json.loads(written)) == canonical(body)


@pytest.mark.slow
@given(requests)
def test_an_import_is_stable(body: dict[str, Any]) -> None:
    """Importing what was written from an import gives the same request again."""
    stream = body.get("stream") is True
    first = chat.parse_request(json.dumps(body).encode())
    again = chat.parse_request(chat.serialize(first, stream=stream))
    assert again == first


@pytest.mark.slow
@given(requests)
def test_a_moved_body_survives_an_import(body: dict[str, Any]) -> None:
    """What a body is on the Responses API, where it can be that at all, is read and written there as the same JSON."""
    stream = body.get("stream") is True
    try:
        moved = responses.serialize(chat.parse_request(body), stream=stream)
    except InvalidRequestError:
        return
    again = responses.serialize(responses.parse_request(moved), stream=stream)
    assert canonical(json.loads(again)) == canonical(json.loads(moved))


@pytest.mark.slow
@given(garbage(requests))
def test_garbage_is_named(raw: bytes) -> None:
    """Any bytes are a request or an error of ours that names the place, when read and when written."""
    try:
        request = chat.parse_request(raw)
        assert isinstance(request, ModelRequest)
        chat.serialize(request, stream=True)
    except InvalidRequestError as error:
        named = error.field
    else:
        named = "nothing"
    assert named
