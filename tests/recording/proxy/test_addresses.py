"""Tests of the two addresses: where requests go, and where the proxy listens."""

from __future__ import annotations

import pytest

from shim.recording.proxy import Address, ProxySettings, RecordingProxy, Upstream


@pytest.mark.parametrize(
    ("url", "asked", "sent"),
    [
        ("https://api.example.org", "/v1/models?a=b", "https://api.example.org/v1/models?a=b"),
        ("https://api.example.org/", "/v1/models", "https://api.example.org/v1/models"),
        ("https://api.example.org/v1", "/models", "https://api.example.org/v1/models"),
        ("https://api.example.org/v1/", "/v1/models", "https://api.example.org/v1/models"),
        ("https://api.example.org/v1", "/v1", "https://api.example.org/v1"),
        ("https://api.example.org/v1", "/v10/models", "https://api.example.org/v1/v10/models"),
        ("http://127.0.0.1:8000/a/b", "/c", "http://127.0.0.1:8000/a/b/c"),
        ("HTTPS://API.example.org:443/v1", "/x", "https://api.example.org/v1/x"),
        ("http://[::1]:81", "/x", "http://[::1]:81/x"),
    ],
)
def test_a_target_is_joined(url: str, asked: str, sent: str) -> None:
    """A client's target becomes one of the upstream's, the path of its URL put before it once."""
    upstream = Upstream.parse(url)
    assert upstream.origin + upstream.target(asked) == sent


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com",
        "ftp://h",
        "https://",
        "https://h:port",
        "https://u:sk-secret@h",
        "https://h/?a=b",
        "http://h/\u00e4",
        "http://h/a\r\nX: y",
        "http://[::1",
        "http://a..b",
        "http://.h",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """A URL that cannot be an upstream is refused with an example, and a password in it is not repeated."""
    with pytest.raises(ValueError, match="give a URL such as https://") as refused:
        Upstream.parse(url)
    assert "sk-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:1", Address("::1", 1)),
        ("8080", Address("127.0.0.1", 8080)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    """A host and a port, or a port alone, are an address on this machine."""
    assert Address.parse(text) == address
    assert address.is_loopback


@pytest.mark.parametrize("text", ["", "host", "127.0.0.1:", ":80", "127.0.0.1:70000", "::1:80", "[::1]", "h:8o"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    """An address without a port, or with one that is none, is refused with an example."""
    with pytest.raises(ValueError, match="is no address"):
        Address.parse(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104 - what must be refused
def test_others_are_kept_out(host: str) -> None:
    """An address that other machines reach is refused unless that is allowed."""
    upstream, listen = Upstream.parse("https://h"), Address(host, 0)
    with pytest.raises(ValueError, match="--allow-remote"):
        RecordingProxy(upstream, print, listen=listen)
    RecordingProxy(upstream, print, listen=listen, settings=ProxySettings(allow_remote=True))
