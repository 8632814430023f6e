"""Tests that a recording is presented as what it was: its API, whether it was streamed, how it broke off."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from msgspec.structs import replace

from shim.recording.exchange import (
    Exchange,
    RecordedRequest,
    RecordedResponse,
    TransportFault,
    UnreadableExchangeError,
    api_of,
    is_streamed,
)
from shim.recording.recorded_answer import family_of, is_surely_presentable, presented
from tests.helpers.exchanges import exchange, segments_of, streamed


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://api.openai.com/v1/chat/completions", "chat_completions"),
        ("http://127.0.0.1:8000/v1/chat/completions/?x=1", "chat_completions"),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1", "chat_completions"),
        ("https://api.openai.com/v1/responses", "responses"),
        ("https://api.openai.com/v1/models", None),
        ("https://api.openai.com/v1/responses/resp_1/cancel", None),
        ("https://api.openai.com/v1/embeddings", None),
    ],
)
def test_the_api_is_known_by_the_path(url: str, api: str | None) -> None:
    """Base address and query make no difference; what is neither API has none."""
    assert api_of(exchange(url=url)) == api


def test_only_a_post_speaks_an_api() -> None:
    """To get a stored response is not to ask for one."""
    request = RecordedRequest(method="GET", url="https://api.openai.com/v1/responses")
    assert api_of(exchange(request=request)) is None
    assert api_of(exchange(request=replace(request, method="post"))) == "responses"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"stream":true}', True),
        (b'{"stream":false}', False),
        (b'{"stream":1}', False),
        (b'{"\\u0073tream":true}', True),
        (b'{"\\u0073tream":true,"stream":false}', False),
        (b'{"metadata":{"stream":true}}', False),
        (b"{}", False),
        (b"not json", False),
        (b'{"stream":true', False),
        (b'{"stream":true,"a":"\xff"}', False),
        (b'{"stream":true,"a":' + b"[" * 100_000, False),
        (b"[true]", False),
    ],
)
def test_a_stream_is_what_the_body_asks_for(body: bytes, expected: bool) -> None:  # noqa: FBT001 - a parameter of the case
    """Only `"stream": true` asks for one."""
    assert is_streamed(exchange(body)) is expected


@pytest.mark.parametrize("make", [exchange, streamed])
def test_where_the_request_was_left_out_the_answer_tells(make: Any) -> None:
    """Without the request's body an event stream was asked for where one came."""
    request = RecordedRequest(method="POST", url="https://api.openai.com/v1/chat/completions")
    assert is_streamed(make(request=request)) is (make is streamed)


@pytest.mark.parametrize(
    ("kind", "message", "stage", "family"),
    [
        ("timeout", "", "body", "timeout"),
        ("protocol", "", "body", "protocol"),
        ("requests.exceptions.ConnectionError", "HTTPConnectionPool(...): Read timed out.", "body", "timeout"),
        ("urllib3.exceptions.ProtocolError", "Connection broken: IncompleteRead(3 bytes read)", "body", "truncated"),
        ("urllib3.exceptions.ProtocolError", "Response ended prematurely", "body", "truncated"),
        ("urllib3.exceptions.ProtocolError", "Connection broken: ConnectionResetError(104, 'x')", "body", "network"),
        ("urllib3.exceptions.ProtocolError", "InvalidChunkLength(got length b'zz')", "body", "protocol"),
        ("urllib3.exceptions.ProtocolError", "", "body", "truncated"),
        ("requests.exceptions.ConnectionError", "RemoteDisconnected('Remote end closed')", "headers", "network"),
        ("requests.exceptions.ConnectionError", "BadStatusLine('SSH')", "headers", "protocol"),
        ("requests.exceptions.ConnectionError", "HTTPException('got more than 100 headers')", "headers", "protocol"),
        ("urllib3.exceptions.ProtocolError", "Response chunk size line exceeded maximum", "body", "protocol"),
        ("h11._util.RemoteProtocolError", "illegal status line", "headers", "protocol"),
        ("http.client.IncompleteRead", "", "body", "truncated"),
        ("builtins.BrokenPipeError", "", "body", "network"),
        ("requests.exceptions.SSLError", "EOF occurred", "connect", "network"),
        ("something.New", "", "body", "network"),
    ],
)
def test_a_fault_is_known_by_its_name_or_its_words(kind: str, message: str, stage: Any, family: str) -> None:
    """Whichever library failed, it is one of four kinds of failure."""
    assert family_of(TransportFault(stage=stage, kind=kind, message=message)) == family


def test_empty_segments_are_no_pieces() -> None:
    """A read of nothing would be the end to a reader, so none is presented."""
    assert presented(streamed(b"", b"a", b"", b"b")).pieces == (b"a", b"b")


def test_a_body_left_out_is_refused() -> None:
    """Lengths alone cannot be read."""
    segments = tuple(type(each)(None, each.at, each.length) for each in segments_of(b"abc"))
    with pytest.raises(UnreadableExchangeError, match="left out"):
        presented(exchange(response=RecordedResponse(status=200, segments=segments)))


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than a reader takes is an error, and is not held in memory whole."""
    monkeypatch.setattr("shim.recording.recorded_answer.BODY_LIMIT", 100_000)
    packed = gzip.compress(bytes(10_000_000))
    assert len(packed) < 20_000
    headers = (("Content-Encoding", "gzip"),)
    response = RecordedResponse(status=200, headers=headers, segments=segments_of(packed), decoded=False)
    with pytest.raises(UnreadableExchangeError, match="decoded body is longer than 100000 bytes"):
        presented(exchange(response=response))


@pytest.mark.parametrize(
    ("recorded", "surely"),
    [
        (exchange(), True),
        (streamed(ended="aborted"), True),
        (exchange(response=None, ended="failed", fault=TransportFault(stage="connect", kind="x")), True),
        (exchange(ended="overflow"), False),
        (exchange(response=None), False),
        (exchange(ended="failed"), False),
        (exchange(response=RecordedResponse(status=200, headers=(("Content-Encoding", "br"),), decoded=False)), False),
        (exchange(response=RecordedResponse(status=200, headers=(("Content-Encoding", "gzip"),), decoded=True)), True),
    ],
)
def test_what_is_surely_presentable_is_presented(recorded: Exchange, *, surely: bool) -> None:
    """What is said to be presentable is; what is not said to be may be."""
    assert is_surely_presentable(recorded) is surely
    if surely:
        presented(recorded)
