"""Tests of bodies that are recorded: read in any way they are what they are without the tap, and what was read is noted.

On both roads, but for what can be seen of the one around the body alone.
"""

from __future__ import annotations

import functools
import gzip
import io
import shutil
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.helpers.raw_server import Connection, RawServer, read
from tests.recording.tap.conftest import Road
from tests.recording.tap.tapping import (
    IS_OLD,
    SSE_CLOSED,
    answering,
    body_of,
    chunked,
    close,
    for_newer,
    pieces_of,
    sized,
    tapped,
)

around = pytest.mark.parametrize("road", ["around"], indirect=True)

TEXT = b'data: {"a": "Hello"}\n\ndata: [DONE]\n\n' * 5
PIECES = [TEXT[start : start + 37] for start in range(0, len(TEXT), 37)]
SQUEEZED = gzip.compress(TEXT)
ANSWERS = {
    "chunked": chunked(*PIECES),
    "sized": sized(TEXT),
    "empty": sized(b""),
    "gzip": sized(SQUEEZED, more=b"Content-Encoding: gzip\r\n"),
    "gzip, chunked": chunked(
        *(SQUEEZED[start : start + 11] for start in range(0, len(SQUEEZED), 11)), more=b"Content-Encoding: gzip\r\n"
    ),
}


def until_empty(step: Callable[[], bytes]) -> list[bytes]:
    """Everything a way of reading gives, to its empty end."""
    return list(iter(step, b""))


def read_into(raw: Any, size: int) -> bytes:
    """One `readinto`."""
    buffer = bytearray(size)
    return bytes(buffer[: raw.readinto(buffer)])


def copied(raw: Any) -> list[bytes]:
    """The idiom for a download."""
    raw.decode_content = True
    target = io.BytesIO()
    shutil.copyfileobj(raw, target)
    return [target.getvalue()]


def partially(raw: Any) -> list[bytes]:
    """The older idiom for the same."""
    raw.read = functools.partial(raw.read, decode_content=True)
    return until_empty(lambda: raw.read(50))


WAYS: dict[str, Callable[[requests.Response], Any]] = {
    "content": lambda response: [response.content],
    "iter_content(7)": lambda response: list(response.iter_content(7)),
    "iter_content(65536)": lambda response: list(response.iter_content(65536)),
    "iter_content(None)": lambda response: list(response.iter_content(None)),
    "iter_lines": lambda response: list(response.iter_lines()),
    "read": lambda response: [response.raw.read()],
    "read, decoded": lambda response: [response.raw.read(decode_content=True)],
    "read(9)": lambda response: until_empty(lambda: response.raw.read(9)),
    "read(9, True)": lambda response: until_empty(lambda: response.raw.read(9, True)),  # noqa: FBT003 - as callers write it
    "read1": lambda response: until_empty(lambda: response.raw.read1(20, decode_content=True)),
    "readinto": lambda response: until_empty(lambda: read_into(response.raw, 10)),
    "readline": lambda response: until_empty(response.raw.readline),
    "readlines": lambda response: response.raw.readlines(),
    "iteration": lambda response: list(response.raw),
    "stream": lambda response: list(response.raw.stream(20, decode_content=True)),
    "data": lambda response: [response.raw.data, response.raw.data],
    "BufferedReader": lambda response: [io.BufferedReader(response.raw).read()],
    "copyfileobj": lambda response: copied(response.raw),
    "partial": lambda response: partially(response.raw),
    "two ways": lambda response: [response.raw.read(5), *until_empty(lambda: read_into(response.raw, 9))],
}
if IS_OLD:  # it gives nothing where its decoder keeps all back, which looks like the end
    del WAYS["read1"], WAYS["read(9, True)"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_way_of_reading_is_the_same(answer: str, way: str, road: Road) -> None:
    """With the tap each way of reading gives the same pieces, leaves the connection as usable, and all that was read is noted."""
    how = WAYS[way]
    with answering(ANSWERS[answer]) as server, requests.Session() as plain, tapped() as (session, exchanges, _):
        plain.trust_env = False
        results = []
        for one in (plain, session):
            for _ in range(2):
                response = one.post(server.url, data=b"{}", stream=True)
                results.append((how(response), response.raw.closed, response.raw.tell(), response.raw.connection))
                response.close()
        assert server.connections == 2
    assert results[0] == results[1] == results[2] == results[3]
    assert [each.ended for each in exchanges] == ["complete"] * 2
    noted = body_of(exchanges[0])
    given_out = b"".join(results[0][0][:1] if way == "data" else results[0][0])
    if way == "iter_lines" or road == "below":  # there it is decoded whether the reader wants it so or not
        assert noted == TEXT or not given_out
    else:
        assert noted == given_out
    assert exchanges[0].response is not None
    assert exchanges[0].response.decoded is (noted != SQUEEZED)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([bytes(36), b"\x001"], [("read", 37), ("stream", 1)])
@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from(["read", "readinto", "stream", *(["read1"] if not IS_OLD else [])]), st.integers(1, 40)
        ),
        max_size=12,
    ),
)
def test_any_mixture_of_reading_is_the_same(road: Road, sent: list[bytes], steps: list[tuple[str, int]]) -> None:
    """Whatever the chunks and whatever is asked in whatever order, each answer is the same with the tap as without."""
    with (
        answering(chunked(*sent), close, times=1) as server,
        requests.Session() as plain,
        tapped() as (session, ends, _),
    ):
        plain.trust_env = False
        seen = []
        for one in (plain, session):
            with one.post(server.url, data=b"{}", stream=True) as response:
                seen.append([_step(response.raw, kind, size=size) for kind, size in steps])
    assert seen[0] == seen[1]
    given_out = [each for each in seen[1] if each and isinstance(each, bytes)]
    if road == "below":
        body, given = b"".join(sent), b"".join(given_out)
        assert body.startswith(body_of(ends[0]))
        # Between read() and stream() urllib3 takes what is left of a chunk for the next one's size: that gives out no body.
        assert body_of(ends[0]).startswith(given) or not body.startswith(given)
    else:
        assert pieces_of(ends[0]) == given_out


