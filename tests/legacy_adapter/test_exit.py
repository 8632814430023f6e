"""Tests that leaving the interpreter with a stream open takes no time to speak of, whoever closes the provider, and when."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.helpers.raw_server import SSE, RawServer, events, read, stall
from tests.house.sources import ROOT

CONNECT_TIMEOUT = 12  # seconds: what closing waits for where it waits for threads, and more than a test may take
TEXT = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'

PROGRAM = f"""
import sys, select
import shim
url, how = sys.argv[1:]
class Closer:
    def __del__(self):
        self.provider.close()
if how == "client":
    client = shim.Client("legacy", api_key="sk-test-key", base_url=url, connect_timeout={CONNECT_TIMEOUT})
    stream = client.stream(shim.ModelRequest("m", [shim.user("x")]))
    next(stream)
else:
    provider = shim.create_provider("legacy", api_key="sk-test-key", base_url=url, connect_timeout={CONNECT_TIMEOUT})
    events = []
    provider.start_stream(shim.ModelRequest("m", [shim.user("x")]), events.append, lambda completion: None)
    while not events:
        select.select([provider], [], [])
        provider.perform()
    if how == "late":  # closed while modules are cleared, when daemon threads stand still
        closer = Closer()
        closer.provider = provider
        del provider
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["client", "left", "late"])
def test_leaving_with_an_open_stream_waits_for_no_thread(how: str) -> None:
    """With a stream open, left as it is, closed at exit or closed while modules are cleared, the process is gone at once."""
    with RawServer([[read, SSE + events(TEXT), stall]]) as server:
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-W", "ignore", "-c", PROGRAM, server.url, how], check=False, timeout=18, cwd=ROOT
        )
        assert done.returncode == 0
        assert time.monotonic() - began < CONNECT_TIMEOUT / 2
