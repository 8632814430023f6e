"""Tests that a replayed answer looks like a real one to whoever reads it through requests."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3

from shim.comparison import Exchange, ReplayAdapter, TransportFault
from shim.recording.exchange import RecordedResponse, UnreadableExchangeError
from shim.recording.recorded_answer import presented
from shim.recording.replay_adapter import respond, respond_in_short
from tests.helpers.exchanges import CHUNKS, exchange, segments_of, sse, streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "https://api.example/v1/chat/completions"


@pytest.fixture
def post() -> Iterator[Callable[[Exchange], requests.Response]]:
    """Asks a session that answers with an exchange."""
    with requests.Session() as session:

        def ask(answer: Exchange) -> requests.Response:
            session.mount("https://", ReplayAdapter(answer))
            return session.post(URL, data=b"{}", stream=True, timeout=5)

        yield ask


def test_a_response_in_short_is_as_the_whole_one() -> None:
    """It has what a response of requests has, and its jar of cookies and history are its own, and empty."""
    request, adapter = requests.Request("POST", URL).prepare(), ReplayAdapter(exchange())
    answer = presented(exchange(status=429))
    one, other = (respond_in_short(request, answer, adapter=adapter) for _ in range(2))
    whole = respond(request, answer, adapter=adapter)
    told = [(each.status_code, each.reason, each.headers, each.url, each.encoding) for each in (one, other, whole)]
    assert told[0] == told[1] == told[2]
    one.cookies.set("a", "b")
    assert not other.cookies
    assert one.history is not other.history
    assert vars(one).keys() == vars(whole).keys()
    assert one.content == whole.content
    with pytest.raises(AttributeError, match="jar"):
        one.jar  # type: ignore[attr-defined]  # noqa: B018 - that it is not there


def test_the_response_is_one_of_requests_over_one_of_urllib3(post: Any) -> None:
    """Status, reason, headers, URL and request are there as with a real answer."""
    response = post(exchange(status=429))
    assert type(response) is requests.Response
    assert isinstance(response.raw, urllib3.HTTPResponse)
    assert (response.status_code, response.headers["x-request-id"], response.url) == (429, "req_1", URL)
    assert (response.encoding, isinstance(response.connection, ReplayAdapter)) == ("utf-8", True)
    assert response.request.body == b"{}"


@pytest.mark.parametrize("size", [512, 65536, None])
def test_each_segment_is_one_read(post: Any, size: int | None) -> None:
    """A reader meets the splits that were recorded, in order; an empty segment is none."""
    pieces = [sse(chunk, done=False) for chunk in CHUNKS]
    assert list(post(streamed(*pieces[:2], b"", *pieces[2:])).iter_content(size)) == pieces


def test_a_segment_larger_than_a_read_is_cut_and_never_joined_with_the_next(post: Any) -> None:
    """A reader of few bytes at a time gets a segment in several, the last of them short."""
    assert list(post(streamed(b"abcde", b"fg")).iter_content(2)) == [b"ab", b"cd", b"e", b"fg"]


def test_lines_and_json_are_read_as_usual(post: Any) -> None:
    """The conveniences of requests work: lines of a stream, the JSON of a whole answer, urllib3's own reads."""
    assert list(post(streamed(b"a\nb", b"c\n\n")).iter_lines()) == [b"a", b"bc", b""]
    assert post(exchange()).json()["id"] == "chatcmpl-1"
    raw = post(streamed(b"abc", b"de")).raw
    assert (raw.read1(2), raw.read1(9), raw.read()) == (b"ab", b"c", b"de")


