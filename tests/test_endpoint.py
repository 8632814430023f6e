"""Tests of shim.endpoint: addresses made of their parts, and parts that are refused by name."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from shim.endpoint import Endpoint
from shim.model import InvalidRequestError


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/responses"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/responses"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/responses"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/responses"),
        ("https://x.example/openai/v1?api-version=1", "https://x.example/openai/v1/responses?api-version=1"),
        ("https://x.example/a%20b", "https://x.example/a%20b/responses"),
        ("https://x.example/a|{b}^%zz", "https://x.example/a%7C%7Bb%7D%5E%25zz/responses"),
        ("https://x.example/v1?q=[%5B\\", "https://x.example/v1/responses?q=%5B%5B%5C"),
        ("https://x.example/v1#part", "https://x.example/v1/responses"),
    ],
)
def test_an_address_is_made_of_the_base_and_the_api(base: str, wanted: str) -> None:
    """The API's path is put behind that of the base URL; a slash at its end does not matter, a query is kept."""
    assert Endpoint(base).url("responses") == wanted
    assert Endpoint(base).url("chat_completions") == wanted.replace("responses", "chat/completions")


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
        Endpoint(base).url("responses")
    assert caught.value.field == "base_url"
    assert "sk-test" not in str(caught.value)


@pytest.mark.parametrize("name", ["organization", "project"])
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ключ", 7, b"x"])
def test_what_no_header_can_carry_is_refused(name: str, value: Any) -> None:
    """A bad organization or project is refused by its own name."""
    with pytest.raises(InvalidRequestError, match=name) as caught:
        Endpoint(**{name: value})
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("resource", "deployment", "wanted"),
    [
        ("mine", "gpt", "https://mine.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=V"),
        ("https://gate.example/", "gpt", "https://gate.example/openai/deployments/gpt/chat/completions?api-version=V"),
        ("https://h/openai", "g", "https://h/openai/deployments/g/chat/completions?api-version=V"),
        ("mine", "a b/c", "https://mine.openai.azure.com/openai/deployments/a%20b%2Fc/chat/completions?api-version=V"),
        ("https://h/openai/v1", None, "https://h/openai/v1/chat/completions?api-version=V"),
    ],
)
def test_azures_addresses(resource: str, deployment: str | None, wanted: str) -> None:
    """A deployment's address is that of Azure's reference, whatever its name holds."""
    endpoint = Endpoint.azure(resource, deployment, api_version="V")
    assert endpoint.url("chat_completions") == wanted
    assert endpoint.auth == "api-key"
    assert endpoint.model_in_path is (deployment is not None)


def test_azures_responses_are_not_below_a_deployment() -> None:
    """The Responses API takes the deployment as its model, at one address for all."""
    endpoint = Endpoint.azure("mine", "gpt", api_version="V", auth="bearer")
    assert endpoint.url("responses") == "https://mine.openai.azure.com/openai/responses?api-version=V"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("auth", "basic"),
            ("auth", 7),
            ("query", "a=b"),
            ("query", {"a": 1}),
            ("query", {1: "a"}),
            ("query", {"": "a"}),
        ),
        *(
            ("query", {"a": "\ud800"}),
            ("deployment", ""),
            ("deployment", " "),
            ("deployment", 3),
            ("deployment", "a\nb"),
        ),
    ],
)
def test_a_part_that_cannot_be_used_is_refused_by_name(field: str, value: Any) -> None:
    """What a part cannot be is an error that names the part, when the endpoint is made."""
    with pytest.raises(InvalidRequestError, match=field) as caught:
        Endpoint(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "value"), [("resource", ""), ("resource", 7), ("api_version", ""), ("api_version", None)]
)
def test_azures_own_parts_are_refused_by_name(field: str, value: Any) -> None:
    """A resource or version that is none is an error that names it."""
    parts: dict[str, Any] = {"resource": "mine", "api_version": "V", field: value}
    with pytest.raises(InvalidRequestError, match=field):
        Endpoint.azure(parts["resource"], "gpt", api_version=parts["api_version"])


def test_it_is_shown_without_what_may_be_secret() -> None:
    """Its repr names the parameters of its query and shows no value of them, as gateways put keys there."""
    endpoint = Endpoint("https://h/v1?code=hush-hush", query={"api-key": "hush-hush"}, deployment="d", auth="api-key")
    assert repr(endpoint) == "Endpoint('https://h/v1', deployment='d', auth='api-key', query=['api-key'])"
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint  # noqa: S301 - just made
    assert endpoint.url("responses") == "https://h/v1/responses?code=hush-hush&api-key=hush-hush"
