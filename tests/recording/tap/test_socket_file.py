"""Tests of listening below a response: what its reader meets is urllib3's own, and what came off the socket is told."""

from __future__ import annotations

import gc
import gzip
import io
import socket
import threading
import time
from typing import Any

import pytest
import requests
import urllib3

from shim.recording.exchange import Exchange
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.raw_server import Connection, RawServer, chunk, read
from tests.recording.tap.tapping import (
    PLAIN,
    SSE_CLOSED,
    STREAMED,
    answering,
    body_of,
    chunked,
    close,
    for_newer,
    headers,
    pieces_of,
    sized,
    tapped,
)

TEXT = b"data: " + b"0123456789" * 2000 + b"\n\n"
SQUEEZED = gzip.compress(TEXT)


def files_of(raw: Any) -> tuple[Any, Any, Any]:
    """The response of http.client below one of urllib3, its file, and the raw file below that."""
    return raw._fp, raw._fp.fp, raw._fp.fp.raw


def test_nothing_of_it_can_be_seen() -> None:
    """The response, and all below it that readers look at, are of the very types they are without the tap."""
    with answering(chunked(b"one")) as server, requests.Session() as plain, tapped() as (session, _, _):
        plain.trust_env = False
        seen = []
        for one in (plain, session):
            response = one.post(server.url, data=b"{}", stream=True)
            raw: Any = response.raw
            inner, file, below = files_of(raw)
            assert raw.fileno() == below.fileno() == below._sock.fileno() == raw.connection.sock.fileno()
            seen.append([type(raw), type(inner), type(file), sorted(vars(raw)), dir(file), file.mode, below.mode])
            seen[-1] += [file.closed, file.isatty(), file.readable(), file.seekable(), raw.closed, raw.tell()]
            with pytest.raises(io.UnsupportedOperation):
                file.tell()
            assert response.content == b"one"
            assert (file.closed, below.closed, raw.closed) == (True, True, True)
    assert seen[0] == seen[1]


SEVERAL = {
    "chunked": chunked(TEXT[:100], TEXT[100:], b"end"),
    "sized": sized(TEXT + b"end"),
    "gzip": sized(gzip.compress(TEXT + b"end"), more=b"Content-Encoding: gzip\r\n"),
    "with extensions and trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x;a=b\r\n%b\r\n" % (len(TEXT) + 3, TEXT + b"end")
    + b"0\r\nX-After: 1\r\n\r\n",
    "early hints": b"HTTP/1.1 100 Continue\r\n\r\n" + sized(TEXT + b"end"),
}


@pytest.mark.parametrize("answer", SEVERAL)
def test_each_answer_of_a_connection_is_its_own(answer: str) -> None:
    """Of several exchanges on one connection each has its own body, whole."""
    with answering(SEVERAL[answer]) as server, tapped() as (session, exchanges, _):
        for _ in range(3):
            assert session.post(server.url, data=b"{}").content == TEXT + b"end"
        assert server.connections == 1
    assert [(each.ended, body_of(each)) for each in exchanges] == [("complete", TEXT + b"end")] * 3


@pytest.mark.parametrize("step", [10, 10_000])
def test_segments_are_reads_of_the_socket(step: int) -> None:
    """The segments are split as the socket was read, the encoding undone, whatever is asked of the response."""
    parts = [SQUEEZED[start : start + 15] for start in range(0, len(SQUEEZED), 15)]
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    script = [action for part in parts for action in (chunk(part), pause)]
    with RawServer([[read, head, *script, b"0\r\n\r\n"]]) as server, tapped() as (session, exchanges, _):
        assert b"".join(session.post(server.url, data=b"{}", stream=True).iter_content(step)) == TEXT
    (made,) = exchanges
    assert body_of(made) == TEXT
    assert made.response is not None
    assert made.response.decoded
    assert len(made.response.segments) > 2
    times = [made.response.headers_at, *(segment.at for segment in made.response.segments), made.finished]
    assert times == sorted(times)


def pause(_connection: Connection) -> None:
    """Let what was sent arrive by itself."""
    time.sleep(0.01)


def test_http_1_0_ends_with_its_connection() -> None:
    """A body without a length is whole when its connection ends."""
    answer = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\none"
    with RawServer([[read, answer, close]]) as server, tapped() as (session, exchanges, _):
        assert session.post(server.url, data=b"{}").content == b"one"
    assert [(each.ended, body_of(each)) for each in exchanges] == [("complete", b"one")]


