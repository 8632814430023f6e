"""A Dask cluster on 127.0.0.1: a scheduler and workers as processes of their own, which may be killed and started again.

Not what they compute. `dask` is run as people run it, by `python -m dask`, with its dashboards off.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 200.0  # seconds for what takes two or three where the machine is idle


class DaskProcesses:
    """A cluster; a context manager that leaves no process behind.

    Args:
        logs: a folder for what they say.
        nanny: whether workers that end are started again, as `dask worker` does unless told otherwise.
        environment: of the workers, beside this process's own.
    """

    def __init__(self, logs: Path, *, nanny: bool = False, environment: Mapping[str, str] | None = None) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._logs = logs
        self._nanny = nanny
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        self._scheduler: subprocess.Popen[bytes] | None = None

    def start_scheduler(self) -> None:
        """Start the scheduler, at the address it had before."""
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--no-show")
        self._scheduler = self._start("scheduler", *options)
        wait_until(self._answers, what="the scheduler's port")

    def kill_scheduler(self) -> None:
        """End the scheduler as kill -9 does. Its workers end by themselves, in time, or not."""
        assert self._scheduler is not None
        _kill(self._scheduler)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker of one thread."""
        options = ("--nthreads", "1", "--no-dashboard", "--death-timeout", "60")
        worker = self._start("worker", self.address, *options, "--nanny" if self._nanny else "--no-nanny")
        self.workers.append(worker)
        return worker

    def kill_workers(self) -> None:
        """End all workers as kill -9 does."""
        for worker in self.workers:
            for child in children_of(worker.pid):
                _kill_pid(child)
            _kill(worker)
        self.workers.clear()

    def said(self) -> str:
        """What all of them said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._logs.glob("dask-*.log")))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._logs / f"dask-{arguments[0]}-{time.monotonic_ns()}.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, "-m", "dask", *arguments],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=self._logs,
            )

    def _answers(self) -> bool:
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        self.start_scheduler()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill_workers()
        if self._scheduler is not None:
            _kill(self._scheduler)


def wait_until(holds: Callable[[], object], *, what: str, deadline: float = DEADLINE) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it did not come to hold.
    """
    end = time.monotonic() + deadline
    while not holds():
        assert time.monotonic() < end, f"waited {deadline:.0f} s for {what}"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """The processes that a nanny has started as workers, whichever of its threads did."""
    try:
        started = [
            child
            for thread in Path(f"/proc/{pid}/task").iterdir()
            for child in (thread / "children").read_text(encoding="ascii").split()
        ]
        return [int(child) for child in started if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except (FileNotFoundError, ProcessLookupError):
        return []  # it has ended, or one of them while it was looked at


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _kill_pid(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return  # it has ended
