"""`python -m bench.parity_v0`: the same calls through the real openai 0.28.1 and through ours, and what differs.

Not a test: it makes an environment of its own for the old library. `--write` keeps what the real one did, so that the tests
(`tests/compat/openai_v0`) hold ours to it without an environment. Everything runs on loopback.
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
    for mode in MODES:
        ours = told_by(Path(sys.executable), mode, seconds=_TIME_LIMIT)
        show(mode, compare(real, ours, mode=mode))


def show(mode: str, tally: Tally) -> None:
    """Print the counts, the deviations that are listed, and those that are not."""
    print(f"\n{mode}: {tally.calls} calls, {tally.facts} facts compared, {tally.equal} equal, {tally.listed} listed")
    for deviation, count in sorted(tally.by_deviation.items()):
        print(f"  {count:4} {deviation}")
    for name, place, expected, got in tally.unlisted:
        print(f"  UNLISTED {name} {place}\n      real {expected!r}\n      ours {got!r}")


if __name__ == "__main__":
    main()
