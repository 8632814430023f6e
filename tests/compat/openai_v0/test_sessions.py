"""Tests of the session of each thread: who makes it, when it is made anew, what it is given."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import urllib3.connection
import urllib3.connectionpool

from shim.compat.openai_v0 import sessions
from tests.helpers.loopback import Loopback

HI = [{"role": "user", "content": "hi"}]


def chat(openai: Any, **params: Any) -> Any:
    """A chat call."""
    return openai.ChatCompletion.create(model="gpt-4", messages=HI, **params)


def test_a_factory_is_asked_once_for_each_thread(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chat and other calls of a thread share the session that its factory made."""
    made: list[requests.Session] = []

    def factory() -> requests.Session:
        made.append(requests.Session())
        return made[-1]

    monkeypatch.setattr(openai, "requestssession", factory)
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: [chat(openai), openai.Model.list(), chat(openai)]).result()
    assert len(made) == 2
    assert len(loopback.received) == 6


def test_a_session_is_closed_and_made_anew_after_its_time(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call after `MAX_SESSION_LIFETIME_SECS` has a new session, and the old one is closed."""
    monkeypatch.setattr(openai.api_requestor, "MAX_SESSION_LIFETIME_SECS", 0)
    closed = []
    first = sessions.of_this_thread()
    first.close = lambda: closed.append(first)  # type: ignore[method-assign]  # to see it
    assert sessions.of_this_thread() is not first
    assert closed == [first]


def test_connections_that_are_put_in_the_place_of_urllib3s_are_taken(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that stands in the place of urllib3's connections, as cassettes put one there, carries chat and other calls."""
    asked: list[str] = []

    class Cassette(urllib3.connection.HTTPConnection):
        def putrequest(self, method: str, url: str, *args: Any, **named: Any) -> None:
            asked.append(f"{method} {url}")
            super().putrequest(method, url, *args, **named)

    monkeypatch.setattr(urllib3.connection, "HTTPConnection", Cassette)
    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "ConnectionCls", Cassette)
    chat(openai)
    openai.Model.list()
    assert [each.split()[0] for each in asked] == ["POST", "GET"]
    assert len(loopback.received) == 2


