"""`python -m tests.fuzz --seconds N [TARGET …]`: fuzzes each target for its part of the time, and tells what was found.

Not the fuzzing of one (`driver`). Atheris lives in an environment of its own below `.bench/`; what was tried is kept there, so
that the next run goes on from it. The status is 1 where something was found, or where there is no Atheris for this Python.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

from bench.peers import ENVIRONMENTS, ROOT, Environment, make_environment
from tests.fuzz.targets import TARGETS

FUZZ = Environment("fuzz", "atheris msgspec>=0.20 requests urllib3 h11")
CORPUS = ENVIRONMENTS / "fuzz_corpus"
FOUND = ENVIRONMENTS / "fuzz_findings"
_GRACE_SECONDS = 300  # for the start, slow on a busy machine, and for the input that is being tried at the end
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERAGE = re.compile(r"cov: (\d+) ft: (\d+)")


def main() -> None:
    """Fuzz, one target after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together (default 60)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    asked = parser.parse_args()
    chosen = asked.targets or list(TARGETS)
    unknown = sorted(set(chosen) - TARGETS.keys())
    if unknown or asked.seconds < 1:
        parser.error(f"no such target: {', '.join(unknown)}" if unknown else "--seconds is below 1")
    problem = make_environment(FUZZ)
    if problem:
        sys.exit(f"Atheris could not be installed for this Python, so nothing was fuzzed: {problem}")
    FOUND.mkdir(parents=True, exist_ok=True)
    seconds = max(1, asked.seconds // len(chosen))
    found = [target for target in chosen if not _fuzz(target, seconds=seconds)]
    if found:
        sys.exit(
            f"found something in {', '.join(found)}: mend it, and put the input into fixtures/fuzz/TARGET/NAME.bin,"
            " where a test reads it from then on"
        )


def _fuzz(target: str, *, seconds: int) -> bool:
    """Fuzz one target; whether it held."""
    command = [str(ENVIRONMENTS / FUZZ.name / "bin" / "python"), "-m", "tests.fuzz.driver"]
    log = FOUND / f"{target}.log"
    with log.open("w", encoding="utf-8") as said:
        fuzzing = subprocess.Popen(  # noqa: S603 - our own driver, in the environment just made
            [*command, target, str(CORPUS / target), str(FOUND), str(seconds)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            status = fuzzing.wait(seconds + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            fuzzing.kill()
            fuzzing.wait()
            sys.stdout.write(
                f"{target:<20} did not end within {_GRACE_SECONDS} s of its time: see {log.relative_to(ROOT)}\n"
            )
            return False
    told = log.read_text(encoding="utf-8", errors="replace")
    tried = (_EXECUTIONS.findall(told) or ["0"])[-1]
    covered = (_COVERAGE.findall(told) or [("0", "0")])[-1][0]
    outcome = "held" if status == 0 else f"FOUND SOMETHING: see {log.relative_to(ROOT)}"
    sys.stdout.write(f"{target:<20} {int(tried):>9,} inputs, {covered:>5} branches: {outcome}\n")
    sys.stdout.flush()
    return status == 0


if __name__ == "__main__":
    main()
