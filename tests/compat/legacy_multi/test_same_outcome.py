"""Tests that a call ends the same by the face as by the legacy client, over every recorded answer, on either provider."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import legacy_openai
from legacy_openai import Config, HttpCompletion, LegacyOpenAIError
from shim.compat.legacy_multi import over
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from shim.testing.fake_openai import FakeOpenAI, Replay
from shim.testing.fixtures import Fixture, discover, load
from tests.compat.legacy_multi.ported import drive
from tests.helpers.raw_server import HELLO, RawServer, json_answer, read

FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "chat"
CASES = {path.name: load(path) for path in discover(FOLDER)}
PROVIDERS = {"native": NativeProvider, "legacy": LegacyProvider}

# Case, provider ("" is either) -> what is other by the face, and why.
DIFFERENT: dict[tuple[str, str], tuple[frozenset[str], str]] = {
    ("crlf_no_done", ""): (frozenset({"ends with [DONE]"}), "a stream that ends well ends with [DONE], sent or not"),
    ("stream_error_inside", ""): (frozenset({"ends with [DONE]"}), "nothing is told of a stream after its error"),
    ("stream_truncated", ""): (
        frozenset({"message"}),
        "a payload that was cut is not handed on: the words are of the end",
    ),
    ("json_error_401", ""): (frozenset({"body", "error_message", "message"}), "what looks like a key is masked"),
    ("character_in_halves", ""): (frozenset({"message"}), "a character that came in halves is put together"),
    ("stray_finish_reasons", ""): (frozenset({"message"}), "arguments that are said again are told once"),
    ("gpustack_error_field", "native"): (
        frozenset({"message"}),
        "it reads the field `error`, and tells the words in it",
    ),
}


def different_in(name: str, kind: str) -> frozenset[str]:
    """What the table says."""
    return DIFFERENT.get((name, kind), DIFFERENT.get((name, ""), (frozenset(), "")))[0]


def config_of(case: Fixture, server: FakeOpenAI) -> Config:
    """The case's request as a legacy caller would have made it."""
    fields = {name: value for name, value in case.request.items() if name not in ("model", "stream")}
    return Config(
        openai_api_key="sk-test",
        openai_base_url=server.base_url,
        openai_model=case.request["model"],
        openai_temperature=None,
        params=fields,
    )


def outcome(client_class: Any, cfg: Config, *, stream: bool) -> dict[str, Any]:
    """How one request ends, in what a caller can ask for."""
    payloads: list[bytes] = []
    done: list[HttpCompletion] = []
    with client_class() as client:
        client.add_request(cfg, HELLO, payloads.append if stream else None, done.append)
        drive(client, lambda: done)
    completion = done[0]
    return {
        "type": completion.type,
        "http_code": completion.http_code,
        "error_message": completion.error_message,
        "exception": type(completion.exception),
        "body": completion.body,
        "facts": (completion.model, completion.finish_reason, completion.completion_tokens),
        "request_id": completion.headers.get("X-Request-ID"),
        "ends with [DONE]": payloads[-1:] == [b"[DONE]"],
        "payloads": bool(payloads),
    }


def message(create: Any, cfg: Config, *, stream: bool) -> Any:
    """What `chat_create` makes of it: a message, or the words of its error."""
    try:
        return create(cfg, HELLO, (lambda _payload: None) if stream else None)
    except LegacyOpenAIError as error:
        return str(error)


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("name", CASES)
def test_a_call_ends_as_it_ended(name: str, kind: str) -> None:
    """Type, status, body, words, exception, facts and message are the legacy client's own, but for the table's differences."""
    case, face = CASES[name], over(PROVIDERS[kind])
    stream = bool(case.request.get("stream"))
    with FakeOpenAI() as server:
        server.plan(*[Replay(case)] * 4)
        cfg = config_of(case, server)
        before = outcome(legacy_openai.MultiClient, cfg, stream=stream)
        before["message"] = message(legacy_openai.chat_create, cfg, stream=stream)
        after = outcome(face.MultiClient, cfg, stream=stream)
        after["message"] = message(face.chat_create, cfg, stream=stream)
        first, *others = [request.json for request in server.requests]
        assert all(other == first for other in others)
    different = {field for field, value in before.items() if after[field] != value}
    assert different == different_in(name, kind), {f: (before[f], after[f]) for f in different}


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("status", [b"503 Service Unavailable", b"400 Bad Request", b"404 Not Found"])
def test_an_error_without_words_has_those_of_its_status(kind: str, status: bytes) -> None:
    """Of an error whose body is empty the message is the status line, as the legacy client has it."""
    told = []
    for client_class in (legacy_openai.MultiClient, over(PROVIDERS[kind]).MultiClient):
        done: list[HttpCompletion] = []
        with RawServer([[read, json_answer(b"", status.decode())]]) as server, client_class() as client:
            client.add_request(server.config(), HELLO, None, done.append)
            drive(client, partial(bool, done))
        told.append(done[0].error_message)
    assert told == [f"HTTP {status.decode()}"] * 2
