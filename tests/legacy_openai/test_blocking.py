"""Tests of legacy_openai/blocking.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from legacy_openai import LegacyOpenAIError, Message, MissingApiKeyError, chat_create
from tests.helpers.raw_server import END, HELLO, SSE, RawServer, events, json_answer, read
from tests.legacy_openai.driving import threads


def delta(*, finish: str | None = None, **fields: Any) -> bytes:
    """A chunk with this delta."""
    return json.dumps({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}).encode()


def call(index: int | None, **fields: Any) -> bytes:
    """A chunk with a piece of a tool call."""
    place = {} if index is None else {"index": index}
    return delta(tool_calls=[{**place, **fields}])


def streamed(*payloads: bytes) -> Message:
    """The message of a stream."""
    with RawServer([[read, SSE, events(*payloads), END]]) as server:
        return chat_create(server.config(), HELLO, lambda _: None)


def test_a_plain_answer_becomes_a_message() -> None:
    """Text, refusal and tool calls of an answer are in the message, and no thread is left."""
    answer = {
        "choices": [{"message": {"role": "assistant", "content": "yes", "tool_calls": [{"id": "1"}], "refusal": "r"}}]
    }
    with RawServer([[read, json_answer(json.dumps(answer).encode())]]) as server:
        message = chat_create(server.config(), HELLO)
    assert message == Message("assistant", "yes", tool_calls=[{"id": "1"}], extra={"refusal": "r"})
    assert threads() == 0


def test_a_stream_is_handed_on_and_put_together() -> None:
    """The callback gets every payload, and the message is the whole text."""
    seen: list[bytes] = []
    payloads = [
        b'{"choices":[]}',
        delta(role="assistant", content=""),
        delta(content="he"),
        delta(content="y"),
        delta(finish="stop"),
        b"[DONE]",
    ]
    with RawServer([[read, SSE, events(*payloads), END]]) as server:
        message = chat_create(server.config(), HELLO, seen.append)
    assert seen == payloads
    assert message == Message("assistant", "hey")


def test_tool_calls_are_put_together() -> None:
    """Interleaved pieces are joined by index; without one, by id, else to the call before."""
    message = streamed(
        call(0, id="a", function={"name": "f", "arguments": ""}),
        call(1, id="b", function={"name": "g", "arguments": "{"}),
        call(0, function={"arguments": "{}"}),
        call(1, id="", function={"name": "", "arguments": "}"}),
        call(None, id="c", function={"name": "h", "arguments": "["}),
        call(None, function={"arguments": "]"}),
        delta(finish="tool_calls"),
    )
    calls = [(one["id"], one["function"]["name"], one["function"]["arguments"]) for one in message.tool_calls or []]
    assert calls == [("a", "f", "{}"), ("b", "g", "{}"), ("c", "h", "[]")]


@pytest.mark.parametrize(
    ("payloads", "text"),
    [
        ([delta(content="half")], "without a finish reason"),
        ([b'{"error":{"message":"overloaded"}}'], "overloaded"),
        ([b"{oops"], "not a chat completion"),
        ([b"[1]"], "JSON object"),
    ],
)
def test_an_incomplete_stream_raises(payloads: list[bytes], text: str) -> None:
    """A truncated, failed or malformed stream raises with its completion, and is never a short message."""
    with pytest.raises(LegacyOpenAIError, match=text) as caught:
        streamed(*payloads)
    assert caught.value.completion.http_code == 200


def test_failures_raise_with_their_completion() -> None:
    """An error status, a refused connection and a raising callback raise, each with its completion and cause."""
    with RawServer([[read, json_answer(b'{"error":{"message":"slow down"}}', "429 Too Many")]]) as server:
        with pytest.raises(LegacyOpenAIError, match="slow down") as caught:
            chat_create(server.config(), HELLO)
        cfg = server.config()
    assert caught.value.completion.http_code == 429
    with pytest.raises(LegacyOpenAIError, match="connection to 127") as caught:
        chat_create(cfg, HELLO)
    assert caught.value.__cause__ is caught.value.completion.exception is not None
    with (
        pytest.raises(LegacyOpenAIError, match="ZeroDivisionError"),
        RawServer([[read, SSE, events(b"a"), END]]) as server,
    ):
        chat_create(server.config(), HELLO, lambda _: 1 // 0)
    with pytest.raises(MissingApiKeyError):
        chat_create(server.config(openai_api_key=""), HELLO)
