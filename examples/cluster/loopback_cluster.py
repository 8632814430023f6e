"""A Dask cluster on this machine, on which `shim compare` goes through recordings, and loses a worker on the way.

Not a cluster of yours: `docs/at_scale.md` says how that is made. The recordings are made up, a fake API answers: no key, no
network. It needs the extras `cluster` and `native`.

    python examples/cluster/loopback_cluster.py
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from shim import ModelRequest, user
from shim.comparison import ExchangeWriter, tap
from shim.legacy_adapter import LegacyProvider
from shim.loops import select_loop
from shim.testing.fake_openai import FakeOpenAI

FILES = 12
EXCHANGES = 40  # in each file
PATIENCE = 180.0  # seconds for what takes two or three where the machine is idle


def main() -> int:
    """Record, start the cluster, compare, and kill a worker on the way."""
    if importlib.util.find_spec("distributed") is None:
        print("Dask is not installed: pip install 'legacy-openai-shim[cluster,native]'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as cluster:
        folder = Path(name)
        print(f"1. {FILES} recordings of a legacy client.")
        for number in range(FILES):
            record(folder / f"{number}.jsonl")
        print("2. A scheduler and two workers; on machines of yours: dask scheduler, and on each dask worker tcp://…")
        address = start_scheduler(folder, cluster)
        workers = [start_worker(folder, address, cluster=cluster) for _ in range(2)]
        print(
            "3. shim compare --scheduler tcp://… --parts parts 'recordings/*.jsonl'; one worker is killed on the way."
        )
        return compare(folder, address, victim=workers[0])


def record(path: Path) -> None:
    """Record a legacy client's requests against a fake API."""
    with (
        FakeOpenAI() as server,
        LegacyProvider(api_key="sk-test", base_url=server.base_url) as provider,
        ExchangeWriter(path) as writer,
        tap(provider, writer.write),
    ):
        for number in range(EXCHANGES):
            request = ModelRequest("gpt-4o", (user(f"Question {number}: how is the weather?"),))
            provider.start_stream(request, lambda *_: None, lambda *_: None)
        select_loop.run(provider)


def start_scheduler(folder: Path, cluster: contextlib.ExitStack) -> str:
    """Start a scheduler at a free port; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dask(folder, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", cluster=cluster)
    for _ in patiently("the scheduler"):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
    return f"tcp://127.0.0.1:{port}"


def start_worker(folder: Path, address: str, *, cluster: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Start a worker; one thread, since what compares is Python."""
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
    return dask(folder, "worker", address, *options, cluster=cluster)


def dask(folder: Path, *arguments: str, cluster: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Start a program of Dask, which ends with the cluster."""
    log = cluster.enter_context((folder / "dask.log").open("ab"))
    process = subprocess.Popen([sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log)  # noqa: S603 - Dask, as people run it
    cluster.callback(process.wait)
    cluster.callback(process.kill)
    return process


def compare(folder: Path, address: str, *, victim: subprocess.Popen[bytes]) -> int:
    """Compare on the cluster; kills a worker once the first part is there. The status of `shim compare`."""
    options = ["--scheduler", address, "--parts", str(folder / "parts")]
    command = [sys.executable, "-m", "shim.cli", "compare", *options, str(folder / "*.jsonl")]
    with subprocess.Popen(command) as driver:  # noqa: S603 - our own program
        for _ in patiently("the first part"):
            if any((folder / "parts").glob("*.part.gz")) or driver.poll() is not None:
                break
        victim.kill()
        print("   One worker was killed; what it was at is done by the other.", flush=True)
    print(f"4. {len(list((folder / 'parts').glob('*.part.gz')))} of {FILES} parts are there.")
    return driver.returncode


def patiently(what: str) -> Iterator[None]:
    """Look again and again, as long as patience lasts."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        yield
        time.sleep(0.1)
    raise SystemExit(f"{what} was not there within {PATIENCE:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
