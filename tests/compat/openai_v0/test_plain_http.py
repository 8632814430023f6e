"""Tests that openai 0.28 in its place gives its key to nobody on the way: what a program with a gateway meets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shim.compat.openai_v0 import sessions
from shim.plain_http import VARIABLE
from shim.testing.fake_openai import FakeOpenAI, RawResponse
from tests.helpers.loopback import Loopback, Received, Reply

HI = [{"role": "user", "content": "hi"}]
BASE = "http://gateway.invalid/v1"
CALLS: dict[str, Callable[[Any], Any]] = {
    "chat": lambda openai: openai.ChatCompletion.create(model="gpt-4", messages=HI, api_base=BASE),
    "stream": lambda openai: openai.ChatCompletion.create(model="gpt-4", messages=HI, stream=True, api_base=BASE),
    "async chat": lambda openai: asyncio.run(openai.ChatCompletion.acreate(model="gpt-4", messages=HI, api_base=BASE)),
    "embedding": lambda openai: openai.Embedding.create(model="e", input="hi", api_base=BASE),
    "async embedding": lambda openai: asyncio.run(openai.Embedding.acreate(model="e", input="hi", api_base=BASE)),
    "models": lambda openai: openai.Model.list(api_base=BASE),
    "azure": lambda openai: openai.ChatCompletion.create(
        engine="d", messages=HI, api_base="http://gateway.invalid", api_type="azure", api_version="2023-05-15"
    ),
}


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "")


@pytest.fixture(params=["legacy", "native"])
def carried(openai: Any, request: pytest.FixtureRequest) -> Any:
    """The library, with chat on either provider."""
    openai.use(request.param)
    return openai


@pytest.mark.parametrize("name", CALLS)
def test_a_gateway_without_tls_is_refused_before_anything_is_sent(
    carried: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever is called, the error is one no program tries again, and says the one line that mends it without an edit."""
    monkeypatch.setattr(carried, "proxy", loopback.url)
    with pytest.raises(carried.error.InvalidRequestError) as caught:
        CALLS[name](carried)
    assert f"set {VARIABLE}=gateway.invalid in the environment" in str(caught.value)
    assert (caught.value.param, loopback.received) == ("api_base", [])


@pytest.mark.parametrize("name", ["chat", "models"])
def test_the_environment_allows_it(
    carried: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With that line in the environment the request goes to the gateway, key and all."""
    monkeypatch.setattr(carried, "proxy", loopback.url)
    monkeypatch.setenv(VARIABLE, "gateway.invalid")
    CALLS[name](carried)
    assert [each.target.startswith(BASE) for each in loopback.received] == [True]
    assert loopback.received[0].header("Authorization") == f"Bearer {carried.api_key}"


def test_use_allows_it(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """`use(..., insecure_hosts=[...])` allows a host for every endpoint, in a program that may be edited."""
    monkeypatch.setattr(openai, "proxy", loopback.url)
    openai.use("native", insecure_hosts=["gateway.invalid"])
    for name in ("chat", "models"):
        CALLS[name](openai)
    assert len(loopback.received) == 2


def test_this_machine_needs_no_line(carried: Any, fake: FakeOpenAI) -> None:
    """A server on this machine is asked as ever."""
    assert carried.ChatCompletion.create(model="gpt-4", messages=HI).choices[0].message.content


@pytest.mark.parametrize("header", ["Authorization", "api-key"])
def test_a_redirect_from_https_to_http_carries_no_key(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    """The library's own sessions leave every credential behind where a redirect gives up TLS, Azure's header too."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with (
        FakeOpenAI(tls=True) as secure,
        Loopback(lambda _request: Reply(body=b"{}")) as plain,
        sessions.own_session() as session,
    ):
        secure.plan(_redirect(plain.url))
        session.post(
            f"{secure.base_url}/embeddings",
            json={},
            headers={header: "sk-secret", "X-Other": "kept"},
            verify=secure.ca_file,
        )
        (received,) = plain.received
    assert _sent(received) == (None, None, "kept")


def _redirect(url: str) -> Any:
    head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {url}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return RawResponse([head.encode()])


def _sent(received: Received) -> tuple[str | None, str | None, str | None]:
    return received.header("Authorization"), received.header("api-key"), received.header("X-Other")
