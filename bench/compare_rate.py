"""`python -m bench.compare_rate`: how many recorded exchanges `shim compare` judges per second, beside `json.loads` of them.

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

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.run import API_KEY, server
from shim import ModelRequest, system, user
from shim.comparison import tap
from shim.comparison.comparer import RUNGS
from shim.comparison.exchange import Exchange
from shim.comparison.recording.records import ExchangeWriter
from shim.comparison.runs.lines import Source
from shim.comparison.runs.run import Run
from shim.comparison.verdict import Outcome, Rung
from shim.factory import create_comparer
from shim.legacy_adapter import LegacyProvider
from shim.loops import select_loop

EXCHANGES = 4000
KINDS = 16  # different exchanges of each kind; the others repeat them under another pair's id
EVENTS = 50
WORKERS = 2
PASSES = 3
VARIANTS_OF = 1  # streams presented in every split
_STREAMED = f"fake-paced-1000x{EVENTS}"
_WHOLE = "gpt-4o"


def main() -> None:
    """Record, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=EXCHANGES)
    count: int = parser.parse_args().exchanges
    with tempfile.TemporaryDirectory() as folder:
        recorded = record()
        path = Path(folder, "recorded.jsonl")
        write(path, recorded, count=count)
        show(path, count=count)
        streams = [each for each in recorded if _is_stream(each)]
        lone = Path(folder, "stream.jsonl")
        write(lone, streams, count=VARIANTS_OF)
        show_variants(lone)


def record() -> list[Exchange]:
    """What the legacy client asked and was answered, JSON and streams in turn."""
    found: list[Exchange] = []
    with server() as base_url, LegacyProvider(api_key=API_KEY, base_url=base_url) as provider:
        with tap(provider, found.append):
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


def write(path: Path, exchanges: Sequence[Exchange], *, count: int) -> None:
    """Write so many exchanges, each of a pair of its own."""
    with ExchangeWriter(path) as writer:
        for number in range(count):
            writer.write(replace(exchanges[number % len(exchanges)], pair_id=f"pair-{number}"))


def show(path: Path, *, count: int) -> None:
    """Print how many exchanges are judged a second."""
    lines = path.read_bytes().splitlines()
    loads = best(lambda: _load(lines), clock=time.process_time)
    rows: list[tuple[str, float]] = [("json.loads of the same lines", loads)]
    for name, rungs in (("wire", ("wire",)), ("tee", ("tee",)), ("wire and tee", RUNGS)):
        judge = functools.partial(judged, path, rungs=rungs)
        rows.append((name, best(judge, clock=time.process_time)))
    kilobytes = sum(map(len, lines)) / count / 1000
    table = Table("", "exchanges a second", "ms an exchange", "times json.loads", title=f"{count} of {kilobytes:.1f} kB")
    for name, seconds in rows:
        cost = seconds / count
        table.add_row(f"{name}, per core", f"{1 / cost:,.0f}", f"{cost * 1e3:.3f}", f"{seconds / loads:.1f}")
    wall = best(functools.partial(judged, path, rungs=RUNGS, workers=WORKERS), clock=time.perf_counter)
    table.add_row(f"wire and tee, {WORKERS} workers, by the clock", f"{count / wall:,.0f}", f"{wall / count * 1e3:.3f}", "")
    Console(width=110).print(table)


def show_variants(path: Path) -> None:
    """Print how many presentations of a stream `--resplit` compares a second."""
    seen: list[int] = []
    seconds = best(lambda: seen.append(judged(path, rungs=("tee",), resplit=True)), clock=time.process_time, passes=1)
    Console(width=110).print(f"--resplit: {seen[-1] / seconds:,.0f} presentations of a stream a second, per core")


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
    variants = sum(verdict.variants for _, found in run.judge(Source([str(path)])) for verdict in found.verdicts)
    if run.tally.unusable or run.tally.count(Outcome.MATCH) != run.tally.verdicts:
        raise RuntimeError(f"the recording does not match: {run.tally.outcomes}, {run.tally.reasons}, {run.tally.rules}")
    return variants


def _load(lines: Sequence[bytes]) -> None:
    for line in lines:
        json.loads(line)


if __name__ == "__main__":
    main()
