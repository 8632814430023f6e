"""Tests of legacy_openai/completion.py."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from legacy_openai import CompletionType, HttpCompletion
from legacy_openai.completion import server_message, type_of_status


def facts(completion: HttpCompletion) -> tuple[Any, ...]:
    """Model, finish reason and tokens."""
    return completion.model, completion.finish_reason, completion.completion_tokens


def of_body(body: bytes) -> HttpCompletion:
    """A successful completion with this body."""
    return HttpCompletion(CompletionType.SUCCESS, 200, body=body)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "SUCCESS"),
        (204, "SUCCESS"),
        (302, "CLIENT_ERROR"),
        (429, "CLIENT_ERROR"),
        (503, "SERVER_ERROR"),
        (103, "SERVER_ERROR"),
        (600, "SERVER_ERROR"),
    ],
)
def test_the_status_decides_the_type(status: int, expected: str) -> None:
    """Each class of status has its type."""
    assert type_of_status(status).name == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"m","choices":[{"finish_reason":"stop"}],"usage":{"completion_tokens":3}}', ("m", "stop", 3)),
        (b'\n \n{"model":"m"}', ("m", None, None)),
        (b'{"model":1,"choices":[7],"usage":[]}', (None, None, None)),
        (
            b'{"model":"","choices":[{"index":1,"finish_reason":"a"},{"index":0,"finish_reason":"b"}]}',
            (None, "b", None),
        ),
        (b'{"choices":null,"usage":{"completion_tokens":true}}', (None, None, None)),
        (b"[" * 100000, (None, None, None)),
        (b"[1]", (None, None, None)),
        (b"\xff", (None, None, None)),
        (b"", (None, None, None)),
    ],
)
def test_facts_are_read_leniently(body: bytes, expected: tuple[Any, ...]) -> None:
    """What the body says is read, and no body makes it fail."""
    assert facts(of_body(body)) == expected


def test_facts_of_a_stream_come_from_its_noted_payloads() -> None:
    """A later payload knows better, and one that says nothing takes nothing away."""
    notes = (
        b'{"model":"","choices":[]}',
        b'{"model":"m","choices":[{"index":0,"finish_reason":"stop"}]}',
        b'{"model":"m","choices":[],"usage":{"completion_tokens":9}}',
        b"[DONE]",
    )
    assert facts(HttpCompletion(CompletionType.SUCCESS, 200, noted_payloads=notes)) == ("m", "stop", 9)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"message":"Bad key","code":1}}', "Bad key"),
        (b'{"code":"x","error":"Incorrect"}', "Incorrect"),
        (b'{"detail":"Invalid API Key"}', "Invalid API Key"),
        (b'{"message":"m","error":null}', "m"),
        (b'{"error":{}}', 'HTTP 400 Bad Request: {"error":{}}'),
        (b"<h1>\n no </h1>", "HTTP 400 Bad Request: <h1> no </h1>"),
        (b"", "HTTP 400 Bad Request"),
        (b"\xff" * 2000, "HTTP 400 Bad Request: " + "\ufffd" * 300),
    ],
)
def test_the_servers_own_words_are_found(body: bytes, expected: str) -> None:
    """The message of every known error shape is found, else status line and an excerpt."""
    assert server_message(400, reason="Bad Request", body=body) == expected


def test_repr_and_pickle_work_and_the_repr_shows_no_body() -> None:
    """A completion pickles, and its repr names the outcome without content."""
    completion = of_body(b'{"model":"secret"}')
    assert "secret" not in repr(completion)
    assert "SUCCESS" in repr(completion)
    assert pickle.loads(pickle.dumps(completion)).model == "secret"  # noqa: S301 - made on this line