def test_hooks_auth_and_headers_of_a_session_count(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chat sends through the session: its auth wins, its headers go out, and a hook may read the body."""
    session = requests.Session()
    seen: list[str] = []

    def fresh(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = "Bearer fresh"
        return request

    session.auth = fresh
    session.headers["X-Own"] = "own"
    session.hooks["response"].append(lambda response, *_given, **_named: seen.append(response.text))
    monkeypatch.setattr(openai, "requestssession", session)
    assert chat(openai).choices[0].message.content == "Grüße"
    assert list(chat(openai, stream=False)) == list(chat(openai))
    assert loopback.received[0].header("Authorization") == "Bearer fresh"
    assert loopback.received[0].header("X-Own") == "own"
    assert [text[:5] for text in seen] == ['{"id"'] * 3


def test_a_hook_may_read_a_stream(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that reads the body of a stream un-streams it, and loses nothing of it."""
    session = requests.Session()
    session.hooks["response"].append(lambda response, *_given, **_named: response.text and None)
    monkeypatch.setattr(openai, "requestssession", session)
    openai.api_base = openai.api_base.replace("/s/chat", "/s/stream")
    assert len(list(chat(openai, stream=True))) == 4


def test_a_mounted_adapter_is_used(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that rewrites the address, as code for Azure's own data has it, is what sends."""

    class Rewriting(requests.adapters.HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:
            assert request.url is not None
            request.url = request.url.replace("/chat/completions", "/extensions/chat/completions")
            return super().send(request, *given, **named)

    session = requests.Session()
    session.mount("http://", Rewriting())
    monkeypatch.setattr(openai, "requestssession", session)
    chat(openai)
    assert loopback.received[0].target.endswith("/v1/extensions/chat/completions")


@pytest.mark.parametrize("api_type", ["open_ai", "azure"])
def test_headers_are_plain_text(openai: Any, monkeypatch: pytest.MonkeyPatch, api_type: str) -> None:
    """A header with the key is of type `str` itself: requests 2.28 refuses what is of a type below."""
    kinds: list[type] = []

    class Watching(requests.Session):
        def request(self, *given: Any, **named: Any) -> requests.Response:
            kinds.extend(type(value) for value in named["headers"].values() if value is not None)
            return super().request(*given, **named)

    monkeypatch.setattr(openai, "requestssession", Watching())
    monkeypatch.setattr(openai, "api_type", api_type)
    monkeypatch.setattr(openai, "api_version", "2023-05-15")
    with contextlib.suppress(openai.error.OpenAIError):  # this server has no deployments
        openai.ChatCompletion.create(engine="gpt-4", model="gpt-4", messages=[{"role": "user", "content": "Hello"}])
    assert set(kinds) == {str}


def test_proxy_is_a_url_or_one_for_each_scheme(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is made with `openai.proxy`; what it cannot be is a ValueError."""
    monkeypatch.setattr(openai, "proxy", "http://127.0.0.1:9")
    assert sessions.own_session().proxies == {"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"}
    monkeypatch.setattr(openai, "proxy", {"https": "http://127.0.0.1:9"})
    assert sessions.own_session().proxies == {"https": "http://127.0.0.1:9"}
    monkeypatch.setattr(openai, "proxy", 9)
    with pytest.raises(ValueError, match=r"openai\.proxy"):
        sessions.own_session()


@pytest.mark.parametrize(
    ("proxy", "blocking", "in_async"),
    [
        (None, None, ""),
        ("", "", ""),
        ("http://p:1", "http://p:1", "http://p:1"),
        ("127.0.0.1:7890", "http://127.0.0.1:7890", "http://127.0.0.1:7890"),
        ({"http": "http://p:1", "https": "http://s:2"}, "http://p:1", "http://s:2"),
        ({"https": "http://s:2"}, None, "http://s:2"),
        ({"http": "10.0.0.1:1"}, "http://10.0.0.1:1", "http://10.0.0.1:1"),
        ({"all": "http://p:1"}, "http://p:1", ""),
        ({}, None, ""),
    ],
)
def test_one_proxy_is_told_as_requests_and_aiohttp_took_it(proxy: Any, blocking: str | None, in_async: str) -> None:
    """A blocking call takes the one of its scheme, else the environment's; an async one takes one for all, else none."""
    assert sessions.proxy_for("http://host/v1", proxy=proxy, in_async=False) == blocking
    assert sessions.proxy_for("http://host/v1", proxy=proxy, in_async=True) == in_async


@pytest.mark.parametrize("carrier", ["legacy", "native"])
def test_the_proxies_of_the_environment_are_for_blocking_calls(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, carrier: str
) -> None:
    """As with aiohttp, an async call goes straight to its host, whatever the environment says; a blocking one does as it says."""
    openai.use(carrier)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert asyncio.run(openai.ChatCompletion.acreate(model="gpt-4", messages=HI)).id == "chatcmpl-1"
    with pytest.raises(openai.error.APIConnectionError):
        chat(openai)


def test_an_async_call_takes_the_proxy_for_https_first(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a dict, async calls take the proxy for https://, though they go to http://, as 0.28 handed it to aiohttp."""
    monkeypatch.setattr(openai, "api_base", "http://127.0.0.1:1/s/chat/v1")
    monkeypatch.setattr(openai, "proxy", {"https": loopback.url, "http": "http://127.0.0.1:1"})
    for carrier in ("legacy", "native"):
        openai.use(carrier)
        with pytest.raises(openai.error.APIConnectionError):
            chat(openai)
        # The server answers proxied requests with what it has for their host.
        assert asyncio.run(openai.ChatCompletion.acreate(model="gpt-4", messages=HI)).id == "chatcmpl-1"
    assert [each.target for each in loopback.received] == ["http://127.0.0.1:1/s/chat/v1/chat/completions"] * 2


@pytest.mark.parametrize("carrier", ["legacy", "native"])
def test_a_proxy_that_is_none_is_told_as_ever(openai: Any, monkeypatch: pytest.MonkeyPatch, carrier: str) -> None:
    """What `openai.proxy` cannot be is the ValueError of 0.28, whatever carries chat."""
    openai.use(carrier)
    monkeypatch.setattr(openai, "proxy", 9)
    with pytest.raises(ValueError, match=r"'openai\.proxy' must be specified"):
        chat(openai)


def test_chat_goes_through_the_proxy(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `openai.proxy` set, chat, blocking and streamed, reaches the proxy and not the host that is named."""
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("SHIM_INSECURE_HOSTS", "nowhere.invalid")
    monkeypatch.setattr(openai, "proxy", loopback.url)
    monkeypatch.setattr(openai, "api_base", "http://nowhere.invalid/s/chat/v1")
    openai.use("legacy")
    target = "http://nowhere.invalid/s/chat/v1/chat/completions"
    with pytest.raises(
        openai.error.APIError
    ):  # the server answers proxied requests with what it has for "nowhere.invalid"
        raise openai.error.APIError(chat(openai).id)
    assert loopback.received[0].target == target


def test_connects_are_tried_again_as_often_as_is_said(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`MAX_CONNECTION_RETRIES` holds for https:// alone, in sessions made after it was set."""
    monkeypatch.setattr(openai.api_requestor, "MAX_CONNECTION_RETRIES", 5)
    session = sessions.own_session()
    adapters: list[Any] = [session.get_adapter("https://x"), session.get_adapter("http://x")]
    assert [each.max_retries.total for each in adapters] == [5, 0]
