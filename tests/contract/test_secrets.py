"""Tests that no API key is shown: a server that echoes it everywhere, and every repr, text, pickle and log line of ours."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shim.model import ModelRequest, ProviderError, ShimError, user
from shim.testing.fake_openai import FakeOpenAI, Garbage, RawResponse, Respond, Status, json_answer, stream_answer
from tests.helpers.driving import HELLO, Heard, ask, drive, start
from tests.helpers.places import refusing
from tests.helpers.providers import AnyProvider, Make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.provider import Completion
    from shim.testing.fake_openai import Behaviour

# One in the form of OpenAI's keys, and one in no known form: a gateway's.
KEYS = ("sk-test-do-not-show", "gateway.key_do+not/show")
TEXT = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}


def error_body(key: str) -> dict[str, object]:
    """An error that quotes the key in every field."""
    return {
        "error": {"message": f"bad key {key}.", "type": f"t {key}", "code": f"c {key}", "param": key},
        "detail": key,
    }


def echoes(key: str) -> dict[str, Behaviour]:
    """Every way to send the key back as an error."""
    headers = (("x-request-id", f"req {key}"), ("x-echo", f"Bearer {key}"))
    malformed = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {not json %b\n\n" % key.encode()
    return {
        "status": Status(401, body=error_body(key), headers=headers),
        "text": Status(500, body=f"<p>{key}</p>".encode(), headers=headers),
        "error in 200": Respond(lambda _: json_answer(error_body(key), headers=headers)),
        "not an answer": Respond(lambda _: json_answer({"key": key}, headers=headers)),
        "not JSON": Respond(lambda _: json_answer(f"{key} is no JSON".encode(), headers=headers)),
        "in a stream": Respond(lambda _: stream_answer([TEXT, error_body(key)], headers=headers)),
        "malformed in a stream": RawResponse((malformed,)),
        "status line": RawResponse((b"HTTP/1.1 %b\r\n\r\n" % key.encode(),)),
        "reason": RawResponse((b"HTTP/1.1 500 %b\r\ncontent-length: 0\r\n\r\n" % key.encode(),)),
        "no HTTP": Garbage(data=key.encode() + b"\r\n\r\n"),
        "redirect": Status(302, body=b"", headers=(("location", f"https://example.org/?{key}"),)),
    }


def shown(thing: object) -> str:
    """Everything that printing, logging or storing a thing would show."""
    parts = [repr(thing), str(thing)]
    if isinstance(thing, BaseException):
        parts += [repr(vars(thing)), repr(thing.args), repr(pickle.dumps(thing)), *map(shown, chain(thing))]
    return "\n".join(parts)


def chain(error: BaseException) -> Iterator[BaseException]:
    """What an error's traceback would print below it."""
    yield from (each for each in (error.__cause__, error.__context__) if each is not None)


