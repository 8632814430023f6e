"""Runs programs as people do: in a process of their own, with pipes or on a terminal, and waits for what they print.

Not the in-process way (`conftest`), which is quicker and enough for most.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-test"
DEADLINE = 60.0  # seconds, for what takes one or two where the machine is idle

# Makes the terminal on descriptor 0 the controlling one, so that Ctrl-C and Ctrl-D mean what they do, and becomes the program.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def environment(base_url: str | None = None, **more: str) -> dict[str, str]:
    """An environment with a key, perhaps an address, and nothing that would colour or redirect."""
    kept = {
        name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR"}
    }
    address = {} if base_url is None else {"OPENAI_BASE_URL": base_url}
    return {**kept, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": KEY, "TERM": "xterm", **address, **more}


def shim_command(*arguments: str) -> list[str]:
    """The command line of `shim`."""
    return [sys.executable, "-m", "shim.cli", *arguments]


def run(
    command: list[str], env: Mapping[str, str], *, stdin: bytes = b"", deadline: float = DEADLINE
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which comes within `deadline` seconds."""
    ran = subprocess.run(command, env=env, input=stdin, capture_output=True, check=False, timeout=deadline, cwd=ROOT)  # noqa: S603 - our own programs
    return subprocess.CompletedProcess(command, ran.returncode, ran.stdout.decode(), ran.stderr.decode())


class Running:
    """A program under way, whose output is read as it comes; a context manager that leaves no process behind.

    `terminal` puts it on a terminal of its own, else it has pipes and its standard error is kept apart in `errors`.
    """

    def __init__(self, command: list[str], env: Mapping[str, str], *, terminal: bool = False) -> None:
        self.output = ""
        if terminal:
            self._own, theirs = pty.openpty()
            command = [sys.executable, "-c", _ON_TERMINAL, *command]
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=ROOT
            )
            os.close(theirs)
        else:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
            )
            assert self._process.stdout is not None
            self._own = os.dup(self._process.stdout.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._own)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def expect(self, text: str) -> str:
        """Read until `text` has been printed since the last expectation, and return what was printed up to it."""
        deadline = time.monotonic() + DEADLINE
        while text not in self.output:
            ready, _, _ = select.select([self._own], [], [], max(0.0, deadline - time.monotonic()))
            data = self._read() if ready else b""
            assert data, f"{text!r} was expected, and came: {self.output!r}"
            self.output += data.decode(errors="replace")
        before, _, self.output = self.output.partition(text)
        return before + text

    def send(self, text: str) -> None:
        """Type."""
        if self._process.stdin is None:
            os.write(self._own, text.encode())
        else:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def close_output(self) -> None:
        """Stop reading, as `head` does."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), self._own)

    def status(self) -> int:
        """Wait for the end, reading what is left, and return the exit status."""
        while data := self._read():
            self.output += data.decode(errors="replace")
        return self._process.wait(DEADLINE)

    def errors(self) -> str:
        """Everything on standard error, of a program that has ended."""
        assert self._process.stderr is not None
        return self._process.stderr.read().decode()

    def _read(self) -> bytes:
        try:
            return os.read(self._own, 65536)
        except OSError:  # what a terminal answers when its program has ended (EIO)
            return b""