def test_what_stands_behind_the_body_is_none_of_it() -> None:
    """Bytes behind the end of a body are neither recorded nor make it one that was left early."""
    with RawServer([[read, sized(b"one") + b"HTTP/1.1 200 OK"]]) as server, tapped() as (session, exchanges, _):
        assert session.post(server.url, data=b"{}").content == b"one"
    assert [(each.ended, pieces_of(each)) for each in exchanges] == [("complete", [b"one"])]


CUT: list[tuple[str, bytes, str, str]] = [
    ("cut", chunked(b"one")[:-5], "truncated", "the connection ended before the body did"),
    ("cut, sized", sized(b"one")[:-1], "truncated", "the connection ended before the body did"),
    ("garbage", chunked(b"one")[:-5] + b"zz\r\nmore\r\n", "protocol", "invalid chunk size line b'zz\\r\\n'"),
]


@pytest.mark.parametrize(
    ("name", "answer", "kind", "words"),
    [pytest.param(*each, id=each[0], marks=[for_newer] if each[0] == "cut, sized" else []) for each in CUT],
)
def test_a_broken_body_is_a_fault(name: str, answer: bytes, *, kind: str, words: str) -> None:
    """A body that does not keep what its framing promises is recorded as failed, with what there was of it."""
    assert name
    with (
        RawServer([[read, answer, close]]) as server,
        tapped() as (session, exchanges, _),
        pytest.raises(requests.RequestException),
    ):
        session.post(server.url, data=b"{}")
    (made,) = exchanges
    assert made.fault is not None
    assert (made.ended, made.fault.stage, made.fault.kind, made.fault.message) == ("failed", "body", kind, words)
    assert body_of(made) in (b"one", b"on")


def test_an_exception_passes_through() -> None:
    """An exception of the socket reaches the reader as the very object it was, and its words the recording."""
    with RawServer([[read, SSE_CLOSED + b"one", _until_gone]]) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True, timeout=0.1)
        _, file, below = files_of(response.raw)
        assert file.read1(100) == b"one"
        with pytest.raises(TimeoutError) as first:
            file.read1(100)
        assert type(first.value) is socket.timeout
        with pytest.raises(OSError, match="cannot read from timed out object"):
            below._file.raw.readinto(bytearray(1))
        response.close()
    (made,) = exchanges
    assert made.fault is not None
    assert (made.ended, made.fault.kind, made.fault.message) == ("failed", "builtins.TimeoutError", "timed out")
    assert body_of(made) == b"one"


@for_newer
def test_a_read_waits_for_nothing_more() -> None:
    """What has come is given at once, whatever is asked for, and a peek shows it."""
    go_on = threading.Event()

    def wait(connection: Connection) -> None:
        assert go_on.wait(10)

    with RawServer([[read, SSE_CLOSED + b"one", wait, b"two", close]]) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True, timeout=5)
        _, file, _ = files_of(response.raw)
        assert file.peek(1) == b"one"
        assert response.raw.read1(65536) == b"one"
        go_on.set()
        assert response.raw.read() == b"two"
    assert pieces_of(exchanges[0]) == [b"one", b"two"]


def _until_gone(connection: Connection) -> None:
    while connection.sock.recv(1000):
        pass


@pytest.mark.parametrize("way", [pytest.param("shutdown", marks=for_newer), "socket"])
def test_a_cut_from_another_thread_ends_it(way: str) -> None:
    """A reader whose socket another thread shuts down wakes up; shut through the response it was its own doing."""
    with RawServer([[read, chunked(b"one")[:-5], _until_gone]]) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        pieces = response.iter_content(100)
        assert next(pieces) == b"one"
        sock: Any = response.raw.connection.sock  # type: ignore[union-attr]  # it is connected
        cut = response.raw.shutdown if way == "shutdown" else lambda: sock.shutdown(socket.SHUT_RDWR)
        threading.Timer(0.05, cut).start()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            next(pieces)
        response.close()
    assert [each.ended for each in exchanges] == ["aborted" if way == "shutdown" else "failed"]