def shown_of(completion: Completion) -> str:
    """The same for a completion and all that it holds."""
    assert completion.error is not None
    return "\n".join(
        [shown(completion), shown(completion.error), repr(completion.headers), repr(completion.error.partial)]
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", echoes(""))
@pytest.mark.parametrize("key", KEYS, ids=["known form", "no known form"])
def test_a_key_that_a_server_echoes_is_masked(
    *, make: Make, server: FakeOpenAI, caplog: pytest.LogCaptureFixture, key: str, name: str, stream: bool
) -> None:
    """However the server sends the key back, neither the error, the completion, an event nor a log line at DEBUG shows it."""
    caplog.set_level(logging.DEBUG)
    server.plan(echoes(key)[name])
    with make(server.base_url, api_key=key) as provider:
        heard = ask(provider, stream=stream)
    assert key not in shown_of(heard.completion)
    assert key not in "\n".join(map(repr, heard.events))
    ours = [
        record for record in caplog.records if record.name.startswith(("shim", "legacy_openai", "urllib3", "requests"))
    ]
    assert key not in "\n".join(record.getMessage() for record in ours)


@pytest.mark.parametrize("header", ["api-key", "Authorization", "X-Api-Key"])
@pytest.mark.parametrize("name", ["status", "in a stream", "not an answer"])
def test_a_credential_in_the_requests_own_headers_is_masked(
    *, make: Make, server: FakeOpenAI, header: str, name: str
) -> None:
    """A gateway's key given in `extra_headers` is masked like the provider's own, wherever the server sends it back."""
    key = KEYS[1]
    request = ModelRequest(
        "gpt-4o-mini", [user("Hi")], extra_headers={header: f"Token {key}" if header[0] == "A" else key}
    )
    server.plan(echoes(key)[name])
    with make(server.base_url, api_key="sk-test-key-of-ours") as provider:
        heard = ask(provider, request, stream=name == "in a stream")
    assert key not in shown_of(heard.completion)
    assert key not in "\n".join(map(repr, heard.events))


@pytest.mark.parametrize("key", KEYS, ids=["known form", "no known form"])
def test_a_network_error_does_not_show_the_key(make: Make, key: str) -> None:
    """A request that reached nobody says so without its key."""
    with refusing() as url, make(url, api_key=key) as provider:
        assert key not in shown_of(ask(provider).completion)


def test_a_provider_does_not_show_its_key(make: Make, server: FakeOpenAI) -> None:
    """Neither a provider, its handle, its settings nor a request in flight has the key in its repr."""
    with make(server.base_url, api_key=KEYS[0]) as provider:
        heard = start(provider, stream=True)
        inside = [value for value in vars(provider).values() if value != KEYS[0]]
        things = [provider, heard.handle, *inside]
        assert KEYS[0] not in "\n".join(map(shown, things))


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_provider_is_neither_pickled_nor_copied(provider: AnyProvider, take: object) -> None:
    """Pickling or copying a provider is refused with the reason: it holds sockets and a key."""
    assert callable(take)
    with pytest.raises(TypeError, match="key"):
        take(provider)


@pytest.mark.parametrize("key", ["sk-test-with\nnewline", " sk-test-spaced", "sk-tést-ключ", b"sk-test-bytes"])
def test_a_bad_key_is_refused_without_being_shown(make: Make, server: FakeOpenAI, key: object) -> None:
    """A key that cannot stand in a header is refused at once, and the message does not quote it."""
    with make(server.base_url, api_key=key) as provider, pytest.raises(ShimError) as caught:
        provider.start_request(HELLO, Heard().on_completion)
    assert "test" not in shown(caught.value)


def test_an_error_survives_pickling_with_all_it_says(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A pickled error comes back with its class, message, status, code, body and partial response."""
    server.plan(Respond(lambda _: stream_answer([TEXT, {"error": {"message": "m", "code": "server_error"}}])))
    heard = start(provider, stream=True)
    drive(provider, lambda: heard.done)
    again = pickle.loads(pickle.dumps(heard.error))  # noqa: S301 - made a line above
    assert isinstance(again, ProviderError)
    assert type(again) is type(heard.error)
    assert vars(again) == vars(heard.error)
    assert str(again) == str(heard.error)


REFUSED: dict[str, ModelRequest] = {
    "nothing asked": ModelRequest("m", ()),
    "no number": ModelRequest("m", (user("Hello"),), temperature=float("nan")),
    "no text": ModelRequest("m", (user("\ud800"),)),
    "no header": ModelRequest("m", (user("Hello"),), extra_headers={"X-Name": "a\nb"}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_no_frame_of_an_error_shows_the_key(make: Make, request_: ModelRequest, *, stream: bool) -> None:
    """What is refused leaves a traceback whose local variables, which error trackers send, show the key in no repr."""
    provider = make("http://127.0.0.1:9/v1", api_key=KEYS[1])
    with pytest.raises(ShimError) as caught:
        start(provider, request_, stream=stream)
    provider.close()
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb) if "tests" not in Path(frame.f_code.co_filename).parts]
    assert len(frames) > 1
    assert [name for frame in frames for name, value in frame.f_locals.items() if KEYS[1] in repr(value)] == []
