"""Tests of the choice of what carries chat calls."""

from __future__ import annotations

from typing import Any

import pytest

from shim.compat.openai_v0.transport import choice
from shim.model import ErrorCategory, UnsupportedFeatureError
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import ScriptedProvider, answer, failure, text_stream, tool_call_stream
from tests.helpers.loopback import Loopback

HI = [{"role": "user", "content": "hi"}]


def chat(openai: Any, **params: Any) -> Any:
    """A chat call."""
    return openai.ChatCompletion.create(model="gpt-4", messages=HI, **params)


def test_the_legacy_client_is_the_default(openai: Any) -> None:
    """Where nobody chose, the legacy client carries chat."""
    assert choice.chosen().kind == "legacy"


def test_the_environment_chooses(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SHIM_OPENAI_V0` is read when the first call asks, and a word it does not know is an error that names those it does."""
    monkeypatch.setenv(choice.VARIABLE, "native")
    assert choice.chosen().kind == "native"
    choice.restore(None)
    monkeypatch.setenv(choice.VARIABLE, "natve")
    with pytest.raises(ValueError, match="SHIM_OPENAI_V0"):
        chat(openai)


@pytest.mark.parametrize(
    ("target", "settings", "error", "words"),
    [
        ("natve", {}, ValueError, "natve"),
        ("native", {"http3": True}, TypeError, "http3"),
        (5, {}, TypeError, "int"),
    ],
)
def test_what_cannot_carry_is_refused(
    openai: Any, target: Any, settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A name, a setting or an object that does not fit is refused when it is chosen."""
    with pytest.raises(error, match=words):
        openai.use(target, **settings)
    assert choice.chosen().kind == "legacy"


def test_no_temperature_is_added(openai: Any, loopback: Loopback) -> None:
    """A call that says no temperature sends none, though the legacy client has a default."""
    chat(openai)
    assert b"temperature" not in loopback.received[0].body


def test_the_native_provider_takes_its_settings(openai: Any, fake: FakeOpenAI) -> None:
    """`use("native", api="responses")` speaks the Responses API, and the answer is Chat Completions all the same."""
    openai.use("native", api="responses")
    told = chat(openai)
    assert fake.requests[0].path.endswith("/responses")
    assert told["object"] == "chat.completion"
    assert told.choices[0].message.content.startswith("Hello")
    assert told.choices[0].finish_reason == "stop"
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens
    chunks = list(chat(openai, stream=True))
    assert "".join(each.choices[0].delta.get("content", "") for each in chunks) == told.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_what_another_api_cannot_express_is_an_invalid_request(openai: Any, fake: FakeOpenAI) -> None:
    """A parameter the chosen API has no place for is an InvalidRequestError that names it, and nothing is sent."""
    openai.use("native", api="responses")
    with pytest.raises(openai.error.InvalidRequestError) as refused:
        chat(openai, n=2)
    assert refused.value.param == "n"
    assert not fake.requests


def test_a_provider_of_ones_own_carries_chat(openai: Any) -> None:
    """Answers, streams, calls and errors of any provider come back in 0.28's form, and the provider stays open."""
    provider = ScriptedProvider(
        [
            answer("Hello"),
            text_stream("Hel", "lo"),
            tool_call_stream("f", '{"a":', "1}"),
            failure(ErrorCategory.NETWORK, "the line is dead"),
            failure(ErrorCategory.TIMEOUT, "too late"),
        ]
    )
    openai.use(provider)
    assert chat(openai).choices[0].message.content == "Hello"
    chunks = list(chat(openai, stream=True))
    assert [each.choices[0].delta.get("content") for each in chunks] == ["", "Hel", "lo", None]
    calls = [
        each.choices[0].delta.tool_calls[0]
        for each in chat(openai, stream=True)
        if "tool_calls" in each.choices[0].delta
    ]
    assert calls[0].function.name == "f"
    assert "".join(each.function.arguments for each in calls) == '{"a":1}'
    with pytest.raises(openai.error.APIConnectionError, match="the line is dead"):
        chat(openai)
    with pytest.raises(openai.error.Timeout, match="too late"):
        chat(openai)
    provider.close()


def test_a_provider_of_ones_own_gets_no_key(openai: Any) -> None:
    """Neither the key nor the account's headers reach a provider that has its own; headers of the call do."""
    asked: list[Any] = []

    def play(request: Any) -> Any:
        asked.append(request)
        return answer("x")

    openai.use(lambda: ScriptedProvider(play))
    chat(openai, headers={"X-Title": "t"})
    assert asked[0].extra_headers == {"X-Title": "t"}


def test_a_rollout_needs_the_migrating_provider(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollout is known by what it does, and a migrating provider that is not there is named."""
    import sys

    class Rollout:
        def decide(self, unit: Any) -> None: ...

        def note(self, decision: Any, completion: Any) -> None: ...

    monkeypatch.setitem(sys.modules, "shim.migration", None)
    with pytest.raises(UnsupportedFeatureError, match="MigratingProvider"):
        openai.use(Rollout())


def test_no_repr_shows_settings(openai: Any) -> None:
    """What was chosen is told without its settings, which may hold a key."""
    openai.use("native", api_key="sk-secret-secret")
    assert "secret" not in repr(choice.chosen())


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_a_rollout_decides_for_each_call(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, arm: str
) -> None:
    """With a rollout the control goes through the thread's session, the candidate by itself, and the answers are alike."""
    import sys
    import types

    class Rollout:
        def decide(self, unit: Any) -> str:
            return arm

        def note(self, decision: Any, completion: Any) -> None: ...

    def migrating(control: Any, candidate: Any, rollout: Rollout) -> Any:
        chosen, other = (control, candidate) if rollout.decide(None) == "control" else (candidate, control)
        other.close()
        return chosen

    module = types.SimpleNamespace(MigratingProvider=migrating)
    monkeypatch.setitem(sys.modules, "shim.migration", module)
    openai.use(Rollout())
    assert chat(openai).choices[0].message.content == "Grüße"
    openai.api_base = openai.api_base.replace("/s/chat", "/s/stream")
    chunks = list(chat(openai, stream=True))
    assert "".join(each.choices[0].delta.get("content", "") for each in chunks) == "Grüße"
    assert all(each.header("X-Shim-V0-Call") is None for each in loopback.received)
    assert all(each.header("Authorization") == f"Bearer {openai.api_key}" for each in loopback.received)
    with pytest.raises(UnsupportedFeatureError, match="requestssession"):
        openai.requestssession = object()


def test_a_class_of_providers_is_a_function_that_makes_one(openai: Any, fake: FakeOpenAI) -> None:
    """A provider's class is called with the settings given, for each thread that calls."""
    from shim.native import NativeProvider

    openai.use(NativeProvider, base_url=fake.base_url, api_key="sk-of-its-own")
    openai.api_base = "http://127.0.0.1:9/not/used"
    assert chat(openai).choices[0].finish_reason == "stop"
    assert "".join(each.choices[0].delta.get("content", "") for each in chat(openai, stream=True)).startswith("Hello")
