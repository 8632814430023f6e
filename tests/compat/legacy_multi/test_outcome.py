"""Tests of shim/compat/legacy_multi/outcome.py: each fault as the exception the legacy client has for it."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest
from requests import exceptions as failed

from legacy_openai import CompletionType, Config, Conversation, HttpCompletion, Message, ResponseTooLargeError
from legacy_openai.transport_errors import causes
from shim.compat.legacy_multi import MultiClient
from shim.model import ErrorCategory
from shim.testing.scripted import Play, ScriptedProvider, failure
from tests.compat.legacy_multi.ported import drive

CFG = Config(openai_api_key="sk-test", openai_model="m", openai_base_url="http://127.0.0.1:9/v1", read_timeout=3)

# Category, HTTP status, words -> the exception, one that stands behind it, and a word of the message.
FAULTS: tuple[tuple[str, int | None, str, type[Exception], type[BaseException] | None, str], ...] = (
    (
        "timeout",
        None,
        "Connection timed out after 104 milliseconds (curl error 28)",
        failed.ConnectTimeout,
        None,
        "no conn",
    ),
    ("timeout", None, "no connection within 10 s", failed.ConnectTimeout, None, "no connection to 127.0.0.1:9"),
    ("timeout", None, "the server sent nothing for 3 s", failed.ReadTimeout, None, "sent nothing for 3.0 s"),
    ("timeout", 200, "the server sent nothing for 3 s", failed.ReadTimeout, None, "sent nothing for 3.0 s"),
    ("truncated", 200, "curl error 18", failed.ChunkedEncodingError, http.client.IncompleteRead, "ended it early"),
    ("truncated", None, "closed", failed.ConnectionError, http.client.RemoteDisconnected, "failed"),
    ("protocol", 200, "the body is longer than 9 bytes", ResponseTooLargeError, None, "longer"),
    ("protocol", 200, "the content-encoding br is unknown", failed.ContentDecodingError, None, "content-encoding"),
    ("protocol", 200, "payload 2 of the stream is not JSON (x)", failed.InvalidJSONError, None, "payload 2"),
    ("protocol", 200, "chunk hex-length char", failed.ChunkedEncodingError, http.client.HTTPException, "broke off"),
    ("protocol", None, "Received HTTP/0.9", failed.ConnectionError, http.client.BadStatusLine, "failed"),
    ("network", None, "Could not resolve proxy: x (curl error 5)", failed.ProxyError, None, "proxy"),
    ("network", None, "the proxy on the way to x failed: 407", failed.ProxyError, None, "proxy"),
    ("network", None, "self-signed certificate (curl error 60)", failed.SSLError, None, "TLS with"),
    ("network", None, "Could not resolve host: x (curl error 6)", failed.ConnectionError, socket.gaierror, "resolve"),
    ("network", None, "Failed to connect (curl error 7)", failed.ConnectionError, ConnectionRefusedError, "refused"),
    ("network", 200, "Recv failure (curl error 56)", failed.ChunkedEncodingError, ConnectionResetError, "broke off"),
    ("network", None, "Recv failure (curl error 56)", failed.ConnectionError, ConnectionResetError, "failed"),
    ("cancelled", None, "somebody else cancelled it", failed.RequestException, None, "somebody else"),
)


def ended(play: Play, *, stream: bool = False) -> HttpCompletion:
    """The completion of one call that a script plays."""
    done: list[HttpCompletion] = []
    with MultiClient(ScriptedProvider([play])) as client:
        client.add_request(
            CFG, Conversation([Message("user", "hi")]), (lambda _payload: None) if stream else None, done.append
        )
        drive(client, lambda: done)
    return done[0]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}-{fault[1]}-{fault[2][:24]}")
def test_a_fault_of_the_way_has_its_exception(fault: tuple[Any, ...]) -> None:
    """A fault is told by the exception, the chain and the words that a caller of the legacy client looks for."""
    category, status, words, kind, behind, said = fault
    completion = ended(failure(category, words, http_status=status))
    assert completion.type is CompletionType.NETWORK_ERROR
    assert type(completion.exception) is kind
    assert completion.exception is not None
    assert behind is None or any(type(link) is behind for link in causes(completion.exception))
    assert said in completion.error_message


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, CompletionType.CLIENT_ERROR), (429, CompletionType.CLIENT_ERROR), (503, CompletionType.SERVER_ERROR)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_status_has_its_type_and_body(status: int, kind: CompletionType, *, stream: bool) -> None:
    """A status that is no success decides the type; the body is the server's, or says what is known of the error."""
    body = b'{"error":{"message":"why"}}'
    told = ended(failure("unknown", "why", http_status=status, body=body), stream=stream)
    assert (told.type, told.http_code, told.body, told.exception) == (kind, status, body, None)
    bare = ended(failure("rate_limit", "why", http_status=status, code="slow"), stream=stream)
    assert (bare.type, bare.http_code) == (kind, status)
    assert json.loads(bare.body)["error"]["code"] == "slow"


def test_every_category_becomes_a_completion() -> None:
    """No category is without its completion: each is an error, with words and an exception or a status."""
    for category in ErrorCategory:
        completion = ended(failure(category, "why", http_status=400))
        assert completion.type is not CompletionType.SUCCESS
        assert completion.error_message
        assert completion.exception is not None or completion.http_code == 400
