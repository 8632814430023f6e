"""Tests that both providers refuse the same requests and settings at once, and name the same field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from shim.calls import REFUSED_HEADERS
from shim.legacy_adapter import LegacyProvider
from shim.model import ImagePart, InvalidRequestError, ModelRequest, Reasoning, ShimError, user
from shim.native import NativeProvider
from tests.equivalence.both import Both
from tests.equivalence.questions import MODEL, TEXT
from tests.helpers.driving import start
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.provider import Provider
    from shim.testing.fake_openai import FakeOpenAI

REQUESTS: dict[str, Any] = {
    "nothing": None,
    "no messages": ModelRequest(MODEL, ()),
    "no model": replace(TEXT, model=""),
    "a model that is a number": ModelRequest(3, TEXT.messages),  # type: ignore[arg-type]  # what a caller may do
    "a temperature in words": replace(TEXT, temperature="hot"),
    "a temperature that is no number": replace(TEXT, temperature=float("nan")),
    "bytes": replace(TEXT, extra_body={"vendor": b"1"}),
    "an object": replace(TEXT, extra_body={"vendor": object()}),
    "messages overlaid": replace(TEXT, extra_body={"messages": None}),
    "model overlaid": replace(TEXT, extra_body={"model": 3}),
    "a previous response": replace(TEXT, previous_response_id="r"),
    "include": replace(TEXT, include=("x",)),
    "a summary": replace(TEXT, reasoning=Reasoning("low", "auto")),
    "a file's id": ModelRequest(MODEL, (user(ImagePart(file_id="f")),)),
    "a header's name": replace(TEXT, extra_headers={"X A": "a"}),
    "a header of numbers": replace(TEXT, extra_headers={"X-A": 3}),
    "a header in two lines": replace(TEXT, extra_headers={"X-A": "a\r\nb: c"}),
    "a header with spaces around": replace(TEXT, extra_headers={"X-A": " a "}),
    "a header with NUL": replace(TEXT, extra_headers={"X-A": "a\0"}),
    "a pseudo header": replace(TEXT, extra_headers={":path": "/v2"}),
    "another host": replace(TEXT, extra_headers={"Host": "elsewhere.example"}),
    "no host": replace(TEXT, extra_headers={"host": None}),
    "a proxy's credentials": replace(TEXT, extra_headers={"Proxy-Authorization": "Basic x"}),
    **{f"the header {name}": replace(TEXT, extra_headers={name.title(): "x"}) for name in REFUSED_HEADERS},
    "the length taken out": replace(TEXT, extra_headers={"Content-Length": None}),
    "a header in Japanese": replace(TEXT, extra_headers={"X-A": "日本"}),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "no key": {"api_key": ""},
    "a key of numbers": {"api_key": 3},
    "a key with a line end": {"api_key": "sk-test\n"},
    "another scheme": {"base_url": "ftp://127.0.0.1/v1"},
    "no URL": {"base_url": "127.0.0.1"},
    "a URL of numbers": {"base_url": 3},
    "credentials in the URL": {"base_url": "http://u:p@127.0.0.1/v1"},
    "a URL with a line end": {"base_url": "http://127.0.0.1/v1\n"},
    "half an IPv6 address": {"base_url": "http://[::1/v1"},
    "an organization in two lines": {"organization": "a\nb"},
    "an organization of numbers": {"organization": 3},
    "a project with spaces around": {"project": " a "},
    "no time to connect": {"connect_timeout": 0},
    "time in words": {"read_timeout": "long"},
    "negative time": {"read_timeout": -1},
}
# What only one of them refuses, and why: name -> (the request or settings, who sends it, the reason).
ONE_REFUSES: dict[str, tuple[ModelRequest, str, str]] = {
    "a header in Latin-1": (
        replace(TEXT, extra_headers={"X-A": "café"}),
        "legacy",
        "RFC 9110 5.5 leaves ISO-8859-1 in headers to history; the legacy client still sends it",
    ),
    "a body without a model": (
        replace(TEXT, extra_body={"model": UNSET}),
        "native",
        "some gateways name the model in the path; the legacy client's Config must have one",
    ),
}
both_forms = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def refusal(provider: Provider, request: ModelRequest, *, stream: bool) -> ShimError | None:
    """What a provider raises when it is asked; None where it accepts."""
    try:
        start(provider, request, stream=stream)
    except ShimError as error:
        return error
    return None


def refusal_of_settings(kind: Callable[..., LegacyProvider | NativeProvider], settings: Any) -> ShimError | None:
    """What a provider raises when it is made, or else when it is first asked."""
    try:
        with kind(**settings) as provider:
            return refusal(provider, TEXT, stream=False)
    except ShimError as error:
        return error


def told(error: ShimError | None) -> tuple[Any, ...]:
    """What of a refusal a program can go by; the words are for people."""
    return type(error), getattr(error, "field", None), getattr(error, "api", None)


@both_forms
@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_requests_are_refused(*, listener: FakeOpenAI, both: Both, name: str, stream: bool) -> None:
    """A request that cannot be sent raises the same class with the same field from either, and nothing is sent."""
    request, before = REQUESTS[name], listener.request_count
    legacy, native = (refusal(each, request, stream=stream) for each in (both.legacy, both.native))
    assert isinstance(native, InvalidRequestError)
    assert told(legacy) == told(native)
    assert listener.request_count == before


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_settings_are_refused(listener: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A setting that cannot be used raises the same class with the same field, at the latest when something is asked."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = {"api_key": KEY, "base_url": listener.base_url} | SETTINGS[name]
    legacy, native = (refusal_of_settings(kind, settings) for kind in (LegacyProvider, NativeProvider))
    assert isinstance(native, ShimError)
    assert told(legacy) == told(native)


@both_forms
@pytest.mark.parametrize("name", ONE_REFUSES)
def test_what_only_one_refuses(*, both: Both, name: str, stream: bool) -> None:
    """Each row of the table is refused by one of the two alone, so that none stays when it is no longer needed."""
    request, who, reason = ONE_REFUSES[name]
    assert reason
    refused = {
        "legacy": refusal(both.legacy, request, stream=stream),
        "native": refusal(both.native, request, stream=stream),
    }
    assert refused.pop(who) is None
    assert all(isinstance(error, InvalidRequestError) for error in refused.values())
