"""Tests of what is said of a transport's exception: where it struck, in whose words."""

from __future__ import annotations

import http.client
import io

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as raw

from shim.recording.tap.transport_fault import breaks_the_body, reading_fault, sending_fault
from tests.helpers.raw_server import RawServer, read

POOL = HTTPConnectionPool("h")


@pytest.mark.parametrize(
    ("error", "stage"),
    [
        (requests.ConnectTimeout(), "connect"),
        (requests.ReadTimeout(), "headers"),
        (requests.ConnectionError(raw.MaxRetryError(POOL, "/", raw.NewConnectionError(POOL, "refused"))), "connect"),  # type: ignore[arg-type]  # any will do
        (requests.ConnectionError(raw.ProtocolError("aborted", ConnectionResetError())), "headers"),
        (requests.ConnectionError(raw.ProtocolError("aborted", http.client.RemoteDisconnected(""))), "headers"),
        (requests.exceptions.SSLError(raw.SSLError("bad")), "connect"),
        (requests.exceptions.ProxyError(raw.ProxyError("no tunnel", ConnectionResetError())), "connect"),
        (requests.exceptions.InvalidSchema("no adapter"), "connect"),
        (ValueError("an adapter's own"), "connect"),
    ],
)
def test_where_a_request_broke(error: Exception, stage: str) -> None:
    """An exception of sending tells whether a connection stood."""
    fault = sending_fault(error, at=1.5)
    assert (fault.stage, fault.at, fault.message) == (stage, 1.5, str(error))
    assert fault.kind == f"{type(error).__module__}.{type(error).__qualname__}"


def test_an_earlier_try_says_nothing_of_a_later_one() -> None:
    """Where a program tries again inside its `except` block, what broke the first try is no part of what broke the second."""
    with RawServer([[read]]) as server, requests.Session() as session:

        def try_again() -> None:
            try:
                session.post("http://127.0.0.1:9/", data=b"{}")
            except requests.ConnectionError:
                session.post(server.url, data=b"{}")

        with pytest.raises(requests.ConnectionError) as raised:
            try_again()
    first = raised.value.__context__
    while first is not None and not isinstance(first, requests.ConnectionError):
        first = first.__context__
    assert first is not None
    assert [sending_fault(each, at=0.0).stage for each in (first, raised.value)] == ["connect", "headers"]


def test_an_endless_chain_ends() -> None:
    """Exceptions that refer to each other in a circle are gone through once."""
    one, two = ValueError("1"), requests.ReadTimeout("2")
    one.__cause__, two.__cause__ = two, one
    assert sending_fault(one, at=0.0).stage == "headers"


@pytest.mark.parametrize(
    ("error", "breaks"),
    [
        (raw.ProtocolError("x"), True),
        (raw.DecodeError("x"), True),
        (ConnectionResetError(), True),
        (http.client.IncompleteRead(b""), True),
        (KeyError("an adapter's own"), True),
        (KeyboardInterrupt(), True),
        (raw.ResponseNotChunked("x"), False),
        (io.UnsupportedOperation("x"), False),
        (TypeError("x"), False),
        (RuntimeError("decode_content=False is not supported"), False),
    ],
)
def test_misuse_is_no_fault(error: BaseException, breaks: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """What the caller did wrong does not end the body, what the transport did does."""
    assert breaks_the_body(error) is breaks


def test_a_fault_of_the_body() -> None:
    """A fault of the body has the words of the exception."""
    fault = reading_fault(raw.ProtocolError("broken"), at=2.0)
    assert (fault.stage, fault.kind, fault.message) == ("body", "urllib3.exceptions.ProtocolError", "broken")
