"""A redis-server of a test's own, on a free loopback port, in a folder that goes with the test.

Not a stand-in: the server is Debian's. Where none is installed, `needs_redis` says so, and the tests are skipped.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing_extensions import Self

REDIS_SERVER = shutil.which("redis-server")
"""The server's command; None where none is installed."""

needs_redis = pytest.mark.skipif(REDIS_SERVER is None, reason="no redis-server is installed")

PASSWORD = "geheim/p@ss"
"""What `url` signs in with, escaped; made up."""

PATIENCE = 10.0


class RedisProcess:
    """One server. A context manager: it ends the process it started, by its id."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.options = options
        self.url = f"redis://:geheim%2Fp%40ss@127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert REDIS_SERVER is not None, "no redis-server is installed"
        command = [REDIS_SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--requirepass", PASSWORD, "--save", "", "--appendonly", "no", "--daemonize", "no", *self.options]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "redis.log").read_text()
            assert time.monotonic() < deadline, "redis-server did not answer in time"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(PATIENCE)

    def command(self, *words: str) -> bytes:
        """Send a command as a person with a terminal would; the first bytes of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            for each in (("AUTH", PASSWORD), words):
                lines = [f"*{len(each)}", *(part for word in each for part in (f"${len(word)}", word)), ""]
                connection.sendall("\r\n".join(lines).encode())
                answer = connection.recv(65536)
        return answer

    def _answers(self) -> bool:
        """Whether it serves: then it listens on all it was told to, which one of its sockets alone does not show."""
        try:
            return b"PONG" in self.command("PING")
        except OSError:
            return False


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
