"""`python -m tests.comparison.seeded`: what each rung finds of differences put in on purpose, and of equal pairs.

Not a test: `test_wire_faults` and `test_tee_faults` hold each row. Equal pairs are the same request in other bytes, and the same
recorded answers read by the legacy client and by the codecs, presented anew each time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from shim.comparison import Exchange, Outcome, Segment, compare_tee, compare_wire
from shim.comparison.tee_rung.session_reader import SessionReader
from shim.legacy_adapter import LegacyProvider
from tests.comparison.equal_pairs import equal_pair, rng_of
from tests.comparison.faulty_readers import FAULTS as READER_FAULTS
from tests.comparison.recorded_cases import CHAT, READ_OTHERWISE, chat_case
from tests.comparison.request_faults import CONTROL
from tests.comparison.request_faults import FAULTS as REQUEST_FAULTS


def main() -> int:
    """Count, print, and say by the status whether every fault was caught and nothing else alarmed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000, help="equal pairs, half of them on each rung")
    pairs: int = parser.parse_args().pairs
    console = Console()
    reader = SessionReader(LegacyProvider)
    try:
        rows = [*requests(), *readers(reader)]
        show(console, rows)
        began = time.monotonic()
        alarms = Counter([*equal_requests(pairs // 2), *equal_answers(reader, pairs - pairs // 2)])
    finally:
        reader.close()
    caught = sum(found for *_, found in rows)
    console.print(f"{caught} of {len(rows)} faults caught, each under the rule or at the place it breaks")
    alarmed = sum(count for outcome, count in alarms.items() if outcome is not Outcome.MATCH)
    console.print(f"{pairs:,} equal pairs: {alarmed} alarms ({time.monotonic() - began:.0f} s)")
    return 0 if caught == len(rows) and not alarmed else 1


def show(console: Console, rows: list[tuple[str, str, str, bool]]) -> None:
    """Print a row for each fault."""
    table = Table("rung", "what was changed", "found as", "caught")
    for rung, name, found_as, caught in rows:
        table.add_row(rung, name, found_as, "yes" if caught else "[bold red]no[/]")
    console.print(table)


def requests() -> Iterator[tuple[str, str, str, bool]]:
    """What the wire rung finds."""
    for fault in REQUEST_FAULTS:
        if fault.path is None:
            continue  # another spelling of the same: an equal pair
        verdict = compare_wire(CONTROL, fault.change())
        caught = verdict.outcome is Outcome.MISMATCH and verdict.mismatches[0].path == fault.path
        yield "wire", fault.name, fault.path, caught


def readers(legacy: SessionReader) -> Iterator[tuple[str, str, str, bool]]:
    """What the tee rung finds."""
    for name, fault in READER_FAULTS.items():
        verdict = compare_tee(
            chat_case(fault.case),
            legacy,
            candidate=fault.reader,
            resplit=fault.shows == "resplit",
            truncate=fault.shows == "truncate",
        )
        caught = verdict.outcome is Outcome.MISMATCH and fault.rule in {each.rule for each in verdict.mismatches}
        shown = fault.rule if fault.shows == "as recorded" else f"{fault.rule} ({fault.shows})"
        yield "tee", name, shown, caught


def equal_requests(count: int) -> Iterator[Outcome]:
    """The outcomes of requests written twice."""
    for seed in range(count):
        yield compare_wire(*equal_pair(rng_of(seed))).outcome


def equal_answers(legacy: SessionReader, count: int) -> Iterator[Outcome]:
    """The outcomes of recorded answers, each time split anew."""
    cases = [chat_case(name) for name in CHAT if name not in READ_OTHERWISE]
    for seed in range(count):
        yield compare_tee(split_anew(cases[seed % len(cases)], seed), legacy).outcome


def split_anew(exchange: Exchange, seed: int) -> Exchange:
    """The same bytes in other segments."""
    response = exchange.response
    if response is None or not response.body:
        return exchange
    rng, body, pieces = rng_of(seed), response.body, []
    while body:
        size = rng.randint(1, 1 + len(body) // rng.randint(1, 8))
        pieces.append(Segment.of(body[:size], 0.2))
        body = body[size:]
    return replace(exchange, response=replace(response, segments=tuple(pieces)))


if __name__ == "__main__":
    sys.exit(main())
