"""Tests of a process without file descriptors: it is told so, nothing else breaks, and it goes on when some are back."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from shim.testing.fake_openai import Drip, FakeOpenAI, Slow
from tests.house.sources import ROOT

# The server has a process of its own: it needs descriptors too.
_PRELUDE = """
import os, resource, subprocess, sys
import shim, shim.client, shim.loops.select_loop as loop
from shim.descriptors import OutOfDescriptorsError
from shim.model import ModelRequest, user
from shim.recording.proxy.server import RecordingProxy
from shim.recording.proxy.upstream import Upstream
from shim.testing.fake_openai import FakeOpenAI

kind, url = sys.argv[1], sys.argv[2]
QUESTION = ModelRequest("gpt-4o-mini", (user("Hello"),))
REMEDY = "this process has no file descriptor left of the 128 it may have (EMFILE); raise RLIMIT_NOFILE"

def make():
    return shim.create_provider(kind, base_url=url, api_key="sk-test")

def ask(provider, count=1):
    completions = []
    for _ in range(count):
        provider.start_request(QUESTION, completions.append)
    loop.run(provider)
    return completions

def use_up(left=0):
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for _ in range(left):
        os.close(held.pop())
    return held

def free(held):
    while held:
        os.close(held.pop())

def refused(make_it):
    try:
        make_it()
    except OutOfDescriptorsError as error:
        assert isinstance(error, shim.ShimError) and REMEDY in str(error), error
        return
    raise AssertionError("it was made")

warm = make()
assert ask(warm)[0].ok
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
"""

_REQUESTS = """
events, ends = [], []
warm.start_stream(QUESTION, events.append, ends.append)
while not events:
    loop.turn([warm])
held = use_up()
completions = ask(warm, 3)
assert ends[0].ok, ends[0].error
failed = [each.error for each in completions if not each.ok]
assert failed and len(completions) == 3
for error in failed:
    assert error.category == "network" and error.retryable, repr(error)
    assert REMEDY in error.message and "max_conn" in error.message, error.message
free(held)
assert all(each.ok for each in ask(warm, 3))
"""

_PROVIDERS = """
for left in range(5):
    held = use_up(left)
    before = len(held)
    if left < 2 or kind == "native":
        refused(make)
        refused(make)
    free(held)
    held = use_up()
    assert len(held) == before + left, "a refusal has kept a descriptor"
    free(held)
with make() as provider:
    assert ask(provider)[0].ok
"""

_CLIENTS = """
held = use_up()
refused(lambda: shim.Client(kind, base_url=url, api_key="sk-test").complete(QUESTION))
free(held)
with shim.Client(kind, base_url=url, api_key="sk-test") as client:
    assert client.complete(QUESTION).text
"""

_SERVERS = """
for left in range(5):
    for server in (FakeOpenAI(), RecordingProxy(Upstream.parse(url), print)):
        held = use_up(left)
        refused(server.__enter__)
        free(held)
with FakeOpenAI() as server, shim.create_provider(kind, base_url=server.base_url, api_key="sk-test") as provider:
    assert ask(provider)[0].ok
"""


@pytest.mark.slow
@pytest.mark.timeout(100)  # a hang: programs start slowly where others are busy
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_NOFILE")
@pytest.mark.parametrize("kind", ["native", "legacy"])
@pytest.mark.parametrize("what", ["requests", "providers", "clients", "servers"])
def test_running_out_of_descriptors_is_told_and_passes(server: FakeOpenAI, kind: str, what: str) -> None:
    """What ran out, the limit and the remedy are told, by a completion or our error; with descriptors back it works again."""
    parts = {"requests": _REQUESTS, "providers": _PROVIDERS, "clients": _CLIENTS, "servers": _SERVERS}
    program = f"{_PRELUDE}{parts[what]}\nwarm.close()\n"
    if what == "requests":  # the stream has its connection for so long that no other request comes to take that
        server.plan(Slow(0), Drip(size=40, delay=0.05))
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), kind, server.base_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)  # noqa: S603 - our own program
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_NOFILE")
def test_the_command_line_tells_it_in_a_line() -> None:
    """`shim record` and `shim fake-server` say what ran out and end with status 1, without a traceback."""
    limited = "import resource, os; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
    for command in ("fake-server", "record --upstream http://127.0.0.1:9 --listen 127.0.0.1:0 /dev/null"):
        program = textwrap.dedent(
            f"""
            import sys
            import shim.cli.record, shim.cli.fake_server, shim.testing.fake_openai, shim.recording.proxy.server
            import shim.recording.files, rich.console
            from shim.cli import main
            {limited}
            from pathlib import Path
            opened = []
            try:
                while True:
                    opened.append(Path(os.devnull).open())
            except OSError:
                for each in opened[:2]:
                    each.close()
            sys.exit(main({command.split()!r}))
            """
        )
        started = [sys.executable, "-c", program]
        done = subprocess.run(started, capture_output=True, text=True, timeout=15, check=False, cwd=ROOT)  # noqa: S603 - our own program
        assert done.returncode == 1, done.stderr
        assert "no file descriptor left of the 64" in done.stderr
        assert "Traceback" not in done.stderr
