"""Tests of bodies with a content-encoding over both providers: read alike, bounded, and named where they cannot be read."""

from __future__ import annotations

import functools
import gzip
import json
import resource
import zlib

import pytest

from shim.model import ErrorCategory
from shim.transfer_observer import TransferObserver
from tests.helpers.driving import ask
from tests.helpers.providers import Make, MakeNative
from tests.helpers.raw_server import END, Action, RawServer, chunk, read

WORDS = [f"word {number} " for number in range(20)]
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
PIECE = 5000  # of what is sent, in a chunk of its own


def plain_body(*, stream: bool) -> list[bytes]:
    """An answer with those words, in the pieces a server would flush."""
    if not stream:
        choice = {"index": 0, "message": {"content": "".join(WORDS)}, "finish_reason": "stop"}
        body = json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()
        return [body[:100], body[100:]]
    choices: list[dict[str, object]] = [{"index": 0, "delta": {"content": word}} for word in WORDS]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [json.dumps({"id": "c", "model": "m", "choices": [each]}).encode() for each in choices]
    return [b"data: %b\n\n" % data for data in [*chunks, b"[DONE]"]]


def raw_deflate(data: bytes) -> bytes:
    """RFC 1951 without the wrapping of zlib, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def answering(
    body: bytes, encoding: str, *, stream: bool, status: bytes = b"200 OK", chunked: bool = True
) -> RawServer:
    """A server that sends the body to every request, each on a connection of its own unless the body is chunked."""
    kind = b"text/event-stream" if stream else b"application/json"
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Encoding: %b\r\n%b\r\n\r\n" % (
        status,
        kind,
        encoding.encode(),
        framing,
    )
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    sent = b"".join(map(chunk, pieces)) + END if chunked else body
    script: list[Action] = [read, head + sent] * 4
    return RawServer([script])


@both_kinds
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
@pytest.mark.parametrize(
    "form", ["gzip", "x-gzip", "GZIP", "deflate", "raw deflate", "members", "padding", "none", "one"]
)
def test_an_encoded_body_is_what_its_bytes_are(*, make: Make, form: str, chunked: bool, stream: bool) -> None:
    """gzip, members, padding, both kinds of deflate and what is called gzip and is none are read, on one connection."""
    pieces = plain_body(stream=stream)
    body = b"".join(pieces)
    sent, encoding = {
        "gzip": (gzip.compress(body), "gzip"),
        "x-gzip": (gzip.compress(body), "x-gzip"),
        "GZIP": (gzip.compress(body), " GZIP , identity"),
        "deflate": (zlib.compress(body), "deflate"),
        "raw deflate": (raw_deflate(body), "deflate"),
        "members": (b"".join(map(gzip.compress, pieces)), "gzip"),
        "padding": (gzip.compress(body) + bytes(9000), "gzip"),
        "none": (body, "gzip"),
        "one": (b"".join(map(gzip.compress, [body[:1], body[1:], b""])), "gzip"),
    }[form]
    with answering(sent, encoding, stream=stream, chunked=chunked) as server, make(server.url) as provider:
        for _ in range(3):
            heard = ask(provider, stream=stream)
            assert heard.response.text == "".join(WORDS)
            assert heard.text == ("".join(WORDS) if stream else "")
        assert server.connections == 1


@both_kinds
@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "gzip;q=1"])
def test_an_encoding_that_is_not_undone_is_named(*, make: Make, encoding: str, stream: bool) -> None:
    """It is a protocol error that names the header and the encoding, with the status, and not worth asking again."""
    body = gzip.compress(gzip.compress(b"".join(plain_body(stream=stream))))
    with answering(body, encoding, stream=stream) as server, make(server.url) as provider:
        error = ask(provider, stream=stream).error
    assert (error.category, error.retryable, error.http_status) == (ErrorCategory.PROTOCOL, False, 200)
    assert f"Content-Encoding says {encoding!r}" in error.message


@functools.cache
def bomb(unit: bytes, *, times: int) -> bytes:
    """Many of one unit, in gzip."""
    packer = zlib.compressobj(9, wbits=31)
    block = unit * (2**20 // len(unit))
    return b"".join(packer.compress(block) for _ in range(times)) + packer.flush()


@pytest.mark.slow
@both_kinds
@pytest.mark.parametrize("status", [b"200 OK", b"500 Oops"])
@pytest.mark.parametrize("unit", [b" ", b"\n", b": a comment\n\n", b'data: {"choices":[]}\n\n'], ids=repr)
def test_a_body_that_grows_without_bound_ends_early(*, make: Make, unit: bytes, status: bytes, stream: bool) -> None:
    """A body of a hundred megabytes in a hundred kilobytes is a protocol error, and is not held in memory; error bodies too."""
    body = bomb(unit, times=100)
    with answering(body, "gzip", stream=stream, status=status, chunked=False) as server, make(server.url) as provider:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        error = ask(provider, stream=stream).error
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (error.category, error.http_status) == (ErrorCategory.PROTOCOL, int(status[:3])), error
    assert "grows more than 300 times" in error.message
    assert grown < 64 * 1024  # KiB


@both_kinds
def test_a_body_that_ends_inside_its_encoding_is_truncated(*, make: Make, stream: bool) -> None:
    """The early end of what is encoded is an early end, though the framing of HTTP is whole."""
    body = gzip.compress(b"".join(plain_body(stream=stream)))[:-12]
    with answering(body, "gzip", stream=stream) as server, make(server.url) as provider:
        assert ask(provider, stream=stream).error.category is ErrorCategory.TRUNCATED


@both_kinds
def test_what_stands_behind_an_encoded_body_is_left_out(*, make: Make, stream: bool) -> None:
    """Bytes behind the last member are no part of the answer and spoil none."""
    body = gzip.compress(b"".join(plain_body(stream=stream))) + b"tail"
    with answering(body, "gzip", stream=stream) as server, make(server.url) as provider:
        assert ask(provider, stream=stream).response.text == "".join(WORDS)


def test_what_came_before_the_damage_is_not_lost(make: Make) -> None:
    """A stream that is damaged in its encoding has told what came before, and is a protocol error."""
    pieces = list(map(gzip.compress, plain_body(stream=True)[:4]))
    body = b"".join(pieces) + pieces[0][:10] + b"\xff" * 30
    with answering(body, "gzip", stream=True) as server, make(server.url) as provider:
        heard = ask(provider, stream=True)
    assert heard.text == "".join(WORDS[:4])
    assert heard.error.category is ErrorCategory.PROTOCOL


@both_kinds
@pytest.mark.parametrize("status", [b"204 No Content", b"429 Slow down"])
def test_an_encoded_answer_without_a_body_is_read_as_empty(*, make: Make, status: bytes, stream: bool) -> None:
    """A head that names an encoding and has no body is told by its status."""
    length = b"" if status.startswith(b"204") else b"Content-Length: 0\r\n"
    script: list[Action] = [read, b"HTTP/1.1 %b\r\nContent-Encoding: gzip\r\n%b\r\n" % (status, length)]
    with RawServer([script]) as server, make(server.url) as provider:
        error = ask(provider, stream=stream).error
    assert error.http_status == int(status[:3])


class Watching(TransferObserver):
    """Notes what an observer is shown."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []
        self.ends: list[tuple[str, str]] = []

    def on_head(self, status: int, headers: object) -> None:
        """Pass the head over."""

    def on_segments(self, segments: object) -> None:
        """Note the bytes."""
        self.shown += segments  # type: ignore[arg-type]  # a sequence of bytes

    def on_end(self, kind: str, message: str = "") -> None:
        """Note the end."""
        self.ends.append((kind, message))


@both_kinds
@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_an_observer_is_shown_decoded_bytes_alone(*, encoding: str, stream: bool) -> None:
    """Who watches the native provider is shown the body decoded; of one that cannot be, no bytes, and the fault."""
    plain = b"".join(plain_body(stream=stream))
    watching = Watching()
    with answering(gzip.compress(plain), encoding, stream=stream) as server, MakeNative()(server.url) as provider:
        provider.watch(lambda _sent: watching)
        heard = ask(provider, stream=stream)
    if encoding == "gzip":
        assert b"".join(watching.shown) == plain
        assert watching.ends == [("complete", "")]
    else:
        assert b"".join(watching.shown) == b""
        assert watching.ends[0][0] in ("protocol", "cancelled")
        assert heard.error.category is ErrorCategory.PROTOCOL
    assert len(watching.ends) == 1
