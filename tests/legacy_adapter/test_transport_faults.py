"""Tests of the transport faults' table: each exception of the legacy client has its category."""

from __future__ import annotations

import http.client

import pytest
import requests
from urllib3.exceptions import ProtocolError

from legacy_openai import CompletionType, HttpCompletion, ResponseTooLargeError
from shim.legacy_adapter.transport_faults import category_of
from shim.model import ErrorCategory

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
    (OSError("x"), ErrorCategory.NETWORK),
    (None, ErrorCategory.NETWORK),
]


@pytest.mark.parametrize(("error", "category"), FAULTS, ids=repr)
def test_each_exception_has_its_category(error: Exception | None, category: ErrorCategory) -> None:
    """A network error's exception, or one behind it, decides its category."""
    assert category_of(HttpCompletion(CompletionType.NETWORK_ERROR, exception=error)) is category
