"""What the loopback server answers to each of the calls (`calls`), by the name that the call's address carries.

Not the server (`tests.helpers.loopback`), nor what is wrong on purpose at each place (`fault_replies`).
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from tests.compat.openai_v0.fault_replies import FAULTS
from tests.helpers.loopback import Received, Reply

JSON = ("Content-Type", "application/json")
STREAM = (("Content-Type", "text/event-stream"), ("Openai-Processing-Ms", "12"), ("OpenAI-Organization", "org-server"))
TOLD = (JSON, ("Openai-Processing-Ms", "7.6"), ("OpenAI-Organization", "org-server"), ("x-request-id", "req_1"))

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "gpt-4",
    "unknown": {"deep": [{"x": 1}, [{"y": 2}]], "nothing": None},
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Grüße"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
TEXT = {"id": "cmpl-1", "object": "text_completion", "choices": [{"text": " there", "index": 0, "logprobs": None}]}


def _chunk(delta: dict[str, Any], *, end: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": end}
    fields = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4", "choices": [choice], **more}
    return f"data: {json.dumps(fields)}\n\n".encode()


PIECES = (
    _chunk({"role": "assistant", "content": ""}),
    _chunk({"content": "Grü"}),
    _chunk({"content": "ße"}, extra={"kept": True}),
    _chunk({}, end="stop"),
)
DONE = b"data: [DONE]\n\n"


def _error(message: Any = "the words", **fields: Any) -> bytes:
    told = {"message": message, "type": "some_error", "param": "p", "code": "c", **fields}
    return json.dumps({"error": told}).encode()


def _json(value: Any, status: int = 200, headers: Any = TOLD) -> Reply:
    return Reply(status=status, headers=tuple(headers), body=json.dumps(value).encode())


def _stream(*chunks: bytes, end: str = "well") -> Reply:
    return Reply(headers=STREAM, chunks=chunks, end=end)


def _raw(body: bytes, status: int = 200, content_type: str = "application/json", *more: tuple[str, str]) -> Reply:
    return Reply(status=status, headers=(("Content-Type", content_type), *more), body=body)


_FLOATS = base64.b64encode(struct.pack("<3f", 0.5, -1.25, 3.0)).decode()
_EMBEDDING = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": _FLOATS}], "model": "ada"}
_MODELS: dict[str, Any] = {"object": "list", "data": [{"id": "gpt-4", "object": "model", "owned_by": "openai"}]}
_JOBS: dict[str, Any] = {
    "object": "list",
    "data": [{"id": "ftjob-1", "object": "fine_tuning.job", "status": "running"}],
    "has_more": False,
}

BY_NAME: dict[str, Reply] = {
    "stream": _stream(*PIECES, DONE),
    "stream_resplit": _stream(*(b"".join([*PIECES, DONE])[at : at + 7] for at in range(0, 700, 7)), b"\n\n"),
    "stream_crlf": _stream(*(each.replace(b"\n", b"\r\n") for each in (*PIECES, DONE))),
    "stream_no_space": _stream(*(each.replace(b"data: ", b"data:") for each in (*PIECES, DONE))),
    "stream_noise": _stream(b": ping\n\n", b"event: x\nid: 7\nretry: 1\n", *PIECES, DONE),
    "stream_no_done": _stream(*PIECES),
    "stream_after_done": _stream(PIECES[0], DONE, PIECES[1]),
    "stream_multi_line": _stream(b'data: {"id":\ndata: 1}\n\n', DONE),
    "stream_bad_json": _stream(PIECES[0], b"data: {oops\n\n", DONE),
    "stream_error": _stream(PIECES[0], b"data: " + _error() + b"\n\n", DONE),
    "stream_error_null": _stream(PIECES[0], b'data: {"error": null}\n\n', DONE),
    "stream_empty": _stream(),
    "stream_cut": _stream(*PIECES[:2], end="cut"),
    "stream_stall": _stream(*PIECES[:2], end="stall"),
    "stream_json": _json(CHAT),
    "stream_usage": _stream(*PIECES, _chunk({}, usage={"total_tokens": 3}), DONE),
    "stream_text": _stream(b"data: " + json.dumps(TEXT).encode() + b"\n\n", DONE),
    "completion": _json(TEXT),
    "embedding": _json(_EMBEDDING),
    "embedding_list": _json({"object": "list", "data": [{"embedding": [0.5, 1.0]}]}),
    "moderation": _json({"id": "modr-1", "results": [{"flagged": False, "categories": {"hate": False}}]}),
    "models": _json(_MODELS),
    "model": _json(_MODELS["data"][0]),
    "engines": _json({"object": "list", "data": [{"id": "davinci", "object": "engine", "ready": True}]}),
    "engine": _json({"id": "davinci", "object": "engine", "ready": True}),
    "edit": _json({"object": "edit", "choices": [{"text": "fixed"}]}),
    "audio": _json({"text": "spoken"}),
    "audio_text": _raw(b"spoken words\n", 200, "text/plain; charset=utf-8"),
    "image": _json({"created": 1, "data": [{"url": "https://x/1.png"}]}),
    "file": _json({"id": "file-1", "object": "file", "purpose": "fine-tune", "filename": "a.jsonl", "bytes": 3}),
    "files": _json({"data": [{"id": "file-1", "object": "file", "purpose": "p", "filename": "a.jsonl", "bytes": 3}]}),
    "download": _raw(b'{"a": 1}\n{"a": 2}\n', 200, "application/octet-stream"),
    "fine_tune": _json({"id": "ft-1", "object": "fine-tune", "status": "pending", "events": []}),
    "fine_tunes": _json({"object": "list", "data": [{"id": "ft-1", "object": "fine-tune"}]}),
    "fine_tune_events": _stream(b'data: {"object": "fine-tune-event", "message": "one"}\n\n', DONE),
    "job": _json(_JOBS["data"][0]),
    "jobs": _json(_JOBS),
    "deleted": _json({"id": "x", "object": "model", "deleted": True}),
    "empty_strings": _json({"id": "x", "object": "odd", "text": "", "items": [1], "list": [[{"a": 1}]]}),
    "no_content": Reply(status=204, headers=()),
    "text_plain": _raw(b"plain words", 200, "text/plain"),
    "text_plain_500": _raw(b"plain words", 500, "text/plain"),
    "html": _raw(b"<html>bad</html>", 200, "text/html"),
    "html_502": _raw(b"<html>bad gateway</html>", 502, "text/html"),
    "empty": _raw(b""),
    "empty_500": _raw(b"", 500),
    "no_error_400": _raw(b'{"detail": "x"}', 400),
    "list_400": _raw(b'["x"]', 400),
    "error_text": _raw(b'{"error": "words"}', 500),
    "error_null": _raw(b'{"error": null}', 500),
    "error_internal": _raw(_error(internal_message="inside"), 400),
    "error_no_message": _raw(b'{"error": {}}', 429),
    "error_headers": _raw(
        _error(), 429, "application/json", ("Retry-After", "20"), ("request-id", "r-1"), ("openai-organization", "o-1")
    ),
    "error_in_200": _raw(_error(), 200),
    "silent": Reply(end="silent"),
    "cut": Reply(body=b'{"id"', end="cut"),
    **{f"status_{status}": _raw(_error(), status) for status in (400, 401, 402, 403, 404, 408, 409, 413, 415)},
    **{f"status_{status}": _raw(_error(), status) for status in (422, 429, 500, 502, 503, 504)},
    "stream_status_429": _raw(_error(), 429),
    "stream_status_503": _raw(b"busy", 503, "text/plain"),
    "redirect": _raw(b"", 307, "text/plain", ("Location", "/s/chat/v1/chat/completions")),
}


def reply_to(request: Received) -> Reply:
    """The reply to a request: its address is `/s/NAME/…`, where the name of a call may go on behind a `~`."""
    name = request.target.split("/")[2].partition("~")[0]
    return FAULTS.get(name) or BY_NAME.get(name, _json(CHAT))
