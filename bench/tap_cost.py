"""`python -m bench.tap_cost`: what a tap costs: CPU per streamed event and whole answer, and the delay of a first byte.

Not part of `python -m bench`: it compares our own clients with themselves. Each figure is the median of its passes, and the
clients and taps take turns within one run, so that a slow moment of the machine falls on all alike. Two minutes.
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
from typing import Any, NamedTuple

import requests
from rich.console import Console
from rich.table import Table

from bench.run import server
from shim import ModelRequest, user
from shim.comparison import Redaction, tap
from shim.legacy_adapter import LegacyProvider
from shim.loops import select_loop
from shim.native import NativeProvider
from shim.recording.redaction.redaction import CONVERSATION_PATHS

BURST = 2000
RATE, PACED = 500, 100
ANSWERS = 100
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
    """A request, in Chat Completions terms; streamed where the model's name says so."""
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": is_streamed(model)}


def is_streamed(model: str) -> bool:
    """Whether a model is one of the server's that stream events."""
    return model.startswith("fake-")


def read_by_requests(session: requests.Session, *, base_url: str, model: str) -> float:
    """Read one answer with `requests` alone; seconds to its first byte."""
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
    """Read one answer through a provider; seconds to its first event, of a whole one to its end."""
    first: list[float] = []
    started = time.perf_counter()

    def note(_told: object) -> None:
        if not first:
            first.append(time.perf_counter() - started)

    request = ModelRequest(model, (user("Hi"),))
    if is_streamed(model):
        provider.start_stream(request, note, ignore)
    else:
        provider.start_request(request, note)
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


def cpu_per_event(read: Callable[..., float], *, made: Callable[[], Any], model: str, events: int) -> float:
    """CPU seconds of this process per event, all of its threads, the tap's file included."""
    with made():
        begun = time.process_time()
        read(model=model)
    return (time.process_time() - begun) / events


def cpu_per_answer(read: Callable[..., float], *, made: Callable[[], Any], model: str, answers: int) -> float:
    """CPU seconds of this process per whole answer, one after the other, all of its threads, the tap's file included."""
    with made():
        begun = time.process_time()
        for _ in range(answers):
            read(model=model)
    return (time.process_time() - begun) / answers


def first_byte(read: Callable[..., float], *, made: Callable[[], Any], model: str) -> float:
    """Seconds to the first byte, or event."""
    with made():
        return read(model=model)


class Figure(NamedTuple):
    """What is measured, and how often."""

    name: str
    measure: Callable[..., float]
    passes: int


FIGURES = (
    Figure(
        f"CPU per event, {BURST} at once",
        functools.partial(cpu_per_event, model=f"fake-burst-{BURST}", events=BURST),
        passes=11,
    ),
    Figure(
        f"CPU per event, {PACED} one by one",
        functools.partial(cpu_per_event, model=f"fake-paced-{RATE}x{PACED}", events=PACED),
        passes=11,
    ),
    Figure(
        "CPU per whole answer, one after the other",
        functools.partial(cpu_per_answer, model="gpt-4o", answers=ANSWERS),
        passes=11,
    ),
    Figure("first byte, the others later", functools.partial(first_byte, model="fake-paced-200x3"), passes=100),
    Figure("first byte, 200 events at once", functools.partial(first_byte, model="fake-burst-200"), passes=100),
)


def medians(figure: Figure, *, base_url: str, path: Path) -> dict[str, dict[str, float]]:
    """The median of each client with each tap, taken in turn."""
    seen: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with readers(base_url) as clients:
        for number in range(-2, figure.passes):
            for client, (target, read) in clients.items():
                for name in turned(number):
                    seconds = figure.measure(read, made=functools.partial(TAPS[name], target, path))
                    if number >= 0:  # the first two warm up
                        seen[client][name].append(seconds)
    return {client: {name: statistics.median(taps[name]) for name in TAPS} for client, taps in seen.items()}


def turned(number: int) -> list[str]:
    """The taps, another one first in each pass: who comes first finds the caches cold."""
    first = number % len(TAPS)
    return [*TAPS][first:] + [*TAPS][:first]


def rows(figure: Figure, *, base_url: str, path: Path) -> Iterator[tuple[str, ...]]:
    """A row for each client: microseconds, each with its ratio to the client without a tap."""
    for client, taps in medians(figure, base_url=base_url, path=path).items():
        plain, *_ = taps.values()
        yield figure.name, client, *(f"{each * 1e6:.2f} µs ({each / plain:.2f})" for each in taps.values())


def main() -> None:
    """Measure and print."""
    table = Table("figure", "client", *TAPS)
    with server() as base_url, tempfile.TemporaryDirectory() as folder:
        for figure in FIGURES:
            for row in rows(figure, base_url=base_url, path=Path(folder, "recorded.jsonl")):
                table.add_row(*row)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
