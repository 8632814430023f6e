"""Tests of shim.native.http_request: addresses and headers, good and bad; what is refused is refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import InvalidRequestError
from shim.native.http_request import Account, address, header_lines, make_account

KEY = "sk-test-do-not-show"


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/responses"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/responses"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/responses"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/responses"),
        ("https://x.example/openai/v1?api-version=1", "https://x.example/openai/v1/responses?api-version=1"),
        ("https://x.example/a%20b", "https://x.example/a%20b/responses"),
        ("https://x.example/v1#part", "https://x.example/v1/responses"),
    ],
)
def test_an_address_is_made_of_the_base_and_the_api(base: str, wanted: str) -> None:
    """The API's path is put behind that of the base URL; a slash at its end does not matter, a query is kept."""
    assert address(base, "responses") == wanted
    assert address(base, "chat_completions") == wanted.replace("responses", "chat/completions")


@pytest.mark.parametrize(
    "base",
    [
        *("", "api.openai.com/v1", "ftp://x.example/v1", "file:///etc/passwd", "https://", "https:///v1", "//x/v1"),
        *("http://x:99999/v1", "http://x:0/v1", "http://x:a/v1", "http://[::1/v1", "http://x/v 1", "http://x/\r\nX: y"),
        *("http://user:sk-test@x/v1", "http://exämple.org/v1", 7, b"https://x.example", ["https://x.example"]),
    ],
)
def test_an_address_that_is_none_is_refused(base: Any) -> None:
    """What is no http(s) URL, has credentials, or is not ASCII is refused by name and not repeated."""
    with pytest.raises(InvalidRequestError, match="base_url") as caught:
        address(base, "responses")
    assert caught.value.field == "base_url"
    assert "sk-test" not in str(caught.value)


@pytest.mark.parametrize("name", ["organization", "project"])
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ключ", 7, b"x"])
def test_an_account_that_no_header_can_carry_is_refused(name: str, value: Any) -> None:
    """A bad organization or project is refused by its own name."""
    settings = {"organization": None, "project": None, name: value}
    with pytest.raises(InvalidRequestError, match=name) as caught:
        make_account(None, user_agent="t", **settings)
    assert caught.value.field == name


ACCOUNT = Account(addresses={}, organization="org-1", project=None, user_agent="test/1")


def lines(extra: dict[str, str | None], *, stream: bool = False) -> dict[str, str]:
    """The header lines, by name."""
    made = header_lines(ACCOUNT, KEY, stream=stream, extra=extra)
    return {line.rstrip(";").partition(":")[0]: line.partition(":")[2] for line in made}


def test_the_headers_of_a_request() -> None:
    """Key, type, accepted type, agent and organization are said; nothing is said of a project that is not set."""
    said = lines({})
    assert said["Authorization"] == f" Bearer {KEY}"
    assert (said["Content-Type"], said["Accept"]) == (" application/json", " application/json")
    assert (said["User-Agent"], said["OpenAI-Organization"], said["OpenAI-Project"]) == (" test/1", " org-1", "")
    assert lines({}, stream=True)["Accept"] == " text/event-stream"


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "Authorization"])
def test_an_extra_header_wins_whatever_its_case(name: str) -> None:
    """A header of the request's own replaces ours, and there is one of it."""
    said = lines({name: "Basic x"})
    assert said[name] == " Basic x"
    assert [each.lower() for each in said].count("authorization") == 1


def test_a_header_may_be_removed_or_empty() -> None:
    """None removes a header, as libcurl understands it; an empty value is sent empty."""
    made = header_lines(ACCOUNT, KEY, stream=False, extra={"authorization": None, "X-Empty": ""})
    assert "authorization:" in made
    assert "X-Empty;" in made
    assert KEY not in "".join(made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("X-A", "x\r\nX-Evil: 1"), ("X-A", "x\nX-Evil: 1"), ("X-A", "x\x00"), ("X-A", "ключ"), ("X-A", "\x7f")),
        *(("X A", "x"), ("X-A:", "x"), ("X-A\r\nX-Evil", "x"), ("", "x"), ("@file", "x"), ("Ключ", "x")),
        *(("Content-Length", "5"), ("transfer-encoding", "chunked")),
    ],
)
def test_a_header_that_injects_another_is_refused(name: str, value: str) -> None:
    """Line ends, control characters, what is no name, and what frames the body are refused; values are not repeated."""
    with pytest.raises(InvalidRequestError, match="extra_headers") as caught:
        header_lines(ACCOUNT, KEY, stream=False, extra={name: value})
    assert str(caught.value.field).startswith("extra_headers")
    assert "Evil: 1" not in str(caught.value)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize("key", ["sk-test\n", " sk-test", "sk test", "sk-тест", "sk-test\x00"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """The error names the field and the cause, and does not quote the key."""
    with pytest.raises(InvalidRequestError, match="api_key") as caught:
        header_lines(ACCOUNT, key, stream=False, extra={})
    assert "sk-" not in str(caught.value)
