"""`python -m bench.parity_v0`: the same calls through the real openai 0.28.1 and through ours, and what differs.

Not a test: it makes an environment of its own for the old library. `--write` keeps what the real one did, so that the tests
(`tests/compat/openai_v0`) hold ours to it without an environment. Everything runs on loopback. The exit status is 1 where a
difference is not listed.

The counts it prints, for each provider that carries chat: the calls made; the facts told of them (each value of each request as
the server received it, of each answer, chunk and exception, by its place); how many are equal; how many differ as the table of
deviations (`shim.compat.openai_v0.deviations`) says, and by which line of it. "UNLISTED" are all others.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from bench.peers import OPENAI_V0, make_environment
from tests.compat.openai_v0.comparing import Tally, compare
from tests.compat.openai_v0.measuring import MEASURED, told_by

_TIME_LIMIT = 300  # seconds for all calls of a mode
MODES = ("legacy", "native")


def main() -> None:
    """Run, compare, print."""
    problem = make_environment(OPENAI_V0.environment) if OPENAI_V0.environment else None
    if problem:
        sys.exit(f"the environment of openai 0.28 could not be made: {problem}")
    real = told_by(OPENAI_V0.python, "real", seconds=_TIME_LIMIT)
    if "--write" in sys.argv:
        MEASURED.write_bytes(gzip.compress(json.dumps(real, sort_keys=True).encode(), mtime=0))
    unlisted = 0
    for mode in MODES:
        tally = compare(real, told_by(Path(sys.executable), mode, seconds=_TIME_LIMIT), mode=mode)
        show(mode, tally)
        unlisted += len(tally.unlisted)
    sys.exit(1 if unlisted else 0)


def show(mode: str, tally: Tally) -> None:
    """Print the counts, the deviations that are listed, and those that are not."""
    counts = f"{tally.calls} calls, {tally.facts} facts compared, {tally.equal} equal, {tally.listed} listed"
    print(f"\n{mode}: {counts}, {len(tally.unlisted)} not listed")
    for deviation, count in sorted(tally.by_deviation.items()):
        print(f"  {count:4} {deviation}")
    for name, place, expected, got in tally.unlisted:
        print(f"  UNLISTED {name} {place}\n      real {expected!r}\n      ours {got!r}")


if __name__ == "__main__":
    main()