def _step(raw: Any, kind: str, *, size: int) -> bytes | str:
    """What one step gives; urllib3 refuses some mixtures, and those refusals are compared too."""
    try:
        if kind == "stream":
            return next(raw.stream(size), b"")
        data: bytes = read_into(raw, size) if kind == "readinto" else getattr(raw, kind)(size)
    except urllib3.exceptions.HTTPError as error:
        return repr(error)
    return data


@around
def test_it_passes_for_the_original(road: Road) -> None:
    """The watched body has the class, the attributes and the words of the plain one, and none that it has not."""
    with answering(sized(b"{}")) as server, tapped() as (session, _, _):
        raw: Any = session.post(server.url, data=b"{}", stream=True).raw
        assert [isinstance(raw, urllib3.HTTPResponse), type(raw) is urllib3.HTTPResponse] == [True, False]
        assert (raw.status, raw.reason, raw.version, raw.headers["content-length"]) == (200, "OK", 11, "2")
        assert not hasattr(raw, "nonsense")
        assert "read_chunked" in dir(raw)
        assert "HTTPResponse" in repr(raw)
        raw.mine = 1
        assert raw.mine == 1
        del raw.mine
        assert not hasattr(raw, "mine")
        raw.read = lambda: b"mine"
        del raw.read
        assert raw.read is not None
        assert raw.read(0) == b""
        assert IS_OLD or raw.json() == {}


def test_an_iterator_that_is_closed_is_left_not_broken(road: Road) -> None:
    """Who closes the iterator of chunks has had enough: no fault is recorded, and what was given out is."""
    with answering(chunked(b"one", b"two")) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        chunks = response.raw.read_chunked()
        assert next(chunks) == b"one"
        chunks.close()
        response.close()
    assert [(each.ended, each.fault) for each in exchanges] == [("aborted", None)]
    assert body_of(exchanges[0]).startswith(b"one")


