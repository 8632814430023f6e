"""Tests of legacy_openai/body_reader.py."""

from __future__ import annotations

import gzip
import io
import threading
from typing import Any

import pytest
import requests
import responses
import urllib3
from requests.adapters import BaseAdapter

from legacy_openai import Config, HttpCompletion, MultiClient
from legacy_openai import body_reader as module
from tests.helpers.raw_server import END, HELLO, KEY, SSE, Action, RawServer, chunk, events, read, wait_for
from tests.legacy_openai.driving import ask, drive

PAYLOADS = [b"a", "é".encode(), b"[DONE]"]
STREAM = b"".join(b"data: %b\n\n" % payload for payload in PAYLOADS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
URL = "https://loopback.test/v1"


def framings() -> dict[str, list[Action]]:
    """One stream in every framing HTTP/1 has."""
    packed = gzip.compress(STREAM)
    compressed = HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    return {
        "chunked": [read, SSE, *[chunk(bytes([byte])) for byte in STREAM], END],
        "one chunk": [read, SSE + chunk(STREAM) + END],
        "trailers": [read, SSE + chunk(STREAM) + b"0\r\nX-Sum: 1\r\n\r\n"],
        "length": [read, HEAD + b"Content-Length: %d\r\n\r\n" % len(STREAM) + STREAM],
        "until close": [read, HEAD + b"Connection: close\r\n\r\n" + STREAM],
        "http 1.0": [read, HEAD.replace(b"1.1", b"1.0") + b"\r\n" + STREAM],
        "gzip": [read, compressed + b"".join(chunk(packed[i : i + 5]) for i in range(0, len(packed), 5)) + END],
    }


@pytest.mark.parametrize("framing", framings())
def test_every_framing_gives_the_same_payloads(framing: str) -> None:
    """Chunked, with a length, until close, compressed: the payloads are the same."""
    with RawServer([framings()[framing]]) as server:
        completion, payloads = ask(server.config())
    assert completion.type.name == "SUCCESS"
    assert payloads == PAYLOADS


class Replay(BaseAdapter):
    """A transport adapter that answers from memory, as a recorder would."""

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self.raw = raw

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The prepared answer, whatever is asked."""
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = "text/event-stream"
        response.raw = self.raw
        response.request = request
        return response

    def close(self) -> None:
        """Nothing to close."""


class Streaming:
    """A raw object that has only `stream`, as a wrapper around a response may."""

    def stream(self, amount: int, *, decode_content: bool) -> Any:
        """The stream in pieces of seven bytes."""
        return iter([STREAM[i : i + 7] for i in range(0, len(STREAM), 7)])

    def close(self) -> None:
        """Nothing to close."""


class OwnResponse(urllib3.HTTPResponse):
    """A subclass of urllib3's response, which may have changed how it is read."""


def raws() -> list[Any]:
    """Bodies of every kind that an adapter may hand over."""
    made: dict[str, Any] = {"preload_content": False, "headers": {"Transfer-Encoding": "chunked"}}
    return [
        io.BytesIO(STREAM),
        Streaming(),
        urllib3.HTTPResponse(body=io.BytesIO(STREAM), preload_content=False),
        urllib3.HTTPResponse(body=io.BytesIO(STREAM), **made),
        OwnResponse(body=io.BytesIO(STREAM), preload_content=False),
    ]


@pytest.mark.parametrize("number", range(len(raws())))
def test_replayed_bodies_are_read_by_public_means(number: int) -> None:
    """What an adapter made up is read as requests would read it."""
    session = requests.Session()
    session.mount("https://", Replay(raws()[number]))
    cfg = Config(openai_api_key=KEY, openai_model="m", openai_base_url=URL)
    with MultiClient(session) as client:
        completion, payloads = ask(cfg, client=client)
    assert payloads == PAYLOADS
    assert completion.exception is None


@responses.activate
def test_mocked_responses_work() -> None:
    """The `responses` library can answer, for the own session too."""
    url = f"{URL}/chat/completions"
    responses.post(url, body=STREAM, content_type="text/event-stream; charset=utf-8")
    responses.post(url, json={"error": {"message": "no"}}, status=404)
    cfg = Config(openai_api_key=KEY, openai_model="m", openai_base_url=URL)
    assert ask(cfg)[1] == PAYLOADS
    completion, payloads = ask(cfg)
    assert (completion.type.name, completion.error_message, payloads) == ("CLIENT_ERROR", "no", [])


def test_the_fast_road_is_taken_for_plain_chunked_streams_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain chunked answer is read below http.client, and every other answer is not."""
    taken: list[type] = []
    real = module.open_body

    def noting(response: requests.Response) -> module.BodyReader:
        taken.append(type(real(response)))
        return real(response)

    monkeypatch.setattr("legacy_openai.transfer.open_body", noting)
    for framing in ("chunked", "gzip", "length"):
        with RawServer([framings()[framing]]) as server:
            ask(server.config())
    assert [kind.__name__ for kind in taken] == ["_ChunkedBody", "_PlainBody", "_PlainBody"]


@pytest.mark.parametrize("framing", ["chunked", "one chunk", "trailers", "length", "gzip"])
def test_a_read_stream_gives_its_connection_back(framing: str) -> None:
    """Two streams in a row use one TCP connection."""
    script = framings()[framing]
    with RawServer([script + script]) as server, MultiClient() as client:
        assert ask(server.config(), client=client)[1] == PAYLOADS
        assert ask(server.config(), client=client)[1] == PAYLOADS
        assert server.connections == 1


def test_bytes_after_the_end_cost_the_connection() -> None:
    """A server that sends more than its answer is not trusted with the next request."""
    script: list[Action] = [read, SSE + events(b"[DONE]") + END + b"junk", read, b"HTTP/1.1 500 no\r\n\r\n"]
    with RawServer([script, framings()["chunked"]]) as server, MultiClient() as client:
        assert ask(server.config(), client=client)[1] == [b"[DONE]"]
        assert ask(server.config(), client=client)[1] == PAYLOADS
        assert server.connections == 2


def stream_in_steps(script: list[Action], seen: list[threading.Event]) -> HttpCompletion:
    """A stream whose n-th payload sets the n-th event."""
    steps = iter(seen)
    done: list[HttpCompletion] = []
    with RawServer([script]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO, lambda _: next(steps).set(), done.append)
        drive(client, lambda: done)
    return done[0]


def test_nothing_waits_for_a_buffer_to_fill() -> None:
    """Each payload is handed on while the server still waits for it to be seen, in every framing."""
    for head, wrap, end in ((SSE, chunk, END), (HEAD + b"Connection: close\r\n\r\n", bytes, b"")):
        seen = [threading.Event() for _ in range(3)]
        script: list[Action] = [read, head]
        for event in seen:
            script += [wrap(b"data: x\n\n"), wait_for(event)]
        assert stream_in_steps([*script, end], seen).exception is None
