"""`python -m bench.compare_cluster`: many exchanges compared by a local Dask cluster that loses a worker.

Not part of `python -m bench`, and no measure of one core (`compare_rate`): it counts that of the faults that were put in, one in
a thousand exchanges, each is found, none twice and nothing else, and tells time and memory of driver and workers. 100,000
exchanges take some minutes, a million some ten times as long and 5 GB of disk; --exchanges says how many.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.compare_rate import record
from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange
from tests.helpers.dask_processes import DaskProcesses, children_of, wait_until

EXCHANGES = 100_000
A_FILE = 1000  # exchanges in each
FAULTS_IN = 1000  # of which one is at fault
STREAMS_IN = 10  # of which one is a stream
WORKERS = 2
SEED = 20
_DEADLINE = 4 * 3600.0  # seconds for the whole, however many
_KILLED_AFTER = 0.3  # of the parts
_EVERY = 0.2  # seconds between two looks
_TOLD_BY = ("stat", "status")  # files of /proc


def _other_type(exchange: Exchange) -> Exchange:
    headers = (*_without(exchange, "content-type"), ("Content-Type", "text/plain"))
    return replace(exchange, request=replace(exchange.request, headers=headers))


def _organization(exchange: Exchange) -> Exchange:
    headers = (*exchange.request.headers, ("OpenAI-Organization", "org-1"))
    return replace(exchange, request=replace(exchange.request, headers=headers))


def _other_scheme(exchange: Exchange) -> Exchange:
    headers = (*_without(exchange, "authorization"), ("Authorization", "Basic [removed]"))
    return replace(exchange, request=replace(exchange.request, headers=headers))


def _without(exchange: Exchange, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(each for each in exchange.request.headers if each[0].lower() != name)


FAULTS: tuple[Callable[[Exchange], Exchange], ...] = (_other_type, _organization, _other_scheme)


class Outcome(Struct, frozen=True, kw_only=True):
    """What a run came to; memory in MiB at most, times in seconds."""

    exchanges: int
    files: int
    seeded: int
    found: int
    twice: int
    beyond: int
    counted: int
    status: int
    compared_in: float
    merged_in: float
    driver_cpu: float
    workers_cpu: float
    driver_memory: float
    worker_memory: float
    killed: int

    @property
    def is_right(self) -> bool:
        """Whether everything was compared, and what was found is what was put in."""
        exact = (self.found, self.twice, self.beyond, self.counted) == (self.seeded, 0, 0, self.exchanges)
        return exact and self.killed == 1 and self.status == 1


def main() -> int:
    """Generate, compare and tell; the status is 1 where something was lost or found that was not put in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=EXCHANGES, help="to compare (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, help="where there is room for 4 kB an exchange (default: a temporary one)"
    )
    given = parser.parse_args()
    if given.exchanges < A_FILE:
        parser.error(f"--exchanges {given.exchanges} is less than one file of {A_FILE}")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        outcome = measured(Path(folder), count=given.exchanges)
    show(outcome)
    return 0 if outcome.is_right else 1


def measured(folder: Path, *, count: int) -> Outcome:
    """Write so many exchanges, and have a cluster compare them."""
    seeded = generate(folder, count=count)
    with DaskProcesses(folder, nanny=True) as cluster:
        for _ in range(WORKERS):
            cluster.start_worker()
        wait_until(lambda: all(children_of(each.pid) for each in cluster.workers), what="the workers")
        return _compared(folder, cluster, count=count, seeded=seeded)


def generate(folder: Path, *, count: int) -> set[str]:
    """Write files of exchanges; the pair ids of those at fault."""
    seeded: set[str] = set()
    recorded, chance = record(), random.Random(SEED)  # noqa: S311 - which are at fault is no secret
    whole, streams = recorded[::2], recorded[1::2]
    for first in range(0, count, A_FILE):
        lines = []
        faulty = {chance.randrange(first, first + A_FILE)}
        for number in range(first, min(first + A_FILE, count)):
            among = streams if number % STREAMS_IN == 0 else whole
            exchange = replace(among[number % len(among)], pair_id=f"pair-{number}")
            if number in faulty:
                exchange = FAULTS[len(seeded) % len(FAULTS)](exchange)
                seeded.add(exchange.pair_id)
            lines.append(encode_exchange(exchange))
        (folder / f"{first // A_FILE:06}.jsonl").write_bytes(b"".join(lines))
    return seeded