@for_newer
def test_misuse_is_answered_as_ever(road: Road) -> None:
    """What the plain body refuses is refused in the same words, and the recording goes on."""
    with answering(sized(b"{}")) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        with pytest.raises(urllib3.exceptions.ResponseNotChunked):
            list(response.raw.read_chunked())
        with pytest.raises(TypeError):
            response.raw.read("much")  # type: ignore[arg-type]  # what is refused
        assert response.content == b"{}"
    assert [each.ended for each in exchanges] == ["complete"]


@for_newer
@around
def test_an_unchunked_stream_comes_as_it_arrives(road: Road) -> None:
    """An event stream that ends with its connection is handed on piece by piece, not when a buffer is full."""
    go_on = threading.Event()

    def wait(connection: Connection) -> None:
        assert go_on.wait(10)

    with RawServer([[read, SSE_CLOSED + b"data: 1\n\n", wait, b"data: 2\n\n", close]]) as server:
        with tapped() as (session, exchanges, _):
            pieces = session.post(server.url, data=b"{}", stream=True).iter_content(65536)
            assert next(pieces) == b"data: 1\n\n"
            go_on.set()
            assert list(pieces) == [b"data: 2\n\n"]
        assert pieces_of(exchanges[0]) == [b"data: 1\n\n", b"data: 2\n\n"]
        assert exchanges[0].ended == "complete"


@around
def test_a_broken_body_raises_the_same(road: Road) -> None:
    """The exception of a body that breaks off is the very one of the transport, and becomes the exchange's fault."""
    with RawServer([[read, chunked(b"one")[:-5], close]]) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        with pytest.raises(requests.exceptions.ChunkedEncodingError) as raised:
            list(response.iter_content(100))
    (made,) = exchanges
    assert made.ended == "failed"
    assert made.fault is not None
    assert (made.fault.stage, made.fault.kind) == ("body", "urllib3.exceptions.ProtocolError")
    assert made.fault.message == str(raised.value.args[0])
    assert body_of(made) == b"one"


@pytest.mark.parametrize("end", ["close", "drop", "generator", "drain"])
def test_leaving_early_is_aborted(end: str, road: Road) -> None:
    """A response that is given up before its end is recorded as aborted, with what had been read, and once."""
    with answering(chunked(*PIECES)) as server, tapped() as (session, exchanges, tap):
        response = session.post(server.url, data=b"{}", stream=True)
        pieces = response.raw.stream(1000)
        first = next(pieces)
        connection: Any = response.raw.connection
        if end == "close":
            response.close()
        elif end == "drain":
            response.raw.drain_conn()
        elif end == "generator":
            pieces.close()
            assert connection.sock is None, "urllib3 closes the connection of a stream that is closed in its middle"
            response.close()
        del response, pieces
        assert tap.recorded == 1
    (made,) = exchanges
    assert made.ended == ("complete" if road == "below" and end == "drain" else "aborted")  # who drains it reads it all
    assert body_of(made) == (TEXT if road == "below" else first)


def test_a_dropped_response_lets_its_connection_go(road: Road) -> None:
    """A response dropped unread frees its connection at once, without the garbage collector."""
    with answering(chunked(*PIECES)) as server, tapped() as (session, exchanges, tap):
        response = session.post(server.url, data=b"{}", stream=True)
        connection = response.raw.connection
        reading = getattr(response.raw, "read" if IS_OLD else "read1")
        assert reading(5)
        assert not exchanges
        sock = connection.sock if connection is not None else None
        del response, reading
        assert sock is not None
        assert sock.fileno() == -1
        tap.flush()
        assert [each.ended for each in exchanges] == ["aborted"]


@for_newer
def test_a_shutdown_is_the_readers_own(road: Road) -> None:
    """A read that fails because the response was shut down from another thread is an abort, no fault."""
    with RawServer([[read, chunked(b"one")[:-5], _until_gone]]) as server, tapped() as (session, exchanges, _):
        response = session.post(server.url, data=b"{}", stream=True)
        pieces = response.iter_content(100)
        assert next(pieces) == b"one"
        threading.Timer(0.05, response.raw.shutdown).start()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            next(pieces)
        response.close()
    assert [each.ended for each in exchanges] == ["aborted"]


def _until_gone(connection: Connection) -> None:
    while connection.sock.recv(1000):
        pass
