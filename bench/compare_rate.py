"""`python -m bench.compare_rate`: recorded exchanges that `shim compare` judges per second, beside `json.loads` of them.

Not part of `python -m bench`: nothing is sent while it measures. What is compared was recorded before, from the legacy client and
the fake server: half JSON answers, half streams of 50 events that came one by one. One process and CPU seconds tell what an
exchange costs; two processes and the clock, start included, what a run takes.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.run import API_KEY, server
from shim import ModelRequest, system, user
from shim.comparison import tap
from shim.comparison.comparer import RUNGS
from shim.comparison.runs.lines import Source
from shim.comparison.runs.run import Run
from shim.comparison.verdict import Outcome, Rung
from shim.factory import create_comparer
from shim.legacy_adapter import LegacyProvider
from shim.loops import select_loop
from shim.recording.exchange import Exchange
from shim.recording.files import ExchangeWriter

EXCHANGES = 2000
KINDS = 16  # different exchanges of each kind; the others repeat them under another pair's id
EVENTS = 50
WORKERS = 2
PASSES = 3
_STREAMED = f"fake-paced-1000x{EVENTS}"
_WHOLE = "gpt-4o"
_RUNGS: dict[str, tuple[Rung, ...]] = {"wire": ("wire",), "tee": ("tee",), "wire and tee": RUNGS}


def main() -> None:
    """Record, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=EXCHANGES, help="to compare; half of them streams")
    count: int = parser.parse_args().exchanges
    with tempfile.TemporaryDirectory() as folder:
        recorded = record()
        whole, streams = recorded[::2], recorded[1::2]
        mixed = write(Path(folder, "mixed.jsonl"), recorded, count=count)
        rows = [per_core(f"{rung}, half streams", mixed, rungs=rungs) for rung, rungs in _RUNGS.items()]
        for name, exchanges in (("JSON answers", whole), (f"streams of {EVENTS} events", streams)):
            path = write(Path(folder, f"{name}.jsonl"), exchanges, count=count // 2)
            rows.append(per_core(f"wire and tee, {name}", path, rungs=RUNGS))
        rows.append(by_the_clock(mixed))
        show(rows, mixed)
        lone = write(Path(folder, "stream.jsonl"), streams, count=1)
        Console(width=110).print(f"--resplit: {presentations(lone):,.0f} presentations of a stream a second, per core")


def record() -> list[Exchange]:
    """What the legacy client asked and was answered, JSON and streams in turn."""
    found: list[Exchange] = []
    with (
        server() as base_url,
        LegacyProvider(api_key=API_KEY, base_url=base_url) as provider,
        tap(provider, found.append),
    ):
        for number in range(KINDS):
            asked = functools.partial(_asked, number=number)
            provider.start_request(asked(_WHOLE), _ignore)
            provider.start_stream(asked(_STREAMED), _ignore, _ignore)
        select_loop.run(provider)
    whole = [each for each in found if not _is_stream(each)]
    streams = [each for each in found if _is_stream(each)]
    return [each for pair in zip(whole, streams, strict=True) for each in pair]


def _asked(model: str, *, number: int) -> ModelRequest:
    words = f"Question {number}: what is the weather like in the {number + 2} largest cities of the country, and why?"
    return ModelRequest(model, (system("You are a helpful assistant. Answer in full sentences."), user(words)))


def _is_stream(exchange: Exchange) -> bool:
    response = exchange.response
    return response is not None and "event-stream" in (response.header("content-type") or "")


def _ignore(*_given: object) -> None:
    """Take anything and do nothing."""


def write(path: Path, exchanges: Sequence[Exchange], *, count: int) -> Path:
    """Write so many exchanges, each of a pair of its own; the file."""
    with ExchangeWriter(path) as writer:
        for number in range(count):
            writer.write(replace(exchanges[number % len(exchanges)], pair_id=f"pair-{number}"))
    return path


Row: TypeAlias = tuple[str, float, float | None]
"""What is measured, its seconds an exchange, and the same over those of `json.loads`."""


def per_core(name: str, path: Path, *, rungs: Sequence[Rung]) -> Row:
    """CPU seconds an exchange, in this process."""
    lines = path.read_bytes().splitlines()
    seconds = best(lambda: judged(path, rungs=rungs), clock=time.process_time) / len(lines)
    return name, seconds, seconds / loads(lines)


def by_the_clock(path: Path) -> Row:
    """Seconds an exchange takes several processes, their start included."""
    count = len(path.read_bytes().splitlines())
    seconds = best(lambda: judged(path, rungs=RUNGS, workers=WORKERS), clock=time.perf_counter)
    return f"wire and tee, half streams, {WORKERS} workers, by the clock", seconds / count, None


def loads(lines: Sequence[bytes]) -> float:
    """CPU seconds that `json.loads` takes for a line."""

    def load() -> None:
        for line in lines:
            json.loads(line)

    return best(load, clock=time.process_time) / len(lines)


def presentations(path: Path) -> float:
    """How many splits of an answer are compared in a CPU second."""
    counts: list[int] = []
    rungs: tuple[Rung, ...] = ("tee",)
    seconds = best(lambda: counts.append(judged(path, rungs=rungs, resplit=True)), clock=time.process_time, passes=1)
    return counts[-1] / seconds


def show(rows: Sequence[Row], path: Path) -> None:
    """Print the table."""
    lines = path.read_bytes().splitlines()
    size = sum(map(len, lines)) / len(lines) / 1000
    title = f"{len(lines):,} recorded exchanges of {size:.1f} kB; per core is per CPU second"
    table = Table("", "exchanges a second", "ms an exchange", "times json.loads", title=title)
    for name, seconds, ratio in [("json.loads of the lines, half streams", loads(lines), 1.0), *rows]:
        told = "" if ratio is None else f"{ratio:.1f}"
        table.add_row(name, f"{1 / seconds:,.0f}", f"{seconds * 1e3:.3f}", told)
    Console(width=110).print(table)


def best(work: Callable[[], object], *, clock: Callable[[], float], passes: int = PASSES) -> float:
    """The shortest of some passes, in seconds."""
    taken = []
    for _ in range(passes):
        began = clock()
        work()
        taken.append(clock() - began)
    return min(taken)


def judged(path: Path, *, rungs: Sequence[Rung], workers: int = 1, resplit: bool = False) -> int:
    """Compare a file as `shim compare` does; how many presentations there were.

    Raises:
        RuntimeError: not all of them match, so that the figure would be of something else.
    """
    run = Run(functools.partial(create_comparer, rungs=tuple(rungs), resplit=resplit), workers=workers)
    variants = sum(verdict.variants for _, found in run.go_through(Source([str(path)])) for verdict in found.verdicts)
    if run.tally.unusable or run.tally.count(Outcome.MATCH) != run.tally.verdicts:
        raise RuntimeError(
            f"the recording does not match: {run.tally.outcomes}, {run.tally.reasons}, {run.tally.rules}"
        )
    return variants


if __name__ == "__main__":
    main()
