"""Tests of the deadline layer over both providers and real sockets: what a read limit never ends, `total` does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shim.layers import DeadlineLayer
from shim.model import ErrorCategory
from shim.provider import Deadlines
from shim.testing.fake_openai import Behaviour, Drip, FakeOpenAI, Paced, RawResponse, Stall, Where
from tests.helpers.driving import Heard, arrive, ask, drive, start
from tests.helpers.providers import MakeNative
from tests.layers import stalled_lookup
from tests.native.stalled_names import SOURCE

if TYPE_CHECKING:
    from tests.helpers.providers import Make

LIMIT = 0.3
LATE = 1.5  # a loaded machine
KEEP_ALIVE = b": still here\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
PIECE = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
EMPTY = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":""}}]}\n\n'

# Every one of these keeps sending: silence it is not, and an answer neither.
ENDLESS: dict[str, Behaviour] = {
    "a head dripped byte by byte": Drip(size=1, delay=0.05),
    "an endless run of 100-continue": RawResponse([b"HTTP/1.1 100 Continue\r\n\r\n"] * 300, gap=0.02),
    "keep-alives alone": RawResponse([STREAM_HEAD, *[KEEP_ALIVE] * 300], gap=0.02),
    "nothing": Stall(Where.BEFORE_HEADERS),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", ENDLESS)
def test_the_whole_is_bounded_whatever_the_server_sends(
    *, make: Make, server: FakeOpenAI, what: str, stream: bool
) -> None:
    """An answer that never comes, however busy its server looks, is a timeout by `total`, and its connection is closed."""
    server.plan(ENDLESS[what])
    with DeadlineLayer(make(server.base_url, read_timeout=60), Deadlines(total=LIMIT)) as provider:
        began = time.monotonic()
        heard = ask(provider, stream=stream)
        assert LIMIT <= time.monotonic() - began < LIMIT + LATE
        assert heard.error.category is ErrorCategory.TIMEOUT
        assert "deadlines.total" in heard.error.message
        server.wait_for_open_connections(0)


@pytest.mark.parametrize("sent", [KEEP_ALIVE, EMPTY], ids=["keep-alives", "empty deltas"])
@pytest.mark.parametrize(("before", "limit"), [((), "first_event"), ((PIECE, PIECE), "between_events")])
def test_what_is_no_content_moves_no_limit(
    *, make: Make, server: FakeOpenAI, sent: bytes, before: tuple[bytes, ...], limit: str
) -> None:
    """A stream of keep-alives or of empty deltas ends at the limit on content, with the text that had come."""
    server.plan(RawResponse([STREAM_HEAD, *before, *[sent] * 300], gap=0.02))
    limits = Deadlines(first_event=LIMIT, between_events=LIMIT)
    with DeadlineLayer(make(server.base_url), limits) as provider:
        began = time.monotonic()
        heard = ask(provider, stream=True)
        assert time.monotonic() - began < LIMIT + LATE
    assert f"deadlines.{limit}" in heard.error.message
    assert heard.kinds[-1] == "StreamError"
    assert heard.text == "Hi" * len(before)
    assert heard.error.partial is None or heard.error.partial.text == heard.text


@pytest.mark.slow
def test_a_stream_that_keeps_coming_is_left_alone(make: Make, server: FakeOpenAI) -> None:
    """Content that comes faster than its limit goes on for longer than that."""
    server.plan(Paced(events=10, per_second=20))
    with DeadlineLayer(make(server.base_url), Deadlines(between_events=LIMIT, first_event=5)) as provider:
        began = time.monotonic()
        assert ask(provider, stream=True).response.text
        assert time.monotonic() - began > LIMIT


def test_those_beside_it_go_on(make: Make, server: FakeOpenAI) -> None:
    """While one call runs into its limit others on the same provider run and end, and the next one too."""
    server.plan(Stall(Where.BEFORE_HEADERS))
    with DeadlineLayer(make(server.base_url), Deadlines(total=LIMIT)) as provider:
        stalled = start(provider, stream=True)
        arrive(provider, server, 1)
        others: list[Heard] = []
        while not stalled.done:
            others.append(ask(provider, stream=True))
        assert all(each.completion.ok for each in others)
        assert len(others) > 3
        assert ask(provider).completion.ok
    assert stalled.error.category is ErrorCategory.TIMEOUT


@pytest.mark.slow
def test_many_run_out_at_once(make: Make, server: FakeOpenAI) -> None:
    """Sixty stalled calls end at their limit side by side."""
    server.plan(*[Stall(Where.BEFORE_HEADERS)] * 60)
    with DeadlineLayer(make(server.base_url), Deadlines(total=LIMIT)) as provider:
        began = time.monotonic()
        heard = [start(provider, stream=number % 2 == 0) for number in range(60)]
        drive(provider, lambda: all(each.done for each in heard))
        assert time.monotonic() - began < LIMIT + LATE
    assert {each.error.category for each in heard} == {ErrorCategory.TIMEOUT}


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="puts a library before the system's"
)
def test_a_name_lookup_that_hangs_is_bounded(tmp_path: Path) -> None:
    """A name that is never looked up is a timeout by `total` on both providers."""
    source, library = tmp_path / "stalled.c", tmp_path / "stalled.so"
    source.write_text(SOURCE)
    compiler = shutil.which("cc")
    assert compiler is not None
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)  # noqa: S603 - our own source
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", stalled_lookup.__name__],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for told in json.loads(ran.stdout):
        assert told["category"] == "timeout"
        assert "deadlines.total" in told["message"]
        assert told["took"] < LIMIT + LATE


@pytest.mark.parametrize("limit", ["total", "first_event"])
def test_a_limit_ends_a_wait_inside_the_provider(server: FakeOpenAI, limit: str) -> None:
    """Polled without a limit of the caller's, the wait below ends when a limit passes, and the call with it."""
    server.plan(Stall(Where.BEFORE_HEADERS))
    with DeadlineLayer(MakeNative()(server.base_url), Deadlines(**{limit: LIMIT})) as provider:
        heard = start(provider, stream=True)
        began = time.monotonic()
        while not heard.done:
            provider.poll()
            provider.info_read()
        assert LIMIT * 0.9 < time.monotonic() - began < LIMIT + LATE
        assert heard.error.category is ErrorCategory.TIMEOUT
        assert limit in str(heard.error)
