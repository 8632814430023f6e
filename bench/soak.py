"""`python -m bench.soak --seconds 600`: both providers under load and faults, and whether anything is lost or piles up.

Not part of `python -m bench`: nothing is compared with a peer. A fake API in a process of its own misbehaves at random (cuts,
resets, silence, 429, garbage), callers misbehave besides (`bench.soak_load`). Three processes ask: one on the legacy provider,
one on the native one, and a prefork server, which made its providers before it forked and whose children come and go. Each
request must have one completion; threads, descriptors and memory must be as they were. Ends with 1 where they are not.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.soak_load import AT_ONCE, Ledger, Sample, SoakLoad, descriptors
from bench.soak_server import faulty_server
from shim.factory import create_provider
from shim.loops.select_loop import run
from shim.model import ModelRequest, user
from shim.provider import Provider

KINDS: Final = ("legacy", "native")
MOST_GROWTH: Final = 24 * 1024 * 1024
"""Bytes that memory may grow by from the second third of a run to the last: more is a leak and not an allocator's habit."""
_MOST_THREADS: Final = 100 + 10  # the legacy provider's, and a few
_MOST_DESCRIPTORS: Final = 12 * AT_ONCE + 100
_CHILDREN: Final = 2
_MOST_LIVES: Final = 20  # generations of children in a run; the shortest has two
_LAST_WORDS: Final = 60.0


class SoakRow(Struct, frozen=True):
    """What one process, or all children of the prefork server, came to."""

    name: str
    requests: int
    completions: int
    unknown: int
    lost: int
    providers: int
    most_threads: int
    most_descriptors: int
    threads_left: int
    descriptors_left: int
    memory: int
    growth: int
    outcomes: dict[str, int] = {}
    fault: str = ""

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, in words."""
        checks = (
            (bool(self.fault), self.fault),
            (self.requests == 0, "no request was made"),
            (self.lost > 0, f"{self.lost} requests had no completion"),
            (self.unknown > 0, f"{self.unknown} completions of no open request"),
            (self.requests != self.completions, f"{self.requests} requests, {self.completions} completions"),
            (self.most_threads > _MOST_THREADS, f"{self.most_threads} threads"),
            (self.most_descriptors > _MOST_DESCRIPTORS, f"{self.most_descriptors} descriptors"),
            (self.threads_left > 0, f"{self.threads_left} threads left"),
            (self.descriptors_left > 0, f"{self.descriptors_left} descriptors left"),
            (self.growth > MOST_GROWTH, f"memory grew by {self.growth >> 20} MiB"),
        )
        return [words for is_wrong, words in checks if is_wrong]


def growth_of(samples: Sequence[Sample]) -> int:
    """How much more memory, in the middle of its samples, the last third of a run had than the second."""
    third = len(samples) // 3
    if not third:
        return 0
    middle, last = (sorted(each.memory for each in part) for part in (samples[third : 2 * third], samples[-third:]))
    return last[len(last) // 2] - middle[len(middle) // 2]


def soaked(kind: str, base_url: str, *, seconds: float, seed: int, pause: float) -> SoakRow:
    """Put a load on one kind of provider, in this process."""
    before = threading.active_count(), descriptors()
    load = SoakLoad(kind, base_url, seed=seed, pause=pause)
    load.run(seconds)
    left = _left(*before)
    return row_of(kind, load.ledger, load.samples, left=left, providers=load.providers)


def row_of(name: str, ledger: Ledger, samples: Sequence[Sample], *, left: tuple[int, int], providers: int) -> SoakRow:
    """Sum up a load."""
    return SoakRow(
        name=name,
        requests=ledger.started,
        completions=ledger.completed,
        unknown=ledger.unknown,
        lost=ledger.lost,
        providers=providers,
        most_threads=max(each.threads for each in samples),
        most_descriptors=max(each.descriptors for each in samples),
        threads_left=left[0],
        descriptors_left=left[1],
        memory=samples[-1].memory,
        growth=growth_of(samples),
        outcomes=dict(ledger.outcomes),
    )


def _left(threads: int, held: int) -> tuple[int, int]:
    """Threads and descriptors beyond those there were, once what is ending has had a moment."""
    until = time.monotonic() + 5
    while True:
        gc.collect()
        left = max(0, threading.active_count() - threads), max(0, descriptors() - held)
        if left == (0, 0) or time.monotonic() > until:
            return left
        time.sleep(0.05)


def preforked(base_url: str, *, seconds: float, seed: int, pause: float) -> SoakRow:
    """Be a prefork server: providers made and used before the fork, children that make their own, and a parent that goes on."""
    parents = [create_provider(kind, api_key="sk-soak", base_url=base_url, read_timeout=2.0) for kind in KINDS]
    lives = max(2, min(_MOST_LIVES, int(seconds / 10)))
    asked = _asked(parents)
    began, rows = time.monotonic(), list[SoakRow]()
    held = threading.active_count(), descriptors()
    for generation in range(lives):
        span = (began + seconds - time.monotonic()) / (lives - generation)
        children = [
            _forked(parents, base_url, seconds=span, seed=seed + 10 * generation + each, pause=pause)
            for each in range(_CHILDREN)
        ]
        rows += [_heard(*child) for child in children]
        asked += _asked(parents)
    # Once the children have gone it has what it had before them, and perhaps a kept connection a provider that had none then.
    threads, files = _left(held[0], held[1] + len(parents))
    for provider in parents:
        provider.close()
    total = _together(rows)
    total = replace(total, threads_left=total.threads_left + threads, descriptors_left=total.descriptors_left + files)
    lost = (1 + lives) * len(KINDS) - asked
    return replace(total, fault=total.fault or (f"{lost} of the parent's requests had no completion" if lost else ""))


def _asked(providers: Sequence[Provider]) -> int:
    """Ask each provider once; return how many completions came."""
    completions: list[Any] = []
    for provider in providers:
        provider.start_request(ModelRequest("gpt-4o-mini", (user("Hello"),)), completions.append)
        run(provider)
    return len(completions)


def _child(parents: Sequence[Provider], base_url: str, *, seconds: float, seed: int, pause: float) -> SoakRow:
    for provider in parents:
        provider.close()  # this process's copy; the parent's goes on
    return soaked(KINDS[seed % len(KINDS)], base_url, seconds=max(0.5, seconds), seed=seed, pause=pause)


def _forked(parents: Sequence[Provider], base_url: str, *, seconds: float, seed: int, pause: float) -> tuple[int, int]:
    """Fork a child that asks for so long, and writes what came of it; return its id, and where to read."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        with open(writing, "wb") as pipe:  # noqa: PTH123 - a descriptor
            pipe.write(msgspec.json.encode(_child(parents, base_url, seconds=seconds, seed=seed, pause=pause)))
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's is ended here


