"""Tests of shim.calls.request_headers: which headers are refused, in words that name them, and which are let through."""

from __future__ import annotations

import pytest

from shim.calls import REFUSED_HEADERS, check_extra_headers
from shim.model import InvalidRequestError

URL = "https://api.example/v1/chat/completions"


def refusal(name: str, value: str | None = "x", *, url: str = URL) -> InvalidRequestError:
    """What a header is refused with."""
    with pytest.raises(InvalidRequestError) as caught:
        check_extra_headers({"X-Before": "fine", name: value}, url=url)
    return caught.value


@pytest.mark.parametrize("name", [*REFUSED_HEADERS, "proxy-authorization", "Proxy-Connection", "PROXY-ANYTHING"])
@pytest.mark.parametrize("value", ["secret-value", None], ids=["given", "taken out"])
def test_what_changes_the_framing_is_refused_by_name(name: str, value: str | None) -> None:
    """A header of the table is refused in any case, given or taken out; the message has its name, a reason and a remedy."""
    for spelled in (name, name.upper(), name.title()):
        error = refusal(spelled, value)
        assert error.field == "extra_headers"
        assert spelled in str(error)
        assert str(error).endswith(("leave it out", "say it in the proxy's URL"))
        assert "secret-value" not in str(error)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x7f", "a\x0bb"])
def test_a_value_is_one_line(value: str) -> None:
    """A line end, NUL or another control character in a value is refused, with the header's place and not the value."""
    error = refusal("X-A", value)
    assert error.field == "extra_headers['X-A']"
    assert value not in str(error)


@pytest.mark.parametrize("name", ["", "X A", " X", "X:", "X\r\nY", "(x)", "Ключ", ":authority", ":path", "X-A\0"])
def test_a_name_is_a_token(name: str) -> None:
    """What RFC 9110 calls no token is refused as a name, a pseudo header among it."""
    error = refusal(name)
    assert error.field == "extra_headers"
    assert repr(name) in str(error)
    assert ("pseudo header" in str(error)) is name.startswith(":")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (URL, "api.example"),
        (URL, "API.example:443"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("http://h:80/v1", "h"),
        ("http://[::1]:81/v1", "[::1]:81"),
    ],
)
def test_host_may_say_what_the_address_says(url: str, host: str) -> None:
    """Host is let through where it names the address, with its port or, where that is the usual one, without."""
    check_extra_headers({"Host": host}, url=url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (URL, "other.example"),
        (URL, "api.example:444"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1"),
        ("http://h/v1", "h:443"),
        (URL, ""),
        (URL, None),
    ],
)
def test_host_does_not_lie(url: str, host: str | None) -> None:
    """A Host that names another host or port, or is taken out, is refused."""
    assert "another host" in str(refusal("Host", host, url=url))


def test_the_others_are_let_through() -> None:
    """What the table does not name is the caller's own, removals among it."""
    headers = {
        "Authorization": None,
        "X-Tenant": "café",
        "User-Agent": "a/1",
        "Accept": "*/*",
        "X-Empty": "",
        "X-T": "a\tb",
    }
    check_extra_headers(headers, url=URL)
