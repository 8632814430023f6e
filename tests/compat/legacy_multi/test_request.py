"""Tests of shim/compat/legacy_multi/request.py: the legacy client's request is sent, and what cannot be is refused."""

from __future__ import annotations

from typing import Any

import pytest

import legacy_openai
from legacy_openai import OMIT, Config, Conversation, InvalidConfigError, Message
from shim.compat.legacy_multi import MultiClient, over
from shim.compat.legacy_multi.request import Transport, asked_of, named_conversation
from shim.legacy_adapter import LegacyProvider
from shim.model import ModelRequest
from shim.native import NativeProvider
from shim.provider import CallOptions
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import ScriptedProvider, answer
from tests.compat.legacy_multi.ported import drive

PROVIDERS = {"native": NativeProvider, "legacy": LegacyProvider}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
TALK = (
    Message("system", "Be brief."),
    Message("user", [{"type": "text", "text": "What is this?"}], name="ann"),
    Message.tool_call("c1", "get_weather", arguments={"city": "Öslo"}),
    Message.tool_result("c1", "rain"),
    Message("assistant", OMIT, tool_calls=[{"id": "c2", "type": "custom", "custom": {"name": "f", "input": "x"}}]),
    Message.tool_result("c2", [{"type": "text", "text": "y"}]),
    Message("user", "Go on", extra={"cache_control": {"type": "ephemeral"}}),
)

ASKED: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "no temperature": {"openai_temperature": None},
    "a reasoning model": {"openai_model": "o3-mini", "openai_temperature": None},
    "everything of Config": {
        "openai_system_message": "Answer.",
        "openai_max_completion_tokens": 9,
        "openai_temperature": 0,
        "openai_organization": "org",
        "openai_project": "proj",
        "extra_headers": {"X-Trace": "t", "OpenAI-Beta": "b"},
        "connect_timeout": None,
        "read_timeout": None,
    },
    "tools and more": {"params": {"tools": [WEATHER], "stop": ["x"], "n": 1, "seed": 3, "unheard_of": {"a": [None]}}},
    "the field before tools": {"params": {"functions": [WEATHER["function"]], "function_call": "auto"}},
    "fields left out": {"params": {"temperature": OMIT, "stream_options": OMIT}},
    "its own stream options": {"params": {"stream_options": {"include_usage": False}}},
    "a stream that is none": {"params": {"stream": False, "stream_options": OMIT}},
    "nulls": {"params": {"user": None, "logit_bias": None, "temperature": None}},
}
HEADERS = ("authorization", "accept", "content-type", "openai-organization", "openai-project", "x-trace", "openai-beta")


def ask(client_class: Any, cfg: Config, *, stream: bool, limit_reached: bool = False) -> None:
    """Make one call, and wait for its end."""
    done: list[object] = []
    with client_class() as client:
        stream_cb = (lambda _payload: None) if stream else None
        client.add_request(cfg, Conversation(TALK), stream_cb, done.append, limit_reached=limit_reached)
        drive(client, lambda: done)


