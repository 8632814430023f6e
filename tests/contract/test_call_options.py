"""Tests of what every provider does with the options of one call: honour them, or refuse them by name."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from shim.model import ErrorCategory, InvalidRequestError, MissingCredentialsError, UnsupportedFeatureError
from shim.provider import CallOptions, Deadlines, Endpoint
from shim.testing.fake_openai import FakeOpenAI, Stall, Status, Where
from tests.helpers.driving import HELLO, Heard, drive
from tests.helpers.places import refusing

if TYPE_CHECKING:
    from tests.helpers.providers import AnyProvider, Make

both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(provider: AnyProvider, options: CallOptions | None, *, stream: bool = False) -> Heard:
    """Ask with options, and wait for the completion."""
    heard = Heard()
    if stream:
        provider.start_stream(HELLO, heard.on_event, heard.on_completion, options=options)
    else:
        provider.start_request(HELLO, heard.on_completion, options=options)
    drive(provider, lambda: heard.done)
    return heard


@both_kinds
def test_a_call_may_have_a_key_of_its_own(provider: AnyProvider, server: FakeOpenAI, *, stream: bool) -> None:
    """The call's key is sent in the place of the provider's, and the next call has the provider's again."""
    ask(provider, CallOptions(api_key="sk-mine"), stream=stream)
    ask(provider, None, stream=stream)
    assert [each.headers["authorization"] for each in server.requests] == ["Bearer sk-mine", "Bearer sk-test-key"]


@both_kinds
def test_a_key_that_is_a_function_is_asked_once_a_call(make: Make, server: FakeOpenAI, *, stream: bool) -> None:
    """A function given as the key, to a call or to the provider, is asked when a call starts, once."""
    asked: list[str] = []

    def token() -> str:
        asked.append(f"sk-token-{len(asked)}")
        return asked[-1]

    with make(server.base_url, api_key=token) as provider:
        assert not asked
        ask(provider, None, stream=stream)
        ask(provider, CallOptions(api_key=lambda: "sk-other"), stream=stream)
        ask(provider, CallOptions(), stream=stream)
    assert [each.headers["authorization"].removeprefix("Bearer ") for each in server.requests] == [
        "sk-token-0",
        "sk-other",
        "sk-token-1",
    ]


def test_a_function_that_gives_no_key_is_told(provider: AnyProvider, server: FakeOpenAI) -> None:
    """No key from the function is an error before anything is sent; what it raises leaves as it is."""
    with pytest.raises(MissingCredentialsError, match="function given as api_key returned none"):
        provider.start_request(HELLO, print, options=CallOptions(api_key=lambda: ""))

    def broken() -> str:
        raise OSError("no token service")

    with pytest.raises(OSError, match="no token service"):
        provider.start_request(HELLO, print, options=CallOptions(api_key=broken))
    assert not server.requests


def test_the_calls_own_key_is_masked(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A key that came with the call is masked in what the server says of it, as the provider's own is."""
    server.plan(Status(401, {"error": {"message": "bad key: call-key-to-hide-77"}}))
    error = ask(provider, CallOptions(api_key="call-key-to-hide-77")).error
    assert error.category is ErrorCategory.AUTH
    assert "to-hide" not in f"{error!r} {error.body!r} {error.headers!r}"


@both_kinds
def test_a_call_may_go_elsewhere_on_anothers_behalf(provider: AnyProvider, *, stream: bool) -> None:
    """The call's endpoint says where it goes, for which organization and project."""
    with FakeOpenAI() as other:
        endpoint = Endpoint(other.base_url, organization="org-x", project="proj-y")
        assert ask(provider, CallOptions(endpoint=endpoint), stream=stream).completion.ok
        headers = other.requests[0].headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-x", "proj-y")


@both_kinds
def test_a_call_may_have_a_shorter_limit_of_silence(provider: AnyProvider, server: FakeOpenAI, *, stream: bool) -> None:
    """The call's read limit ends it as a timeout, and says how long it was; another call keeps the provider's."""
    server.plan(Stall(Where.BEFORE_HEADERS))
    began = time.monotonic()
    error = ask(provider, CallOptions(deadlines=Deadlines(read=0.2)), stream=stream).error
    assert error.category is ErrorCategory.TIMEOUT
    assert 0.15 < time.monotonic() - began < 5
    assert ask(provider, None, stream=stream).completion.ok


def test_a_call_may_have_a_limit_to_connect(provider: AnyProvider) -> None:
    """The call's own limits are taken beside a connection that is refused at once, infinite ones too."""
    for limit in (0.5, math.inf):
        with refusing() as base_url:
            options = CallOptions(endpoint=Endpoint(base_url), deadlines=Deadlines(connect=limit, read=limit))
            assert ask(provider, options).error.category is ErrorCategory.NETWORK


def test_an_idempotency_key_is_sent(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The call's idempotency key is a header of its request, and of no other."""
    ask(provider, CallOptions(idempotency_key="once-1"))
    ask(provider, None)
    assert [each.headers.get("idempotency-key") for each in server.requests] == ["once-1", None]


@pytest.mark.parametrize("name", ["first_event", "between_events", "total"])
def test_a_limit_of_the_deadline_layer_is_refused_by_name(provider: AnyProvider, name: str) -> None:
    """A limit on content is none a transport can keep: it is refused by name, never ignored."""
    options = CallOptions(deadlines=Deadlines(**{name: 1.0}))
    with pytest.raises(UnsupportedFeatureError, match=name) as caught:
        provider.start_request(HELLO, print, options=options)
    assert caught.value.field == f"options.deadlines.{name}"


def test_a_retry_policy_is_refused_by_name(provider: AnyProvider) -> None:
    """A policy of tries needs the retry layer: without it, it is refused by name."""
    with pytest.raises(UnsupportedFeatureError, match="retries"):
        provider.start_stream(HELLO, print, print, options=CallOptions(retries=object()))


@pytest.mark.parametrize("options", [{}, "fast", 7])
def test_options_that_are_none_are_refused(provider: AnyProvider, options: Any) -> None:
    """What is no CallOptions is an error that says what to give."""
    with pytest.raises(ValueError, match=r"options is .*; give CallOptions"):
        provider.start_request(HELLO, print, options=options)


def test_an_endpoint_is_given_once(make: Make, server: FakeOpenAI) -> None:
    """A provider takes an endpoint or its short form, and says so where both are given."""
    with pytest.raises(InvalidRequestError, match="endpoint is given and so is base_url, organization;") as caught:
        make(server.base_url, organization="o", endpoint=Endpoint(server.base_url))
    assert caught.value.field == "endpoint"
    with make(None, endpoint=Endpoint(server.base_url, organization="org-z")) as provider:  # type: ignore[arg-type]  # no short form
        assert ask(provider, None).completion.ok
    assert server.requests[0].headers["openai-organization"] == "org-z"
