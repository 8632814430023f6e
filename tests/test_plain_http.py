"""Tests of shim.plain_http: which hosts may get a key without TLS, and the words for those that may not."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from shim.model import InvalidRequestError
from shim.plain_http import VARIABLE, InsecureAddressError, check_address, checked_hosts, exposed_host


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize(
    "url",
    [
        *("https://api.openai.com/v1", "https://10.0.0.5/v1", "HTTPS://gateway.internal"),
        *("http://127.0.0.1:8000/v1", "http://127.8.9.1", "http://localhost:1", "http://LOCALHOST./v1"),
        *("http://[::1]:80/v1", "http://[::ffff:127.0.0.1]/v1", "http://0.0.0.0:8000/v1"),
    ],
)
def test_tls_and_this_machine_are_fine(url: str) -> None:
    """An https address, and a loopback one however written, may be given a key."""
    check_address(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://gateway.internal/v1", "gateway.internal"),
        ("HTTP://Gateway.Internal.:8080/v1", "gateway.internal"),
        ("http://10.0.0.5:8000", "10.0.0.5"),
        ("http://[fd00::1]/v1", "fd00::1"),
        ("http://localhost.example/v1", "localhost.example"),
        ("http://127.0.0.1.example/v1", "127.0.0.1.example"),
        ("http://127.1/v1", "127.1"),
    ],
)
def test_any_other_host_is_refused(url: str, host: str) -> None:
    """Plain HTTP to another host is refused; the error has field and host, and the one line that allows it."""
    with pytest.raises(InsecureAddressError) as caught:
        check_address(url, place="api_base")
    assert (caught.value.field, caught.value.host) == ("api_base", host)
    assert f"set {VARIABLE}={host} in the environment" in str(caught.value)
    assert "https://" in str(caught.value)
    assert exposed_host(url) == host
    check_address(url, insecure_hosts=checked_hosts([host]))


def test_the_environment_names_hosts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable holds names separated by commas, and is read anew each time."""
    monkeypatch.setenv(VARIABLE, "other, Gateway.Internal ,[fd00::1],")
    check_address("http://gateway.internal/v1")
    check_address("http://[fd00::1]/v1")
    monkeypatch.setenv(VARIABLE, "other")
    with pytest.raises(InsecureAddressError):
        check_address("http://gateway.internal/v1")


def test_a_name_allows_that_host_alone() -> None:
    """Neither a host below the one that was named nor one above it is allowed with it."""
    named = checked_hosts(["b.internal"])
    for host in ("a.b.internal", "internal", "bb.internal"):
        with pytest.raises(InsecureAddressError):
            check_address(f"http://{host}/v1", insecure_hosts=named)


@pytest.mark.parametrize(
    "hosts",
    ["gateway.internal", b"x", None, 7, ["http://gateway"], ["gateway:80"], ["gateway/v1"], ["*"], [""], [7], ["a b"]],
)
def test_what_names_no_host_is_refused(hosts: Any) -> None:
    """A single text, a URL, a port, a pattern and what is no text are refused with the setting's name and a remedy."""
    with pytest.raises(InvalidRequestError, match="give") as caught:
        checked_hosts(hosts)
    assert caught.value.field == "insecure_hosts"


def test_a_variable_that_names_no_host_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the environment is told by the variable's name, where a host needs it."""
    monkeypatch.setenv(VARIABLE, "http://gateway.internal")
    check_address("http://127.0.0.1/v1")
    with pytest.raises(InvalidRequestError) as caught:
        check_address("http://gateway.internal/v1")
    assert caught.value.field == VARIABLE


def test_the_error_can_be_pickled() -> None:
    """A worker process can hand the error on, its host included."""
    told = pickle.loads(pickle.dumps(InsecureAddressError("words", field="base_url", host="h")))  # noqa: S301 - our own
    assert (str(told), told.field, told.host) == ("words", "base_url", "h")
