"""`python -m bench.parity_v0`: the same calls through the real openai 0.28.1 and through ours, and what differs.

Not a test: it makes an environment of its own for the old library. `--write` keeps what the real one did, so that the tests
(`tests/compat/openai_v0`) hold ours to it without an environment. Everything runs on loopback.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.peers import OPENAI_V0, ROOT, make_environment
from tests.compat.openai_v0.comparing import Tally, compare
from tests.compat.openai_v0.replies import reply_to
from tests.compat.openai_v0.telling import of_request
from tests.helpers.loopback import Loopback

MEASURED = ROOT / "tests" / "compat" / "openai_v0" / "measured_0_28_1.json.gz"
_TIME_LIMIT = 300  # seconds for all calls of a mode
MODES = ("legacy", "native")


def main() -> None:
    """Run, compare, print."""
    problem = make_environment(OPENAI_V0.environment) if OPENAI_V0.environment else None
    if problem:
        sys.exit(f"the environment of openai 0.28 could not be made: {problem}")
    real = told_by(OPENAI_V0.python, "real")
    if "--write" in sys.argv:
        MEASURED.write_bytes(gzip.compress(json.dumps(real, sort_keys=True).encode(), mtime=0))
    for mode in MODES:
        ours = told_by(Path(sys.executable), mode)
        show(mode, compare(real, ours, mode=mode))


def told_by(python: Path, mode: str) -> dict[str, Any]:
    """What each call came to and what it sent, by name."""
    with Loopback(reply_to) as server:
        command = [str(python), "-m", "tests.compat.openai_v0.running", mode, server.url]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        environ |= {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
        ran = subprocess.run(
            command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True, timeout=_TIME_LIMIT
        )
        requests = server.received
    told = {each.pop("name", "after all"): each for each in map(json.loads, ran.stdout.splitlines())}
    for each in told.values():
        each["requests"] = []
    for request in requests:
        headers = [list(each) for each in request.headers]
        sent = of_request(request.method, request.target, headers, request.body)
        told.setdefault(name_in(request.target), {"requests": []})["requests"].append(sent)
    return told


def name_in(target: str) -> str:
    """The name of the call in the address of its request."""
    from urllib.parse import unquote

    return unquote(target.split("/")[2]).replace("~", "@")


def show(mode: str, tally: Tally) -> None:
    """Print the counts, the deviations that are listed, and those that are not."""
    print(f"\n{mode}: {tally.calls} calls, {tally.facts} facts compared, {tally.equal} equal, {tally.listed} listed")
    for deviation, count in sorted(tally.by_deviation.items()):
        print(f"  {count:4} {deviation}")
    for name, place, expected, got in tally.unlisted:
        print(f"  UNLISTED {name} {place}\n      real {expected!r}\n      ours {got!r}")


if __name__ == "__main__":
    main()