def config(base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> Config:
    """A config."""
    return Config(
        **{"openai_api_key": "sk-test", "openai_model": "gpt-4o-mini", "openai_base_url": base_url, **changes}
    )


@pytest.mark.parametrize("limit_reached", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("name", ASKED)
def test_the_same_is_sent(name: str, kind: str, *, stream: bool, limit_reached: bool) -> None:
    """Path, body and the headers that are a caller's are those of the legacy client, whatever a call asks."""
    with FakeOpenAI() as server:
        cfg = config(f"{server.base_url}/?v=1", **ASKED[name])
        for each in (legacy_openai.MultiClient, over(PROVIDERS[kind]).MultiClient):
            ask(each, cfg, stream=stream, limit_reached=limit_reached)
        one, other = server.requests
    assert other.json == one.json
    assert (other.method, other.path) == (one.method, one.path)
    # Where a stream_cb is given and no stream is asked for, the legacy client's Accept says otherwise.
    compared = HEADERS if name != "a stream that is none" else [each for each in HEADERS if each != "accept"]
    told = [{each: request.headers.get(each) for each in compared} for request in (one, other)]
    assert told[1] == told[0]


def started(client: MultiClient, cfg: Config, conv: Conversation | None = None) -> ModelRequest:
    """What a scripted provider is asked."""
    client.add_request(cfg, conv or Conversation([Message("user", "hi")]))
    provider = client._provider
    assert isinstance(provider, ScriptedProvider)
    return provider.requests[-1]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "proxies": ({"proxies": {"https": "http://user:secret@127.0.0.1:1"}}, "Config.proxies"),
    "no verification": ({"verify": False}, "Config.verify"),
    "a CA file": ({"verify": "/etc/ca.pem"}, "Config.verify"),
    "a stream unheard": ({"params": {"stream": True}}, r'Config.params\["stream"\]'),
    "a role nobody knows": ({"params": {"messages": [{"role": "critic", "content": "x"}]}}, r"messages\[0\].role"),
    "no address": ({"openai_base_url": "ftp://127.0.0.1/v1"}, "Config.openai_base_url"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_provider_cannot_do_is_refused_by_name(name: str) -> None:
    """A call that a provider cannot carry raises in add_request, names the field and no secret, and nothing is started."""
    changes, place = REFUSED[name]
    with MultiClient(ScriptedProvider([answer("x")])) as client:
        with pytest.raises(InvalidConfigError, match=place) as refused:
            client.add_request(config(**changes), Conversation([Message("user", "hi")]))
        assert "secret" not in str(refused.value)
        assert (client.perform(), client.info_read()) == (0, 0)


def test_what_the_provider_was_made_with_passes() -> None:
    """A proxy, or a way to verify, that the provider was made with may be named by every config, and so may the usual ones."""
    proxies = {"https": "http://127.0.0.1:1"}
    with MultiClient(ScriptedProvider([answer("x")] * 3), proxies=proxies, verify="/ca.pem") as client:
        started(client, config(proxies=dict(proxies), verify="/ca.pem"))
        started(client, config(proxies={}))
    with MultiClient(ScriptedProvider([answer("x")])) as client:
        started(client, config(verify=True))


def test_a_conversation_is_named_by_an_attribute_or_a_function() -> None:
    """The unit is `conversation_id` of the conversation, else of the config, or what `unit=` says; and it is not sent."""
    cfg, conv = config(), Conversation([Message("user", "hi")])
    with MultiClient(ScriptedProvider([answer("x")] * 4)) as client:
        assert started(client, cfg, conv).conversation_id is None
        cfg.conversation_id = "of the config"  # type: ignore[attr-defined]  # what a caller may do
        assert started(client, cfg, conv).conversation_id == "of the config"
        conv.conversation_id = "of the conversation"  # type: ignore[attr-defined]  # what a caller may do
        assert started(client, cfg, conv).conversation_id == "of the conversation"
    unit = lambda cfg, _conv: cfg.params.get("user")  # noqa: E731 - as a caller writes it
    with MultiClient(ScriptedProvider([answer("x")]), unit=unit) as client:
        assert started(client, config(params={"user": "u1"})).conversation_id == "u1"
        with pytest.raises(InvalidConfigError, match="unit is a int"):
            client.add_request(config(params={"user": 7}), conv)


def test_tools_of_other_kinds_are_known_by_name() -> None:
    """The calls of a custom tool and of `functions` are written as such in a stream, whose events do not tell the kind."""
    custom = {"type": "custom", "custom": {"name": "grep"}}
    asked = [
        asked_of(
            config(params=params),
            Conversation([Message("user", "hi")]),
            streaming=True,
            limit_reached=False,
            transport=Transport(None, None),
            unit=named_conversation,
        ).names
        for params in ({"tools": [WEATHER, custom]}, {"functions": [WEATHER["function"]]}, {})
    ]
    assert asked == [{"grep": "custom"}, {"get_weather": "function_call"}, {}]


def test_limits_go_out_as_options() -> None:
    """Key, address and limits of a config are options of the call, and a limit of None waits for ever."""
    seen: list[CallOptions | None] = []

    provider = ScriptedProvider([answer("x")])
    start = provider.start_request

    def noting(request: ModelRequest, on_completion: Any, *, options: CallOptions | None = None) -> Any:
        seen.append(options)
        return start(request, on_completion, options=options)

    provider.start_request = noting  # type: ignore[method-assign]  # a spy
    with MultiClient(provider) as client:
        started(client, config(connect_timeout=None, read_timeout=3))
    (options,) = seen
    assert options is not None
    assert options.deadlines is not None
    assert (options.api_key, options.deadlines.connect, options.deadlines.read) == ("sk-test", float("inf"), 3.0)
    assert options.endpoint is not None
    assert options.endpoint.base_url == "http://127.0.0.1:9/v1"
