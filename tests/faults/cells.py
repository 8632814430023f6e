"""The cells of the fault matrix: what a server may do wrong at each place of an answer, as bytes and ends.

Not the running of them (`matrix`). A cell says what is sent for one request; whoever answers goes on with the connection or ends
it. Places and framing: RFC 9112; codings: RFC 9110 section 8.4; statuses: RFC 9110 section 15 and OpenAI's error codes; events:
WHATWG server-sent events.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Literal, TypeAlias

from msgspec import Struct

from tests.helpers.raw_server import END, SSE, chunk, events, json_answer

End: TypeAlias = Literal["stays", "FIN", "RST", "silence"]


class Cell(Struct, frozen=True, kw_only=True):
    """One thing that goes wrong.

    Attributes:
        phase: the group it is shown in.
        name: what happens, in words.
        stream: whether the request asks for a stream.
        sent: the bytes of the answer.
        end: whether the connection stays open behind them, is closed, reset, or falls silent.
        text: what of the answer's text had been sent whole; None where the bytes do not say.
    """

    phase: str
    name: str
    stream: bool
    sent: bytes
    end: End
    text: str | None = None

    @property
    def key(self) -> str:
        """Its name in tables and tests."""
        return f"{'stream' if self.stream else 'whole'}: {self.name}"


def _said(text: str, **more: object) -> bytes:
    delta = {"index": 0, "delta": {"content": text} if text else {}, **more}
    return json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
    ).encode()


FIRST, SECOND, FINISH = _said("ab"), _said("cd"), _said("", finish_reason="stop")
BODY = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "abcd"}, "finish_reason": "stop"}],
    }
).encode()
EVENTS = b"".join(b"data: " + each + b"\n\n" for each in (FIRST, SECOND, FINISH, b"[DONE]"))
OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"Content-Type: application/json\r\n"
EVENT_STREAM = b"Content-Type: text/event-stream\r\n"


PHASES = ("breaks off", "falls silent", "lengths", "heads", "codings", "statuses", "bodies", "events")
"""The groups of cells, in the order of the table: known without the cells, one of which takes half a second to make."""


@cache
def cells() -> tuple[Cell, ...]:
    """All of them, in the order of the table."""
    return (*_cuts(), *_silences(), *_lengths(), *_heads(), *_codings(), *_statuses(), *_bodies(), *_payloads())


# --- an answer that breaks off ---------------------------------------------------------------------------------------


def _cuts() -> Iterator[Cell]:
    for name, sent, stream, text in _places():
        for end in ("FIN", "RST"):
            yield Cell(phase="breaks off", name=f"{name}, {end}", stream=stream, sent=sent, end=end, text=text)


def _places() -> Iterator[tuple[str, bytes, bool, str]]:
    for stream in (False, True):
        yield "before the status line", b"", stream, ""
        yield "in the status line", b"HTTP/1.1 2", stream, ""
        yield "in a header", OK + b"Content-Ty", stream, ""
        yield "before the end of the head", OK + JSON, stream, ""
    length = OK + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY)
    chunked = OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    for name, head in (("a length", length), ("chunks", chunked), ("no length", OK + JSON + b"\r\n")):
        part = {"a length": BODY[:40], "chunks": b"%x\r\n" % len(BODY) + BODY[:40], "no length": BODY[:40]}[name]
        yield f"after the head, with {name}", head, False, ""
        yield f"in the body, with {name}", head + part, False, ""
    yield "before the last chunk", chunked + chunk(BODY), False, ""
    yield "in the last chunk", chunked + chunk(BODY) + b"0\r\n", False, ""
    yield "after the head", SSE, True, ""
    yield "in the first event", SSE + b"%x\r\ndata: " % 500 + FIRST[:20], True, ""
    yield "between two events", SSE + events(FIRST), True, "ab"
    yield "in a chunk's length", SSE + events(FIRST) + b"4", True, "ab"
    yield "in an event, at the end of a chunk", SSE + events(FIRST) + chunk(b"data: " + SECOND[:30]), True, "ab"
    yield "behind the finish reason", SSE + events(FIRST, SECOND, FINISH), True, "abcd"
    yield "in [DONE]", SSE + events(FIRST, SECOND, FINISH) + chunk(b"data: [DO"), True, "abcd"
    yield "behind [DONE], before the last chunk", SSE + events(FIRST, SECOND, FINISH, b"[DONE]"), True, "abcd"
    plain = OK + EVENT_STREAM + b"\r\n"
    half = EVENTS.index(b"data: " + SECOND)
    yield "between two events, without a length", plain + EVENTS[:half], True, "ab"
    yield "in an event, without a length", plain + EVENTS[: half + 30], True, "ab"
    yield "behind [DONE], without a length", plain + EVENTS, True, "abcd"
    counted = OK + EVENT_STREAM + b"Content-Length: %d\r\n\r\n" % len(EVENTS)
    yield "between two events, with a length", counted + EVENTS[:half], True, "ab"


def _silences() -> Iterator[Cell]:
    told = {
        (False, "before the status line"): b"",
        (False, "in the status line"): b"HTTP/1.1 2",
        (False, "in the head"): OK + JSON,
        (False, "behind an interim answer"): b"HTTP/1.1 102 Processing\r\n\r\n",
        (False, "after the head"): OK + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY),
        (False, "in the body"): OK + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:40],
        (True, "before the status line"): b"",
        (True, "behind an interim answer"): b"HTTP/1.1 102 Processing\r\n\r\n",
        (True, "after the head"): SSE,
        (True, "in an event"): SSE + events(FIRST) + b"%x\r\ndata: " % 500,
        (True, "between two events"): SSE + events(FIRST),
        (True, "behind the finish reason"): SSE + events(FIRST, SECOND, FINISH),
    }
    for (stream, name), sent in told.items():
        text = "abcd" if FINISH in sent else "ab" if FIRST in sent else ""
        yield Cell(phase="falls silent", name=name, stream=stream, sent=sent, end="silence", text=text)


# --- lengths and framing ---------------------------------------------------------------------------------------------


def _lengths() -> Iterator[Cell]:
    size = len(BODY)
    lines = {
        "a length that is too long": b"Content-Length: %d\r\n" % (size + 9),
        "a length that is too short": b"Content-Length: %d\r\n" % (size - 9),
        "a negative length": b"Content-Length: -1\r\n",
        "a length that is no number": b"Content-Length: many\r\n",
        "two lengths that differ": b"Content-Length: %d\r\nContent-Length: %d\r\n" % (size, size - 9),
        "the same length twice": b"Content-Length: %d\r\nContent-Length: %d\r\n" % (size, size),
        "a length beyond 64 bits": b"Content-Length: 99999999999999999999999\r\n",
        "a length of zero": b"Content-Length: 0\r\n",
    }
    for name, line in lines.items():
        yield Cell(phase="lengths", name=name, stream=False, sent=OK + JSON + line + b"\r\n" + BODY, end="FIN")
        sent = OK + EVENT_STREAM + line.replace(b"%d" % size, b"%d" % len(EVENTS)) + b"\r\n" + EVENTS
        yield Cell(phase="lengths", name=name, stream=True, sent=sent, end="FIN")
    head = b"Transfer-Encoding: chunked\r\n"
    frames = {
        "a chunk length that is no number": b"zz\r\n",
        "a chunk length beyond 64 bits": b"f" * 30 + b"\r\n",
        "a negative chunk length": b"-5\r\n",
        "a chunk longer than its length": b"5\r\nmore than five\r\n",
        "a chunk without an end of line": b"5\r\nhello" + b"0\r\n\r\n",
        "an empty line for a length": b"\r\n\r\n",
        "a chunk length without end": b"0" * 100_000,
        "trailers without end": b"0\r\n" + b"x: y\r\n" * 20_000,
    }
    for name, frame in frames.items():
        yield Cell(phase="lengths", name=name, stream=False, sent=OK + JSON + head + b"\r\n" + frame, end="FIN")
        yield Cell(phase="lengths", name=name, stream=True, sent=SSE + events(FIRST) + frame, end="FIN", text="ab")
    both = head + b"Content-Length: 5\r\n\r\n"
    yield Cell(
        phase="lengths", name="chunks and a length", stream=False, sent=OK + JSON + both + chunk(BODY) + END, end="FIN"
    )
    yield Cell(
        phase="lengths",
        name="chunks and a length",
        stream=True,
        sent=OK + EVENT_STREAM + both + chunk(EVENTS) + END,
        end="FIN",
    )


# --- heads -----------------------------------------------------------------------------------------------------------


def _heads() -> Iterator[Cell]:
    good = json_answer(BODY)
    told = SSE + events(FIRST, SECOND, FINISH, b"[DONE]") + END
    interim = {
        "100 before the answer": b"HTTP/1.1 100 Continue\r\n\r\n",
        "102 and 103 before the answer": b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "101, and then an answer": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    }
    strange = {
        "HTTP/0.9": b"hello",
        "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
        "a status line of HTTP/2": b"HTTP/2 200\r\n" + JSON + b"\r\n" + BODY,
        "no status": b"HTTP/1.1\r\n\r\n",
        "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
        "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
        "a header without a colon": OK + b"nonsense\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        "a NUL in a header": OK + b"X-A: a\0b\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        "a folded header": OK + b"X-A: a\r\n b\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
        "a header of 400 kB": OK + b"X-A: " + b"a" * 400_000,
        "6,000 headers": OK + b"X-A: b\r\n" * 6_000 + b"\r\n",
        "binary": bytes(range(256)) * 4,
        "two answers for one request": good + json_answer(b"{}"),
    }
    for stream in (False, True):
        answer = told if stream else good
        for name, before in interim.items():
            yield Cell(phase="heads", name=name, stream=stream, sent=before + answer, end="stays")
        for name, sent in strange.items():
            yield Cell(phase="heads", name=name, stream=stream, sent=sent, end="FIN")


# --- codings ---------------------------------------------------------------------------------------------------------


def _codings() -> Iterator[Cell]:
    bomb = gzip.compress(b" " * 80_000_000, 9)
    for stream in (False, True):
        body, kind = (EVENTS, EVENT_STREAM) if stream else (BODY, JSON)
        zipped = gzip.compress(body)
        raw = zlib.compressobj(wbits=-15)
        forms = {
            "gzip": (b"gzip", zipped),
            "deflate": (b"deflate", zlib.compress(body)),
            "deflate without its wrapper": (b"deflate", raw.compress(body) + raw.flush()),
            "gzip of two members": (b"gzip", gzip.compress(body[:50]) + gzip.compress(body[50:])),
            "gzip with a tail": (b"gzip", zipped + b"tail"),
            "gzip cut in its data": (b"gzip", zipped[: len(zipped) // 2]),
            "gzip cut in its checksum": (b"gzip", zipped[:-4]),
            "gzip with a wrong checksum": (b"gzip", zipped[:-8] + bytes(8)),
            "gzip that is none": (b"gzip", b"\x01\x02\x03\x04" * 20),
            "called gzip, and plain": (b"gzip", body),
            "br": (b"br", b"\x0b\x02\x80hello\x03"),
            "zstd": (b"zstd", b"\x28\xb5\x2f\xfd" + bytes(20)),
            "gzip twice": (b"gzip, gzip", gzip.compress(zipped)),
            "identity": (b"identity", body),
            "a coding nobody knows": (b"x-nobody", body),
            "a bomb": (b"gzip", bomb),
        }
        for name, (coding, data) in forms.items():
            head = OK + kind + b"Content-Encoding: " + coding + b"\r\nContent-Length: %d\r\n\r\n" % len(data)
            yield Cell(phase="codings", name=name, stream=stream, sent=head + data, end="FIN")


# --- statuses --------------------------------------------------------------------------------------------------------

_STATUSES = (
    *(201, 202, 203, 204, 205, 206, 226, 299),
    *(300, 301, 302, 303, 304, 307, 308),
    *(
        400,
        401,
        402,
        403,
        404,
        405,
        406,
        407,
        408,
        409,
        410,
        411,
        412,
        413,
        414,
        415,
        416,
        417,
        418,
        421,
        422,
        423,
        424,
        425,
    ),
    *(426, 428, 429, 431, 451, 498, 499),
    *(500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523, 524, 525, 529, 598, 599),
    *(600, 999),
)
_TOLD = b'{"error":{"message":"told","type":"t","code":null,"param":null}}'


def _statuses() -> Iterator[Cell]:
    for status in _STATUSES:
        empty = status in (204, 304)
        body = b"" if empty else _TOLD
        for stream in (False, True):
            sent = b"HTTP/1.1 %d X\r\n" % status + JSON + (b"" if empty else b"Content-Length: %d\r\n" % len(body))
            yield Cell(phase="statuses", name=f"{status}", stream=stream, sent=sent + b"\r\n" + body, end="stays")


# --- bodies ----------------------------------------------------------------------------------------------------------


def _bodies() -> Iterator[Cell]:
    forms = {
        "nothing": b"",
        "null": b"null",
        "a number": b"1",
        "a text": b'"hello"',
        "a list": b"[]",
        "an empty object": b"{}",
        "no choices": b'{"id":"c","choices":null}',
        "an empty list of choices": b'{"id":"c","choices":[]}',
        "HTML": b"<html><body>Bad Gateway</body></html>",
        "half a JSON text": BODY[: len(BODY) // 2],
        "two JSON texts": BODY + BODY,
        "bytes that are no UTF-8": BODY.replace(b"abcd", b"ab\xff\xfe"),
        "UTF-16": BODY.decode().encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + BODY,
        "NUL bytes": BODY.replace(b"abcd", b"ab\x00d"),
        "10,000 brackets": b"[" * 10_000 + b"]" * 10_000,
        "10,000 objects in one another": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "a number of 10,000 digits": BODY.replace(b'"created": 1', b'"created": ' + b"9" * 10_000),
        "NaN": BODY.replace(b'"created": 1', b'"created": NaN'),
        "a name given twice": BODY.replace(b'"id": "c"', b'"id": "c", "id": "d"'),
        "a lone surrogate": BODY.replace(b"abcd", b"ab\\ud83d"),
        "an error under success": _TOLD,
        "events for one who asked for none": EVENTS,
        "blanks before and behind": b" \r\n\t" * 100 + BODY + b" \r\n" * 100,
    }
    for name, body in forms.items():
        yield Cell(phase="bodies", name=name, stream=False, sent=json_answer(body), end="stays")


# --- events ----------------------------------------------------------------------------------------------------------


def _payloads() -> Iterator[Cell]:
    rest = [SECOND, FINISH, b"[DONE]"]
    between = {
        "null": b"null",
        "a number": b"1",
        "a list": b"[]",
        "an empty object": b"{}",
        "an empty payload": b"",
        "half a JSON text": SECOND[:40],
        "two JSON texts": SECOND + SECOND,
        "bytes that are no UTF-8": SECOND.replace(b"cd", b"\xff\xfe"),
        "garbage": b"\x00\xff{",
        "10,000 brackets": b"[" * 10_000,
        "an error": _TOLD,
        "an error as text": b'{"error":"told"}',
        "choices null": b'{"id":"c","choices":null}',
        "a choice that is a text": b'{"id":"c","choices":["x"]}',
        "a delta that is a list": b'{"id":"c","choices":[{"index":0,"delta":[]}]}',
        "an index below zero": b'{"id":"c","choices":[{"index":-1,"delta":{"content":"x"}}]}',
        "content that is a number": b'{"id":"c","choices":[{"index":0,"delta":{"content":5}}]}',
        "a lone surrogate": SECOND.replace(b"cd", b"\\ud83d"),
        "[DONE] in the middle": b"[DONE]",
    }
    for name, payload in between.items():
        sent = SSE + events(FIRST, payload, *rest) + END
        yield Cell(phase="events", name=f"{name} between events", stream=True, sent=sent, end="stays")
    whole = {
        "no [DONE]": events(FIRST, SECOND, FINISH) + END,
        "neither finish reason nor [DONE]": events(FIRST, SECOND) + END,
        "[DONE] alone": events(b"[DONE]") + END,
        "no event": END,
        "comments alone": chunk(b": keep-alive\n\n") * 3 + END,
        "events behind [DONE]": events(FIRST, FINISH, b"[DONE]", SECOND) + END,
        "lines that end in CR": chunk(EVENTS.replace(b"\n", b"\r")) + END,
        "lines that end in CRLF": chunk(EVENTS.replace(b"\n", b"\r\n")) + END,
        "one byte in a chunk": b"".join(chunk(bytes([each])) for each in EVENTS) + END,
        "10,000 blank lines": chunk(b"\n" * 10_000) + chunk(EVENTS) + END,
        "a byte order mark": chunk(b"\xef\xbb\xbf" + EVENTS) + END,
        "no blank after the colon": chunk(EVENTS.replace(b"data: ", b"data:")) + END,
        "fields nobody knows": chunk(b"retry: 5\nid: 7\nevent: x\nfoo: bar\n" + EVENTS) + END,
        "the answer whole, as JSON": chunk(BODY) + END,
        "a line of 2 MB": chunk(b"data: " + b"x" * 2_000_000 + b"\n\n") + END,
        "no blank line at the end": chunk(EVENTS.rstrip(b"\n")) + END,
    }
    for name, body in whole.items():
        yield Cell(phase="events", name=name, stream=True, sent=SSE + body, end="stays")
