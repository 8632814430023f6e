"""Scenarios of errors: HTTP, network, malformed data and interruption become error completions, never exceptions."""

from __future__ import annotations

import pytest

from shim.model import ErrorCategory, StreamError
from shim.testing.fake_openai import Cut, FakeOpenAI, RawResponse, Status
from shim.testing.fake_openai.answers import sse
from tests.helpers.driving import ask
from tests.helpers.places import refusing
from tests.helpers.providers import AnyProvider, Make
from tests.scenarios.chunks import ROLE, delta, in_segments, opening, streaming

both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both_kinds
def test_an_http_error_is_an_error_completion(*, provider: AnyProvider, server: FakeOpenAI, stream: bool) -> None:
    """A status of 500 is a completion whose error has status and category; the loop raises nothing."""
    server.plan(Status(500))
    heard = ask(provider, stream=stream)
    assert (heard.error.category, heard.error.http_status) == (ErrorCategory.SERVER, 500)


@both_kinds
def test_a_network_error_is_an_error_completion(*, make: Make, stream: bool) -> None:
    """Where nobody listens the completion has a network error and no status; the loop raises nothing."""
    with refusing() as url, make(url) as provider:
        heard = ask(provider, stream=stream)
    assert (heard.error.category, heard.completion.http_status) == (ErrorCategory.NETWORK, None)


@both_kinds
def test_a_malformed_body_is_an_error_completion(*, provider: AnyProvider, server: FakeOpenAI, stream: bool) -> None:
    """A body that is not JSON is a completion with a protocol error and the body; the loop raises nothing."""
    server.plan(Status(200, body=b"{oops"))
    heard = ask(provider, stream=stream)
    assert heard.error.category is ErrorCategory.PROTOCOL
    assert heard.error.body == b"{oops"


def test_malformed_data_in_a_stream(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A payload that is not JSON ends the stream with a protocol error that names its position, and the text before it."""
    server.plan(in_segments(sse(ROLE) + sse(delta(content="Hi")) + b"data: {oops\n\n" + sse(delta(content="lost"))))
    heard = ask(provider, stream=True)
    assert heard.error.category is ErrorCategory.PROTOCOL
    assert "payload 3" in heard.error.message
    assert heard.kinds == ["StreamStart", "TextDelta", "StreamError"]
    assert heard.error.partial is not None
    assert heard.error.partial.text == "Hi"


@pytest.mark.parametrize("ending", ["a clean end", "a broken connection"])
def test_interruption_of_a_stream(provider: AnyProvider, server: FakeOpenAI, ending: str) -> None:
    """A stream that stops without finish reason and `[DONE]` is truncated, never a silent success, and keeps its text."""
    unfinished = streaming(ROLE, delta(content="Hi"), done=False)
    server.plan(unfinished if ending == "a clean end" else (unfinished, Cut(after_events=2)))
    heard = ask(provider, stream=True)
    assert heard.error.category is ErrorCategory.TRUNCATED
    assert heard.error.retryable
    assert heard.events[-1] == StreamError(heard.error)
    assert heard.error.partial is not None
    assert heard.error.partial.text == heard.text == "Hi"


def test_interruption_inside_a_tool_call(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A call whose arguments were cut off is never reported as done."""
    server.plan(streaming(ROLE, opening(0, "c", "f", '{"ci'), done=False))
    heard = ask(provider, stream=True)
    assert heard.kinds == ["StreamStart", "ToolCallStart", "ToolCallDelta", "StreamError"]
    assert heard.error.partial is not None
    assert heard.error.partial.tool_calls[0].arguments == '{"ci'


def test_an_error_inside_a_stream(provider: AnyProvider, server: FakeOpenAI) -> None:
    """An error object in a stream of status 200 has its real category and keeps the text before it."""
    error = {"error": {"message": "Busy.", "type": "requests", "code": "rate_limit_exceeded", "param": None}}
    server.plan(streaming(ROLE, delta(content="Hi"), error, done=False))
    heard = ask(provider, stream=True)
    assert (heard.error.category, heard.error.message) == (ErrorCategory.RATE_LIMIT, "Busy.")
    assert heard.text == "Hi"


@both_kinds
def test_a_provider_is_as_good_as_new_after_an_error(
    *, provider: AnyProvider, server: FakeOpenAI, stream: bool
) -> None:
    """After each kind of error the next request on the same provider ends well."""
    for plan in (Status(429), Cut(after_bytes=10), RawResponse((b"nonsense",)), Status(200, body=b"")):
        server.plan(plan)
        assert not ask(provider, stream=stream).completion.ok
        assert ask(provider, stream=stream).completion.ok
