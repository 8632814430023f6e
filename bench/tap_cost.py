"""`python -m bench.tap_cost`: what a tap costs: CPU per streamed event, and how much later the first byte comes.

Not part of `python -m bench`: it compares our own clients with themselves. Each figure is the median of its passes, and the
clients take turns within one run, so that a slow moment of the machine falls on all alike.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from bench.run import server
from shim import ModelRequest, user
from shim.comparison import Redaction, tap
from shim.comparison.recording.redaction import CONVERSATION_PATHS
from shim.legacy_adapter import LegacyProvider
from shim.loops import select_loop
from shim.native import NativeProvider

EVENTS = 2000
PASSES = 9
FIRST_BYTES = 60
KEY = "sk-test-key"


def ignore(*_given: object) -> None:
    """Take anything and do nothing."""


TAPS: dict[str, Callable[[Any, Path], Any]] = {
    "without a tap": lambda *_given: nullcontext(),
    "tap, to a function": lambda target, _path: tap(target, ignore),
    "tap, to a file": tap,
    "tap, conversation covered": lambda target, _path: tap(
        target, ignore, redaction=Redaction(body_paths=CONVERSATION_PATHS)
    ),
}


def asked(model: str) -> dict[str, Any]:
    """A streamed request, in Chat Completions terms."""
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True}


def read_by_requests(session: requests.Session, *, base_url: str, model: str) -> float:
    """Stream one answer with `requests` alone; seconds to its first byte."""
    url, headers = f"{base_url}/chat/completions", {"Authorization": f"Bearer {KEY}"}
    started = time.perf_counter()
    with session.post(url, json=asked(model), headers=headers, stream=True) as response:
        pieces = response.iter_content(65536)
        next(pieces)
        first = time.perf_counter() - started
        for _ in pieces:
            pass
    return first


def read_by_provider(provider: Any, *, model: str) -> float:
    """Stream one answer through a provider; seconds to its first event."""
    first: list[float] = []
    started = time.perf_counter()

    def on_event(_event: object) -> None:
        if not first:
            first.append(time.perf_counter() - started)

    provider.start_stream(ModelRequest(model, (user("Hi"),)), on_event, ignore)
    select_loop.run(provider)
    return first[0]


@contextmanager
def readers(base_url: str) -> Iterator[dict[str, tuple[Any, Callable[..., float]]]]:
    """What is measured: the thing to tap, and how it reads one answer."""
    with (
        requests.Session() as session,
        LegacyProvider(api_key=KEY, base_url=base_url) as legacy,
        NativeProvider(api_key=KEY, base_url=base_url, api="chat_completions") as native,
    ):
        session.trust_env = False
        yield {
            "requests": (session, functools.partial(read_by_requests, session, base_url=base_url)),
            "legacy provider": (legacy, functools.partial(read_by_provider, legacy)),
            "native provider": (native, functools.partial(read_by_provider, native)),
        }


def cpu_per_event(read: Callable[..., float], *, made: Callable[[], Any]) -> float:
    """CPU seconds of this process per event, all of its threads, the tap's file included."""
    with made():
        begun = time.process_time()
        read(model=f"fake-burst-{EVENTS}")
    return (time.process_time() - begun) / EVENTS


def first_byte(read: Callable[..., float], *, made: Callable[[], Any]) -> float:
    """Seconds to the first byte, of a stream whose other events come later."""
    with made():
        return read(model="fake-paced-200x3")


def medians(measure: Callable[..., float], *, passes: int) -> dict[tuple[str, str], float]:
    """The median of each reader with each tap, taken in turn."""
    seen: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    with server() as base_url, readers(base_url) as clients, tempfile.TemporaryDirectory() as folder:
        for number in range(-2, passes):
            for client, (target, read) in clients.items():
                for name, make in TAPS.items():
                    path = Path(folder, "recorded.jsonl")
                    figure = measure(read, made=functools.partial(make, target, path))
                    if number >= 0:  # the first two warm up
                        seen[client, name].append(figure)
    return {key: statistics.median(figures) for key, figures in seen.items()}


def shown(title: str, figures: dict[tuple[str, str], float]) -> Table:
    """A table of microseconds, each with its ratio to the reader without a tap."""
    table = Table("", *TAPS, title=title)
    for client in dict.fromkeys(client for client, _ in figures):
        plain = figures[client, next(iter(TAPS))]
        row = [f"{figures[client, name] * 1e6:.2f} µs ({figures[client, name] / plain:.2f})" for name in TAPS]
        table.add_row(client, *row)
    return table


def main() -> None:
    """Measure and print."""
    console = Console(width=150)
    console.print(shown(f"CPU per event of a stream of {EVENTS}", medians(cpu_per_event, passes=PASSES)))
    console.print(shown("Time to the first byte", medians(first_byte, passes=FIRST_BYTES)))


if __name__ == "__main__":
    main()