def _heard(child: int, reading: int) -> SoakRow:
    with open(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status or not told:
        return replace(_EMPTY, fault=f"a child ended with status {status}")
    return msgspec.json.decode(told, type=SoakRow)


_EMPTY: Final = SoakRow("prefork", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _together(rows: Sequence[SoakRow]) -> SoakRow:
    """The rows of all children as one: counts are added, the rest is the most of any."""
    total = Counter[str]()
    for row in rows:
        total.update(row.outcomes)
    added = {
        name: sum(getattr(row, name) for row in rows)
        for name in ("requests", "completions", "unknown", "lost", "providers", "threads_left", "descriptors_left")
    }
    most = {
        name: max(getattr(row, name) for row in rows)
        for name in ("most_threads", "most_descriptors", "memory", "growth")
    }
    fault = next((row.fault for row in rows if row.fault), "")
    return replace(_EMPTY, **added, **most, outcomes=dict(total), fault=fault)


# --- processes ---------------------------------------------------------------------------------------------------


def _work(pipe: Connection, name: str, base_url: str, *, seconds: float, seed: int, pause: float) -> None:
    if name == "prefork":
        row = preforked(base_url, seconds=seconds, seed=seed, pause=pause)
    else:
        row = soaked(name, base_url, seconds=seconds, seed=seed, pause=pause)
    pipe.send_bytes(msgspec.json.encode(row))


@contextlib.contextmanager
def _process(name: str, base_url: str, *, seconds: float, seed: int, pause: float) -> Iterator[Callable[[], SoakRow]]:
    """A process that asks; what is given waits for what came of it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work, args=(theirs, name, base_url), kwargs={"seconds": seconds, "seed": seed, "pause": pause}
    )
    process.start()
    theirs.close()

    def told() -> SoakRow:
        try:
            if ours.poll(seconds + _LAST_WORDS):
                return msgspec.json.decode(ours.recv_bytes(), type=SoakRow)
        except EOFError:
            return replace(_EMPTY, name=name, fault="the process ended without a word")
        return replace(_EMPTY, name=name, fault=f"nothing came within {seconds + _LAST_WORDS:.0f} s")

    try:
        yield told
    finally:
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()
        ours.close()


def measure(seconds: float, *, seed: int = 1, pause: float = 0.0) -> list[SoakRow]:
    """Run all processes side by side; with a `pause` between the turns of each a machine is not filled."""
    with faulty_server(seed) as base_url, contextlib.ExitStack() as stack:
        names = (*KINDS, "prefork") if hasattr(os, "fork") else KINDS
        waits = [
            stack.enter_context(_process(name, base_url, seconds=seconds, seed=seed + 1000 * place, pause=pause))
            for place, name in enumerate(names)
        ]
        return [wait() for wait in waits]


def table(rows: Sequence[SoakRow]) -> Table:
    """What came of it."""
    shown = Table(title="Soak: each request has one completion, and nothing piles up")
    shown.add_column("process")
    for heading in ("requests", "completions", "lost", "twice", "providers", "threads", "fds", "MiB", "growth", "left"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cells = (
            row.requests,
            row.completions,
            row.lost,
            row.unknown,
            row.providers,
            row.most_threads,
            row.most_descriptors,
        )
        ends = (
            f"{row.memory / 2**20:.0f}",
            f"{row.growth / 2**20:+.1f}",
            f"{row.threads_left} + {row.descriptors_left}",
        )
        shown.add_row(row.name, *(f"{each:,}" for each in cells), *ends)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print the table, and return 1 where something was lost or piled up."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random (default: %(default)s)")
    said = parser.parse_args(arguments)
    rows = measure(said.seconds, seed=said.seed)
    console = Console(width=110)  # a pipe has no width, and would get the columns cut
    console.print(table(rows))
    for row in rows:
        ways = ", ".join(f"{name} {count:,}" for name, count in sorted(row.outcomes.items(), key=lambda each: -each[1]))
        console.print(f"{row.name}: {ways}")
    faults = [f"{row.name}: {words}" for row in rows for words in row.faults]
    for words in faults:
        console.print(words, style="bold red")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
