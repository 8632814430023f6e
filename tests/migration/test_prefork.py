"""Tests under a real prefork server: three gunicorn workers that were forked from a master which had decided already."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.migration import SqliteStore
from tests.house.sources import ROOT
from tests.migration.helpers.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("gunicorn")

WORKERS = 3


class Server:
    """A gunicorn with three workers, on a socket of loopback."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port: int = found.getsockname()[1]
        options = ["--preload", "--workers", str(WORKERS), "--bind", f"127.0.0.1:{self.port}", "--log-level", "error"]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and application
            [sys.executable, "-m", "gunicorn", *options, "tests.migration.prefork_app:application"],
            cwd=ROOT,
            env={**os.environ, "PREFORK_FOLDER": str(folder)},
        )

    def ask(self) -> tuple[int, str]:
        """Which worker answered, and what it decided."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            worker, _, decided = connection.getresponse().read().decode().partition(" ")
        return int(worker), decided

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self.ask()
        except OSError:
            return False
        return True

    def answers(self, *, until: str | None = None) -> set[str]:
        """What the workers decide, each asked at least once after this call began; or until all say `until`."""
        told: dict[int, str] = {}
        deadline = time.monotonic() + 10.0
        while len(told) < WORKERS or (until is not None and set(told.values()) != {until}):
            assert time.monotonic() < deadline, told
            worker, decided = self.ask()
            told[worker] = decided
        return set(told.values())

    def seconds_until(self, decided: str) -> float:
        """How long it takes until every worker decides so."""
        began = time.monotonic()
        self.answers(until=decided)
        return time.monotonic() - began

    def stop(self) -> None:
        """End it, and its workers with it."""
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server at 5 percent."""
    (tmp_path / "policy.toml").write_text('stage = "ramp"\npercent = 5\n')
    server = Server(tmp_path)
    try:
        wait_until(server.is_up, seconds=50)
        yield server
    finally:
        server.stop()


def test_every_worker_follows_within_a_second(server: Server, tmp_path: Path) -> None:
    """A switch thrown by file or in the store, its end, and a new policy reach the last of three workers within a second."""
    store, kill = SqliteStore(tmp_path / "store"), tmp_path / "kill"
    assert server.answers() == {"ramp bucket"}
    kill.touch()
    assert server.seconds_until("off kill_switch") < 1.0
    kill.unlink()
    assert server.seconds_until("ramp bucket") < 1.0
    store.write_kill_switch("openai", on=True, by="ann", reason="errors")
    assert server.seconds_until("off kill_switch") < 1.0
    store.write_kill_switch("openai", on=False, by="ann", reason="over")
    assert server.seconds_until("ramp bucket") < 1.0
    (tmp_path / "policy.toml").write_text('stage = "tee"\n')
    assert server.seconds_until("tee stage") < 1.0
