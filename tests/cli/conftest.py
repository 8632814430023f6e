"""Fixtures of the command line's tests: a server, and the command line run in this process against it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from shim.cli import main
from shim.testing.fake_openai import FakeOpenAI
from tests.cli.running import KEY


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


RunShim = Callable[..., Ran]


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A fake API that takes one key."""
    with FakeOpenAI(api_key=KEY) as running:
        yield running


@pytest.fixture
def run_shim(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunShim:
    """Run `shim` with some arguments, the key and the server's address in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        try:
            status = main(arguments)
        except SystemExit as left:
            status = int(left.code or 0)
        return Ran(status, *capsys.readouterr())

    return run
