"""Tests of proxies: given or from the environment, for http and through CONNECT for https, and those that refuse."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from shim.model import ErrorCategory
from shim.native.curl_options import hosts_excluded_by_port, is_excluded
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import ask
from tests.helpers.places import refusing
from tests.helpers.providers import KEY, Make
from tests.helpers.raw_server import Action, RawServer, json_answer, read
from tests.native.proxies import Proxy

BODY = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_http_goes_through_the_proxy_given(make: Make, server: FakeOpenAI) -> None:
    """A proxy that was given carries the request, whatever `no_proxy` says."""
    with pytest.MonkeyPatch.context() as patch, Proxy() as proxy:
        patch.setenv("no_proxy", "*")
        with make(server.base_url, proxy=proxy.url) as provider:
            assert ask(provider, stream=True).completion.ok
    assert proxy.heads[0].startswith(f"POST {server.base_url}/chat/completions ")


def test_https_goes_through_a_tunnel_that_never_sees_the_key(make: Make) -> None:
    """For https the proxy is asked to CONNECT; it sees neither key nor request, and its answer is not the server's."""
    with (
        FakeOpenAI(tls=True) as server,
        Proxy() as proxy,
        make(server.base_url, proxy=proxy.url, ca_file=server.ca_file) as provider,
    ):
        heard = ask(provider, stream=True)
        assert heard.completion.ok, heard.error
        assert "x-proxy" not in heard.completion.headers
        assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
        assert KEY not in "".join(proxy.heads)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy(
    make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The usual variables are honoured, in either case, as they are when a request starts."""
    with Proxy() as proxy, make(server.base_url) as provider:
        monkeypatch.setenv(name, proxy.url)
        assert ask(provider).completion.ok
    assert len(proxy.heads) == 1


def test_the_environment_is_asked_for_a_proxy_again_in_each_turn(
    make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY is used from the request on that comes after it was set, until it is taken back."""
    monkeypatch.delenv("http_proxy", raising=False)
    with Proxy() as proxy, make(server.base_url) as provider:
        assert ask(provider).completion.ok
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert ask(provider).completion.ok
        monkeypatch.delenv("HTTP_PROXY")
        assert ask(provider).completion.ok
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_the_environment_names_the_proxy_for_https(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The variable for https is honoured, in either case."""
    with FakeOpenAI(tls=True) as server, Proxy() as proxy:
        monkeypatch.setenv(name, proxy.url)
        with make(server.base_url, ca_file=server.ca_file) as provider:
            assert ask(provider).completion.ok
    assert proxy.heads[0].startswith("CONNECT ")


@pytest.mark.parametrize("excluded", [{"no_proxy": "127.0.0.1"}, {"NO_PROXY": "*"}, {"REQUEST_METHOD": "POST"}])
def test_the_environment_may_exclude_a_server(
    make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, excluded: dict[str, str]
) -> None:
    """`no_proxy` is honoured in either case, and HTTP_PROXY is not believed where a CGI server may have made it."""
    with Proxy() as proxy:
        for name, value in {"HTTP_PROXY": proxy.url, **excluded}.items():
            monkeypatch.setenv(name, value)
        with make(server.base_url) as provider:
            assert ask(provider).completion.ok
    assert proxy.heads == []


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("entry", "is_direct"),
    [
        ("localhost:PORT", True),
        (" x.example , LocalHost:PORT ,y", True),
        (".localhost:PORT", True),
        ("localhost:1", False),
        ("ocalhost:PORT", False),
        ("localhost:", False),
        (":PORT", False),
        ("other.example:PORT", False),
        ("127.0.0.1:PORT", False),
    ],
)
def test_the_environment_may_exclude_a_port(
    make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, *, name: str, entry: str, is_direct: bool
) -> None:
    """A name with a port in `no_proxy` is honoured, as it is by requests; libcurl knows hosts alone."""
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv(name, entry.replace("PORT", str(server.port)))
        with make(f"http://localhost:{server.port}/v1", insecure_hosts=["localhost"]) as provider:
            assert ask(provider).completion.ok
    assert bool(proxy.heads) is not is_direct


def test_a_server_below_an_excluded_domain_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with names alone, at the port alone; an address without a port has none to exclude."""
    monkeypatch.setenv("NO_PROXY", "gateway.example:8080")
    hosts = hosts_excluded_by_port()
    assert is_excluded("https://gateway.example:8080/v1", hosts)
    assert is_excluded("https://a.gateway.example:8080/v1", hosts)
    assert not is_excluded("https://mygateway.example:8080/v1", hosts)
    assert not is_excluded("https://gateway.example:80/v1", hosts)
    assert not is_excluded("https://gateway.example/v1", hosts)


@pytest.mark.parametrize("entry", ["127.0.0.1:PORT", "x, 127.0.0.0/8:PORT"])
def test_an_address_of_numbers_with_a_port_excludes_nothing(
    make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    """As with requests, on which a service comes: it would go another way."""
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", entry.replace("PORT", str(server.port)))
        with make(server.base_url) as provider:
            assert ask(provider).completion.ok
    assert proxy.heads


def test_no_proxy_at_all(make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """`proxy=""` goes straight to the server, whatever the environment says."""
    with Proxy() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with make(server.base_url, proxy="") as provider:
            assert ask(provider).completion.ok
    assert proxy.heads == []


@pytest.mark.parametrize(
    ("refuse", "category"),
    [
        ("407 Proxy Authentication Required", ErrorCategory.INVALID_REQUEST),
        ("403 Forbidden", ErrorCategory.INVALID_REQUEST),
        ("502 Bad Gateway", ErrorCategory.NETWORK),
    ],
)
def test_a_proxy_that_refuses_a_tunnel_is_a_named_error(make: Make, refuse: str, category: ErrorCategory) -> None:
    """A refused CONNECT names the proxy's status, and no status of the server; who is not let through need not try again."""
    with Proxy(refuse=refuse) as proxy, make("https://127.0.0.1:9/v1", proxy=proxy.url) as provider:
        heard = ask(provider, stream=True)
    assert heard.error.category is category
    assert heard.completion.http_status is None
    assert refuse[:3] in heard.error.message


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("trust", ["ca_file", "verify", "environment"])
def test_a_proxy_spoken_to_by_tls_is_trusted_as_the_server_is(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trust: str, *, secure: bool
) -> None:
    """What is said of certificates, by a setting or the environment, holds for an https:// proxy too."""
    authority, ca_file = trustme.CA(), str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    settings: dict[str, dict[str, Any]] = {"ca_file": {"ca_file": ca_file}, "verify": {"verify": False}}
    if trust == "environment":
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    script: list[list[Action]] = [[read, json_answer(BODY)]]
    with (
        RawServer(script, tls=context if secure else None) as server,
        Proxy(tls=context) as proxy,
        make(server.url, proxy=proxy.url, **settings.get(trust, {})) as provider,
    ):
        assert ask(provider).response.text == "Hi"
    assert proxy.heads[0].startswith("CONNECT " if secure else "POST ")


def test_a_proxy_nobody_vouches_for_is_refused(make: Make) -> None:
    """An https:// proxy whose certificate is not trusted hears nothing of the request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Proxy(tls=context) as proxy, make("http://127.0.0.1:9/v1", proxy=proxy.url) as provider:
        error = ask(provider).error
    assert (error.category, proxy.heads) == (ErrorCategory.PROTOCOL, [])


@pytest.mark.parametrize("url", ["http://me:proxy-secret@home@127.0.0.1:9", "htp://me:proxy-secret@127.0.0.1:9"])
def test_an_environment_that_names_no_proxy_is_a_named_error(
    make: Make, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A variable that holds no URL of a proxy is told without its password, and is not worth another try."""
    monkeypatch.setenv("http_proxy", url)
    with make(server.base_url) as provider:
        heard = ask(provider)
    assert heard.error.category is ErrorCategory.INVALID_REQUEST
    assert "proxy-secret" not in repr(heard.completion)
    assert "proxy" in heard.error.message


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_nobody_runs_is_a_network_error(make: Make, scheme: str) -> None:
    """Where the proxy does not listen the error is of the network and says that connecting failed."""
    with refusing() as nobody, make(f"{scheme}://127.0.0.1:9/v1", proxy=nobody.removesuffix("/v1")) as provider:
        heard = ask(provider)
    assert heard.error.category is ErrorCategory.NETWORK
    assert "connect" in heard.error.message.lower()


def test_a_proxy_password_is_not_shown(make: Make) -> None:
    """Neither an error nor a repr of the provider's parts shows the proxy's password."""
    with refusing() as nobody:
        url = nobody.removesuffix("/v1").replace("http://", "http://me:proxy-secret@")
        with make("http://127.0.0.1:9/v1", proxy=url) as provider:
            heard = ask(provider)
            shown = repr(heard.completion) + repr(provider) + repr(vars(provider)["_multi"]._settings)
    assert "proxy-secret" not in shown
