"""Tests of watching the native provider: an observer sees each transfer as it was, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from shim.model import ModelRequest, UnsupportedFeatureError, user
from shim.native import NativeProvider
from shim.native.transfer import HttpRequest, SharedLines
from shim.testing.fake_openai import Cut, FakeOpenAI, Stall, rate_limited
from shim.transfer_observer import SentRequest
from tests.helpers.driving import ask

ASKED = ModelRequest("gpt-4o-mini", [user("Count to 3")])


class Watcher:
    """Watches every request; writes down what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __call__(self, request: SentRequest) -> Watcher:
        self.told.append(("sent", request))
        return self

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head."""
        self.told.append(("head", status, headers["content-type"]))

    def on_segments(self, segments: Sequence[bytes]) -> None:
        """Take bytes."""
        self.told.append(("body", b"".join(segments)))

    def on_end(self, kind: str, message: str = "") -> None:
        """Take the end."""
        self.told.append(("end", kind, message))

    @property
    def body(self) -> bytes:
        """All bytes of the body."""
        return b"".join(each[1] for each in self.told if each[0] == "body")

    @property
    def kinds(self) -> list[str]:
        """What was told, repeats left out."""
        names = [each[0] for each in self.told]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A fake API."""
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def provider(server: FakeOpenAI) -> Iterator[NativeProvider]:
    """The provider to watch."""
    with NativeProvider(api_key="sk-test-key", base_url=server.base_url) as made:
        yield made


def test_it_sees_the_request_the_head_the_bytes_and_the_end(server: FakeOpenAI, provider: NativeProvider) -> None:
    """A whole answer is shown with the request as the server got it, the status, the exact body and its end."""
    watcher = Watcher()
    provider.watch(watcher)
    heard = ask(provider, ASKED, stream=False)
    sent = watcher.told[0][1]
    assert (sent.method, sent.url) == ("POST", f"{server.base_url}/chat/completions")
    assert sent.body == server.requests[-1].body
    assert dict(sent.headers)["Authorization"] == "Bearer sk-test-key"
    assert {name.lower() for name, _ in sent.headers} <= set(server.requests[-1].headers)
    assert watcher.told[1] == ("head", 200, "application/json")
    assert heard.completion.response is not None
    assert watcher.body == heard.completion.response.raw
    assert watcher.told[-1] == ("end", "complete", "")


def test_a_stream_is_shown_before_its_events(server: FakeOpenAI, provider: NativeProvider) -> None:
    """The bytes of a stream are shown as they come, its head first, its end once."""
    watcher = Watcher()
    provider.watch(watcher)
    ask(provider, ASKED, stream=True)
    assert watcher.kinds == ["sent", "head", "body", "end"]
    assert watcher.body.endswith(b"data: [DONE]\n\n")


def test_what_fails_is_shown_as_it_failed(server: FakeOpenAI, provider: NativeProvider) -> None:
    """An error status is an answer; a connection that breaks is an end of its kind."""
    watcher = Watcher()
    provider.watch(watcher)
    server.plan(rate_limited())
    ask(provider, ASKED, stream=True)
    assert watcher.told[1][:2] == ("head", 429)
    assert watcher.told[-1][1] == "complete"
    server.plan(Cut(after_events=2))
    ask(provider, ASKED, stream=True)
    assert watcher.told[-1][:2] == ("end", "truncated")


def test_a_cancelled_request_ends_as_cancelled(server: FakeOpenAI, provider: NativeProvider) -> None:
    """Cancelling and closing end what is watched, once each."""
    watcher = Watcher()
    provider.watch(watcher)
    server.plan(Stall(), Stall())
    first = provider.start_request(ASKED, lambda _: None)
    provider.start_request(ASKED, lambda _: None)
    provider.cancel(first)
    assert watcher.told[-1] == ("end", "cancelled", "")
    provider.close()
    assert [each for each in watcher.told if each[0] == "end"] == [("end", "cancelled", "")] * 2


def test_watching_ends(provider: NativeProvider) -> None:
    """After it is undone, and where no observer is given, nothing more is shown."""
    watcher, nobody = Watcher(), Watcher()
    undo = provider.watch(watcher)
    provider.watch(lambda request: nobody.told.append(("asked", request.url)))
    undo()
    ask(provider, ASKED, stream=True)
    assert not watcher.told
    assert nobody.kinds == ["asked"]


def test_what_would_be_sent_is_what_is_sent(server: FakeOpenAI, provider: NativeProvider) -> None:
    """`sent_request` sends nothing, gives what a start then sends, and refuses what a start refuses."""
    watcher = Watcher()
    provider.watch(watcher)
    would = provider.sent_request(ASKED, stream=True)
    assert not server.requests
    ask(provider, ASKED, stream=True)
    assert watcher.told[0] == ("sent", would)
    assert "sk-test-key" not in repr(would)
    with NativeProvider(api_key="sk-test-key", api="chat_completions") as chat_only:
        asked = ModelRequest("gpt-4o", [user("Hi")], previous_response_id="resp_1")
        with pytest.raises(UnsupportedFeatureError):
            chat_only.sent_request(asked, stream=False)


@pytest.mark.parametrize("held", [list, SharedLines])
def test_header_lines_are_read_as_libcurl_reads_them(held: Callable[[list[str]], Sequence[str]]) -> None:
    """A line without a value leaves the header out, a semicolon sends it empty, a colon in a value is part of it."""
    lines = held(["Expect:", "X-Empty;", "X-Url: http://a:1/:"])
    sent = HttpRequest(url="http://h/", headers=lines, body=b"").as_sent()
    assert sent.headers == (("X-Empty", ""), ("X-Url", "http://a:1/:"))
