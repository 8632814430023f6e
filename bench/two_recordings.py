"""Measures what two recordings take to compare: memory of the index a pair, CPU time of indexing, pairing and comparing.

Not the comparing of one recording (`compare_rate`). The exchanges are made up and short, since no body stays in memory; one in a
thousand of the candidate's lost a parameter, and one in a thousand is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from shim.comparison.runs.judge import Judge, Judged
from shim.comparison.runs.lines import Line
from shim.comparison.two_recordings.compare_recordings import TwoRecordings
from shim.comparison.two_recordings.index_lines import NoComparer
from shim.comparison.two_recordings.pair_lines import PairLines
from shim.comparison.two_recordings.recorded_sides import RecordedSides
from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment
from shim.recording.files import encode_exchange

PAIRS, FILES = 100_000, 20
_FAULT = 1_000  # one in so many
_ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "It is."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


def main() -> None:
    """Make the recordings, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--memory", action="store_true", help="only the index, its keys hashed of the line: a minute a million"
    )
    told = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        old, new = (write(Path(folder), side, pairs=told.pairs) for side in ("old", "new"))
        if told.memory:
            measure_memory(console, old, candidate=new)
        else:
            measure_time(console, old, candidate=new, workers=told.workers)
        console.print(f"peak of this process {_peak() / 2**20:,.0f} MiB")


def measure_memory(console: Console, control: list[str], *, candidate: list[str]) -> None:
    """Index and pair; how the keys are made, which takes the time, makes no difference to that."""
    before = _peak()
    sides = RecordedSides(control, candidate, baseline=(), limit=None, on_fault=console.print, judge=_QuickKeys())
    lines = PairLines(sides)
    size = lines.size or 0
    grown, kept = _peak() - before, _held() - before
    console.print(
        f"{size:,} pairs: {grown / size:,.0f} bytes a pair at most, {kept / size:,.0f} while they are compared"
    )
    sides.close()


class _QuickKeys(Judge):
    """Makes keys of the request's bytes, without reading it."""

    def __init__(self) -> None:
        super().__init__(NoComparer())

    def judge(self, lines: Iterable[Line]) -> Iterator[tuple[Line, Judged]]:
        """Give each line with its keys."""
        for line in lines:
            asked = line.data[line.data.index(b'"request"') : line.data.index(b'"response"')]
            keys = tuple(
                int.from_bytes(hashlib.blake2b(part, digest_size=8).digest(), "big")
                for part in (asked, asked.partition(b"number?")[0])
            )
            yield line, Judged(number=line.number, keys=(0, *keys, keys[1]), role="control")


def measure_time(console: Console, control: list[str], *, candidate: list[str], workers: int) -> None:
    """Index, pair and compare; CPU time over all processes."""
    began = _cpu()
    with TwoRecordings(control, candidate, workers=workers) as run:
        each = 1e6 / run.size
        console.print(f"{run.size:,} pairs, {workers} workers, {FILES} files a side: {run.pairing.by}")
        console.print(f"index and pairing: {(_cpu() - began) * each:,.0f} µs a pair")
        began = _cpu()
        for _ in run.go_through():
            pass
        console.print(f"comparing: {(_cpu() - began) * each:,.0f} µs a pair; {run.tally.outcomes}")
        began = _cpu()
        console.print(f"{run.answers().headline} ({_cpu() - began:.1f} s)")


def write(folder: Path, side: str, *, pairs: int) -> list[str]:
    """The files of a side."""
    made = []
    for number in range(FILES):
        path = folder / f"{side}-{number:02}.jsonl"
        with path.open("wb") as file:
            for place in range(number * pairs // FILES, (number + 1) * pairs // FILES):
                if side == "old" or place % _FAULT != 1:
                    file.write(encode_exchange(_exchange(place, is_faulty=side == "new" and place % _FAULT == 2)))
        made.append(str(path))
    return made


def _exchange(place: int, *, is_faulty: bool) -> Exchange:
    messages = [{"role": "user", "content": f"Is {place} an even number?"}]
    body = {"model": "gpt-4o", "messages": messages, **({} if is_faulty else {"temperature": 0.2})}
    return replace(_LIKE, request=replace(_LIKE.request, body=json.dumps(body).encode()), started_at=1.7e9 + place)


_LIKE = Exchange(
    pair_id="",
    request=RecordedRequest(method="POST", url="https://api.openai.com/v1/chat/completions"),
    response=RecordedResponse(
        status=200,
        headers=(("content-type", "application/json"),),
        segments=(Segment.of(json.dumps(_ANSWER).encode(), 0.3),),
    ),
    ended="complete",
    finished=0.3,
)


def _peak() -> int:
    """Bytes of memory that this process had at most; `ru_maxrss` would count those of the one that started it."""
    return _memory("VmHWM")


def _held() -> int:
    """Bytes of memory that this process has."""
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """A figure of proc(5), `status`, which is in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def _cpu() -> float:
    """CPU seconds of this process and of those it has waited for; of workers that run still, none."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