def _compared(folder: Path, cluster: DaskProcesses, *, count: int, seeded: set[str]) -> Outcome:
    report = folder / "report.json"
    options = [
        "--scheduler",
        cluster.address,
        "--parts",
        str(folder / "parts"),
        "--json",
        "--show",
        "0",
        "--no-progress",
    ]
    with report.open("wb") as output:
        command = [sys.executable, "-m", "shim.cli", "compare", *options, str(folder / "*.jsonl")]
        watched = _Watched(
            subprocess.Popen(command, stdout=output), cluster, parts=folder / "parts", files=_files(count)
        )
    while not watched.has_ended():
        time.sleep(_EVERY)
    found, counted = _told(report)
    return Outcome(
        exchanges=count,
        files=watched.files,
        seeded=len(seeded),
        found=len(seeded & found.keys()),
        twice=sum(times > 1 for times in found.values()),
        beyond=len(found.keys() - seeded),
        counted=counted,
        status=watched.status,
        compared_in=watched.written_at - watched.began,
        merged_in=watched.ended_at - watched.written_at,
        driver_cpu=watched.driver_cpu,
        workers_cpu=sum(watched.cpu.values()),
        driver_memory=watched.driver_memory,
        worker_memory=watched.memory,
        killed=watched.killed,
    )


def _files(count: int) -> int:
    return -(-count // A_FILE)


class _Watched:
    """The driver while it runs: kills a worker on the way, and keeps the most that each process took."""

    def __init__(self, driver: subprocess.Popen[bytes], cluster: DaskProcesses, *, parts: Path, files: int) -> None:
        self.files = files
        self.began = self.written_at = self.ended_at = time.monotonic()
        self.cpu: dict[int, float] = {}  # worker -> seconds
        self.memory = self.driver_memory = self.driver_cpu = 0.0
        self.killed = self.status = 0
        self._driver = driver
        self._cluster = cluster
        self._parts = parts

    def has_ended(self) -> bool:
        """Look once."""
        pid, status, usage = os.wait4(self._driver.pid, os.WNOHANG)
        now = time.monotonic()
        if pid:
            self.status = self._driver.returncode = os.waitstatus_to_exitcode(status)
            self.ended_at = now
            self.driver_cpu, self.driver_memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
            return True
        if now - self.began > _DEADLINE:
            self._driver.kill()
        self._look_at_workers(now)
        return False

    def _look_at_workers(self, now: float) -> None:
        workers = [child for nanny in self._cluster.workers for child in children_of(nanny.pid)]
        for worker in workers:
            self._measure(worker)
        done = sum(1 for _ in self._parts.glob("*.part.gz"))
        if done < self.files:
            self.written_at = now
        if not self.killed and workers and done >= _KILLED_AFTER * self.files:
            os.kill(workers[0], signal.SIGKILL)
            self.killed = 1

    def _measure(self, pid: int) -> None:
        try:
            stat, status = (
                Path(f"/proc/{pid}/{name}").read_text(encoding="ascii", errors="replace") for name in _TOLD_BY
            )
        except (FileNotFoundError, ProcessLookupError):
            return  # it has just ended
        times = stat.rpartition(")")[2].split()[11:13]
        self.cpu[pid] = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        highest = re.search(r"VmHWM:\s+(\d+)", status)
        if highest:
            self.memory = max(self.memory, int(highest[1]) / 1024)


def _told(report: Path) -> tuple[Counter[str], int]:
    """How often each pair was told as anything but a match, and how many exchanges were counted."""
    found: Counter[str] = Counter()
    line = b"],}"
    with report.open("rb") as lines:
        for line in lines:
            if line.lstrip(b",").startswith(b'{"file"') and b'"outcome":"match"' not in line:
                found[json.loads(line.strip(b",\n"))["pair_id"]] += 1
    return found, json.loads(b"{" + line.removeprefix(b"],")).get("exchanges", 0)


def show(outcome: Outcome) -> None:
    """Print what it came to."""
    rate = outcome.exchanges / outcome.compared_in
    table = Table("", "", title=f"{outcome.exchanges:,} exchanges in {outcome.files:,} files, {WORKERS} workers")
    table.add_row("seeded faults: found / told twice", f"{outcome.found} of {outcome.seeded} / {outcome.twice}")
    table.add_row("told that was not seeded", str(outcome.beyond))
    table.add_row("exchanges counted", f"{outcome.counted:,}")
    table.add_row("workers killed on the way", str(outcome.killed))
    table.add_row("compared in", f"{outcome.compared_in:,.0f} s by the clock ({rate:,.0f} a second)")
    per_second = outcome.exchanges / outcome.workers_cpu if outcome.workers_cpu else 0.0
    table.add_row(
        "workers",
        f"{outcome.workers_cpu:,.0f} CPU s ({per_second:,.0f} exchanges each), {outcome.worker_memory:.0f} MiB",
    )
    table.add_row("merged and told in", f"{outcome.merged_in:,.0f} s by the clock")
    table.add_row("driver", f"{outcome.driver_cpu:,.0f} CPU s, {outcome.driver_memory:.0f} MiB")
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
