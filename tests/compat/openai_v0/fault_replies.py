"""What the loopback server answers where something is wrong: every status, every place of a break, bad bodies.

Not the calls (`calls.faults`), nor the answers of a well server (`replies`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.helpers.loopback import Reply

OTHER_STATUSES = (
    *(405, 406, 407, 410, 411, 412, 414, 416, 417, 418, 421, 423, 424, 425, 426, 428, 431, 451, 498, 499),
    *(501, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 529, 530, 599),
)
"""Those of 4xx and 5xx that are registered or that servers and gateways send, without the ones of `replies`."""

_HEAD = b"HTTP/1.1 200 OK\r\n"
_JSON_HEAD = _HEAD + b"Content-Type: application/json\r\nContent-Length: 60\r\n\r\n"
_CHUNKED_HEAD = _HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_COUNTED_HEAD = _HEAD + b"Content-Type: text/event-stream\r\nContent-Length: 5000\r\n\r\n"
_OPEN_HEAD = _HEAD + b"Content-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_EVENT = (
    b'data: {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "one"}}]}\n\n'
)
_DONE = b"data: [DONE]\n\n"
_CHAT = b'{"id": "c", "object": "chat.completion", "choices": []}'
_ERROR = b'{"error": {"message": "the words", "type": "some_error", "param": "p", "code": "c"}}'


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_BEGUN = _CHUNKED_HEAD + _chunk(_EVENT)

BROKEN_WHOLE: Mapping[str, bytes] = {
    "before_head": b"",
    "in_status_line": b"HTTP/1.1 2",
    "in_head": _HEAD + b"Content-Ty",
    "after_head": _JSON_HEAD,
    "in_body": _JSON_HEAD + _CHAT[:20],
}
"""Place -> what a whole answer had sent when it broke."""

BROKEN_STREAM: Mapping[str, bytes] = {
    "after_head": _CHUNKED_HEAD,
    "in_chunk_size": _BEGUN + b"7",
    "in_chunk": _BEGUN + b"70\r\n" + _EVENT[:30],
    "in_event": _BEGUN + _chunk(_EVENT[:30]),
    "between_events": _BEGUN,
    "before_done": _BEGUN + _chunk(_EVENT),
    "after_done": _BEGUN + _chunk(_DONE),
    "in_last_chunk": _BEGUN + _chunk(_DONE) + b"0\r\n",
    "of_counted": _COUNTED_HEAD + _EVENT,
}
"""Place -> what a stream had sent when it broke."""

ENDED_STREAM: Mapping[str, bytes] = {
    "by_closing": _OPEN_HEAD + _EVENT + _DONE,
    "by_closing_without_done": _OPEN_HEAD + _EVENT,
    "by_closing_in_event": _OPEN_HEAD + _EVENT + _EVENT[:30],
    "by_closing_in_line_end": _OPEN_HEAD + _EVENT[:-1],
    "by_closing_after_head": _OPEN_HEAD,
    "with_bad_chunk_size": _BEGUN + b"zz\r\n",
}
"""Way -> all that a stream sends, whose end is that the connection closes."""

STALLED: Mapping[str, bytes] = {
    "whole_after_head": _JSON_HEAD,
    "whole_in_body": _JSON_HEAD + _CHAT[:20],
    "stream_after_head": _CHUNKED_HEAD,
    "stream_in_event": _BEGUN + _chunk(_EVENT[:30]),
}
"""Place -> what has been sent when an answer falls silent."""

BODIES: Mapping[str, bytes] = {
    "half": b'{"id": ',
    "trailing": _CHAT + b" and more",
    "two": _CHAT + _CHAT,
    "twice_same_key": b'{"id": "a", "id": "b", "choices": []}',
    "nan": b'{"id": "a", "x": NaN, "y": -Infinity}',
    "bom": b"\xef\xbb\xbf" + _CHAT,
    "not_utf8": b'{"id": "\xff\xfe"}',
    "lone_surrogate": b'{"id": "\\ud800"}',
    "control_character": b'{"id": "a\nb"}',
    "blank": b"  \n",
    "text": b'"words"',
    "number": b"5",
    "list": b'[{"id": 1}]',
    "null": b"null",
    "true": b"true",
    "object": b"{}",
    "big_number": b'{"id": 123456789012345678901234567890, "y": 1e999}',
    "deep": b'{"a":' * 150 + b"1" + b"}" * 150,
}
"""What is wrong or odd about a body -> the body."""

PAYLOADS: Mapping[str, bytes] = {
    "nothing": b"data:\n\n",
    "text": b'data: "words"\n\n',
    "number": b"data: 5\n\n",
    "list": b"data: [1]\n\n",
    "null": b"data: null\n\n",
    "object": b"data: {}\n\n",
    "half": b'data: {"id": \n\n',
    "not_utf8": b'data: {"id": "\xff"}\n\n',
    "nan": b'data: {"id": NaN}\n\n',
    "error_text": b'data: {"error": "words"}\n\n',
    "error_event": b"event: error\ndata: " + _ERROR + b"\n\n",
    "bare_error": b'{"error": {"message": "no data before it"}}\n\n',
    "bom": b"\xef\xbb\xbf" + _EVENT,
    "carriage_returns": _EVENT.replace(b"\n", b"\r"),
    "other_field": b"datum: 1\n\n",
}
"""What is wrong or odd about an event -> the event, between two good ones."""

CONTENT_TYPES: Mapping[str, str] = {
    "html": "text/html",
    "octets": "application/octet-stream",
    "latin": "application/json; charset=latin-1",
    "plain_latin": "text/plain; charset=latin-1",
    "problem": "application/problem+json",
    "nonsense": "nonsense",
    "empty": "",
    "upper_stream": "TEXT/EVENT-STREAM",
    "stream_charset": "text/event-stream; charset=utf-8",
    "event_stream": "text/event-stream",
}


def _typed(body: bytes, content_type: str, status: int = 200) -> Reply:
    return Reply(status=status, headers=(("Content-Type", content_type),), body=body)


def _in_stream(event: bytes) -> Reply:
    # In one: a provider ends at an event that it does not read, and what of the rest had come by then would be chance.
    return Reply(headers=(("Content-Type", "text/event-stream"),), chunks=(_EVENT + event + _EVENT + _DONE,))


_OTHER_ANSWERS: Mapping[str, Reply] = {
    "untyped": Reply(headers=(), body=_CHAT),
    "untyped_500": Reply(status=500, headers=(), body=_ERROR),
    "bad_gzip": Reply(headers=(("Content-Type", "application/json"), ("Content-Encoding", "gzip")), body=_CHAT),
    "bad_status_line": Reply(raw=b"NONSENSE\r\n\r\n", end="cut"),
    "status_201": _typed(_CHAT, "application/json", 201),
    "status_202": _typed(_CHAT, "application/json", 202),
    "status_206": _typed(_CHAT, "application/json", 206),
    "status_300": _typed(_ERROR, "application/json", 300),
    "status_304": Reply(status=304, headers=()),
    "status_401_masked": _typed(
        json.dumps({"error": {"message": "Incorrect API key provided: sk-wr********ong.", "code": None}}).encode(),
        "application/json",
        401,
    ),
}

FAULTS: Mapping[str, Reply] = {
    **{f"status_{status}": _typed(_ERROR, "application/json", status) for status in OTHER_STATUSES},
    **{f"cut_{place}": Reply(raw=sent, end="cut") for place, sent in BROKEN_WHOLE.items()},
    **{f"reset_{place}": Reply(raw=sent, end="reset") for place, sent in BROKEN_WHOLE.items()},
    **{f"stream_cut_{place}": Reply(raw=sent, end="cut") for place, sent in BROKEN_STREAM.items()},
    **{f"stream_reset_{place}": Reply(raw=sent, end="reset") for place, sent in BROKEN_STREAM.items()},
    **{f"stream_ends_{way}": Reply(raw=sent, end="cut") for way, sent in ENDED_STREAM.items()},
    **{f"stalled_{place}": Reply(raw=sent, end="stall") for place, sent in STALLED.items()},
    **{f"body_{what}": _typed(body, "application/json") for what, body in BODIES.items()},
    **{f"body_{what}_500": _typed(body, "application/json", 500) for what, body in BODIES.items()},
    **{f"payload_{what}": _in_stream(event) for what, event in PAYLOADS.items()},
    **{f"typed_{name}": _typed(_CHAT, kind) for name, kind in CONTENT_TYPES.items()},
    **{f"typed_{name}_400": _typed(_ERROR, kind, 400) for name, kind in CONTENT_TYPES.items()},
    **{f"typed_{name}_stream": _typed(_EVENT + _DONE, kind) for name, kind in CONTENT_TYPES.items()},
    **_OTHER_ANSWERS,
}
"""Name -> answer."""
