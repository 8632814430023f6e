"""Tests of legacy_openai/http_request.py."""

from __future__ import annotations

from typing import Any

import pytest

from legacy_openai import Config, InvalidApiKeyError, InvalidConfigError, MissingApiKeyError, MultiClient
from legacy_openai.http_request import HttpRequest, build_request
from tests.helpers.raw_server import HELLO, KEY


def build(*, streaming: bool = False, **changes: Any) -> HttpRequest:
    """A request from a good configuration with these changes."""
    return build_request(Config(**{"openai_api_key": KEY, "openai_model": "m", **changes}), b"{}", streaming=streaming)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://h/v1", "https://h/v1/chat/completions"),
        ("https://h/v1/", "https://h/v1/chat/completions"),
        ("http://h:8080", "http://h:8080/chat/completions"),
        ("https://h/d?api-version=1", "https://h/d/chat/completions?api-version=1"),
    ],
)
def test_the_url_is_the_base_and_the_endpoint(base: str, url: str) -> None:
    """The endpoint follows the base's path, whatever its trailing slash or query."""
    assert build(openai_base_url=base).url == url


def test_headers_follow_the_settings() -> None:
    """Organization, project and the kind of answer wanted are said in headers."""
    headers = build(streaming=True, openai_organization="o", openai_project="p").headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (headers["OpenAI-Organization"], headers["OpenAI-Project"]) == ("o", "p")
    assert headers["Accept"] == "text/event-stream"
    assert build().headers["Accept"] == "application/json"
    assert "OpenAI-Project" not in build().headers


def test_extra_headers_win_whatever_their_case() -> None:
    """An extra header replaces ours whatever its case, and None removes it."""
    headers = build(extra_headers={"AUTHORIZATION": None, "user-agent": "mine", "X-A": "ü"}).headers
    assert headers["Authorization"] is None
    assert headers["User-Agent"] == "mine"
    assert headers["x-a"] == "ü"


@pytest.mark.parametrize("key", [None, ""])
def test_a_missing_key_is_named(key: str | None) -> None:
    """Without a key nothing starts."""
    with pytest.raises(MissingApiKeyError, match="openai_api_key"):
        build(openai_api_key=key)


@pytest.mark.parametrize("key", ["sk-a\n", "sk a", " sk", "sk-\u20ac", "sk\x00", "sk\x7f", "\x85sk", b"sk"])
def test_an_impossible_key_is_refused_without_being_quoted(key: Any) -> None:
    """A key that cannot stand in a header is refused, and the error does not show it."""
    with pytest.raises(InvalidApiKeyError) as caught:
        build(openai_api_key=key)
    assert "sk" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"openai_base_url": "api.openai.com"}, "openai_base_url"),
        ({"openai_base_url": "https://h/ v1"}, "openai_base_url"),
        ({"openai_base_url": "https://[h/"}, "openai_base_url"),
        ({"openai_base_url": "https://u:p@h/"}, "openai_base_url"),
        ({"openai_base_url": None}, "openai_base_url"),
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"connect_timeout": True}, "connect_timeout"),
        ({"read_timeout": "5"}, "read_timeout"),
        ({"read_timeout": float("nan")}, "read_timeout"),
        ({"extra_headers": {"a b": "x"}}, "extra_headers"),
        ({"extra_headers": {"a": "x\r\ny: z"}}, "extra_headers"),
        ({"extra_headers": {"a": 1}}, "extra_headers"),
        ({"extra_headers": ["a"]}, "extra_headers"),
        ({"openai_organization": "o\n"}, "openai_organization"),
        ({"openai_project": 5}, "openai_project"),
        ({"proxies": "http://p"}, "proxies"),
        ({"verify": 1.5}, "verify"),
    ],
)
def test_a_bad_setting_is_named(changes: dict[str, Any], name: str) -> None:
    """A setting that cannot be used is refused by its name."""
    with pytest.raises(InvalidConfigError, match=name):
        build(**changes)


def test_the_repr_shows_no_key() -> None:
    """The request's repr shows neither headers nor body."""
    assert KEY not in repr(build(extra_headers={"api-key": KEY}))


def test_arguments_of_the_wrong_kind_are_named() -> None:
    """The client refuses a wrong kind of argument, and a scheme nobody serves, before anything starts."""
    cfg: Any = Config(openai_api_key=KEY, openai_model="m")
    wrong: Any = {"openai_api_key": KEY}
    with MultiClient() as client:
        with pytest.raises(TypeError, match="cfg must be"):
            client.add_request(wrong, HELLO)
        with pytest.raises(TypeError, match="conv must be"):
            client.add_request(cfg, [])  # type: ignore[arg-type] # the mistake under test
        with pytest.raises(TypeError, match="stream_cb must be"):
            client.add_request(cfg, HELLO, wrong)
        with pytest.raises(InvalidConfigError, match="'ftp' is not served"):
            client.add_request(Config(openai_api_key=KEY, openai_model="m", openai_base_url="ftp://h/"), HELLO)
        assert client.timeout() == -1
        assert "0 open" in repr(client)
