"""Tests that a provider belongs to the process that made it: what a child may ask, and what its close leaves alone."""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from shim.model import ShimError
from shim.provider import ForkedProviderError, Provider
from shim.testing.fake_openai import Drip, FakeOpenAI, Slow
from shim.testing.scripted import ScriptedProvider, text_stream
from tests.helpers.driving import ask, drive, start
from tests.helpers.providers import MakeLegacy, MakeNative
from tests.house.sources import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

ASKED: dict[str, Callable[[Any], object]] = {
    "start_request": lambda provider: start(provider, stream=False),
    "start_stream": lambda provider: start(provider, stream=True),
    "fileno": lambda provider: provider.fileno(),
    "fdset": lambda provider: provider.fdset(),
    "timeout": lambda provider: provider.timeout(),
    "perform": lambda provider: provider.perform(),
    "info_read": lambda provider: provider.info_read(),
    "cancel": lambda provider: provider.cancel(),
}
ASKED_WHERE_OFFERED: dict[str, Callable[[Any], object]] = {
    "poll": lambda provider: provider.poll(0),
    "wait": lambda provider: provider.wait(0),
    "wakeup": lambda provider: provider.wakeup(),
    "may_gather": lambda provider: provider.may_gather(),
}


def in_child(act: Callable[[], object]) -> int:
    """Do it in a forked child, which ends without cleaning up; its exit status, 0 where nothing was raised."""
    child = os.fork()
    if not child:
        try:
            act()
        except BaseException:  # noqa: BLE001 - whatever it is, the child tells it and ends
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=["legacy", "native", "scripted"])
def provider(request: pytest.FixtureRequest, server: FakeOpenAI) -> Any:
    """A provider of each kind, with nothing under way."""
    if request.param == "scripted":
        made: Any = ScriptedProvider([text_stream("ab")] * 4)
    else:
        made = (MakeLegacy() if request.param == "legacy" else MakeNative())(server.base_url)
    with made:
        yield made


@pytest.fixture
def server() -> Any:
    """A server on loopback."""
    with FakeOpenAI() as running:
        yield running


def test_a_child_is_told_that_the_provider_is_its_parents(provider: Provider) -> None:
    """In a forked child everything but close raises one error that names the provider, the process and the remedy."""

    def act() -> None:
        offered = {name: asked for name, asked in ASKED_WHERE_OFFERED.items() if hasattr(provider, name)}
        for name, asked in (ASKED | offered).items():
            with pytest.raises(ForkedProviderError, match="make a provider of its own here") as caught:
                asked(provider)
            assert provider.name in str(caught.value), name
            assert caught.value.process == os.getppid()
            assert isinstance(caught.value, (ShimError, RuntimeError))
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
        provider.close()
        assert (provider.perform(), provider.info_read(), provider.timeout()) == (0, 0, -1)

    assert in_child(act) == 0
    assert ask(provider, stream=True).completion.ok


def test_a_childs_close_calls_nothing(provider: Provider) -> None:
    """Closing in the child calls back for none of the parent's requests, and the parent gets each of its own."""
    whole, streamed = start(provider, stream=False), start(provider, stream=True)

    def act() -> None:
        provider.close()
        assert not whole.done
        assert not streamed.done
        assert streamed.events == []

    assert in_child(act) == 0
    drive(provider, lambda: whole.done and streamed.done)
    assert whole.completion.ok
    assert streamed.completion.ok


FORMS: dict[str, dict[str, Any]] = {
    "legacy": {},
    "legacy TLS": {"tls": True},
    "native": {},
    "native TLS": {"tls": True},
    "native HTTP/2": {"tls": True, "http2": True},
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_parents_streams_go_on_whole_while_children_come_and_go(form: str) -> None:
    """However children end, the parent's streams and kept connections go on whole."""
    with FakeOpenAI(**FORMS[form]) as server:
        streams = 3
        server.plan(Slow(0), *[Drip(size=40, delay=0.002)] * streams)
        ca_file = server.ca_file if FORMS[form] else ""
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.contract.forking",
            form.partition(" ")[0],
            server.base_url,
            ca_file,
        ]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=100)  # noqa: S603 - our own
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert server.connections_opened == (1 if "HTTP/2" in form else streams)


@pytest.mark.slow
def test_a_socket_a_child_still_holds_spins_no_loop(server: FakeOpenAI) -> None:
    """Where a child holds a copy of a connection that the parent has cut, the parent's descriptor grows quiet."""
    server.plan(Drip(size=20, delay=0.005))
    with MakeNative()(server.base_url) as provider:
        heard = start(provider, stream=True)
        drive(provider, lambda: len(heard.events) > 2)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        try:
            provider.cancel(heard.handle)
            drive(provider, lambda: heard.done)
            turns, deadline = 0, time.monotonic() + 0.5
            while time.monotonic() < deadline:
                turns += bool(select.select([provider], [], [], 0.1)[0])
                provider.perform()
        finally:
            os.close(reading)
            os.close(writing)
            os.waitpid(child, 0)
    assert turns < 10
