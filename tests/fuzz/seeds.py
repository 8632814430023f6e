"""The inputs that fuzzing begins with: the repository's fixtures in the form each target takes, and the words in them.

Not what fuzzing found: that stands in `fixtures/fuzz`, and is among the seeds.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment
from shim.recording.exchange_json import encode_exchange
from shim.wire.sse import SSEDecoder

FIXTURES: Final = Path(__file__).resolve().parents[2] / "fixtures"
FINDINGS: Final = FIXTURES / "fuzz"
_WHOLE, _SPLIT = b"\0\0", b"\0\5"
_OTHER: Final = b"\x80\5"  # the other of two kinds: `FuzzInput.flag`
_LONGEST: Final = 64 * 1024
_WORD: Final = re.compile(rb'"[A-Za-z_.]{2,40}"')


def seeds_of(target: str) -> list[bytes]:
    """The inputs to begin with, findings among them."""
    return [*_SEEDS[target], *findings_of(target).values()]


def findings_of(target: str) -> dict[str, bytes]:
    """What fuzzing has found before, by name."""
    return {path.name: path.read_bytes() for path in sorted((FINDINGS / target).glob("*.bin"))}


@cache
def words() -> tuple[bytes, ...]:
    """What a fuzzer puts together more often than by chance: the names of fields, and the marks of each framing."""
    names = {word for body in _bodies() for word in _WORD.findall(body)}
    marks = (
        b"data: ",
        b"event: ",
        b"\n\n",
        b"\r\n",
        b"[DONE]",
        b"0\r\n\r\n",
        b"Content-Length: ",
        b"Transfer-Encoding: chunked",
    )
    return (*sorted(names), *marks)


def _cases(file: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(FIXTURES.glob(f"*/*/{file}")):
        if path.parent.parent.name in ("chat", "responses") and path.stat().st_size < _LONGEST:
            yield path.parent.parent.name, path.read_bytes()


@cache
def _bodies() -> tuple[bytes, ...]:
    return tuple(body for _, body in _cases("body.raw"))


def _streams(api: str) -> Iterator[bytes]:
    for of, body in _cases("body.raw"):
        if of == api and b"data:" in body:
            decoder = SSEDecoder()
            yield b"\n".join(event.data.replace(b"\n", b" ") for event in decoder.feed(body))


def _answers(api: str) -> Iterator[bytes]:
    return (body for of, body in _cases("body.raw") if of == api and body.lstrip()[:1] == b"{")


def _requests(api: str) -> Iterator[bytes]:
    return (body for of, body in _cases("request.json") if of == api)


def _chunked(body: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:50], body[50:]) if part) + b"0\r\n\r\n"


def _exchange(body: bytes) -> bytes:
    request = RecordedRequest(
        method="POST", url="https://api.openai.com/v1/chat/completions", headers=(("A", "b"),), body=b'{"model":"m"}'
    )
    response = RecordedResponse(
        status=200,
        headers=(("Content-Type", "application/json"),),
        segments=(Segment.of(body[:40], 0.1), Segment.of(body[40:], 0.2)),
    )
    return encode_exchange(Exchange(pair_id="p", started_at=1.0, request=request, response=response, finished=0.3))


def _messages() -> Iterator[bytes]:
    for body in _bodies()[:8]:
        yield _SPLIT + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + _chunked(body)
        yield _SPLIT + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body + b"more"
        yield _OTHER + b"POST /v1 HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    yield _SPLIT + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"


def _made() -> Iterator[tuple[str, list[bytes]]]:
    bodies = _bodies()
    yield "sse", [mark + body for body in bodies for mark in (_WHOLE, _SPLIT)]
    for api in ("chat", "responses"):
        yield f"{api}_stream", [_WHOLE + each for each in _streams(api)]
        yield f"{api}_answer", [_WHOLE + each for each in _answers(api)]
        yield f"{api}_request", [_WHOLE + each for each in _requests(api)]
    marks = {"chat": _SPLIT, "responses": _OTHER}
    told = [(marks[api], body) for api, body in _cases("body.raw")]
    yield "answer_reader", [mark + b"text/event-stream\n" + body for mark, body in told]
    yield "whole_answer_reader", [mark + body for mark, body in told]
    yield "error_body", [_WHOLE + b"30\n" + body for body in bodies] + [_WHOLE + b"1s\n" + _error("x")]
    yield (
        "content_encoding",
        [
            *(_OTHER + body for body in bodies[:8]),
            *(_SPLIT + gzip.compress(body[:50], mtime=0) + gzip.compress(body[50:], mtime=0) for body in bodies[:8]),
            *(b"\1\5" + zlib.compress(body) for body in bodies[:8]),
        ],
    )
    yield "transfer_encoding", [_SPLIT + _chunked(body) for body in bodies[:8]]
    yield "recording_line", [_WHOLE + _exchange(body) for body in bodies[:8]]
    yield "proxy_message", list(_messages())


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "t", "code": None, "param": None}}).encode()


_SEEDS: Final = dict(_made())
