"""Measures what two recordings take to compare: memory of the index a pair, CPU time of indexing, pairing and comparing.

Not the comparing of one recording (`compare_rate`). The exchanges are made up and short, since no body stays in memory; one in a
thousand of the candidate's lost a parameter, and one in a thousand is missing.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from shim.comparison.two_recordings.compare_recordings import TwoRecordings
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
    parser.add_argument("--index-only", action="store_true", help="compare nothing")
    told = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        old, new = (write(Path(folder), side, pairs=told.pairs) for side in ("old", "new"))
        before, began = _peak(), _cpu()
        with TwoRecordings(old, new, workers=told.workers) as run:
            each = 1e6 / told.pairs
            console.print(f"{told.pairs:,} pairs, {told.workers} workers, {FILES} files a side: {run.pairing.by}")
            grown, took = _peak() - before, _cpu() - began
            console.print(f"index and pairing: {took * each:,.0f} µs a pair, {grown / told.pairs:,.0f} bytes a pair")
            if not told.index_only:
                began = _cpu()
                for _ in run.go_through():
                    pass
                console.print(f"comparing: {(_cpu() - began) * each:,.0f} µs a pair; {run.tally.outcomes}")
                began = _cpu()
                console.print(f"{run.answers().headline} ({_cpu() - began:.1f} s)")
            console.print(f"peak of this process {_peak() / 2**20:,.0f} MiB, {before / 2**20:,.0f} MiB before")


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
    """Bytes of memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _cpu() -> float:
    """CPU seconds of this process and of those it has waited for; of workers that run still, none."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
