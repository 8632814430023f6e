"""Tests of legacy_openai/delivery.py: words and log lines."""

from __future__ import annotations

import logging

import pytest

from legacy_openai import HttpCompletion, MultiClient
from tests.helpers.raw_server import END, HELLO, KEY, SSE, RawServer, events, json_answer, read, stall
from tests.legacy_openai.driving import ask, drive


def test_two_log_lines_for_each_request_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A request logs its start and its end, how it ended included, and neither key nor content."""
    logger = logging.getLogger("test.legacy")
    caplog.set_level(logging.DEBUG, "test.legacy")
    done: list[HttpCompletion] = []
    with RawServer([[read, SSE, events(b"a", b"[DONE]"), END, read, stall]]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO, lambda _: None, done.append, logger=logger)
        drive(client, lambda: done)
        client.remove(client.add_request(server.config(), HELLO, logger=logger))
    lines = [record.getMessage() for record in caplog.records if record.name == "test.legacy"]
    assert len(lines) == 4
    assert lines[0].startswith(f"stream 1: POST {server.url}/chat/completions")
    assert lines[1].startswith("stream 1: SUCCESS (HTTP 200) after ")
    assert lines[3].startswith("request 2: removed after ")
    assert not any(KEY in line or "hi" in line.split() for line in lines)


def test_an_answer_that_quotes_the_key_is_redacted_in_the_message() -> None:
    """The error message redacts a key that the server echoed; the body stays as received."""
    body = b'{"error":{"message":"Incorrect API key provided: %b."}}' % KEY.encode()
    with RawServer([[read, json_answer(body, "401 Unauthorized")]]) as server:
        completion, _ = ask(server.config(), stream=False)
    assert completion.error_message == "Incorrect API key provided: [redacted]."
    assert (completion.type.name, completion.body) == ("CLIENT_ERROR", body)


def test_headers_are_found_whatever_their_case() -> None:
    """Response headers can be asked for in any case."""
    with RawServer(
        [[read, json_answer(b"{}").replace(b"Content-Type", b"X-REQUEST-ID: r1\r\nContent-Type")]]
    ) as server:
        assert ask(server.config())[0].headers["x-request-id"] == "r1"
