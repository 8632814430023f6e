"""A comparer that does what an exchange's pair id says, and files of such exchanges: for the tests of what runs comparers.

Not a comparison: `shim.comparison.comparer` does that. Importable, since worker processes make their own.
"""

from __future__ import annotations

import gzip
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from shim.comparison.runs.judge import Judge, Judged, Readings
from shim.comparison.runs.lines import Line, Source
from shim.comparison.verdict import Mismatch, Outcome, Rung, Verdict
from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange
from shim.recording.reading import Reading
from tests.helpers.exchanges import exchange

DIFFERENCE = Mismatch(path="body.seed", control=1, candidate=2, rule="wire.body")
KNOWN = Mismatch(
    path="header.user-agent", control="a", candidate="b", rule="wire.header", ignored="named so (owner: us)"
)


class Obedient:
    """Matches, unless the pair id begins with mismatch, ignored, failed, raise, die or slow."""

    rungs: tuple[Rung, ...] = ("wire", "tee")
    at_once = 1

    def __init__(self) -> None:
        self.closed = False

    def compare_all(self, exchanges: Sequence[Exchange]) -> list[list[Verdict]]:
        """Compare each."""
        return [self.compare(each) for each in exchanges]

    def compare(self, asked: Exchange) -> list[Verdict]:
        """Do what the pair id says, on the wire rung; the tee rung matches."""
        word = asked.pair_id.partition("-")[0]
        if word == "raise":
            raise RuntimeError("out of order")
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "slow":
            time.sleep(0.05)
        tee = Verdict(rung="tee", outcome=Outcome.MATCH, pair_id=asked.pair_id, asked="POST /chat/completions gpt-4o")
        return [_wire_verdict(word, asked.pair_id), tee]

    def readings(self, _exchange: Exchange) -> Readings:
        """Two readings."""
        return Reading(outcome="response", http_status=200), None

    def close(self) -> None:
        """Remember it."""
        self.closed = True


class Together(Obedient):
    """An obedient comparer that takes several at once, and notes how many."""

    at_once = 3

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def compare_all(self, exchanges: Sequence[Exchange]) -> list[list[Verdict]]:
        """Compare each."""
        self.given.append(len(exchanges))
        return [self.compare(each) for each in exchanges]


def _wire_verdict(word: str, pair_id: str) -> Verdict:
    outcome = {"mismatch": Outcome.MISMATCH, "ignored": Outcome.IGNORED, "failed": Outcome.FAILED}.get(
        word, Outcome.MATCH
    )
    return Verdict(
        rung="wire",
        outcome=outcome,
        pair_id=pair_id,
        asked="POST /chat/completions gpt-4o",
        mismatches={"mismatch": (DIFFERENCE, KNOWN), "ignored": (KNOWN,)}.get(word, ()),
        reason="its body was left out" if word == "failed" else "",
        message="" if outcome is Outcome.MATCH else f"{pair_id} told at length",
        seconds=0.25,
    )


def refuse() -> Obedient:
    """Make no comparer."""
    raise ValueError("no such control")


def encoded(*pair_ids: str) -> list[bytes]:
    """Recorded lines of exchanges with these pair ids."""
    return [encode_exchange(exchange(pair_id=pair_id)) for pair_id in pair_ids]


def recorded(path: Path, *pair_ids: str) -> str:
    """A file of exchanges with these pair ids, compressed where its name ends so."""
    data = b"".join(encoded(*pair_ids))
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


def source_of(*files: str) -> Source:
    """A source of these files."""
    return Source(files)


def judged(pair_id: str, *, number: int = 0) -> tuple[Line, Judged]:
    """A line, and what came of it."""
    line = Line("a.jsonl", number + 1, number, encoded(pair_id)[0])
    return judged_alone(line)


def judged_alone(line: Line, *, details: int = 0) -> tuple[Line, Judged]:
    """A line with what comes of it, where it is judged by itself."""
    ((_, found),) = Judge(Obedient(), details=details).judge([line])
    return line, found
