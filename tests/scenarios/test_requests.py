"""Scenarios of requests: start, the wait/perform/info_read cycle, what is refused at once, and how config is built."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shim.model import InvalidRequestError, MissingCredentialsError, ModelRequest, ToolCallPart, user
from shim.testing.fake_openai import FakeOpenAI, Slow, Stall, Where
from tests.helpers.driving import HELLO, Heard, arrive, ask, start
from tests.helpers.providers import AnyProvider, Make
from tests.scenarios.chunks import answering

if TYPE_CHECKING:
    from shim.testing.fake_openai import RecordedRequest

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def wait(provider: AnyProvider) -> bool:
    """Wait on the descriptors as an old codebase does; whether anything became readable."""
    readable, writable, exceptional = provider.fdset()
    milliseconds = provider.timeout()
    ready, _, _ = select.select(readable, writable, exceptional, 5 if milliseconds < 0 else milliseconds / 1000)
    return bool(ready)


def test_start_request_returns_at_once(provider: AnyProvider, server: FakeOpenAI) -> None:
    """`start_request` returns long before the server has answered."""
    server.plan(Slow(15))
    began = time.monotonic()
    heard = start(provider, stream=False)
    assert time.monotonic() - began < 10
    assert not heard.done


def test_nothing_is_called_back_before_info_read(provider: AnyProvider, server: FakeOpenAI) -> None:
    """However long the answer has been there and however often `perform()` ran, only `info_read()` calls back."""
    heard = start(provider, stream=False)
    arrive(provider, server, 1)
    while provider.perform():
        wait(provider)
    assert provider.perform() == 0
    assert heard.completions == []
    assert provider.info_read() == 1
    assert heard.completion.ok


@pytest.mark.parametrize(
    ("message", "text", "calls"),
    [
        ({"content": "Hi"}, "Hi", ()),
        ({"tool_calls": [CALL]}, "", (ToolCallPart("call_1", "f", '{"x":1}'),)),
        ({"content": "Let me see.", "tool_calls": [CALL]}, "Let me see.", (ToolCallPart("call_1", "f", '{"x":1}'),)),
    ],
    ids=["text", "tool calls", "both"],
)
def test_after_the_cycle_the_callback_has_the_transformed_response(
    provider: AnyProvider, server: FakeOpenAI, message: dict[str, Any], text: str, calls: tuple[ToolCallPart, ...]
) -> None:
    """After wait, `perform()` and `info_read()` the callback has the answer's text, its tool calls, or both."""
    server.plan(answering(message))
    heard = Heard()
    handle = provider.start_request(HELLO, heard.on_completion)
    while not heard.done:
        assert wait(provider), "the loop stalled"
        provider.perform()
        provider.info_read()
    assert heard.completion.handle is handle
    assert heard.response.text == text
    assert heard.response.tool_calls == calls