def test_the_end_stays_the_end(post: Any) -> None:
    """Behind the last byte there is nothing, however often it is asked for, also after it was closed."""
    raw = post(streamed(b"abc")).raw
    assert raw.read() == b"abc"
    assert (raw.read1(), raw.read()) == (b"", b"")
    closed = post(streamed(b"abc"))
    closed.close()
    assert closed.raw.read1() == b""


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        ("urllib3.exceptions.IncompleteRead", requests.exceptions.ChunkedEncodingError),
        ("requests.exceptions.ChunkedEncodingError", requests.exceptions.ChunkedEncodingError),
        ("builtins.ConnectionResetError", requests.exceptions.ChunkedEncodingError),
        ("urllib3.exceptions.ReadTimeoutError", requests.exceptions.ConnectionError),
        ("builtins.TimeoutError", requests.exceptions.ConnectionError),
        ("urllib3.exceptions.DecodeError", requests.exceptions.ContentDecodingError),
        ("network", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_a_body_breaks_off_as_it_did(post: Any, kind: str, raised: type[Exception]) -> None:
    """The bytes come, then the exception that requests has for this failure."""
    fault = TransportFault(stage="body", kind=kind, message="as it was")
    pieces = post(streamed(b"abc", b"de", ended="failed", fault=fault)).iter_content(65536)
    assert (next(pieces), next(pieces)) == (b"abc", b"de")
    with pytest.raises(raised) as caught:
        next(pieces)
    assert type(caught.value) is raised


@pytest.mark.parametrize(
    ("stage", "kind", "raised"),
    [
        ("connect", "requests.exceptions.ConnectTimeout", requests.exceptions.ConnectTimeout),
        ("connect", "timeout", requests.exceptions.ConnectTimeout),
        ("connect", "requests.exceptions.ConnectionError", requests.exceptions.ConnectionError),
        ("connect", "requests.exceptions.SSLError", requests.exceptions.SSLError),
        ("connect", "requests.exceptions.ProxyError", requests.exceptions.ProxyError),
        ("headers", "requests.exceptions.ReadTimeout", requests.exceptions.ReadTimeout),
        ("headers", "timeout", requests.exceptions.ReadTimeout),
        ("headers", "network", requests.exceptions.ConnectionError),
        ("headers", "http.client.BadStatusLine", requests.exceptions.ConnectionError),
    ],
)
def test_a_request_without_an_answer_fails_as_it_did(post: Any, stage: Any, kind: str, raised: type[Exception]) -> None:
    """Before the head the exception comes from the request itself, and carries it."""
    fault = TransportFault(stage=stage, kind=kind, message="as it was")
    with pytest.raises(raised) as caught:
        post(exchange(response=None, ended="failed", fault=fault))
    assert type(caught.value) is raised
    assert isinstance(caught.value, requests.RequestException)
    assert caught.value.request is not None


def test_an_aborted_body_ends_early(post: Any) -> None:
    """Where its caller closed the recorded answer, the replayed one is truncated: there is nothing more to give."""
    pieces = post(streamed(b"abc", ended="aborted")).iter_content(65536)
    assert next(pieces) == b"abc"
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        next(pieces)


def test_the_framing_is_not_replayed(post: Any) -> None:
    """Headers that speak of the bytes on the wire are left out: the segments are the bytes after that."""
    headers = (("Content-Type", "text/plain"), ("Content-Encoding", "gzip"), ("Content-Length", "7"))
    response = RecordedResponse(status=200, headers=headers, segments=segments_of(b"plain"))
    replayed = post(exchange(response=response))
    assert replayed.headers == {"Content-Type": "text/plain"}
    assert replayed.content == b"plain"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP, identity"])
def test_a_body_recorded_as_it_was_on_the_wire_is_decompressed(post: Any, encoding: str) -> None:
    """Compressed segments are read as what they hold."""
    packed = gzip.compress(b"plain") if "gzip" in encoding.lower() else zlib.compress(b"plain")
    headers = (("Content-Encoding", encoding),)
    pieces = segments_of(packed[:5], packed[5:])
    response = RecordedResponse(status=200, headers=headers, segments=pieces, decoded=False)
    assert post(exchange(response=response)).content == b"plain"


def test_a_compressed_body_that_is_broken_fails_in_decoding(post: Any) -> None:
    """Bytes that are not what the header says are a decoding error, as with a real answer."""
    headers = (("Content-Encoding", "gzip"),)
    response = RecordedResponse(status=200, headers=headers, segments=segments_of(b"\x1f\x8bnope!!!!!!"), decoded=False)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        _ = post(exchange(response=response)).content


def test_a_compression_that_is_not_read_is_refused(post: Any) -> None:
    """Another compression is an error that names it, never bytes misread."""
    headers = (("Content-Encoding", "br"),)
    response = RecordedResponse(status=200, headers=headers, segments=segments_of(b"x"), decoded=False)
    with pytest.raises(UnreadableExchangeError, match="'br'"):
        post(exchange(response=response))


def test_a_function_chooses_the_answer() -> None:
    """One session can answer each request with the recording that fits it."""
    with requests.Session() as session:
        session.mount("https://", ReplayAdapter(lambda request: exchange(status=int(request.headers["x-want"]))))
        got = [session.get(URL, headers={"x-want": want}, timeout=5).status_code for want in ("200", "404")]
    assert got == [200, 404]


def test_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, post: Any) -> None:
    """No socket is opened and no thread started for a replay."""

    def refuse(*_anything: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    before = threading.active_count()
    assert post(exchange()).status_code == 200
    assert threading.active_count() == before


def test_the_position_is_what_was_read(post: Any) -> None:
    """`tell` counts the bytes that were given, as that of urllib3 does."""
    response = post(streamed(b"abcde", b"fg"))
    pieces = response.iter_content(4)
    positions = [(next(pieces), response.raw.tell()) for _ in range(2)]
    assert positions == [(b"abcd", 4), (b"e", 5)]


def test_a_stream_that_was_closed_gives_nothing_more(post: Any) -> None:
    """Who closes a response in the middle reads no piece after that."""
    response = post(streamed(b"abcde", b"fg"))
    pieces = response.raw.stream()
    assert next(pieces) == b"abcde"
    response.close()
    assert list(pieces) == []
