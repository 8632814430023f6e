"""Tests of what a provider is asked: what goes as it is, and what cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.compat.openai_v0.transport.outgoing import InexpressibleError, Outgoing, chat_request
from shim.wire import chat

HEADERS = {"Authorization": "Bearer sk-secret", "Content-Type": "application/json", "X-Own": "1"}


def outgoing(fields: Any, *, url: str = "https://host/v1/chat/completions", stream: bool = False) -> Outgoing:
    """A request with this body."""
    return Outgoing(method="post", url=url, headers=dict(HEADERS), data=json.dumps(fields).encode(), stream=stream)


FIELDS = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


def test_a_body_goes_as_it_is() -> None:
    """What the provider writes of the request is the same JSON, unknown fields included."""
    fields = {**FIELDS, "temperature": 0, "unknown": {"a": [None]}, "stream": True}
    asked = chat_request(outgoing(fields, stream=True))
    assert chat.to_body(asked.request, stream=True) == fields
    assert asked.stream


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"model": 4}, "model"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_what_cannot_be_carried_names_its_place(change: dict[str, Any], field: str) -> None:
    """A body that no provider can carry is refused with the field that is in the way."""
    with pytest.raises(InexpressibleError) as refused:
        chat_request(outgoing({**FIELDS, **change}, stream=bool(change.get("stream"))))
    assert refused.value.field == field


def test_a_model_named_by_the_address_stays_there() -> None:
    """A body without a model is sent without one."""
    asked = chat_request(
        outgoing({"messages": FIELDS["messages"]}, url="https://h/openai/deployments/d/chat/completions?v=1")
    )
    assert "model" not in chat.to_body(asked.request, stream=False)
    assert asked.base_url == "https://h/openai/deployments/d?v=1"


def test_azure_keys_go_without_a_bearer() -> None:
    """Where the request has no Authorization, the provider is told to send none."""
    request = outgoing(FIELDS)
    request.headers.pop("Authorization")
    assert chat_request(request).request.extra_headers["Authorization"] is None


def test_a_provider_with_its_own_account_gets_no_key() -> None:
    """Neither key nor account goes to a provider that has its own; the caller's own headers do."""
    assert chat_request(outgoing(FIELDS), own_account=True).request.extra_headers == {"X-Own": "1"}


def test_a_slash_is_kept_or_mended() -> None:
    """An address that ends in a slash cannot be sent as it is by a provider; it is mended where that is asked for."""
    request = outgoing(FIELDS, url="https://host/v1//chat/completions")
    with pytest.raises(InexpressibleError, match="slash"):
        chat_request(request)
    assert chat_request(request, mend=True).base_url == "https://host/v1"


def test_blanks_that_no_server_sees_are_mended() -> None:
    """White space behind a key, or where a key is empty, is not part of the header (RFC 9110 5.5); it may be dropped."""
    request = outgoing(FIELDS, url="  https://host/v1/chat/completions")
    request.headers.update({"Authorization": "Bearer ", "X-Own": "1 \t"})
    mended = chat_request(request, mend=True)
    assert (mended.base_url, mended.request.extra_headers["Authorization"]) == ("https://host/v1", "Bearer")
    assert mended.request.extra_headers["X-Own"] == "1"
    assert chat_request(request).request.extra_headers["Authorization"] == "Bearer "


def test_a_path_is_quoted_as_requests_does() -> None:
    """Blanks and letters beyond ASCII in the path of `api_base` are sent quoted, whatever carries the call."""
    request = outgoing(FIELDS, url="https://host/a b/ü%41/v1/chat/completions?x=ä b")
    assert chat_request(request, mend=True).base_url == "https://host/a%20b/%C3%BCA/v1?x=%C3%A4%20b"


def test_no_repr_shows_the_key() -> None:
    """A request is told without its headers."""
    assert "secret" not in repr(outgoing(FIELDS))


def test_what_would_be_sent_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a codec write another body than the one it has read, the call is refused rather than sent so."""
    written = chat.to_body
    monkeypatch.setattr(chat, "to_body", lambda request, *, stream: {**written(request, stream=stream), "n": 1})
    with pytest.raises(InexpressibleError, match="sent differently") as refused:
        chat_request(outgoing(FIELDS))
    assert refused.value.field is None