def test_a_missing_key_is_refused_at_once(make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key `MissingCredentialsError` is raised, nothing is sent and nothing called back."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    check_refused(make, server, HELLO, MissingCredentialsError, api_key=None)


def test_no_messages_are_refused_at_once(make: Make, server: FakeOpenAI) -> None:
    """Without messages `InvalidRequestError` is raised, nothing is sent and nothing called back."""
    check_refused(make, server, ModelRequest("gpt-4o-mini", ()), InvalidRequestError, api_key="sk-test")


def check_refused(
    make: Make, server: FakeOpenAI, request: ModelRequest, error: type[Exception], *, api_key: str | None
) -> None:
    """Both starts raise, and then there is nothing to drive."""
    with make(server.base_url, api_key=api_key) as provider:
        heard = Heard()
        with pytest.raises(error):
            provider.start_request(request, heard.on_completion)
        with pytest.raises(error):
            provider.start_stream(request, heard.on_event, heard.on_completion)
        assert (provider.perform(), provider.info_read(), provider.timeout()) == (0, 0, -1)
    assert (heard.events, heard.completions) == ([], [])
    assert server.connections_opened == 0


def test_the_key_comes_from_the_environment(make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `api_key` the key is `OPENAI_API_KEY`, as it is when a request starts; `api_key` wins."""
    with make(server.base_url, api_key=None) as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-environment")
        ask(provider)
    with make(server.base_url, api_key="sk-test-given") as provider:
        ask(provider)
    keys = [request.headers["authorization"] for request in server.requests]
    assert keys == ["Bearer sk-test-environment", "Bearer sk-test-given"]


def test_fdset_names_the_real_descriptor(provider: AnyProvider) -> None:
    """`fdset()` names one open descriptor for reading, the provider's own `fileno()`, which select, poll and epoll take."""
    readable, writable, exceptional = provider.fdset()
    assert (readable, writable, exceptional) == ([provider.fileno()], [], [])
    assert os.fstat(readable[0])
    assert select.select([provider], [], [], 0) == ([], [], [])
    poll = select.poll()
    poll.register(provider, select.POLLIN)
    start(provider, stream=False)
    assert poll.poll(5000) == [(provider.fileno(), select.POLLIN)]


def test_perform_moves_the_data(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Stream events come from `perform()` and not from waiting; it returns how many requests are still running."""
    server.plan(Stall(after_events=3))
    heard = start(provider, stream=True)
    while not heard.text:
        events = len(heard.events)
        assert wait(provider)
        assert len(heard.events) == events
        assert provider.perform() == 1
    provider.cancel()
    assert provider.perform() == 0


@pytest.mark.slow
def test_a_loop_that_waits_for_timeout_never_stalls(provider: AnyProvider) -> None:
    """A loop that waits on the descriptor for `timeout()` and not longer delivers a hundred requests without a pause."""
    heard = [start(provider, stream=number % 2 == 0) for number in range(100)]
    while not all(each.done for each in heard):
        assert wait(provider), "nothing became readable although requests were running"
        provider.perform()
        provider.info_read()
    assert all(each.completion.ok for each in heard)


def test_a_loop_that_waits_for_timeout_never_spins(provider: AnyProvider, server: FakeOpenAI) -> None:
    """While nothing arrives no turn is wanted soon and the descriptor is quiet, with requests running and without."""
    assert provider.timeout() == -1
    server.plan(Stall(Where.BEFORE_HEADERS))
    heard = start(provider, stream=True)
    arrive(provider, server, 1)
    provider.perform()
    for _ in range(3):
        assert provider.timeout() == -1 or provider.timeout() > 1000, "only limits are waited for"
        assert select.select([provider], [], [], 0.02) == ([], [], [])
        assert provider.perform() == 1
    provider.cancel(heard.handle)
    assert provider.timeout() == 0
    provider.perform()
    provider.info_read()
    assert provider.timeout() == -1
    assert select.select([provider], [], [], 0) == ([], [], [])


def test_info_read_alone_delivers_completions(provider: AnyProvider) -> None:
    """Three ended requests are delivered by one `info_read()`, which returns their number, and the next returns 0."""
    heard = [start(provider, stream=stream) for stream in (True, False, True)]
    while provider.perform():
        wait(provider)
    assert [each.done for each in heard] == [False] * 3
    assert provider.info_read() == 3
    assert [each.done for each in heard] == [True] * 3
    assert provider.info_read() == 0


def sent(provider: AnyProvider, server: FakeOpenAI, request: ModelRequest) -> RecordedRequest:
    """Ask, and return what the server received."""
    assert ask(provider, request).completion.ok
    return server.requests[-1]


def test_config_building_key(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The provider's key is the request's bearer token."""
    assert sent(provider, server, HELLO).headers["authorization"] == "Bearer sk-test-key"


def test_config_building_model(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The request's model is the body's."""
    assert sent(provider, server, ModelRequest("gpt-4.1", (user("Hi"),))).json["model"] == "gpt-4.1"


DEFAULT_TEMPERATURE = {"legacy": 0.7, "native": None}


@pytest.mark.parametrize("said", [{}, {"temperature": 0.2}, {"temperature": 0}])
def test_config_building_temperature(
    make: Make, provider: AnyProvider, server: FakeOpenAI, said: dict[str, float]
) -> None:
    """The temperature is the request's; unless it says one, the legacy default or none at all."""
    wanted = said.get("temperature", DEFAULT_TEMPERATURE[make.kind])
    assert sent(provider, server, replace(HELLO, **said)).json.get("temperature") == wanted


@pytest.mark.parametrize("said", [{}, {"max_output_tokens": 5}])
def test_config_building_max_completion_tokens(provider: AnyProvider, server: FakeOpenAI, said: dict[str, int]) -> None:
    """`max_output_tokens` is sent as `max_completion_tokens`, and nothing where the request does not say."""
    assert sent(provider, server, replace(HELLO, **said)).json.get("max_completion_tokens") == said.get(
        "max_output_tokens"
    )
