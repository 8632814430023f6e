"""`python -m bench.v0_environment`: makes the environment in which the tests beside the real openai 0.28.1 run.

Not a measurement. `make test-slow` calls it; where the packages cannot be had it says why, and those tests are skipped.
"""

from __future__ import annotations

import sys

from bench.peers import ENVIRONMENTS, ROOT, Environment, make_environment

V0_TESTS = Environment(
    "openai_v0_tests",
    "openai==0.28.1 requests>=2.32 urllib3>=2.3 msgspec pycurl>=7.46 certifi h11 h2 trustme numpy"
    " hypothesis pytest pytest-timeout",
)


def main() -> None:
    """Make it, and print the command that uses it; the status is 1 where it cannot be made."""
    problem = make_environment(V0_TESTS)
    if problem:
        sys.exit(f"the environment of openai 0.28 could not be made, and its tests are skipped: {problem}")
    python = ENVIRONMENTS / V0_TESTS.name / "bin" / "python"
    print(f"{python.relative_to(ROOT)} -m pytest tests/compat/openai_v0/beside")


if __name__ == "__main__":
    main()
