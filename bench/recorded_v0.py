"""`python -m bench.recorded_v0`: the real openai 0.28.1 through thirty calls, recorded by the tap, compared on both rungs.

Not a measurement and not a test: it makes an environment of its own for the old client. Everything runs on loopback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.clients.taped_v0 import CALLS
from bench.peers import OPENAI_V0, ROOT, make_environment
from shim.comparison import Outcome, Reading, Verdict, read_exchanges
from shim.factory import create_comparer
from shim.testing.fake_openai import (
    Behaviour,
    Cut,
    FakeOpenAI,
    RawResponse,
    Stall,
    Where,
    rate_limited,
    server_error,
    stream_failed,
)

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
_PIECE = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"1, 2,"}}]}\n\n'

BEHAVIOURS: Mapping[str, Behaviour] = {
    "too many requests": rate_limited(retry_after=2),
    "a server error": server_error(),
    "an error inside a stream": stream_failed(after_events=3),
    "a stream that is cut": Cut(after_events=3),
    "a stream without its end": RawResponse((_HEAD, _PIECE)),
    "a silent server": Stall(Where.BEFORE_HEADERS),
}
_TIME_LIMIT = 60  # seconds for the old program
_STYLES = {Outcome.MATCH: "green", Outcome.MISMATCH: "bold red", Outcome.IGNORED: "yellow", Outcome.FAILED: "magenta"}


def main() -> None:
    """Record, compare, print."""
    console = Console()
    problem = make_environment(OPENAI_V0.environment) if OPENAI_V0.environment else None
    if problem:
        sys.exit(f"the environment of openai 0.28 could not be made: {problem}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v0.jsonl"
        told = record(path)
        exchanges = list(read_exchanges(path))
    console.print(f"{len(told) - 1} calls made, {len(exchanges)} exchanges recorded: {told[-1]['tap']}", soft_wrap=True)
    with create_comparer() as comparer:
        verdicts = [comparer.compare(exchange) for exchange in exchanges]
        readings = [comparer.readings(exchange)[1] for exchange in exchanges]
    show(console, list(zip(told, verdicts, readings, strict=False)))
    for verdict in (verdict for both in verdicts for verdict in both if not verdict.ok):
        console.print(verdict.message, markup=False, highlight=False, soft_wrap=True)


def record(path: Path) -> list[dict[str, Any]]:
    """Have the old program make its calls against a fake API; what it made of each, and last what its tap says."""
    with FakeOpenAI() as server:
        server.plan(*(BEHAVIOURS.get(name, ()) for name, _ in CALLS))
        command = [str(OPENAI_V0.python), "-m", "bench.clients.taped_v0", server.base_url, str(path)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
        ran = subprocess.run(
            command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True, timeout=_TIME_LIMIT
        )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def show(console: Console, rows: Sequence[tuple[dict[str, Any], Sequence[Verdict], Reading | None]]) -> None:
    """Print a row for each call."""
    table = Table("call", "what openai 0.28.1 made of it", "what the new path makes of it", "alike", "wire", "tee")
    for made, both, reading in rows:
        outcomes = [f"[{_STYLES[each.outcome]}]{each.outcome}[/]" for each in both]
        old, new = told_by_old(made), told_by_new(reading)
        alike = (
            "yes"
            if ("raised" in made) == (reading is None or reading.error is not None) and ("raised" in made or old == new)
            else "[bold red]no[/]"
        )
        table.add_row(made["call"], old, new, alike, *outcomes)
    console.print(table)


def told_by_old(made: dict[str, Any]) -> str:
    """What the old client told, in a line."""
    return made.get("raised") or _line(made["text"], calls=made["calls"], finish_reason=made["finish_reason"])


def told_by_new(reading: Reading | None) -> str:
    """What the new path tells, in the old one's words."""
    if reading is None or reading.response is None:
        return f"error, category {reading.error['category']}" if reading and reading.error else "unreadable"
    first = reading.response["choices"][0]
    calls = [[call["name"], _arguments(call)] for call in first.get("tool_calls") or []]
    return _line(first.get("text") or "", calls=calls, finish_reason=first["raw_finish_reason"])


def _arguments(call: Mapping[str, Any]) -> str:
    return json.dumps(call["arguments"]) if "arguments" in call else str(call.get("arguments_text"))


def _line(text: str, *, calls: Sequence[Sequence[str]], finish_reason: str | None) -> str:
    said = [repr(text)] if text else []
    said += [f"{name}({json.dumps(json.loads(arguments))})" for name, arguments in calls]
    return f"{', '.join(said)} {finish_reason}"


if __name__ == "__main__":
    main()
