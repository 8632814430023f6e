"""Tests of isolation: what a stalled name, handshake or server, or a proxy that refuses, does to others, and to its own."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shim.model import ErrorCategory
from shim.native import receiver
from shim.testing.fake_openai import FakeOpenAI, Stall, Where
from tests.helpers.driving import arrive, ask, drive, eventually, start
from tests.helpers.providers import Make
from tests.helpers.raw_server import SSE, Connection, RawServer, events, json_answer, read, stall
from tests.native import moved_names, stalled_names
from tests.native.proxies import Proxy

LIMIT = 0.4
BODY = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'


def test_a_server_that_says_nothing_harms_no_other_stream(make: Make, server: FakeOpenAI) -> None:
    """A stream nobody answers ends in time; meanwhile others on the same provider start, run and end."""
    server.plan(Stall(Where.BEFORE_HEADERS))
    with make(server.base_url, read_timeout=LIMIT) as provider:
        stalled, began, ended = start(provider, stream=True), time.monotonic(), 0
        arrive(provider, server, 1)
        while not stalled.done:
            ended += ask(provider, stream=True).completion.ok
        assert LIMIT <= time.monotonic() - began < LIMIT + 5
    assert stalled.error.category is ErrorCategory.TIMEOUT
    assert ended > 5


class Handshakes:
    """A server whose first connection is never answered, not even with a handshake; all others are."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def play(self, connection: Connection) -> None:
        """Shake hands, and answer requests."""
        with self._context.wrap_socket(connection.sock, server_side=True) as secure:
            inside = Connection(secure, connection.server)
            while inside.read_request():
                secure.sendall(json_answer(BODY))


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 4], ids=["unlimited", "limited"])
def test_a_handshake_that_stalls_harms_no_other_request(make: Make, limit: int) -> None:
    """A handshake that hangs is a timeout of its own; those that hoped to share its connection go on after a second."""
    with FakeOpenAI(tls=True) as certified:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified.client_cert_file, certified.client_key_file)
        with RawServer([[stall], [Handshakes(context).play]]) as server:
            url = server.url.replace("http:", "https:")
            with make(url, verify=False, connect_timeout=3.0, at_a_time=limit) as provider:
                began = time.monotonic()
                first = start(provider, stream=False)
                eventually(lambda: (provider.perform(), server.connections == 1)[-1])
                others = [start(provider, stream=False) for _ in range(3)]
                drive(provider, lambda: all(each.done for each in others))
                assert [each.response.text for each in others] == ["Hi"] * 3
                assert time.monotonic() - began < (2.9 if limit == 0 else 6.0)
                drive(provider, lambda: first.done)
                assert 3.0 <= time.monotonic() - began < 8.0
    assert first.error.category is ErrorCategory.TIMEOUT


def test_a_proxy_that_refuses_harms_no_other_stream(make: Make, server: FakeOpenAI) -> None:
    """A refused tunnel is told at once, while a stream beside it in the same loop goes on."""
    server.plan(Stall(after_events=3))
    with Proxy(refuse="407 Denied") as proxy, make(server.base_url) as beside:
        going = start(beside, stream=True)
        drive(beside, lambda: going.text)
        with make("https://127.0.0.1:9/v1", proxy=proxy.url) as refused:
            began = time.monotonic()
            error = ask(refused).error
            assert time.monotonic() - began < 5  # its time to connect is 10
        assert not going.done
    assert (error.category, "407" in error.message) == (ErrorCategory.INVALID_REQUEST, True)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform != "linux", reason="needs a C compiler, to make names stall"
)
def test_a_name_server_that_stalls_harms_nobody(tmp_path: Path) -> None:
    """A lookup that hangs is a timeout after `connect_timeout`; others go on, and neither closing nor leaving waits for it."""
    library = _compiled(stalled_names.SOURCE, tmp_path)
    command = [sys.executable, "-m", stalled_names.__name__]
    root = Path(__file__).resolve().parents[2]
    began = time.monotonic()
    run = subprocess.run(  # noqa: S603 - our own interpreter and module
        command, cwd=root, env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, text=True, check=True
    )
    told = json.loads(run.stdout)
    assert (told["category"], told["cancelled"]) == ("timeout", "cancelled")
    assert "Resolving" in told["message"]
    assert 0.5 <= told["took"] < 1.5
    assert told["going"] > 10
    assert told["closed"] < 0.5
    assert time.monotonic() - began < 10


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform != "linux", reason="needs a C compiler, to make names move"
)
def test_a_name_that_got_another_address_is_looked_up_again(tmp_path: Path) -> None:
    """Behind a fault names are looked up anew: a name that had failed, or moved elsewhere, serves the very next request."""
    library, moved_to = _compiled(moved_names.SOURCE, tmp_path), tmp_path / "address"
    run = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", moved_names.__name__, moved_to],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "LD_PRELOAD": str(library), "MOVED_TO": str(moved_to)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [["network", True]] * 2


def _compiled(source: str, folder: Path) -> Path:
    """A library made of C."""
    file, library, compiler = folder / "lookups.c", folder / "lookups.so", shutil.which("cc")
    file.write_text(source)
    assert compiler is not None
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, file, "-ldl"], check=True, capture_output=True)  # noqa: S603 - our own source
    return library


def test_a_loop_that_was_away_past_all_limits_of_a_stream_goes_on(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several limits of a transfer have passed since the last turn, the first ends it, and nothing is raised."""
    monkeypatch.setattr(receiver, "DRAIN_SECONDS", 0.05)
    told = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}'
    with (
        RawServer([[read, SSE + events(told, b"[DONE]"), stall]]) as server,
        make(server.url, read_timeout=0.05) as provider,
    ):
        heard = start(provider, stream=True)
        drive(provider, lambda: heard.text)
        time.sleep(0.15)
        drive(provider, lambda: heard.done)
    assert heard.response.text == "Hi"


def test_a_connection_kept_by_one_is_no_matter_to_another(make: Make) -> None:
    """A server that closes after each answer, whatever it said, serves request after request."""
    with RawServer([[read, json_answer(BODY)]]) as server, make(server.url) as provider:
        for _ in range(5):
            assert ask(provider).response.text == "Hi"
            drive(provider, lambda: True)
            provider.timeout()
            time.sleep(0.01)
            provider.perform()