@for_newer
def test_a_shutdown_that_fails_is_none() -> None:
    """Shutting down what cannot be shut down raises as ever and leaves the recording as it was."""
    with answering(chunked(b"one")) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        with pytest.raises(OSError):  # noqa: PT011 - whatever the system says of it
            response.raw._sock_shutdown(99)  # type: ignore[misc,unused-ignore]  # urllib3 sets it
        assert response.content == b"one"
    assert [each.ended for each in exchanges] == ["complete"]


def test_a_reader_that_leaves_has_aborted() -> None:
    """A body that had come whole and was closed with some of it unread is aborted, not complete."""
    with answering(sized(TEXT)) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        assert response.raw.read(5) == TEXT[:5]
        response.close()
    (made,) = exchanges
    assert made.ended == "aborted"
    assert TEXT.startswith(body_of(made))


def test_dropped_responses_are_told_later() -> None:
    """Of a response that is dropped, or found by the garbage collector, nothing runs while memory is freed."""
    with answering(chunked(TEXT)) as server, tapped() as (session, exchanges, tap):
        response: Any = session.post(server.url, data=b"{}", stream=True)
        sock = response.raw.connection.sock
        del response
        assert (sock.fileno(), exchanges) == (-1, [])
        response = session.post(server.url, data=b"{}", stream=True)
        connection = response.raw.connection  # else it depends on the order of freeing whether its socket is closed
        response.itself = response
        del response
        gc.collect()
        assert (connection.sock, exchanges) == (None, [])
        assert tap.recorded == 2
    assert [each.ended for each in exchanges] == ["aborted", "aborted"]


def test_a_large_body_is_not_kept() -> None:
    """Of a body longer than is kept, however it is framed, the beginning is recorded, and the reader gets all of it."""
    answer = chunked(*[TEXT] * 10)
    with answering(answer) as server, tapped(max_body=30_000) as (session, exchanges, _):
        assert len(session.post(server.url, data=b"{}").content) == 10 * len(TEXT)
    (made,) = exchanges
    assert (made.ended, body_of(made)) == ("overflow", (TEXT * 10)[:30_000])


def test_a_body_that_just_fits_is_kept() -> None:
    """A limit is one of the body: its framing does not count."""
    with answering(chunked(*[b"x"] * 500)) as server, tapped(max_body=500) as (session, exchanges, _):
        session.post(server.url, data=b"{}")
    assert (exchanges[0].ended, body_of(exchanges[0])) == ("complete", b"x" * 500)


def test_what_is_not_what_it_says_is_a_fault() -> None:
    """A body that cannot be decoded is recorded as far as it can be, which is until the damage shows, with how it failed."""
    damaged = SQUEEZED[:60] + b"damage" + SQUEEZED[66:]
    answer = sized(damaged, more=b"Content-Encoding: gzip\r\n")
    with (
        answering(answer) as server,
        tapped() as (session, exchanges, _),
        pytest.raises(requests.exceptions.ContentDecodingError),
    ):
        session.post(server.url, data=b"{}")
    (made,) = exchanges
    assert made.fault is not None
    assert (made.ended, made.fault.stage, made.fault.kind) == ("failed", "body", "urllib3.exceptions.DecodeError")
    assert body_of(made).startswith(TEXT[:16])  # what follows is what the damage decodes to, until it shows


def test_tls() -> None:
    """Behind TLS a stream is heard as in the clear."""
    with FakeOpenAI(tls=True) as server, tapped() as (session, exchanges, _):
        url = f"{server.base_url}/chat/completions"
        for body in (STREAMED, PLAIN):
            answer = session.post(url, json=body, headers=headers(), verify=server.ca_file, stream=True)
            assert answer.content == body_of(exchanges[-1])
            assert type(answer.raw) is urllib3.HTTPResponse
        assert server.connections_opened == 1
    assert [each.ended for each in exchanges] == ["complete", "complete"]


def test_two_taps_hear_the_same() -> None:
    """A second tap on the session records the same of the same answer, and either may be removed first."""
    from shim.recording.tap.session_tap import tap

    more: list[Exchange] = []
    with answering(chunked(b"one", b"two")) as server, tapped() as (session, exchanges, _):
        with tap(session, more.append):
            assert session.post(server.url, data=b"{}").content == b"onetwo"
        session.post(server.url, data=b"{}")
    assert [body_of(each) for each in (*exchanges, *more)] == [b"onetwo"] * 3
