"""Tests of the transport faults' table: each exception of the legacy client has its category."""

from __future__ import annotations

import http.client
import ssl

import pytest
import requests
from urllib3.exceptions import ProtocolError

from legacy_openai import CompletionType, HttpCompletion, ResponseTooLargeError
from shim.legacy_adapter.transport_faults import category_of
from shim.model import ErrorCategory

NOT_LET_IN = (
    "0x02: Connection not allowed by ruleset",
    "0x07: Command not supported, or protocol error",
    "0x08: Address type not supported",
    "SOCKS5 authentication failed",
    "All offered SOCKS5 authentication methods were rejected",
)
"""By a SOCKS proxy, in PySocks' words."""
NOT_TAKEN = (
    "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)",
    "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:1006)",
    "[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired (_ssl.c:1006)",
)
"""A session's own certificate, by the server."""


def sent(error: OSError) -> requests.ConnectionError:
    """What requests makes of an error before an answer."""
    return requests.ConnectionError(ProtocolError("Connection aborted.", error))


def refused(words: str) -> requests.exceptions.ProxyError:
    """What it makes of a tunnel that a proxy refuses."""
    return requests.exceptions.ProxyError(OSError(f"Tunnel connection failed: {words}"))


FAULTS: list[tuple[Exception | None, ErrorCategory]] = [
    (requests.ConnectTimeout("x"), ErrorCategory.TIMEOUT),
    (requests.ReadTimeout("x"), ErrorCategory.TIMEOUT),
    (requests.ConnectionError("x"), ErrorCategory.NETWORK),
    (requests.exceptions.SSLError("x"), ErrorCategory.NETWORK),
    (requests.exceptions.ProxyError("x"), ErrorCategory.NETWORK),
    (requests.ConnectionError(ProtocolError("x", ConnectionResetError())), ErrorCategory.NETWORK),
    (requests.ConnectionError(ProtocolError("x", http.client.RemoteDisconnected(""))), ErrorCategory.NETWORK),
    (requests.ConnectionError(ProtocolError("x", http.client.BadStatusLine("x"))), ErrorCategory.PROTOCOL),
    (requests.exceptions.ChunkedEncodingError(http.client.IncompleteRead(b"")), ErrorCategory.TRUNCATED),
    (requests.exceptions.ChunkedEncodingError(ProtocolError("x", ConnectionResetError())), ErrorCategory.NETWORK),
    (requests.exceptions.ContentDecodingError("x"), ErrorCategory.PROTOCOL),
    (requests.exceptions.InvalidHeader("x"), ErrorCategory.INVALID_REQUEST),
    (requests.exceptions.InvalidURL("x"), ErrorCategory.INVALID_REQUEST),
    (ResponseTooLargeError("x"), ErrorCategory.PROTOCOL),
    (requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."), ErrorCategory.INVALID_REQUEST),
    (sent(TimeoutError("timed out")), ErrorCategory.TIMEOUT),
    (sent(BrokenPipeError()), ErrorCategory.NETWORK),
    *[(refused(f"{status} No"), ErrorCategory.INVALID_REQUEST) for status in (301, 400, 401, 403, 404, 405, 407)],
    *[(refused(f"{status} No"), ErrorCategory.NETWORK) for status in (408, 425, 429, 500, 502, 503, 504)],
    *[(requests.ConnectionError(OSError(words)), ErrorCategory.INVALID_REQUEST) for words in NOT_LET_IN],
    (requests.ConnectionError(OSError("0x05: Connection refused")), ErrorCategory.NETWORK),
    (requests.ConnectionError(OSError("SOCKS5 proxy server sent invalid data")), ErrorCategory.PROTOCOL),
    *[(requests.exceptions.SSLError(ssl.SSLError(1, words)), ErrorCategory.PROTOCOL) for words in NOT_TAKEN],
    (requests.exceptions.SSLError(ssl.SSLError(1, "sslv3 alert handshake failure")), ErrorCategory.NETWORK),
    (OSError("x"), ErrorCategory.NETWORK),
    (None, ErrorCategory.NETWORK),
]


@pytest.mark.parametrize(("error", "category"), FAULTS, ids=repr)
def test_each_exception_has_its_category(error: Exception | None, category: ErrorCategory) -> None:
    """A network error's exception, or one behind it, decides its category."""
    assert category_of(HttpCompletion(CompletionType.NETWORK_ERROR, exception=error)) is category
