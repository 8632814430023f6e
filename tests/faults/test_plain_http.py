"""Tests that no provider gives its key to whoever listens on the way: plain HTTP, and redirects that lead there."""

from __future__ import annotations

from typing import Any

import pytest

import shim
from shim.endpoint import Endpoint
from shim.model import ErrorCategory, InvalidRequestError
from shim.plain_http import VARIABLE, InsecureAddressError
from shim.provider import CallOptions
from shim.testing.fake_openai import FakeOpenAI, RawResponse
from tests.helpers.driving import HELLO, ask, start
from tests.helpers.providers import KEY, Make
from tests.helpers.raw_server import RawServer, json_answer, read

GATEWAY = "http://gateway.invalid/v1"
ANSWER = json_answer(
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
)


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def through(make: Make, proxy: str, **settings: Any) -> Any:
    """A provider of the gateway whose requests go through a proxy on this machine."""
    network = {"proxy": proxy} if make.kind == "native" else {"proxies": {"http": proxy}}
    return make(GATEWAY, **network, **settings)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_key_is_not_sent_over_plain_http(make: Make, *, stream: bool) -> None:
    """A request to another machine without TLS is refused at once, the key is not even asked for, and nothing is sent."""
    asked: list[str] = []

    def key() -> str:
        asked.append("key")
        return KEY

    with RawServer([[read, ANSWER]]) as server, through(make, server.url, api_key=key) as provider:
        with pytest.raises(InsecureAddressError, match=r"SHIM_INSECURE_HOSTS=gateway\.invalid") as caught:
            start(provider, stream=stream)
        assert provider.perform() == 0
        assert (server.connections, asked) == (0, [])
    assert caught.value.field == "base_url"


def test_the_address_of_a_call_is_looked_at_too(make: Make, server: FakeOpenAI) -> None:
    """An endpoint that one call brings is refused as the provider's own would be, and other calls go on."""
    with make(server.base_url) as provider:
        with pytest.raises(InsecureAddressError):
            provider.start_request(HELLO, print, options=CallOptions(endpoint=Endpoint(GATEWAY)))
        assert ask(provider).response.text


@pytest.mark.parametrize("way", ["setting", "environment"])
def test_a_host_that_is_named_is_asked(make: Make, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Named by the setting or by the environment, a host gets the request with its key."""
    settings: dict[str, Any] = {"insecure_hosts": ["Gateway.invalid"]} if way == "setting" else {}
    if way == "environment":
        monkeypatch.setenv(VARIABLE, "gateway.invalid")
    monkeypatch.setenv("NO_PROXY", "")
    with RawServer([[read, ANSWER]]) as server, through(make, server.url, **settings) as provider:
        assert ask(provider).response.text == "hi"
        assert f"Bearer {KEY}".encode() in server.requests[0]


@pytest.mark.parametrize("setting", ["gateway.invalid", ["http://gateway.invalid"], [7]])
def test_hosts_that_are_none_are_refused_when_it_is_made(make: Make, setting: Any) -> None:
    """A setting that names no hosts is refused with its name when the provider is made."""
    with pytest.raises(InvalidRequestError, match="insecure_hosts"):
        make(GATEWAY, insecure_hosts=setting)


def test_the_factory_and_the_client_take_the_setting(make: Make) -> None:
    """`create_provider` and `Client` hand the setting on, and refuse without it."""
    provider = shim.create_provider(make.kind, api_key=KEY, base_url=GATEWAY)
    with pytest.raises(InsecureAddressError):
        start(provider, stream=False)
    provider.close()
    with shim.Client(make.kind, api_key=KEY, base_url=GATEWAY) as client, pytest.raises(InsecureAddressError):
        client.complete(HELLO)
    with shim.Client(make.kind, api_key=KEY, base_url=GATEWAY, insecure_hosts=["gateway.invalid"]) as client:
        assert client.completion(HELLO).error is not None  # that name leads nowhere: it was asked


@pytest.mark.parametrize("status", [b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"])
def test_a_redirect_to_plain_http_is_not_followed(make: Make, monkeypatch: pytest.MonkeyPatch, status: bytes) -> None:
    """Where an https server says to go on over http, nothing goes there, the key least of all; the error names the place."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with RawServer([[read, ANSWER]]) as plain, FakeOpenAI(tls=True) as server:
        place = f"{plain.url}/chat/completions".encode()
        head = b"HTTP/1.1 %b\r\nLocation: %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, place)
        server.plan(RawResponse([head]))
        trust = {"ca_file" if make.kind == "native" else "verify": server.ca_file}
        with make(server.base_url, **trust) as provider:
            error = ask(provider).error
        assert (plain.connections, server.request_count) == (0, 1)
    assert error.category is not ErrorCategory.NETWORK
    assert place.decode() in error.message
